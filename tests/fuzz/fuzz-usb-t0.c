/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of drivers/usb/t0.h: commands, and what cards and readers say to them. The first byte: bit 0
 * TPDUs, bit 1 whole APDUs, bit 2 a reader that brings what it is asked for, bit 3 a longer command.
 *
 *   how 1 | n, command n | n, what is brought n | ...
 *
 * Whatever comes, every command ends, nothing is sent that the card has not asked for, and nothing of a
 * command is left behind.
 */
#include <assert.h>

#include "drivers/usb/t0.h"
#include "tests/fuzz/fail.h"

enum {
	HOW_BLOCKS = 1,
	HOW_APDU = 2,
	HOW_OBEDIENT = 4,
	HOW_LONG = 8, /* 256 is added to the command's length */
};

#define STEPS_MAX 100000U /* of one input: more than any command may take */

static struct view take(struct reader *r, size_t more)
{
	size_t n = reader_u8(r) + more;

	return reader_take(r, n < r->left ? n : r->left);
}

/* All that a command may put on the line at once, and what may be waited for. */
static void check_step(const struct t0 *t, const struct buf *out, uint8_t how)
{
	if (how & HOW_BLOCKS) {
		assert(out->len >= 5 && out->len <= T0_COMMAND_MAX - 1 && t->expect == 0);
	} else {
		assert(out->len <= 255 && t->expect >= 1 && t->expect <= T0_ANSWER_MAX);
	}
}

static void check_end(struct t0 *t, int r, struct buf *out)
{
	size_t answer = t->answer.len;

	assert(r == T0_DONE || r == T0_BROKEN || r < 0);
	assert(t->data.len == 0 && t->expect == 0);
	assert(r != T0_DONE || (out->len == 0 && answer >= 2 && answer <= T0_ANSWER_MAX));
	assert(t0_next(t, VIEW_TEXT("\x90"), out) == T0_BROKEN);
	assert(t->answer.len == answer);
}

static int bring(struct t0 *t, struct reader *r, uint8_t how, struct buf *out)
{
	size_t n = r->left < t->expect ? r->left : t->expect;

	if ((how & HOW_OBEDIENT) && !(how & HOW_BLOCKS)) {
		return t0_next(t, reader_take(r, n), out);
	}
	return t0_next(t, take(r, 0), out);
}

/* One command with what comes to it. */
static void play(struct t0 *t, struct reader *r)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(T0_COMMAND_MAX);
	uint8_t how = reader_u8(r);
	struct view command = take(r, how & HOW_LONG ? 256 : 0);
	size_t sent = 0, steps = 0;
	int q;

	t0_done(t);
	t0_init(t, how & HOW_BLOCKS ? T0_BLOCKS : T0_CHARACTERS);
	q = t0_begin(t, command, how & HOW_APDU ? T0_APDU : T0_TPDU, &out);
	while (q == T0_SEND && r->left > 0) {
		check_step(t, &out, how);
		sent += out.len;
		buf_reset(&out);
		q = bring(t, r, how, &out);
		assert(++steps < STEPS_MAX);
	}
	assert((how & HOW_APDU) || sent <= command.len + 1);
	assert(sent <= command.len + 1 + 2 * 5 * (size_t)(T0_ROUNDS_MAX + 1));
	if (q != T0_SEND) {
		check_end(t, q, &out);
	}
}

void target_run(struct view in)
{
	struct reader r = reader_of(in);
	struct t0 t;

	t0_init(&t, T0_CHARACTERS);
	do {
		play(&t, &r);
	} while (r.left > 0);
	t0_done(&t);
}
