/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * How many characters go over the line with T=0, and how often a reader that carries characters is
 * asked: as many as the engine counts for its commands, and as seldom as can be.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "drivers/card/apdu.h"
#include "drivers/usb/t0.h"

static struct t0 t;
static struct buf out = {.max = 512};
static size_t line; /* characters that went over it, both ways */
static struct buf said = {.max = 300};
static unsigned trips; /* to the reader and back */

/* A card that does at once what it is asked: @n_in bytes come, @n_out go. */
static int quick(uint8_t ins, size_t n_in, size_t n_out, uint16_t sw)
{
	size_t from = 0;
	int r = T0_SEND;

	trips = 0;
	buf_reset(&said);
	if (n_in + n_out > 0) {
		buf_put_u8(&said, ins);
	}
	(void)buf_extend(&said, n_out);
	buf_put_u16(&said, sw);
	while (r == T0_SEND && from < said.len) {
		struct view v = view_sub(buf_view(&said), from, t.expect);

		line += out.len + v.len;
		trips++;
		buf_reset(&out);
		from += v.len;
		r = t0_next(&t, v, &out);
	}
	assert_int_equal(from, said.len);
	return r;
}

/* Header 5, procedure byte 1 where data follows, the data, status 2: what the engine counts for its
 * commands (drivers/card/apdu.h) is what goes over the line, for every length; and a reader of
 * characters is asked no more often than data changes its way. */
static void no_character_goes_that_need_not(void **state)
{
	uint8_t command[T0_COMMAND_MAX] = {0x00, 0xA4};

	(void)state;
	t0_init(&t, T0_CHARACTERS);
	for (size_t n = 1; n <= 256; n++) {
		command[4] = (uint8_t)n;
		line = 0;
		assert_int_equal(t0_begin(&t, view_of(command, 5), T0_APDU, &out), T0_SEND);
		assert_int_equal(quick(0xA4, 0, n, 0x9000), T0_DONE);
		assert_int_equal(trips, 2);
		assert_int_equal(line, apdu_characters(0, n, 0x9000));
	}
	for (size_t n = 1; n <= 255; n++) { /* case 4: n bytes there, n bytes back */
		command[4] = (uint8_t)n;
		command[5 + n] = (uint8_t)n;
		line = 0;
		assert_int_equal(
			t0_begin(&t, view_of(command, 5 + n + 1), T0_APDU, &out), T0_SEND);
		assert_int_equal(quick(0xA4, n, 0, (uint16_t)(0x6100 + n)), T0_SEND);
		assert_int_equal(trips, 2);
		assert_int_equal(quick(0xC0, 0, n, 0x9000), T0_DONE);
		assert_int_equal(
			line, apdu_characters(n, 0, 0x6100) + apdu_characters(0, n, 0x9000));
		command[5 + n] = 0;
	}
	line = 0;
	assert_int_equal(t0_begin(&t, view_of(command, 4), T0_APDU, &out), T0_SEND);
	assert_int_equal(quick(0xA4, 0, 0, 0x9000), T0_DONE);
	assert_int_equal(trips, 1);
	assert_int_equal(line, apdu_characters(0, 0, 0x9000));
	command[4] = 8; /* data that is refused stays here */
	line = 0;
	assert_int_equal(t0_begin(&t, view_of(command, 13), T0_APDU, &out), T0_SEND);
	assert_int_equal(quick(0xA4, 0, 0, 0x6D00), T0_DONE);
	assert_int_equal(line, apdu_characters(8, 0, 0x6D00));
	buf_done(&said);
	buf_done(&out);
	t0_done(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_character_goes_that_need_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
