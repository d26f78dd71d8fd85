/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The terminal's side of T=0, dialogue by dialogue: what goes over the line, how many bytes are waited
 * for, and how it ends. The clauses are those of ISO/IEC 7816-3:2006.
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
#include "drivers/usb/t0.h"

#define SELECT "00A4040002"
#define READ   "00B0000003"

static struct t0 t;
static struct buf out = {.max = 512};

static int setup_characters(void **state)
{
	(void)state;
	buf_reset(&out);
	t0_init(&t, T0_CHARACTERS);
	return 0;
}

static int setup_blocks(void **state)
{
	(void)setup_characters(state);
	t0_init(&t, T0_BLOCKS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	t0_done(&t);
	t0_done(&t); /* as often as one likes */
	buf_done(&out);
	return 0;
}

static struct view bytes_of(const char *hex)
{
	static struct buf b = {.max = 1024}; /* borrowed until the next call */

	buf_done(&b);
	assert_int_equal(hex_decode(&b, view_str(hex)), 0);
	return buf_view(&b);
}

static int begin(enum t0_whole whole, const char *hex)
{
	return t0_begin(&t, bytes_of(hex), whole, &out);
}

static int brings(const char *hex)
{
	return t0_next(&t, bytes_of(hex), &out);
}

/* @r: the machine sends @hex and waits for @expect bytes. */
static void asks(int r, const char *hex, size_t expect)
{
	assert_int_equal(r, T0_SEND);
	assert_true(view_equal(buf_view(&out), bytes_of(hex)));
	assert_int_equal(t.expect, expect);
	buf_reset(&out);
}

static void ends(int r, const char *hex)
{
	assert_int_equal(r, T0_DONE);
	assert_int_equal(out.len, 0);
	assert_true(view_equal(buf_view(&t.answer), bytes_of(hex)));
	assert_int_equal(t.data.len, 0);
	assert_int_equal(t.expect, 0);
	assert_int_equal(brings("9000"), T0_BROKEN); /* nobody asked */
}

static void breaks(int r)
{
	assert_int_equal(r, T0_BROKEN);
	assert_int_equal(out.len, 0);
	assert_int_equal(t.data.len, 0);
	assert_int_equal(brings("9000"), T0_BROKEN);
}

/* -- characters: §10.3 ----------------------------------------------------------------------------- */

static void case_1_is_sent_with_p3_00(void **state)
{
	(void)state;
	asks(begin(T0_APDU, "00440000"), "0044000000", 2);
	ends(brings("9000"), "9000");
}

static void data_comes_behind_the_acknowledgement_in_one_piece(void **state)
{
	(void)state;
	asks(begin(T0_TPDU, READ), READ, 2);
	asks(brings("B001"), "", 4); /* two bytes of data, SW1, SW2 */
	ends(brings("02039000"), "0102039000");
}

static void data_goes_when_it_is_acknowledged(void **state)
{
	(void)state;
	asks(begin(T0_TPDU, SELECT "3F00"), SELECT, 1);
	asks(brings("A4"), "3F00", 2);
	ends(brings("9000"), "9000");
}

static void the_complement_asks_for_one_byte(void **state)
{
	(void)state;
	asks(begin(T0_TPDU, SELECT "3F00"), SELECT, 1);
	asks(brings("5B"), "3F", 1);
	asks(brings("60"), "", 1);
	asks(brings("5B"), "00", 2);
	ends(brings("6A82"), "6A82");

	asks(begin(T0_TPDU, READ), READ, 2);
	asks(brings("4F01"), "", 2);
	asks(brings("4F02"), "", 2);
	asks(brings("60"), "", 2);
	asks(brings("B003"), "", 2);
	ends(brings("9000"), "0102039000");

	asks(begin(T0_TPDU, "00A40400033F0011"), "00A4040003", 1);
	asks(brings("5B"), "3F", 1);
	asks(brings("A4"), "0011", 2); /* the rest in one piece */
	ends(brings("9000"), "9000");

	asks(begin(T0_TPDU, READ), READ, 2);
	asks(brings("4F"), "", 3); /* a byte of data, then two at least */
	asks(brings("01B002"), "", 3);
	ends(brings("039000"), "0102039000");
}

static void the_card_may_end_whenever_a_procedure_byte_is_due(void **state)
{
	(void)state;
	asks(begin(T0_TPDU, SELECT "3F00"), SELECT, 1);
	asks(brings("6A"), "", 1);
	ends(brings("86"), "6A86");
	asks(begin(T0_TPDU, READ), READ, 2);
	ends(brings("6982"), "6982");
	asks(begin(T0_TPDU, READ), READ, 2);
	asks(brings("4F01"), "", 2);
	ends(brings("6281"), "016281");
	asks(begin(T0_TPDU, SELECT "3F00"), SELECT, 1);
	asks(brings("5B"), "3F", 1);
	asks(brings("98"), "", 1);
	ends(brings("40"), "9840");
}

static void null_waits_and_moves_nothing(void **state)
{
	(void)state;
	asks(begin(T0_TPDU, SELECT "3F00"), SELECT, 1);
	asks(brings("60"), "", 1);
	asks(brings("60"), "", 1);
	asks(brings("A4"), "3F00", 2);
	asks(brings("6060"), "", 2);
	asks(brings("6090"), "", 1);
	ends(brings("60"), "9060"); /* SW2 may be 60 */
}

static void null_for_ever_ends(void **state)
{
	int r = begin(T0_TPDU, READ);

	(void)state;
	for (unsigned i = 0; i < T0_NULLS_MAX; i++) {
		asks(r, i == 0 ? READ : "", 2);
		r = brings("60");
	}
	asks(r, "", 2);
	breaks(brings("60"));
}

static void nothing_for_ever_ends(void **state)
{
	int r = begin(T0_TPDU, READ);

	(void)state;
	for (unsigned i = 0; i < T0_NULLS_MAX; i++) {
		asks(r, i == 0 ? READ : "", 2);
		r = brings("");
	}
	asks(r, "", 2);
	breaks(brings(""));
}

static void an_acknowledgement_with_nothing_left_moves_nothing(void **state)
{
	(void)state;
	asks(begin(T0_APDU, "00440000"), "0044000000", 2);
	asks(brings("44BB"), "", 2);
	ends(brings("9000"), "9000");
	asks(begin(T0_TPDU, SELECT "3F00"), SELECT, 1);
	asks(brings("A4"), "3F00", 2);
	asks(brings("A45B"), "", 2);
	ends(brings("9000"), "9000");
	asks(begin(T0_TPDU, READ), READ, 2);
	asks(brings("B001"), "", 4);
	asks(brings("0203B0"), "", 2);
	ends(brings("9000"), "0102039000");
}

static void an_acknowledgement_for_ever_ends(void **state)
{
	int r = begin(T0_APDU, "00440000");

	(void)state;
	for (unsigned i = 0; i < T0_NULLS_MAX; i++) {
		asks(r, i == 0 ? "0044000000" : "", 2);
		r = brings("44");
	}
	asks(r, "", 2);
	breaks(brings("44"));
}

static void any_other_procedure_byte_is_none(void **state)
{
	unsigned none = 0;

	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		char hex[] = "00";
		unsigned high = byte >> 4;
		bool known = high == 6 || high == 9 || byte == 0xA4 || byte == 0x5B;

		hex[0] = "0123456789ABCDEF"[high];
		hex[1] = "0123456789ABCDEF"[byte & 15];
		asks(begin(T0_TPDU, SELECT "3F00"), SELECT, 1);
		if (known) {
			assert_int_equal(brings(hex), T0_SEND);
			buf_reset(&out);
		} else {
			breaks(brings(hex));
			none++;
		}
	}
	assert_int_equal(none, 256 - 34);
}

static void more_than_was_asked_is_broken(void **state)
{
	(void)state;
	asks(begin(T0_TPDU, SELECT "3F00"), SELECT, 1);
	breaks(brings("A490"));
	asks(begin(T0_TPDU, READ), READ, 2);
	breaks(brings("B00102"));
	asks(begin(T0_TPDU, READ), READ, 2);
	asks(brings("B001"), "", 4);
	breaks(brings("0203900000"));
	asks(begin(T0_TPDU, READ), READ, 2);
	asks(brings("60"), "", 2);
	asks(brings("6090"), "", 1);
	breaks(brings("0000"));
}

/* One byte at a time gives the same answer, and never waits for more than there is. */
static void cut_answers_are_asked_for_again(void **state)
{
	static const uint8_t said[] = {0x60, 0xB0, 1, 2, 3, 0x60, 0x90, 0x00};
	static const size_t waits[] = {2, 5, 4, 3, 2, 2, 1, 0};
	int r;

	(void)state;
	asks(begin(T0_TPDU, READ), READ, 2);
	for (size_t i = 0; i < sizeof(said) - 1; i++) {
		asks(t0_next(&t, view_of(said + i, 1), &out), "", waits[i]);
		asks(t0_next(&t, VIEW_NULL, &out), "", waits[i]);
	}
	r = t0_next(&t, view_of(said + sizeof(said) - 1, 1), &out);
	ends(r, "0102039000");
}

static void le_00_is_256(void **state)
{
	uint8_t said[258] = {[256] = 0x90};

	(void)state;
	memset(said, 0x5A, 256);
	asks(begin(T0_TPDU, "00B0000000"), "00B0000000", 2);
	asks(brings("B05A"), "", 257);
	assert_int_equal(t0_next(&t, view_of(said + 1, 257), &out), T0_DONE);
	assert_true(view_equal(buf_view(&t.answer), VIEW(said)));
}

static void a_new_command_forgets_the_one_before(void **state)
{
	(void)state;
	asks(begin(T0_TPDU, READ), READ, 2);
	asks(brings("B001"), "", 4);
	asks(begin(T0_TPDU, SELECT "3F00"), SELECT, 1);
	asks(brings("A4"), "3F00", 2);
	ends(brings("9000"), "9000");
}

/* The block stays with the machine; nothing of a PIN stays in it. */
static void data_is_wiped_when_its_command_ends(void **state)
{
	static const char *const last[] = {"9000", "5A"}; /* done, broken */
	static const uint8_t zeros[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(last); i++) {
		asks(begin(T0_TPDU, "002000010431323334"), "0020000104", 1);
		assert_memory_equal(t.data.data, "1234", 4);
		asks(brings("20"), "31323334", 2);
		assert_true(brings(last[i]) != T0_SEND);
		assert_non_null(t.data.data);
		assert_memory_equal(t.data.data, zeros, 4);
	}
}

static void what_is_no_command_is_not_sent(void **state)
{
	static const char *const none[] = {"", "00", "00A404", "00A4040003AABB",
		"00A4040001AABBCC", "00A4040000AA", "00A40400000002AABB", "FFA4040000",
		"00600000", "006F000000", "00900000", "009F0000"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		breaks(begin(T0_TPDU, none[i]));
		breaks(begin(T0_APDU, none[i]));
	}
}

/* -- the mapping: §12.2 ---------------------------------------------------------------------------- */

static void case_4_goes_without_its_le(void **state)
{
	(void)state;
	asks(begin(T0_APDU, SELECT "3F0000"), SELECT, 1);
	asks(brings("A4"), "3F00", 2);
	asks(brings("6103"), "00C0000003", 2);
	asks(brings("C001"), "", 4);
	ends(brings("02039000"), "0102039000");
	asks(begin(T0_APDU, SELECT "3F0000"), SELECT, 1);
	asks(brings("A4"), "3F00", 2);
	ends(brings("9000"), "9000"); /* nothing said of data: nothing asked */
}

static void with_tpdus_61xx_and_6cxx_go_up(void **state)
{
	(void)state;
	asks(begin(T0_TPDU, SELECT "3F0000"), SELECT, 1);
	asks(brings("A4"), "3F00", 2);
	ends(brings("6103"), "6103");
	asks(begin(T0_TPDU, READ), READ, 2);
	ends(brings("6C02"), "6C02");
	asks(begin(T0_TPDU, READ), READ, 2);
	ends(brings("6102"), "6102");
}

static void get_response_has_the_class_without_chaining(void **state)
{
	(void)state;
	asks(begin(T0_APDU, "1CA40400023F0000"), "1CA4040002", 1);
	asks(brings("A4"), "3F00", 2);
	asks(brings("6100"), "0CC0000000", 2); /* secure messaging stays */
	asks(brings("C001"), "", 257);
}

static void no_more_is_asked_than_is_left_of_le(void **state)
{
	(void)state;
	asks(begin(T0_APDU, SELECT "3F0005"), SELECT, 1);
	asks(brings("A4"), "3F00", 2);
	asks(brings("6103"), "00C0000003", 2);
	asks(brings("C001"), "", 4);
	asks(brings("02036103"), "00C0000002", 2);
	asks(brings("C004"), "", 3);
	ends(brings("056101"), "01020304056101");	/* Le is reached */
	asks(begin(T0_APDU, SELECT "3F00"), SELECT, 1); /* case 3 */
	asks(brings("A4"), "3F00", 2);
	ends(brings("6103"), "6103");
	asks(begin(T0_APDU, READ), READ, 2); /* case 2 goes on likewise */
	asks(brings("4F01"), "", 2);
	asks(brings("6110"), "00C0000002", 2);
	asks(brings("C002"), "", 3);
	ends(brings("039000"), "0102039000");
}

static void a_wrong_le_is_put_right_once(void **state)
{
	(void)state;
	asks(begin(T0_APDU, READ), READ, 2);
	asks(brings("6C02"), "00B0000002", 2);
	asks(brings("B001"), "", 3);
	ends(brings("029000"), "01029000");
	asks(begin(T0_APDU, READ), READ, 2);
	asks(brings("6C02"), "00B0000002", 2);
	ends(brings("6C01"), "6C01");
	asks(begin(T0_APDU, "00B0000000"), "00B0000000", 2);
	asks(brings("6C00"), "00B0000000", 2);
	ends(brings("6C00"), "6C00");
}

static void more_than_le_is_not_fetched(void **state)
{
	(void)state;
	asks(begin(T0_APDU, READ), READ, 2);
	ends(brings("6C04"), "6C04");
	asks(begin(T0_APDU, READ), READ, 2);
	ends(brings("6C00"), "6C00");
	asks(begin(T0_APDU, READ), READ, 2); /* behind data there is no wrong Le */
	asks(brings("4F01"), "", 2);
	ends(brings("6C01"), "016C01");
	asks(begin(T0_APDU, "00440000"), "0044000000", 2);
	ends(brings("6C04"), "6C04");
	asks(begin(T0_APDU, SELECT "3F0004"), SELECT, 1);
	asks(brings("6C"), "", 1);
	ends(brings("04"), "6C04");
}

static void a_wrong_le_of_get_response_is_put_right_too(void **state)
{
	(void)state;
	asks(begin(T0_APDU, SELECT "3F0000"), SELECT, 1);
	asks(brings("A4"), "3F00", 2);
	asks(brings("6105"), "00C0000005", 2);
	asks(brings("6C02"), "00C0000002", 2);
	asks(brings("C001"), "", 3);
	asks(brings("026101"), "00C0000001", 2);
	asks(brings("6C01"), "00C0000001", 2); /* once for each */
	asks(brings("C003"), "", 2);
	ends(brings("9000"), "0102039000");
}

static void a_promise_without_data_is_the_last(void **state)
{
	(void)state;
	asks(begin(T0_APDU, SELECT "3F0000"), SELECT, 1);
	asks(brings("A4"), "3F00", 2);
	asks(brings("6105"), "00C0000005", 2);
	breaks(brings("6105"));
}

static void rounds_without_end_end(void **state)
{
	int r;

	(void)state;
	asks(begin(T0_APDU, SELECT "3F0000"), SELECT, 1);
	asks(brings("A4"), "3F00", 2);
	r = brings("6101");
	for (unsigned i = 0; i < T0_ROUNDS_MAX; i++) {
		asks(r, "00C0000001", 2);
		asks(brings("C05A"), "", 2);
		r = brings("6101");
	}
	breaks(r);
}

/* -- TPDUs ------------------------------------------------------------------------------------------- */

static void a_reader_of_tpdus_gets_header_and_data(void **state)
{
	(void)state;
	asks(begin(T0_APDU, SELECT "3F0000"), SELECT "3F00", 0);
	asks(brings("6103"), "00C0000003", 0);
	ends(brings("0102039000"), "0102039000");
	asks(begin(T0_APDU, READ), READ, 0);
	asks(brings("6C02"), "00B0000002", 0);
	ends(brings("01029000"), "01029000");
	asks(begin(T0_TPDU, "00440000"), "0044000000", 0);
	ends(brings("9000"), "9000");
	asks(begin(T0_TPDU, READ), READ, 0);
	ends(brings("016281"), "016281"); /* fewer is the card's right */
}

static void an_answer_that_no_card_gives_is_broken(void **state)
{
	static const char *const none[] = {"", "90", "010203049000", "6000", "7000", "8000",
		"0000", "010203", "5A0102039000"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		asks(begin(T0_APDU, READ), READ, 0);
		breaks(brings(none[i]));
	}
	asks(begin(T0_APDU, SELECT "3F00"), SELECT "3F00", 0);
	breaks(brings("019000"));
	asks(begin(T0_APDU, SELECT "3F0000"), SELECT "3F00", 0);
	asks(brings("6103"), "00C0000003", 0);
	breaks(brings("010203049000"));
	asks(begin(T0_APDU, SELECT "3F0000"), SELECT "3F00", 0);
	asks(brings("6103"), "00C0000003", 0);
	breaks(brings("6103"));
}

#define CHARACTERS(f) cmocka_unit_test_setup_teardown(f, setup_characters, teardown)
#define BLOCKS(f)     cmocka_unit_test_setup_teardown(f, setup_blocks, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHARACTERS(case_1_is_sent_with_p3_00),
		CHARACTERS(data_comes_behind_the_acknowledgement_in_one_piece),
		CHARACTERS(data_goes_when_it_is_acknowledged),
		CHARACTERS(the_complement_asks_for_one_byte),
		CHARACTERS(the_card_may_end_whenever_a_procedure_byte_is_due),
		CHARACTERS(null_waits_and_moves_nothing),
		CHARACTERS(null_for_ever_ends),
		CHARACTERS(nothing_for_ever_ends),
		CHARACTERS(an_acknowledgement_with_nothing_left_moves_nothing),
		CHARACTERS(an_acknowledgement_for_ever_ends),
		CHARACTERS(any_other_procedure_byte_is_none),
		CHARACTERS(more_than_was_asked_is_broken),
		CHARACTERS(cut_answers_are_asked_for_again),
		CHARACTERS(le_00_is_256),
		CHARACTERS(a_new_command_forgets_the_one_before),
		CHARACTERS(data_is_wiped_when_its_command_ends),
		CHARACTERS(what_is_no_command_is_not_sent),
		CHARACTERS(case_4_goes_without_its_le),
		CHARACTERS(with_tpdus_61xx_and_6cxx_go_up),
		CHARACTERS(get_response_has_the_class_without_chaining),
		CHARACTERS(no_more_is_asked_than_is_left_of_le),
		CHARACTERS(a_wrong_le_is_put_right_once),
		CHARACTERS(more_than_le_is_not_fetched),
		CHARACTERS(a_wrong_le_of_get_response_is_put_right_too),
		CHARACTERS(a_promise_without_data_is_the_last),
		CHARACTERS(rounds_without_end_end),
		BLOCKS(a_reader_of_tpdus_gets_header_and_data),
		BLOCKS(an_answer_that_no_card_gives_is_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
