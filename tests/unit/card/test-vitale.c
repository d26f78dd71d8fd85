/* SPDX-License-Identifier: EUPL-1.2 */
/* The Vitale driver over replayed dialogues, and its pure parts over tables. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "base/hex.h"
#include "drivers/card/vitale/vitale.h"
#include "tests/unit/card/dialogue.h"

/* -- dialogues ------------------------------------------------------------------------------------ */

static struct tlv person_at(struct view body, size_t index)
{
	struct reader r = reader_of(body);
	struct tlv t;
	size_t n = 0;

	while (tlv_next(&r, &t) == 0) {
		if (t.tag == LINK_TAG_PERSON && n++ == index) {
			return t;
		}
	}
	fail_msg("no person %zu", index);
	return t;
}

static size_t count(struct view body, uint32_t tag)
{
	struct reader r = reader_of(body);
	struct tlv t;
	size_t n = 0;

	while (tlv_next(&r, &t) == 0) {
		n += t.tag == tag;
	}
	return n;
}

static void check_family(struct view body)
{
	struct tlv t;
	struct view p;

	assert_int_equal(count(body, LINK_TAG_PERSON), 4);
	p = person_at(body, 0).value;
	text_is(p, LINK_TAG_SURNAME, "NÉVÉ-ÇA");
	text_is(p, LINK_TAG_GIVEN, "Zoë");
	text_is(p, LINK_TAG_BIRTH, "19990113");
	text_is(p, LINK_TAG_NIR, "299019999900157");
	text_is(p, LINK_TAG_COUNTRY, "FRA");
	assert_int_equal(tlv_find(p, LINK_TAG_RANK, &t), TLV_ABSENT);
	p = person_at(body, 1).value;
	text_is(p, LINK_TAG_BIRTH, "19981332");
	text_is(p, LINK_TAG_NIR, "198139999900256");
	p = person_at(body, 2).value;
	text_is(p, LINK_TAG_NIR, "199012A99900334");
	text_is(p, LINK_TAG_RANK, "\1");
	p = person_at(body, 3).value; /* the key of this number is wrong */
	text_is(p, LINK_TAG_GIVEN, "Noé");
	assert_int_equal(tlv_find(p, LINK_TAG_NIR, &t), TLV_ABSENT);
	text_is(p, LINK_TAG_RANK, "\2");
}

static void check_kind(struct view body)
{
	text_is(body, LINK_TAG_KIND, "vitale");
	text_is(body, LINK_TAG_GENERATION, "vitale-2");
}

static void check_serial_only(struct view body)
{
	struct tlv t;

	assert_int_equal(tlv_find(body, LINK_TAG_SERIAL, &t), 0);
	assert_int_equal(t.value.len, 10);
	assert_int_equal(tlv_find(body, LINK_TAG_VALID_FROM, &t), TLV_ABSENT);
	assert_int_equal(tlv_find(body, LINK_TAG_CVC, &t), TLV_ABSENT);
}

static void check_periods(struct view body)
{
	struct tlv t;
	uint8_t index;

	assert_int_equal(count(body, LINK_TAG_COVERAGE), 2);
	assert_int_equal(tlv_find(body, LINK_TAG_COVERAGE, &t), 0);
	assert_int_equal(tlv_find_u8(t.value, LINK_TAG_INDEX, &index), 0);
	assert_int_equal(index, 0);
	text_is(t.value, LINK_TAG_COVER_FROM, "202401010000");
	text_is(t.value, LINK_TAG_COVER_TO, "202612310000");
	text_is(t.value, LINK_TAG_ALD, "1");
	text_is(t.value, LINK_TAG_SITUATION, "0100");
}

/* The whole dialogue has 30 commands and 1419 characters by the counting rule. */
static void check_costs(struct view body)
{
	uint32_t n;

	assert_int_equal(tlv_find_u32(body, LINK_TAG_TPDUS, &n), 0);
	assert_int_equal(n, 30);
	assert_int_equal(tlv_find_u32(body, LINK_TAG_CHARACTERS, &n), 0);
	assert_int_equal(n, 1419);
}

static const struct scene family = {"vitale-family", 2,
	{
		{CARD_OP_OPEN, CARD_DONE, OPEN_EXCLUSIVE, NULL, NULL, check_kind},
		{.op = CARD_OP_READ_PUBLIC, .answer = "CA083230323430313031C90A"},
		{.op = CARD_OP_READ_PEOPLE, .check = check_family},
		{.op = CARD_OP_CHECK_CERTIFICATE, .request = CAR_NAME CVC_OBJECT},
		{.op = CARD_OP_CHALLENGE,
			.request = CHR_NAME,
			.answer = "DF2110000102030405060708090A0B0C0D0E0F"},
		{.op = CARD_OP_INTERNAL_AUTHENTICATE, .request = DATA_24, .answer = SIGNATURE},
		{.op = CARD_OP_EXTERNAL_AUTHENTICATE, .request = SIGNATURE},
		{.op = CARD_OP_READ_PROTECTED, .check = check_periods},
		{.op = CARD_OP_PRESENT, .check = check_costs},
		{.op = CARD_OP_VERIFY, .outcome = CARD_ABSENT, .pin = "1234"},
		{.op = CARD_OP_PIN_STATE, .outcome = CARD_ABSENT},
		{.op = CARD_OP_READ_ACTIVITIES, .outcome = CARD_ABSENT},
		{.op = CARD_OP_SIGN, .outcome = CARD_ABSENT, .request = DATA_24},
		{.op = CARD_OP_CLOSE},
	}};

static void a_family_card_is_read_whole(void **state)
{
	(void)state;
	play(&family);
}

/* At every single command: torn out, silent, and a fault of ours. */
static void a_card_may_leave_at_any_command(void **state)
{
	(void)state;
	play_broken(&family, "! gone", CARD_GONE, true);
	play_broken(&family, "! mute", CARD_MUTE, false);
	play_broken(&family, "! fault", CARD_FAILED, false);
	play_broken(&family, "< 6F00", CARD_BROKEN, false);
	play_broken(&family, "< 00", CARD_BROKEN, false);
}

static void check_nineteen(struct view body)
{
	assert_int_equal(count(body, LINK_TAG_PERSON), 19);
	text_is(person_at(body, 18).value, LINK_TAG_SURNAME, "NOM18");
	text_is(person_at(body, 1).value, LINK_TAG_BIRTH, "19511932");
}

static void check_one(struct view body)
{
	assert_int_equal(count(body, LINK_TAG_PERSON), 1);
}

static void people_behind_the_first_block_are_read(void **state)
{
	static const struct {
		const char *dialogue;
		void (*check)(struct view body);
	} table[] = {
		{"vitale-nineteen", check_nineteen},
		{"vitale-block-edge", check_one},
		{"vitale-blocks-of-231", check_family},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		play(&(struct scene){table[i].dialogue, 1,
			{
				{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
				{.op = CARD_OP_READ_PEOPLE, .check = table[i].check},
				{.op = CARD_OP_CLOSE},
			}});
	}
}

static void a_card_without_the_stand_in_is_read_as_far_as_it_goes(void **state)
{
	static const struct scene scene = {"vitale-bare", 1,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_READ_PUBLIC, .check = check_serial_only},
			{.op = CARD_OP_INTERNAL_AUTHENTICATE,
				.outcome = CARD_ABSENT,
				.request = DATA_24},
			{.op = CARD_OP_CHECK_CERTIFICATE,
				.outcome = CARD_REFUSED,
				.request = CAR_NAME CVC_OBJECT},
			{.op = CARD_OP_READ_PROTECTED, .outcome = CARD_DENIED},
			{.op = CARD_OP_CLOSE},
		}};

	(void)state;
	play(&scene);
}

static void a_card_that_says_yes_to_everything_is_broken(void **state)
{
	static const struct scene scene = {"vitale-yes-to-all", 1,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_READ_PUBLIC, .outcome = CARD_BROKEN},
			{.op = CARD_OP_READ_PEOPLE, .outcome = CARD_BROKEN},
			{.op = CARD_OP_CHALLENGE, .outcome = CARD_BROKEN, .request = CHR_NAME},
			{.op = CARD_OP_INTERNAL_AUTHENTICATE,
				.outcome = CARD_BROKEN,
				.request = DATA_24},
			{.op = CARD_OP_CLOSE},
		}};

	(void)state;
	play(&scene);
}

static void files_that_disagree_or_are_cut_are_broken(void **state)
{
	static const char *const dialogues[] = {"vitale-contradiction", "vitale-cut"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialogues); i++) {
		play(&(struct scene){dialogues[i], 1,
			{
				{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
				{.op = CARD_OP_READ_PEOPLE, .outcome = CARD_BROKEN},
				{.op = CARD_OP_CLOSE},
			}});
	}
}

static void dates_and_serials_of_another_shape_are_broken(void **state)
{
	static const struct {
		const char *dialogue;
		uint8_t op;
	} table[] = {
		{"vitale-validity-tag", CARD_OP_READ_PUBLIC},
		{"vitale-validity-digits", CARD_OP_READ_PUBLIC},
		{"vitale-validity-none", CARD_OP_READ_PUBLIC},
		{"vitale-serial-long", CARD_OP_PRESENT},
		{"vitale-serial-empty", CARD_OP_PRESENT},
		{"vitale-serial-tag", CARD_OP_PRESENT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		play(&(struct scene){table[i].dialogue, 1,
			{
				{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
				{.op = table[i].op, .outcome = CARD_BROKEN},
				{.op = CARD_OP_CLOSE},
			}});
	}
}

/* -- pure ------------------------------------------------------------------------------------------ */

static void a_nir_is_known_by_its_key(void **state)
{
	static const struct {
		const char *nir;
		bool valid;
	} table[] = {
		{"299019999900157", true},
		{"299019999900158", false},
		{"199012A99900334", true}, /* 2A as 19 */
		{"199012A99900335", false},
		{"199012B99900361", true},  /* 2B as 18 */
		{"199013A99900334", false}, /* A only behind a 2 */
		{"19901A299900334", false},
		{"199012C99900334", false},
		{"19901299900334", false},   /* short */
		{"1990199999001577", false}, /* long */
		{"2990199999001X7", false},
		{"29901999990015X", false},
		{"29901999990015/", false},
		{"555555999999997", false},
		{"", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (nir_valid(view_str(table[i].nir)) != table[i].valid) {
			fail_msg("%s", table[i].nir);
		}
	}
}

/* 65 { 80 "A" 81 "B" 82 "20000101" } and its number, with one thing changed at a time */
static void templates_that_are_not_whole_are_broken(void **state)
{
	static const struct {
		const char *identities;
		const char *numbers;
		int r;
	} table[] = {
		{"65108001418101428208323030303031303165", "", CARD_BROKEN},
		{"651080014181014282083230303030313031", "6500", 0},
		{"651080014181014282083230303030313031", "65059003465241", 0},
		{"651080014181014282083230303030313031", "00650000", 0},
		{"A1006510800141810142820832303030303130310000", "6500", 0},
		{"650D8101428208323030303031303100", "6500", CARD_BROKEN},     /* no 80 */
		{"650D80014182083230303030313031", "6500", CARD_BROKEN},       /* no 81 */
		{"6506800141810142", "6500", CARD_BROKEN},		       /* no 82 */
		{"650E8001418101428206303030313031", "6500", CARD_BROKEN},     /* 6 digits */
		{"651080014181014282083230303030313041", "6500", CARD_BROKEN}, /* a letter */
		{"65108001418101428208323030303031302F", "6500", CARD_BROKEN},
		{"651380014181014282083230303030313031940101", "6500", 0},
		{"65148001418101428208323030303031303194020101", "6500",
			CARD_BROKEN}, /* rank */
		{"651280014181014282083230303030313031 8005", "6500", CARD_BROKEN},
		{"651080014181014282083230303030313031", "65029005", CARD_BROKEN},
		{"651080014181014282083230303030313031", "65039305", CARD_BROKEN},
		{"651080014181014282083230303030313031", "", CARD_BROKEN},
		{"", "6500", CARD_BROKEN},
		{"", "", CARD_BROKEN},
		{"6581", "6500", CARD_BROKEN},
		{"651080014181014282083230303030313031", "65FF", CARD_BROKEN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		_cleanup_(buf_done) struct buf a = BUF_NULL(256);
		_cleanup_(buf_done) struct buf b = BUF_NULL(256);
		_cleanup_(buf_done) struct buf body = BUF_NULL(1024);
		int r;

		for (const char *c = table[i].identities; *c; c += 2) {
			if (*c == ' ') {
				c++;
			}
			assert_int_equal(hex_decode(&a, view_of(c, 2)), 0);
		}
		assert_int_equal(hex_decode(&b, view_str(table[i].numbers)), 0);
		r = vitale_people(buf_view(&a), buf_view(&b), &body);
		if (r != table[i].r) {
			fail_msg("row %zu: %d", i, r);
		}
	}
}

static void more_people_than_a_card_can_hold_are_broken(void **state)
{
	_cleanup_(buf_done) struct buf a = BUF_NULL(8192);
	_cleanup_(buf_done) struct buf b = BUF_NULL(8192);
	_cleanup_(buf_done) struct buf body = BUF_NULL(8192);

	(void)state;
	for (size_t i = 0; i <= VITALE_PEOPLE_MAX; i++) {
		assert_int_equal(
			hex_decode(&a, view_str("651080014181014282083230303030313031")), 0);
		assert_int_equal(hex_decode(&b, view_str("6500")), 0);
		if (i + 1 == VITALE_PEOPLE_MAX) {
			assert_int_equal(vitale_people(buf_view(&a), buf_view(&b), &body), 0);
		}
	}
	assert_int_equal(vitale_people(buf_view(&a), buf_view(&b), &body), CARD_BROKEN);
}

static void periods_that_are_not_whole_are_broken(void **state)
{
	static const struct {
		const char *file;
		int r;
	} table[] = {
		{"", 0}, {"0000", 0}, {"A60C800100810130820130830130 840130", CARD_BROKEN},
		{"A60F800100810130820130830130840130", 0},
		{"A50100A60F8001008101308201308301308401300000", 0},
		{"A60C810130820130830130840130", CARD_BROKEN},	     /* no index */
		{"A610800200008101308201308301308401", CARD_BROKEN}, /* cut */
		{"A610800200008101308201308301308401 30", CARD_BROKEN},
		{"A60C800100820130830130840130", CARD_BROKEN}, /* no start */
		{"A60C800100810130830130840130", CARD_BROKEN}, /* no end */
		{"A60C800100810130820130840130", CARD_BROKEN}, /* no ALD */
		{"A60C800100810130820130830130", CARD_BROKEN}, /* no situation */
	};
	_cleanup_(buf_done) struct buf many = BUF_NULL(8192);
	_cleanup_(buf_done) struct buf out = BUF_NULL(65536);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		_cleanup_(buf_done) struct buf file = BUF_NULL(256);
		_cleanup_(buf_done) struct buf body = BUF_NULL(1024);

		for (const char *c = table[i].file; *c; c += 2) {
			if (*c == ' ') {
				c++;
			}
			assert_int_equal(hex_decode(&file, view_of(c, 2)), 0);
		}
		if (vitale_periods(buf_view(&file), &body) != table[i].r) {
			fail_msg("row %zu", i);
		}
	}
	for (size_t i = 0; i <= VITALE_PERIODS_MAX; i++) {
		assert_int_equal(
			hex_decode(&many, view_str("A60F800100810130820130830130840130")), 0);
	}
	assert_int_equal(vitale_periods(buf_view(&many), &out), CARD_BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_family_card_is_read_whole),
		cmocka_unit_test(a_card_may_leave_at_any_command),
		cmocka_unit_test(people_behind_the_first_block_are_read),
		cmocka_unit_test(a_card_without_the_stand_in_is_read_as_far_as_it_goes),
		cmocka_unit_test(a_card_that_says_yes_to_everything_is_broken),
		cmocka_unit_test(files_that_disagree_or_are_cut_are_broken),
		cmocka_unit_test(dates_and_serials_of_another_shape_are_broken),
		cmocka_unit_test(a_nir_is_known_by_its_key),
		cmocka_unit_test(templates_that_are_not_whole_are_broken),
		cmocka_unit_test(more_people_than_a_card_can_hold_are_broken),
		cmocka_unit_test(periods_that_are_not_whole_are_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
