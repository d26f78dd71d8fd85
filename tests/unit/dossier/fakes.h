/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Stand-ins for the rooms below and above the dossier's: one session that remembers what it was
 * told, and a record in memory that can refuse. The process is the real vitaled-dossier.
 */
#include "daemon/dossier/dossier.h"

struct session {
	struct dossiers *all; /* told to lock when the session ends */
	void *dossier;
	enum session_state state;
	unsigned int intents;
	enum session_mode mode;
	enum proof proof;
	bool consented;
	bool running;		   /* by an authorisation of earlier */
	unsigned int without_card; /* consent_told() */
	bool no_professional;
	struct session_professional professional;
	struct session_patient patient;
	bool prepared; /* session_prepared() was called, with: */
	enum vitaled_reason prepared_reason;
	bool granted;
	enum vitaled_reason granted_reason;
	bool coded; /* session_coded() was called, with: */
	enum vitaled_reason coded_reason;
	const char *pair; /* NULL: default */
	uid_t uid;	  /* 0: 1000 */
	bool ended;
	enum vitaled_reason end_reason;
	unsigned int changed;
	unsigned int informs; /* dossier_ops.inform: how often, and the last one of each */
	struct dossier_told told[DOSSIER_TOLD_COUNT];
	unsigned int inputs;	    /* session_input() */
	bool input_ends;	    /* ... which ends it */
	unsigned int emergencies;   /* session_emergencies() */
	struct session *pre_empted; /* session_pre_empt(): whom */
	bool pre_empt_fails;
	bool may_not_pre_empt;
};

/** fake_session() - a general practitioner with a card in SA07, a patient of a fixed pseudonym. */
void fake_session(struct session *ret_s);

/* Who types codes and shows them: each that is asked for is the next of @codes; a NULL there is nobody's
 * answer, for @why, and behind the last one nothing comes. */
struct fake_people {
	bool no_patient; /* nobody to type one */
	bool no_professional;
	uid_t patient_uid; /* of the agents */
	uid_t professional_uid;
	const char *codes[16];
	enum vitaled_reason why;
	unsigned int asked;
	struct dossier_question question; /* the last one */
	uint64_t number;		  /* whom it was asked */
	bool left;			  /* show_code(): the agent is gone */
	char shown[16];
	uint64_t until;
	int held; /* a pipe that goes on: the end to write to, or -1; of the code "-" */
};

extern struct fake_people fake_people;
extern unsigned int fake_faults; /* dossier_ops.failed */
extern const struct dossier_ops fake_dossier_ops;
void fake_people_reset(void);

/* Lists have been read before any import, unless a test says otherwise. */
struct fake_crls {
	bool reading;
	bool failed;  /* crls_held() is not */
	bool refuse;  /* crls_hold() faults */
	int holds;    /* that have not been released */
	bool anchors; /* the last one was of VIEW_TEXT("anchors") */
};

extern struct fake_crls fake_crls;

struct fake_audit {
	json_t *entries;     /* array, oldest first */
	unsigned int refuse; /* appends to refuse from now on; UINT_MAX: all */
	unsigned int after;  /* appends to take before refusing */
	bool broken;	     /* reading faults */
	unsigned int rows;   /* that audit_find() has given so far */
};

extern struct fake_audit fake_audit;
void fake_audit_reset(void);
/** fake_audit_last() - newest entry of @event (word), NULL when there is none. */
const json_t *fake_audit_last(const char *event);
size_t fake_audit_count(const char *event, const char *outcome);
