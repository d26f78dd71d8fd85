/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Blocks of T=1: checksums against what was recorded between cards and the common driver (OsEID,
 * doc/T1_CRC.txt, 2021), and which bytes are a block (ISO/IEC 7816-3:2006 §11.3), all of them.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "base/hex.h"
#include "drivers/usb/t1.h"

static int parse(const char *hex, bool crc, struct t1_block *ret)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(2U * T1_BLOCK_MAX);

	assert_int_equal(hex_decode(&b, view_str(hex)), 0);
	return t1_block_parse(buf_view(&b), crc, ret);
}

static void the_crc_is_the_one_that_cards_have(_unused_ void **state)
{
	static const char *const recorded[] = {"00C101FE544E", "00E101FE5775",
		"00000500A4000000B8DA", "009000206E", "008000B5FF", "0000003933",
		"00C101F83178", "00600700028A01AA9000A633"};
	struct t1_block b;

	for (size_t i = 0; i < ARRAY_LEN(recorded); i++) {
		assert_int_equal(parse(recorded[i], true, &b), 0);
	}
	/* the other order, the polynomial of some readers, and one that is inverted at the end */
	assert_int_equal(parse("00C101FE4E54", true, &b), T1_BLOCK_BROKEN);
	assert_int_equal(parse("00C101FEECD1", true, &b), T1_BLOCK_BROKEN);
	assert_int_equal(parse("00C101FEABB1", true, &b), T1_BLOCK_BROKEN);
	assert_int_equal(t1_crc(VIEW_TEXT("123456789")), 0x6F91); /* CRC-16/MCRF4XX */
}

static void the_lrc_is_the_exclusive_or(_unused_ void **state)
{
	struct t1_block b;

	assert_int_equal(parse("00C101FE3E", false, &b), 0);
	assert_int_equal(b.pcb, 0xC1);
	assert_int_equal(b.kind, T1_S);
	assert_int_equal(b.inf.len, 1);
	assert_int_equal(parse("00C101FE3F", false, &b), T1_BLOCK_BROKEN);
	assert_int_equal(t1_lrc(VIEW_NULL), 0);
}

/* What the standard has for a PCB with so much information, the first byte of it @value. */
static bool is_one(unsigned pcb, size_t len, unsigned value)
{
	if (pcb < 0x80) {
		return pcb == 0x00 || pcb == 0x20 || pcb == 0x40 || pcb == 0x60;
	}
	switch (pcb) {
	case 0x80: /* R(0) and R(1): without error, checksum, other */
	case 0x81:
	case 0x82:
	case 0x90:
	case 0x91:
	case 0x92:
	case 0xC0: /* RESYNCH */
	case 0xE0:
	case 0xC2: /* ABORT */
	case 0xE2:
		return len == 0;
	case 0xC1: /* IFS */
	case 0xE1:
		return len == 1 && value != 0 && value != 255;
	case 0xC3: /* WTX */
	case 0xE3:
		return len == 1 && value != 0;
	default:
		return false;
	}
}

static void of_all_pcbs_only_those_of_the_standard_are_blocks(_unused_ void **state)
{
	static const uint8_t values[] = {0, 1, 254, 255};
	unsigned right = 0;

	for (unsigned i = 0; i < 256U * 3U * ARRAY_LEN(values) * 2U; i++) {
		_cleanup_(buf_done) struct buf b = BUF_NULL(T1_BLOCK_MAX);
		uint8_t inf[2] = {values[i / 256 / 3 % ARRAY_LEN(values)], 7};
		size_t len = i / 256 % 3;
		bool crc = i % 2;
		uint8_t pcb = (uint8_t)(i & 0xFF);
		struct t1_block got = {.pcb = 0};
		int r;

		t1_block_put(&b, 0, pcb, view_of(inf, len), crc);
		assert_int_equal(b.len, 3 + len + (crc ? 2 : 1));
		r = t1_block_parse(buf_view(&b), crc, &got);
		assert_int_equal(r, is_one(pcb, len, inf[0]) ? 0 : T1_BLOCK_OTHER);
		if (r == 0) {
			right++;
			assert_int_equal(got.pcb, pcb);
			assert_int_equal(got.inf.len, len);
			assert_int_equal(got.kind, pcb < 0x80	? T1_I
						   : pcb < 0xC0 ? T1_R
								: T1_S);
		}
	}
	assert_true(right > 100);
}

static void of_all_addresses_only_those_of_the_standard_are_taken(_unused_ void **state)
{
	for (unsigned nad = 0; nad < 256; nad++) {
		_cleanup_(buf_done) struct buf b = BUF_NULL(T1_BLOCK_MAX);
		unsigned from = nad & 7, to = nad >> 4 & 7;
		bool good = nad == 0 || (nad < 0x80 && (nad & 8) == 0 && from != to);
		struct t1_block got;

		t1_block_put(&b, (uint8_t)nad, 0, VIEW_NULL, false);
		assert_int_equal(
			t1_block_parse(buf_view(&b), false, &got), good ? 0 : T1_BLOCK_OTHER);
	}
}

static void a_block_is_as_long_as_it_says(_unused_ void **state)
{
	struct t1_block b;

	for (size_t len = 0; len <= 255; len++) {
		_cleanup_(buf_done) struct buf bytes = BUF_NULL(T1_BLOCK_MAX + 2U);
		uint8_t inf[255] = {0};

		t1_block_put(&bytes, 0, 0x20, view_of(inf, len), len & 1);
		assert_int_equal(t1_block_parse(buf_view(&bytes), len & 1, &b),
			len == 255 ? T1_BLOCK_OTHER : 0);
		for (size_t n = 0; n < bytes.len; n++) {
			struct view cut = view_sub(buf_view(&bytes), 0, n);

			assert_int_equal(t1_block_parse(cut, len & 1, &b), T1_BLOCK_BROKEN);
		}
		buf_put_u8(&bytes, 0);
		assert_int_equal(
			t1_block_parse(buf_view(&bytes), len & 1, &b), T1_BLOCK_BROKEN);
	}
	assert_int_equal(t1_block_parse(VIEW_NULL, false, &b), T1_BLOCK_BROKEN);
	assert_int_equal(t1_block_parse(VIEW_NULL, true, &b), T1_BLOCK_BROKEN);
}

static void addresses_are_those_of_the_card_turned_around(_unused_ void **state)
{
	static const uint8_t wrong[] = {0x12, 0x00, 0x00, 0x12};
	static const uint8_t right[] = {0x21, 0x00, 0x00, 0x21};
	_cleanup_(buf_done) struct buf out = BUF_NULL(T1_BLOCK_MAX);
	struct t1 t;

	t1_init(&t, 32, false);
	t.nad = 0x12;
	assert_int_equal(t1_begin(&t, VIEW(right), &out), T1_SEND);
	assert_int_equal(out.data[0], 0x12);
	buf_reset(&out);
	assert_int_equal(t1_next(&t, T1_BLOCK, VIEW(wrong), &out), T1_SEND);
	assert_int_equal(out.data[1], 0x82);
	buf_reset(&out);
	assert_int_equal(t1_next(&t, T1_BLOCK, VIEW(right), &out), T1_DONE);
	t1_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_crc_is_the_one_that_cards_have),
		cmocka_unit_test(the_lrc_is_the_exclusive_or),
		cmocka_unit_test(of_all_pcbs_only_those_of_the_standard_are_blocks),
		cmocka_unit_test(of_all_addresses_only_those_of_the_standard_are_taken),
		cmocka_unit_test(a_block_is_as_long_as_it_says),
		cmocka_unit_test(addresses_are_those_of_the_card_turned_around),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
