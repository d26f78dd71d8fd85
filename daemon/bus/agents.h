/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Agents: programs that registered to speak with people. Who may register is configuration and
 * polkit, who is asked is the pure agent_rank().
 */
#include "daemon/bus/peers.h"

enum agent_capability { /* bits */
	AGENT_PIN = 1,
	AGENT_PROFESSIONAL = 2,
	AGENT_PATIENT_DISPLAY = 4,
};

#define AGENT_CAPABILITIES 3U

struct agent {
	struct agent *next;
	struct bus *b;
	struct peer *peer;
	char *path;
	unsigned int capabilities;
	uint64_t number; /* of registration: the newest has the highest */
	char user[64];	 /* name of a configured holder's user, else its unique name */
};

/** agents_capability() - bit of a word, 0: not one. */
unsigned int agents_capability(const char *word);
const char *agents_capability_word(size_t i); /* i < AGENT_CAPABILITIES, bit 1 << i */

/** agents_may_hold() - by configuration: with rows for a capability only their users may hold it;
 *  patient-display needs a row, since only a configured one is ever asked. */
bool agents_may_hold(const struct config *config, unsigned int capability, uid_t uid);

enum agent_rank_word {
	AGENT_RANK_NONE = 0,   /* never asked for this session */
	AGENT_RANK_OWN,	       /* of the owner's uid */
	AGENT_RANK_CONFIGURED, /* configured for the capability (and pair) */
	AGENT_RANK_CONFIGURED_OWN,
};

struct agent_facts {
	unsigned int capabilities;
	uid_t uid;
	const char *name; /* unique */
};

/**
 * agents_rank() - pure: how well an agent fits a session
 * @capability: one bit; @pair, @owner, @uid: of the session; @pair NULL: any
 *
 * An agent of the connection that owns the session never fits, nor one of another uid that is not
 * configured, nor one whose user is configured for other pairs alone. Of equal ranks the newest is asked.
 */
enum agent_rank_word agents_rank(const struct config *config, const struct agent_facts *a,
	unsigned int capability, const char *pair, const char *owner, uid_t uid);

struct agent *agents_pick(
	struct bus *b, unsigned int capability, const char *pair, const char *owner, uid_t uid);
struct agent *agents_by_number(struct bus *b, uint64_t number);
void agents_left(struct bus *b, const struct peer *p); /* its agents gave no answer */
void agents_free(struct bus *b);		       /* they hear Release */
void agents_configured(struct bus *b); /* those that may no longer be agents hear Release */
void agents_put(struct bus *b, struct wire *w); /* a(ss): capability, unique name */

void agents_on_register(struct call *call);
void agents_on_unregister(struct call *call);
