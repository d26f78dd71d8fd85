/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * See dialogue-answers.h. What we must never do to a card is counted, or asserted, here: it sees
 * every command. At the end of its items the card is gone.
 */
#include "tests/fuzz/dialogue-answers.h"

#include <assert.h>
#include <errno.h>

#include "base/clock.h"
#include "drivers/card/apdu.h"
#include "tests/fuzz/fail.h"

#define LONG_ANSWER 0xFFU
#define AN_EVENT    0xFEU
#define OTHER_ATR   31U
#define TICK_USEC   300000U

void dialogue_parse(struct view in, struct dialogue_input *ret)
{
	struct reader r = reader_of(view_sub(in, 0, DIALOGUE_INPUT));
	size_t n;

	for (size_t i = 0; i < DIALOGUE_SETTING; i++) {
		ret->setting[i] = reader_u8(&r);
	}
	n = reader_u8(&r) % (DIALOGUE_STEPS + 1);
	ret->steps = reader_take(&r, n < r.left ? n : r.left);
	ret->items = reader_rest(&r);
}

bool dialogue_next(struct reader *items, struct dialogue_item *ret)
{
	size_t len;

	*ret = (struct dialogue_item){.is_event = false};
	if (items->left == 0) {
		return false;
	}
	len = reader_u8(items);
	if (len == AN_EVENT) {
		ret->is_event = true;
		ret->event = items->left > 0 ? reader_u8(items) : 0;
		return true;
	}
	if (len == LONG_ANSWER) {
		len = items->left >= 2 ? reader_u16(items) : items->left;
	}
	ret->bytes = reader_take(items, len < items->left ? len : items->left);
	return true;
}

void dialogue_put(struct buf *out, const struct dialogue_item *item)
{
	if (item->is_event) {
		buf_put_u8(out, AN_EVENT);
		buf_put_u8(out, item->event);
		return;
	}
	if (item->bytes.len < AN_EVENT) {
		buf_put_u8(out, (uint8_t)item->bytes.len);
	} else {
		buf_put_u8(out, LONG_ANSWER);
		buf_put_u16(out, (uint16_t)item->bytes.len);
	}
	buf_put_view(out, item->bytes);
}

static bool ends(const struct dialogue_item *item)
{
	return item->is_event && item->event >> 5 == EVENT_END;
}

struct view hostile_rest(struct view items)
{
	struct reader r = reader_of(items);
	struct dialogue_item item;

	while (dialogue_next(&r, &item)) {
		if (ends(&item)) {
			return reader_rest(&r);
		}
	}
	return VIEW_NULL;
}

/* -- what comes next ------------------------------------------------------------------------------ */

/* Let time pass where the items say so. Return: whether there is another item, which stays. */
static bool peek(struct hostile *h, struct dialogue_item *ret)
{
	struct reader ahead = h->items;

	while (dialogue_next(&ahead, ret)) {
		if (!ret->is_event || ret->event >> 5 != EVENT_TIME) {
			return true;
		}
		fail_time_passes(TICK_USEC * ((ret->event & 0x1FU) + 1U));
		h->items = ahead;
	}
	return false;
}

static void pass_over(struct hostile *h)
{
	struct dialogue_item item;

	(void)dialogue_next(&h->items, &item);
}

/* What an event makes of a call. */
static int outcome(uint8_t event)
{
	unsigned value = event & 0x1FU;

	if (value == 0) {
		return fault(-EIO);
	}
	return value <= TRANSPORT_LIED ? (int)value : 0;
}

/* Whether the next item is about this call; it is used up then. */
static bool says(struct hostile *h, enum dialogue_event kind, uint8_t *ret_event)
{
	struct dialogue_item item;

	if (!peek(h, &item) || !item.is_event || item.event >> 5 != (int)kind) {
		return false;
	}
	*ret_event = item.event;
	pass_over(h);
	return true;
}

bool hostile_silent(struct hostile *h)
{
	uint8_t event;

	return says(h, EVENT_SILENCE, &event);
}

/* -- the transport -------------------------------------------------------------------------------- */

static struct hostile *of(struct transport *t)
{
	return (struct hostile *)(void *)t; /* base is the first member */
}

static void show_atr(struct hostile *h)
{
	h->base.atr_len = h->atr.len < TRANSPORT_ATR_MAX ? h->atr.len : TRANSPORT_ATR_MAX;
	bytes_copy(h->base.atr, TRANSPORT_ATR_MAX, h->atr.data, h->base.atr_len);
}

/* A call that says yes unless the items, or a failing call, say otherwise. */
static int call(struct hostile *h, enum dialogue_event kind)
{
	uint8_t event = 0;

	if (fail_now()) {
		return fault(-EIO);
	}
	return says(h, kind, &event) ? outcome(event) : 0;
}

static int hostile_open(struct transport *t, const char *reader, _unused_ bool exclusive,
	_unused_ uint64_t deadline)
{
	int r = call(of(t), EVENT_OPEN);

	assert(!of(t)->open && reader);
	of(t)->open = r == 0;
	show_atr(of(t));
	return r;
}

/* A command that the reader, or we, send: the next answer, or what the items say of it. */
static int answer_next(struct hostile *h, struct buf *answer)
{
	struct dialogue_item item;

	assert(h->open);
	if (fail_now()) {
		return fault(-EIO);
	}
	while (peek(h, &item)) {
		if (ends(&item)) {
			return TRANSPORT_GONE;
		}
		pass_over(h);
		if (!item.is_event) {
			buf_put_view(answer, item.bytes);
			return buf_check(answer) < 0 ? TRANSPORT_BROKEN : 0;
		}
		if (item.event >> 5 == EVENT_COMMAND) {
			return outcome(item.event);
		}
	}
	return TRANSPORT_GONE;
}

/* Which commands carry a code: with data, or typed. */
static void count(struct hostile *h, struct view command)
{
	struct reader r = reader_of(command);
	uint8_t ins;

	(void)reader_u8(&r);
	ins = reader_u8(&r);
	(void)reader_u16(&r);
	assert(!r.failed && command.len <= 5 + APDU_DATA_MAX + 1);
	if (r.left > 1 && (ins == APDU_VERIFY || ins == APDU_CHANGE_REFERENCE_DATA ||
				  ins == APDU_RESET_RETRY_COUNTER)) {
		h->codes[ins]++;
	}
}

static int hostile_transmit(struct transport *t, struct view command,
	_unused_ uint64_t deadline, struct buf *answer)
{
	count(of(t), command);
	return answer_next(of(t), answer);
}

static int hostile_secure(struct transport *t, const struct transport_pin *pin,
	_unused_ uint64_t deadline, struct buf *answer)
{
	uint8_t needed = pin->new_digits ? TRANSPORT_PINPAD_MODIFY : TRANSPORT_PINPAD_VERIFY;

	assert(t->pinpad & needed);
	count(of(t), pin->command);
	return answer_next(of(t), answer);
}

static int hostile_reset(struct transport *t, _unused_ uint64_t deadline)
{
	static const uint8_t other[] = {0x3B, 0x00};
	struct hostile *h = of(t);
	struct dialogue_item item;
	uint8_t event;

	assert(h->open);
	if (fail_now()) {
		return fault(-EIO);
	}
	if (says(h, EVENT_RESET, &event)) {
		if ((event & 0x1FU) != OTHER_ATR) {
			return outcome(event);
		}
		h->atr = VIEW(other);
	} else if (!peek(h, &item)) {
		return TRANSPORT_GONE;
	}
	show_atr(h);
	return 0;
}

static int hostile_status(struct transport *t)
{
	return of(t)->open ? call(of(t), EVENT_STATUS) : TRANSPORT_GONE;
}

static int hostile_lock(struct transport *t, _unused_ uint64_t deadline)
{
	return call(of(t), EVENT_LOCK);
}

static int hostile_unlock(struct transport *t)
{
	assert(of(t)->open);
	return fail_now() ? fault(-EIO) : 0;
}

static void hostile_close(struct transport *t, _unused_ bool reset)
{
	of(t)->open = false;
}

static void hostile_free(_unused_ struct transport *t)
{
}

void hostile_init(struct hostile *h, struct view items, struct view atr, uint8_t how)
{
	static const struct transport_ops ops = {
		.open = hostile_open,
		.transmit = hostile_transmit,
		.secure = hostile_secure,
		.reset = hostile_reset,
		.status = hostile_status,
		.lock = hostile_lock,
		.unlock = hostile_unlock,
		.close = hostile_close,
		.free = hostile_free,
	};

	*h = (struct hostile){.items = reader_of(items), .atr = atr};
	h->base.ops = &ops;
	h->base.protocol = how & HOSTILE_T1 ? TRANSPORT_T1 : TRANSPORT_T0;
	h->base.pinpad = (how & HOSTILE_VERIFY ? TRANSPORT_PINPAD_VERIFY : 0U) |
			 (how & HOSTILE_MODIFY ? TRANSPORT_PINPAD_MODIFY : 0U);
	show_atr(h);
}
