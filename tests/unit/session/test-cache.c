/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The cache of professionals' public files: what was put in comes out for the same card and stamp,
 * and whatever else lies in its folder is removed, not believed. Disk, owner and calls that fail by
 * wrapped functions.
 */
#include "base/hex.h"
#include "daemon/limits.h"
#include "daemon/session/cache.h"
#include "record/crypto.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t serial[10] = {0x80, 0x25, 0, 0, 1, 0x12, 0x34, 0x56, 0x78, 0x9F};
static const uint8_t another[10] = {0x80, 0x25, 0, 0, 1, 0x99, 0x34, 0x56, 0x78, 0x9F};

#define STAMP VIEW_TEXT("2024010100000020270101000000")
#define BODY  VIEW_TEXT("certificates, role, speciality")

static char state[32];
static struct cache *cache;

/* -- wrapped --------------------------------------------------------------------------------------- */

enum failing {
	NOTHING = 0,
	WRITE_FULL,
	WRITE_CUT,
	FSYNC,
	RENAME,
	OPEN_READ_ONLY,
	MEMORY,
	READ,
};

static enum failing failing;
static uid_t uid_shift; /* we are somebody else */

#define WRAP(type, name, bad, value, parameters, arguments)                                    \
	type __real_##name parameters;                                                         \
	type __wrap_##name parameters;                                                         \
	type __wrap_##name parameters                                                          \
	{                                                                                      \
		return failing == (bad) ? (value) : __real_##name arguments;                   \
	}

WRAP(int, fsync, FSYNC, (errno = EIO, -1), (int fd), (fd))
WRAP(int, renameat, RENAME, (errno = EROFS, -1),
	(int from, const char *old, int to, const char *name), (from, old, to, name))
WRAP(void *, calloc, MEMORY, NULL, (size_t n, size_t size), (n, size))
WRAP(ssize_t, read, READ, (errno = EIO, -1), (int fd, void *to, size_t len), (fd, to, len))

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	if (failing == WRITE_FULL) {
		errno = ENOSPC;
		return -1;
	}
	return __real_write(fd, data, failing == WRITE_CUT ? len / 2 : len);
}

int __real_openat64(int at, const char *path, int flags, ...);
int __wrap_openat64(int at, const char *path, int flags, ...);

int __wrap_openat64(int at, const char *path, int flags, ...)
{
	mode_t mode = 0;

	if (flags & O_CREAT) {
		va_list ap;

		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
		if (failing == OPEN_READ_ONLY) {
			errno = EROFS;
			return -1;
		}
	}
	return __real_openat64(at, path, flags, mode);
}

uid_t __real_geteuid(void);
uid_t __wrap_geteuid(void);

uid_t __wrap_geteuid(void)
{
	return __real_geteuid() + uid_shift;
}

/* -- the world ------------------------------------------------------------------------------------- */

static int setup(void **s)
{
	(void)s;
	failing = NOTHING;
	uid_shift = 0;
	assert_true(snprintf(state, sizeof(state), "/tmp/cache-XXXXXX") > 0);
	assert_non_null(mkdtemp(state));
	return cache_open(state, true, &cache);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int teardown(void **s)
{
	(void)s;
	failing = NOTHING;
	cache = cache_free(cache);
	return nftw(state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *path_of(const char *name)
{
	static char path[160];

	assert_true(snprintf(path, sizeof(path), "%s/cache/%s", state, name) > 0);
	return path;
}

/* Where the file of @whose must be. */
static const char *file_of(struct view whose)
{
	struct buf hex = BUF_NULL(80);
	uint8_t hash[CRYPTO_SHA256];
	const char *path;

	assert_int_equal(crypto_sha256(&whose, 1, hash), 0);
	hex_encode(&hex, VIEW(hash));
	buf_put_u8(&hex, 0);
	path = path_of((const char *)hex.data);
	buf_done(&hex);
	return path;
}

static unsigned int files(void)
{
	DIR *dir = opendir(path_of(""));
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir)) {
		n++;
	}
	closedir(dir);
	return n - 2;
}

static bool has(struct view whose, struct view stamp, struct view body)
{
	struct buf found = BUF_NULL(CACHE_BODY_MAX);
	int r = cache_get(cache, whose, stamp, &found);
	bool same = r == 0 && view_equal(buf_view(&found), body);

	assert_true(r == 0 ? same : r == CACHE_ABSENT && found.len == 0);
	buf_done(&found);
	return same;
}

static void put(void)
{
	cache_put(cache, VIEW(serial), STAMP, BODY);
}

static void write_file(const char *path, const void *data, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* -- what it keeps --------------------------------------------------------------------------------- */

static void what_was_put_in_comes_out_also_after_a_restart(void **s)
{
	(void)s;
	assert_false(has(VIEW(serial), STAMP, BODY));
	put();
	assert_true(has(VIEW(serial), STAMP, BODY));
	cache = cache_free(cache);
	assert_int_equal(cache_open(state, true, &cache), 0);
	assert_true(has(VIEW(serial), STAMP, BODY));
	cache_put(cache, VIEW(serial), STAMP, VIEW_TEXT("newer"));
	assert_true(has(VIEW(serial), STAMP, VIEW_TEXT("newer")));
	assert_int_equal(files(), 1);
	cache_drop(cache, VIEW(serial));
	assert_false(has(VIEW(serial), STAMP, BODY));
	assert_int_equal(files(), 0);
}

static void folder_and_files_are_private_to_the_service(void **s)
{
	struct stat st;

	(void)s;
	put();
	assert_int_equal(stat(path_of(""), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(file_of(VIEW(serial)), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* a folder that was opened to others is closed again */
	assert_int_equal(chmod(path_of(""), 0755), 0);
	cache = cache_free(cache);
	assert_int_equal(cache_open(state, true, &cache), 0);
	assert_int_equal(stat(path_of(""), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void another_stamp_or_an_empty_one_is_another_content(void **s)
{
	(void)s;
	put();
	assert_false(has(VIEW(serial), VIEW_NULL, BODY)); /* and is removed */
	assert_false(has(VIEW(serial), STAMP, BODY));
	cache_put(cache, VIEW(serial), VIEW_NULL, BODY);
	assert_true(has(VIEW(serial), VIEW_NULL, BODY));
	assert_false(has(VIEW(another), VIEW_NULL, BODY));
}

static void what_is_too_large_is_not_kept(void **s)
{
	static const uint8_t bytes[CACHE_BODY_MAX + 1] = {1};
	static const uint8_t stamp[CACHE_STAMP_MAX + 1] = {1};

	(void)s;
	cache_put(cache, VIEW(serial), STAMP, VIEW(bytes));
	cache_put(cache, VIEW(serial), VIEW(stamp), BODY);
	assert_int_equal(files(), 0);
	cache_put(cache, VIEW(serial), STAMP, view_of(bytes, CACHE_BODY_MAX));
	assert_true(has(VIEW(serial), STAMP, view_of(bytes, CACHE_BODY_MAX)));
}

static void age(struct view whose, time_t when)
{
	const struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};

	assert_int_equal(utimensat(AT_FDCWD, file_of(whose), times, 0), 0);
}

static void the_oldest_makes_way(void **s)
{
	uint8_t number[10] = {0};

	(void)s;
	for (unsigned int i = 0; i < LIMIT_CACHED_CARDS; i++) {
		number[9] = (uint8_t)i;
		cache_put(cache, VIEW(number), STAMP, BODY);
		age(VIEW(number), i == 7 ? 1000 : 2000 + (time_t)i);
	}
	assert_int_equal(files(), LIMIT_CACHED_CARDS);
	put();
	assert_int_equal(files(), LIMIT_CACHED_CARDS);
	assert_true(has(VIEW(serial), STAMP, BODY));
	number[9] = 7;
	assert_false(has(VIEW(number), STAMP, BODY));
	number[9] = 8;
	assert_true(has(VIEW(number), STAMP, BODY));
	/* one that is there already needs nobody's place */
	cache_put(cache, VIEW(number), STAMP, VIEW_TEXT("newer"));
	assert_int_equal(files(), LIMIT_CACHED_CARDS);
}

/* -- what it does not believe ---------------------------------------------------------------------- */

static void a_file_with_any_byte_changed_or_cut_is_removed(void **s)
{
	uint8_t whole[256];
	ssize_t size;
	int fd;

	(void)s;
	put();
	fd = open(file_of(VIEW(serial)), O_RDONLY);
	size = read(fd, whole, sizeof(whole));
	close(fd);
	assert_true(size > 90);
	for (size_t i = 0; i < (size_t)size; i++) {
		whole[i] ^= 0x40;
		write_file(file_of(VIEW(serial)), whole, (size_t)size, 0600);
		assert_false(has(VIEW(serial), STAMP, BODY));
		assert_int_equal(files(), 0);
		whole[i] ^= 0x40;
		write_file(file_of(VIEW(serial)), whole, i, 0600);
		assert_false(has(VIEW(serial), STAMP, BODY));
		assert_int_equal(files(), 0);
	}
	whole[size] = 0;
	write_file(file_of(VIEW(serial)), whole, (size_t)size + 1, 0600);
	assert_false(has(VIEW(serial), STAMP, BODY));
	write_file(file_of(VIEW(serial)), whole, (size_t)size, 0600);
	assert_true(has(VIEW(serial), STAMP, BODY)); /* the bytes as they were are good */
}

static void a_file_of_another_card_under_this_name_is_removed(void **s)
{
	char from[160];

	(void)s;
	cache_put(cache, VIEW(another), STAMP, BODY);
	assert_true(snprintf(from, sizeof(from), "%s", file_of(VIEW(another))) > 0);
	assert_int_equal(rename(from, file_of(VIEW(serial))), 0);
	assert_false(has(VIEW(serial), STAMP, BODY));
	assert_int_equal(files(), 0);
}

static void a_link_is_removed_and_not_followed(void **s)
{
	char target[160];

	(void)s;
	put();
	assert_true(snprintf(target, sizeof(target), "%s/elsewhere", state) > 0);
	assert_int_equal(rename(file_of(VIEW(serial)), target), 0);
	assert_int_equal(symlink(target, file_of(VIEW(serial))), 0);
	assert_false(has(VIEW(serial), STAMP, BODY));
	assert_int_equal(files(), 0);
	assert_int_equal(access(target, F_OK), 0);
	/* nor written through, whatever stands where the new file is made */
	assert_int_equal(truncate(target, 0), 0);
	assert_int_equal(symlink(target, path_of(".new")), 0);
	put();
	assert_true(has(VIEW(serial), STAMP, BODY));
	assert_int_equal(files(), 1);
	assert_int_equal(truncate(target, 0), 0);
}

static void what_is_no_file_of_ours_is_not_read(void **s)
{
	static uint8_t large[CACHE_BODY_MAX + 512];

	(void)s;
	put();
	assert_int_equal(chmod(file_of(VIEW(serial)), 0640), 0);
	assert_false(has(VIEW(serial), STAMP, BODY)); /* others could read it */
	put();
	uid_shift = 1;
	assert_false(has(VIEW(serial), STAMP, BODY)); /* somebody else's */
	uid_shift = 0;
	assert_int_equal(files(), 0);
	assert_int_equal(mkfifo(file_of(VIEW(serial)), 0600), 0);
	assert_false(has(VIEW(serial), STAMP, BODY));
	assert_int_equal(files(), 0);
	write_file(file_of(VIEW(serial)), large, sizeof(large), 0600);
	assert_false(has(VIEW(serial), STAMP, BODY));
	write_file(file_of(VIEW(serial)), large, 0, 0600);
	assert_false(has(VIEW(serial), STAMP, BODY));
	put();
	failing = READ;
	assert_false(has(VIEW(serial), STAMP, BODY));
	failing = NOTHING;
	/* a folder under that name stays, and there is no cache for this card */
	assert_int_equal(mkdir(file_of(VIEW(serial)), 0700), 0);
	assert_false(has(VIEW(serial), STAMP, BODY));
	put();
	assert_false(has(VIEW(serial), STAMP, BODY));
	assert_int_equal(files(), 1);
}

static void strange_files_are_removed_at_the_start(void **s)
{
	(void)s;
	put();
	write_file(path_of(".new"), "half", 4, 0600);
	write_file(path_of("README"), "hello", 5, 0644);
	assert_int_equal(symlink("/etc/passwd", path_of("link")), 0);
	cache = cache_free(cache);
	assert_int_equal(cache_open(state, true, &cache), 0);
	assert_int_equal(files(), 1);
	assert_true(has(VIEW(serial), STAMP, BODY));
}

/* -- when it cannot be ------------------------------------------------------------------------------ */

static void switched_off_it_forgets_all_and_keeps_nothing(void **s)
{
	(void)s;
	put();
	cache = cache_free(cache);
	assert_int_equal(cache_open(state, false, &cache), 0);
	assert_int_equal(files(), 0);
	put();
	assert_false(has(VIEW(serial), STAMP, BODY));
	cache_drop(cache, VIEW(serial));
	assert_int_equal(files(), 0);
	/* and makes no folder where there is none */
	cache = cache_free(cache);
	assert_int_equal(rmdir(path_of("")), 0);
	assert_int_equal(cache_open(state, false, &cache), 0);
	assert_int_equal(access(path_of(""), F_OK), -1);
}

static void a_disk_that_does_not_take_it_is_no_cache_and_leaves_nothing(void **s)
{
	static const enum failing all[] = {
		WRITE_FULL, WRITE_CUT, FSYNC, RENAME, OPEN_READ_ONLY};

	(void)s;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		failing = all[i];
		put();
		failing = NOTHING;
		assert_int_equal(files(), 0);
		assert_false(has(VIEW(serial), STAMP, BODY));
	}
	/* and what was there before stays whole */
	put();
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		failing = all[i];
		cache_put(cache, VIEW(serial), STAMP, VIEW_TEXT("newer"));
		failing = NOTHING;
		assert_int_equal(files(), 1);
		assert_true(has(VIEW(serial), STAMP, BODY));
	}
}

static void a_folder_that_is_not_ours_is_no_cache(void **s)
{
	char place[64];

	(void)s;
	cache = cache_free(cache);
	uid_shift = 1;
	assert_int_equal(cache_open(state, true, &cache), 0);
	uid_shift = 0;
	put();
	assert_int_equal(files(), 0);
	assert_false(has(VIEW(serial), STAMP, BODY));
	/* a link in its place */
	cache = cache_free(cache);
	assert_int_equal(rmdir(path_of("")), 0);
	assert_true(snprintf(place, sizeof(place), "%s/other", state) > 0);
	assert_int_equal(mkdir(place, 0700), 0);
	assert_true(snprintf(place, sizeof(place), "%s/cache", state) > 0);
	assert_int_equal(symlink("other", place), 0);
	assert_int_equal(cache_open(state, true, &cache), 0);
	put();
	assert_int_equal(files(), 0);
	cache = cache_free(cache);
	assert_int_equal(unlink(place), 0);
	/* no state at all */
	assert_int_equal(cache_open("/nowhere", true, &cache), 0);
	put();
	assert_false(has(VIEW(serial), STAMP, BODY));
}

static void without_memory_it_does_not_open(void **s)
{
	struct cache *c = NULL;

	(void)s;
	failing = MEMORY;
	assert_int_equal(cache_open(state, true, &c), -ENOMEM);
	failing = NOTHING;
	assert_null(c);
	assert_null(cache_free(NULL));
}

static void an_answer_that_does_not_fit_is_a_fault(void **s)
{
	struct buf small = BUF_NULL(4);

	(void)s;
	put();
	assert_int_equal(cache_get(cache, VIEW(serial), STAMP, &small), -EMSGSIZE);
	buf_done(&small);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_was_put_in_comes_out_also_after_a_restart),
		T(folder_and_files_are_private_to_the_service),
		T(another_stamp_or_an_empty_one_is_another_content),
		T(what_is_too_large_is_not_kept),
		T(the_oldest_makes_way),
		T(a_file_with_any_byte_changed_or_cut_is_removed),
		T(a_file_of_another_card_under_this_name_is_removed),
		T(a_link_is_removed_and_not_followed),
		T(what_is_no_file_of_ours_is_not_read),
		T(strange_files_are_removed_at_the_start),
		T(switched_off_it_forgets_all_and_keeps_nothing),
		T(a_disk_that_does_not_take_it_is_no_cache_and_leaves_nothing),
		T(a_folder_that_is_not_ours_is_no_cache),
		T(without_memory_it_does_not_open),
		T(an_answer_that_does_not_fit_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
