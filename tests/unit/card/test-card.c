/* SPDX-License-Identifier: EUPL-1.2 */
/* Recognising a card, taking one up again, and what is remembered of it to save characters. */
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
#include "drivers/card/cps/cps.h"
#include "drivers/card/vitale/vitale.h"
#include "tests/unit/card/model.h"

static struct model m;
static struct card c;

static int prepare(void **state)
{
	(void)state;
	model_vitale(&m);
	return 0;
}

static int clean(void **state)
{
	(void)state;
	card_done(&c);
	model_done(&m);
	return 0;
}

static void be(const char *atr)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(TRANSPORT_ATR_MAX);

	assert_int_equal(hex_decode(&b, view_str(atr)), 0);
	bytes_copy(m.base.atr, sizeof(m.base.atr), b.data, b.len);
	m.base.atr_len = b.len;
}

/* -- recognition --------------------------------------------------------------------------- */

static void every_listed_vitale_is_recognised(void **state)
{
	static const char *const atrs[] = {"3B751300004309EA9000", "3B751300004409EA9000",
		"3B751300004509EA9000", "3B751300004609EA9000", "3B751300004709EA9000",
		"3B751300004809EA9000", "3B751300004909EA9000", "3B751300004B09EA9000",
		"3B751300004C09EA9000", "3B751300004509FA9000"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(atrs); i++) {
		be(atrs[i]);
		model_card(&m, &c);
		assert_ptr_equal(c.driver, &vitale_2.driver);
		assert_false(c.asleep);
		card_done(&c);
	}
	model_opened(&m, &c);
}

static void every_card_of_the_family_is_recognised(void **state)
{
	static const struct {
		const char *atr;
		const struct card_driver *driver;
	} table[] = {
		{"3BAC00402A001225006480000310009000", &cps_3.driver},
		{"3BAC00402A001225006480820212009000", &cps_3.driver}, /* old ATR, new files */
		{"3B9B188001001225006480040100009044", &cps_4.driver},
		{"3B9B188001001225006480000401009044", &cps_4.driver},
		{"3BDC18FF00001225006480000401009000", &cps_4.driver},
		/* of the family, in no list: whose application answers */
		{"3B6C0000001225006480000000009000", &cps_3.driver},
		{"3B6C0000001225006480000000009000", &cps_4.driver},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		model_done(&m);
		if (table[i].driver == &cps_3.driver) {
			model_cps3(&m);
		} else {
			model_cps4(&m);
		}
		be(table[i].atr);
		model_card(&m, &c);
		assert_ptr_equal(c.driver, table[i].driver);
		assert_int_equal(model_sent(&m, "0020") + model_sent(&m, "0120"), 0);
		card_done(&c);
	}
	model_opened(&m, &c);
}

static void ends_as(int outcome, const char *advice, size_t commands)
{
	model_forget_lines(&m);
	model_opened(&m, &c);
	assert_int_equal(card_recognise(&c), outcome);
	assert_true(c.asleep || outcome == CARD_UNKNOWN || outcome == CARD_GONE);
	if (advice) {
		assert_string_equal(c.driver->advice, advice);
	} else {
		assert_null(c.driver);
	}
	assert_int_equal(m.n_lines, commands);
	card_done(&c);
}

static void cards_that_nobody_reads_get_their_name(void **state)
{
	static const char *const old[] = {"3F6525002209F99000", "3F6525002C09F99000",
		"3F6525002209699000", "3F6525002C09699000", "3F65250052096A9000",
		"3F652500A3096A9000", "3F652500A4096A9000"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(old); i++) {
		be(old[i]);
		ends_as(CARD_UNSUPPORTED, "vitale-1", 0);
	}
	be("3B8F80010031B86404B0ECC1739401808290000E");
	ends_as(CARD_UNSUPPORTED, "cps-contactless", 0);
	be("3B8F80010031B86455AAECC17394018082900045");
	ends_as(CARD_UNSUPPORTED, "cps-contactless", 0);
	be("3B8F80010031B86404B0EC0173940180829000CE");
	ends_as(CARD_UNKNOWN, NULL, 0);
	be("3B80800101");
	ends_as(CARD_UNKNOWN, NULL, 0);
	be("3B7513");
	ends_as(CARD_UNKNOWN, NULL, 0);
	be("3B751300004309EB9000");
	ends_as(CARD_UNKNOWN, NULL, 0);
	model_opened(&m, &c);
}

static void a_card_of_before_the_cps3_is_named_by_its_old_volet(void **state)
{
	(void)state;
	m.old_volet = true;
	be("3BAC00402A001225006480820212009000");
	ends_as(CARD_UNSUPPORTED, "cps2ter", 3);
	assert_int_equal(model_sent(&m, "A0A40000023F00"), 1);
	model_rule(&m, "A0A4", "9404");
	ends_as(CARD_UNKNOWN, NULL, 3);
	model_rule(&m, "A0A4", "gone");
	ends_as(CARD_GONE, NULL, 3);
	model_opened(&m, &c);
}

static void an_impostor_is_unknown(void **state)
{
	static const char *const refusals[] = {"6A82", "6982", "6A80", "6E00", "6700"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		memset(m.rules, 0, sizeof(m.rules));
		model_rule(&m, "00A4", refusals[i]);
		ends_as(CARD_UNKNOWN, NULL, 1);
	}
	model_rule(&m, "00A4", "mute");
	model_opened(&m, &c);
	assert_int_equal(card_recognise(&c), CARD_MUTE);
	assert_null(c.driver);
}

/* -- resuming ------------------------------------------------------------------------------ */

static void resume(const char *kind, const char *generation, int outcome, size_t commands)
{
	model_forget_lines(&m);
	model_opened(&m, &c);
	assert_int_equal(
		card_resume(&c, view_str(kind), view_str(generation), transport_atr(&m.base)),
		outcome);
	assert_int_equal(m.n_lines, commands);
	assert_int_equal(c.driver != NULL, outcome == CARD_DONE);
	assert_int_equal(c.asleep, outcome != CARD_DONE && commands > 0);
	card_done(&c);
}

static void a_card_is_taken_up_with_as_little_as_its_kind_needs(void **state)
{
	(void)state;
	resume("vitale", "vitale-2", CARD_DONE, 0);
	resume("vitale", "vitale-3", CARD_GONE, 0);
	resume("cps", "vitale-2", CARD_GONE, 0);
	resume("unsupported", "vitale-1", CARD_GONE, 0);
	resume("", "", CARD_GONE, 0);
	model_done(&m);
	model_cps3(&m);
	resume("cps", "cps3", CARD_DONE, 0);
	model_done(&m);
	model_cps4(&m);
	resume("cps", "cps4", CARD_DONE, 1);
	model_rule(&m, "01A4", "6A82");
	resume("cps", "cps4", CARD_GONE, 1);
	model_rule(&m, "01A4", "6982");
	resume("cps", "cps4", CARD_GONE, 1);
	model_rule(&m, "01A4", "6A80");
	resume("cps", "cps4", CARD_GONE, 1);
	model_rule(&m, "01A4", "mute");
	resume("cps", "cps4", CARD_MUTE, 1);
	model_rule(&m, "01A4", "fault");
	model_opened(&m, &c);
	assert_true(
		card_resume(&c, view_str("cps"), view_str("cps4"), transport_atr(&m.base)) < 0);
}

/* Nothing was asked of it when it was taken up: what it is not shows at its first folder. */
static void a_vitale_taken_up_is_found_out_by_its_first_file(void **state)
{
	static const struct {
		const char *answer;
		int outcome;
	} table[] = {{"6A82", CARD_ABSENT}, {"6982", CARD_DENIED}, {"6A80", CARD_REFUSED},
		{"mute", CARD_MUTE}, {"gone", CARD_GONE}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		_cleanup_(buf_done) struct buf body = BUF_NULL(4096);

		memset(m.rules, 0, sizeof(m.rules));
		model_rule(&m, "00A4", table[i].answer);
		model_forget_lines(&m);
		model_opened(&m, &c);
		assert_int_equal(card_resume(&c, view_str("vitale"), view_str("vitale-2"),
					 transport_atr(&m.base)),
			CARD_DONE);
		assert_int_equal(m.n_lines, 0);
		assert_int_equal(c.driver->read_public(&c, &body), table[i].outcome);
		assert_int_equal(model_sent(&m, "00B0"), 0);
		card_done(&c);
	}
	model_opened(&m, &c);
}

static void a_card_of_another_atr_is_gone(void **state)
{
	(void)state;
	model_opened(&m, &c);
	assert_int_equal(card_resume(&c, view_str("vitale"), view_str("vitale-2"),
				 VIEW_TEXT("\x3B\x75\x13")),
		CARD_GONE);
	assert_int_equal(m.n_lines, 0);
}

/* -- memory -------------------------------------------------------------------------------- */

static void sizes_are_remembered_and_the_oldest_forgotten(void **state)
{
	(void)state;
	model_opened(&m, &c);
	assert_int_equal(card_lesson(&c, 1), ISO7816_WHOLE);
	for (uint32_t i = 1; i <= CARD_LESSONS; i++) {
		card_learn(&c, i, 10 * i);
	}
	card_learn(&c, 2, 99);
	assert_int_equal(card_lesson(&c, 2), 99);
	assert_int_equal(card_lesson(&c, CARD_LESSONS), 10 * CARD_LESSONS);
	card_learn(&c, 50, 7);
	assert_int_equal(card_lesson(&c, 1), ISO7816_WHOLE);
	assert_int_equal(card_lesson(&c, 50), 7);
}

static void a_card_that_is_forgotten_keeps_nothing_of_anybody(void **state)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	const uint8_t *kept;
	size_t len;

	(void)state;
	model_card(&m, &c);
	assert_int_equal(c.driver->keep_people(&c, &body), CARD_DONE);
	assert_true(c.kept_valid && c.kept.len > 0);
	kept = c.kept.data;
	len = c.kept.len;
	c.used = c.verified = c.tries_known = true;
	assert_true(card_has_rights(&c));
	card_forget(&c);
	assert_false(c.kept_valid || c.verified || card_has_rights(&c) || c.tries_known);
	assert_int_equal(c.kept.len, 0);
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(kept[i], 0); /* the memory stays the buffer's, and is empty */
	}
	assert_int_equal(c.places.len, 0);
	assert_int_equal(c.df, CARD_DF_UNKNOWN);
	assert_true(c.asleep);
}

static int set(uint8_t p1, uint8_t p2, const char *text, bool *kept)
{
	return environment_set(&c, p1, p2, view_str(text), ENVIRONMENT_OWN, kept);
}

static void a_template_that_stands_is_not_told_again(void **state)
{
	bool kept;

	(void)state;
	model_card(&m, &c);
	model_forget_lines(&m);
	assert_int_equal(set(0x41, 0xB6, "a", &kept), 0);
	assert_false(kept);
	assert_int_equal(set(0x41, 0xAA, "b", &kept), 0);
	assert_int_equal(set(0x41, 0xB6, "a", &kept), 0);
	assert_true(kept);
	assert_int_equal(m.n_lines, 2);
	assert_int_equal(set(0x81, 0xB6, "a", &kept), 0); /* the other side of the same */
	assert_false(kept);
	assert_int_equal(set(0x81, 0xB6, "c", &kept), 0);
	assert_false(kept);
	assert_int_equal(set(0x41, 0xAA, "b", &kept), 0);
	assert_true(kept);
	card_selected(&c, CARD_DF_ROOT, 0);
	assert_int_equal(set(0x41, 0xAA, "b", &kept), 0);
	assert_false(kept);
	assert_int_equal(set(0x41, 0xA4, "1", &kept), 0);
	assert_int_equal(set(0x41, 0xB6, "2", &kept), 0);
	assert_int_equal(set(0x41, 0xB8, "3", &kept), 0); /* no room to remember it */
	assert_int_equal(set(0x41, 0xB8, "3", &kept), 0);
	assert_false(kept);
	environment_forget_one(&c, 0xA4);
	assert_int_equal(set(0x41, 0xA4, "longer than what is remembered", &kept), 0);
	assert_int_equal(set(0x41, 0xA4, "longer than what is remembered", &kept), 0);
	assert_false(kept);
	model_rule(&m, "0022", "6A88");
	assert_int_equal(set(0x41, 0xA4, "x", &kept), CARD_ABSENT);
	assert_int_equal(
		environment_set(&c, 0x81, 0xA4, view_str("x"), ENVIRONMENT_PEER, &kept),
		CARD_REFUSED);
	assert_int_equal(set(0x41, 0xAA, "b", &kept), 0);
	assert_true(kept);
}

/* -- the role ------------------------------------------------------------------------------ */

static const uint8_t cvc[] = {0x7F, 0x21, 0x02, 0x53, 0x00};
static const uint8_t bytes[64];

static struct view some(size_t n)
{
	return view_of(bytes, n);
}

static void the_own_key_stays_named_between_the_two_proofs(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(1024);

	(void)state;
	model_card(&m, &c);
	model_forget_lines(&m);
	assert_false(card_has_rights(&c));
	assert_int_equal(role_check_certificate(&c, some(16), VIEW(cvc)), CARD_DONE);
	assert_true(
		card_has_rights(&c)); /* a key came in: it goes with a reset when we leave */
	assert_int_equal(role_challenge(&c, some(16), &out), CARD_DONE);
	assert_int_equal(out.len, 16);
	assert_int_equal(role_internal_authenticate(&c, some(24), &out), CARD_DONE);
	assert_int_equal(role_external_authenticate(&c, some(64)), CARD_DONE);
	assert_true(card_has_rights(&c));
	assert_int_equal(role_internal_authenticate(&c, some(40), &out), CARD_DONE);
	assert_int_equal(model_sent(&m, "0022C1A415"), 1);
	assert_int_equal(model_sent(&m, "002241"), 0);
	/* another certificate: the name may be another key's now */
	assert_int_equal(role_check_certificate(&c, some(16), VIEW(cvc)), CARD_DONE);
	assert_int_equal(role_challenge(&c, some(16), &out), CARD_DONE);
	assert_int_equal(model_sent(&m, "0022C1A415"), 2);
	assert_int_equal(model_sent(&m, "002281B612"), 2);
}

static void what_a_selection_ended_is_named_anew_before_the_challenge_is_used(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(1024);

	(void)state;
	model_card(&m, &c);
	model_forget_lines(&m);
	assert_int_equal(role_challenge(&c, some(16), &out), CARD_DONE);
	card_selected(&c, CARD_DF_APPLICATION, 0);
	assert_int_equal(role_external_authenticate(&c, some(64)), CARD_DONE);
	assert_int_equal(model_sent(&m, "0022C1A415"), 2);
	/* the own key with it, in one command */
	assert_int_equal(role_challenge(&c, some(16), &out), CARD_DONE);
	card_selected(&c, CARD_DF_APPLICATION, 0);
	assert_int_equal(role_internal_authenticate(&c, some(24), &out), CARD_DONE);
	assert_int_equal(role_external_authenticate(&c, some(64)), CARD_DONE);
	assert_int_equal(model_sent(&m, "0022C1A415"), 3);
	assert_int_equal(model_sent(&m, "002241"), 0);
	/* a challenge is used once */
	card_selected(&c, CARD_DF_APPLICATION, 0);
	assert_int_equal(role_external_authenticate(&c, some(64)), CARD_DONE);
	assert_int_equal(model_sent(&m, "0022C1A415"), 3);
	assert_int_equal(role_challenge(&c, some(16), &out), CARD_DONE);
	card_selected(&c, CARD_DF_APPLICATION, 0);
	model_rule(&m, "0022C1A4", "6A88");
	assert_int_equal(role_external_authenticate(&c, some(64)), CARD_REFUSED);
	assert_int_equal(model_sent(&m, "0082"), 3);
}

static void without_an_exchange_the_key_is_named_alone(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(1024);

	(void)state;
	model_card(&m, &c);
	model_forget_lines(&m);
	assert_int_equal(role_internal_authenticate(&c, some(24), &out), CARD_DONE);
	assert_int_equal(role_internal_authenticate(&c, some(40), &out), CARD_DONE);
	assert_int_equal(model_sent(&m, "002241A403840105"), 1);
}

static void a_card_that_forgets_the_key_is_told_once_more(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(1024);

	(void)state;
	m.forgets_sets = true;
	model_card(&m, &c);
	model_forget_lines(&m);
	assert_int_equal(role_internal_authenticate(&c, some(24), &out), CARD_DONE);
	assert_int_equal(role_internal_authenticate(&c, some(24), &out), CARD_DONE);
	assert_int_equal(model_sent(&m, "002241A4"), 2);
	assert_int_equal(model_sent(&m, "0088"), 3);
	model_rule(&m, "0088", "6985");
	assert_int_equal(role_internal_authenticate(&c, some(24), &out), CARD_REFUSED);
	model_rule(&m, "0088", "6A88");
	assert_int_equal(role_internal_authenticate(&c, some(24), &out), CARD_ABSENT);
	model_rule(&m, "002241A4", "6A80");
	assert_int_equal(role_internal_authenticate(&c, some(24), &out), CARD_REFUSED);
	model_rule(&m, "002241A4", "6A88");
	environment_forget(&c);
	assert_int_equal(role_internal_authenticate(&c, some(24), &out), CARD_ABSENT);
}

static void what_is_no_certificate_challenge_or_signature_is_not_sent(void **state)
{
	static const uint8_t two[] = {0x7F, 0x21, 0x00, 0x00};
	static const uint8_t other[] = {0x7F, 0x22, 0x00};
	_cleanup_(buf_done) struct buf out = BUF_NULL(1024);

	(void)state;
	model_card(&m, &c);
	model_forget_lines(&m);
	assert_int_equal(role_check_certificate(&c, some(15), VIEW(cvc)), CARD_REFUSED);
	assert_int_equal(role_check_certificate(&c, some(16), VIEW(two)), CARD_REFUSED);
	assert_int_equal(role_check_certificate(&c, some(16), VIEW(other)), CARD_REFUSED);
	assert_int_equal(role_check_certificate(&c, some(16), VIEW_NULL), CARD_REFUSED);
	assert_int_equal(role_challenge(&c, some(17), &out), CARD_REFUSED);
	assert_int_equal(role_internal_authenticate(&c, some(25), &out), CARD_REFUSED);
	assert_int_equal(role_external_authenticate(&c, some(63)), CARD_REFUSED);
	assert_int_equal(m.n_lines, 0);
}

static void what_the_card_does_not_take_is_refused(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(1024);

	(void)state;
	model_card(&m, &c);
	model_rule(&m, "002281B6", "6A88");
	assert_int_equal(role_check_certificate(&c, some(16), VIEW(cvc)), CARD_REFUSED);
	memset(m.rules, 0, sizeof(m.rules));
	model_rule(&m, "002A00BE", "6300");
	assert_int_equal(role_check_certificate(&c, some(16), VIEW(cvc)), CARD_REFUSED);
	model_rule(&m, "0022C1A4", "6A88");
	assert_int_equal(role_challenge(&c, some(16), &out), CARD_REFUSED);
	memset(m.rules, 0, sizeof(m.rules));
	model_rule(&m, "0084", "000102039000");
	assert_int_equal(role_challenge(&c, some(16), &out), CARD_BROKEN);
	model_rule(&m, "0082", "6300");
	assert_int_equal(role_external_authenticate(&c, some(64)), CARD_REFUSED);
	card_selected(&c, CARD_DF_UNKNOWN, 0);
	model_rule(&m, "00A4", "6A82");
	assert_int_equal(role_check_certificate(&c, some(16), VIEW(cvc)), CARD_ABSENT);
	assert_int_equal(role_challenge(&c, some(16), &out), CARD_ABSENT);
	assert_int_equal(role_internal_authenticate(&c, some(24), &out), CARD_ABSENT);
}

/* -- serial -------------------------------------------------------------------------------- */

static void another_serial_is_another_card(void **state)
{
	static const struct {
		const char *file;
		int r;
	} table[] = {
		{"5A00", CARD_BROKEN},
		{"5A11001122334455667788990011223344556677", CARD_BROKEN},
		{"5A0A92500001", CARD_BROKEN}, /* cut */
		{"5B0100", CARD_ABSENT},       /* another file */
		{"", CARD_ABSENT},
	};
	struct view serial;

	(void)state;
	model_card(&m, &c);
	assert_int_equal(card_serial(&c, &serial), CARD_DONE);
	assert_int_equal(serial.len, 10);
	assert_int_equal(card_serial(&c, &serial), CARD_DONE);
	model_put(&m, MODEL_ROOT, 0x2F02, 4, MODEL_FREE, "5A0A92500001000004270F00");
	assert_int_equal(card_serial(&c, &serial), CARD_GONE);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		model_put(&m, MODEL_ROOT, 0x2F02, 4, MODEL_FREE, table[i].file);
		assert_int_equal(card_serial(&c, &serial), table[i].r);
	}
	model_remove(&m, MODEL_ROOT, 0x2F02);
	assert_int_equal(card_serial(&c, &serial), CARD_ABSENT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, prepare, clean)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_listed_vitale_is_recognised),
		TEST(every_card_of_the_family_is_recognised),
		TEST(cards_that_nobody_reads_get_their_name),
		TEST(a_card_of_before_the_cps3_is_named_by_its_old_volet),
		TEST(an_impostor_is_unknown),
		TEST(a_card_is_taken_up_with_as_little_as_its_kind_needs),
		TEST(a_vitale_taken_up_is_found_out_by_its_first_file),
		TEST(a_card_of_another_atr_is_gone),
		TEST(sizes_are_remembered_and_the_oldest_forgotten),
		TEST(a_card_that_is_forgotten_keeps_nothing_of_anybody),
		TEST(a_template_that_stands_is_not_told_again),
		TEST(the_own_key_stays_named_between_the_two_proofs),
		TEST(what_a_selection_ended_is_named_anew_before_the_challenge_is_used),
		TEST(without_an_exchange_the_key_is_named_alone),
		TEST(a_card_that_forgets_the_key_is_told_once_more),
		TEST(what_is_no_certificate_challenge_or_signature_is_not_sent),
		TEST(what_the_card_does_not_take_is_refused),
		TEST(another_serial_is_another_card),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
