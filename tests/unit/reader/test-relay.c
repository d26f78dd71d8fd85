/* SPDX-License-Identifier: EUPL-1.2 */
/* Events of vitaled-usb in words of our own: what is taken, what comes out, what is none. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "base/hex.h"
#include "base/link-ops.h"
#include "base/tlv.h"
#include "drivers/watch/relay.h"

#define NAME "C01141205B75736220312D315D203030203030" /* "A [usb 1-1] 00 00" */

struct row {
	uint8_t op;
	const char *in;
	const char *out; /* NULL: no event */
};

static void bytes_of(const char *hex, struct buf *out)
{
	assert_int_equal(hex_decode(out, view_str(hex)), 0);
}

static void check(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(buf_done) struct buf in = BUF_NULL(1024);
		_cleanup_(buf_done) struct buf want = BUF_NULL(1024);
		_cleanup_(buf_done) struct buf out = BUF_NULL(RELAY_EVENT_MAX);

		bytes_of(rows[i].in, &in);
		assert_int_equal(relay_event(rows[i].op, buf_view(&in), &out),
			rows[i].out ? 0 : RELAY_BROKEN);
		if (rows[i].out) {
			bytes_of(rows[i].out, &want);
			assert_true(view_equal(buf_view(&out), buf_view(&want)));
		}
	}
}

static void what_is_known_comes_out_and_nothing_else(void **state)
{
	static const struct row rows[] = {
		{WATCH_OP_READER_IN, NAME "C10101", NAME "C10101"},
		{WATCH_OP_READER_IN, NAME, NAME},
		{WATCH_OP_READER_IN, "C60178" NAME "C40400000001", NAME},
		{WATCH_OP_READER_OUT, NAME "C10101", NAME},
		{WATCH_OP_CARD_IN, NAME "C40400000001C3023B00", NAME "C3023B00C40400000001"},
		{WATCH_OP_CARD_IN, NAME "C40400000001C20101", NAME "C20101C40400000001"},
		{WATCH_OP_CARD_IN, NAME "C40400000001", NAME "C40400000001"},
		{WATCH_OP_CARD_OUT, NAME "C40400000001", NAME "C40400000001"},
		{WATCH_OP_LISTED, "00", ""},
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void what_is_none_is_refused(void **state)
{
	static const struct row rows[] = {
		{WATCH_OP_READER_IN, "", NULL},
		{WATCH_OP_READER_IN, "C000", NULL},
		{WATCH_OP_READER_IN, "C00141", NULL}, /* one that pcscd could have */
		{WATCH_OP_READER_IN, "C0121F41205B75736220312D315D203030203030", NULL},
		{WATCH_OP_READER_IN, "C0128041205B75736220312D315D203030203030", NULL},
		{WATCH_OP_READER_IN, "C0127F41205B75736220312D315D203030203030", NULL},
		{WATCH_OP_READER_IN, "C0120041205B75736220312D315D203030203030", NULL},
		{WATCH_OP_READER_IN, NAME "C1020101", NULL},
		{WATCH_OP_READER_OUT, "C10101", NULL},
		{WATCH_OP_CARD_IN, "C40400000001", NULL},
		{WATCH_OP_CARD_IN, NAME "C403000001", NULL},
		{WATCH_OP_CARD_IN, NAME, NULL},
		{WATCH_OP_CARD_IN, NAME "C20102C40400000001", NULL},
		{WATCH_OP_CARD_IN,
			NAME
			"C322"
			"00000000000000000000000000000000000000000000000000000000000000000000"
			"C40400000001",
			NULL},
		{WATCH_OP_CARD_IN, NAME "C380", NULL},
		{WATCH_OP_CARD_OUT, NAME, NULL},
		{WATCH_OP_CARD_OUT, "C40400000001", NULL},
		{WATCH_OP_SERVICE, "C20101", NULL},
		{WATCH_OP_ALIVE, "", NULL},
		{WATCH_OP_LOOK, "C20101", NULL},
		{0, NAME, NULL},
		{0xFF, NAME, NULL},
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_known_comes_out_and_nothing_else),
		cmocka_unit_test(what_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
