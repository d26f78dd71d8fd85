/* SPDX-License-Identifier: EUPL-1.2 */
/* Readers and cards as events. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <string.h>

#include "drivers/watch/track.h"

static struct buf seen; /* "+A", "-A" readers, "(A", ")A" cards in and out */
static int answer;
static struct track track;

static int note(void *user, enum track_event event, const struct track_reader *r)
{
	assert_ptr_equal(user, &seen);
	buf_printf(&seen, "%c%s ", " +-()"[event], r -> name);
	return answer;
}

static int setup(void **state)
{
	(void)state;
	memset(&track, 0, sizeof(track));
	track.report = note;
	track.user = &seen;
	answer = 0;
	seen = BUF_NULL(65536);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_done(&seen);
	return 0;
}

static void saw(const char *text)
{
	buf_put_u8(&seen, 0);
	assert_string_equal((char *)seen.data, text);
	buf_reset(&seen);
}

static struct track_reader *reader(const char *name)
{
	for (size_t i = 0; i < TRACK_READERS_MAX; i++) {
		if (strcmp(track.readers[i].name, name) == 0) {
			return &track.readers[i];
		}
	}
	fail();
	return NULL;
}

static void readers_come_and_go_with_the_list(void **state)
{
	(void)state;
	assert_int_equal(track_list(&track, VIEW_NULL), 0);
	saw("");
	assert_int_equal(track_list(&track, VIEW_TEXT("A\0B\0\0")), 0);
	saw("+A +B ");
	assert_int_equal(track_list(&track, VIEW_TEXT("B\0A\0\0")), 0);
	saw("");
	assert_int_equal(track_list(&track, VIEW_TEXT("C\0A")), 0);
	saw("-B +C ");
	assert_int_equal(track_list(&track, VIEW_TEXT("\0C\0")), 0);
	saw("-A -C ");
}

static void a_reader_that_goes_takes_its_card_along(void **state)
{
	(void)state;
	assert_int_equal(track_list(&track, VIEW_TEXT("A\0\0")), 0);
	assert_int_equal(
		track_change(&track, reader("A"), &(struct track_state){.present = true}), 0);
	assert_int_equal(track_list(&track, VIEW_TEXT("\0")), 0);
	saw("+A (A )A -A ");
}

static void cards_are_exchanged_as_the_counter_says(void **state)
{
	static const struct {
		struct track_state before;
		struct track_state now;
		const char *events;
	} table[] = {
		{{.present = false, .events = 0}, {.present = false, .events = 0}, ""},
		{{.present = false, .events = 0}, {.present = false, .events = 2}, ""},
		{{.present = false, .events = 0}, {.present = true, .events = 1}, "(A "},
		{{.present = true, .events = 1}, {.present = true, .events = 1}, ""},
		{{.present = true, .events = 1}, {.present = false, .events = 2}, ")A "},
		{{.present = true, .events = 1}, {.present = true, .events = 3}, ")A (A "},
		{{.present = true, .events = 0xFFFF}, {.present = true, .events = 1}, ")A (A "},
		/* a mute card that speaks after all, and the other way round */
		{{.present = true, .mute = true}, {.present = true}, ")A (A "},
		{{.present = true}, {.present = true, .mute = true}, ")A (A "},
	};

	(void)state;
	assert_int_equal(track_list(&track, VIEW_TEXT("A\0\0")), 0);
	saw("+A ");
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct track_reader *r = reader("A");

		r->state = table[i].before;
		assert_int_equal(track_change(&track, r, &table[i].now), 0);
		saw(table[i].events);
		assert_int_equal(r->state.present, table[i].now.present);
		assert_int_equal(r->state.events, table[i].now.events);
	}
}

static void a_failed_report_stops_everything(void **state)
{
	(void)state;
	answer = -5;
	assert_int_equal(track_list(&track, VIEW_TEXT("A\0B\0\0")), -5);
	saw("+A ");
	answer = 0;
	assert_int_equal(track_list(&track, VIEW_TEXT("A\0B\0\0")), 0);
	saw("+B ");
	reader("A")->state.present = true;
	answer = -5;
	assert_int_equal(track_change(&track, reader("A"),
				 &(struct track_state){.present = true, .events = 2}),
		-5);
	saw(")A ");
	reader("A")->state.present = true;
	assert_int_equal(track_list(&track, VIEW_TEXT("\0")), -5);
	saw(")A ");
}

static void names_too_long_and_readers_too_many_are_left_out(void **state)
{
	_cleanup_(buf_done) struct buf names = BUF_NULL(65536);
	char name[TRACK_NAME_MAX + 1];

	(void)state;
	memset(name, 'x', sizeof(name));
	buf_put(&names, name, TRACK_NAME_MAX);
	buf_put_u8(&names, 0);
	buf_put(&names, name, TRACK_NAME_MAX - 1);
	buf_put_u8(&names, 0);
	buf_put_u8(&names, 0);
	assert_int_equal(track_list(&track, buf_view(&names)), 0);
	assert_int_equal(seen.len, TRACK_NAME_MAX + 1);
	buf_reset(&names);
	for (unsigned i = 0; i < TRACK_READERS_MAX + 5; i++) {
		buf_printf(&names, "%03u%c", i, 0);
	}
	buf_reset(&seen);
	assert_int_equal(track_list(&track, buf_view(&names)), 0);
	assert_int_equal(seen.len, TRACK_NAME_MAX + 1 + TRACK_READERS_MAX * 5);
}

static void the_slot_is_the_end_of_the_name(void **state)
{
	static const struct {
		const char *name;
		int slot;
	} table[] = {
		{"Vitale Sim Bislot 00 00", 0},
		{"Vitale Sim Bislot 00 01", 1},
		{"X 0F FF", 255},
		{" 00 0A", 10},
		{"X 00 0a", -1},
		{"X 00 0G", -1},
		{"X 0G 00", -1},
		{"X G0 00", -1},
		{"X 00 G0", -1},
		{"X 00-00", -1},
		{"X-00 00", -1},
		{"00 00", -1},
		{"X 00 0/", -1},
		{"X 00 0:", -1},
		{"", -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		assert_int_equal(track_slot(table[i].name), table[i].slot);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			readers_come_and_go_with_the_list, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_reader_that_goes_takes_its_card_along, setup, teardown),
		cmocka_unit_test_setup_teardown(
			cards_are_exchanged_as_the_counter_says, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_failed_report_stops_everything, setup, teardown),
		cmocka_unit_test_setup_teardown(
			names_too_long_and_readers_too_many_are_left_out, setup, teardown),
		cmocka_unit_test(the_slot_is_the_end_of_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
