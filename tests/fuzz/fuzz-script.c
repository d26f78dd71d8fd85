/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The grammar of replayed dialogues (reader.h), and the transport that plays them. The first byte
 * says how many bytes drive it: each is a call, with the command that stands in the table.
 */
#include <assert.h>
#include <string.h>

#include "drivers/reader/script.h"
#include "tests/fuzz/fail.h"

static const uint8_t select_mf[] = {0x00, 0xA4, 0x00, 0x0C, 0x02, 0x3F, 0x00};
static const uint8_t verify[] = {0x00, 0x20, 0x00, 0x01, 0x04, 0xFF, 0xFF, 0xFF, 0xFF};

static void call(struct transport *t, uint8_t how)
{
	_cleanup_(buf_done) struct buf answer = BUF_NULL(512);
	const struct transport_pin pin = {
		.command = VIEW(verify), .digits = 4, .new_digits = how & 8 ? 4 : 0};
	int r = 0;

	switch (how % 8) {
	case 0:
	case 1:
		r = t->ops->transmit(t, VIEW(select_mf), 0, &answer);
		break;
	case 2:
		r = t->ops->secure(t, &pin, 0, &answer);
		break;
	case 3:
		r = t->ops->reset(t, 0);
		break;
	case 4:
		r = t->ops->status(t);
		break;
	case 5:
		r = t->ops->lock(t, 0);
		assert(t->ops->unlock(t) == 0);
		break;
	case 6:
		t->ops->close(t, how & 8);
		assert(script_closed(t) == (how & 8 ? 2 : 1));
		break;
	case 7:
		r = t->ops->open(t, "a reader", true, 0);
		break;
	}
	assert(r <= TRANSPORT_LIED);
	assert(t->atr_len <= TRANSPORT_ATR_MAX && t->pinpad <= 3);
}

static void play(struct transport *t, struct reader *how)
{
	int r = t->ops->open(t, "a reader", false, 0);

	assert(r <= TRANSPORT_LIED);
	while (how->left > 0) {
		call(t, reader_u8(how));
	}
	(void)script_finished(t);
	transport_free(t);
}

void target_run(struct view in)
{
	struct reader r = reader_of(in);
	size_t n = reader_u8(&r);
	struct reader how = reader_of(reader_take(&r, n < r.left ? n : r.left));
	struct reader again = how;
	struct view rest = reader_rest(&r);
	struct transport *t = NULL;

	if (script_new(rest, &t) == 0) {
		play(t, &how);
	}
	if (script_new_answers(rest, view_sub(rest, 0, 40), TRANSPORT_T1, &t) == 0) {
		t->pinpad = TRANSPORT_PINPAD_VERIFY;
		play(t, &again);
	}
}
