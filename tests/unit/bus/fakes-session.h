/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The played session of fakes.h: what it is, and what came back from people. */
#include "daemon/bus/bus.h"

struct session {
	struct session *next;
	uint32_t id;
	char owner[64];
	uid_t uid;
	enum session_state state;
	enum vitaled_reason reason;
	enum session_mode mode;
	unsigned int intents;
	uint8_t tries;
	uint32_t done; /* Progress */
	char pair[32];
	const char *dossier; /* its State, NULL: not unlocked */
	bool professional;
	json_t *people; /* GetBeneficiaries, or NULL */
	/* what came back from people; -1, NONE: nothing */
	char pin[16];
	int pin_given; /* how often */
	enum vitaled_reason pin_failed;
	int last_try;
	unsigned int inputs; /* session_input() */
	int chosen;	     /* index */
	enum session_choice chosen_kind;
	enum vitaled_reason choice_failed;
	struct consent_answer consent;
	char consent_agent[64];
	char consent_reason[72];
	char consent_helper[2][256]; /* name and quality of who helped */
	int consent_given;
	enum vitaled_reason consent_why;
	int confirmed;			/* the emergency: -1: nothing */
	struct session_patient patient; /* pseudonym empty: none is chosen */
	bool interactive;
	unsigned int exceeded[2]; /* session_exceeded(): no, yes */
	unsigned int informed[DOSSIER_TOLD_COUNT];
	/* GetPatient that waits for the coverage */
	void (*coverage_done)(void *user, struct session *s, enum vitaled_reason r);
	void *coverage_user;
	int n_coverage;
	uint32_t place; /* Queue, while queued */
};
