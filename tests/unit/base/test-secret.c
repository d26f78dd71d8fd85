/* SPDX-License-Identifier: EUPL-1.2 */
/* base/secret.h: what the mapping is, comparison, and reading from a pipe until a deadline. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "tests/unit/base/wrap.h"

static int clear(void **state)
{
	(void)state;
	wrap_clear();
	return 0;
}

static uint64_t in_a_minute(void)
{
	return clock_monotonic() + 60 * USEC_PER_SEC;
}

/* A pipe whose other end wrote @text and is closed. */
static int pipe_with(const char *text)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
	close(ends[1]);
	return ends[0];
}

static bool all_zero(const struct secret *s)
{
	uint8_t any = 0;

	for (size_t i = 0; i < s->size; i++) {
		any = (uint8_t)(any | s->data[i]);
	}
	return any == 0;
}

static void sizes_from_1_to_4096_are_usable_and_zero(void **state)
{
	static const size_t sizes[] = {1, 4, 32, 4093, 4094, 4095, 4096};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct secret s = SECRET_NULL;

		assert_int_equal(secret_new(&s, sizes[i]), 0);
		assert_int_equal(s.size, sizes[i]);
		assert_int_equal(s.len, 0);
		assert_true(all_zero(&s));
		memset(s.data, 0xFF, s.size);
		secret_done(&s);
		assert_null(s.data);
	}
	assert_int_equal(wrap_freed, ARRAY_LEN(sizes));
	assert_int_equal(wrap_freed_dirty, 0);
}

static void other_sizes_are_faults(void **state)
{
	struct secret s = SECRET_NULL;

	(void)state;
	assert_int_equal(secret_new(&s, 0), -EINVAL);
	assert_int_equal(secret_new(&s, 4097), -EINVAL);
	assert_null(s.data);
}

static void an_empty_one_can_be_done(void **state)
{
	struct secret s = SECRET_NULL;

	(void)state;
	secret_done(&s);
	secret_done(NULL);
	assert_false(secret_locked(&s));
}

static void a_refused_mlock_is_tolerated_and_visible(void **state)
{
	_cleanup_(secret_done) struct secret locked = SECRET_NULL;
	_cleanup_(secret_done) struct secret refused = SECRET_NULL;

	(void)state;
	wrap_return(WRAP_MLOCK, 0, 0);
	assert_int_equal(secret_new(&locked, 16), 0);
	assert_true(secret_locked(&locked));
	wrap_fail(WRAP_MLOCK, 0, EPERM);
	assert_int_equal(secret_new(&refused, 16), 0);
	assert_false(secret_locked(&refused));
}

static void missing_memory_or_advice_is_a_fault(void **state)
{
	struct secret s = SECRET_NULL;

	(void)state;
	wrap_fail(WRAP_MMAP, 0, ENOMEM);
	assert_int_equal(secret_new(&s, 16), -ENOMEM);
	wrap_fail(WRAP_MADVISE, 0, EINVAL);
	assert_int_equal(secret_new(&s, 16), -EINVAL);
	wrap_fail(WRAP_MADVISE, 1, EINVAL);
	assert_int_equal(secret_new(&s, 16), -EINVAL);
	assert_null(s.data);
	assert_int_equal(wrap_freed, 2);
}

static void a_forked_child_sees_nothing(void **state)
{
	_cleanup_(secret_done) struct secret s = SECRET_NULL;
	int status = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(secret_new(&s, 16), 0);
	memset(s.data, 0xAA, s.size);
	pid = fork();
	if (pid == 0) {
		_exit(all_zero(&s) && !secret_locked(&s) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(s.data[0], 0xAA);
}

static void the_mapping_is_left_out_of_dumps(void **state)
{
	_cleanup_(secret_done) struct secret s = SECRET_NULL;
	char line[512];
	bool ours = false;
	bool found = false;
	FILE *smaps;

	(void)state;
	assert_int_equal(secret_new(&s, 16), 0);
	smaps = fopen("/proc/self/smaps", "re");
	assert_non_null(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		uintmax_t from;
		uintmax_t to;

		if (sscanf(line, "%jx-%jx ", &from, &to) == 2) {
			ours = (uintptr_t)s.data >= from && (uintptr_t)s.data < to;
		} else if (ours && strncmp(line, "VmFlags:", 8) == 0) {
			found = true;
			assert_non_null(strstr(line, " dd"));
			assert_non_null(strstr(line, " wf"));
		}
	}
	fclose(smaps);
	assert_true(found);
}

static void equality_needs_equal_length_and_bytes(void **state)
{
	(void)state;
	assert_true(secret_equal(VIEW_TEXT("1234"), VIEW_TEXT("1234")));
	assert_false(secret_equal(VIEW_TEXT("1234"), VIEW_TEXT("1235")));
	assert_false(secret_equal(VIEW_TEXT("1234"), VIEW_TEXT("0234")));
	assert_false(secret_equal(VIEW_TEXT("1234"), VIEW_TEXT("12345")));
	assert_true(secret_equal(VIEW_NULL, VIEW_TEXT("")));
}

/* -- reading --------------------------------------------------------------------------------- */

static void what_fits_is_read_to_end_of_file(void **state)
{
	static const char *texts[] = {"1", "1234"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		_cleanup_(secret_done) struct secret s = SECRET_NULL;
		int fd = pipe_with(texts[i]);

		assert_int_equal(secret_new(&s, 4), 0);
		memset(s.data, 'x', s.size);
		assert_int_equal(secret_read_fd(&s, fd, in_a_minute()), 0);
		assert_true(view_equal(view_of(s.data, s.len), view_str(texts[i])));
		close(fd);
	}
}

static void pieces_are_put_together(void **state)
{
	_cleanup_(secret_done) struct secret s = SECRET_NULL;
	int ends[2];
	pid_t pid;

	(void)state;
	assert_int_equal(secret_new(&s, 8), 0);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		for (const char *p = "12345678"; *p; p++) {
			if (write(ends[1], p, 1) != 1) {
				_exit(1);
			}
			(void)poll(NULL, 0, 1);
		}
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(secret_read_fd(&s, ends[0], in_a_minute()), 0);
	assert_true(view_equal(view_of(s.data, s.len), VIEW_TEXT("12345678")));
	close(ends[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void more_than_fits_is_long_and_wiped(void **state)
{
	static const char *texts[] = {"12345", "123456789"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		_cleanup_(secret_done) struct secret s = SECRET_NULL;
		int fd = pipe_with(texts[i]);

		assert_int_equal(secret_new(&s, 4), 0);
		assert_int_equal(secret_read_fd(&s, fd, in_a_minute()), SECRET_READ_LONG);
		assert_int_equal(s.len, 0);
		assert_true(all_zero(&s));
		assert_int_equal(s.data[s.size], 0);
		close(fd);
	}
}

static void an_end_before_the_first_byte_is_empty(void **state)
{
	_cleanup_(secret_done) struct secret s = SECRET_NULL;
	int fd = pipe_with("");

	(void)state;
	assert_int_equal(secret_new(&s, 4), 0);
	assert_int_equal(secret_read_fd(&s, fd, in_a_minute()), SECRET_READ_EMPTY);
	close(fd);
}

static void a_writer_that_never_closes_is_late_and_wiped(void **state)
{
	_cleanup_(secret_done) struct secret s = SECRET_NULL;
	int ends[2];

	(void)state;
	assert_int_equal(secret_new(&s, 8), 0);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "1234", 4), 4);
	assert_int_equal(secret_read_fd(&s, ends[0], clock_monotonic() + 20 * USEC_PER_MS),
		SECRET_READ_LATE);
	assert_int_equal(s.len, 0);
	assert_true(all_zero(&s));
	assert_int_equal(secret_read_fd(&s, ends[0], 0), SECRET_READ_LATE);
	close(ends[0]);
	close(ends[1]);
}

static void interruptions_and_false_alarms_are_survived(void **state)
{
	static const struct {
		enum wrap call;
		int error;
	} rows[] = {
		{WRAP_POLL, EINTR},
		{WRAP_READ, EINTR},
		{WRAP_READ, EAGAIN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(secret_done) struct secret s = SECRET_NULL;
		int fd = pipe_with("1234");

		assert_int_equal(secret_new(&s, 4), 0);
		wrap_fail(rows[i].call, 0, rows[i].error);
		assert_int_equal(secret_read_fd(&s, fd, in_a_minute()), 0);
		assert_false(wrap_pending(rows[i].call));
		assert_int_equal(s.len, 4);
		close(fd);
	}
}

static void broken_descriptors_are_faults(void **state)
{
	_cleanup_(secret_done) struct secret s = SECRET_NULL;
	struct secret none = SECRET_NULL;
	int fd = pipe_with("1234");

	(void)state;
	assert_int_equal(secret_new(&s, 4), 0);
	assert_int_equal(secret_read_fd(&s, 1000000, in_a_minute()), -EBADF);
	wrap_fail(WRAP_POLL, 0, ENOMEM);
	assert_int_equal(secret_read_fd(&s, fd, in_a_minute()), -ENOMEM);
	assert_int_equal(secret_read_fd(&none, fd, in_a_minute()), -EINVAL);
	assert_true(all_zero(&s));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(sizes_from_1_to_4096_are_usable_and_zero, clear),
		cmocka_unit_test(other_sizes_are_faults),
		cmocka_unit_test(an_empty_one_can_be_done),
		cmocka_unit_test(a_refused_mlock_is_tolerated_and_visible),
		cmocka_unit_test_setup(missing_memory_or_advice_is_a_fault, clear),
		cmocka_unit_test(a_forked_child_sees_nothing),
		cmocka_unit_test(the_mapping_is_left_out_of_dumps),
		cmocka_unit_test(equality_needs_equal_length_and_bytes),
		cmocka_unit_test(what_fits_is_read_to_end_of_file),
		cmocka_unit_test(pieces_are_put_together),
		cmocka_unit_test(more_than_fits_is_long_and_wiped),
		cmocka_unit_test(an_end_before_the_first_byte_is_empty),
		cmocka_unit_test(a_writer_that_never_closes_is_late_and_wiped),
		cmocka_unit_test(interruptions_and_false_alarms_are_survived),
		cmocka_unit_test(broken_descriptors_are_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
