/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * org.vitaled1.Card, and what the cards' room reports. Nothing here tells of a person; who uses a
 * card is told to that user alone.
 */
#include <errno.h>

#include "base/clock.h"
#include "daemon/bus/errors.h"
#include "daemon/bus/interfaces.h"
#include "daemon/bus/polkit.h"

static const struct card *card_of_object(const struct object *o)
{
	return o->what;
}

static void get_kind(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	wire_str(w, card_kind_word(card_of_object(o)->kind));
}

static void get_generation(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	wire_str(w, card_of_object(o)->generation);
}

static void get_nature(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	wire_str(w, nature_word(card_of_object(o)->nature));
}

static void get_reader(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	char path[48];

	object_path(OBJECT_READER, card_of_object(o)->reader->id, path);
	wire_path(w, path);
}

static void get_atr(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	const struct card *c = card_of_object(o);

	wire_bytes(w, view_sub(VIEW(c->atr), 0, c->atr_len));
}

static void get_advice(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	wire_str(w, card_of_object(o)->advice);
}

static void get_user(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	wire_u32(w, card_of_object(o)->in_use_uid);
}

static void get_pin_until(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	wire_u64(w, o->pin_wall);
}

static void on_lock(struct call *call)
{
	struct card *c = call->object->what;

	if (c->in_use_uid != call->peer->uid) {
		call_fail(call, VITALED_REASON_ACCESS_DENIED, "not your card");
		return;
	}
	sessions_card_lock(call->b->rooms.sessions, c, VITALED_REASON_RELEASED);
	call_done(call);
}

static const struct method methods[] = {
	{"Lock", "", "", "", METHOD_AT_ONCE, NULL, on_lock},
	{"ChangePin", "", "", "", METHOD_RECORDS, POLKIT_OPEN, card_on_change_pin},
	{"UnblockPin", "", "", "", METHOD_RECORDS, POLKIT_OPEN, card_on_unblock_pin},
};

static const struct property properties[] = {
	{"Kind", "s", 0, get_kind},
	{"Generation", "s", 0, get_generation},
	{"Nature", "s", 0, get_nature},
	{"Reader", "o", PROPERTY_CONST, get_reader},
	{"Atr", "ay", PROPERTY_CONST, get_atr},
	{"Advice", "s", 0, get_advice},
	{"InUseBy", "u", PROPERTY_PRIVATE, get_user},
	{"PinVerifiedUntil", "t", PROPERTY_PRIVATE, get_pin_until},
};

const struct interface interface_card = {
	.name = "org.vitaled1.Card",
	.methods = methods,
	.n_methods = ARRAY_LEN(methods),
	.properties = properties,
	.n_properties = ARRAY_LEN(properties),
};

/* -- what the cards' room reports -- */

static void note_pin(struct bus *b, const struct card *c)
{
	struct object *o = objects_get(b, OBJECT_CARD, c->id);
	uint64_t now = clock_monotonic();

	if (!o || o->pin_monotonic == c->pin_until)
		return;
	o->pin_monotonic = c->pin_until;
	o->pin_wall = c->pin_until > now ? clock_wall() + (c->pin_until - now) : 0;
}

static void service_changed(void *user)
{
	changes_root(user);
}

static void reader_added(void *user, struct card_reader *r)
{
	struct bus *b = user;

	if (objects_get(b, OBJECT_READER, r->id))
		changes_mark(b, OBJECT_READER, r->id);
	else if (objects_add(b, OBJECT_READER, r->id, r, NULL) < 0)
		errors_log(-ENOMEM, "bus-reader");
}

static void reader_changed(void *user, struct card_reader *r)
{
	changes_mark(user, OBJECT_READER, r->id);
}

static void card_removed(void *user, struct card *c)
{
	objects_remove(user, OBJECT_CARD, c->id);
	changes_mark(user, OBJECT_READER, c->reader->id);
}

static void reader_removed(void *user, struct card_reader *r)
{
	if (r->card)
		card_removed(user, r->card);
	objects_remove(user, OBJECT_READER, r->id);
}

static void card_added(void *user, struct card *c)
{
	struct bus *b = user;

	if (!objects_get(b, OBJECT_CARD, c->id) &&
		objects_add(b, OBJECT_CARD, c->id, c, NULL) < 0)
		errors_log(-ENOMEM, "bus-card");
	note_pin(b, c);
	changes_mark(b, OBJECT_READER, c->reader->id);
}

static void card_changed(void *user, struct card *c)
{
	note_pin(user, c);
	changes_mark(user, OBJECT_CARD, c->id);
}

const struct cards_ops bus_cards_ops = {
	.service_changed = service_changed,
	.reader_added = reader_added,
	.reader_changed = reader_changed,
	.reader_removed = reader_removed,
	.card_added = card_added,
	.card_changed = card_changed,
	.card_removed = card_removed,
};

int bus_cards_announce(struct bus *b)
{
	for (size_t i = 0;; i++) {
		struct card_reader *r = cards_reader(b->rooms.cards, i);

		if (!r)
			return 0;
		if (!r->present)
			continue;
		reader_added(b, r);
		if (r->card)
			card_added(b, r->card);
	}
}
