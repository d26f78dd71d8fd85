/* SPDX-License-Identifier: EUPL-1.2 */
/* drivers/sim/keypad.h: structures of PC/SC part 10, digits, and the commands made of them. */
#include <reader.h>
#include <string.h>

#include "base/hex.h"
#include "drivers/sim/keypad.h"
#include "tests/unit/sim/scene.h"

/** struct form - a structure field by field, as a program fills it in. */
struct form {
	uint8_t format, block, length, old_at, new_at;
	uint16_t digits;
	uint8_t confirm, condition, messages;
	const char *command;
};

static const struct form four = {.format = 0x82,
	.digits = 0x0404,
	.condition = 2,
	.messages = 1,
	.command = "0020000104FFFFFFFF"};

static void lay_verify(const struct form *f, struct buf *out)
{
	_cleanup_(buf_done) struct buf data = BUF_NULL(512);
	PIN_VERIFY_STRUCTURE s = {.bmFormatString = f->format,
		.bmPINBlockString = f->block,
		.bmPINLengthFormat = f->length,
		.wPINMaxExtraDigit = f->digits,
		.bEntryValidationCondition = f->condition,
		.bNumberMessage = f->messages,
		.wLangId = 0x040C};

	assert_int_equal(hex_decode(&data, view_str(f->command)), 0);
	s.ulDataLength = (uint32_t)data.len;
	buf_put(out, &s, offsetof(PIN_VERIFY_STRUCTURE, abData));
	buf_put_view(out, buf_view(&data));
}

static void lay_modify(const struct form *f, struct buf *out)
{
	_cleanup_(buf_done) struct buf data = BUF_NULL(512);
	PIN_MODIFY_STRUCTURE s = {.bTimerOut = 7,
		.bmFormatString = f->format,
		.bmPINBlockString = f->block,
		.bmPINLengthFormat = f->length,
		.bInsertionOffsetOld = f->old_at,
		.bInsertionOffsetNew = f->new_at,
		.wPINMaxExtraDigit = f->digits,
		.bConfirmPIN = f->confirm,
		.bEntryValidationCondition = f->condition,
		.bNumberMessage = f->messages,
		.wLangId = 0x040C};

	assert_int_equal(hex_decode(&data, view_str(f->command)), 0);
	s.ulDataLength = (uint32_t)data.len;
	buf_put(out, &s, offsetof(PIN_MODIFY_STRUCTURE, abData));
	buf_put_view(out, buf_view(&data));
}

static int begin(struct keypad *k, const struct form *f, bool modify)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(1024);

	if (modify)
		lay_modify(f, &b);
	else
		lay_verify(f, &b);
	return keypad_begin(k, modify ? KEYPAD_MODIFY : KEYPAD_VERIFY, buf_view(&b));
}

/* Begin, type, finish: the status word of the reader is @sw, or the command @want. */
static void plays(const struct form *f, bool modify, const char *const *codes, uint16_t sw,
	const char *want)
{
	_cleanup_(buf_done) struct buf command = BUF_NULL(KEYPAD_COMMAND_MAX);
	uint16_t got = 1;
	struct keypad k;

	keypad_init(&k, true);
	assert_int_equal(begin(&k, f, modify), 0);
	for (; *codes; codes++) {
		assert_int_equal(keypad_finish(&k, &got, &command), KEYPAD_WAITS);
		assert_int_equal(keypad_type(&k, *codes), 0);
	}
	assert_int_equal(keypad_missing(&k), 0);
	assert_int_equal(keypad_finish(&k, &got, &command), 0);
	assert_int_equal(got, sw);
	assert_view_hex(buf_view(&command), want);
	assert_false(k.asking);
	assert_int_equal(k.typed, 0);
	assert_int_equal(k.codes[0][0], 0);
	keypad_done(&k);
}

static void digits_go_where_the_structure_says(void **state)
{
	static const struct {
		struct form f;
		const char *code, *want;
		uint16_t sw;
	} rows[] = {
		{{0x82, 0x00, 0, 0, 0, 0x0404, 0, 2, 1, "0020000104FFFFFFFF"}, "1234",
			"002000010431323334", 0},
		/* a block without a size: Lc follows the digits */
		{{0x82, 0x00, 0, 0, 0, 0x0408, 0, 7, 0, "0020000100"}, "123456",
			"0020000106313233343536", 0},
		/* eight bytes, the rest as the template has it */
		{{0x82, 0x08, 0, 0, 0, 0x0408, 0, 2, 0xFF, "0020000108FFFFFFFFFFFFFFFF"},
			"1234", "002000010831323334FFFFFFFF", 0},
		{{0x86, 0x08, 0, 0, 0, 0x0408, 0, 2, 1, "00200001080000000000000000"}, "1234",
			"00200001080000000031323334", 0},
		/* the same position in bits */
		{{0x42, 0x04, 0, 0, 0, 0x0404, 0, 2, 1, "0020000105AAFFFFFFFF"}, "1234",
			"0020000105AA31323334", 0},
		{{0x8A, 0x04, 0, 0, 0, 0x0404, 0, 2, 1, "0020000105AAFFFFFFFF"}, "1234",
			"0020000105AA31323334", 0},
		/* BCD with its length in the low half of the first byte: a format 2 block */
		{{0x89, 0x47, 0x04, 0, 0, 0x040C, 0, 2, 1, "002000010820FFFFFFFFFFFFFF"},
			"12345",
			"0020000108251234"
			"5FFFFFFFFF",
			0},
		{{0x89, 0x47, 0x00, 0, 0, 0x0408, 0, 2, 1, "002000010802FFFFFFFFFFFFFF"},
			"1234", "0020000108421234FFFFFFFFFF", 0},
		/* binary, with its length in a byte */
		{{0x88, 0x84, 0x10, 0, 0, 0x0404, 0, 2, 1, "002000010500FFFFFFFF"}, "9876",
			"00200001050409080706", 0},
		/* what was typed is too long, too short, or does not fit */
		{{0x82, 0x00, 0, 0, 0, 0x0404, 0, 2, 1, "0020000104FFFFFFFF"}, "12345", "",
			0x6403},
		{{0x82, 0x00, 0, 0, 0, 0x0608, 0, 2, 1, "0020000104FFFFFFFF"}, "12345", "",
			0x6403},
		{{0x82, 0x04, 0, 0, 0, 0x0408, 0, 2, 1, "0020000104FFFFFFFF"}, "12345", "",
			0x6B80},
		{{0x82, 0x08, 0, 0, 0, 0x0408, 0, 2, 1, "0020000104FFFFFFFF"}, "1234", "",
			0x6B80},
		{{0xA2, 0x00, 0, 0, 0, 0x0408, 0, 2, 1, "0020000100"}, "1234", "", 0x6B80},
		{{0x82, 0x84, 0x1F, 0, 0, 0x0404, 0, 2, 1, "0020000104FFFFFFFF"}, "1234", "",
			0x6B80},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *const codes[] = {rows[i].code, NULL};

		plays(&rows[i].f, false, codes, rows[i].sw, rows[i].want);
	}
}

static void a_new_code_is_asked_with_the_present_one_and_again(void **state)
{
	static const struct {
		struct form f;
		const char *codes[4];
		const char *want;
		uint16_t sw;
	} rows[] = {
		{{0x82, 0x04, 0, 0, 4, 0x0404, 3, 2, 3, "0024000108FFFFFFFFFFFFFFFF"},
			{"1234", "5678", "5678"}, "00240001083132333435363738", 0},
		{{0x82, 0x04, 0, 0, 4, 0x0404, 3, 2, 3, "0024000108FFFFFFFFFFFFFFFF"},
			{"1234", "5678", "5679"}, "", 0x6402},
		{{0x82, 0x04, 0, 0, 4, 0x0404, 2, 2, 2, "0024000108FFFFFFFFFFFFFFFF"},
			{"1234", "5678"}, "00240001083132333435363738", 0},
		{{0x82, 0x04, 0, 0, 0, 0x0404, 1, 2, 2, "002C020104FFFFFFFF"}, {"5678", "5678"},
			"002C02010435363738", 0},
		{{0x82, 0x04, 0, 0, 0, 0x0404, 0, 2, 1, "002C020104FFFFFFFF"}, {"5678"},
			"002C02010435363738", 0},
		/* PUK of eight and a new PIN of four: one size of block cannot hold both */
		{{0x82, 0x00, 0, 0, 8, 0x0408, 3, 2, 3, "002C00010CFFFFFFFFFFFFFFFFFFFFFFFF"},
			{"12345678", "5678", "5678"}, "002C00010C313233343536373835363738", 0},
		{{0x82, 0x04, 0, 0, 4, 0x0404, 3, 2, 3, "0024000108FFFFFFFFFFFFFFFF"},
			{"123", "5678", "5678"}, "", 0x6403},
		{{0x82, 0x04, 0, 9, 4, 0x0404, 3, 2, 3, "0024000108FFFFFFFFFFFFFFFF"},
			{"1234", "5678", "5678"}, "", 0x6B80},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		plays(&rows[i].f, true, rows[i].codes, rows[i].sw, rows[i].want);
}

static void what_a_reader_cannot_do_is_refused(void **state)
{
	static const struct {
		struct form f;
		bool modify;
	} rows[] = {
		{{0x82, 0, 0, 0, 0, 0x0404, 0, 0, 1, "0020000104FFFFFFFF"},
			false}, /* never done */
		{{0x82, 0, 0, 0, 0, 0x0404, 0, 8, 1, "0020000104FFFFFFFF"}, false},
		{{0x82, 0, 0, 0, 0, 0x0404, 0, 2, 2, "0020000104FFFFFFFF"},
			false}, /* messages */
		{{0x82, 0, 0, 0, 0, 0x0804, 0, 2, 1, "0020000104FFFFFFFF"}, false}, /* 8 to 4 */
		{{0x82, 0, 0, 0, 0, 0x0304, 0, 2, 1, "0020000104FFFFFFFF"}, false},
		{{0x82, 0, 0, 0, 0, 0x040D, 0, 2, 1, "0020000104FFFFFFFF"}, false},
		{{0x83, 0, 0, 0, 0, 0x0404, 0, 2, 1, "0020000104FFFFFFFF"},
			false}, /* encoding */
		{{0x0A, 0, 0, 0, 0, 0x0404, 0, 2, 1, "0020000104FFFFFFFF"}, false}, /* 1 bit */
		{{0x86, 0, 0, 0, 0, 0x0404, 0, 2, 1, "0020000104FFFFFFFF"},
			false}, /* no block */
		{{0x82, 0x34, 0, 0, 0, 0x0404, 0, 2, 1, "0020000104FFFFFFFF"},
			false}, /* 3 bits */
		{{0x82, 0x44, 0x03, 0, 0, 0x0404, 0, 2, 1, "0020000104FFFFFFFF"}, false},
		{{0x82, 0, 0x20, 0, 0, 0x0404, 0, 2, 1, "0020000104FFFFFFFF"}, false}, /* RFU */
		{{0x82, 0, 0, 0, 0, 0x0404, 0, 2, 1, "00B0000004FFFFFFFF"},
			false}, /* no VERIFY */
		{{0x82, 0, 0, 0, 0, 0x0404, 0, 2, 1, "00200001"}, false},
		{{0x82, 0, 0, 0, 4, 0x0404, 4, 2, 1, "0024000108FFFFFFFFFFFFFFFF"}, true},
		{{0x82, 0, 0, 0, 4, 0x0404, 3, 2, 4, "0024000108FFFFFFFFFFFFFFFF"}, true},
		{{0x82, 0, 0, 0, 4, 0x0404, 0, 2, 2, "0024000108FFFFFFFFFFFFFFFF"}, true},
	};

	struct keypad k;

	(void)state;
	keypad_init(&k, true);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (begin(&k, &rows[i].f, rows[i].modify) != KEYPAD_INVALID)
			fail_msg("row %zu", i);
		assert_false(k.asking);
	}
	keypad_done(&k);
}

static void a_structure_that_is_cut_or_has_another_length_is_refused(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(2048);
	struct keypad k;

	(void)state;
	keypad_init(&k, true);
	lay_verify(&four, &b);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(keypad_begin(&k, KEYPAD_VERIFY, view_sub(buf_view(&b), 0, n)),
			KEYPAD_INVALID);
	buf_put_u8(&b, 0);
	assert_int_equal(keypad_begin(&k, KEYPAD_VERIFY, buf_view(&b)), KEYPAD_INVALID);
	/* longer than any command */
	buf_reset(&b);
	buf_put_view(&b, VIEW_TEXT("\x1e\0\x82\0\0\x04\x04\x02\x01\x0c\x04\0\0\0\0\x06\x01\0\0"
				   "\0\x20\0\x01\xff"));
	buf_extend(&b, 257);
	assert_int_equal(keypad_begin(&k, KEYPAD_VERIFY, buf_view(&b)), KEYPAD_INVALID);
	keypad_done(&k);
}

static void the_person_may_cancel_or_be_late(void **state)
{
	_cleanup_(buf_done) struct buf command = BUF_NULL(KEYPAD_COMMAND_MAX);
	uint16_t sw = 0;
	struct keypad k;

	(void)state;
	keypad_init(&k, true);
	k.answer = KEYPAD_ANSWER_CANCEL; /* before it is asked */
	assert_int_equal(begin(&k, &four, false), 0);
	assert_int_equal(k.entry.timeout_s, KEYPAD_TIMEOUT);
	assert_int_equal(keypad_finish(&k, &sw, &command), 0);
	assert_int_equal(sw, KEYPAD_SW_CANCELLED);
	assert_int_equal(begin(&k, &four, false), 0); /* for that entry only */
	assert_int_equal(keypad_finish(&k, &sw, &command), KEYPAD_WAITS);
	k.answer = KEYPAD_ANSWER_LATE;
	assert_int_equal(keypad_finish(&k, &sw, &command), 0);
	assert_int_equal(sw, KEYPAD_SW_LATE);
	assert_int_equal(command.len, 0);
	keypad_done(&k);
	assert_true(k.fitted);
}

static void only_digits_are_typed(void **state)
{
	static const char *const wrong[] = {"", "12a4", "-123", "1234567890123", "12 34"};
	struct keypad k;

	(void)state;
	keypad_init(&k, true);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(keypad_type(&k, wrong[i]), KEYPAD_NO_CODE);
	assert_int_equal(keypad_missing(&k), 0); /* nobody is asked */
	for (int i = 0; i < 3; i++)
		assert_int_equal(keypad_type(&k, "123456789012"), 0);
	assert_int_equal(keypad_type(&k, "1"), KEYPAD_FULL);
	keypad_done(&k);
	assert_int_equal(k.typed, 0);
}

static void the_properties_are_well_formed(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(512);
	struct reader r;
	uint8_t last = 0;

	(void)state;
	assert_true(keypad_properties(KEYPAD_PROPERTIES, &b));
	assert_int_equal(b.len, sizeof(PIN_PROPERTIES_STRUCTURE));
	buf_reset(&b);
	assert_true(keypad_properties(KEYPAD_TLV_PROPERTIES, &b));
	for (r = reader_of(buf_view(&b)); r.left > 0;) {
		uint8_t tag = reader_u8(&r);

		assert_int_equal(tag, last + 1);
		last = tag;
		reader_take(&r, reader_u8(&r));
	}
	assert_false(r.failed);
	assert_int_equal(last, PCSCv2_PART10_PROPERTY_wIdProduct);
	assert_false(keypad_properties(KEYPAD_VERIFY, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digits_go_where_the_structure_says),
		cmocka_unit_test(a_new_code_is_asked_with_the_present_one_and_again),
		cmocka_unit_test(what_a_reader_cannot_do_is_refused),
		cmocka_unit_test(a_structure_that_is_cut_or_has_another_length_is_refused),
		cmocka_unit_test(the_person_may_cancel_or_be_late),
		cmocka_unit_test(only_digits_are_typed),
		cmocka_unit_test(the_properties_are_well_formed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
