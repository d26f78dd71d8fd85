/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Readers and cards as vitaled-watch tells them. Every reader and card that is known is owned
 * here; listeners get pointers that stay valid until the removal has been told. When the watch or
 * the service goes, all cards are taken for gone: a removal that nobody would see must not leave
 * anything unlocked. The watch is started again at once, then with growing pauses.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/link-ops.h"
#include "daemon/limits.h"
#include "daemon/session/cards-inside.h"
#include "daemon/session/read.h"

#define BACKOFF_FIRST (100ULL * USEC_PER_MS)

static const char simulated_prefix[] =
	"Vitale Sim"; /* the simulator's reader names itself so */

/* TELL() - one member of every listener, in order */
#define TELL(cs, member, arg)                                                                  \
	do {                                                                                   \
		for (size_t tell_i = 0; tell_i < (cs)->n_listeners; tell_i++) {                \
			struct listener *tell_l = &(cs)->listeners[tell_i];                    \
			if (tell_l->ops.member) {                                              \
				tell_l->ops.member(tell_l->user, (arg));                       \
			}                                                                      \
		}                                                                              \
	} while (0)

static void tell_service(struct cards *cs)
{
	for (size_t i = 0; i < cs->n_listeners; i++) {
		if (cs->listeners[i].ops.service_changed) {
			cs->listeners[i].ops.service_changed(cs->listeners[i].user);
		}
	}
}

static void tell_failed(struct cards *cs, struct card *c, const char *why)
{
	for (size_t i = 0; i < cs->n_listeners; i++) {
		if (cs->listeners[i].ops.card_failed) {
			cs->listeners[i].ops.card_failed(cs->listeners[i].user, c, why);
		}
	}
}

const char *card_kind_word(enum card_kind k)
{
	static const char *const words[] = {
		[CARD_KIND_UNKNOWN] = "unknown",
		[CARD_KIND_UNSUPPORTED] = "unsupported",
		[CARD_KIND_MUTE] = "mute",
		[CARD_KIND_VITALE] = "vitale",
		[CARD_KIND_CPS] = "cps",
		[CARD_KIND_CPF] = "cpf",
		[CARD_KIND_CPE] = "cpe",
		[CARD_KIND_CPA] = "cpa",
	};

	return (unsigned int)k < ARRAY_LEN(words) ? words[k] : "unknown";
}

struct entry *entry_of(struct card *c)
{
	return (struct entry *)c; /* the card is its first member */
}

/* -- cards --------------------------------------------------------------------------------------- */

void cards_touch(struct cards *cs, struct card *c)
{
	if (!entry_of(c)->leaving) {
		TELL(cs, card_changed, c);
	}
}

static void card_out(struct cards *cs, struct card_reader *r, enum card_left left)
{
	struct card *c = r->card;
	struct entry *e;

	if (!c) {
		return;
	}
	e = entry_of(c);
	e->leaving = true;
	c->left = left;
	r->card = NULL;
	recognise_stop(e);
	TELL(cs, card_removed, c);
	cards_release(cs, c);
	TELL(cs, reader_changed, r);
	free(e);
}

static void card_in(struct cards *cs, struct card_reader *r, struct view body)
{
	struct entry *e;
	struct tlv atr;
	bool mute = read_u8_or(body, LINK_TAG_STATE, 0) == 1;

	card_out(cs, r, CARD_LEFT_REPLACED);
	e = calloc(1, sizeof(*e));
	if (!e) {
		return; /* a card that nobody sees: as if it were not in */
	}
	e->cards = cs;
	e->card = (struct card){.id = ++cs->next_card, .reader = r, .in_use_uid = (uid_t)-1};
	if (tlv_find(body, LINK_TAG_ATR, &atr) == 0 &&
		view_copy(atr.value, e->card.atr, sizeof(e->card.atr)) == 0) {
		e->card.atr_len = atr.value.len;
	}
	if (mute) {
		e->card.kind = CARD_KIND_MUTE;
		e->card.recognised = true;
	}
	r->card = &e->card;
	TELL(cs, card_added, &e->card);
	TELL(cs, reader_changed, r);
	if (!mute) {
		recognise_start(e);
	}
}

/* -- readers ------------------------------------------------------------------------------------- */

static struct card_reader *reader_by_name(struct cards *cs, const char *name)
{
	for (size_t i = 0; i < cs->n_readers; i++) {
		if (strcmp(cs->readers[i]->name, name) == 0) {
			return cs->readers[i];
		}
	}
	return NULL;
}

/* A place for a new reader; that of one long gone when all are taken. */
static struct card_reader *reader_make(struct cards *cs)
{
	struct card_reader *r = NULL;

	if (cs->n_readers < CARDS_KNOWN) {
		r = calloc(1, sizeof(*r));
		if (r) {
			cs->readers[cs->n_readers++] = r;
		}
		return r;
	}
	for (size_t i = 0; i < cs->n_readers && !r; i++) {
		r = cs->readers[i]->present ? NULL : cs->readers[i];
	}
	return r;
}

static void reader_in(struct cards *cs, const char *name, struct view body)
{
	struct card_reader *r = reader_by_name(cs, name);

	if (!r) {
		r = reader_make(cs);
		if (!r) {
			return;
		}
		*r = (struct card_reader){.id = ++cs->next_reader};
		read_copy(r->name, sizeof(r->name), name);
	}
	if (r->present) {
		return;
	}
	r->driver = strncmp(name, simulated_prefix, strlen(simulated_prefix)) == 0 ? "simulated"
										   : "pcsc";
	r->slot = read_u8_or(body, LINK_TAG_SLOT, 0);
	r->present = true;
	TELL(cs, reader_added, r);
}

static void reader_out(struct cards *cs, struct card_reader *r, enum card_left left)
{
	if (r->present) {
		card_out(cs, r, left);
		r->present = false;
		TELL(cs, reader_removed, r);
	}
}

static void all_out(struct cards *cs, enum card_left left)
{
	cs->listed = false;
	for (size_t i = 0; i < cs->n_readers; i++) {
		reader_out(cs, cs->readers[i], left);
	}
}

/* -- the watch ----------------------------------------------------------------------------------- */

static void on_service(struct cards *cs, struct view body)
{
	enum reader_service now = READER_SERVICE_ABSENT;
	uint8_t state = read_u8_or(body, LINK_TAG_STATE, 0);

	if (state == WATCH_SERVICE_RUNNING) {
		now = READER_SERVICE_RUNNING;
		cs->backoff = 0;
	} else if (state == WATCH_SERVICE_STOPPED) {
		now = READER_SERVICE_STOPPED;
	}
	if (now != READER_SERVICE_RUNNING) {
		all_out(cs, CARD_LEFT_SERVICE);
	}
	if (!cs->heard || cs->service != now) {
		cs->heard = true;
		cs->service = now;
		tell_service(cs);
	}
}

static void on_listed(struct cards *cs)
{
	cs->listed = true;
	tell_service(cs);
}

static void watch_lost(struct cards *cs);

static int on_silence(sd_event_source *source, uint64_t usec, void *user)
{
	(void)source;
	(void)usec;
	watch_lost(user);
	return 0;
}

/* A watch that hangs would not see a card leave: what it watches over must not stay unlocked. */
static void on_alive(struct cards *cs)
{
	cs->silence = sd_event_source_disable_unref(cs->silence);
	if (sd_event_add_time_relative(cs->ev, &cs->silence, CLOCK_MONOTONIC,
		    LIMIT_WATCH_SILENCE, 0, on_silence, cs) < 0) {
		watch_lost(cs);
	}
}

static void on_event(void *user, struct link_frame *event)
{
	struct cards *cs = user;
	struct card_reader *r = NULL;
	char name[sizeof(r->name)] = "";

	if (tlv_find_str(event->body, LINK_TAG_READER, name, sizeof(name)) == 0) {
		r = reader_by_name(cs, name);
		r = r && r->present ? r : NULL;
	}
	switch ((enum watch_op)event->op) {
	case WATCH_OP_SERVICE:
		on_service(cs, event->body);
		return;
	case WATCH_OP_LISTED:
		on_listed(cs);
		return;
	case WATCH_OP_ALIVE:
		on_alive(cs);
		return;
	case WATCH_OP_READER_IN:
		if (name[0] != '\0') {
			reader_in(cs, name, event->body);
		}
		return;
	case WATCH_OP_READER_OUT:
		if (r) {
			reader_out(cs, r, CARD_LEFT_READER);
		}
		return;
	case WATCH_OP_CARD_IN:
		if (r) {
			card_in(cs, r, event->body);
		}
		return;
	case WATCH_OP_CARD_OUT:
		if (r) {
			card_out(cs, r, CARD_LEFT_REMOVED);
		}
		return;
	}
}

static int watch_start(struct cards *cs);

static int on_restart(sd_event_source *source, uint64_t usec, void *user);

/* At once the first time, then after pauses that double. */
static void watch_again(struct cards *cs)
{
	uint64_t wait = cs->backoff;

	cs->backoff = wait == 0 ? BACKOFF_FIRST : 2 * wait;
	if (cs->backoff > LIMIT_WATCH_BACKOFF) {
		cs->backoff = LIMIT_WATCH_BACKOFF;
	}
	cs->restart = sd_event_source_disable_unref(cs->restart);
	(void)sd_event_add_time_relative(
		cs->ev, &cs->restart, CLOCK_MONOTONIC, wait, 0, on_restart, cs);
}

static int on_restart(sd_event_source *source, uint64_t usec, void *user)
{
	struct cards *cs = user;

	(void)source;
	(void)usec;
	if (watch_start(cs) < 0) {
		watch_again(cs);
	}
	return 0;
}

static void watch_lost(struct cards *cs)
{
	cs->silence = sd_event_source_disable_unref(cs->silence);
	cs->watch = child_free(cs->watch);
	all_out(cs, CARD_LEFT_WATCH);
	watch_again(cs);
}

static void on_watch_ended(void *user, const char *why)
{
	(void)why;
	watch_lost(user);
}

static int watch_start(struct cards *cs)
{
	static const struct child_ops ops = {.event = on_event, .ended = on_watch_ended};

	return trace(child_start(cs->ev, cs->watch_path, cs->env, &ops, cs, &cs->watch));
}

/* -- claims -------------------------------------------------------------------------------------- */

static void on_card_ended(void *user, const char *why)
{
	struct entry *e = user;
	struct cards *cs = e->cards;

	tell_failed(cs, &e->card, why);
	cards_release(cs, &e->card); /* nothing is left to do when its user did it */
}

int cards_claim(struct cards *cs, struct card *c, uid_t uid, void *user)
{
	static const struct child_ops ops = {.ended = on_card_ended};
	struct entry *e = entry_of(c);
	int r;

	if (c->child || e->leaving) {
		return fault(-EBUSY);
	}
	recognise_stop(e);
	r = child_start(cs->ev, cs->card_path, cs->env, &ops, e, &c->child);
	if (r < 0) {
		return trace(r);
	}
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
	c->in_use_uid = (uid_t)-1;
	c->user = NULL;
	c->pin_until = 0;
	cards_touch(cs, c);
}

/* -- life ---------------------------------------------------------------------------------------- */

static int environment(struct cards *cs)
{
	cs->env[0] = strdup("PCSCLITE_NO_BLOCKING=1"); /* waiting is our decision */
	if (!cs->env[0]) {
		return fault(-ENOMEM);
	}
	if (cs->config->pcsc_socket[0] != '\0' &&
		asprintf(&cs->env[1], "PCSCLITE_CSOCK_NAME=%s", cs->config->pcsc_socket) < 0) {
		cs->env[1] = NULL;
		return fault(-ENOMEM);
	}
	return 0;
}

static int paths(struct cards *cs)
{
	if (asprintf(&cs->watch_path, "%s/vitaled-watch", cs->config->children) < 0) {
		cs->watch_path = NULL;
		return fault(-ENOMEM);
	}
	if (asprintf(&cs->card_path, "%s/vitaled-card", cs->config->children) < 0) {
		cs->card_path = NULL;
		return fault(-ENOMEM);
	}
	return 0;
}

int cards_new(sd_event *ev, const struct config *config, struct cards **ret)
{
	struct cards *cs = calloc(1, sizeof(*cs));
	int r;

	if (!cs) {
		return fault(-ENOMEM);
	}
	cs->ev = sd_event_ref(ev);
	cs->config = config;
	r = environment(cs);
	if (r == 0) {
		r = paths(cs);
	}
	if (r == 0) {
		r = watch_start(cs);
	}
	if (r < 0) {
		cards_free(cs);
		return trace(r);
	}
	*ret = cs;
	return 0;
}

struct cards *cards_free(struct cards *cs)
{
	if (!cs) {
		return NULL;
	}
	cs->n_listeners = 0; /* nobody is told any more */
	child_free(cs->watch);
	sd_event_source_disable_unref(cs->restart);
	sd_event_source_disable_unref(cs->silence);
	for (size_t i = 0; i < cs->n_readers; i++) {
		card_out(cs, cs->readers[i], CARD_LEFT_REMOVED);
		free(cs->readers[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(cs->env); i++) {
		free(cs->env[i]);
	}
	free(cs->watch_path);
	free(cs->card_path);
	sd_event_unref(cs->ev);
	free(cs);
	return NULL;
}

int cards_listen(struct cards *cs, const struct cards_ops *ops, void *user)
{
	if (cs->n_listeners == CARDS_LISTENERS) {
		return fault(-ENOSPC);
	}
	cs->listeners[cs->n_listeners++] = (struct listener){.ops = *ops, .user = user};
	return 0;
}

void cards_unlisten(struct cards *cs, const void *user)
{
	size_t n = 0;

	for (size_t i = 0; i < cs->n_listeners; i++) {
		if (cs->listeners[i].user != user) {
			cs->listeners[n++] = cs->listeners[i];
		}
	}
	cs->n_listeners = n;
}

enum reader_service cards_service(const struct cards *cs)
{
	return cs->service;
}

bool cards_listed(const struct cards *cs)
{
	return cs->listed || (cs->heard && cs->service != READER_SERVICE_RUNNING);
}

struct card_reader *cards_reader(struct cards *cs, size_t i)
{
	return i < cs->n_readers ? cs->readers[i] : NULL;
}

struct card_reader *cards_reader_by_id(struct cards *cs, uint32_t id)
{
	for (size_t i = 0; i < cs->n_readers; i++) {
		if (cs->readers[i]->id == id) {
			return cs->readers[i];
		}
	}
	return NULL;
}

struct card *cards_card_by_id(struct cards *cs, uint32_t id)
{
	for (size_t i = 0; i < cs->n_readers; i++) {
		struct card *c = cs->readers[i]->card;

		if (c && c->id == id) {
			return c;
		}
	}
	return NULL;
}
