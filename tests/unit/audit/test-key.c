/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The key file when each of its system calls fails in turn: there is either no key or a whole one,
 * and never two. The calls are wrapped by the linker.
 */
#include "base/rng.h"
#include "daemon/audit/key.h"
#include "tests/unit/audit/scene.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Calls that still succeed; then one fails. */
static struct {
	bool armed;
	bool met;
	unsigned int left;
} calls;

static bool refuses(void)
{
	if (!calls.armed || calls.met)
		return false;
	if (calls.left > 0) {
		calls.left--;
		return false;
	}
	calls.met = true;
	errno = EIO;
	return true;
}

int __real_openat64(int dirfd, const char *path, int flags, ...);
int __wrap_openat64(int dirfd, const char *path, int flags, mode_t mode);
int __real_unlinkat(int dirfd, const char *path, int flags);
int __wrap_unlinkat(int dirfd, const char *path, int flags);
int __real_linkat(int a, const char *from, int b, const char *to, int flags);
int __wrap_linkat(int a, const char *from, int b, const char *to, int flags);
ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __real_read(int fd, void *data, size_t len);
ssize_t __wrap_read(int fd, void *data, size_t len);
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_fstat64(int fd, struct stat *st);
int __wrap_fstat64(int fd, struct stat *st);
int __real_rng_fill(void *data, size_t len);
int __wrap_rng_fill(void *data, size_t len);
int __real_secret_new(struct secret *s, size_t size);
int __wrap_secret_new(struct secret *s, size_t size);

int __wrap_openat64(int dirfd, const char *path, int flags, mode_t mode)
{
	return refuses() ? -1 : __real_openat64(dirfd, path, flags, mode);
}

int __wrap_unlinkat(int dirfd, const char *path, int flags)
{
	return refuses() ? -1 : __real_unlinkat(dirfd, path, flags);
}

int __wrap_linkat(int a, const char *from, int b, const char *to, int flags)
{
	return refuses() ? -1 : __real_linkat(a, from, b, to, flags);
}

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	return refuses() ? -1 : __real_write(fd, data, len);
}

ssize_t __wrap_read(int fd, void *data, size_t len)
{
	return refuses() ? -1 : __real_read(fd, data, len);
}

int __wrap_fsync(int fd)
{
	return refuses() ? -1 : __real_fsync(fd);
}

int __wrap_fstat64(int fd, struct stat *st)
{
	return refuses() ? -1 : __real_fstat64(fd, st);
}

int __wrap_rng_fill(void *data, size_t len)
{
	return refuses() ? fault(-EIO) : __real_rng_fill(data, len);
}

int __wrap_secret_new(struct secret *s, size_t size)
{
	return refuses() ? fault(-EIO) : __real_secret_new(s, size);
}

static int folder_fd(void)
{
	int fd = open(scene_folder, O_DIRECTORY | O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* key_load() with the @nth call failing. */
static int load_with(int fd, unsigned int nth, struct secret *seed)
{
	int r;

	calls.left = nth;
	calls.met = false;
	calls.armed = true;
	r = key_load(fd, true, seed);
	calls.armed = false;
	return r;
}

static void a_key_is_made_whole_or_not_at_all(void **state)
{
	unsigned int n = 0;

	(void)state;
	for (calls.met = true; calls.met; n++) {
		struct secret seed = SECRET_NULL, again = SECRET_NULL;
		int fd = folder_fd(), r = load_with(fd, n, &seed);

		assert_true(r == 0 || (calls.met && r == -EIO));
		if (key_exists(fd) || r == 0)
			assert_int_equal(key_load(fd, false, &again), 0);
		else
			assert_int_equal(key_load(fd, true, &again), 0);
		assert_int_equal(again.len, 32);
		if (r == 0)
			assert_true(secret_equal(
				view_of(seed.data, seed.len), view_of(again.data, again.len)));
		secret_done(&seed);
		secret_done(&again);
		(void)close(fd);
		assert_int_equal(scene_teardown(NULL), 0);
		assert_int_equal(scene_setup(NULL), 0);
	}
	assert_true(n > 10);
}

static void a_key_that_was_made_meanwhile_is_not_replaced(void **state)
{
	struct secret seed = SECRET_NULL;
	int fd = folder_fd();

	(void)state;
	assert_int_equal(key_load(fd, true, &seed), 0);
	assert_int_equal(key_load(fd, true, &seed), 0);
	secret_done(&seed);
	(void)close(fd);
}

static void a_record_opens_or_fails_whatever_call_fails(void **state)
{
	unsigned int n = 0;

	(void)state;
	for (calls.met = true; calls.met; n++) {
		int r;

		calls.left = n;
		calls.met = false;
		calls.armed = true;
		r = scene_open_result();
		calls.armed = false;
		assert_true(r == 0 || (calls.met && r < 0));
		assert_int_equal(scene_open_result(), 0);
		assert_int_equal(scene_teardown(NULL), 0);
		assert_int_equal(scene_setup(NULL), 0);
	}
	assert_true(n > 12);
}

int main(void)
{
#define test_scene(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)
	const struct CMUnitTest tests[] = {
		test_scene(a_key_is_made_whole_or_not_at_all),
		test_scene(a_key_that_was_made_meanwhile_is_not_replaced),
		test_scene(a_record_opens_or_fails_whatever_call_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
