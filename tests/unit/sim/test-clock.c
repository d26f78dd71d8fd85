/* SPDX-License-Identifier: EUPL-1.2 */
/* drivers/sim/clock.h and the counting of transport.h: the figures that are published for these
 * cards (12 etu a character at 4 MHz). */
#include "base/hex.h"
#include "drivers/sim/clock.h"
#include "tests/unit/sim/scene.h"

static void line_times_are_those_of_the_cards(void **state)
{
	static const struct {
		const char *atr;
		uint64_t read_us,
			certificate_us; /* READ of 256 bytes: 264 characters; 1.5 kB: 1552 */
		uint64_t bytes_per_second;
	} rows[] = {
		{"3BAC00402A001225006480000310009000", 294624, 1732032, 896},
		{"3B751300004309EA9000", 73656, 433008, 3584},
		{"3BDC1800001225006480000401009000"
		 "00",
			24552, 144336, 10752},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(buf_done) struct buf b = BUF_NULL(64);
		struct atr a;

		assert_int_equal(hex_decode(&b, view_str(rows[i].atr)), 0);
		assert_int_equal(atr_parse(buf_view(&b), &a), 0);
		assert_int_equal(clock_line_us(&a, 0, 264), rows[i].read_us);
		assert_int_equal(clock_line_us(&a, 0, 1552), rows[i].certificate_us);
		assert_int_equal(
			1000000000 / (clock_line_us(&a, 0, 1000)), rows[i].bytes_per_second);
	}
}

static void silence_lasts_the_waiting_time(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(64);
	struct atr a;

	(void)state;
	assert_int_equal(hex_decode(&b, view_str("3B751300004309EA9000")), 0);
	assert_int_equal(atr_parse(buf_view(&b), &a), 0);
	assert_int_equal(clock_silence_us(&a, 0), 892800);
}

static void characters_of_blocks_are_counted(void **state)
{
	struct transport t;

	(void)state;
	transport_init(&t);
	transport_reset(&t, 1, 32);
	assert_int_equal(transport_characters(&t, 5, 18), 5 + 4 + 18 + 4);
	/* 33 bytes in two blocks and an acknowledgement; 258 bytes back in two */
	assert_int_equal(transport_characters(&t, 33, 258), 33 + 12 + 258 + 12);
	transport_reset(&t, 0, 32);
	assert_int_equal(transport_characters(&t, 5, 2), 7);
	assert_int_equal(transport_characters(&t, 5, 258), 264);
	assert_int_equal(transport_characters(&t, 16, 2), 19);
	transport_done(&t);
}

static void answers_that_went_out_late_are_made_up_for(void **state)
{
	uint64_t late = 0, now = 1000, due = 0;

	(void)state;
	/* a hundred commands of 100 us; each wake-up is 7 us late, one of them 450 us */
	for (int i = 0; i < 100; i++) {
		due = clock_due(&late, now, 100);
		now = (due > now ? due : now) + (i == 50 ? 450 : 7);
		clock_sent(&late, due, now);
	}
	assert_int_equal(now, 1000 + 100 * 100 + 7);
	/* who comes later than the answer to the one before is not hurried beyond what was owed */
	now += 5000;
	assert_int_equal(clock_due(&late, now, 100), now + 93);
	clock_sent(&late, now + 93, now + 90);
	assert_int_equal(late, 0);
	assert_int_equal(clock_due(&late, now, 100), now + 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_times_are_those_of_the_cards),
		cmocka_unit_test(silence_lasts_the_waiting_time),
		cmocka_unit_test(characters_of_blocks_are_counted),
		cmocka_unit_test(answers_that_went_out_late_are_made_up_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
