/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * drivers/usb/parameters.h over answers to reset of real cards (pcsc-tools' list, ANS, OpenSC) and
 * made ones. The figures were computed by hand from ISO/IEC 7816-3:2006, whose clause stands beside
 * them; the reader has 4 MHz, as in published tables of link speeds.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "base/hex.h"
#include "drivers/usb/parameters.h"

#define VITALE_1 "3F6525002209F99000"
#define VITALE_2 "3B751300004409EA9000"
#define CPS3	 "3BAC00402A001225006480000310009000"
#define CPS4	 "3B9B188001001225006480040100009044"
#define CPS4_T0	 "3BDC18FF00001225006480000401009000"
#define OBERTHUR "3BDD18008131FE4580F9A000000077010800079000FE"
#define GEMALTO	 "3B7F9600000031B8644070141073940180829000"
/* A reader that knows both protocols and spans 10,752 to 344,086 bit/s (4 MHz * 32 / 372). */
static const struct ccid_interface usual = {
	.protocols = 3, .clock = 4000, .clock_max = 4000, .rate = 10752, .rate_max = 344086};

/* "+" at the end: with its TCK. */
static struct atr atr_of(const char *text)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(ATR_MAX);
	size_t len = strlen(text);
	bool sum = text[len - 1] == '+';
	struct atr a;
	uint8_t tck = 0;

	assert_int_equal(hex_decode(&b, view_of(text, len - sum)), 0);
	for (size_t i = 1; i < b.len; i++) {
		tck ^= b.data[i];
	}
	if (sum) {
		buf_put_u8(&b, tck);
	}
	assert_int_equal(atr_parse(buf_view(&b), &a), 0);
	return a;
}

static struct parameters chosen(
	const char *text, const struct ccid_interface *reader, unsigned first, bool negotiated)
{
	struct atr a = atr_of(text);
	struct parameters p;
	bool negotiate = !negotiated;

	assert_int_equal(parameters_choose(&a, reader, first, &p, &negotiate), 0);
	assert_int_equal(negotiate, negotiated);
	return p;
}

static int outcome(const char *text, const struct ccid_interface *reader, unsigned first)
{
	struct atr a = atr_of(text);
	struct parameters p = {.rate = 77};
	bool negotiate = true;
	int r = parameters_choose(&a, reader, first, &p, &negotiate);

	assert_true(r == 0 || (p.rate == 77 && negotiate)); /* written on success alone */
	return r;
}

static void assert_bytes(const struct buf *b, const char *hex)
{
	_cleanup_(buf_done) struct buf wanted = BUF_NULL(300);

	assert_int_equal(hex_decode(&wanted, view_str(hex)), 0);
	assert_true(view_equal(buf_view(b), buf_view(&wanted)));
}

static void assert_pps(const struct parameters *p, const char *hex)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(8);

	parameters_pps(p, &b);
	assert_bytes(&b, hex);
}

static void assert_structure(const struct parameters *p, const char *hex)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(8);

	parameters_put(p, &b);
	assert_bytes(&b, hex);
}

/* -- cards --------------------------------------------------------------------------------------- */

static void vitale_2_gets_its_four_times_the_default(void **state)
{
	struct parameters p = chosen(VITALE_2, &usual, 0, true);

	(void)state;
	assert_int_equal(p.protocol, 0);
	assert_int_equal(p.fidi, 0x13);	 /* Fi 372, Di 4 */
	assert_int_equal(p.rate, 43010); /* 4,000,000 * 4 / 372 = 43,010.75 */
	assert_pps(&p, "FF1013FC");	 /* §9.1: FF ^ 10 ^ 13 = FC */
	assert_structure(&p, "1300000A00");
	/* §10.2: 10 * 960 * 372 / 4 MHz = 0.8928 s */
	assert_int_equal(parameters_character_us(&p), 892800);
	/* READ BINARY of 256 bytes, 264 characters of 12 etu of 93 clocks: 73.656 ms */
	assert_int_equal(parameters_line_us(&p, 264), 73656);
}

static void vitale_1_is_inverse_and_slow(void **state)
{
	struct parameters p = chosen(VITALE_1, &usual, 0, false);

	(void)state;
	assert_true(p.inverse);
	assert_int_equal(p.fidi, 0x11);
	assert_pps(&p, "FF00FF");
	assert_structure(&p, "1102000A00");
}

static void cps3_may_be_silent_for_three_seconds_and_three_quarters(void **state)
{
	struct parameters p = chosen(CPS3, &usual, 1, false);

	(void)state;
	assert_int_equal(p.protocol, 0);
	assert_int_equal(p.wi, 42);
	/* §10.2: 42 * 960 * 372 / 4 MHz = 3.74976 s */
	assert_int_equal(parameters_character_us(&p), 3749760);
	/* 264 * 12 * 372 / 4 MHz = 294.624 ms */
	assert_int_equal(parameters_line_us(&p, 264), 294624);
	assert_structure(&p, "1100002A00");
}

static void cps4_offers_both_and_gets_what_is_wanted(void **state)
{
	struct parameters p = chosen(CPS4, &usual, 0, true);

	(void)state;
	assert_int_equal(p.protocol, 0);
	assert_int_equal(p.fidi, 0x18);	  /* 372, 12 */
	assert_int_equal(p.rate, 129032); /* 4,000,000 * 12 / 372 = 129,032.26 */
	assert_pps(&p, "FF1018F7");
	p = chosen(CPS4, &usual, 1, true);
	assert_int_equal(p.protocol, 1);
	assert_int_equal(p.ifsc, 32);
	assert_pps(&p, "FF1118F6");
	assert_structure(&p, "1810004D002000");
	/* §11.4.3: 11 etu of 31 clocks (85.25 us) + 16 * 960 * 372 / 4 MHz = 1.42848 s */
	assert_int_equal(parameters_block_us(&p, 0), 1428480 + 86);
}

static void cps4_with_one_protocol_asks_for_no_extra_time(void **state)
{
	struct parameters p = chosen(CPS4_T0, &usual, 1, true);

	(void)state;
	assert_int_equal(p.protocol, 0);
	assert_int_equal(p.guard, 255);
	assert_structure(&p, "1800FF0A00");
	/* §8.3: N = 255 with T=0 is 12 etu: 264 * 12 * 31 clocks = 24.552 ms */
	assert_int_equal(parameters_line_us(&p, 264), 24552);
	p.protocol = 1; /* with T=1 11 etu: 264 * 11 * 31 / 4 = 22.506 ms */
	assert_int_equal(parameters_line_us(&p, 264), 22506);
	p.guard = 254; /* 266 etu: 264 * 266 * 31 / 4 = 544.236 ms */
	assert_int_equal(parameters_line_us(&p, 264), 544236);
}

static void a_card_with_t1_alone_says_its_blocks_and_waits(void **state)
{
	struct parameters p = chosen(OBERTHUR, &usual, 0, true);

	(void)state;
	assert_int_equal(p.protocol, 1);
	assert_int_equal(p.ifsc, 254);
	assert_int_equal(p.bwi, 4);
	assert_int_equal(p.cwi, 5);
	assert_false(p.crc);
	assert_structure(&p, "1810004500FE00");
	/* CWT = 11 + 2^5 = 43 etu; (11 + 259 * 43) * 31 clocks = 86.397 ms, + 1.42848 s */
	assert_int_equal(parameters_block_us(&p, 259), 1428480 + 86397);
}

static void the_protocol_that_is_first_needs_no_pps_at_the_default_rate(void **state)
{
	/* T=1, then T=0 by default rate */
	const char *both = "3B808101+";

	(void)state;
	assert_int_equal(chosen(both, &usual, 1, false).protocol, 1);
	(void)chosen("3B808100+", &usual, 0, true);
}

static void wt_is_of_the_atr_whatever_rate_is_in_force(void **state)
{
	struct ccid_interface slow = usual;
	struct parameters p = chosen(GEMALTO, &usual, 0, true);

	(void)state;
	assert_int_equal(p.fidi, 0x96); /* 512, 32: 250,000 bit/s */
	/* 10 * 960 * 512 / 4 MHz = 1.2288 s */
	assert_int_equal(parameters_character_us(&p), 1228800);
	slow.rate_max = 10752;
	p = chosen(GEMALTO, &slow, 0, false);
	assert_int_equal(p.fidi, 0x11);
	assert_int_equal(parameters_character_us(&p), 1228800);
}

/* -- rates --------------------------------------------------------------------------------------- */

static void a_reader_gets_no_more_than_it_can(void **state)
{
	struct ccid_interface r = usual;

	(void)state;
	r.rate_max = 249999; /* told 1 bit/s too low: rounded */
	assert_int_equal(chosen(GEMALTO, &r, 0, true).fidi, 0x96);
	r.rate_max = 240000;
	assert_int_equal(chosen(GEMALTO, &r, 0, true).fidi, 0x99); /* 512, 20: 156,250 */
	r.rate_max = 125000;
	assert_int_equal(chosen(GEMALTO, &r, 0, true).fidi, 0x95);
	r.rate_max = 9600;
	assert_int_equal(chosen(GEMALTO, &r, 0, false).fidi, 0x11);
	r.rate_max = 0;
	assert_int_equal(chosen(VITALE_2, &r, 0, false).rate, 10752);
	r.rate_max = UINT32_MAX;
	assert_int_equal(chosen(GEMALTO, &r, 0, true).fidi, 0x96); /* no more than the card */
}

static void a_reader_that_lists_rates_gets_one_of_them(void **state)
{
	/* 9600, 10753, 43011, 128500, 344086 */
	static const uint8_t list[] = {0x80, 0x25, 0, 0, 0x01, 0x2A, 0, 0, 0x03, 0xA8, 0, 0,
		0xF4, 0xF5, 0x01, 0, 0x16, 0x40, 0x05, 0};
	struct ccid_interface r = usual;

	(void)state;
	parameters_rates(VIEW(list), &r);
	assert_int_equal(r.n_listed, 5);
	assert_int_equal(r.listed[4], 344086);
	assert_int_equal(chosen(VITALE_2, &r, 0, true).fidi, 0x13); /* 43,010: rounded up */
	assert_int_equal(chosen(CPS4, &r, 0, true).fidi, 0x18);	    /* 129,032: 0.4 % */
	parameters_rates(view_of(list, 12), &r);
	assert_int_equal(chosen(CPS4, &r, 0, true).fidi, 0x13); /* the next of the card's */
	parameters_rates(view_of(list, 8), &r);
	assert_int_equal(chosen(CPS4, &r, 0, false).fidi, 0x11);
}

static void a_list_that_is_none_is_as_no_list(void **state)
{
	static const uint8_t zero[] = {0x80, 0x25, 0, 0, 0, 0, 0, 0};
	uint8_t many[4 * (DESCRIPTOR_RATES_MAX + 9)];
	struct ccid_interface r = usual;

	(void)state;
	memset(many, 1, sizeof(many));
	r.n_listed = 3;
	parameters_rates(VIEW_NULL, &r);
	assert_int_equal(r.n_listed, 0);
	parameters_rates(VIEW(zero), &r);
	assert_int_equal(r.n_listed, 0);
	parameters_rates(view_of(many, 7), &r);
	assert_int_equal(r.n_listed, 0);
	assert_int_equal(chosen(VITALE_2, &r, 0, true).fidi, 0x13);
	parameters_rates(VIEW(many), &r);
	assert_int_equal(r.n_listed, DESCRIPTOR_RATES_MAX);
	r.n_listed = UINT8_MAX; /* somebody else's mistake is not read past the end */
	assert_int_equal(chosen(VITALE_2, &r, 0, false).fidi, 0x11);
}

static void reserved_and_slower_values_are_the_default(void **state)
{
	static const char *const ta1[] = {
		"3B1070", "3B1071", "3B101A", "3B1010", "3B10F8", "3B1001"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ta1); i++) {
		assert_int_equal(chosen(ta1[i], &usual, 0, false).fidi, 0x11);
	}
	/* Fi 2048, Di 1 is slower than 372, 1; Di 8 (15,625 bit/s) is not */
	assert_int_equal(chosen("3B10D1", &usual, 0, false).rate, 10752);
	assert_int_equal(chosen("3B10D4", &usual, 0, true).rate, 15625);
}

static void a_clock_that_no_card_can_have_counts_as_4_mhz(void **state)
{
	static const uint32_t odd[] = {0, 999, 20001, UINT32_MAX};
	struct ccid_interface r = usual;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		r.clock = odd[i];
		assert_int_equal(chosen(VITALE_2, &r, 0, true).rate, 43010);
	}
	r.clock = 20000;
	assert_int_equal(chosen(VITALE_2, &r, 0, true).clock, 20000);
	r.clock = 1000; /* 10,752 bit/s: the same as 372, 1 at 4 MHz */
	assert_int_equal(chosen(VITALE_2, &r, 0, true).rate, 10752);
}

/* -- protocols ------------------------------------------------------------------------------------ */

static void a_protocol_must_be_known_to_both(void **state)
{
	struct ccid_interface r = usual;

	(void)state;
	r.protocols = 2;
	assert_int_equal(outcome(VITALE_2, &r, 0), PARAMETERS_NONE);
	assert_int_equal(outcome(VITALE_2, &r, 1), PARAMETERS_NONE);
	assert_int_equal(chosen(CPS4, &r, 0, true).protocol, 1);
	r.protocols = 1;
	assert_int_equal(outcome(OBERTHUR, &r, 0), PARAMETERS_NONE);
	assert_int_equal(chosen(CPS4, &r, 1, true).protocol, 0);
	assert_int_equal(outcome("3B800E+", &usual, 0), PARAMETERS_NONE);   /* T=14 alone */
	assert_int_equal(chosen("3B808E00+", &usual, 0, true).protocol, 0); /* T=14, T=0 */
	assert_int_equal(chosen(CPS4, &usual, 7, true).protocol, 0);	    /* no such wish */
}

static void a_reader_that_negotiates_is_left_to_do_so(void **state)
{
	struct ccid_interface r = usual;

	(void)state;
	r.features = CCID_AUTO_PPS;
	assert_int_equal(chosen(CPS4, &r, 1, false).fidi, 0x18);
	r.features = CCID_AUTO_NEGOTIATION;
	assert_int_equal(chosen(CPS4, &r, 1, false).protocol, 1);
}

static void specific_mode_is_what_the_card_says(void **state)
{
	struct parameters p = chosen("3B90181000", &usual, 1, false);
	struct ccid_interface r = usual;

	(void)state;
	assert_int_equal(p.protocol, 0);
	assert_int_equal(p.fidi, 0x18);
	assert_int_equal(p.rate, 129032);
	p = chosen("3B801181+", &usual, 0, false); /* TA2 = 81: T=1, for good */
	assert_int_equal(p.protocol, 1);
	assert_int_equal(p.fidi, 0x11);
	r.rate_max = 100000;
	assert_int_equal(outcome("3B90181000", &r, 0), PARAMETERS_SPECIFIC);
	r.features = CCID_AUTO_NEGOTIATION;
	assert_int_equal(outcome("3B90181000", &r, 0), 0);
	r.protocols = 2;
	assert_int_equal(outcome("3B90181000", &r, 0), PARAMETERS_SPECIFIC);
	assert_int_equal(outcome("3B90181010", &usual, 0), PARAMETERS_SPECIFIC); /* implicit */
	assert_int_equal(outcome("3B9018100E", &usual, 0), PARAMETERS_SPECIFIC); /* T=14 */
	assert_int_equal(
		outcome("3B90781000", &usual, 0), PARAMETERS_SPECIFIC); /* reserved Fi */
	assert_int_equal(
		outcome("3B901F1000", &usual, 0), PARAMETERS_SPECIFIC); /* reserved Di */
}

static void after_the_reset_the_default_holds(void **state)
{
	struct atr a = atr_of(CPS4);
	struct parameters p;

	(void)state;
	parameters_after_reset(&a, &usual, &p);
	assert_int_equal(p.protocol, 0);
	assert_int_equal(p.rate, 10752);
	a = atr_of(OBERTHUR);
	parameters_after_reset(&a, &usual, &p);
	assert_int_equal(p.protocol, 1);
	assert_int_equal(p.fidi, 0x11);
	a = atr_of("3B90181000"); /* specific: at once what the card says (§6.3.1) */
	parameters_after_reset(&a, &usual, &p);
	assert_int_equal(p.fidi, 0x18);
	a = atr_of("3B90181010");
	parameters_after_reset(&a, &usual, &p);
	assert_int_equal(p.fidi, 0x11);
	a = atr_of("3B90781000");
	parameters_after_reset(&a, &usual, &p);
	assert_int_equal(p.fidi, 0x11);
}

/* -- other interface bytes ------------------------------------------------------------------------- */

static void reserved_waits_and_sizes_are_the_default(void **state)
{
	struct parameters p = chosen("3B80817100A501+", &usual, 1, false);

	(void)state;
	assert_int_equal(p.ifsc, 32); /* TA3 = 00 */
	assert_int_equal(p.bwi, 4);   /* TB3 = A5 */
	assert_int_equal(p.cwi, 5);
	assert_true(p.crc);
	assert_structure(&p, "11110045002000");
	p = chosen("3B808171FF9F00+", &usual, 1, false);
	assert_int_equal(p.ifsc, 32);
	assert_int_equal(p.bwi, 9);
	assert_int_equal(p.cwi, 15);
	assert_false(p.crc);
	assert_int_equal(chosen("3B804000", &usual, 0, false).wi, 10); /* TC2 = 00 */
	assert_int_equal(chosen("3B8040FF", &usual, 0, false).wi, 255);
}

static void the_clock_may_be_stopped_as_the_card_says(void **state)
{
	(void)state;
	/* the first TA for T=15, bits 8 and 7 (§8.3): none, low, high, either */
	assert_int_equal(chosen("3B80801F03+", &usual, 0, false).clock_stop, 0);
	assert_int_equal(chosen("3B80801F43+", &usual, 0, false).clock_stop, 1);
	assert_int_equal(chosen("3B80801F83+", &usual, 0, false).clock_stop, 2);
	assert_int_equal(chosen("3B80801FC3+", &usual, 0, false).clock_stop, 3);
	assert_int_equal(chosen(CPS4, &usual, 0, true).clock_stop, 0);
}

/* -- PPS --------------------------------------------------------------------------------------------- */

static int pps_answered(const struct parameters *p, const char *hex)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(16);

	assert_int_equal(hex_decode(&b, view_str(hex)), 0);
	return parameters_pps_answer(p, buf_view(&b));
}

static void pps_is_answered_as_asked_or_without_its_rate(void **state)
{
	struct parameters p = {.protocol = 1, .fidi = 0x18};

	(void)state;
	assert_int_equal(pps_answered(&p, "FF1118F6"), 0);
	assert_int_equal(pps_answered(&p, "FF01FE"), PARAMETERS_DEFAULT);
	p.fidi = 0x11;
	assert_int_equal(pps_answered(&p, "FF01FE"), 0);
}

static void pps_of_other_contents_is_refused(void **state)
{
	const struct parameters p = {.protocol = 1, .fidi = 0x18}, plain = {.fidi = 0x11};

	(void)state;
	assert_int_equal(pps_answered(&p, "FF1018F7"), PARAMETERS_REFUSED); /* T=0 */
	assert_int_equal(pps_answered(&p, "FF00FF"), PARAMETERS_REFUSED);
	assert_int_equal(pps_answered(&p, "FF11957B"), PARAMETERS_REFUSED); /* another rate */
	assert_int_equal(pps_answered(&p, "FF1111FF"), PARAMETERS_REFUSED);
	assert_int_equal(pps_answered(&p, "FF311800D6"), PARAMETERS_REFUSED); /* PPS2 */
	assert_int_equal(pps_answered(&p, "FF511800B6"), PARAMETERS_REFUSED); /* PPS3 */
	assert_int_equal(pps_answered(&p, "FF7118000096"), PARAMETERS_REFUSED);
	assert_int_equal(pps_answered(&plain, "FF1011FE"), PARAMETERS_REFUSED); /* not asked */
	assert_int_equal(pps_answered(&plain, "FF1018F7"), PARAMETERS_REFUSED);
}

static void pps_that_is_none_is_broken(void **state)
{
	static const char *const none[] = {"", "FF", "FF11", "FF1118", "FF1118F7", "FF1118F600",
		"3B111832", "FF911876", "FF01FF", "FF3118D6", "FF71180096"};
	const struct parameters p = {.protocol = 1, .fidi = 0x18};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		assert_int_equal(pps_answered(&p, none[i]), PARAMETERS_BROKEN);
	}
}

/* -- structures ------------------------------------------------------------------------------------ */

static int structure_read(const char *hex, uint8_t protocol, struct parameters *ret)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(16);

	assert_int_equal(hex_decode(&b, view_str(hex)), 0);
	return parameters_read(buf_view(&b), protocol, &usual, ret);
}

static void structures_are_read_as_they_are_put(void **state)
{
	struct parameters p;

	(void)state;
	assert_int_equal(structure_read("1802FF2A03", 0, &p), 0);
	assert_int_equal(p.protocol, 0);
	assert_int_equal(p.rate, 129032);
	assert_true(p.inverse);
	assert_int_equal(p.guard, 255);
	assert_int_equal(p.clock_stop, 3);
	assert_int_equal(parameters_character_us(&p), 3749760);
	assert_structure(&p, "1802FF2A03");
	assert_int_equal(structure_read("9513054D01FE00", 1, &p), 0);
	assert_int_equal(p.protocol, 1);
	assert_int_equal(p.rate, 125000);
	assert_int_equal(p.fi, 512);
	assert_true(p.crc && p.inverse);
	assert_int_equal(p.ifsc, 254);
	assert_structure(&p, "9513054D01FE00");
}

static void structures_that_are_none_are_broken(void **state)
{
	static const struct {
		const char *hex;
		uint8_t protocol;
	} none[] = {
		{"", 0},
		{"1800000A", 0},
		{"1800000A00", 1},
		{"7800000A00", 0},
		{"1F00000A00", 0},
		{"1800000A00", 2},
		{"1810004D0020", 1},
		{"0A10004D002000", 1},
	};
	struct parameters p = {.rate = 77};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		assert_int_equal(
			structure_read(none[i].hex, none[i].protocol, &p), PARAMETERS_BROKEN);
		assert_int_equal(p.rate, 77);
	}
}

static void what_cannot_be_of_a_structure_is_the_default(void **state)
{
	struct parameters p;

	(void)state;
	assert_int_equal(structure_read("1800000000", 0, &p), 0); /* WI 0 */
	assert_int_equal(p.wi, 10);
	assert_int_equal(structure_read("1800000A0000", 0, &p), 0); /* a byte too many */
	assert_int_equal(p.fidi, 0x18);
	assert_int_equal(structure_read("181000AD00200000", 1, &p), 0); /* BWI 10 */
	assert_int_equal(p.bwi, 4);
	assert_int_equal(p.cwi, 13);
	assert_int_equal(structure_read("1810004D000000", 1, &p), 0);
	assert_int_equal(p.ifsc, 32);
	assert_int_equal(structure_read("1810004D00FF00", 1, &p), 0);
	assert_int_equal(p.ifsc, 32);
}

/* -- times ------------------------------------------------------------------------------------------- */

static void no_time_is_nothing_or_for_ever(void **state)
{
	struct parameters p = {0}; /* what nobody filled */

	(void)state;
	assert_int_equal(parameters_character_us(&p), 1);
	assert_int_equal(parameters_line_us(&p, 0), 1);
	assert_in_range(parameters_block_us(&p, 0), 1, PARAMETERS_WAIT_MAX);
	/* 255 * 960 * 2048 / 4 MHz = 125 s */
	p = (struct parameters){.wi = 255, .fi = 2048, .fidi = 0xD1, .clock = 4000};
	assert_int_equal(parameters_character_us(&p), PARAMETERS_WAIT_MAX);
	p.bwi = 9; /* 512 * 960 * 372 / 4 MHz = 45.7 s, + 11 etu of 2048 clocks = 5.632 ms */
	assert_int_equal(parameters_block_us(&p, 0), 45711360 + 5632);
	p.cwi = 15;
	assert_int_equal(parameters_block_us(&p, SIZE_MAX), PARAMETERS_WAIT_MAX);
	assert_int_equal(parameters_line_us(&p, SIZE_MAX), PARAMETERS_WAIT_MAX);
	p.fidi = 0x7A; /* reserved: as 372, 1; 1000 * 12 * 372 / 4 MHz */
	assert_int_equal(parameters_line_us(&p, 1000), 1116000);
	p.fidi = 0xD1;
	p.bwi = 15; /* not of a card: as 4 */
	p.cwi = 0;
	assert_int_equal(parameters_block_us(&p, 0), 1428480 + 5632);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vitale_2_gets_its_four_times_the_default),
		cmocka_unit_test(vitale_1_is_inverse_and_slow),
		cmocka_unit_test(cps3_may_be_silent_for_three_seconds_and_three_quarters),
		cmocka_unit_test(cps4_offers_both_and_gets_what_is_wanted),
		cmocka_unit_test(cps4_with_one_protocol_asks_for_no_extra_time),
		cmocka_unit_test(a_card_with_t1_alone_says_its_blocks_and_waits),
		cmocka_unit_test(the_protocol_that_is_first_needs_no_pps_at_the_default_rate),
		cmocka_unit_test(wt_is_of_the_atr_whatever_rate_is_in_force),
		cmocka_unit_test(a_reader_gets_no_more_than_it_can),
		cmocka_unit_test(a_reader_that_lists_rates_gets_one_of_them),
		cmocka_unit_test(a_list_that_is_none_is_as_no_list),
		cmocka_unit_test(reserved_and_slower_values_are_the_default),
		cmocka_unit_test(a_clock_that_no_card_can_have_counts_as_4_mhz),
		cmocka_unit_test(a_protocol_must_be_known_to_both),
		cmocka_unit_test(a_reader_that_negotiates_is_left_to_do_so),
		cmocka_unit_test(specific_mode_is_what_the_card_says),
		cmocka_unit_test(after_the_reset_the_default_holds),
		cmocka_unit_test(reserved_waits_and_sizes_are_the_default),
		cmocka_unit_test(the_clock_may_be_stopped_as_the_card_says),
		cmocka_unit_test(pps_is_answered_as_asked_or_without_its_rate),
		cmocka_unit_test(pps_of_other_contents_is_refused),
		cmocka_unit_test(pps_that_is_none_is_broken),
		cmocka_unit_test(structures_are_read_as_they_are_put),
		cmocka_unit_test(structures_that_are_none_are_broken),
		cmocka_unit_test(what_cannot_be_of_a_structure_is_the_default),
		cmocka_unit_test(no_time_is_nothing_or_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
