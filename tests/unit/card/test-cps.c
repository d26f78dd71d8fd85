/* SPDX-License-Identifier: EUPL-1.2 */
/* The professional's card: which it is, what is public, activities, signature. */
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
#include "tests/unit/card/model.h"

static struct model m;
static struct card c;
static struct buf body = {.max = CARD_BODY_MAX};

static void begin(void (*make)(struct model *m))
{
	make(&m);
	model_card(&m, &c);
	model_forget_lines(&m);
}

static void end(void)
{
	card_done(&c);
	model_done(&m);
	buf_done(&body);
}

/* After other files of the same card: what was learned of it is gone. */
static void again(void)
{
	card_forget(&c);
	memset(m.rules, 0, sizeof(m.rules));
	model_forget_lines(&m);
	buf_reset(&body);
}

static struct view found(uint32_t tag)
{
	struct tlv t;

	assert_int_equal(tlv_find(buf_view(&body), tag, &t), 0);
	return t.value;
}

static void text_is(struct view in, uint32_t tag, const char *text)
{
	struct tlv t;

	assert_int_equal(tlv_find(in, tag, &t), 0);
	assert_true(view_equal(t.value, view_str(text)));
}

static bool absent(uint32_t tag)
{
	struct tlv t;

	return tlv_find(buf_view(&body), tag, &t) == TLV_ABSENT;
}

static void (*const makes[])(struct model *m) = {model_cps3, model_cps4};

/* -- which card ---------------------------------------------------------------------------- */

#define ACTUA "EC12810720240102030405820720270102030405"

static void a_card_says_its_serial_and_its_stamp(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		begin(makes[i]);
		assert_int_equal(c.driver->identify(&c, &body), CARD_DONE);
		assert_int_equal(found(LINK_TAG_SERIAL).len, 10);
		assert_true(absent(LINK_TAG_ACTUA_FROM));
		assert_int_equal(m.n_lines, 3);
		again();
		model_put(&m, MODEL_ROOT, 0xD010, 0, MODEL_FREE, ACTUA);
		assert_int_equal(c.driver->identify(&c, &body), CARD_DONE);
		text_is(buf_view(&body), LINK_TAG_ACTUA_FROM, "20240102030405");
		text_is(buf_view(&body), LINK_TAG_ACTUA_TO, "20270102030405");
		assert_int_equal(m.n_lines, 4);
		end();
	}
}

static void dates_that_are_not_whole_make_the_card_unusable(void **state)
{
	static const char *const files[] = {
		"",
		"EC",
		"EC00",
		"EC09810720240102030405",
		"EC09820720240102030405",
		"EC12810720240102030405820720270102",
		"EC1281072024010203040582072027010203040A",
		"EC1081062024010203048206202701020304",
		"EC128107202401020304FF820720270102030405",
		"ED12810720240102030405820720270102030405",
		"00000000000000000000000000000000000000000000",
		"EC8181",
		"EC82FFFF810720240102030405820720270102030405",
	};

	(void)state;
	begin(model_cps3);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		again();
		model_put(&m, MODEL_ROOT, 0xD010, 0, MODEL_FREE, files[i]);
		if (c.driver->identify(&c, &body) != CARD_UNUSABLE) {
			fail_msg("%s", files[i]);
		}
	}
	end();
}

static void a_file_of_dates_may_hold_more_than_them(void **state)
{
	(void)state;
	begin(model_cps3);
	model_put(&m, MODEL_ROOT, 0xD010, 0, MODEL_FREE,
		"EC158301008107202401020304058207202701020304050000");
	assert_int_equal(c.driver->identify(&c, &body), CARD_DONE);
	text_is(buf_view(&body), LINK_TAG_ACTUA_TO, "20270102030405");
	again();
	model_put(&m, MODEL_ROOT, 0xD010, 0, MODEL_FREE, ACTUA "0000");
	assert_int_equal(c.driver->identify(&c, &body), CARD_DONE);
	end();
}

static void dates_that_cannot_be_read_make_the_card_unusable(void **state)
{
	static const struct {
		const char *answer;
		int r;
	} table[] = {
		{"6982", CARD_UNUSABLE},
		{"6A82", CARD_UNUSABLE},
		{"6985", CARD_UNUSABLE},
		{"6F00", CARD_BROKEN},
		{"gone", CARD_GONE},
		{"mute", CARD_MUTE},
	};

	(void)state;
	begin(model_cps3);
	model_put(&m, MODEL_ROOT, 0xD010, 0, MODEL_FREE, ACTUA);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		again();
		model_rule(&m, "00B00000", table[i].answer);
		assert_int_equal(c.driver->identify(&c, &body), table[i].r);
	}
	again();
	model_rule(&m, "00A4020C02D010", "6982");
	assert_int_equal(c.driver->identify(&c, &body), CARD_UNUSABLE);
	end();
}

static void a_serial_without_a_short_identifier_is_found_by_its_own(void **state)
{
	static const char *const refusals[] = {"6A82", "6A86", "6D00", "6700", "6981"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		begin(model_cps3);
		model_rule(&m, "00B09C", refusals[i]);
		assert_int_equal(
			c.driver->identify(&c, &body), i < 4 ? CARD_DONE : CARD_BROKEN);
		assert_int_equal(model_sent(&m, "00A4020C02D003"), i < 4 ? 1 : 0);
		end();
	}
	begin(model_cps3); /* begun, and then refused: none of it stays */
	model_rule(&m, "00B09C", "5A82010000000000000000009000");
	model_rule(&m, "00B0000C", "6A82");
	assert_int_equal(c.driver->identify(&c, &body), CARD_DONE);
	assert_int_equal(c.serial_len, 10);
	assert_int_equal(c.serial[0], 0x80);
	end();
	begin(model_cps3);
	model_put(&m, MODEL_ROOT, 0xD003, 0, MODEL_FREE, "5A0A8025000001990001017F");
	model_put(&m, MODEL_ROOT, 0xD099, 0x1C, MODEL_FREE, "800102"); /* another's number */
	assert_int_equal(c.driver->identify(&c, &body), CARD_DONE);
	again();
	model_put(&m, MODEL_ROOT, 0xD003, 0, MODEL_FREE, "800102");
	assert_int_equal(c.driver->identify(&c, &body), CARD_BROKEN);
	model_remove(&m, MODEL_ROOT, 0xD003);
	assert_int_equal(c.driver->identify(&c, &body), CARD_ABSENT);
	model_rule(&m, "00A4090C023F00", "6A82");
	card_forget(&c);
	assert_int_equal(c.driver->identify(&c, &body), CARD_ABSENT);
	end();
}

/* -- public data --------------------------------------------------------------------------- */

static void public_data_is_read_from_both_generations(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		begin(makes[i]);
		assert_int_equal(c.driver->read_public(&c, &body), CARD_DONE);
		assert_int_equal(found(LINK_TAG_CERT_AUT).len, 1619);
		assert_int_equal(found(LINK_TAG_CERT_SIG).len, 1553);
		assert_int_equal(found(LINK_TAG_CVC).len, 228);
		text_is(buf_view(&body), LINK_TAG_SPECIALITY, "SM26");
		text_is(buf_view(&body), LINK_TAG_DIRECTORY, "\1\3");
		assert_null(c.driver->read_people);
		assert_null(c.driver->read_protected);
		end();
	}
}

static void a_card_without_the_stand_in_is_read_by_its_directory(void **state)
{
	(void)state;
	begin(model_cps3);
	model_put(&m, MODEL_APP, 0xC001, 0, MODEL_FREE, "3003020101");
	model_put(&m, MODEL_APP, 0x7005, 0, MODEL_FREE,
		"301F30070C0143030206403003040101A10F300D300B04063F000001C001020100"
		"301F30070C0143030206403003040120A10F300D300B04063F000001C001020100");
	model_remove(&m, MODEL_APP, 0xB001);
	model_remove(&m, MODEL_APP, 0xB002);
	model_remove(&m, MODEL_APP, 0xB003);
	model_remove(&m, MODEL_APP, 0xD104);
	assert_int_equal(c.driver->read_public(&c, &body), CARD_DONE);
	assert_int_equal(found(LINK_TAG_CERT_AUT).len, 5);
	assert_int_equal(found(LINK_TAG_CERT_SIG).len, 5);
	assert_true(absent(LINK_TAG_CVC) && absent(LINK_TAG_SPECIALITY));
	assert_int_equal(model_sent(&m, "00A4020C025031"), 1); /* kept */
	again();
	model_put(&m, MODEL_APP, 0x7005, 0, MODEL_FREE, /* under another folder */
		"301C30070C0143030206403003040102A10C300A300804063F000002C001");
	assert_int_equal(c.driver->read_public(&c, &body), CARD_ABSENT);
	assert_int_equal(model_sent(&m, "00A4090C063F000002C001"), 1);
	again();
	model_put(&m, MODEL_APP, 0x7005, 0, MODEL_FREE, "");
	assert_int_equal(c.driver->read_public(&c, &body), CARD_ABSENT);
	again();
	model_remove(&m, MODEL_APP, 0x5031);
	assert_int_equal(c.driver->read_public(&c, &body), CARD_ABSENT);
	end();
}

static void professional_data_may_lack_a_speciality_but_not_be_cut(void **state)
{
	static const struct {
		const char *file;
		int r;
	} table[] = {
		{"EF00", CARD_DONE},
		{"EF03800101", CARD_DONE},
		{"EF0287", CARD_BROKEN},
		{"EF028705", CARD_BROKEN},
		{"EE00", CARD_BROKEN},
		{"", CARD_BROKEN},
	};

	(void)state;
	begin(model_cps3);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		again();
		model_put(&m, MODEL_APP, 0xD104, 0, MODEL_FREE, table[i].file);
		if (c.driver->read_public(&c, &body) != table[i].r) {
			fail_msg("%s", table[i].file);
		}
		assert_true(absent(LINK_TAG_SPECIALITY));
	}
	end();
}

static void certificates_that_lie_about_their_length_are_broken(void **state)
{
	static const char *const files[] = {
		"30820100", "3082FFFF00", "3080", "3180", "0000", ""};
	static const uint16_t places[] = {0xB001, 0xB002};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(places); k++) {
		begin(model_cps3);
		for (size_t i = 0; i < ARRAY_LEN(files); i++) {
			again();
			model_put(&m, MODEL_APP, places[k], 0, MODEL_FREE, files[i]);
			assert_int_equal(c.driver->read_public(&c, &body), CARD_BROKEN);
		}
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_card_says_its_serial_and_its_stamp),
		cmocka_unit_test(dates_that_are_not_whole_make_the_card_unusable),
		cmocka_unit_test(a_file_of_dates_may_hold_more_than_them),
		cmocka_unit_test(dates_that_cannot_be_read_make_the_card_unusable),
		cmocka_unit_test(a_serial_without_a_short_identifier_is_found_by_its_own),
		cmocka_unit_test(public_data_is_read_from_both_generations),
		cmocka_unit_test(a_card_without_the_stand_in_is_read_by_its_directory),
		cmocka_unit_test(professional_data_may_lack_a_speciality_but_not_be_cut),
		cmocka_unit_test(certificates_that_lie_about_their_length_are_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
