/* SPDX-License-Identifier: EUPL-1.2 */
/* drivers/sim/slot.h and transcript.h: a card's stay in a slot, and every fault on purpose. */
#include <errno.h>
#include <string.h>

#include "base/hex.h"
#include "drivers/sim/slot.h"
#include "drivers/sim/transcript.h"
#include "tests/unit/sim/scene.h"

static struct scene scene;

static int make(void **state)
{
	static const char *const names[] = {"vitale-family", "vitale-single", "cps4-gp", NULL};

	(void)state;
	scene_make(&scene, names);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	scene_done(&scene);
	return 0;
}

/** struct bench - a slot, its last answer, and the changes of presence it told. */
struct bench {
	struct slot slot;
	struct buf answer;
	uint64_t delay;
	char changes[64]; /* '+' and '-' */
};

static void on_change(void *user, unsigned slot, bool present)
{
	struct bench *b = user;
	size_t n = strlen(b->changes);

	assert_int_equal(slot, 1);
	assert_true(n + 1 < sizeof(b->changes));
	b->changes[n] = present ? '+' : '-';
}

static void start(struct bench *b, const char *card, bool clocked)
{
	*b = (struct bench){.answer = BUF_NULL(SLOT_ANSWER_MAX)};
	slot_init(&b->slot, 1, scene.dir, clocked);
	b->slot.changed = on_change;
	b->slot.user = b;
	if (card) {
		assert_int_equal(slot_insert(&b->slot, card), 0);
		assert_int_equal(slot_power(&b->slot), 0);
	}
}

static void stop(struct bench *b)
{
	slot_done(&b->slot);
	buf_done(&b->answer);
}

static int sends(struct bench *b, const char *hex)
{
	_cleanup_(buf_done) struct buf c = BUF_NULL(512);

	assert_int_equal(hex_decode(&c, view_str(hex)), 0);
	return slot_transmit(&b->slot, buf_view(&c), &b->answer, &b->delay);
}

#define assert_bench(b, command, hex)                                                          \
	do {                                                                                   \
		assert_int_equal(sends(b, command), 0);                                        \
		assert_view_hex(buf_view(&(b)->answer), hex);                                  \
	} while (0)

static void a_card_comes_is_powered_and_goes(void **state)
{
	struct bench b;

	(void)state;
	start(&b, NULL, false);
	assert_int_equal(slot_power(&b.slot), SLOT_NO_CARD);
	assert_int_equal(slot_protocol(&b.slot, 0), SLOT_NO_CARD);
	assert_int_equal(sends(&b, "00A40000"), SLOT_NO_CARD);
	slot_remove(&b.slot);
	slot_power_down(&b.slot);
	assert_string_equal(b.changes, "");
	assert_int_equal(slot_insert(&b.slot, "nobody"), SLOT_ABSENT);
	assert_int_equal(slot_insert(&b.slot, "vitale-family"), 0);
	assert_int_equal(slot_insert(&b.slot, "vitale-family"), SLOT_FULL);
	assert_int_equal(sends(&b, "00A40000"), SLOT_UNPOWERED);
	assert_int_equal(slot_protocol(&b.slot, 0), SLOT_UNPOWERED);
	assert_int_equal(slot_power(&b.slot), 0);
	assert_view_hex(atr_view(&b.slot.atr), "3B751300004309EA9000");
	assert_int_equal(slot_protocol(&b.slot, 1), SLOT_REFUSED);
	assert_int_equal(slot_protocol(&b.slot, 2), SLOT_REFUSED);
	assert_int_equal(slot_protocol(&b.slot, 0), 0);
	assert_bench(&b, "00A4000C023F00", "9000");
	slot_power_down(&b.slot);
	assert_int_equal(sends(&b, "00A40000"), SLOT_UNPOWERED);
	slot_remove(&b.slot);
	assert_string_equal(b.changes, "+-");
	stop(&b);
}

static void t1_is_used_when_it_is_asked_for(void **state)
{
	struct bench b;

	(void)state;
	start(&b, "cps4-gp", false);
	assert_bench(&b, "01A40400088025000001FF0100", "6112");
	assert_int_equal(slot_protocol(&b.slot, 1), 0);
	assert_bench(&b, "01A40400088025000001FF010000",
		"6F10820138840880250000"
		"01FF01008A01059000");
	stop(&b);
}

static void a_power_up_clears_rights_and_counts_stay(void **state)
{
	struct bench b;

	(void)state;
	start(&b, "cps4-gp", false);
	assert_bench(&b, "01A4040C088025000001FF0100", "9000");
	assert_bench(&b, "012000010431323334", "9000");
	assert_bench(&b, "0120000100", "9000");
	assert_int_equal(slot_power(&b.slot), 0);
	assert_bench(&b, "01A4040C088025000001FF0100", "9000");
	assert_bench(&b, "0120000100", "63C3");
	assert_int_equal(b.slot.tpdus, 5);
	assert_int_equal(b.slot.characters, 16 + 12 + 7 + 16 + 7);
	stop(&b);
}

static void a_torn_card_does_not_answer(void **state)
{
	struct bench b;

	(void)state;
	start(&b, "vitale-family", false);
	b.slot.faults.tear = 2;
	assert_bench(&b, "00A4000C023F00", "9000");
	assert_int_equal(sends(&b, "00A4000C023F00"), SLOT_NO_CARD);
	assert_false(b.slot.present);
	assert_string_equal(b.changes, "+-");
	assert_int_equal(slot_insert(&b.slot, "vitale-family"), 0);
	assert_int_equal(slot_power(&b.slot), 0);
	assert_bench(&b, "00A4000C023F00", "9000"); /* once only */
	b.slot.faults.tear = 1;
	snprintf(b.slot.faults.tear_insert, STATE_NAME, "vitale-single");
	assert_int_equal(sends(&b, "00A4000C023F00"), SLOT_NO_CARD);
	assert_true(b.slot.present);
	assert_string_equal(b.slot.name, "vitale-single");
	assert_string_equal(b.changes, "+-+-+");
	assert_int_equal(sends(&b, "00A4000C023F00"), SLOT_UNPOWERED);
	assert_int_equal(slot_power(&b.slot), 0);
	b.slot.faults.tear = 1;
	snprintf(b.slot.faults.tear_insert, STATE_NAME, "nobody");
	assert_int_equal(sends(&b, "00A4000C023F00"), SLOT_NO_CARD);
	assert_false(b.slot.present);
	stop(&b);
}

static void a_wrong_pin_costs_its_try_even_when_the_card_is_torn_out(void **state)
{
	struct bench b;

	(void)state;
	start(&b, "cps4-gp", false);
	assert_bench(&b, "01A4040C088025000001FF0100", "9000");
	b.slot.faults.tear = 1;
	assert_int_equal(sends(&b, "012000010439393939"), SLOT_NO_CARD);
	assert_int_equal(slot_insert(&b.slot, "cps4-gp"), 0);
	assert_int_equal(b.slot.card->state->pin.tries, 2);
	assert_int_equal(slot_power(&b.slot), 0);
	assert_bench(&b, "01A4040C088025000001FF0100", "9000");
	assert_bench(&b, "012000010431323334", "9000");
	stop(&b);
}

static void faults_change_what_is_answered(void **state)
{
	struct bench b;

	(void)state;
	start(&b, "vitale-family", false);
	b.slot.faults.mute = true;
	assert_int_equal(sends(&b, "00A4000C023F00"), SLOT_MUTE);
	assert_int_equal(b.delay, 892800);
	b.slot.faults = (struct slot_faults){.hang = true};
	assert_int_equal(sends(&b, "00A4000C023F00"), SLOT_HANG);
	b.slot.faults = (struct slot_faults){.delay_us = 1500};
	assert_bench(&b, "00A4000C023F00", "9000");
	assert_int_equal(b.delay, 1500);
	b.slot.faults = (struct slot_faults){.yes = true};
	assert_bench(&b, "00B0000004", "000000009000");
	assert_bench(&b, "002000010431323334", "9000");
	assert_bench(&b, "00200001", "9000");
	assert_int_equal(sends(&b, "00B0000000"), 0);
	assert_int_equal(b.answer.len, 258);
	b.slot.faults = (struct slot_faults){.loop61 = true};
	assert_bench(&b, "00A4000C023F00", "6110");
	assert_bench(&b, "00C0000010", "000000000000000000000000000000006110");
	b.slot.faults = (struct slot_faults){.overlong = 2};
	assert_bench(&b, "00A4000C023F00", "00009000");
	b.slot.faults = (struct slot_faults){.truncates = true, .truncate = 1};
	assert_bench(&b, "00A4000C023F00", "90");
	b.slot.faults.truncate = 0;
	assert_bench(&b, "00A4000C023F00", "");
	b.slot.faults = (struct slot_faults){.mute_atr = true};
	assert_int_equal(slot_power(&b.slot), SLOT_MUTE);
	assert_int_equal(sends(&b, "00A4000C023F00"), SLOT_UNPOWERED);
	stop(&b);
}

static void yes_knows_t1(void **state)
{
	struct bench b;

	(void)state;
	start(&b, "cps4-gp", false);
	assert_int_equal(slot_protocol(&b.slot, 1), 0);
	b.slot.faults.yes = true;
	assert_bench(&b, "0188000002AABB04", "000000009000");
	assert_bench(&b, "0188000002AABB", "9000");
	b.slot.faults = (struct slot_faults){.loop61 = true};
	assert_bench(&b, "01A40000", "000000000000000000000000000000006110");
	stop(&b);
}

static void the_clock_delays_by_characters_and_work(void **state)
{
	struct bench b;

	(void)state;
	start(&b, "vitale-family", true);
	assert_bench(&b, "00A4000C023F00", "9000");
	assert_int_equal(b.delay, 10 * 279);
	b.slot.card->state->profile->ec_ms = 50;
	assert_bench(&b, "002241A403840105", "9000");
	assert_int_equal(sends(&b, "0088000018"
				   "000000000000000000000000000000000000000000000000"),
		0);
	assert_int_equal(b.delay, 32 * 279 + 50000);
	assert_bench(&b, "00A4000C023F00", "9000");
	assert_int_equal(b.delay, 10 * 279);
	stop(&b);
}

static void a_recorded_dialogue_is_replayed_in_order(void **state)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(65536);
	char path[128];
	struct bench b;

	(void)state;
	snprintf(path, sizeof(path), "%s/transcript", scene.dir);
	start(&b, "cps4-gp", false);
	assert_int_equal(slot_record(&b.slot, path), 0);
	assert_bench(&b, "01A4040C088025000001FF0100", "9000");
	assert_bench(&b, "012000010431323334", "9000");
	assert_bench(&b, "01B09C000C", "5A0A8025000001990002021F9000");
	assert_int_equal(slot_record(&b.slot, NULL), 0);
	assert_int_equal(state_read_file(path, &text), 0);
	buf_put_u8(&text, 0);
	assert_null(strstr((const char *)text.data, "31323334")); /* no code in a file */
	assert_non_null(strstr((const char *)text.data, "> 0120000104********\n"));
	/* whatever is asked */
	assert_int_equal(slot_replay(&b.slot, path), 0);
	assert_string_equal(b.changes, "+-+");
	assert_int_equal(slot_power(&b.slot), 0);
	assert_view_hex(atr_view(&b.slot.atr), "3B9B188001001225006480040100009044");
	assert_bench(&b, "00840000", "9000");
	assert_bench(&b, "00840000", "9000");
	assert_bench(&b, "00840000", "5A0A8025000001990002021F9000");
	assert_bench(&b, "00840000", "6F00");
	assert_string_equal(b.slot.name, "replay");
	/* a recording begun before the card comes has its ATR too */
	slot_remove(&b.slot);
	assert_int_equal(slot_record(&b.slot, path), 0);
	assert_int_equal(slot_insert(&b.slot, "vitale-family"), 0);
	assert_int_equal(slot_record(&b.slot, NULL), 0);
	assert_int_equal(slot_replay(&b.slot, path), 0);
	stop(&b);
}

static void transcripts_that_are_none_are_refused(void **state)
{
	static const char *const texts[] = {"", "> 00\n", "x 00\n", "=00\n", "= 0\n", "= 3B\n",
		"< zz\n", "= 3b00\n? 9000\n", "\n"};
	char path[128];
	struct bench b;

	(void)state;
	snprintf(path, sizeof(path), "%s/bad", scene.dir);
	start(&b, NULL, false);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_int_equal(state_write_file(path, view_str(texts[i]), 0600), 0);
		assert_int_equal(slot_replay(&b.slot, path), SLOT_INVALID);
	}
	assert_int_equal(slot_replay(&b.slot, "/nonexistent"), SLOT_ABSENT);
	assert_int_equal(slot_replay(&b.slot, scene.dir), SLOT_INVALID);
	assert_int_equal(slot_record(&b.slot, "/nonexistent/x"), -ENOENT);
	snprintf(path, sizeof(path), "%s/cards/bad.json", scene.dir);
	assert_int_equal(state_write_file(path, VIEW_TEXT("{}"), 0600), 0);
	assert_int_equal(slot_insert(&b.slot, "bad"), SLOT_INVALID);
	assert_int_equal(
		state_write_file(path,
			VIEW_TEXT("{\"profile\":{\"kind\":\"other\",\"atr\":\"0000\"}}"), 0600),
		0);
	assert_int_equal(slot_insert(&b.slot, "bad"), SLOT_INVALID);
	stop(&b);
}

static void the_trace_has_one_line_a_command(void **state)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(65536);
	char path[128];
	struct bench b;

	(void)state;
	snprintf(path, sizeof(path), "%s/trace", scene.dir);
	start(&b, "vitale-family", false);
	b.slot.trace = fopen(path, "w");
	assert_bench(&b, "00A4000C023F00", "9000");
	fclose(b.slot.trace);
	assert_int_equal(state_read_file(path, &text), 0);
	assert_true(view_equal(
		buf_view(&text), VIEW_TEXT("{\"slot\": 1, \"c\": \"00a4000c023f00\", \"r\": "
					   "\"9000\", \"ch\": 10}\n")));
	stop(&b);
}

static void a_swap_may_be_seen_quiet_or_live(void **state)
{
	struct bench b;

	(void)state;
	start(&b, "vitale-family", false);
	assert_int_equal(slot_swap(&b.slot, "vitale-single", SLOT_SWAP_SEEN), 0);
	assert_string_equal(b.changes, "+-+");
	assert_int_equal(sends(&b, "00A4000C023F00"), SLOT_UNPOWERED);
	assert_int_equal(slot_power(&b.slot), 0);
	assert_int_equal(slot_swap(&b.slot, "cps4-gp", SLOT_SWAP_LIVE), 0);
	assert_string_equal(b.slot.name, "cps4-gp");
	assert_bench(&b, "01A4040C088025000001FF0100", "9000");
	assert_bench(&b, "012000010431323334", "9000");
	assert_int_equal(slot_swap(&b.slot, "cps4-gp", SLOT_SWAP_LIVE), 0);
	assert_bench(&b, "01A4040C088025000001FF0100", "9000");
	assert_bench(&b, "0120000100", "63C3"); /* the same card anew has no rights */
	assert_int_equal(slot_swap(&b.slot, "cps4-gp", SLOT_SWAP_QUIET), 0);
	assert_int_equal(sends(&b, "00A4000C023F00"), SLOT_UNPOWERED);
	assert_int_equal(
		slot_swap(&b.slot, "cps4-gp", SLOT_SWAP_LIVE), 0); /* no power to keep */
	assert_int_equal(sends(&b, "00A4000C023F00"), SLOT_UNPOWERED);
	assert_string_equal(b.changes, "+-+");
	assert_int_equal(slot_swap(&b.slot, "nobody", SLOT_SWAP_QUIET), SLOT_ABSENT);
	assert_string_equal(b.changes, "+-+-");
	assert_int_equal(
		slot_swap(&b.slot, "cps4-gp", SLOT_SWAP_QUIET), 0); /* into an empty one */
	assert_string_equal(b.changes, "+-+-+");
	stop(&b);
}

static void a_card_upside_down_is_mute_until_it_is_taken_out(void **state)
{
	struct bench b;

	(void)state;
	start(&b, NULL, false);
	assert_int_equal(slot_insert(&b.slot, "vitale-family"), 0);
	b.slot.faults.upside_down = true;
	b.slot.faults.glitch = 1;
	assert_int_equal(slot_power(&b.slot), SLOT_MUTE);
	assert_int_equal(slot_power(&b.slot), SLOT_MUTE);
	slot_remove(&b.slot);
	assert_int_equal(slot_insert(&b.slot, "vitale-family"), 0);
	assert_int_equal(slot_power(&b.slot), 0);
	stop(&b);
}

static void a_bounced_card_waits_for_its_time(void **state)
{
	struct bench b;

	(void)state;
	start(&b, "vitale-family", false);
	assert_int_equal(slot_bounce(&b.slot, 1000000), 0);
	assert_string_equal(b.changes, "+-");
	assert_string_equal(b.slot.back, "vitale-family");
	assert_int_equal(slot_bounce(&b.slot, 1000000), SLOT_NO_CARD);
	assert_int_equal(slot_come_back(&b.slot), 0);
	assert_string_equal(b.changes, "+-+");
	assert_string_equal(b.slot.back, "");
	assert_int_equal(slot_bounce(&b.slot, 1000000), 0);
	slot_remove(&b.slot); /* somebody else's hand is quicker */
	assert_string_equal(b.slot.back, "");
	stop(&b);
}

static void a_stuck_command_delays_itself_alone_and_wtx_all(void **state)
{
	struct bench b;

	(void)state;
	start(&b, "vitale-family", false);
	b.slot.faults = (struct slot_faults){.stuck_us = 5000000, .delay_us = 7};
	assert_bench(&b, "00A4000C023F00", "9000");
	assert_int_equal(b.delay, 5000007);
	assert_bench(&b, "00A4000C023F00", "9000");
	assert_int_equal(b.delay, 7);
	b.slot.faults = (struct slot_faults){.wtx = true};
	assert_int_equal(sends(&b, "00A4000C023F00"), SLOT_WTX);
	assert_view_hex(buf_view(&b.answer), "9000"); /* what it will be */
	b.slot.faults = (struct slot_faults){.mute = true};
	assert_int_equal(sends(&b, "00A4000C023F00"), SLOT_MUTE);
	assert_int_equal(b.delay, 892800);
	b.slot.faults = (struct slot_faults){.hang = true};
	assert_int_equal(sends(&b, "00A4000C023F00"), SLOT_HANG);
	stop(&b);
}

static void the_time_on_the_link_is_counted_with_and_without_clock(void **state)
{
	struct bench b;

	(void)state;
	for (int clocked = 0; clocked < 2; clocked++) {
		start(&b, "vitale-family", clocked);
		assert_bench(&b, "00A4000C023F00", "9000");
		assert_bench(&b, "00A4000C023F00", "9000");
		assert_int_equal(b.slot.link_us, 2 * 10 * 279);
		assert_int_equal(b.delay, clocked ? 10 * 279 : 0);
		stop(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_card_comes_is_powered_and_goes),
		cmocka_unit_test(t1_is_used_when_it_is_asked_for),
		cmocka_unit_test(a_power_up_clears_rights_and_counts_stay),
		cmocka_unit_test(a_torn_card_does_not_answer),
		cmocka_unit_test(a_wrong_pin_costs_its_try_even_when_the_card_is_torn_out),
		cmocka_unit_test(faults_change_what_is_answered),
		cmocka_unit_test(yes_knows_t1),
		cmocka_unit_test(the_clock_delays_by_characters_and_work),
		cmocka_unit_test(a_recorded_dialogue_is_replayed_in_order),
		cmocka_unit_test(transcripts_that_are_none_are_refused),
		cmocka_unit_test(the_trace_has_one_line_a_command),
		cmocka_unit_test(a_swap_may_be_seen_quiet_or_live),
		cmocka_unit_test(a_card_upside_down_is_mute_until_it_is_taken_out),
		cmocka_unit_test(a_bounced_card_waits_for_its_time),
		cmocka_unit_test(a_stuck_command_delays_itself_alone_and_wtx_all),
		cmocka_unit_test(the_time_on_the_link_is_counted_with_and_without_clock),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
