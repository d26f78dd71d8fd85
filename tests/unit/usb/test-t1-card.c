/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The terminal's side of T=1 with the card of the emulated reader (tests/usb/t1-card.c), which was written
 * without it: whole commands and answers of all lengths, and each fault of the card at each place.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "drivers/usb/t1.h"
#include "tests/usb/t1-card.h"

#define PLACES	   6U /* blocks of the terminal in with_fault(): three of the command, three more */
#define BLOCKS_MAX 200000U /* of one exchange: 65,544 bytes one by one, both ways */

struct pair {
	struct t1 t;
	struct t1_card card;
	struct buf command; /* what the card's application got last */
	size_t answer;	    /* bytes that it gives */
	unsigned blocks;    /* of the last exchange */
};

/* Counts up; the first byte is the command's. */
static void fill(struct buf *b, size_t len, uint8_t first)
{
	for (size_t i = 0; i < len; i++) {
		buf_put_u8(b, (uint8_t)(first + i));
	}
	assert_int_equal(buf_check(b), 0);
}

static void application(void *user, struct view command, struct buf *answer)
{
	struct pair *p = user;

	buf_reset(&p->command);
	buf_put_view(&p->command, command);
	fill(answer, p->answer, (uint8_t)(command.data[0] + 1));
}

static void pair_init(struct pair *p, uint8_t ifsc, bool crc)
{
	*p = (struct pair){.command = BUF_NULL(T1_COMMAND_MAX)};
	t1_init(&p->t, ifsc, crc);
	t1_card_init(&p->card, ifsc, crc, application, p);
}

static void pair_done(struct pair *p)
{
	t1_done(&p->t);
	t1_card_done(&p->card);
	buf_done(&p->command);
}

/* What is in @out goes to the card until there is an end. */
static int run(struct pair *p, int o, struct buf *out)
{
	_cleanup_(buf_done) struct buf back = BUF_NULL(T1_BLOCK_MAX + 1);

	for (p->blocks = 0; o == T1_SEND && p->blocks < BLOCKS_MAX; p->blocks++) {
		buf_reset(&back);
		t1_card_take(&p->card, buf_view(out), &back);
		buf_reset(out);
		o = t1_next(&p->t, back.len > 0 ? T1_BLOCK : T1_SILENCE, buf_view(&back), out);
	}
	return o;
}

static int tell(struct pair *p, uint8_t ifsd)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(T1_BLOCK_MAX);

	return run(p, t1_ifsd(&p->t, ifsd, &out), &out);
}

static int exchange(struct pair *p, size_t len, uint8_t first)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(T1_BLOCK_MAX),
				       command = BUF_NULL(T1_COMMAND_MAX);
	unsigned before = p->card.commands;
	int o;

	fill(&command, len, first);
	o = run(p, t1_begin(&p->t, buf_view(&command), &out), &out);
	assert_in_range(p->card.commands - before, 0, 1);
	if (p->card.commands > before) {
		assert_true(view_equal(buf_view(&command), buf_view(&p->command)));
	}
	if (o == T1_DONE) {
		buf_reset(&command);
		fill(&command, p->answer, (uint8_t)(first + 1));
		assert_int_equal(p->card.commands, before + 1);
		assert_true(view_equal(buf_view(&command), buf_view(&p->t.answer)));
	}
	return o;
}

static void commands_and_answers_of_all_lengths_arrive(_unused_ void **state)
{
	static const size_t lengths[] = {
		4, 5, 31, 32, 33, 64, 253, 254, 255, 261, 508, 509, 5000, T1_COMMAND_MAX};
	struct pair p;

	for (size_t i = 0; i < ARRAY_LEN(lengths) * 4; i++) {
		pair_init(&p, i % 4 < 2 ? 32 : 254, i % 2);
		if (i % 4 == 3) {
			assert_int_equal(tell(&p, 254), T1_DONE);
			assert_int_equal(p.card.ifsd, 254);
		}
		p.answer = lengths[i / 4] == T1_COMMAND_MAX ? T1_ANSWER_MAX : lengths[i / 4];
		for (uint8_t n = 0; n < 3; n++) {
			assert_int_equal(exchange(&p, lengths[i / 4], n), T1_DONE);
		}
		pair_done(&p);
	}
}

static void an_answer_longer_than_any_is_aborted(_unused_ void **state)
{
	struct pair p;

	pair_init(&p, 32, false);
	p.card.answer.max = T1_CARD_ANSWER_MAX + 500U;
	p.answer = T1_ANSWER_MAX + 200U;
	assert_int_equal(exchange(&p, 5, 1), T1_ABORTED);
	assert_int_equal(p.card.aborts, 1);
	p.answer = 10;
	assert_int_equal(exchange(&p, 5, 2), T1_DONE);
	pair_done(&p);
}

/* The @fault at the @at-th block of a chain both ways, then a second exchange without any. */
static int with_fault(
	enum t1_card_fault fault, uint8_t value, unsigned times, unsigned at, bool crc)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(T1_BLOCK_MAX);
	_cleanup_(buf_done) struct buf back = BUF_NULL(T1_BLOCK_MAX + 1);
	struct pair p;
	int o, then;

	pair_init(&p, 4, crc);
	assert_int_equal(tell(&p, 5), T1_DONE);
	p.answer = 16;
	assert_int_equal(exchange(&p, 3, 100), T1_DONE);
	o = t1_begin(&p.t, VIEW_TEXT("ABCDEFGHIJ"), &out);
	for (unsigned i = 0; o == T1_SEND && i < 100; i++) {
		if (i == at) {
			t1_card_order(&p.card, fault, value, times);
		}
		buf_reset(&back);
		t1_card_take(&p.card, buf_view(&out), &back);
		buf_reset(&out);
		o = t1_next(&p.t, back.len > 0 ? T1_BLOCK : T1_SILENCE, buf_view(&back), &out);
	}
	assert_in_range(o, T1_DONE, T1_DEAD);
	assert_int_equal(p.card.n_orders, 0);
	assert_in_range(p.card.commands, 1, 2);
	if (o == T1_DONE) {
		assert_int_equal(p.card.commands, 2);
		assert_int_equal(p.t.answer.len, 16);
		assert_int_equal(p.t.answer.data[15], 'A' + 16);
	}
	then = exchange(&p, 7, 1);
	assert_int_equal(then, o == T1_DEAD ? T1_DEAD : T1_DONE);
	pair_done(&p);
	return o;
}

static void what_goes_wrong_once_or_twice_is_mended_everywhere(_unused_ void **state)
{
	static const enum t1_card_fault faults[] = {T1_CARD_CHECKSUM, T1_CARD_SILENCE,
		T1_CARD_DEAF, T1_CARD_NOISE, T1_CARD_NAD, T1_CARD_LENGTH, T1_CARD_CUT,
		T1_CARD_LONG, T1_CARD_UNKNOWN};

	for (size_t i = 0; i < ARRAY_LEN(faults) * 2 * PLACES; i++) {
		unsigned at = (unsigned)(i / 2 % PLACES), times = 1 + (unsigned)(i % 2);

		assert_int_equal(
			with_fault(faults[i / 2 / PLACES], 0, times, at, false), T1_DONE);
		assert_int_equal(
			with_fault(faults[i / 2 / PLACES], 0, times, at, true), T1_DONE);
	}
}

static void what_goes_wrong_again_and_again_is_lost_not_repeated(_unused_ void **state)
{
	for (unsigned at = 0; at < PLACES; at++) {
		assert_int_equal(with_fault(T1_CARD_CHECKSUM, 0, 3, at, false), T1_LOST);
		assert_int_equal(with_fault(T1_CARD_SILENCE, 0, 5, at, true), T1_LOST);
		assert_int_equal(with_fault(T1_CARD_RESYNCH, 0, 1, at, false), T1_LOST);
		assert_int_equal(with_fault(T1_CARD_CHECKSUM, 0, 6, at, false), T1_DEAD);
		assert_int_equal(with_fault(T1_CARD_SEQUENCE, 0, 3, at, false), T1_LOST);
		assert_int_equal(with_fault(T1_CARD_MUTE, 0, 1, at, true), T1_DEAD);
	}
}

static void requests_of_the_card_are_met_everywhere(_unused_ void **state)
{
	for (unsigned at = 0; at < PLACES; at++) {
		assert_int_equal(with_fault(T1_CARD_WTX, 200, 5, at, false), T1_DONE);
		assert_int_equal(with_fault(T1_CARD_IFS, 2, 1, at, true), T1_DONE);
		assert_int_equal(with_fault(T1_CARD_IFS, 254, 2, at, true), T1_DONE);
		assert_int_equal(with_fault(T1_CARD_ABORT, 0, 1, at, false),
			at < 6 ? T1_ABORTED : T1_DONE);
	}
}

/* A block with another number may be believed, as that of a card that lies: no more than an end is
 * certain. The same block twice is no such. */
static void a_block_that_comes_twice_is_taken_once(_unused_ void **state)
{
	for (unsigned at = 1; at < PLACES; at++) {
		assert_int_equal(with_fault(T1_CARD_TWICE, 0, 1, at, at % 2), T1_DONE);
	}
}

static void a_reset_begins_anew(_unused_ void **state)
{
	struct pair p;

	pair_init(&p, 32, true);
	p.answer = 2;
	t1_card_order(&p.card, T1_CARD_MUTE, 0, 1);
	assert_int_equal(exchange(&p, 4, 1), T1_DEAD);
	t1_card_reset(&p.card);
	assert_int_equal(exchange(&p, 4, 1), T1_DEAD);
	t1_done(&p.t);
	t1_init(&p.t, 32, true);
	assert_int_equal(exchange(&p, 4, 1), T1_DONE);
	pair_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_and_answers_of_all_lengths_arrive),
		cmocka_unit_test(an_answer_longer_than_any_is_aborted),
		cmocka_unit_test(what_goes_wrong_once_or_twice_is_mended_everywhere),
		cmocka_unit_test(what_goes_wrong_again_and_again_is_lost_not_repeated),
		cmocka_unit_test(requests_of_the_card_are_met_everywhere),
		cmocka_unit_test(a_block_that_comes_twice_is_taken_once),
		cmocka_unit_test(a_reset_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
