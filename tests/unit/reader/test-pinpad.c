/* SPDX-License-Identifier: EUPL-1.2 */
/* A code typed on the reader: feature lists, properties, quirks, and both structures byte by byte
 * (against libpcsclite's own definition of them). */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <PCSC/reader.h>
#include <PCSC/winscard.h>

#include "base/hex.h"
#include "drivers/reader/pinpad.h"

#define VERIFY_LIST "060442330006"
#define MODIFY_LIST "070442330007"
#define BOTH_LISTS  VERIFY_LIST MODIFY_LIST

static const uint8_t verify_pin[] = {0x00, 0x20, 0x00, 0x01, 4, 0xFF, 0xFF, 0xFF, 0xFF};
static const uint8_t change_pin[] = {
	0x00, 0x24, 0x00, 0x01, 8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
static const uint8_t unblock_pin[] = {0x00, 0x2C, 0x00, 0x01, 12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
	0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

static const struct transport_pin verify = {
	.command = {verify_pin, sizeof(verify_pin)}, .digits = 4};
static const struct transport_pin change = {.command = {change_pin, sizeof(change_pin)},
	.digits = 4,
	.new_digits = 4,
	.old_at = 0,
	.new_at = 4};
static const struct transport_pin unblock = {.command = {unblock_pin, sizeof(unblock_pin)},
	.digits = 8,
	.new_digits = 4,
	.old_at = 0,
	.new_at = 8};

/* The reader @name with feature list @list, and what its two property answers say (hex). */
static struct pinpad reader(
	const char *name, const char *list, const char *properties, const char *tlv)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(256);
	struct pinpad p = {.verify = 0};

	assert_int_equal(hex_decode(&bytes, view_str(list)), 0);
	assert_int_equal(pinpad_features(buf_view(&bytes), name, &p), 0);
	if (properties) {
		buf_reset(&bytes);
		assert_int_equal(hex_decode(&bytes, view_str(properties)), 0);
		pinpad_properties(&p, buf_view(&bytes));
	}
	if (tlv) {
		buf_reset(&bytes);
		assert_int_equal(hex_decode(&bytes, view_str(tlv)), 0);
		pinpad_tlv(&p, buf_view(&bytes));
	}
	return p;
}

static void feature_lists_are_read_or_worth_nothing(void **state)
{
	static const struct {
		const char *list;
		int r;
		uint32_t verify;
		uint32_t modify;
		uint32_t properties;
		uint32_t tlv;
	} table[] = {
		{"", 0, 0, 0, 0, 0},
		{VERIFY_LIST, 0, 0x42330006, 0, 0, 0},
		{"010442330001" BOTH_LISTS "0A044233000A120442330012", 0, 0x42330006,
			0x42330007, 0x4233000A, 0x42330012},
		{"06", PINPAD_BROKEN, 0, 0, 0, 0},
		{"0603423300", PINPAD_BROKEN, 0, 0, 0, 0},
		{"06054233000600", PINPAD_BROKEN, 0, 0, 0, 0},
		{VERIFY_LIST "0704", PINPAD_BROKEN, 0, 0, 0, 0},
		{VERIFY_LIST "0700", PINPAD_BROKEN, 0, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		_cleanup_(buf_done) struct buf bytes = BUF_NULL(64);
		struct pinpad p = {.verify = 0};

		assert_int_equal(hex_decode(&bytes, view_str(table[i].list)), 0);
		assert_int_equal(pinpad_features(buf_view(&bytes), "A 00 00", &p), table[i].r);
		assert_int_equal(p.verify, table[i].verify);
		assert_int_equal(p.modify, table[i].modify);
		assert_int_equal(p.properties, table[i].properties);
		assert_int_equal(p.tlv, table[i].tlv);
		assert_int_equal(
			pinpad_can(&p), (table[i].verify ? 1 : 0) | (table[i].modify ? 2 : 0));
	}
}

static void properties_say_what_the_reader_wants(void **state)
{
	static const struct {
		const char *properties;
		const char *tlv;
		bool known;
		bool display;
		uint8_t validation;
		uint8_t min;
		uint8_t max;
	} table[] = {
		{NULL, NULL, false, false, 0, 0, 0},
		{"10020700", NULL, true, true, 7, 0, 0},
		{"00000200", NULL, true, false, 2, 0, 0},
		{"000002", NULL, false, false, 0, 0, 0},
		{"0000020000", NULL, false, false, 0, 0, 0},
		{NULL,
			"01021002"
			"020103"
			"060104"
			"070108",
			true, true, 3, 4, 8},
		{NULL, "01020000", true, false, 0, 0, 0},
		/* other properties, and those of a strange length, are passed over */
		{NULL,
			"0B020F14"
			"010100"
			"02020000"
			"0600"
			"07020808"
			"060105",
			false, false, 0, 5, 0},
		/* a cut list counts up to the cut */
		{NULL, "0201020601", false, false, 2, 0, 0},
		{NULL, "020102FF", false, false, 2, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct pinpad p =
			reader("A 00 00", VERIFY_LIST, table[i].properties, table[i].tlv);

		assert_int_equal(p.display_known, table[i].known);
		assert_int_equal(p.display, table[i].display);
		assert_int_equal(p.validation, table[i].validation);
		assert_int_equal(p.min, table[i].min);
		assert_int_equal(p.max, table[i].max);
	}
}

static void built(const struct pinpad *p, const struct transport_pin *pin, uint32_t code,
	const char *expected)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(PINPAD_STRUCTURE_MAX);
	_cleanup_(buf_done) struct buf hex = BUF_NULL(1024);
	uint32_t got = 0;

	assert_int_equal(pinpad_build(p, pin, &out, &got), 0);
	assert_int_equal(got, code);
	hex_encode(&hex, buf_view(&out));
	buf_put_u8(&hex, 0);
	assert_string_equal((char *)hex.data, expected);
}

static void a_code_is_asked_for_with_every_field_in_its_place(void **state)
{
	struct pinpad plain = reader("A 00 00", BOTH_LISTS, NULL, NULL);
	struct pinpad blind = reader("A 00 00", BOTH_LISTS, "00000700", NULL);
	struct pinpad full = reader("A 00 00", BOTH_LISTS, "10020100", "06010407010C");
	struct transport_pin only_new = change;

	(void)state;
	only_new.old_at = 0xFF;
	/* 30 s, 30 s, ASCII left in bytes, block 4, max 4, min 4, key, 1 message, French */
	built(&plain, &verify, 0x42330006,
		"1e1e820400040402010c0400000000"
		"09000000"
		"0020000104ffffffff");
	built(&plain, &change, 0x42330007,
		"1e1e82040000040404030203"
		"0c04000102000000"
		"0d000000"
		"0024000108ffffffffffffffff");
	/* PUK of 8 and PIN of 4: one range for both, no block size */
	built(&plain, &unblock, 0x42330007,
		"1e1e82000000080804030203"
		"0c04000102000000"
		"11000000"
		"002c00010cffffffffffffffffffffffff");
	/* nothing to show it on; the last digit ends the entry where there is no key for it */
	built(&blind, &verify, 0x42330006,
		"1e1e820400040402000c0400000000"
		"09000000"
		"0020000104ffffffff");
	built(&full, &verify, 0x42330006,
		"1e1e820400040401010c0400000000"
		"09000000"
		"0020000104ffffffff");
	/* a new code alone: typed twice, no current one */
	built(&plain, &only_new, 0x42330007,
		"1e1e82040000040404010202"
		"0c04000102000000"
		"0d000000"
		"0024000108ffffffffffffffff");
}

/* The same bytes through the structures of <PCSC/reader.h>. */
static void the_structures_are_those_of_part_10(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(PINPAD_STRUCTURE_MAX);
	struct pinpad p = reader("A 00 00", BOTH_LISTS, NULL, NULL);
	const PIN_VERIFY_STRUCTURE *v;
	const PIN_MODIFY_STRUCTURE *m;
	uint32_t code;

	(void)state;
	assert_int_equal(sizeof(PIN_VERIFY_STRUCTURE), 19);
	assert_int_equal(sizeof(PIN_MODIFY_STRUCTURE), 24);
	assert_int_equal(pinpad_build(&p, &verify, &out, &code), 0);
	v = (const PIN_VERIFY_STRUCTURE *)(const void *)out.data;
	assert_int_equal(v->bTimerOut, 30);
	assert_int_equal(v->bmFormatString, 0x82);
	assert_int_equal(v->bmPINBlockString, 4);
	assert_int_equal(v->wPINMaxExtraDigit, 0x0404);
	assert_int_equal(v->bEntryValidationCondition, 2);
	assert_int_equal(v->bNumberMessage, 1);
	assert_int_equal(v->wLangId, 0x040C);
	assert_int_equal(v->ulDataLength, sizeof(verify_pin));
	assert_memory_equal(v->abData, verify_pin, sizeof(verify_pin));
	buf_reset(&out);
	assert_int_equal(pinpad_build(&p, &unblock, &out, &code), 0);
	m = (const PIN_MODIFY_STRUCTURE *)(const void *)out.data;
	assert_int_equal(m->bInsertionOffsetOld, 0);
	assert_int_equal(m->bInsertionOffsetNew, 8);
	assert_int_equal(m->wPINMaxExtraDigit, 0x0408);
	assert_int_equal(m->bConfirmPIN, 3);
	assert_int_equal(m->bEntryValidationCondition, 2);
	assert_int_equal(m->bNumberMessage, 3);
	assert_int_equal(m->wLangId, 0x040C);
	assert_int_equal(m->bMsgIndex3, 2);
	assert_int_equal(m->ulDataLength, sizeof(unblock_pin));
	assert_memory_equal(m->abData, unblock_pin, sizeof(unblock_pin));
}

static void known_readers_get_what_they_want(void **state)
{
	static const struct {
		const char *name;
		const char *properties;
		const char *tlv;
		const char *verify; /* bytes 7 and 8: end of entry, messages */
		const char *modify; /* bytes 10 and 11 */
		uint16_t pause;
		uint8_t min;
		uint8_t max;
	} table[] = {
		{"Gemalto USB GemPCPinpad SmartCard Reader 00 00", "00000500",
			"060101"
			"07010C",
			"0201", "0203", 0, 4, 8},
		{"COVADIS VEGA-ALPHA 00 00", "00000100", NULL, "0201", "0203", 0, 4, 8},
		{"Dell keyboard SK-3106 00 00", "10020200", NULL, "0200", "0200", 250, 0, 0},
		{"Cherry GmbH SmartBoard XX44 00 00", "00000100", NULL, "0200", "0203", 0, 0,
			0},
		{"SCM Microsystems Inc. SPR 532 00 00", NULL, "060103", "0201", "0203", 0, 3,
			0},
		{"INGENICO Leo 00 00", "00000100", NULL, "0100", "0100", 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct pinpad p =
			reader(table[i].name, BOTH_LISTS, table[i].properties, table[i].tlv);
		_cleanup_(buf_done) struct buf out = BUF_NULL(2 * PINPAD_STRUCTURE_MAX);
		_cleanup_(buf_done) struct buf hex = BUF_NULL(1024);
		uint32_t code;
		size_t at;

		assert_int_equal(p.min, table[i].min);
		assert_int_equal(p.max, table[i].max);
		assert_int_equal(p.quirk ? p.quirk->pause_ms : 0, table[i].pause);
		assert_int_equal(pinpad_build(&p, &verify, &out, &code), 0);
		at = out.len;
		assert_int_equal(pinpad_build(&p, &change, &out, &code), 0);
		hex_encode(&hex, view_sub(buf_view(&out), 7, 2));
		hex_encode(&hex, view_sub(buf_view(&out), at + 10, 2));
		assert_memory_equal(hex.data, table[i].verify, 4);
		assert_memory_equal(hex.data + 4, table[i].modify, 4);
	}
}

static void what_the_keypad_cannot_do_is_not_asked_of_it(void **state)
{
	struct pinpad none = reader("A 00 00", "", NULL, NULL);
	struct pinpad verifies = reader("A 00 00", VERIFY_LIST, NULL, NULL);
	struct pinpad modifies = reader("A 00 00", MODIFY_LIST, NULL, NULL);
	struct pinpad five = reader("A 00 00", BOTH_LISTS, NULL, "060105");
	struct pinpad three = reader("A 00 00", BOTH_LISTS, NULL, "070103");
	struct pinpad six = reader("A 00 00", BOTH_LISTS, NULL, "070106");
	struct pinpad all = reader("A 00 00", BOTH_LISTS, NULL, NULL);
	static const uint8_t long_command[261] = {0};
	struct transport_pin cut_verify = verify;
	struct transport_pin cut_old = change;
	struct transport_pin cut_new = change;
	struct transport_pin no_digits = verify;
	struct transport_pin too_long = verify;

	const struct {
		const struct pinpad *p;
		const struct transport_pin *pin;
	} table[] = {
		{&none, &verify},
		{&none, &change},
		{&verifies, &change},
		{&modifies, &verify},
		{&five, &verify},
		{&five, &unblock}, /* the PUK would do, the new PIN not */
		{&three, &verify},
		{&six, &unblock},
		{&all, &cut_verify},
		{&all, &cut_old},
		{&all, &cut_new},
		{&all, &no_digits},
		{&all, &too_long},
	};

	(void)state;
	cut_verify.command.len--;
	cut_old.old_at = 6;
	cut_new.new_at = 5;
	no_digits.digits = 0;
	too_long.command = VIEW(long_command);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		_cleanup_(buf_done) struct buf out = BUF_NULL(PINPAD_STRUCTURE_MAX);
		uint32_t code = 7;

		if (pinpad_build(table[i].p, table[i].pin, &out, &code) !=
			TRANSPORT_NO_PINPAD) {
			fail_msg("row %zu", i);
		}
		assert_int_equal(out.len, 0);
		assert_int_equal(code, 7);
	}
}

static void the_readers_own_words_are_told_from_the_cards(void **state)
{
	static const struct {
		const char *answer;
		int r;
	} table[] = {
		{"9000", 0},
		{"63C2", 0},
		{"6983", 0},
		{"6400", TRANSPORT_LATE},
		{"6401", TRANSPORT_CANCELLED},
		{"6402", TRANSPORT_REFUSED},
		{"6403", TRANSPORT_REFUSED},
		{"6480", TRANSPORT_CANCELLED},
		{"6B80", TRANSPORT_NO_PINPAD},
		{"6404", 0},
		/* no status word at all: for the engine to judge */
		{"", 0},
		{"64", 0},
		{"640100", 0},
		{"006401", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		_cleanup_(buf_done) struct buf bytes = BUF_NULL(8);

		assert_int_equal(hex_decode(&bytes, view_str(table[i].answer)), 0);
		assert_int_equal(pinpad_answer(buf_view(&bytes)), table[i].r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(feature_lists_are_read_or_worth_nothing),
		cmocka_unit_test(properties_say_what_the_reader_wants),
		cmocka_unit_test(a_code_is_asked_for_with_every_field_in_its_place),
		cmocka_unit_test(the_structures_are_those_of_part_10),
		cmocka_unit_test(known_readers_get_what_they_want),
		cmocka_unit_test(what_the_keypad_cannot_do_is_not_asked_of_it),
		cmocka_unit_test(the_readers_own_words_are_told_from_the_cards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
