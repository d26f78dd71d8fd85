/* SPDX-License-Identifier: EUPL-1.2 */
/* drivers/sim/cps2ter.c: the older application, its own status words, and that it shares nothing with
 * the other one but the code. */
#include "tests/unit/sim/scene.h"

#define GOOD_3 "002000010431323334"
#define GOOD_4 "012000010431323334"
#define APPLET "01A4040C088025000001FF0100"
#define VOLET  "00A4040C088025000001FF0002"
#define ISD    "A4040C07A0000001510000"

static struct scene scene;

static int make(void **state)
{
	static const char *const names[] = {
		"cps3-gp", "cps4-gp", "cps3-contactless", "cps2ter", "vitale-single", NULL};

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

struct row {
	const char *command;
	uint16_t sw;
};

static void run(struct play *p, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (play_send(p, rows[i].command) != rows[i].sw)
			fail_msg("row %zu: %s: %04X instead of %04X", i, rows[i].command, p->sw,
				rows[i].sw);
}

static void it_is_walked_one_level_at_a_time(void **state)
{
	static const struct row rows[] = {
		{"A0C0000007", 0x6F00}, /* nothing waits */
		{"A0B0000001", 0x9408}, /* no file */
		{"A0A40000024000", 0x9404},
		{"A0A40000023F00", 0x9F07},
		{"A0C0000008", 0x6C07},
		{"A0C0000007", 0x9000},
		{"A0A40000027F01", 0x9F07},
		{"A0A40000024010", 0x9404}, /* not in this folder */
		{"A0A40000024000", 0x9F07},
		{"A0C0000007", 0x9000},
		{"A0A40000023F00", 0x9F07},
		{"A0A40000024010", 0x9F07},
		{"A0A40000024011", 0x9404}, /* a gap */
		{"A0A40000024012", 0x9F07},
		{"A0B0000001", 0x9804}, /* no code yet */
		{"A0A40100024010", 0x6B00},
		{"A0A4000003401000", 0x6700},
		{"A0A4000002", 0x6700},
		{"A0C0010007", 0x6B00},
		{"A0200001083132333431323334", 0x6D00}, /* no code by this class */
		{"A0B000000141", 0x6700},
	};
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	run(&p, rows, ARRAY_LEN(rows));
	assert_int_equal(play_send(&p, "A0A40000023F00"), 0x9F07);
	assert_int_equal(play_send(&p, "A0C0000007"), 0x9000);
	assert_answer_hex(&p, "850500003F0001");
	assert_int_equal(play_send(&p, "A0A40000027F01"), 0x9F07);
	assert_int_equal(play_send(&p, "A0C0000007"), 0x9000);
	assert_answer_hex(&p, "850500007F0102");
	assert_int_equal(play_send(&p, "A0A40000024000"), 0x9F07);
	assert_int_equal(play_send(&p, "A0C0000007"), 0x9000);
	assert_answer_hex(&p, "85050024400004");
	play_done(&p);
}

static void the_code_opens_activities_and_billing(void **state)
{
	static const struct row rows[] = {
		{GOOD_3, 0x9000}, {"A0A40000023F00", 0x9F07}, {"A0A40000024010", 0x9F07},
		{"A0B0000000", 0x6C2E}, {"A0B000002E", 0x9000},
		{"A0B0002E01", 0x9402}, /* behind its end */
	};
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	run(&p, rows, ARRAY_LEN(rows));
	play_reset(&p);
	assert_int_equal(play_send(&p, "A0A40000024010"), 0x9F07);
	assert_int_equal(play_send(&p, "A0B000002E"), 0x9804);
	assert_int_equal(play_send(&p, GOOD_3), 0x9000);
	assert_int_equal(play_send(&p, "A0B000002E"), 0x9000);
	assert_answer_hex(&p, "EE2C8416434142494E4554204455204452204D41524543"
			      "48414C850C343839393030303030303131860453413037");
	play_done(&p);
}

static void a_blocked_code_is_told_by_its_own_word(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	p.card->state->pin.tries = 0;
	assert_int_equal(play_send(&p, "A0A40000024010"), 0x9F07);
	assert_int_equal(play_send(&p, "A0B0000001"), 0x9840);
	play_done(&p);
}

static void neither_class_moves_or_shows_what_the_other_has(void **state)
{
	static const struct row rows[] = {
		{"00A4090C043F000001", 0x9000},
		{"00A4020C02D103", 0x9000},
		{"A0A40000024010", 0x9F07},
		{"00B0000004", 0x9000},	    /* CPS_LANG_PS is still current */
		{"00A4020C024010", 0x6A82}, /* the volet's files are not there */
		{"00A40904024010", 0x6A82},
		{"00A4080C024010", 0x6A82},
		{"00A4000C027F01", 0x6A82},
		{"A0A4000002D003", 0x9404}, /* nor the other's here */
		{"A0A40000020001", 0x9404},
		/* an answer that waits is given to its own class only */
		{"00A40904022F01", 0x6A82},
		{"00A4000C023F00", 0x9000},
		{"00A40204022F01", 0x6127},
		{"A0C0000027", 0x6F00},
		{"00C0000027", 0x6985}, /* and asking elsewhere loses it */
		{"A0A40000023F00", 0x9F07},
		{"00C0000007", 0x6985},
		{"A0C0000007", 0x9000},
	};
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	run(&p, rows, ARRAY_LEN(rows));
	play_done(&p);
}

static void a_chain_ends_where_the_other_class_speaks(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	assert_int_equal(play_send(&p, "102A00BE027F4E"), 0x9000);
	assert_int_equal(play_send(&p, "A0A40000023F00"), 0x9F07);
	assert_int_equal(p.card->rights.chain_ins, 0);
	play_done(&p);
}

static void on_a_cps4_it_is_an_applet_of_channel_0(void **state)
{
	static const struct row rows[] = {
		{"A0A40000023F00", 0x6985}, /* the wrong applet */
		{"00A4040C088025000001FF0003", 0x6A82},
		{"00A4000C023F00", 0x6A82},
		{"00B0000001", 0x6D00},
		{VOLET, 0x9000},
		{"A0A40000024010", 0x9F07},
		{"A0C0000007", 0x9000},
		{"A0B0000001", 0x9804},
		{"01B09C000C", 0x6985}, /* the other applet on its channel */
		{APPLET, 0x9000},
		{GOOD_4, 0x9000},
		{"A0B0000001", 0x9000}, /* one code for both */
		{"01B09C000C", 0x9000},
		{"00" ISD, 0x9000}, /* the card manager takes channel 0 again */
		{"A0B0000001", 0x6985},
		{"01200001", 0x9000},
		/* the official software's way out of 6985 */
		{"01" ISD, 0x9000},
		{"01200001", 0x6985},
		{"01B09C000C", 0x6985},
		{VOLET, 0x9000},
		{APPLET, 0x9000},
		{"01200001", 0x63C3}, /* the card manager took the code away */
		{"A0A40000024010", 0x9F07},
		{"A0B0000001", 0x9804},
	};
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps4-gp", 0);
	run(&p, rows, ARRAY_LEN(rows));
	play_reset(&p);
	assert_int_equal(play_send(&p, "A0A40000024010"), 0x6985);
	play_done(&p);
	play_start(&p, &scene, "cps4-gp", 1);
	assert_int_equal(play_send(&p, VOLET), 0x9000);
	assert_int_equal(play_send(&p, "A0A40000024010"), 0x9F07);
	assert_int_equal(play_send(&p, "A0C0000007"), 0x9000);
	assert_answer_hex(&p, "8505002E401004");
	play_done(&p);
}

static void other_cards_do_not_know_its_class(void **state)
{
	static const char *const names[] = {"cps3-contactless", "vitale-single"};
	struct play p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		play_start(&p, &scene, names[i], 0);
		assert_int_equal(play_send(&p, "A0A40000023F00"), 0x6E00);
		assert_int_equal(play_send(&p, "A0C0000007"), 0x6E00);
		play_done(&p);
	}
}

static void the_generation_before_has_nothing_else(void **state)
{
	static const struct row rows[] = {
		{"00A4040C0DE828BD080F8025000001FF0010", 0x6A82},
		{APPLET, 0x6881},
		{GOOD_3, 0x6D00},
		{"A0A40000023F00", 0x9F07},
		{"A0C0000007", 0x9000},
		{"A0A40000024010", 0x9404},
		{"A0A40000027F01", 0x9404},
	};
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps2ter", 0);
	run(&p, rows, ARRAY_LEN(rows));
	play_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_walked_one_level_at_a_time),
		cmocka_unit_test(the_code_opens_activities_and_billing),
		cmocka_unit_test(a_blocked_code_is_told_by_its_own_word),
		cmocka_unit_test(neither_class_moves_or_shows_what_the_other_has),
		cmocka_unit_test(a_chain_ends_where_the_other_class_speaks),
		cmocka_unit_test(on_a_cps4_it_is_an_applet_of_channel_0),
		cmocka_unit_test(other_cards_do_not_know_its_class),
		cmocka_unit_test(the_generation_before_has_nothing_else),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
