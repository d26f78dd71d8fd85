/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Who may do what: one pure function over facts and dated data files; no other file decides.
 * Grounds: facts of the DMP matrix M526 v1.8 (doc/rights.md lays the table beside its source).
 * Later issues add columns and rows; the function and its data files have their final shape.
 */
#include "base/json.h"
#include "daemon/session/types.h"

enum rights_action {
	RIGHTS_ACTION_OPEN = 0, /* start at all: before anything of the patient is read */
	RIGHTS_ACTION_CREATE,
	RIGHTS_ACTION_SUMMARY,
	RIGHTS_ACTION_LIST, /* one document's row */
	RIGHTS_ACTION_READ, /* one document */
	RIGHTS_ACTION_ADD,
	RIGHTS_ACTION_MASK, /* masque_ps on */
	RIGHTS_ACTION_UNMASK,
	RIGHTS_ACTION_SHOW_PATIENT, /* invisible_patient off */
	RIGHTS_ACTION_HIDE_PATIENT, /* invisible_patient on: until announced by a doctor */
	RIGHTS_ACTION_HISTORY,
	RIGHTS_ACTION_COUNT
};

enum rights_flag { /* bits */
	RIGHTS_FLAG_MASQUE_PS = 1,
	RIGHTS_FLAG_INVISIBLE_PATIENT = 2,
	RIGHTS_FLAG_INVISIBLE_REPRESENTANTS_LEGAUX = 4,
};

const char *rights_flag_word(
	enum rights_flag f);		       /* masque_ps, ... ; NULL when no single flag */
unsigned int rights_flag_of(const char *word); /* 0: not a flag */

struct rights_facts {
	enum rights_action action;
	enum session_mode mode;
	unsigned int intents;	/* consented */
	uint8_t card_type;	/* G02 */
	uint8_t profession;	/* G15 */
	const char *speciality; /* R01, may be empty */
	const char *sector;	/* R02 of the chosen structure, may be empty */
	bool consented;	 /* consent in this session; an emergency: the statement is signed */
	bool authorised; /* a running authorisation */
	bool blocked;	 /* the patient blocked this professional */
	bool treating_doctor;
	bool opposed;		      /* the patient opposed this emergency mode */
	bool regulation;	      /* centre_15: the configuration lists the structure */
	bool absent;		      /* the patient's card is not in this session */
	unsigned int emergencies;     /* of this card, the last hour */
	unsigned int emergencies_max; /* ... that may be */
	bool author;		      /* of the document concerned */
	unsigned int flags;	      /* of the document concerned */
	const char *type;	      /* document type code, or NULL */
	enum proof proof;
	enum proof required; /* least proof that unlocks */
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
