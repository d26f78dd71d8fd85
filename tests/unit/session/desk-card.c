/* SPDX-License-Identifier: EUPL-1.2 */
/* What a played card process does with a request: as its card was told, operation by operation. */
#include "tests/unit/session/desk-card.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define FLOOD	   300
#define ALIVE_EACH (100 * USEC_PER_MS)

struct view desk_find(struct view in, uint32_t tag)
{
	struct tlv t;

	return tlv_find(in, tag, &t) == 0 ? t.value : VIEW_NULL;
}

static struct desk_card *card_in(struct view reader)
{
	for (size_t i = 0; i < desk.n_played; i++) {
		if (desk.played[i].in && view_equal(reader, view_str(desk.played[i].reader))) {
			return &desk.played[i];
		}
	}
	return NULL;
}

static void send_frame(struct desk_relay *r, enum link_kind kind, uint8_t op, uint32_t seq,
	uint8_t outcome, const struct buf *body)
{
	struct link_frame f = LINK_FRAME_NULL;

	f.kind = kind;
	f.op = op;
	f.seq = seq;
	f.outcome = outcome;
	f.body = body ? buf_view(body) : VIEW_NULL;
	(void)!link_send(r->fd, &f, false);
}

static void send_alive(struct desk_relay *r, uint8_t op)
{
	struct buf body = BUF_NULL(64);

	tlv_put_u32(&body, LINK_TAG_TPDUS, 42);
	tlv_put_u32(&body, LINK_TAG_CHARACTERS, 4242);
	send_frame(r, LINK_KIND_EVENT, op, 0, 0, &body);
	buf_done(&body);
}

static void keep_alive(struct desk_relay *r);

static int on_alive(sd_event_source *source, uint64_t usec, void *user)
{
	(void)source;
	(void)usec;
	memory_pause();
	send_alive(user, CARD_OP_ALIVE);
	keep_alive(user);
	memory_resume();
	return 0;
}

static void keep_alive(struct desk_relay *r)
{
	sd_event_source_disable_unref(r->alive);
	r->alive = NULL;
	assert_true(sd_event_add_time_relative(desk.ev, &r->alive, CLOCK_MONOTONIC, ALIVE_EACH,
			    0, on_alive, r) >= 0);
}

static void good(struct desk_relay *r, const struct link_frame *f, const struct desk_op *o)
{
	struct buf body = BUF_NULL(LINK_MAX_FRAME);

	buf_put_view(&body, buf_view(&o->body));
	tlv_put_u32(&body, LINK_TAG_TPDUS, 10);
	tlv_put_u32(&body, LINK_TAG_CHARACTERS, 1000);
	send_frame(r, LINK_KIND_ANSWER, f->op, f->seq, o->outcome, &body);
	buf_done(&body);
}

static void bad(struct desk_relay *r, const struct link_frame *f, const struct desk_op *o)
{
	switch (o->deed) {
	case DEED_WELL:
	case DEED_SILENT:
		return;
	case DEED_EXIT:
		(void)!send(r->fd, "x", 1, MSG_NOSIGNAL);
		return;
	case DEED_CRASH:
		(void)!send(r->fd, "s", 1, MSG_NOSIGNAL);
		return;
	case DEED_MALFORMED:
		(void)!send(r->fd, "what?", 5, MSG_NOSIGNAL);
		return;
	case DEED_SEQ:
		send_frame(r, LINK_KIND_ANSWER, f->op, f->seq + 1, 0, NULL);
		return;
	case DEED_OP:
		send_frame(r, LINK_KIND_ANSWER, (uint8_t)(f->op + 1), f->seq, 0, NULL);
		return;
	case DEED_REQUEST:
		send_frame(r, LINK_KIND_REQUEST, f->op, f->seq, 0, NULL);
		return;
	case DEED_EVENT:
		send_alive(r, WATCH_OP_CARD_OUT);
		return;
	case DEED_FLOOD:
		for (unsigned int i = 0; i < FLOOD; i++) {
			send_alive(r, CARD_OP_ALIVE);
		}
		return;
	case DEED_TWICE:
		good(r, f, o);
		good(r, f, o);
		return;
	case DEED_AFTER:
		good(r, f, o);
		send_alive(r, CARD_OP_ALIVE);
		return;
	case DEED_ALIVE:
		keep_alive(r);
		return;
	}
}

/* What its pipes hold; they are complete. */
static void take_codes(struct desk_op *o, const struct link_frame *f)
{
	for (size_t i = 0; i < f->n_fds; i++) {
		char bytes[32];
		ssize_t n = read(f->fds[i], bytes, sizeof(bytes));

		buf_reset(&o->codes[i]);
		buf_put(&o->codes[i], bytes, n > 0 ? (size_t)n : 0);
	}
}

void desk_card_request(struct desk_relay *r, const struct link_frame *f)
{
	struct desk_op *o;

	if (f->op == CARD_OP_OPEN) {
		r->card = card_in(desk_find(f->body, LINK_TAG_READER));
	}
	if (r->stale || !r->card || !r->card->in) {
		send_frame(r, LINK_KIND_ANSWER, f->op, f->seq,
			r->stale ? CARD_NO_SERVICE : CARD_GONE, NULL);
		return;
	}
	assert_true(f->op < CARD_OP_COUNT);
	o = &r->card->ops[f->op];
	o->asked++;
	buf_reset(&o->last);
	buf_put_view(&o->last, f->body);
	take_codes(o, f);
	if (o->deed == DEED_WELL || o->well_first > 0) {
		o->well_first -= o->well_first > 0 ? 1 : 0;
		good(r, f, o);
		return;
	}
	bad(r, f, o);
	if (o->bad_only == 1) {
		o->deed = DEED_WELL;
	}
	o->bad_only -= o->bad_only > 0 ? 1 : 0;
}

struct desk_card *desk_card(const char *reader, const char *kind, const char *generation)
{
	struct desk_card *p = &desk.played[desk.n_played++];

	assert_true(desk.n_played <= DESK_CARDS);
	assert_int_equal(view_copy_str(view_str(reader), p->reader, sizeof(p->reader)), 0);
	for (size_t i = 0; i < CARD_OP_COUNT; i++) {
		p->ops[i].body = BUF_NULL(4096);
		p->ops[i].last = BUF_NULL(LINK_MAX_FRAME);
		p->ops[i].codes[0] = BUF_NULL(64);
		p->ops[i].codes[1] = BUF_NULL(64);
	}
	tlv_put_str(&p->ops[CARD_OP_OPEN].body, LINK_TAG_KIND, kind);
	tlv_put_str(&p->ops[CARD_OP_OPEN].body, LINK_TAG_GENERATION, generation);
	return p;
}

void desk_card_done(struct desk_card *p)
{
	for (size_t i = 0; i < CARD_OP_COUNT; i++) {
		buf_done(&p->ops[i].body);
		buf_done(&p->ops[i].last);
		buf_done(&p->ops[i].codes[0]);
		buf_done(&p->ops[i].codes[1]);
	}
}
