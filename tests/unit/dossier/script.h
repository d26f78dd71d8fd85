/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What strange.c, in place of vitaled-dossier, answers to request after request, and what it was
 * asked. The dossier was created by the real one first, so that the record knows a version and a hash.
 */
#include "base/tlv.h"
#include "daemon/dossier/inside.h"
#include "tests/unit/dossier/bed.h"

#define SCRIPT_ID    "00000000-0000-4000-8000-00000000000a"
#define SCRIPT_OTHER "00000000-0000-4000-8000-00000000000b"
/* the row of SCRIPT_ID, by the professional of fake_session() */
#define SCRIPT_ROW                                                                             \
	"{\"author\":\"899700000001\",\"flags\":[],\"id\":\"" SCRIPT_ID                        \
	"\",\"section\":\"reports\",\"status\":\"active\",\"type\":\"consultation\"}"

struct script {
	uint64_t version; /* of the dossier that the record knows */
	uint8_t hash[SEAL_HASH];
};

/** script_init() - a created and locked dossier; from now on strange.c is its process. */
void script_init(struct bed *b, struct script *ret);
/** script_begin() - a new script, nothing in it. */
void script_begin(const struct bed *b);
/** script_add() - the next frame: @kind as in strange.c. @body is emptied. */
void script_add(const struct bed *b, char kind, unsigned int outcome, unsigned int n_fds,
	struct buf *body);
void script_plain(const struct bed *b, char kind, unsigned int outcome);
/** script_opened_body() - the answer to OPEN with state @st, as recorded. */
struct buf script_opened_body(const struct script *s, uint8_t st);
void script_opened(const struct bed *b, const struct script *s, uint8_t st);
void script_people(const struct bed *b, const char *people);
/** script_unlocked() - a new script that leads to an unlocked dossier. */
void script_unlocked(const struct bed *b, const struct script *s, const char *people);
void script_rows(const struct bed *b, const char *rows, bool more);
/** script_changed() - a change was made: ID (when not NULL), PEOPLE (idem), the next VERSION, a HASH. */
void script_changed(
	const struct bed *b, const struct script *s, const char *id, const char *people);
/** script_moved() - that change is recorded: it is what is known from now on. */
void script_moved(struct script *s);
/** script_ahead() - the answer to OPEN of a store that is that one change ahead of the record. */
void script_ahead(const struct bed *b, const struct script *s);
/** script_unlock() - a fresh session with @intents, unlocked. */
void script_unlock(struct bed *b, unsigned int intents);
/** script_heard() - FACTS of the newest request @op, or NULL when there was none; the caller's. */
json_t *script_heard(const struct bed *b, enum dossier_op op);
/** script_heard_text() - the value of @tag, a text, in the newest request @op; false: none. */
bool script_heard_text(
	const struct bed *b, enum dossier_op op, uint32_t tag, char *ret, size_t size);
