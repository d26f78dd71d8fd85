/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The exported objects. An object borrows what it shows from the room that announced it until that
 * room says that it is gone. What clients are told of it is compared with what they were told last,
 * once a turn of the loop (changes.c).
 */
#include "daemon/bus/peers.h"

enum object_kind {
	OBJECT_ROOT = 0,
	OBJECT_READER,
	OBJECT_CARD,
	OBJECT_SESSION,
	OBJECT_LEASE,
};

#define OBJECT_PROPERTIES 32U /* of all interfaces of one object, in the order of its tables */
#define OBJECT_ASKED	  4U  /* agents that a session has asked something */

struct object {
	struct object *next;
	enum object_kind kind;
	uint32_t id;
	char path[48];
	void *what;  /* struct card_reader, card, session or lease, borrowed; NULL: root */
	char *owner; /* sessions and leases: unique name */
	bool announced;
	bool dirty;
	bool dossier;	 /* the Dossier interface was announced */
	bool told_ended; /* waiting calls were ended, agents informed */
	bool told_open;
	uint64_t asked[OBJECT_ASKED];	    /* agents' numbers; 0: none */
	uint64_t prints[OBJECT_PROPERTIES]; /* of the values told last */
	uid_t private_uid;		    /* who was told the private ones; -1: nobody */
	uint64_t pin_monotonic;		    /* cards: pin_until as last seen, */
	uint64_t pin_wall;		    /* and what wall clock that was */
	uint64_t until;			    /* leases: wall clock */
};

void object_path(enum object_kind kind, uint32_t id, char ret_path[48]);
int objects_add(struct bus *b, enum object_kind kind, uint32_t id, void *what,
	const char *owner) _must_check_;
void objects_remove(struct bus *b, enum object_kind kind, uint32_t id);
void objects_free(struct bus *b);
struct object *objects_get(struct bus *b, enum object_kind kind, uint32_t id);
struct object *objects_find(struct bus *b, const char *path);
bool object_visible(const struct object *o, const struct peer *p);

/** object_interfaces() - NULL-terminated. @all: with Dossier even while it is not unlocked. */
const struct interface *const *object_interfaces(const struct object *o, bool all);
const struct interface *object_interface(const struct object *o, const char *name, bool all);
void objects_introspect(struct call *call); /* any object or folder */

/* -- changes.c -- */
int changes_start(struct bus *b) _must_check_; /* makes b->flush */
/** changes_mark() - some property of this object may have changed: compared in this turn's end. */
void changes_mark(struct bus *b, enum object_kind kind, uint32_t id);
void changes_root(struct bus *b);
void changes_tell(struct bus *b, struct object *o); /* now */
void changes_removed(struct bus *b, struct object *o);
void changes_resume(struct bus *b); /* after congestion: a message came, or all is written */

/* -- props.c -- */
#define PROPS_PUBLIC ((uid_t)-1) /* a viewer that is no card's own user */
/** props_visible() - whether @uid may see a property of these flags. */
bool props_visible(const struct object *o, const struct property *p, uid_t uid);
void props_entry(
	struct bus *b, const struct object *o, const struct property *p, struct wire *dict);
/** props_interfaces() - a{sa{sv}} of the interfaces that exist now, as @uid may see them. */
void props_interfaces(struct bus *b, const struct object *o, uid_t uid, struct wire *w);
uint64_t props_print(struct bus *b, const struct object *o, const struct property *p);
