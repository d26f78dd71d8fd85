/* SPDX-License-Identifier: EUPL-1.2 */
/* drivers/sim/os.h and transport.h: every status word, T=0 and T=1 manners, chaining. */
#include "tests/unit/sim/scene.h"

static struct scene scene;

static int make(void **state)
{
	static const char *const names[] = {
		"vitale-family", "cps3-gp", "cps4-gp", "vitale-1", "unknown", NULL};

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

static void run(const char *name, unsigned protocol, const struct row *rows, size_t n)
{
	struct play p;

	play_start(&p, &scene, name, protocol);
	for (size_t i = 0; i < n; i++)
		if (play_send(&p, rows[i].command) != rows[i].sw)
			fail_msg("%s: %s: %04X instead of %04X", name, rows[i].command, p.sw,
				rows[i].sw);
	play_done(&p);
}

static void vitale_refuses_with_the_right_words(void **state)
{
	static const struct row rows[] = {
		{"00B0000010", 0x6986},	    /* nothing selected */
		{"80A4040000", 0x6E00},	    /* class */
		{"0CA4040000", 0x6882},	    /* secure messaging */
		{"01A4000C023F00", 0x6881}, /* channel */
		{"1084000008", 0x6884},	    /* not to be chained */
		{"00D6000001AA", 0x6D00},   /* no UPDATE */
		{"00A40100023F00", 0x6A86}, /* P1 */
		{"00A40500023F00", 0x6A86}, {"00A40A00023F00", 0x6A86},
		{"00A40002023F00", 0x6A86}, /* P2 */
		{"00A4000C021234", 0x6A82}, /* no such file */
		{"00A4040C0BD2500000FF564954414C45", 0x6A82}, {"00A4040C00", 0x6A82},
		{"00A4000C", 0x9000},				    /* no data: the MF */
		{"00A4000C033F0000", 0x6A82}, {"00A4030C", 0x6A82}, /* no parent */
		{"00A4080C022F02", 0x9000}, {"00A4080C032F0200", 0x6A82},
		{"00A4080C042F020001", 0x6A82},			    /* an EF has no children */
		{"00A4020C022F02", 0x9000}, {"00B0000C01", 0x6B00}, /* beyond the end */
		{"00B0000D01", 0x6B00}, {"00B000000D", 0x6C0C}, {"00B000000C", 0x9000},
		{"00B0000A02", 0x9000}, {"00B0E00001", 0x6A86}, /* SFI with strange bits */
		{"00B0800001", 0x6A86}, {"00B09E0001", 0x6A82}, /* no such SFI */
		{"00B0820010", 0x9000},				/* identities */
		{"00B0000002AABB", 0x6700},			/* READ with a body */
		{"00B00000", 0x6CFA},				/* and 250 bytes are there */
	};

	(void)state;
	run("vitale-family", 0, rows, ARRAY_LEN(rows));
}

static void security_commands_refuse_with_the_right_words(void **state)
{
	static const struct row rows[] = {
		{"0084010010", 0x6A86},
		{"0084000007", 0x6C10},
		{"0084000000", 0x6C10},
		{"0084000008", 0x9000},
		{"0084000010", 0x9000},
		{"00880000020102", 0x6985}, /* no key named */
		{"00880100020102", 0x6A86},
		{"00820000020102", 0x6985}, /* no challenge for a peer */
		{"00820100020102", 0x6A86},
		{"002241A403840105", 0x9000},
		{"00880000020102", 0x6700},	/* neither 24 nor 40 bytes */
		{"002241A403840106", 0x6A88},	/* no such key */
		{"002241A40484020505", 0x6A80}, /* reference of two bytes */
		{"002241A4028305", 0x6A80},	/* cut */
		{"002241A403990105", 0x6A80},	/* unknown tag */
		{"002241B603840105", 0x6A86},	/* a Vitale does not sign */
		{"0022F301", 0x6A86},
		{"002281B603840105", 0x6A80},
		{"002281B6128310"
		 "4652564453494D524F4F543030303032",
			0x6A88},
		{"002A00BE027F4E", 0x6985}, /* no root named */
		{"002281B6128310"
		 "4652564453494D524F4F543030303031",
			0x9000},
		{"002A00BE027F4E", 0x6A80},
		{"002281A4128310"
		 "4652564453494D524F4F543030303031",
			0x6A88},
		{"002281A403840105", 0x6A80},
		{"002A9E9A00", 0x6A86},
		{"002A00AE00", 0x6A86},
		{"00A4040C0BD25000000256495441"
		 "4C45",
			0x9000},
		{"002241A403840105", 0x9000}, /* a global reference: in every DF */
		{"002281B6128310"
		 "4652564453494D524F4F543030303031",
			0x9000},
	};

	(void)state;
	run("vitale-family", 0, rows, ARRAY_LEN(rows));
}

static void cards_that_are_not_for_us_know_nothing(void **state)
{
	static const struct row rows[] = {
		{"00A4040C0BD2500000025649544"
		 "14C45",
			0x6A82},
		{"00A40400088025000001FF0100", 0x6A82},
		{"00B0820000", 0x6D00},
		{"BCC0000008", 0x6985}, /* GET RESPONSE with nothing there */
		{"BCB0020004", 0x6E00},
	};

	(void)state;
	run("vitale-1", 0, rows, ARRAY_LEN(rows));
	run("unknown", 0, rows, ARRAY_LEN(rows));
}

static void t0_keeps_the_answer_for_get_response(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "vitale-family", 0);
	assert_int_equal(play_send(&p, "00C0000000"), 0x6985);
	assert_int_equal(play_send(&p, "00A40400"
				       "0BD25000000256495441"
				       "4C45"),
		0x6115);
	assert_int_equal(p.characters, 19);
	assert_int_equal(play_send(&p, "00C0000016"), 0x6C15);
	assert_int_equal(play_send(&p, "00C0000005"), 0x6110);
	assert_int_equal(p.characters, 13);
	assert_int_equal(play_send(&p, "00C0000010"), 0x9000);
	assert_int_equal(play_send(&p, "00C0000010"), 0x6985);
	/* one byte of Le after the data is dropped, two are too many */
	assert_int_equal(play_send(&p, "00A40400"
				       "0BD25000000256495441"
				       "4C4500"),
		0x6115);
	assert_int_equal(play_send(&p, "00A40400"
				       "0BD25000000256495441"
				       "4C450000"),
		0x6700);
	assert_int_equal(play_send(&p, "00A404000B"), 0x6700);
	assert_int_equal(play_send(&p, "00A404"), 0x6700);
	/* another command forgets what waits */
	assert_int_equal(play_send(&p, "00A40400"
				       "0BD25000000256495441"
				       "4C45"),
		0x6115);
	assert_int_equal(play_send(&p, "00A4020C022002"), 0x9000);
	assert_int_equal(play_send(&p, "00C0000015"), 0x6985);
	assert_int_equal(play_fetch(&p, "00A4020002"
					"2002"),
		0x9000);
	assert_answer_hex(&p, "6F11800200608201018302200288011"
			      "08A0105");
	play_done(&p);
}

static void t0_gives_long_answers_in_parts(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "vitale-family", 0);
	p.card->state->profile->max_answer = 231;
	assert_int_equal(play_fetch(&p, "00A4040C"
					"0BD25000000256495441"
					"4C45"),
		0x9000);
	assert_int_equal(play_fetch(&p, "00A4020C022004"), 0x9000);
	assert_int_equal(play_send(&p, "00B0000000"), 0x6CE7);
	assert_int_equal(play_send(&p, "00B00000E7"), 0x9000);
	assert_int_equal(p.answer.len, 231);
	assert_int_equal(play_send(&p, "00B000E719"), 0x9000);
	p.card->state->profile->max_answer = 16;
	assert_int_equal(play_send(&p, "00A4020002"
				       "2002"),
		0x6113);
	assert_int_equal(play_send(&p, "00C0000013"), 0x6C10);
	assert_int_equal(play_send(&p, "00C0000010"), 0x6103);
	assert_int_equal(play_send(&p, "00C0000003"), 0x9000);
	play_done(&p);
}

static void t1_takes_whole_commands(void **state)
{
	static const char select[] = "00A4040008"
				     "8025000001FF0100";
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps4-gp", 1);
	assert_int_equal(play_send(&p, "01B0"), 0x6700);
	assert_int_equal(play_send(&p, "01A4040008"
				       "8025000001FF0100"
				       "00"),
		0x9000);
	assert_true(p.answer.len > 0);
	assert_int_equal(play_send(&p, "01A4040008"
				       "8025000001FF0100"),
		0x9000); /* case 3 */
	assert_int_equal(p.answer.len, 0);
	assert_int_equal(play_send(&p, "01A4040008"
				       "8025000001FF0100"
				       "01"),
		0x6C12);
	assert_int_equal(play_send(&p, "01A4040008"
				       "8025000001FF0100"
				       "0000"),
		0x6700);
	assert_int_equal(play_send(&p, "01A40400000008"
				       "8025000001FF0100"),
		0x6700); /* extended */
	assert_int_equal(play_send(&p, "01A40400098025000001FF0100"), 0x6700);
	assert_int_equal(play_send(&p, "01A4020C02D003"), 0x9000);
	assert_int_equal(play_send(&p, "01B00000"), 0x6700); /* READ without Le */
	assert_int_equal(play_send(&p, "01B0000000"), 0x9000);
	assert_int_equal(p.answer.len, 12);
	assert_int_equal(p.characters, 5 + 4 + 14 + 4);
	assert_int_equal(play_send(&p, "01B000000D"), 0x6C0C);
	assert_int_equal(play_send(&p, "01B0000004"), 0x9000);
	assert_int_equal(p.answer.len, 4);
	/* channel 0 is the card manager */
	assert_int_equal(play_send(&p, select), 0x6A82);
	assert_int_equal(play_send(&p, "00A4040007A0000001510000"), 0x9000);
	assert_int_equal(play_send(&p, "00B0000000"), 0x6D00);
	play_done(&p);
}

static void an_absent_card_answers_6f00(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(16);
	static const uint8_t command[] = {0, 0xB0, 0, 0, 0};
	struct transport t;

	(void)state;
	transport_init(&t);
	assert_int_equal(transport_exchange(&t, NULL, VIEW(command), &out), 7);
	assert_view_hex(buf_view(&out), "6F00");
	transport_done(&t);
}

static void chains_are_joined_and_bounded(void **state)
{
	_cleanup_(buf_done) struct buf part = BUF_NULL(512);
	static const uint8_t head[] = {0x10, 0x2A, 0x00, 0xBE, 0xFF};
	struct play p;

	(void)state;
	play_start(&p, &scene, "vitale-family", 0);
	assert_int_equal(play_send(&p, "002281B6128310"
				       "4652564453494D524F4F543030303031"),
		0x9000);
	assert_int_equal(play_send(&p, "102A00BE027F4E"), 0x9000);
	assert_int_equal(
		play_send(&p, "002A00BE0100"), 0x6A80); /* 7F4E 00: not a certificate */
	/* a chain that another command breaks is forgotten */
	assert_int_equal(play_send(&p, "102A00BE027F4E"), 0x9000);
	assert_int_equal(play_send(&p, "0084000010"), 0x9000);
	assert_int_equal(play_send(&p, "002A00BE0100"), 0x6A80);
	/* over 1024 bytes */
	buf_put(&part, head, sizeof(head));
	buf_extend(&part, 255);
	for (int i = 0; i < 4; i++)
		assert_int_equal(play_send_view(&p, buf_view(&part)), 0x9000);
	assert_int_equal(play_send_view(&p, buf_view(&part)), 0x6700);
	play_done(&p);
}

static void a_reset_leaves_no_file_current(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "vitale-family", 0);
	assert_int_equal(play_send(&p, "00A4080C022F02"), 0x9000);
	assert_int_equal(play_send(&p, "00B000000C"), 0x9000);
	play_reset(&p);
	assert_int_equal(play_send(&p, "00B000000C"), 0x6986);
	play_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vitale_refuses_with_the_right_words),
		cmocka_unit_test(security_commands_refuse_with_the_right_words),
		cmocka_unit_test(cards_that_are_not_for_us_know_nothing),
		cmocka_unit_test(t0_keeps_the_answer_for_get_response),
		cmocka_unit_test(t0_gives_long_answers_in_parts),
		cmocka_unit_test(t1_takes_whole_commands),
		cmocka_unit_test(an_absent_card_answers_6f00),
		cmocka_unit_test(chains_are_joined_and_bounded),
		cmocka_unit_test(a_reset_leaves_no_file_current),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
