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
const struct buf *professional_public(
	const struct professional *p); /* READ_PUBLIC; empty: not yet */
int professional_keep_public(struct professional *p, struct view body) _must_check_;
bool professional_pin_held(const struct professional *p);
void professional_pin_given(struct professional *p);
void professional_used(struct professional *p);	 /* the PIN has just served */
void professional_doubt(struct professional *p); /* a VERIFY is on the wire (until pin_given) */
void professional_lock(struct sessions *all, struct card *c);
void professional_gone(
	struct sessions *all, struct card *c); /* it left, or its process ended */
void professional_free_all(struct sessions *all);
