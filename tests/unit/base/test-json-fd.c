/* SPDX-License-Identifier: EUPL-1.2 */
/* base/json.h: JSON in sealed memfds, made and believed. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/json.h"
#include "tests/unit/base/wrap.h"

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int setup(void **state)
{
	(void)state;
	json_setup();
	return 0;
}

static int clear(void **state)
{
	(void)state;
	wrap_clear();
	return 0;
}

static json_t *parsed(const char *text)
{
	json_t *j = NULL;

	assert_int_equal(json_parse(view_str(text), &j), 0);
	return j;
}

static int memfd_with(struct view text, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text.data, text.len), text.len);
	if (seals) {
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	}
	return fd;
}

static void a_memfd_is_sealed_canonical_and_unmoved(void **state)
{
	_cleanup_json_ json_t *j = parsed("{\"b\":1,\"a\":2}");
	_cleanup_json_ json_t *back = NULL;
	char text[32] = "";
	int fd = -1;

	(void)state;
	assert_int_equal(json_memfd(j, "test", &fd), 0);
	assert_int_equal(fcntl(fd, F_GET_SEALS) & ALL_SEALS, ALL_SEALS);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(json_read_fd(fd, 13, &back), 0);
	assert_true(json_equal(j, back));
	assert_int_equal(read(fd, text, sizeof(text)), 13);
	assert_string_equal(text, "{\"a\":2,\"b\":1}");
	close(fd);
}

static void an_older_kernel_makes_memfds_too(void **state)
{
	_cleanup_json_ json_t *j = parsed("[]");
	int fd = -1;

	(void)state;
	wrap_fail(WRAP_MEMFD_CREATE, 0, EINVAL);
	assert_int_equal(json_memfd(j, "test", &fd), 0);
	assert_false(wrap_pending(WRAP_MEMFD_CREATE));
	assert_int_equal(fcntl(fd, F_GET_SEALS) & ALL_SEALS, ALL_SEALS);
	close(fd);
}

static void a_memfd_that_cannot_be_made_is_a_fault(void **state)
{
	_cleanup_json_ json_t *j = parsed("[]");
	int fd = -7;

	(void)state;
	wrap_fail(WRAP_MEMFD_CREATE, 0, EMFILE);
	assert_int_equal(json_memfd(j, "test", &fd), -EMFILE);
	wrap_fail(WRAP_PWRITE, 0, ENOSPC);
	assert_int_equal(json_memfd(j, "test", &fd), -ENOSPC);
	wrap_fail(WRAP_FCNTL, 0, EPERM);
	assert_int_equal(json_memfd(j, "test", &fd), -EPERM);
	assert_int_equal(fd, -7);
	wrap_fail(WRAP_PWRITE, 0, EINTR);
	assert_int_equal(json_memfd(j, "test", &fd), 0);
	close(fd);
}

static void only_a_sealed_memfd_of_a_fair_size_is_read(void **state)
{
	static const struct {
		const char *text;
		int seals;
		size_t max;
		int want;
	} rows[] = {
		{"[1]", F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, 3, 0},
		{"[1]", ALL_SEALS, 1000, 0},
		{"[1]", ALL_SEALS, 2, JSON_INVALID},
		{"[1]", ALL_SEALS, 0, JSON_INVALID},
		{"", ALL_SEALS, 1000, JSON_INVALID},
		{"[1.5]", ALL_SEALS, 1000, JSON_INVALID},
		{"[1]", 0, 1000, JSON_INVALID},
		{"[1]", F_SEAL_SEAL, 1000, JSON_INVALID},
		{"[1]", F_SEAL_GROW | F_SEAL_WRITE, 1000, JSON_INVALID},
		{"[1]", F_SEAL_SHRINK | F_SEAL_WRITE, 1000, JSON_INVALID},
		{"[1]", F_SEAL_SHRINK | F_SEAL_GROW, 1000, JSON_INVALID},
		{"[1]", F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE, 1000, JSON_INVALID},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_json_ json_t *j = NULL;
		int fd = memfd_with(view_str(rows[i].text), rows[i].seals);

		assert_int_equal(json_read_fd(fd, rows[i].max, &j), rows[i].want);
		assert_true((j != NULL) == (rows[i].want == 0));
		close(fd);
	}
}

static void other_descriptors_are_invalid(void **state)
{
	FILE *file = tmpfile();
	json_t *j = NULL;
	char path[32];
	int ends[2];
	int fd;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(json_read_fd(ends[0], 1000, &j), JSON_INVALID);
	assert_int_equal(json_read_fd(-1, 1000, &j), JSON_INVALID);
	assert_non_null(file);
	assert_int_equal(json_read_fd(fileno(file), 1000, &j), JSON_INVALID);
	fclose(file);
	close(ends[0]);
	close(ends[1]);

	/* sealed, but opened again for writing only before the seal fell */
	fd = memfd_with(VIEW_TEXT("[1]"), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ends[0] = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(ends[0] >= 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, ALL_SEALS), 0);
	assert_int_equal(json_read_fd(ends[0], 1000, &j), JSON_INVALID);
	close(ends[0]);
	close(fd);
	assert_null(j);
}

static void reading_ignores_and_keeps_the_offset(void **state)
{
	_cleanup_json_ json_t *j = NULL;
	int fd = memfd_with(VIEW_TEXT("[1,2]"), ALL_SEALS);

	(void)state;
	assert_int_equal(lseek(fd, 3, SEEK_SET), 3);
	assert_int_equal(json_read_fd(fd, 1000, &j), 0);
	assert_int_equal(json_array_size(j), 2);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 3);
	close(fd);
}

static void reading_survives_interruptions_and_notices_failures(void **state)
{
	_cleanup_json_ json_t *j = NULL;
	int fd = memfd_with(VIEW_TEXT("[1,2]"), ALL_SEALS);

	(void)state;
	wrap_fail(WRAP_FSTAT, 0, EIO);
	assert_int_equal(json_read_fd(fd, 1000, &j), JSON_INVALID);
	wrap_return(WRAP_PREAD, 0, 0);
	assert_int_equal(json_read_fd(fd, 1000, &j), JSON_INVALID);
	wrap_fail(WRAP_MALLOC, 0, ENOMEM);
	assert_int_equal(json_read_fd(fd, 1000, &j), -ENOMEM);
	assert_null(j);
	wrap_fail(WRAP_PREAD, 0, EINTR);
	assert_int_equal(json_read_fd(fd, 1000, &j), 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_memfd_is_sealed_canonical_and_unmoved),
		cmocka_unit_test_setup(an_older_kernel_makes_memfds_too, clear),
		cmocka_unit_test_setup(a_memfd_that_cannot_be_made_is_a_fault, clear),
		cmocka_unit_test(only_a_sealed_memfd_of_a_fair_size_is_read),
		cmocka_unit_test(other_descriptors_are_invalid),
		cmocka_unit_test(reading_ignores_and_keeps_the_offset),
		cmocka_unit_test_setup(
			reading_survives_interruptions_and_notices_failures, clear),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
