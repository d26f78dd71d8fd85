/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The public files of professionals' cards (certificates, role certificate, speciality, directory),
 * kept so that they do not cross a 9600-baud link at every consultation: one file a card below
 * <state>/cache, private to the service. Nothing of patients is ever here. What comes out is bytes
 * that went in for the same serial and the same content stamp, no more: their certificates are
 * verified anew at each use, and a proof that fails under them drops them (session-professional.c).
 */
#include "base/buf.h"

#define CACHE_BODY_MAX	65536U /* bytes: one frame of the link */
#define CACHE_STAMP_MAX 64U

struct cache;

/** cache_open() - @state: the folder of the service; @enabled: false: what is kept is removed, and
 *  nothing is kept. A folder that cannot be made, or is not ours alone, is no cache and no fault.
 *  Return: 0, or a fault (-ENOMEM). */
int cache_open(const char *state, bool enabled, struct cache **ret) _must_check_;
struct cache *cache_free(struct cache *c);

enum cache_outcome {
	CACHE_ABSENT =
		1, /* none, or one that was damaged or of another stamp and is removed now */
};

/** cache_get() - what was kept for @serial (value of 5A) under @stamp (EF_ACTUA, may be empty),
 *  appended to @body. Return: 0, a fault, or CACHE_ABSENT. */
int cache_get(
	struct cache *c, struct view serial, struct view stamp, struct buf *body) _must_check_;
/** cache_put() - keep @body; the oldest makes way for it. A disk that does not take it is no fault. */
void cache_put(struct cache *c, struct view serial, struct view stamp, struct view body);
void cache_drop(struct cache *c, struct view serial);
