/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Answers and events, as frames. Nothing waits: a peer that does not read what it is told is
 * ended.
 */
#include "base/link-ops.h"
#include "base/tlv.h"
#include "drivers/usb/serve-inside.h"

#define EVENT_MAX 512U

static void send_frame(struct peer *p, const struct link_frame *f)
{
	int r = p->ended ? 0 : link_send(p->fd, f, true);

	if (r != 0) {
		peer_end(p, r == LINK_AGAIN ? "does not read" : NULL);
	}
}

void frame_answer(struct peer *p, enum usb_outcome o, const struct buf *body)
{
	struct link_frame f = LINK_FRAME_NULL;

	f.kind = LINK_KIND_ANSWER;
	f.op = p->op;
	f.seq = p->seq;
	f.outcome = (uint8_t)o;
	if (body && buf_check(body) < 0) {
		f.outcome = USB_FAILED; /* no memory, or more than a frame can carry */
	} else if (body) {
		f.body = buf_view(body);
	}
	p->asks = false;
	send_frame(p, &f);
}

void frame_event(struct peer *p, uint8_t op, const struct buf *body)
{
	struct link_frame f = LINK_FRAME_NULL;

	if (buf_check(body) < 0) {
		peer_end(p, "no memory"); /* else it would believe what is not so */
		return;
	}
	f.kind = LINK_KIND_EVENT;
	f.op = op;
	f.body = buf_view(body);
	send_frame(p, &f);
}

void frame_reader(struct peer *watch, uint8_t op, const struct seat *seat)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(EVENT_MAX);

	tlv_put_str(&body, LINK_TAG_READER, seat->name);
	if (op == WATCH_OP_READER_IN) {
		tlv_put_u8(&body, LINK_TAG_SLOT, seat->slot->number);
	}
	frame_event(watch, op, &body);
}

void frame_card(struct peer *watch, uint8_t op, const struct seat *seat, uint32_t events)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(EVENT_MAX);

	tlv_put_str(&body, LINK_TAG_READER, seat->name);
	if (op == WATCH_OP_CARD_IN && seat->mute) {
		tlv_put(&body, LINK_TAG_ATR, VIEW_NULL);
		tlv_put_u8(&body, LINK_TAG_STATE, 1);
	} else if (op == WATCH_OP_CARD_IN) {
		tlv_put(&body, LINK_TAG_ATR,
			view_of(seat->slot->atr.bytes, seat->slot->atr.len));
	}
	tlv_put_u32(&body, LINK_TAG_EVENTS, events);
	frame_event(watch, op, &body);
}
