/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What the tests of rights_decide() share: the shipped data files, and a fact set that goes well. */
#include <stdio.h>

#include "daemon/consent/rights.h"

static struct rights *rights;

static inline int load(void **state)
{
	(void)state;
	return rights_new(RIGHTS_DATA, &rights);
}

static inline int unload(void **state)
{
	(void)state;
	rights = rights_free(rights);
	return 0;
}

#define EVERY_INTENT ((1U << SESSION_INTENTS) - 1)

/* a general practitioner in SA07, consent for everything, proof mutual */
static inline struct rights_facts facts(enum rights_action action)
{
	return (struct rights_facts){
		.action = action,
		.mode = SESSION_MODE_NORMAL,
		.intents = EVERY_INTENT,
		.card_type = 0,
		.profession = 10,
		.speciality = "SM54",
		.sector = "SA07",
		.consented = true,
		.type = "consultation",
		.proof = PROOF_MUTUAL,
		.required = PROOF_MUTUAL,
	};
}

static inline const char *decide(const struct rights_facts *f)
{
	static char text[64];
	const char *rule = NULL;
	enum rights_decision d = rights_decide(rights, f, &rule);

	assert_non_null(rule);
	(void)snprintf(text, sizeof(text), "%s %s", d == RIGHTS_ALLOW ? "allow" : "deny", rule);
	return text;
}

static inline void set_mode(struct rights_facts *f, enum session_mode mode)
{
	f->mode = mode;
	f->regulation = true;
	f->emergencies_max = 5;
}
