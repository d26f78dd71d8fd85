/* SPDX-License-Identifier: EUPL-1.2 */
/* drivers/card/atr.h: the cards that we know, every outcome, every parameter. */
#include <string.h>

#include "base/hex.h"
#include "drivers/card/atr.h"
#include "tests/unit/sim/scene.h"

static int parse(const char *hex, struct atr *ret)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(128);

	assert_int_equal(hex_decode(&b, view_str(hex)), 0);
	return atr_parse(buf_view(&b), ret);
}

static const struct {
	const char *name, *hex;
	unsigned protocols, fi, di, historical;
	bool inverse, tck;
} cards[] = {
	{"Vitale 2", "3B751300004309EA9000", 1, 372, 4, 5, false, false},
	{"Vitale 2, variant", "3B751300004509FA9000", 1, 372, 4, 5, false, false},
	{"Vitale 1", "3F6525002209F99000", 1, 372, 1, 5, true, false},
	{"CPS3", "3BAC00402A001225006480000310009000", 1, 372, 1, 12, false, false},
	{"CPS2ter", "3BAC00402A001225006480820212009000", 1, 372, 1, 12, false, false},
	{"CPS3 contactless", "3B8F80010031B86404B0ECC1739401808290000E", 3, 372, 1, 15, false,
		true},
	{"CPS4", "3B9B188001001225006480040100009044", 3, 372, 12, 11, false, true},
	{"CPS4, candidate", "3B9B188001001225006480000401009044", 3, 372, 12, 11, false, true},
	{"CPS4, T=0 only",
		"3BDC18FF0000122500648000040100"
		"9000",
		1, 372, 12, 12, false, false},
	{"IDEMIA IAS",
		"3B7F96000000"
		"31B8644070141073940180829000",
		1, 512, 32, 15, false, false},
	{"Oberthur",
		"3BDD18008131FE4580F9A0000000770108000790"
		"00FE",
		2, 372, 12, 13, false, true},
};

static void known_cards_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cards); i++) {
		struct atr a;

		if (parse(cards[i].hex, &a) != 0)
			fail_msg("%s: %d", cards[i].name, parse(cards[i].hex, &a));
		assert_int_equal(a.protocols, cards[i].protocols);
		assert_int_equal(atr_fi(&a), cards[i].fi);
		assert_int_equal(atr_di(&a), cards[i].di);
		assert_int_equal(a.n_historical, cards[i].historical);
		assert_int_equal(a.inverse, cards[i].inverse);
		assert_int_equal(a.has_tck, cards[i].tck);
		assert_int_equal(atr_view(&a).len, strlen(cards[i].hex) / 2);
	}
}

static void historical_bytes_and_interface_bytes_are_kept(void **state)
{
	struct atr a;

	(void)state;
	assert_int_equal(parse("3B9B188001001225006480040100009044", &a), 0);
	assert_view_hex(atr_view_historical(&a), "0012250064800401000090");
	assert_int_equal(a.n_levels, 3);
	assert_int_equal(a.level[0].has, ATR_HAS_A | ATR_HAS_D);
	assert_int_equal(a.level[0].a, 0x18);
	assert_int_equal(a.level[2].protocol, 1);
	assert_int_equal(a.first, 0);
	assert_true(atr_offers(&a, 0));
	assert_true(atr_offers(&a, 1));
	assert_false(atr_offers(&a, 2));
	assert_false(atr_offers(&a, 15));
	assert_false(a.specific);
	assert_int_equal(parse("3BAC00402A001225006480000310009000", &a), 0);
	assert_int_equal(a.level[1].c, 0x2A);
	assert_int_equal(a.level[0].b, 0x00);
}

static void a_cut_anywhere_is_found(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(64);
	struct atr a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cards); i++) {
		buf_reset(&b);
		assert_int_equal(hex_decode(&b, view_str(cards[i].hex)), 0);
		for (size_t len = 0; len < b.len; len++)
			assert_int_equal(
				atr_parse(view_sub(buf_view(&b), 0, len), &a), ATR_CUT);
	}
}

static void bad_answers_have_their_outcome(void **state)
{
	static const struct {
		const char *hex;
		int outcome;
	} rows[] = {
		{"", ATR_CUT},
		{"3B", ATR_CUT},
		{"3B00", 0},
		{"3C00", ATR_CONVENTION},
		{"0000", ATR_CONVENTION},
		{"3B0000", ATR_LONG},
		{"3B751300004309EA900000", ATR_LONG},
		{"3B9B188001001225006480040100009045", ATR_CHECKSUM},
		{"3B9B188001001225006480040100009144", ATR_CHECKSUM},
		{"3B80", ATR_CUT},
		{"3B808080808080808080808080808080808080808080808080808080808080808080",
			ATR_LONG},
		{"3B8080808080808080808080808080808080808080808080808080808080808080", ATR_CUT},
	};
	struct atr a;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(parse(rows[i].hex, &a), rows[i].outcome);
}

static void a_wrong_answer_changes_nothing(void **state)
{
	struct atr a = {.len = 77};

	(void)state;
	assert_int_equal(parse("3B9B18", &a), ATR_CUT);
	assert_int_equal(a.len, 77);
}

static void first_protocol_and_specific_mode_are_told(void **state)
{
	struct atr a;

	(void)state;
	/* TD1 = 81 (T=1), TD2 = 0F would be T=15 */
	assert_int_equal(parse("3B8081"
			       "1F"
			       "00"
			       "9E"
			       "81",
				 &a),
		ATR_LONG);
	assert_int_equal(parse("3B80811F009F", &a), ATR_CHECKSUM);
	assert_int_equal(parse("3B80811F001E", &a), 0);
	assert_int_equal(a.first, 1);
	assert_int_equal(a.protocols, 2);
	/* TA2 present: specific mode */
	assert_int_equal(parse("3B80108011", &a), ATR_LONG);
	assert_int_equal(parse("3B801080", &a), 0);
	assert_true(a.specific);
}

static void line_parameters_follow_the_standard(void **state)
{
	struct atr vitale, cps3, cps4, t0, slow;

	(void)state;
	assert_int_equal(parse("3B751300004309EA9000", &vitale), 0);
	assert_int_equal(parse("3BAC00402A001225006480000310009000", &cps3), 0);
	assert_int_equal(parse("3B9B188001001225006480040100009044", &cps4), 0);
	assert_int_equal(parse("3BDC18FF00001225006480000401009000", &t0), 0);
	assert_int_equal(parse("3B400A", &slow), 0);
	/* 12 etu of 372 cycles at 4 MHz are 1116 us */
	assert_int_equal(atr_character_ns(&cps3, 0, ATR_FREQUENCY), 1116000);
	assert_int_equal(atr_character_ns(&vitale, 0, ATR_FREQUENCY), 279000);
	assert_int_equal(atr_character_ns(&cps4, 0, ATR_FREQUENCY), 93000);
	assert_int_equal(atr_guard_time(&t0, 0), 12);
	assert_int_equal(atr_guard_time(&t0, 1), 11);
	assert_int_equal(atr_guard_time(&slow, 0), 22);
	/* WT = 960 WI Fi/f: 0.893 s, and 3.75 s for WI = 42 */
	assert_int_equal(atr_waiting_ns(&vitale, 0, ATR_FREQUENCY), 892800000);
	assert_int_equal(atr_waiting_ns(&cps3, 0, ATR_FREQUENCY), 3749760000);
	/* BWT with BWI = 4: 1.43 s */
	assert_int_equal(atr_waiting_ns(&cps4, 1, ATR_FREQUENCY) / 1000000, 1428);
	assert_int_equal(atr_ifsc(&cps4), 32);
}

static void t1_bytes_change_ifsc_and_waiting(void **state)
{
	struct atr a;

	(void)state;
	/* TD1 = 81, TD2 = 31: TA3 = FE, TB3 = 55 */
	assert_int_equal(parse("3B808131FE551B", &a), ATR_CHECKSUM);
	assert_int_equal(parse("3B808131FE559B", &a), 0);
	assert_int_equal(atr_ifsc(&a), 254);
	assert_int_equal(atr_waiting_ns(&a, 1, ATR_FREQUENCY) / 1000000, 2857);
	/* TB3 = A5: BWI above 9 is reserved, the default stays; TA3 = 00 too */
	assert_int_equal(parse("3B80813100A595", &a), 0);
	assert_int_equal(atr_ifsc(&a), 32);
	assert_int_equal(atr_waiting_ns(&a, 1, ATR_FREQUENCY) / 1000000, 1429);
}

static void reserved_speeds_count_as_default(void **state)
{
	struct atr a;

	(void)state;
	assert_int_equal(parse("3B10FF", &a), 0);
	assert_int_equal(atr_fi(&a), 372);
	assert_int_equal(atr_di(&a), 1);
	assert_int_equal(parse("3B1096", &a), 0);
	assert_int_equal(atr_fi(&a), 512);
	assert_int_equal(atr_di(&a), 32);
}

static void masks_compare_what_they_cover(void **state)
{
	static const uint8_t pattern[] = {
		0x3B, 0x75, 0x13, 0x00, 0x00, 0x40, 0x09, 0xEA, 0x90, 0x00};
	static const uint8_t mask[] = {
		0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xF0, 0xFF, 0xEF, 0xFF, 0xFF};
	struct atr a;

	(void)state;
	assert_int_equal(parse("3B751300004309EA9000", &a), 0);
	assert_true(atr_matches(&a, VIEW(pattern), VIEW(mask)));
	assert_int_equal(parse("3B751300004509FA9000", &a), 0);
	assert_true(atr_matches(&a, VIEW(pattern), VIEW(mask)));
	assert_int_equal(parse("3B751300005309EA9000", &a), 0);
	assert_false(atr_matches(&a, VIEW(pattern), VIEW(mask)));
	assert_int_equal(parse("3B00", &a), 0);
	assert_false(atr_matches(&a, VIEW(pattern), VIEW(mask)));
	assert_int_equal(parse("3B751300004309EA9000", &a), 0);
	assert_false(atr_matches(&a, VIEW(pattern), view_sub(VIEW(mask), 1, sizeof(mask))));
}

/* ISO/IEC 7816-3:2006 §11.4.2: 00 and FF are reserved */
static void a_reserved_ifsc_counts_as_default(void **state)
{
	static const struct {
		const char *hex;
		unsigned ifsc;
	} rows[] = {
		{"3B8081111F0F", 31},
		{"3B8081110010", 32},
		{"3B808111FFEF", 32},
		{"3B808111FEEE", 254},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct atr a;

		assert_int_equal(parse(rows[i].hex, &a), 0);
		assert_int_equal(atr_ifsc(&a), rows[i].ifsc);
	}
}

/* §8.3: the first level beyond the second counts, for each protocol by itself; 15 is all protocols */
static void bytes_of_a_protocol_are_found(void **state)
{
	struct atr a;

	(void)state;
	/* TD1 = 81, TA3 = FE and TD3 = 9F behind TD2 = 91; TA4 = 43, TD4 = 11, TA5 = 20 */
	assert_int_equal(parse("3B808191FE9F43112083", &a), 0);
	assert_int_equal(atr_level_for(&a, 1, ATR_HAS_A)->a, 0xFE);
	assert_int_equal(atr_level_for(&a, 15, ATR_HAS_A)->a, 0x43);
	assert_null(atr_level_for(&a, 0, ATR_HAS_A));
	assert_null(atr_level_for(&a, 1, ATR_HAS_B));
	assert_int_equal(atr_fi_of(0x95), 512);
	assert_int_equal(atr_di_of(0x95), 16);
	assert_int_equal(atr_fi_of(0x75), 0);
	assert_int_equal(atr_di_of(0x9A), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_cards_are_read),
		cmocka_unit_test(historical_bytes_and_interface_bytes_are_kept),
		cmocka_unit_test(a_cut_anywhere_is_found),
		cmocka_unit_test(bad_answers_have_their_outcome),
		cmocka_unit_test(a_wrong_answer_changes_nothing),
		cmocka_unit_test(first_protocol_and_specific_mode_are_told),
		cmocka_unit_test(line_parameters_follow_the_standard),
		cmocka_unit_test(t1_bytes_change_ifsc_and_waiting),
		cmocka_unit_test(reserved_speeds_count_as_default),
		cmocka_unit_test(masks_compare_what_they_cover),
		cmocka_unit_test(a_reserved_ifsc_counts_as_default),
		cmocka_unit_test(bytes_of_a_protocol_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
