/* SPDX-License-Identifier: EUPL-1.2 */
/* base/fault.h: birth, passing on, and the text of the trace. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/fault.h"
#include "tests/unit/base/wrap.h"

static void a_fresh_thread_has_no_trace(void **state)
{
	char text[64] = "old";

	(void)state;
	fault_describe(text, sizeof(text));
	assert_string_equal(text, "");
}

static void results_pass_through_unchanged(void **state)
{
	(void)state;
	assert_int_equal(fault(-ENOMEM), -ENOMEM);
	assert_int_equal(trace(-EIO), -EIO);
	assert_int_equal(trace(0), 0);
	assert_int_equal(trace(7), 7);
}

static void the_birthplace_comes_first_with_its_room(void **state)
{
	char text[128];

	(void)state;
	assert_int_equal(fault_at(-EIO, "../src/base/born.c", 12), -EIO);
	assert_int_equal(trace_at(-EIO, "/src/daemon/main.c", 34), -EIO);
	fault_describe(text, sizeof(text));
	assert_string_equal(text, "base/born.c:12 < daemon/main.c:34");
}

static void a_file_without_folders_keeps_its_name(void **state)
{
	char text[128];

	(void)state;
	assert_int_equal(fault_at(-EIO, "a.c", 1), -EIO);
	assert_int_equal(trace_at(-EIO, "b/c.c", 2), -EIO);
	fault_describe(text, sizeof(text));
	assert_string_equal(text, "a.c:1 < b/c.c:2");
}

static void successes_and_outcomes_leave_no_trace(void **state)
{
	char text[128];

	(void)state;
	assert_int_equal(fault_at(-EIO, "x/a.c", 1), -EIO);
	assert_int_equal(trace_at(0, "x/b.c", 2), 0);
	assert_int_equal(trace_at(3, "x/c.c", 3), 3);
	fault_describe(text, sizeof(text));
	assert_string_equal(text, "x/a.c:1");
}

static void a_new_fault_forgets_the_one_before(void **state)
{
	char text[128];

	(void)state;
	assert_int_equal(fault_at(-EIO, "x/a.c", 1), -EIO);
	assert_int_equal(trace_at(-EIO, "x/b.c", 2), -EIO);
	assert_int_equal(fault_at(-EPERM, "x/c.c", 3), -EPERM);
	fault_describe(text, sizeof(text));
	assert_string_equal(text, "x/c.c:3");
}

static void a_long_way_keeps_birth_and_latest_places(void **state)
{
	char text[256];

	(void)state;
	assert_int_equal(fault_at(-EIO, "x/a.c", 100), -EIO);
	for (int i = 1; i <= 9; i++) {
		assert_int_equal(trace_at(-EIO, "x/b.c", i), -EIO);
	}
	fault_describe(text, sizeof(text));
	assert_string_equal(text, "x/a.c:100 < ... < x/b.c:3 < x/b.c:4 < x/b.c:5 < x/b.c:6 < "
				  "x/b.c:7 < x/b.c:8 < x/b.c:9");
}

static void a_short_text_is_cut_and_terminated(void **state)
{
	char text[16];

	(void)state;
	assert_int_equal(fault_at(-EIO, "x/a.c", 1), -EIO);
	assert_int_equal(trace_at(-EIO, "x/b.c", 2), -EIO);
	assert_int_equal(trace_at(-EIO, "x/c.c", 3), -EIO);
	for (size_t size = 1; size <= sizeof(text); size++) {
		memset(text, 'z', sizeof(text));
		fault_describe(text, size);
		assert_int_equal(strlen(text), size - 1);
		assert_memory_equal(text, "x/a.c:1 < x/b.c:2", size - 1);
	}
}

static void *describe_in_thread(void *text)
{
	fault_describe(text, 64);
	return NULL;
}

static void threads_do_not_see_each_others_traces(void **state)
{
	char text[64] = "old";
	pthread_t thread;

	(void)state;
	assert_int_equal(fault_at(-EIO, "x/a.c", 1), -EIO);
	assert_int_equal(pthread_create(&thread, NULL, describe_in_thread, text), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_string_equal(text, "");
}

static void born_of_success(void)
{
	(void)!fault(0);
}

static void born_of_an_outcome(void)
{
	(void)!fault(1);
}

static void only_negative_results_are_faults(void **state)
{
	(void)state;
	assert_true(wrap_aborts(born_of_success));
	assert_true(wrap_aborts(born_of_an_outcome));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_thread_has_no_trace),
		cmocka_unit_test(results_pass_through_unchanged),
		cmocka_unit_test(the_birthplace_comes_first_with_its_room),
		cmocka_unit_test(a_file_without_folders_keeps_its_name),
		cmocka_unit_test(successes_and_outcomes_leave_no_trace),
		cmocka_unit_test(a_new_fault_forgets_the_one_before),
		cmocka_unit_test(a_long_way_keeps_birth_and_latest_places),
		cmocka_unit_test(a_short_text_is_cut_and_terminated),
		cmocka_unit_test(threads_do_not_see_each_others_traces),
		cmocka_unit_test(only_negative_results_are_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
