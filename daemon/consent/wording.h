/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The texts that patients are shown: one file a version and language, consent-<id>.<language>.txt.
 * A text that was used is never changed; a new one gets a new id. */
#include "base/buf.h"

#define WORDINGS_MAX 16U
#define WORDING_MAX  16384U /* bytes of one text */

struct wording {
	char id[24];	  /* "consent-1" */
	char language[8]; /* "fr" */
	char sha256[65];  /* of the file's bytes */
	char *text;	  /* UTF-8, owned */
};

struct wordings {
	struct wording all[WORDINGS_MAX];
	size_t n;
};

/** wordings_load() - every text of @folder. Return: 0 or a fault (-ENOENT: none there;
 *  -EBADMSG: a file that is no text of ours). */
int wordings_load(const char *folder, struct wordings *ret) _must_check_;
void wordings_done(struct wordings *w);
/** wordings_pick() - the newest in @language, else the newest; never NULL once loaded. */
const struct wording *wordings_pick(const struct wordings *w, const char *language);
