/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The texts that patients are shown: one file a version and language, consent-<id>.<language>.txt, in
 * sections by act (record/sections.h). A file that was used is never changed; a new one gets a new id.
 */
#include "record/sections.h"

#define WORDINGS_MAX 16U
#define WORDING_MAX  16384U /* bytes of one file */

struct wording {
	char id[24];	     /* "consent-1" */
	char language[8];    /* "fr" */
	unsigned int covers; /* bits of enum session_intent: what it speaks of */
	unsigned int tells;  /* ... of which it says that they also open without the card */
	char *text;	     /* the file, UTF-8, owned */
};

struct wordings {
	struct wording all[WORDINGS_MAX];
	size_t n;
};

/** wordings_load() - every text of @folder. Return: 0 or a fault (-ENOENT: none there;
 *  -EBADMSG: a file that is no text of ours). */
int wordings_load(const char *folder, struct wordings *ret) _must_check_;
void wordings_done(struct wordings *w);
/** wordings_pick() - the newest in @language that speaks of all of @intents, else the newest in any
 *  other; NULL when none does. */
const struct wording *wordings_pick(
	const struct wordings *w, const char *language, unsigned int intents);

/** struct wording_shown - what one patient reads: the sections of their acts. */
struct wording_shown {
	const struct wording *of; /* NULL: nobody was shown any */
	char sha256[65];	  /* of @text, lower-case hexadecimal */
	struct buf text;	  /* NUL-terminated */
};

#define WORDING_SHOWN_NULL ((struct wording_shown){.text = BUF_NULL(WORDING_MAX + 1)})

/** wording_show() - @w for @acts (array of words). @ret: empty before; wording_shown_done() after. */
int wording_show(
	const struct wording *w, const json_t *acts, struct wording_shown *ret) _must_check_;
void wording_shown_done(struct wording_shown *w);
