/* SPDX-License-Identifier: EUPL-1.2 */
/* The Vitale: its files wherever they are, its people however they are written. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "base/hex.h"
#include "base/tlv.h"
#include "drivers/card/vitale/vitale.h"
#include "tests/unit/card/model.h"

static struct model m;
static struct card c;
static struct buf body = {.max = CARD_BODY_MAX};
static const uint8_t pattern[64];

static void begin(void)
{
	model_vitale(&m);
	model_card(&m, &c);
	model_forget_lines(&m);
}

static void end(void)
{
	card_done(&c);
	model_done(&m);
	buf_done(&body);
}

static void again(void)
{
	card_forget(&c);
	memset(c.lessons, 0, sizeof(c.lessons));
	memset(m.rules, 0, sizeof(m.rules));
	model_forget_lines(&m);
	buf_reset(&body);
}

static int read_public(void)
{
	buf_reset(&body);
	return c.driver->read_public(&c, &body);
}

static int keep_people(void)
{
	buf_reset(&body);
	return c.driver->keep_people(&c, &body);
}

static int read_people(void)
{
	buf_reset(&body);
	return c.driver->read_people(&c, &body);
}

static bool has(uint32_t tag)
{
	struct tlv t;

	return tlv_find(buf_view(&body), tag, &t) == 0;
}

static size_t count(uint32_t tag)
{
	struct reader r = reader_of(buf_view(&body));
	struct tlv t;
	size_t n = 0;

	while (tlv_next(&r, &t) == 0) {
		n += t.tag == tag ? 1 : 0;
	}
	return n;
}

static struct view person(size_t index)
{
	struct reader r = reader_of(buf_view(&body));
	struct tlv t;

	for (size_t i = 0; i <= index; i++) {
		assert_int_equal(tlv_next(&r, &t), 0);
		assert_int_equal(t.tag, LINK_TAG_PERSON);
	}
	return t.value;
}

static void text_is(struct view in, uint32_t tag, const char *text)
{
	struct tlv t;

	assert_int_equal(tlv_find(in, tag, &t), 0);
	if (!view_equal(t.value, view_str(text))) {
		fail_msg("%.*s instead of %s", (int)t.value.len, t.value.data, text);
	}
}

/* All that everybody may read, the people not asked for yet. */
static void the_free_files_are_read(void)
{
	assert_int_equal(read_public(), CARD_DONE);
	assert_true(has(LINK_TAG_SERIAL) && has(LINK_TAG_CVC));
	assert_int_equal(keep_people(), CARD_DONE);
	assert_true(has(LINK_TAG_VALID_FROM));
}

/* -- a whole card -------------------------------------------------------------------------- */

static void a_family_card_is_read_whole(void **state)
{
	struct tlv t;

	(void)state;
	begin();
	the_free_files_are_read();
	text_is(buf_view(&body), LINK_TAG_VALID_FROM, "20240201");
	assert_int_equal(read_people(), CARD_DONE);
	assert_int_equal(count(LINK_TAG_PERSON), 4);
	text_is(person(0), LINK_TAG_SURNAME, "BÉRANGER");
	text_is(person(0), LINK_TAG_GIVEN, "Théo");
	text_is(person(0), LINK_TAG_NIR, "185050099000117");
	text_is(person(0), LINK_TAG_COUNTRY, "FRA");
	assert_int_equal(tlv_find(person(1), LINK_TAG_RANK, &t), TLV_ABSENT);
	text_is(person(3), LINK_TAG_RANK, "\2"); /* a twin */
	text_is(person(3), LINK_TAG_BIRTH, "20190627");
	assert_int_equal(c.kept.len, 0); /* handed over, not kept */
	end();
}

static void people_asked_for_again_are_read_again_and_cheaper(void **state)
{
	size_t first;

	(void)state;
	begin();
	assert_int_equal(read_people(), CARD_DONE);
	first = m.n_lines;
	model_forget_lines(&m);
	assert_int_equal(read_people(), CARD_DONE);
	assert_int_equal(count(LINK_TAG_PERSON), 4);
	assert_int_equal(first, 6);	/* 6CXX, twice */
	assert_int_equal(m.n_lines, 4); /* its lessons were kept: SELECT and READ, twice */
	end();
}

static void coverage_is_read_only_with_a_role(void **state)
{
	(void)state;
	begin();
	assert_int_equal(c.driver->read_protected(&c, &body), CARD_DENIED);
	assert_int_equal(m.n_lines, 1); /* a refusal is an answer: no other place is tried */
	m.role = true;
	assert_int_equal(c.driver->read_protected(&c, &body), CARD_DONE);
	assert_int_equal(count(LINK_TAG_COVERAGE), 4);
	again();
	m.role = true;
	model_put(&m, MODEL_APP, 0x2010, 4, MODEL_ROLE, "0000");
	assert_int_equal(c.driver->read_protected(&c, &body), CARD_DONE); /* no period */
	assert_int_equal(count(LINK_TAG_COVERAGE), 0);
	again();
	model_remove(&m, MODEL_APP, 0x2010);
	assert_int_equal(c.driver->read_protected(&c, &body), CARD_ABSENT);
	end();
}

static void professionals_things_are_not_on_it(void **state)
{
	(void)state;
	begin();
	assert_null(c.driver->verify);
	assert_null(c.driver->change_pin);
	assert_null(c.driver->unblock_pin);
	assert_null(c.driver->pin_state);
	assert_null(c.driver->sign);
	assert_null(c.driver->read_activities);
	assert_int_equal(c.driver->identify(&c, &body), CARD_DONE);
	assert_true(has(LINK_TAG_SERIAL));
	end();
}

/* -- places -------------------------------------------------------------------------------- */

static void hide_all(void)
{
	static const uint16_t root[] = {0x2F02, 0x2F83, 0x2F82};
	static const uint16_t app[] = {0x2001, 0x2002, 0x2003, 0x2010};

	for (size_t i = 0; i < ARRAY_LEN(root); i++) {
		model_hide(&m, MODEL_ROOT, root[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(app); i++) {
		model_hide(&m, MODEL_APP, app[i]);
	}
}

static void files_without_short_identifiers_are_found_by_their_own(void **state)
{
	(void)state;
	begin();
	hide_all();
	the_free_files_are_read();
	assert_int_equal(read_people(), CARD_DONE);
	assert_int_equal(count(LINK_TAG_PERSON), 4);
	m.role = true;
	assert_int_equal(c.driver->read_protected(&c, &body), CARD_DONE);
	end();
}

/* Every file somewhere else, two of them in a third folder; POINTERS says where. */
static void files_that_are_elsewhere_are_found_by_pointers(void **state)
{
	static const struct {
		uint16_t df, fid, to;
	} moves[] = {
		{MODEL_ROOT, 0x2F82, 0x4001},
		{MODEL_ROOT, 0x2F83, 0x4002},
		{MODEL_APP, 0x2002, 0x4003},
		{MODEL_APP, 0x2003, 0x4004},
		{MODEL_APP, 0x2010, 0x4005},
	};

	(void)state;
	begin();
	m.names[2] = "D2500000044164E86C650101";
	m.dfs[2] = 0x0003;
	hide_all();
	for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
		model_find(&m, moves[i].df, moves[i].fid)->fid = moves[i].to;
	}
	model_find(&m, MODEL_APP, 0x4004)->df = 0x0003;
	model_put(&m, MODEL_APP, 0x2001, 0, MODEL_FREE, "");
	struct buf *b = &model_find(&m, MODEL_APP, 0x2001)->content;
	size_t whole = tlv_open(b, 0xE0);
	size_t list = tlv_open(b, 0xA0);

	assert_int_equal(hex_decode(b, view_str("821200010000D2500000024D465F564954414C45"
						"820F00020000D250000002564954414C45"
						"821000030000D2500000044164E86C650101")),
		0);
	tlv_close(b, list);
	assert_int_equal(hex_decode(b, view_str("800C4944454E5449544500014001"
						"800C4356435F4341202000014002"
						"800C4E4952202020202000024003"
						"800C56414C494449544500034004"
						"800C434F55564552545500024005")),
		0);
	tlv_close(b, whole);
	the_free_files_are_read();
	assert_int_equal(read_people(), CARD_DONE);
	assert_int_equal(count(LINK_TAG_PERSON), 4);
	m.role = true;
	buf_reset(&body);
	assert_int_equal(c.driver->read_protected(&c, &body), CARD_DONE);
	assert_int_equal(count(LINK_TAG_COVERAGE), 4);
	assert_int_equal(model_sent(&m, "00A4020C022001"), 1); /* the list was read once */
	end();
}

static void a_real_card_without_the_stand_in_is_read_as_far_as_it_goes(void **state)
{
	(void)state;
	begin();
	hide_all();
	model_remove(&m, MODEL_ROOT, 0x2F83);
	model_remove(&m, MODEL_APP, 0x2003);
	model_remove(&m, MODEL_APP, 0x2010);
	model_find(&m, MODEL_ROOT, 0x2F82)->sfi = 2;
	model_find(&m, MODEL_APP, 0x2002)->sfi = 2;
	assert_int_equal(read_public(), CARD_DONE);
	assert_true(has(LINK_TAG_SERIAL));
	assert_false(has(LINK_TAG_CVC));
	assert_int_equal(keep_people(), CARD_DONE);
	assert_false(has(LINK_TAG_VALID_FROM));
	assert_int_equal(read_people(), CARD_DONE);
	assert_int_equal(count(LINK_TAG_PERSON), 4);
	assert_int_equal(c.driver->read_protected(&c, &body), CARD_ABSENT);
	again();
	model_remove(&m, MODEL_APP, 0x2001); /* not even POINTERS */
	assert_int_equal(read_public(), CARD_DONE);
	assert_false(has(LINK_TAG_CVC));
	assert_int_equal(keep_people(), CARD_DONE);
	assert_false(has(LINK_TAG_VALID_FROM));
	again();
	model_remove(&m, MODEL_APP, 0x2002); /* nor numbers */
	assert_int_equal(keep_people(), CARD_DONE);
	assert_int_equal(read_people(), CARD_DONE);
	assert_int_equal(count(LINK_TAG_PERSON), 4);
	assert_int_equal(tlv_find(person(0), LINK_TAG_NIR, &(struct tlv){0}), TLV_ABSENT);
	again();
	model_remove(&m, MODEL_ROOT, 0x2F82);
	assert_int_equal(read_people(), CARD_ABSENT);
	end();
}

static void another_file_behind_a_short_identifier_is_passed_over(void **state)
{
	static const char *const foreign[] = {
		"0400112233", "800102", "6A0100", "A1", "E0820400"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
		begin();
		hide_all();
		model_find(&m, MODEL_ROOT, 0x2F82)->sfi = 2;
		model_find(&m, MODEL_APP, 0x2002)->sfi = 2;
		model_put(&m, MODEL_ROOT, 0x5001, 3, MODEL_FREE, foreign[i]);
		model_put(&m, MODEL_ROOT, 0x5002, 4, MODEL_FREE, foreign[i]);
		model_put(&m, MODEL_APP, 0x5003, 3, MODEL_FREE, foreign[i]);
		model_put(&m, MODEL_APP, 0x5004, 4, MODEL_FREE, foreign[i]);
		the_free_files_are_read();
		m.role = true;
		buf_reset(&body);
		assert_int_equal(c.driver->read_protected(&c, &body), CARD_DONE);
		assert_int_equal(count(LINK_TAG_COVERAGE), 4);
		end();
	}
}

static void places_that_are_protected_are_left_out(void **state)
{
	(void)state;
	begin();
	model_put(&m, MODEL_APP, 0x2003, 3, MODEL_NEVER, "66");
	model_put(&m, MODEL_ROOT, 0x2F83, 3, MODEL_NEVER, "7F21");
	assert_int_equal(read_public(), CARD_DONE);
	assert_false(has(LINK_TAG_CVC));
	assert_int_equal(keep_people(), CARD_DONE);
	assert_false(has(LINK_TAG_VALID_FROM));
	again();
	model_rule(&m, "00B083", "6985");
	model_remove(&m, MODEL_APP, 0x2001);
	assert_int_equal(read_public(), CARD_DONE);
	assert_false(has(LINK_TAG_CVC));
	assert_int_equal(keep_people(), CARD_DONE);
	assert_false(has(LINK_TAG_VALID_FROM));
	again();
	model_put(&m, MODEL_ROOT, 0x2F82, 2, MODEL_NEVER, "65");
	assert_int_equal(keep_people(), CARD_DENIED);
	assert_int_equal(read_people(), CARD_DENIED);
	end();
}

static void pointers_that_lie_find_nothing(void **state)
{
	static const char *const files[] = {
		"E000",
		"E010A000800C56414C494449544500024004", /* no such folder */
		"E0238200",
		"E03CA013821100020000D2500000025649544141",
		"00",
		"",
	};

	(void)state;
	begin();
	model_remove(&m, MODEL_APP, 0x2003);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		again();
		model_put(&m, MODEL_APP, 0x2001, 1, MODEL_FREE, files[i]);
		int r = keep_people();

		assert_true(r == CARD_DONE || r == CARD_BROKEN);
		assert_false(has(LINK_TAG_VALID_FROM));
	}
	again(); /* a folder that cannot be selected, a file that is not there */
	model_put(&m, MODEL_APP, 0x2001, 1, MODEL_FREE,
		"E021A011820F00020000D250000002564954414C46800C56414C494449544500024004");
	assert_int_equal(keep_people(), CARD_DONE);
	again();
	model_put(&m, MODEL_APP, 0x2001, 1, MODEL_FREE,
		"E021A011820F00020000D250000002564954414C45800C56414C494449544500022003");
	assert_int_equal(keep_people(), CARD_DONE);
	assert_int_equal(model_sent(&m, "00A4020C022003"), 1); /* there we have been */
	again(); /* the same identifier in another folder */
	model_put(&m, MODEL_APP, 0x2001, 1, MODEL_FREE,
		"E024A014821200010000D2500000024D465F564954414C45800C56414C494449544500012003");
	assert_int_equal(keep_people(), CARD_DONE);
	assert_int_equal(model_sent(&m, "00A4020C022003"), 2);
	again();
	model_find(&m, MODEL_APP, 0x2001)->content.len = 0;
	(void)buf_extend(&model_find(&m, MODEL_APP, 0x2001)->content, 6000);
	model_find(&m, MODEL_APP, 0x2001)->content.data[0] = 0xE0;
	model_find(&m, MODEL_APP, 0x2001)->content.data[1] = 0x82;
	model_find(&m, MODEL_APP, 0x2001)->content.data[2] = 0x17;
	assert_int_equal(keep_people(), CARD_BROKEN); /* longer than we keep */
	end();
}

/* -- sizes --------------------------------------------------------------------------------- */

static void many(size_t n, bool with_country)
{
	struct buf *who = &model_find(&m, MODEL_ROOT, 0x2F82)->content;
	struct buf *which = &model_find(&m, MODEL_APP, 0x2002)->content;

	buf_reset(who);
	buf_reset(which);
	for (size_t i = 0; i < n; i++) {
		size_t mark = tlv_open(who, 0x65);

		buf_put(who,
			"\x80\x03NOM\x81\x03PRE\x82\x08"
			"20001332",
			20);
		tlv_close(who, mark);
		mark = tlv_open(which, 0x65);
		buf_put(which,
			"\x93\x0F"
			"299019999900157",
			17);
		if (with_country) {
			buf_put(which,
				"\x90\x03"
				"FRA",
				5);
		}
		tlv_close(which, mark);
	}
}

static void every_number_of_people_is_read(void **state)
{
	static const size_t blocks[] = {256, 231, 128};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(blocks); k++) {
		for (size_t n = 1; n <= 19; n++) {
			begin();
			m.block = blocks[k];
			many(n, n % 2 == 0);
			assert_int_equal(keep_people(), CARD_DONE);
			assert_int_equal(read_people(), CARD_DONE);
			assert_int_equal(count(LINK_TAG_PERSON), n);
			text_is(person(n - 1), LINK_TAG_BIRTH, "20001332"); /* as stored */
			end();
		}
	}
}

static void files_that_disagree_or_are_cut_are_broken(void **state)
{
	(void)state;
	begin();
	many(3, true);
	model_find(&m, MODEL_APP, 0x2002)->content.len -= 24; /* one number less */
	assert_int_equal(read_people(), CARD_BROKEN);
	again();
	many(12, true);
	model_find(&m, MODEL_ROOT, 0x2F82)->content.len = 256;
	assert_int_equal(read_people(), CARD_BROKEN);
	again();
	many(12, true);
	model_find(&m, MODEL_ROOT, 0x2F82)->content.len = 231;
	assert_int_equal(read_people(), CARD_BROKEN);
	again();
	many(12, true);
	model_find(&m, MODEL_APP, 0x2002)->content.len = 256;
	assert_int_equal(keep_people(), CARD_BROKEN);
	assert_int_equal(read_people(), CARD_BROKEN);
	end();
}

static void dates_of_another_shape_are_broken(void **state)
{
	static const struct {
		const char *file;
		int r;
		bool there;
	} table[] = {
		{"660A80083230323430323031", CARD_DONE, true},
		{"660A80083230323431333332", CARD_DONE, true}, /* month 13, day 32 */
		{"660A8008323032343032303A", CARD_BROKEN, false},
		{"66088006323032343032", CARD_BROKEN, false},
		{"660A81083230323430323031", CARD_BROKEN, false},
		{"66", CARD_BROKEN, false},
		{"670A80083230323430323031", CARD_DONE, false}, /* another file */
		{"", CARD_DONE, false},
	};

	(void)state;
	begin();
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		again();
		model_put(&m, MODEL_APP, 0x2003, 3, MODEL_FREE, table[i].file);
		if (keep_people() != table[i].r || has(LINK_TAG_VALID_FROM) != table[i].there) {
			fail_msg("%s", table[i].file);
		}
	}
	end();
}

/* -- at every command ---------------------------------------------------------------------- */

static int consult(void)
{
	struct view serial;
	int r;

	r = card_recognise(&c);
	if (r == CARD_DONE) {
		r = read_public();
	}
	if (r == CARD_DONE) {
		r = keep_people();
	}
	if (r == CARD_DONE) {
		r = read_people();
	}
	if (r == CARD_DONE) {
		r = role_challenge(&c, view_of(pattern, 16), &body);
	}
	if (r == CARD_DONE) {
		r = role_internal_authenticate(&c, view_of(pattern, 24), &body);
	}
	if (r == CARD_DONE) {
		r = role_external_authenticate(&c, VIEW(pattern));
	}
	if (r == CARD_DONE) {
		r = c.driver->read_protected(&c, &body);
	}
	return r == CARD_DONE ? card_serial(&c, &serial) : r;
}

static size_t fail_at(size_t at, const char *failure, int outcome)
{
	size_t n;
	int r;

	model_vitale(&m);
	model_opened(&m, &c);
	m.fail_at = at;
	m.failure = failure;
	r = consult();
	if (outcome > 0 ? r != outcome : r < 0) {
		fail_msg("%s at %zu: %d", failure, at, r);
	}
	n = m.n_lines;
	end();
	return n;
}

static void a_card_may_leave_at_any_command(void **state)
{
	static const struct {
		const char *failure;
		int outcome;
	} table[] = {{"gone", CARD_GONE}, {"mute", CARD_MUTE}, {"6F00", 0}, {"00", 0},
		{"9000", 0}, {"6100", 0}, {"6C01", 0}};

	size_t n = fail_at(0, "gone", CARD_DONE);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		for (size_t at = 1; at <= n; at++) {
			(void)fail_at(at, table[i].failure, table[i].outcome);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_family_card_is_read_whole),
		cmocka_unit_test(people_asked_for_again_are_read_again_and_cheaper),
		cmocka_unit_test(coverage_is_read_only_with_a_role),
		cmocka_unit_test(professionals_things_are_not_on_it),
		cmocka_unit_test(files_without_short_identifiers_are_found_by_their_own),
		cmocka_unit_test(files_that_are_elsewhere_are_found_by_pointers),
		cmocka_unit_test(a_real_card_without_the_stand_in_is_read_as_far_as_it_goes),
		cmocka_unit_test(another_file_behind_a_short_identifier_is_passed_over),
		cmocka_unit_test(places_that_are_protected_are_left_out),
		cmocka_unit_test(pointers_that_lie_find_nothing),
		cmocka_unit_test(every_number_of_people_is_read),
		cmocka_unit_test(files_that_disagree_or_are_cut_are_broken),
		cmocka_unit_test(dates_of_another_shape_are_broken),
		cmocka_unit_test(a_card_may_leave_at_any_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
