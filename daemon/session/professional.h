/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The professional's card between sessions; of this room only. What it guarantees: professional.c. */
#include "daemon/session/inside.h"

/** professional_take() - the life of the card @c for @s: a new one, or the idle one of the same
 *  user and pair. Return: 0 or a fault. */
int professional_take(struct session *s, struct card *c) _must_check_;
/** professional_leave() - the session is done with its life. */
void professional_leave(struct session *s);
/** professional_usable() - whether @s may take @c now: it is free, or idle in the hands of the same
 *  user at the same pair. @ret_soon: it will be free in a moment without anybody's doing. */
bool professional_usable(const struct session *s, struct card *c, bool *ret_soon);
/** professional_give_up() - the session goes on without its life, which is closed with a reset. */
void professional_give_up(struct session *s);
/** professional_idle() - whether the process of @c is an idle life of @uid. */
bool professional_idle(struct sessions *all, const struct card *c, uid_t uid);
/** professional_close() - close the idle life of @c, with a reset. */
void professional_close(struct sessions *all, const struct card *c);

/* what is known of the card, for as long as its process lives */
bool professional_is_open(const struct professional *p);
void professional_opened(struct professional *p, struct view body); /* OPEN's answer */
bool professional_keypad(const struct professional *p); /* its PIN is typed on the reader */
const struct buf *professional_identity(
	const struct professional *p); /* IDENTIFY; empty: not yet */
int professional_keep_identity(struct professional *p, struct view body) _must_check_;
const struct buf *professional_public(
	const struct professional *p); /* READ_PUBLIC; empty: not yet */
/** professional_keep_public() - @cached: not read from this card, but kept from before. */
int professional_keep_public(
	struct professional *p, struct view body, bool cached) _must_check_;
void professional_forget_public(struct professional *p);
bool professional_cached(const struct professional *p);
/** professional_to_store() - whether they are this card's and not in the cache; says so once. */
bool professional_to_store(struct professional *p);

bool professional_pin_held(const struct professional *p);
void professional_pin_given(struct professional *p);
void professional_used(struct professional *p);	 /* the PIN has just served */
void professional_doubt(struct professional *p); /* a VERIFY is on the wire (until pin_given) */
void professional_lock(struct sessions *all, struct card *c);
void professional_gone(
	struct sessions *all, struct card *c); /* it left, or its process ended */
void professional_free_all(struct sessions *all);
/** professional_close_all() - every card is reset and let go of; those of a session when it leaves. */
void professional_close_all(struct sessions *all);
/** professional_configured() - the configuration has changed: idle lives that it no longer allows end,
 *  the time of the others is counted anew. */
void professional_configured(struct sessions *all);
