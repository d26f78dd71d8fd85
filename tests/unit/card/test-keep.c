/* SPDX-License-Identifier: EUPL-1.2 */
/* What a Vitale's process keeps of its people between reading them and being asked for them. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "base/tlv.h"
#include "drivers/card/vitale/vitale.h"
#include "tests/unit/card/model.h"

static struct model m;
static struct card c;
static struct buf body = {.max = CARD_BODY_MAX};
static const uint8_t pattern[64];

/* As a session's process has it: taken up, nothing sent. */
static int prepare(void **state)
{
	(void)state;
	model_vitale(&m);
	model_opened(&m, &c);
	assert_int_equal(card_resume(&c, view_str("vitale"), view_str("vitale-2"),
				 transport_atr(&m.base)),
		CARD_DONE);
	assert_int_equal(m.n_lines, 0);
	return 0;
}

static int clean(void **state)
{
	(void)state;
	card_done(&c);
	model_done(&m);
	buf_done(&body);
	return 0;
}

static int keep(void)
{
	buf_reset(&body);
	return c.driver->keep_people(&c, &body);
}

static int ask(void)
{
	buf_reset(&body);
	return c.driver->read_people(&c, &body);
}

static size_t count(struct view of, uint32_t tag)
{
	struct reader r = reader_of(of);
	struct tlv t;
	size_t n = 0;

	while (tlv_next(&r, &t) == 0) {
		n += t.tag == tag ? 1 : 0;
	}
	return n;
}

static void says(size_t people, size_t validities)
{
	assert_int_equal(count(buf_view(&body), LINK_TAG_PERSON), people);
	assert_int_equal(count(buf_view(&body), LINK_TAG_VALID_FROM), validities);
}

static void nobody_is_kept(void)
{
	assert_int_equal(c.kept.len, 0);
	assert_false(c.kept_valid);
}

/* -- the order ----------------------------------------------------------------------------- */

static void people_are_kept_until_they_are_asked_for(void **state)
{
	struct tlv t;

	(void)state;
	assert_int_equal(keep(), CARD_DONE);
	says(0, 1);
	assert_int_equal(tlv_find(buf_view(&body), LINK_TAG_VALID_FROM, &t), 0);
	assert_true(view_equal(t.value, VIEW_TEXT("20240201")));
	assert_int_equal(count(buf_view(&c.kept), LINK_TAG_PERSON), 4);
	model_forget_lines(&m);
	assert_int_equal(ask(), CARD_DONE);
	assert_int_equal(m.n_lines, 0);
	says(4, 0);
	nobody_is_kept(); /* handed over */
}

static void kept_twice_is_read_once(void **state)
{
	(void)state;
	assert_int_equal(keep(), CARD_DONE);
	model_forget_lines(&m);
	assert_int_equal(keep(), CARD_DONE);
	says(0, 1); /* the same answer */
	assert_int_equal(ask(), CARD_DONE);
	says(4, 0);
	assert_int_equal(m.n_lines, 0);
	assert_int_equal(keep(), CARD_DONE); /* they were handed over: read anew */
	says(0, 1);
	assert_int_equal(m.n_lines, 5); /* with what 6CXX taught */
	assert_int_equal(ask(), CARD_DONE);
	says(4, 0);
}

static void people_asked_for_without_keeping_are_read_without_validity(void **state)
{
	(void)state;
	assert_int_equal(ask(), CARD_DONE);
	says(4, 0);
	assert_int_equal(model_sent(&m, "00B082"), 4);
	assert_int_equal(model_sent(&m, "00B083"), 0);
	nobody_is_kept();
}

static void a_card_that_is_forgotten_is_read_anew(void **state)
{
	(void)state;
	assert_int_equal(keep(), CARD_DONE);
	card_forget(&c);
	nobody_is_kept();
	/* another card lies there now, of a smaller family */
	model_find(&m, MODEL_ROOT, 0x2F82)->content.len = 61;
	model_find(&m, MODEL_APP, 0x2002)->content.len = 24;
	model_forget_lines(&m);
	assert_int_equal(ask(), CARD_DONE);
	says(1, 0);
	assert_true(m.n_lines > 0);
}

static void public_files_and_people_do_not_need_each_other(void **state)
{
	(void)state;
	assert_int_equal(c.driver->read_public(&c, &body), CARD_DONE);
	says(0, 0);
	nobody_is_kept();
	assert_int_equal(m.n_lines, 3);
	assert_int_equal(model_sent(&m, "00A4"), 1); /* 3F00: the name was not asked again */
	assert_int_equal(keep(), CARD_DONE);
	buf_reset(&body);
	assert_int_equal(c.driver->read_public(&c, &body), CARD_DONE);
	assert_true(c.kept_valid); /* which reading something else does not touch */
	assert_int_equal(ask(), CARD_DONE);
	says(4, 0);
}

/* -- cards that are not whole -------------------------------------------------------------- */

static void of_a_broken_card_nothing_is_kept(void **state)
{
	static const struct {
		uint16_t df, fid;
		uint8_t sfi;
		const char *content;
	} table[] = {
		{MODEL_ROOT, 0x2F82, 2, "6503800142"},	    /* cut nowhere, and half a person */
		{MODEL_ROOT, 0x2F82, 2, "653B801A42C952"},  /* cut */
		{MODEL_APP, 0x2002, 2, "6505900346524165"}, /* cut */
		{MODEL_APP, 0x2002, 2, "65059003465241"},   /* one number for four */
		{MODEL_APP, 0x2003, 3, "660A8008323032343032303A"}, /* no date */
		{MODEL_APP, 0x2003, 3, "66"},
	};

	(void)state;
	model_remove(&m, MODEL_APP, 0x2001); /* and POINTERS knows no better */
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct model_file *f = model_find(&m, table[i].df, table[i].fid);
		_cleanup_(buf_done) struct buf right = BUF_NULL(4096);

		buf_put_view(&right, buf_view(&f->content));
		model_put(&m, table[i].df, table[i].fid, table[i].sfi, MODEL_FREE,
			table[i].content);
		assert_int_equal(keep(), CARD_BROKEN);
		says(0, 0);
		nobody_is_kept();
		assert_int_equal(keep(), CARD_BROKEN); /* not taken for read */
		/* who asks for people is not told of their card's validity */
		assert_int_equal(ask(), table[i].fid == 0x2003 ? CARD_DONE : CARD_BROKEN);
		says(table[i].fid == 0x2003 ? 4 : 0, 0);
		nobody_is_kept();
		buf_reset(&f->content);
		buf_put_view(&f->content, buf_view(&right));
		assert_int_equal(keep(), CARD_DONE);
		assert_int_equal(ask(), CARD_DONE);
		says(4, 0);
	}
}

static void put_name(struct buf *b, uint32_t tag)
{
	size_t mark = tlv_open(b, tag);

	for (size_t i = 0; i < 240; i++) {
		buf_put_u8(b, 0xC9);
	}
	tlv_close(b, mark);
}

/* Thirty times two names of 240 letters: each letter is two bytes of UTF-8. */
static void more_than_is_kept_is_broken(void **state)
{
	struct buf *who = &model_find(&m, MODEL_ROOT, 0x2F82)->content;

	(void)state;
	model_remove(&m, MODEL_APP, 0x2002);
	for (size_t people = 30; people >= 15; people -= 15) {
		buf_reset(who);
		for (size_t i = 0; i < people; i++) {
			size_t whole = tlv_open(who, 0x65);

			put_name(who, 0x80);
			put_name(who, 0x81);
			tlv_put_str(who, 0x82, "20000101");
			tlv_close(who, whole);
		}
		assert_int_equal(keep(), people == 30 ? CARD_BROKEN : CARD_DONE);
		assert_int_equal(ask(), people == 30 ? CARD_BROKEN : CARD_DONE);
		says(people == 30 ? 0 : people, 0);
		nobody_is_kept();
	}
}

/* Whatever happens at one command, either all of them are kept or nobody. */
static void at_every_command_all_are_kept_or_nobody(void **state)
{
	static const struct {
		const char *failure;
		int outcome; /* 0: as the file is optional or not */
	} table[] = {{"gone", CARD_GONE}, {"mute", CARD_MUTE}, {"6F00", 0}, {"6982", 0},
		{"6A82", 0}, {"9000", 0}, {"6C01", 0}};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		for (size_t at = 1; at <= 8; at++) {
			int r;

			m.fail_at = at;
			m.failure = table[i].failure;
			r = keep();
			assert_true(r >= 0);
			if (table[i].outcome) {
				assert_int_equal(r, at == 8 ? CARD_DONE /* it has seven */
							    : table[i].outcome);
			}
			assert_int_equal(c.kept_valid, r == CARD_DONE);
			assert_int_equal(count(buf_view(&c.kept), LINK_TAG_PERSON),
				r == CARD_DONE ? 4 : 0);
			says(0, r == CARD_DONE && count(buf_view(&c.kept), LINK_TAG_VALID_FROM)
					? 1
					: 0);
			assert_int_equal(clean(state), 0);
			assert_int_equal(prepare(state), 0);
		}
	}
}

/* -- the role ------------------------------------------------------------------------------ */

static const uint8_t cvc[] = {0x7F, 0x21, 0x02, 0x53, 0x00};

static int prove(void)
{
	struct view name = view_of(pattern, ROLE_NAME_LEN);
	int r;

	buf_reset(&body);
	r = role_check_certificate(&c, name, VIEW(cvc));
	if (r == CARD_DONE) {
		r = role_challenge(&c, name, &body);
	}
	if (r == CARD_DONE) {
		r = role_internal_authenticate(&c, view_of(pattern, 24), &body);
	}
	return r == CARD_DONE ? role_external_authenticate(&c, VIEW(pattern)) : r;
}

static void role_keys_are_found_from_every_folder(void **state)
{
	(void)state;
	assert_int_equal(prove(), CARD_DONE); /* no folder is known */
	assert_int_equal(model_sent(&m, "00A4000C023F00"), 1);
	assert_int_equal(model_sent(&m, "00A4"), 1);
	assert_int_equal(keep(), CARD_DONE);
	assert_int_equal(c.df, CARD_DF_APPLICATION);
	model_forget_lines(&m);
	assert_int_equal(prove(), CARD_DONE);
	assert_int_equal(model_sent(&m, "00A4"), 0);
	assert_int_equal(c.driver->read_protected(&c, &body), CARD_DONE);
	assert_int_equal(model_sent(&m, "00A4"), 0); /* VITALE is current still */
	card_selected(&c, CARD_DF_UNKNOWN, 0);	     /* as after others' transaction */
	assert_int_equal(prove(), CARD_DONE);
	assert_int_equal(model_sent(&m, "00A4"), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(people_are_kept_until_they_are_asked_for),
		TEST(kept_twice_is_read_once),
		TEST(people_asked_for_without_keeping_are_read_without_validity),
		TEST(a_card_that_is_forgotten_is_read_anew),
		TEST(public_files_and_people_do_not_need_each_other),
		TEST(of_a_broken_card_nothing_is_kept),
		TEST(more_than_is_kept_is_broken),
		TEST(at_every_command_all_are_kept_or_nobody),
		TEST(role_keys_are_found_from_every_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
