/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Readers and cards. Every reader and card that is known is owned here; listeners get pointers that
 * stay valid until the removal has been told. A card is told as soon as it is in, with its ATR; what
 * it is follows. What may be put into a reader and how its cards are shared is configuration.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/readers.h"
#include "daemon/session/cards-inside.h"
#include "daemon/session/read.h"

static const char simulated_prefix[] =
	"Vitale Sim"; /* the simulator's reader names itself so */

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

void cards_card_out(struct cards *cs, struct card_reader *r, enum card_left left)
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

void cards_card_in(struct cards *cs, struct card_reader *r, struct view body)
{
	struct entry *e;
	struct tlv atr;
	bool mute = read_u8_or(body, LINK_TAG_STATE, 0) == 1;

	cards_card_out(cs, r, CARD_LEFT_REPLACED);
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
	if (tlv_find_u32(body, LINK_TAG_EVENTS, &e->card.events) != 0) {
		e->card.events = 0;
	}
	e->card.kind = mute ? CARD_KIND_MUTE : CARD_KIND_UNKNOWN;
	r->card = &e->card;
	TELL(cs, card_added, &e->card);
	TELL(cs, reader_changed, r);
	recognise_start(e);
}

/* -- readers ------------------------------------------------------------------------------------- */

struct card_reader *cards_reader_by_name(struct source *src, const char *name)
{
	struct cards *cs = src->cards;

	for (size_t i = 0; i < cs->n_readers; i++) {
		struct card_reader *r = cs->readers[i];

		if (r->served == src->driver && strcmp(r->name, name) == 0) {
			return r;
		}
	}
	return NULL;
}

/* A place for a new reader of @src; that of one of it long gone when it has had as many as one may have,
 * so that no source takes places of another. */
static struct card_reader *reader_make(struct source *src)
{
	struct cards *cs = src->cards;
	size_t n = 0, gone = cs->n_readers;

	for (size_t i = 0; i < cs->n_readers; i++) {
		if (cs->readers[i]->served == src->driver) {
			n++;
			gone = cs->readers[i]->present || gone < i ? gone : i;
		}
	}
	if (n < CARDS_OF_SOURCE) {
		struct card_reader *r = calloc(1, sizeof(*r));

		if (r) {
			cs->words[cs->n_readers] = (struct guard_word){.in = false};
			cs->readers[cs->n_readers++] = r;
		}
		return r;
	}
	if (gone == cs->n_readers) {
		return NULL;
	}
	cs->words[gone] = (struct guard_word){.in = false}; /* of the reader that was there */
	return cs->readers[gone];
}

enum card_share cards_sharing(const struct config *config, const struct card_reader *r)
{
	return r->served == READER_DRIVER_USB ? CARD_SHARE_EXCLUSIVE
					      : config_reader(config, r->name)->sharing;
}

bool cards_place(struct cards *cs, struct card_reader *r)
{
	const struct config_reader *place = config_reader(cs->config, r->name);
	bool changed = r->role != place->role;
	enum card_share sharing = cards_sharing(cs->config, r);

	r->role = place->role;
	if (r->sharing != sharing && !(r->card && r->card->child)) {
		r->sharing = sharing;
		changed = true;
	}
	return changed;
}

static const char *driver_word(enum reader_driver served, const char *name)
{
	if (served == READER_DRIVER_USB) {
		return "usb";
	}
	return strncmp(name, simulated_prefix, strlen(simulated_prefix)) == 0 ? "simulated"
									      : "pcsc";
}

void cards_reader_in(struct source *src, const char *name, struct view body)
{
	struct card_reader *r = cards_reader_by_name(src, name);
	struct cards *cs = src->cards;
	enum reader_service before = cards_service(cs);

	/* the names of one are not believed of the other: rules go by them, and so do people */
	if (readers_name_usb(name) != (src->driver == READER_DRIVER_USB)) {
		return;
	}
	if (!r) {
		r = reader_make(src);
		if (!r) {
			return;
		}
		*r = (struct card_reader){.id = ++cs->next_reader, .served = src->driver};
		read_copy(r->name, sizeof(r->name), name);
	}
	if (r->present) {
		return;
	}
	r->driver = driver_word(r->served, name);
	r->slot = read_u8_or(body, LINK_TAG_SLOT, 0);
	(void)cards_place(cs, r); /* told as a whole */
	r->pinpad = false;
	r->present = true;
	TELL(cs, reader_added, r);
	if (cards_service(cs) !=
		before) { /* the first one of vitaled-usb's, where pcscd is not */
		cards_tell_service(cs);
	}
	spare_update(cs);
}

void cards_reader_out(struct cards *cs, struct card_reader *r, enum card_left left)
{
	if (r->present) {
		cards_card_out(cs, r, left);
		r->present = false;
		TELL(cs, reader_removed, r);
		spare_update(cs);
	}
}

void cards_all_out(struct source *src, enum card_left left)
{
	struct cards *cs = src->cards;

	src->listed = false;
	for (size_t i = 0; i < cs->n_readers; i++) {
		if (cs->readers[i]->served == src->driver) {
			cards_reader_out(cs, cs->readers[i], left);
		}
	}
}

void cards_tell_service(struct cards *cs)
{
	for (size_t i = 0; i < cs->n_listeners; i++) {
		if (cs->listeners[i].ops.service_changed) {
			cs->listeners[i].ops.service_changed(cs->listeners[i].user);
		}
	}
}

/* -- life ---------------------------------------------------------------------------------------- */

/* Besides that of vitaled-usb, which is the first (cards-source.c). */
static int environment(struct cards *cs)
{
	cs->env[1] = strdup("PCSCLITE_NO_BLOCKING=1"); /* waiting is our decision */
	if (!cs->env[1]) {
		return fault(-ENOMEM);
	}
	if (cs->config->pcsc_socket[0] != '\0' &&
		asprintf(&cs->env[2], "PCSCLITE_CSOCK_NAME=%s", cs->config->pcsc_socket) < 0) {
		cs->env[2] = NULL;
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
		r = cards_sources_init(cs);
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
	cards_sources_done(cs);
	for (size_t i = 0; i < cs->n_readers; i++) {
		cards_card_out(cs, cs->readers[i], CARD_LEFT_REMOVED);
	}
	for (size_t i = 0; i < cs->n_readers; i++) {
		free(cs->readers[i]);
	}
	spare_drop(cs, READER_DRIVER_PCSC);
	spare_drop(cs, READER_DRIVER_USB);
	sd_event_source_disable_unref(cs->refill);
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

void cards_configured(struct cards *cs)
{
	cards_sources_configured(cs);
	for (size_t i = 0; i < cs->n_readers; i++) {
		if (cs->readers[i]->present && cards_place(cs, cs->readers[i])) {
			TELL(cs, reader_changed, cs->readers[i]);
		}
	}
}

bool cards_in_use(struct cards *cs)
{
	for (size_t i = 0; i < cs->n_readers; i++) {
		if (cs->readers[i]->card && cs->readers[i]->card->child) {
			return true;
		}
	}
	return false;
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
