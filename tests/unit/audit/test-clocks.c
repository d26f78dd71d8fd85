/* SPDX-License-Identifier: EUPL-1.2 */
/* Clocks that are set while the record runs and while it does not. */
#include "tests/unit/audit/scene.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>

static const char *event_of(char *text)
{
	static char word[32];
	json_t *j = NULL;

	assert_int_equal(json_parse(view_str(text), &j), 0);
	assert_true(snprintf(word, sizeof(word), "%s", json_get_str(j, "event")) < 32);
	json_decref(j);
	free(text);
	return word;
}

static void a_clock_that_was_set_is_recorded_first(void **state)
{
	static const struct {
		int64_t wall;
		int64_t boot;
		bool jump;
	} steps[] = {
		{1000000, 1000000, false},
		{3600000000, 3600000000, false},
		{6000000, 1000000, false}, /* exactly 5 s too much */
		{6000001, 1000000, true},
		{1000000, 6000000, false},
		{-4000001, 1000000, true},
		{-86400000000, 1, true},
		{86400000000, 1, true},
	};
	struct audit *a;
	uint64_t n = 1;

	(void)state;
	scene_wall = SCENE_WALL;
	scene_boot = 1000000;
	a = scene_open();
	scene_fill(a, 1);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		scene_wall += (uint64_t)steps[i].wall;
		scene_boot += (uint64_t)steps[i].boot;
		scene_fill(a, 1);
		if (steps[i].jump)
			assert_string_equal(event_of(scene_entry(a, n++)), "clock-jump");
		assert_string_equal(event_of(scene_entry(a, n++)), "document-read");
		assert_int_equal(scene_size(a), n);
	}
	audit_free(a);
}

static void a_clock_jump_says_by_how_much(void **state)
{
	struct audit *a;
	json_t *j = NULL, *details;
	char *text;

	(void)state;
	scene_wall = SCENE_WALL;
	scene_boot = 1000000;
	a = scene_open();
	scene_fill(a, 1);
	scene_wall -= 10000000;
	scene_boot += 500;
	scene_fill(a, 1);
	text = scene_entry(a, 1);
	assert_int_equal(json_parse(view_str(text), &j), 0);
	details = json_object_get(j, "details");
	assert_int_equal(json_integer_value(json_object_get(details, "step")), -10000500);
	assert_true(json_integer_value(json_object_get(details, "previous-time")) ==
		    (json_int_t)SCENE_WALL);
	json_decref(j);
	free(text);
	audit_free(a);
}

static void a_clock_is_compared_across_a_restart(void **state)
{
	struct audit *a;

	(void)state;
	scene_wall = SCENE_WALL;
	scene_boot = 50000000;
	scene_boot_id = "first";
	a = scene_open();
	scene_fill(a, 1);
	audit_free(a);
	scene_wall += 60000000; /* the same boot: a minute that did not pass */
	a = scene_open();
	scene_fill(a, 1);
	assert_string_equal(event_of(scene_entry(a, 1)), "clock-jump");
	audit_free(a);
	scene_wall += 60000000; /* another boot: nobody can tell */
	scene_boot = 1;
	scene_boot_id = "second";
	a = scene_open();
	scene_fill(a, 1);
	assert_int_equal(scene_size(a), 4);
	audit_free(a);
	scene_wall -= 60000000; /* another boot, and back in time */
	scene_boot_id = "third";
	a = scene_open();
	scene_fill(a, 1);
	assert_string_equal(event_of(scene_entry(a, 4)), "clock-jump");
	assert_int_equal(scene_size(a), 6);
	audit_free(a);
}

int main(void)
{
#define test_scene(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)
	const struct CMUnitTest tests[] = {
		test_scene(a_clock_that_was_set_is_recorded_first),
		test_scene(a_clock_jump_says_by_how_much),
		test_scene(a_clock_is_compared_across_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
