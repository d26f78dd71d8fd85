/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Who may do what: one pure function over facts and dated data files; no other file decides.
 * Grounds: facts of the DMP matrix M526 v1.8 (doc/rights.md lays the table beside its source).
 */
#include "base/json.h"
#include "daemon/session/types.h"

enum rights_action {
	RIGHTS_ACTION_OPEN = 0, /* start at all: before anything of the patient is read */
	RIGHTS_ACTION_CREATE,
	RIGHTS_ACTION_SUMMARY,
	RIGHTS_ACTION_LIST, /* one document's row */
	RIGHTS_ACTION_READ, /* one document */
	RIGHTS_ACTION_ADD,  /* by a professional; the patient's is NOTES */
	RIGHTS_ACTION_REPLACE,
	RIGHTS_ACTION_ARCHIVE,
	RIGHTS_ACTION_UNARCHIVE,
	RIGHTS_ACTION_DELETE,
	RIGHTS_ACTION_MASK, /* masque_ps on */
	RIGHTS_ACTION_UNMASK,
	RIGHTS_ACTION_SHOW_PATIENT, /* invisible_patient off */
	RIGHTS_ACTION_HIDE_PATIENT, /* invisible_patient on: until announced by a doctor */
	RIGHTS_ACTION_SHOW_REPRESENTATIVES, /* invisible_representants_legaux off */
	RIGHTS_ACTION_HIDE_REPRESENTATIVES,
	RIGHTS_ACTION_NOTES, /* add, by the patient: what they write or bring themselves */
	RIGHTS_ACTION_HISTORY,
	RIGHTS_ACTION_LIST_PROFESSIONALS,
	RIGHTS_ACTION_AUTHORISE,
	RIGHTS_ACTION_REVOKE,
	RIGHTS_ACTION_BLOCK,
	RIGHTS_ACTION_UNBLOCK,
	RIGHTS_ACTION_TREATING_DOCTOR_TAKE,
	RIGHTS_ACTION_TREATING_DOCTOR_LEAVE,
	RIGHTS_ACTION_OPPOSE,
	RIGHTS_ACTION_UNOPPOSE,
	RIGHTS_ACTION_ALLOW_MASKED, /* in emergencies, or no longer */
	RIGHTS_ACTION_CLOSE,
	RIGHTS_ACTION_REOPEN,
	RIGHTS_ACTION_EXPORT,
	RIGHTS_ACTION_ACTIVATION_CODE, /* issue one */
	RIGHTS_ACTION_PERSONAL_CODE,   /* set it */
	RIGHTS_ACTION_IMPORT,	       /* reimbursements */
	RIGHTS_ACTION_COUNT
};

/** rights_action_word() - as in actions.json ("show-patient"); static. */
const char *rights_action_word(enum rights_action a);

enum rights_flag { /* bits */
	RIGHTS_FLAG_MASQUE_PS = 1,
	RIGHTS_FLAG_INVISIBLE_PATIENT = 2,
	RIGHTS_FLAG_INVISIBLE_REPRESENTANTS_LEGAUX = 4,
};

const char *rights_flag_word(
	enum rights_flag f);		       /* masque_ps, ... ; NULL when no single flag */
unsigned int rights_flag_of(const char *word); /* 0: not a flag */

enum rights_age {
	RIGHTS_AGE_ADULT = 0,
	RIGHTS_AGE_MINOR,
};

enum rights_author { /* whose the document concerned is */
	RIGHTS_AUTHOR_PROFESSIONAL = 0,
	RIGHTS_AUTHOR_PATIENT,
	RIGHTS_AUTHOR_DEVICE,
	RIGHTS_AUTHOR_STRUCTURE,
	RIGHTS_AUTHOR_INSURER,
	RIGHTS_AUTHOR_COUNT
};

/* Zero is "no" or "none": what gives a right must be said, and so must what takes one (absent, blocked,
 * opposed, required). */
struct rights_facts {
	enum rights_action action;
	enum session_mode mode;

	/* who acts (mode patient: the patient, whatever stands here) */
	uint8_t card_type;	  /* G02 */
	uint8_t profession;	  /* G15 */
	const char *speciality;	  /* R01, may be empty */
	const char *sector;	  /* R02 of the chosen structure, may be empty */
	bool regulation;	  /* centre_15: the configuration lists the structure */
	bool indirect;		  /* a structure's certificate in place of a person's card */
	bool feeder;		  /* import: the feed is signed by the health insurer */
	unsigned int emergencies; /* of this card, the last hour */
	unsigned int emergencies_max; /* ... that may be */

	/* the patient, and their card */
	bool absent;	     /* the patient's card is not in this session */
	bool holder;	     /* the patient is the card's own holder */
	bool representative; /* the holder acts for the patient */
	uint8_t age;	     /* enum rights_age, of the patient */
	bool code;	     /* personal or activation code, given in this session */
	enum proof proof;
	enum proof required; /* least proof that unlocks */

	/* what was agreed */
	bool consented; /* in this session; emergencies, mode patient: the statement is signed */
	unsigned int intents; /* consented */
	bool authorised;      /* a running authorisation */
	bool authorised_told; /* ... and whose text told of openings without the patient's card */
	bool fed_today; /* this professional had a consented session with the patient today */
	bool fed_told;	/* ... and whose text told of the rest of the day without the card */
	bool blocked;	/* the patient blocked this professional */
	bool treating_doctor;
	bool opposed;	     /* the patient opposed this emergency mode */
	bool masked_allowed; /* the patient allows emergencies what is masked */

	/* the document concerned, or the act */
	bool author; /* who acts wrote it; of an employee (CPE): one of their structure did */
	uint8_t author_kind; /* enum rights_author */
	unsigned int flags;  /* RIGHTS_FLAG_* */
	const char *type;    /* document type code, or NULL */
	bool self;	     /* the act names this very professional */
	bool has_until;	     /* the authorisation to be given has an end; a default is one */
};

struct rights;

/** rights_new() - load professions.json, sectors.json, actions.json from @folder; every file names
 *  its date and source. Return: 0 or a fault (-EBADMSG: not such a file). */
int rights_new(const char *folder, struct rights **ret) _must_check_;
struct rights *rights_free(struct rights *r);

enum rights_decision {
	RIGHTS_ALLOW = 0,
	RIGHTS_DENY, /* @ret_rule: stable name of the rule */
};

/** rights_decide() - pure. @ret_rule: static text, set on both decisions ("doctor", "blocked", ...). */
enum rights_decision rights_decide(
	const struct rights *r, const struct rights_facts *f, const char **ret_rule);
/** rights_profession_label() - label for people, e.g. "médecin"; borrowed; "" when unknown. */
const char *rights_profession_label(const struct rights *r, uint8_t profession);
