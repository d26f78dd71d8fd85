/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Cards in use: one process each, and what is asked of it. Every request has two ends, a silence
 * that a stuck command cannot outlast and a whole; a request that the person completes on the keypad
 * has the whole only. Slots of one reader share its line, so while several of them work only the time
 * of one runs: of a person at the keypad, else of the one that has been silent longest, which is the
 * one that holds the line. An answer or a sign of life passes the turn on, so some time always runs
 * and everything ends. A process does not know of the other slot and calls its own card mute after a
 * while; so before a person is sent to the keypad the other slots finish what they do, and are asked
 * nothing more until the person is done.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/session/cards-inside.h"
#include "daemon/session/read.h"

/* Signs of life of one request: one a second, and slots that wait for each other. */
#define EVENTS_MAX 256U
/* A slot is the last two characters of a reader's name, after a space (pcsc-lite). */
#define SLOT_CHARS 3U

/* -- the line that slots share ---------------------------------------------------------------------- */

static bool same_device(const struct card_reader *a, const struct card_reader *b)
{
	size_t n = strlen(a->name);

	return a == b ||
	       (a->served == b->served && n == strlen(b->name) && n > SLOT_CHARS &&
		       a->name[n - SLOT_CHARS] == ' ' && b->name[n - SLOT_CHARS] == ' ' &&
		       strncmp(a->name, b->name, n - SLOT_CHARS) == 0);
}

/* The card of the @i-th reader when it is at @r's device and its process works. */
static struct entry *working(struct cards *cs, size_t i, const struct card_reader *r)
{
	struct card *c = cs->readers[i]->card;

	return c && entry_of(c)->busy && same_device(cs->readers[i], r) ? entry_of(c) : NULL;
}

/* Whether a person completes what it was asked (@now), or will. */
static bool at_keypad(const struct entry *e, bool now)
{
	return e->card.child && child_at_leisure(e->card.child, now);
}

static bool before(const struct entry *a, const struct entry *b)
{
	bool person = at_keypad(a, true);

	return person != at_keypad(b, true) ? person : a->sign < b->sign;
}

void cards_give_way(struct cards *cs, const struct card_reader *r)
{
	const struct entry *keypad = NULL;
	size_t others = 0;

	for (size_t i = 0; i < cs->n_readers; i++) {
		const struct card *c = cs->readers[i]->card;

		if (c && same_device(cs->readers[i], r) &&
			at_keypad((const struct entry *)c, false)) {
			keypad = (const struct entry *)c; /* the card is its first member */
		}
	}
	for (size_t i = 0; i < cs->n_readers; i++) {
		const struct entry *e = working(cs, i, r);

		others += e && e != keypad ? 1 : 0;
	}
	for (size_t i = 0; i < cs->n_readers; i++) {
		struct card *c = cs->readers[i]->card;
		struct child *child = NULL;

		if (c && same_device(cs->readers[i], r)) {
			child = c->child ? c->child : entry_of(c)->recogniser;
		}
		if (child) {
			child_pause(child, keypad && (entry_of(c) != keypad || others > 0));
		}
	}
}

static void pass_turn(struct cards *cs, const struct card_reader *r)
{
	struct entry *eldest = NULL;

	for (size_t i = 0; i < cs->n_readers; i++) {
		struct entry *e = working(cs, i, r);

		if (e && (!eldest || before(e, eldest))) {
			eldest = e;
		}
	}
	for (size_t i = 0; i < cs->n_readers; i++) {
		struct entry *e = working(cs, i, r);
		struct child *child = NULL;

		if (e) {
			child = e->card.child ? e->card.child : e->recogniser;
		}
		if (child) {
			child_hold(child, e != eldest);
		}
	}
}

void cards_wire(struct entry *e, bool taken)
{
	if (!taken && !e->busy) {
		return;
	}
	e->busy = taken;
	e->events = 0;
	e->sign = clock_monotonic();
	pass_turn(e->cards, e->card.reader);
	cards_give_way(e->cards, e->card.reader);
}

/* -- what processes say ----------------------------------------------------------------------------- */

static void take_characters(struct card *c, struct view body)
{
	uint32_t n;

	if (tlv_find_u32(body, LINK_TAG_CHARACTERS, &n) == 0) {
		c->characters = n;
	}
}

static void take_pinpad(struct entry *e, struct view body)
{
	struct card_reader *r = e->card.reader;
	bool pinpad = read_u8_or(body, LINK_TAG_PINPAD, 0) != 0;

	if (r->pinpad != pinpad) {
		r->pinpad = pinpad;
		TELL(e->cards, reader_changed, r);
	}
}

/* vitaled-usb may tell of a card before it has had power: its ATR is then known from the first OPEN. */
static void take_atr(struct entry *e, struct view body)
{
	struct card *c = &e->card;
	struct tlv atr;

	if (c->atr_len == 0 && tlv_find(body, LINK_TAG_ATR, &atr) == 0 &&
		view_copy(atr.value, c->atr, sizeof(c->atr)) == 0) {
		c->atr_len = atr.value.len;
	}
}

/* Return: whether a fresh process has what the one in @slot was asked. */
static bool renew(struct entry *e, struct child **slot, const struct child_ops *ops)
{
	struct cards *cs = e->cards;
	struct child *fresh = NULL;
	struct child *old = *slot;

	if (child_start(cs->ev, cs->card_path, cs->env, ops, e, &fresh) < 0) {
		return false;
	}
	*slot = fresh;
	cards_give_way(cs, e->card.reader);
	if (child_move(old, fresh) != 0) {
		*slot = old;
		child_free(fresh);
		return false;
	}
	child_free(old);
	return true;
}

/* Its connection is as old as the service that it knew. */
static bool is_stale(const struct entry *e, const struct link_frame *answer)
{
	const struct source *src = &e->cards->sources[e->card.reader->served];

	return answer && answer->outcome == CARD_NO_SERVICE &&
	       src->service == READER_SERVICE_RUNNING;
}

/* The first answer of a process that had waited. Return: whether it is asked anew. */
static bool spare_answered(struct entry *e, struct child **slot, const struct child_ops *ops,
	uint8_t op, const struct link_frame *answer, const char *why)
{
	struct cards *cs = e->cards;
	bool stale = is_stale(e, answer);

	if (stale) {
		spare_drop(cs, e->card.reader->served); /* the others are as old */
		spare_update(cs);
	} else if (answer) {
		cs->spare_backoff = 0;
	}
	/* a process that hung did so on the card: a fresh one would too */
	return op == CARD_OP_OPEN && (stale || (!answer && strcmp(why, "deadline") != 0)) &&
	       renew(e, slot, ops);
}

bool cards_answered(struct entry *e, struct child **slot, const struct child_ops *ops,
	uint8_t op, struct link_frame *answer, const char *why)
{
	bool spare = e->spare;

	e->spare = false;
	if (spare && spare_answered(e, slot, ops, op, answer, why)) {
		return false;
	}
	if (answer) {
		take_characters(&e->card, answer->body);
	}
	if (answer && op == CARD_OP_OPEN) {
		take_atr(e, answer->body);
	}
	e->last_breath = answer && op == CARD_OP_OPEN && answer->outcome == CARD_BUSY;
	if (answer && op == CARD_OP_OPEN && answer->outcome == CARD_DONE) {
		take_pinpad(e, answer->body);
	}
	return true;
}

void cards_event(struct entry *e, struct child *child, const struct link_frame *event)
{
	if (event->op != CARD_OP_ALIVE || !e->busy || ++e->events > EVENTS_MAX) {
		child_condemn(child, "malformed");
		return;
	}
	e->sign = clock_monotonic();
	pass_turn(e->cards, e->card.reader);
	take_characters(&e->card, event->body);
	if (e->card.child == child) {
		TELL(e->cards, card_progress, &e->card);
	}
}

/* -- claims ------------------------------------------------------------------------------------------ */

static bool on_answer(void *user, uint8_t op, struct link_frame *answer, const char *why);
static void on_event(void *user, struct link_frame *event);
static void on_wire(void *user, bool taken);
static void on_ended(void *user, const char *why);

static const struct child_ops claimed_ops = {
	.event = on_event, .answer = on_answer, .wire = on_wire, .ended = on_ended};

static bool on_answer(void *user, uint8_t op, struct link_frame *answer, const char *why)
{
	struct entry *e = user;

	return cards_answered(e, &e->card.child, &claimed_ops, op, answer, why);
}

static void on_event(void *user, struct link_frame *event)
{
	struct entry *e = user;

	cards_event(e, e->card.child, event);
}

static void on_wire(void *user, bool taken)
{
	cards_wire(user, taken);
}

static void on_ended(void *user, const char *why)
{
	struct entry *e = user;

	/* before anything was asked of it; or pcscd kept it waiting and it could say no more than that */
	if (e->spare || e->last_breath) {
		e->spare = false;
		e->last_breath = false;
		if (renew(e, &e->card.child, &claimed_ops)) {
			return;
		}
	}
	TELL(e->cards, card_failed, &e->card, why);
	cards_release(e->cards, &e->card); /* nothing is left to do when its user did it */
}

int cards_claim(struct cards *cs, struct card *c, uid_t uid, void *user)
{
	struct entry *e = entry_of(c);
	int r;

	if (c->child || e->leaving || c->reader->lent) {
		return fault(-EBUSY);
	}
	recognise_stop(e);
	r = spare_take(e, &claimed_ops, &c->child);
	if (r < 0) {
		return trace(r);
	}
	c->characters = 0;
	c->in_use_uid = uid;
	c->user = user;
	cards_touch(cs, c);
	return 0;
}

void cards_release(struct cards *cs, struct card *c)
{
	if (!c->child) {
		return;
	}
	c->child = child_free(c->child);
	cards_wire(entry_of(c), false);
	cards_give_way(cs, c->reader);
	entry_of(c)->spare = false;
	entry_of(c)->last_breath = false;
	c->in_use_uid = (uid_t)-1;
	c->user = NULL;
	c->job = CARD_JOB_NONE;
	c->pin_until = 0;
	(void)cards_place(cs, c->reader); /* what changed while it was in use */
	cards_touch(cs, c);
}

void cards_want(struct cards *cs, struct card *c)
{
	TELL(cs, card_wanted, c);
}

/* -- asking ------------------------------------------------------------------------------------------ */

/* The family: what a certificate said since (cpf, cpe, cpa) is nothing that SELECT tells. */
static const char *family(const struct card *c)
{
	return c->kind == CARD_KIND_VITALE ? "vitale" : "cps";
}

void cards_put_open(const struct card *c, struct buf *body)
{
	const struct entry *e = (const struct entry *)c; /* the card is its first member */
	bool exclusive = c->reader->sharing == CARD_SHARE_EXCLUSIVE;

	tlv_put_str(body, LINK_TAG_READER, c->reader->name);
	tlv_put_u8(body, LINK_TAG_DRIVER, (uint8_t)c->reader->served);
	tlv_put_u8(body, LINK_TAG_SHARE, (uint8_t)c->reader->sharing);
	if (e->hint && exclusive && c->atr_len > 0) {
		tlv_put_str(body, LINK_TAG_KIND, family(c));
		tlv_put_str(body, LINK_TAG_GENERATION, c->generation);
		tlv_put(body, LINK_TAG_ATR, view_of(c->atr, c->atr_len));
	}
}

/* The whole of an operation; what is not named here is one command or two. */
static uint64_t whole_of(uint8_t op, size_t n_fds)
{
	static const uint64_t wholes[CARD_OP_COUNT] = {
		[CARD_OP_OPEN] = LIMIT_CHILD_START + LIMIT_CARD_OPERATION,
		[CARD_OP_READ_PUBLIC] = LIMIT_CARD_READ,
		[CARD_OP_READ_PEOPLE] = LIMIT_CARD_READ,
		[CARD_OP_KEEP_PEOPLE] = LIMIT_CARD_READ,
		[CARD_OP_READ_ACTIVITIES] = LIMIT_CARD_READ,
		[CARD_OP_READ_PROTECTED] = LIMIT_CARD_READ,
		[CARD_OP_SIGN] = LIMIT_CARD_READ,
	};
	uint64_t whole = op < CARD_OP_COUNT ? wholes[op] : 0;

	return (whole == 0 ? LIMIT_CARD_OPERATION : whole) + n_fds * LIMIT_PIN_PIPE;
}

static bool on_keypad(uint8_t op, struct view body, size_t n_fds)
{
	return n_fds == 0 &&
	       (op == CARD_OP_VERIFY || op == CARD_OP_CHANGE_PIN ||
		       op == CARD_OP_UNBLOCK_PIN) &&
	       read_u8_or(body, LINK_TAG_PINPAD, 0) == 1;
}

static uint64_t limit_of(uint8_t op, size_t n_fds, bool keypad)
{
	if (!keypad) {
		return whole_of(op, n_fds);
	}
	return op == CARD_OP_VERIFY ? LIMIT_CARD_KEYPAD : LIMIT_CARD_KEYPADS;
}

int cards_ask(struct card *c, uint8_t op, struct view body, const int *fds, size_t n_fds,
	child_answer_fn done, void *user)
{
	bool keypad = on_keypad(op, body, n_fds);
	int r;

	if (!c->child) {
		return CHILD_GONE;
	}
	child_set_silence(c->child, keypad ? 0 : LIMIT_CARD_STUCK);
	if (keypad) {
		child_pause(c->child, true); /* until cards_give_way() lets it */
	} else {
		cards_give_way(entry_of(c)->cards, c->reader); /* a new process too */
	}
	r = child_request(
		c->child, op, body, fds, n_fds, limit_of(op, n_fds, keypad), done, user);
	cards_give_way(entry_of(c)->cards, c->reader);
	return trace(r);
}

/* -- lending ----------------------------------------------------------------------------------------- */

void cards_lend(struct cards *cs, struct card_reader *r, bool lent)
{
	struct card *c = r->card;

	if (r->lent == lent) {
		return;
	}
	r->lent = lent;
	if (c) {
		recognise_stop(entry_of(c));
		cards_release(cs, c);
		entry_of(c)->hint = false; /* what another program leaves behind is not known */
		c->recognised = false;
		cards_touch(cs, c);
	}
	TELL(cs, reader_changed, r);
	/* listeners may have let it go */
	if (!lent && r->card == c && c) {
		recognise_start(entry_of(c));
	}
}
