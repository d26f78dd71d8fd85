/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Who may open a dossier: calls, waited for, on a scripted dossier (script.h). */
#include "tests/unit/dossier/script.h"

#define SELF  "899700000001" /* of fake_session() */
#define OTHER "899700000002"
#define ALL                                                                                    \
	(BED_ALL | SESSION_INTENT_AUTHORISE | SESSION_INTENT_TREATING_DOCTOR |                 \
		SESSION_INTENT_OPPOSE)
#define TREATING "{\"treating-doctor\":{\"id\":\"" SELF "\",\"since\":1,\"by\":{}}}"
#define BLOCKED(id)                                                                            \
	"{\"blocked\":[{\"id\":\"" id "\",\"since\":1,\"by\":{}}],\"treating-doctor\":{"       \
	"\"id\":\"" SELF "\",\"since\":1,\"by\":{}}}"

int64_t now(void); /* wall clock, us */

typedef void (*who_fn)(struct session *s, int who, dossier_done_fn done, void *user);

void block_on(struct session *s, int who, dossier_done_fn done, void *user);
void block_off(struct session *s, int who, dossier_done_fn done, void *user);
int who_fd(const char *text);
struct reply with(struct bed *b, who_fn call, const char *who);
struct reply treating(struct bed *b, bool on);
struct reply oppose(struct bed *b, const char *mode, bool on);
struct reply listed(struct bed *b);

struct reply act_authorise(struct bed *b); /* SELF */
struct reply act_authorise_other(struct bed *b);
struct reply act_revoke(struct bed *b); /* SELF */
struct reply act_revoke_other(struct bed *b);
struct reply act_block(struct bed *b); /* OTHER, as the next */
struct reply act_unblock(struct bed *b);
struct reply act_take(struct bed *b);
struct reply act_leave(struct bed *b);
struct reply act_oppose(struct bed *b); /* centre_15 */
struct reply act_allow_masked(struct bed *b);
struct reply act_hide_masked(struct bed *b); /* ... no longer */

/** told() - what the newest entry @event tells in its details under @name. */
const json_t *told(const char *event, const char *name);
const char *told_text(const char *event, const char *name);
/** authorised_text() - people with one authorisation, of @id, also without the patient's card. */
void authorised_text(char *ret, size_t size, const char *id, int64_t since, int64_t until);
/** expect_act() - a session in which one act succeeds, after which the people are @after. */
void expect_act(struct bed *b, const struct script *s, unsigned int intents, const char *before,
	const char *after);
/** assert_act() - what the process was told, but for who and when, which must be there. */
void assert_act(const struct bed *b, int64_t before, const char *expected);
/** assert_recorded() - it succeeded once, and is recorded twice; @s moves on. */
void assert_recorded(struct script *s, const char *event);
