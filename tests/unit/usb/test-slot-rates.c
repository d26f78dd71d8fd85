/* SPDX-License-Identifier: EUPL-1.2 */
/* Data rates of a reader that does not find them by itself: when it is told, in whose figures, and what comes of
 * a refusal. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "drivers/usb/slot.h"
#include "tests/unit/usb/slot-bench.h"

#define FAST	   "A00F000024F40000" /* 4000 kHz, 62,500 bit/s */
#define PPS	   "FF10947B"
#define PARAMETERS "9400000A00"

static struct bench b;

static int finish(void **state)
{
	(void)state;
	bench_done(&b);
	return 0;
}

static void begin(enum ccid_level level, uint32_t features)
{
	bench_begin(&b, level, CCID_AUTO_VOLTAGE | features);
}

static void powers_on(const char *atr)
{
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, atr);
}

/* Card and reader agree by a PPS of ours. */
static void agrees(void)
{
	bench_start(&b, SLOT_JOB_POWER, "");
	powers_on(BENCH_T0_FAST);
	bench_sends(&b, MESSAGE_XFR_BLOCK,
		b.reader.level == CCID_LEVEL_CHARACTER ? "000400" : "000000", PPS);
	bench_data(&b, PPS);
}

static void fails(uint8_t error)
{
	bench_says(&b, MESSAGE_SLOT_STATUS, BENCH_FAILED | BENCH_ACTIVE, error, 0, "");
}

static void takes_parameters(void)
{
	bench_sends(&b, MESSAGE_SET_PARAMETERS, "000000", PARAMETERS);
	bench_says(&b, MESSAGE_PARAMETERS, BENCH_ACTIVE, 0, 0, PARAMETERS);
	bench_ends(&b, SLOT_DONE, NULL);
	assert_int_equal(b.slot.parameters.fidi, 0x94);
}

static void the_pps_goes_as_a_block_then_rate_and_parameters(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, 0);
	agrees();
	bench_sends(&b, MESSAGE_SET_RATE, "000000", FAST);
	bench_says(&b, MESSAGE_RATE, BENCH_ACTIVE, 0, 0, FAST);
	takes_parameters();
	assert_int_equal(b.slot.parameters.rate, 62500);
}

static void a_reader_that_makes_the_pps_gets_its_rate_behind_the_parameters(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, CCID_AUTO_PPS);
	bench_start(&b, SLOT_JOB_POWER, "");
	powers_on(BENCH_T0_FAST);
	bench_sends(&b, MESSAGE_SET_PARAMETERS, "000000", PARAMETERS);
	bench_says(&b, MESSAGE_PARAMETERS, BENCH_ACTIVE, 0, 0, PARAMETERS);
	bench_sends(&b, MESSAGE_SET_RATE, "000000", FAST);
	bench_says(&b, MESSAGE_RATE, BENCH_ACTIVE, 0, 0, FAST);
	bench_ends(&b, SLOT_DONE, NULL);
	assert_int_equal(b.slot.parameters.fidi, 0x94);
}

/* It may take no other figure than the one in its list, or the highest that it named. */
static void a_reader_is_told_its_own_figure(void **state)
{
	static const struct {
		uint8_t n;
		uint32_t listed[2], max;
		const char *told;
	} figures[] = {
		{0, {0}, 344086, FAST},
		{0, {0}, 62499, "A00F000023F40000"},
		{0, {0}, 62501, "A00F000025F40000"},
		{1, {62501}, 344086, "A00F000025F40000"},
		{2, {10753, 62400}, 10753, "A00F0000C0F30000"},
		{2, {10753, 62500}, 0, FAST},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(figures); i++) {
		begin(CCID_LEVEL_TPDU, 0);
		b.reader.n_listed = figures[i].n;
		b.reader.listed[0] = figures[i].listed[0];
		b.reader.listed[1] = figures[i].listed[1];
		b.reader.rate_max = figures[i].max;
		agrees();
		bench_sends(&b, MESSAGE_SET_RATE, "000000", figures[i].told);
		bench_says(&b, MESSAGE_RATE, BENCH_ACTIVE, 0, 0, figures[i].told);
		takes_parameters();
		bench_done(&b);
	}
	begin(CCID_LEVEL_TPDU, 0);
}

static void a_rate_without_a_figure_stays_what_it_is(void **state)
{
	const struct parameters p = {.rate = 62500};

	(void)state;
	begin(CCID_LEVEL_TPDU, 0);
	b.reader.rate_max = 10753;
	assert_int_equal(parameters_figure(&p, &b.reader), 62500);
	b.reader.n_listed = 1;
	b.reader.listed[0] = 10753;
	assert_int_equal(parameters_figure(&p, &b.reader), 62500);
}

static void a_reader_that_sets_another_rate_is_believed(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, 0);
	bench_start(&b, SLOT_JOB_POWER, "");
	powers_on(BENCH_FIXED_FAST); /* no PPS: the card demands */
	bench_sends(&b, MESSAGE_SET_RATE, "000000", FAST);
	bench_says(&b, MESSAGE_RATE, BENCH_ACTIVE, 0, 0, "8813000088130000");
	bench_sends(&b, MESSAGE_SET_PARAMETERS, "000000", PARAMETERS);
	fails(MESSAGE_ERROR_UNSUPPORTED);
	bench_ends(&b, SLOT_DONE, NULL);
	assert_int_equal(b.slot.parameters.clock, 5000);
	assert_int_equal(b.slot.parameters.rate, 5000);
}

static void a_reader_without_the_message_for_rates_takes_parameters(void **state)
{
	(void)state;
	begin(CCID_LEVEL_CHARACTER, 0);
	agrees();
	bench_sends(&b, MESSAGE_SET_RATE, "000000", FAST);
	fails(MESSAGE_ERROR_UNSUPPORTED);
	takes_parameters();
	assert_int_equal(b.slot.parameters.rate, 62500);
}

static void a_rate_that_is_refused_means_a_cold_reset_and_the_defaults(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, 0);
	agrees();
	bench_sends(&b, MESSAGE_SET_RATE, "000000", FAST);
	fails(14); /* the byte that it does not take */
	bench_sends(&b, MESSAGE_POWER_OFF, "000000", "");
	bench_says(&b, MESSAGE_SLOT_STATUS, BENCH_IDLE, 0, 1, "");
	powers_on(BENCH_T0_FAST);
	bench_sends(&b, MESSAGE_SET_PARAMETERS, "000000", "1100000A00");
	bench_says(&b, MESSAGE_PARAMETERS, BENCH_ACTIVE, 0, 0, "1100000A00");
	bench_ends(&b, SLOT_DONE, NULL);
	assert_int_equal(b.slot.parameters.rate, 10752);
}

static void a_rate_that_a_card_demands_and_a_reader_refuses_ends_it(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, 0);
	bench_start(&b, SLOT_JOB_POWER, "");
	for (unsigned i = 0; i < 2; i++) { /* there is no other one to go back to */
		powers_on(BENCH_FIXED_FAST);
		bench_sends(&b, MESSAGE_SET_RATE, "000000", FAST);
		fails(14);
		bench_sends(&b, MESSAGE_POWER_OFF, "000000", "");
		bench_says(&b, MESSAGE_SLOT_STATUS, BENCH_IDLE, 0, 1, "");
	}
	bench_ends(&b, SLOT_UNABLE, NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, finish)
	const struct CMUnitTest tests[] = {
		TEST(the_pps_goes_as_a_block_then_rate_and_parameters),
		TEST(a_reader_that_makes_the_pps_gets_its_rate_behind_the_parameters),
		TEST(a_reader_is_told_its_own_figure),
		TEST(a_rate_without_a_figure_stays_what_it_is),
		TEST(a_reader_that_sets_another_rate_is_believed),
		TEST(a_reader_without_the_message_for_rates_takes_parameters),
		TEST(a_rate_that_is_refused_means_a_cold_reset_and_the_defaults),
		TEST(a_rate_that_a_card_demands_and_a_reader_refuses_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
