/* SPDX-License-Identifier: EUPL-1.2 */
/* Messages and notifications: put together and taken apart, and everything that they may not be. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "base/hex.h"
#include "drivers/usb/message.h"

static struct message m;

static int parse(const char *hex, size_t max)
{
	static uint8_t kept[64]; /* m.data is borrowed */
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(64);

	assert_int_equal(hex_decode(&bytes, view_str(hex)), 0);
	assert_int_equal(view_copy(buf_view(&bytes), kept, sizeof(kept)), 0);
	m = (struct message){.type = 0x5A};
	return message_parse(view_of(kept, bytes.len), max, &m);
}

static void a_message_is_put_together(void **state)
{
	static const uint8_t three[3] = {1, 2, 3};
	static const uint8_t data[] = {0x00, 0xA4, 0x04, 0x00};
	static const uint8_t whole[] = {
		0x6F, 4, 0, 0, 0, 5, 0xFE, 1, 2, 3, 0x00, 0xA4, 0x04, 0x00};
	_cleanup_(buf_done) struct buf out = BUF_NULL(MESSAGE_MAX);
	size_t total;

	(void)state;
	message_put(&out, MESSAGE_XFR_BLOCK, 5, 0xFE, three, VIEW(data));
	assert_int_equal(buf_check(&out), 0);
	assert_true(view_equal(buf_view(&out), VIEW(whole)));
	assert_int_equal(message_total(buf_view(&out), 271, &total), 0);
	assert_int_equal(total, sizeof(whole));
	buf_reset(&out);
	message_put(&out, MESSAGE_GET_SLOT_STATUS, 0, 0, three, VIEW_NULL);
	assert_int_equal(out.len, MESSAGE_HEADER);
}

static void the_longest_message_has_all_its_length_bytes(void **state)
{
	static const uint8_t three[3] = {0};
	static const uint8_t data[MESSAGE_MAX - MESSAGE_HEADER];
	_cleanup_(buf_done) struct buf out = BUF_NULL(MESSAGE_MAX);
	static const uint8_t head[] = {0x6F, 0x08, 0x00, 0x01, 0x00};
	size_t total;

	(void)state;
	message_put(&out, MESSAGE_XFR_BLOCK, 0, 0, three, VIEW(data));
	assert_true(view_equal(view_sub(buf_view(&out), 0, 5), VIEW(head)));
	assert_int_equal(message_total(buf_view(&out), MESSAGE_MAX, &total), 0);
	assert_int_equal(total, MESSAGE_MAX);
	assert_int_equal(message_total(buf_view(&out), MESSAGE_MAX - 1, &total), MESSAGE_LONG);
	assert_int_equal(total, MESSAGE_MAX); /* as it was */
}

static void a_total_needs_five_bytes(void **state)
{
	static const uint8_t head[] = {0x80, 0x02, 0x00, 0x00, 0x00};
	static const uint8_t huge[] = {0x80, 0xFF, 0xFF, 0xFF, 0xFF};
	size_t total = 77;

	(void)state;
	for (size_t n = 0; n < 5; n++) {
		assert_int_equal(
			message_total(view_sub(VIEW(head), 0, n), 271, &total), MESSAGE_CUT);
	}
	assert_int_equal(message_total(VIEW(huge), MESSAGE_MAX, &total), MESSAGE_LONG);
	assert_int_equal(message_total(VIEW(head), 9, &total), MESSAGE_LONG);
	assert_int_equal(message_total(VIEW(head), 11, &total), MESSAGE_LONG);
	assert_int_equal(total, 77);
	assert_int_equal(message_total(VIEW(head), 12, &total), 0);
	assert_int_equal(total, 12);
}

static void an_answer_is_taken_apart(void **state)
{
	(void)state;
	assert_int_equal(parse("8002000000013742F0039000", 271), 0);
	assert_int_equal(m.type, MESSAGE_DATA_BLOCK);
	assert_int_equal(m.slot, 1);
	assert_int_equal(m.seq, 0x37);
	assert_int_equal(m.icc, MESSAGE_ICC_ABSENT);
	assert_int_equal(m.command, MESSAGE_COMMAND_FAILED);
	assert_int_equal(m.error, MESSAGE_ERROR_PIN_TIMEOUT);
	assert_int_equal(m.last, MESSAGE_CHAIN_GOES_ON);
	assert_int_equal(m.data.len, 2);
	assert_int_equal(m.data.data[0], 0x90);
	assert_int_equal(parse("80000000000000801000", 271), 0); /* more time, 16 times */
	assert_int_equal(m.command, MESSAGE_COMMAND_TIME);
	assert_int_equal(m.icc, MESSAGE_ICC_ACTIVE);
	assert_int_equal(m.error, 16);
	assert_int_equal(m.data.len, 0);
	assert_int_equal(parse("81000000000000010000", 271), 0);
	assert_int_equal(m.icc, MESSAGE_ICC_INACTIVE);
	assert_int_equal(m.command, MESSAGE_COMMAND_OK);
}

static void what_is_no_answer_is_named(void **state)
{
	static const struct {
		const char *hex;
		int outcome;
	} answers[] = {
		{"", MESSAGE_CUT},
		{"80", MESSAGE_CUT},
		{"800000000000000000", MESSAGE_CUT},	 /* nine bytes */
		{"80020000000000000000", MESSAGE_CUT},	 /* its data is missing */
		{"8002000000000000000090", MESSAGE_CUT}, /* ... half of it */
		{"80010000000000000000900000", MESSAGE_LONG},
		{"8000000000000000000000", MESSAGE_LONG}, /* one zero too many */
		{"80060100000000000000", MESSAGE_LONG},	  /* 262 + 10 bytes, of 271 */
		{"80FFFFFFFF0000000000", MESSAGE_LONG},
		{"7F000000000000000000", MESSAGE_TYPE},
		{"85000000000000000000", MESSAGE_TYPE},
		{"6F000000000000000000", MESSAGE_TYPE},	  /* our own, mirrored */
		{"50000000000000000000", MESSAGE_TYPE},	  /* of the interrupt pipe */
		{"80000000000000030000", MESSAGE_STATUS}, /* a card that is nowhere */
		{"80000000000000C00000", MESSAGE_STATUS},
		{"80000000000000040000", MESSAGE_STATUS}, /* reserved bits */
		{"80000000000000200000", MESSAGE_STATUS},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		assert_int_equal(parse(answers[i].hex, 271), answers[i].outcome);
		assert_int_equal(m.type, 0x5A); /* nothing is written */
	}
}

static void each_command_has_one_type_of_answer(void **state)
{
	static const uint8_t pairs[][2] = {
		{MESSAGE_SET_PARAMETERS, MESSAGE_PARAMETERS},
		{MESSAGE_POWER_ON, MESSAGE_DATA_BLOCK},
		{MESSAGE_POWER_OFF, MESSAGE_SLOT_STATUS},
		{MESSAGE_GET_SLOT_STATUS, MESSAGE_SLOT_STATUS},
		{MESSAGE_SECURE, MESSAGE_DATA_BLOCK},
		{MESSAGE_ESCAPE, MESSAGE_ESCAPED},
		{MESSAGE_GET_PARAMETERS, MESSAGE_PARAMETERS},
		{MESSAGE_RESET_PARAMETERS, MESSAGE_PARAMETERS},
		{MESSAGE_CLOCK, MESSAGE_SLOT_STATUS},
		{MESSAGE_XFR_BLOCK, MESSAGE_DATA_BLOCK},
		{MESSAGE_ABORT, MESSAGE_SLOT_STATUS},
		{MESSAGE_SET_RATE, MESSAGE_RATE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		for (unsigned answer = 0; answer < 256; answer++) {
			assert_int_equal(message_answers((enum message_type)pairs[i][0],
						 (uint8_t)answer),
				answer == pairs[i][1]);
		}
	}
	assert_false(message_answers(MESSAGE_DATA_BLOCK, MESSAGE_DATA_BLOCK));
}

/* -- the interrupt pipe ------------------------------------------------------------------------ */

static int notice(const char *hex, unsigned slots, struct notice *ret)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(64);

	assert_int_equal(hex_decode(&bytes, view_str(hex)), 0);
	*ret = (struct notice){.slot = 0x5A};
	return notice_parse(buf_view(&bytes), slots, ret);
}

static void a_change_tells_every_slot(void **state)
{
	struct notice n;

	(void)state;
	assert_int_equal(notice("5003", 1, &n), 0); /* in, changed */
	assert_false(n.hardware);
	assert_int_equal(n.present, 1);
	assert_int_equal(n.changed, 1);
	assert_int_equal(notice("5002", 1, &n), 0); /* out, changed */
	assert_int_equal(n.present, 0);
	assert_int_equal(n.changed, 1);
	assert_int_equal(notice("500D", 2, &n), 0); /* 1101: slot 0 in, slot 1 in and changed */
	assert_int_equal(n.present, 3);
	assert_int_equal(n.changed, 2);
	assert_int_equal(notice("50000000C0", 16, &n), 0);
	assert_int_equal(n.present, 0x8000);
	assert_int_equal(n.changed, 0x8000);
	assert_int_equal(notice("500001", 5, &n), 0);
	assert_int_equal(n.present, 0x0010);
	assert_int_equal(n.changed, 0);
}

static void bits_of_slots_that_are_not_there_do_not_count(void **state)
{
	struct notice n;

	(void)state;
	assert_int_equal(notice("50FF", 1, &n), 0);
	assert_int_equal(n.present, 1);
	assert_int_equal(n.changed, 1);
	assert_int_equal(notice("50FFFF", 5, &n), 0);
	assert_int_equal(n.present, 0x1F);
}

static void padding_is_passed_over_when_it_is_zero(void **state)
{
	struct notice n;

	(void)state;
	assert_int_equal(notice("5003000000000000", 1, &n), 0);
	assert_int_equal(notice("5003000000000001", 1, &n), NOTICE_BROKEN);
	assert_int_equal(n.slot, 0x5A);
}

static void a_hardware_error_names_its_slot(void **state)
{
	struct notice n;

	(void)state;
	assert_int_equal(notice("51010701", 2, &n), 0);
	assert_true(n.hardware);
	assert_int_equal(n.slot, 1);
	assert_int_equal(n.present, 0);
	assert_int_equal(notice("51020701", 2, &n), NOTICE_BROKEN); /* no such slot */
}

static void what_is_no_notice_is_named(void **state)
{
	static const char *const broken[] = {
		"", "50", "51", "5100", "510000", "52", "8000", "00", "FF"};
	struct notice n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		assert_int_equal(notice(broken[i], 1, &n), NOTICE_BROKEN);
		assert_int_equal(n.slot, 0x5A);
	}
	assert_int_equal(notice("50FF", 5, &n), NOTICE_BROKEN); /* the fifth is missing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_is_put_together),
		cmocka_unit_test(the_longest_message_has_all_its_length_bytes),
		cmocka_unit_test(a_total_needs_five_bytes),
		cmocka_unit_test(an_answer_is_taken_apart),
		cmocka_unit_test(what_is_no_answer_is_named),
		cmocka_unit_test(each_command_has_one_type_of_answer),
		cmocka_unit_test(a_change_tells_every_slot),
		cmocka_unit_test(bits_of_slots_that_are_not_there_do_not_count),
		cmocka_unit_test(padding_is_passed_over_when_it_is_zero),
		cmocka_unit_test(a_hardware_error_names_its_slot),
		cmocka_unit_test(what_is_no_notice_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
