/* SPDX-License-Identifier: EUPL-1.2 */
/* drivers/sim/slot-fault.h: what each fault makes of a command and of an answer. */
#include "base/hex.h"
#include "drivers/sim/slot-fault.h"
#include "tests/unit/sim/scene.h"

static void some_faults_answer_in_the_cards_place(void **state)
{
	static const struct {
		struct slot_faults f;
		bool t1;
		const char *command, *answer;
	} rows[] = {
		{{.yes = true}, false, "00B0000004", "000000009000"},
		{{.yes = true}, false, "00200001", "9000"},
		{{.yes = true}, false, "0020000102AABB", "9000"},
		{{.yes = true}, true, "0188000002AABB04", "000000009000"},
		{{.yes = true}, true, "0188000002AABB", "9000"},
		{{.loop61 = true}, false, "00A4000C023F00", "6110"},
		{{.loop61 = true}, false, "00C0000010", "000000000000000000000000000000006110"},
		{{.loop6c = true}, false, "00B0000010", "6C11"},
		{{.loop6c = true}, false, "00B0000011", "6C12"},
		{{.loop6c = true}, false, "00B00000FF", "6C00"},
		{{.loop6c = true}, false, "00B0000000", "6C01"},
		{{.loop6c = true}, false, "00A4000C023F00", "6C01"},
		{{.loop6c = true}, true, "0188000002AABB04", "6C05"},
		{{.loop6c = true}, false, "", "6C01"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(buf_done) struct buf in = BUF_NULL(64), out = BUF_NULL(512);

		assert_int_equal(hex_decode(&in, view_str(rows[i].command)), 0);
		assert_true(slot_fault_answer(&rows[i].f, buf_view(&in), rows[i].t1, &out));
		assert_view_hex(buf_view(&out), rows[i].answer);
	}
}

static void without_a_fault_the_card_answers_and_nothing_is_spoilt(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(512);
	struct slot_faults f = {0};

	(void)state;
	assert_false(slot_fault_answer(&f, VIEW_TEXT("\0\xA4\0\0"), false, &out));
	buf_put_str(&out, "abc");
	slot_fault_distort(&f, &out);
	assert_true(view_equal(buf_view(&out), VIEW_TEXT("abc")));
	assert_false(slot_fault_power(&f));
}

static void faults_of_the_line_spoil_the_answer(void **state)
{
	static const struct {
		struct slot_faults f;
		const char *answer, *spoilt;
	} rows[] = {
		{{.procedure = SLOT_PROCEDURE_ONE}, "AABB9000", "60"},
		{{.procedure = SLOT_PROCEDURE_SW1}, "AABB9000", "1234"},
		{{.procedure = SLOT_PROCEDURE_EMPTY}, "AABB9000", ""},
		{{.overlong = 2}, "AA9000", "AA00009000"},
		{{.overlong = 2}, "90", "90"},
		{{.truncates = true, .truncate = 1}, "9000", "90"},
		{{.truncates = true}, "9000", ""},
		{{.flip = 1, .flip_bit = 0}, "9000", "1000"},
		{{.flip = 1, .flip_bit = 15}, "9000", "9001"},
		{{.flip = 1, .flip_bit = 16}, "9000", "1000"}, /* round the end */
		{{.flip = 2}, "9000", "9000"},
		{{.flip = 1, .truncates = true}, "9000", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(buf_done) struct buf out = BUF_NULL(512);
		struct slot_faults f = rows[i].f;

		assert_int_equal(hex_decode(&out, view_str(rows[i].answer)), 0);
		slot_fault_distort(&f, &out);
		assert_view_hex(buf_view(&out), rows[i].spoilt);
	}
}

static void a_bit_turns_over_once(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(512);
	struct slot_faults f = {.flip = 2, .flip_bit = 7};

	(void)state;
	for (int i = 0; i < 4; i++) {
		buf_reset(&out);
		buf_put_u16(&out, 0x9000);
		slot_fault_distort(&f, &out);
		assert_view_hex(buf_view(&out), i == 1 ? "9100" : "9000");
	}
}

static void garbage_depends_on_its_seed_alone(void **state)
{
	_cleanup_(buf_done) struct buf one = BUF_NULL(512), two = BUF_NULL(512);
	struct slot_faults f, g;
	size_t longest = 0;

	(void)state;
	f = g = (struct slot_faults){.garbages = true, .garbage = 0};
	for (int i = 0; i < 200; i++) {
		buf_reset(&one);
		buf_put_u16(&one, 0x9000);
		slot_fault_distort(&f, &one);
		slot_fault_distort(&g, &two);
		assert_true(view_equal(buf_view(&one), buf_view(&two)));
		longest = one.len > longest ? one.len : longest;
	}
	assert_in_range(longest, 259, 300); /* longer than an answer may be */
	g.garbage = 5;
	slot_fault_distort(&f, &one);
	slot_fault_distort(&g, &two);
	assert_false(view_equal(buf_view(&one), buf_view(&two)));
}

static void power_ups_fail_as_often_as_was_asked(void **state)
{
	struct slot_faults f = {.glitch = 2};

	(void)state;
	assert_true(slot_fault_power(&f));
	assert_true(slot_fault_power(&f));
	assert_false(slot_fault_power(&f));
	f.mute_atr = true;
	assert_true(slot_fault_power(&f));
	f = (struct slot_faults){.upside_down = true};
	assert_true(slot_fault_power(&f));
}

static void the_list_names_what_is_in_force(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(1024);
	struct slot_faults f = {0};

	(void)state;
	slot_fault_list(&f, &out);
	assert_int_equal(out.len, 0);
	f = (struct slot_faults){.mute = true,
		.mute_atr = true,
		.upside_down = true,
		.hang = true,
		.wtx = true,
		.yes = true,
		.loop61 = true,
		.loop6c = true,
		.garbages = true,
		.procedure = SLOT_PROCEDURE_SW1,
		.truncates = true,
		.overlong = 7,
		.delay_us = 2000,
		.stuck_us = 3000000,
		.glitch = 4,
		.flip = 5,
		.tear = 6};
	slot_fault_list(&f, &out);
	assert_true(view_equal(buf_view(&out),
		VIEW_TEXT(" mute mute-atr upside-down hang wtx yes loop61 loop6c procedure=sw1 "
			  "garbage truncate=0 overlong=7 delay=2 stuck=3 glitch=4 flip=5 "
			  "tear=6")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(some_faults_answer_in_the_cards_place),
		cmocka_unit_test(without_a_fault_the_card_answers_and_nothing_is_spoilt),
		cmocka_unit_test(faults_of_the_line_spoil_the_answer),
		cmocka_unit_test(a_bit_turns_over_once),
		cmocka_unit_test(garbage_depends_on_its_seed_alone),
		cmocka_unit_test(power_ups_fail_as_often_as_was_asked),
		cmocka_unit_test(the_list_names_what_is_in_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
