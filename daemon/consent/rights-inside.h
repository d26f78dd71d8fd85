/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The tables of rights: rights-load.c reads them from the data files, rights.c decides by them. */
#include "daemon/consent/rights.h"

#define SECTORS_MAX	 128U
#define SPECIALITIES_MAX 16U
#define CODES		 256U /* G02 and G15 are one byte here */

enum role { /* who acts */
	ROLE_PS = 0,
	ROLE_DOCTOR,
	ROLE_TREATING,
	ROLE_OCCUPATIONAL, /* the last with a profession */
	ROLE_EMPLOYEE,	   /* CPE of a structure */
	ROLE_STRUCTURE,	   /* its certificate */
	ROLE_AGENT,	   /* of the fund */
	ROLE_FEEDER,	   /* the health insurer's signed feed */
	ROLE_HOLDER,	   /* the patient */
	ROLE_REPRESENTATIVE,
	ROLE_COUNT, /* nobody */
};

enum cell {
	CELL_NO = 0,
	CELL_YES,
	CELL_OWN,
	CELL_SELF,
	CELL_ALLOWED, /* what is masked, when the patient allowed that */
	CELL_COUNT,
};

enum access {
	ACCESS_NEVER = 0,
	ACCESS_CARE,
	ACCESS_OCCUPATIONAL,
	ACCESS_ADMINISTRATION, /* the fund: mode administration, and no document */
	ACCESS_COUNT,
};

enum card_use {
	CARD_USE_NONE = 0,
	CARD_USE_OWN, /* the profession on the card */
	CARD_USE_PS,  /* never more than a professional */
	CARD_USE_EMPLOYEE,
	CARD_USE_AGENT,
	CARD_USE_COUNT,
};

enum consent { /* what an action needs, the most first */
	CONSENT_SESSION = 0,
	CONSENT_RUNNING,  /* ... or an authorisation given earlier */
	CONSENT_SAME_DAY, /* ... or fed on the day of a consented session */
	CONSENT_NONE,
	CONSENT_COUNT,
};

enum column { /* of the matrix: the modes, but for identity, which opens nothing */
	COLUMN_NORMAL = 0,
	COLUMN_BRIS_DE_GLACE,
	COLUMN_CENTRE_15,
	COLUMN_ADMINISTRATION,
	COLUMN_PATIENT,
	COLUMN_COUNT,
};

enum layer {
	LAYER_CELLS = 0,
	LAYER_MASKED,	/* besides, with masque_ps */
	LAYER_PATIENTS, /* in place of what is not "no", the patient being the author */
	LAYER_INSURERS, /* ... the health insurer */
	LAYER_COUNT,
};

struct sector {
	const char *code; /* in struct rights' files */
	enum access access;
};

struct profession {
	const char *label; /* NULL: not listed */
	enum role role;
	const json_t *types; /* NULL: all */
};

struct uses { /* of a kind of card */
	bool known;
	enum card_use use;
	enum card_use administration; /* in that mode */
};

struct action {
	bool known;
	unsigned int intent; /* 0: any */
	enum consent consent;
	bool code;
	bool until;
	bool layered[LAYER_COUNT];
	enum cell cells[LAYER_COUNT][COLUMN_COUNT][ROLE_COUNT];
};

struct rights {
	json_t *files[3]; /* hold every text below */
	struct profession professions[CODES];
	struct uses cards[CODES];
	struct sector sectors[SECTORS_MAX];
	size_t n_sectors;
	const char *specialities[SPECIALITIES_MAX];
	size_t n_specialities;
	struct action actions[RIGHTS_ACTION_COUNT];
};

/** rights_word() - index of @word in @words, or @n. */
size_t rights_word(const char *const *words, size_t n, const char *word);
