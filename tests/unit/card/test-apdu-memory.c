/* SPDX-License-Identifier: EUPL-1.2 */
/* The APDU engine while memory runs out: a fault of ours, and no card is blamed for it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>

#include "base/clock.h"
#include "drivers/card/apdu.h"
#include "drivers/reader/script.h"
#include "tests/unit/card/no-memory.h"

/* One exchange of 100 bytes while allocation @n fails. Return: its outcome. */
static int read_without(unsigned n, bool *ret_met)
{
	static const char text[] = "> 00B0000064\n< 6164\n> 00C0000064\n< ";
	_cleanup_(buf_done) struct buf script = BUF_NULL(1000);
	_cleanup_(buf_done) struct buf answer = BUF_NULL(100);
	struct transport *card = NULL;
	struct apdu a;
	uint16_t sw;
	int r;

	buf_put_str(&script, text);
	for (unsigned i = 0; i < 100; i++) {
		buf_put_str(&script, "AB");
	}
	buf_put_str(&script, " 9000\n");
	assert_int_equal(script_new(buf_view(&script), &card), 0);
	apdu_init(&a, card);
	apdu_begin(&a, clock_monotonic() + USEC_PER_SEC);
	no_memory_after(n);
	r = apdu_exchange(
		&a, &(struct apdu_command){.ins = APDU_READ_BINARY, .le = 100}, &answer, &sw);
	*ret_met = no_memory_met();
	assert_true(r != 0 || (sw == 0x9000 && answer.len == 100));
	transport_free(card);
	return r;
}

static void a_lack_of_memory_is_a_fault_and_no_broken_card(void **state)
{
	unsigned n = 0;
	bool met = true;

	(void)state;
	while (met) {
		int r = read_without(n, &met);

		assert_int_equal(r, met ? -ENOMEM : 0);
		n++;
	}
	assert_true(n > 3); /* the command, what comes in, the answer */
}

/* A transport that forgot to look at its own buffer, and one that says more than there is room for. */
static int pours(
	struct transport *t, struct view command, uint64_t deadline, struct buf *answer)
{
	(void)command, (void)deadline;
	if (t->pinpad) {
		answer->failed = -ENOMEM;
	} else {
		(void)buf_extend(answer, answer->max + 1);
	}
	return 0;
}

static void an_answer_that_was_not_stored_is_judged_by_the_reason(void **state)
{
	static const struct transport_ops ops = {.transmit = pours};
	struct transport t = {.ops = &ops};
	struct apdu a;

	(void)state;
	for (uint8_t i = 0; i < 2; i++) {
		_cleanup_(buf_done) struct buf answer = BUF_NULL(100);
		uint16_t sw;

		t.pinpad = i;
		apdu_init(&a, &t);
		apdu_begin(&a, clock_monotonic() + USEC_PER_SEC);
		assert_int_equal(
			apdu_exchange(&a,
				&(struct apdu_command){.ins = APDU_READ_BINARY, .le = 100},
				&answer, &sw),
			i ? -ENOMEM : CARD_BROKEN);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lack_of_memory_is_a_fault_and_no_broken_card),
		cmocka_unit_test(an_answer_that_was_not_stored_is_judged_by_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
