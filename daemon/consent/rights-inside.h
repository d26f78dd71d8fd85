/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The tables of rights: rights-load.c reads them from the data files, rights.c decides by them. */
#include "daemon/consent/rights.h"

#define SECTORS_MAX	 128U
#define SPECIALITIES_MAX 16U
#define CODES		 256U /* G02 and G15 are one byte here */

enum role {
	ROLE_PS = 0,
	ROLE_DOCTOR,
	ROLE_TREATING,
	ROLE_OCCUPATIONAL,
	ROLE_COUNT,
};

enum cell {
	CELL_NO = 0,
	CELL_YES,
	CELL_OWN,
};

enum access {
	ACCESS_NEVER = 0,
	ACCESS_CARE,
	ACCESS_OCCUPATIONAL,
	ACCESS_COUNT,
};

enum card_use {
	CARD_USE_NONE = 0,
	CARD_USE_OWN, /* the profession on the card */
	CARD_USE_PS,  /* never more than a professional */
	CARD_USE_COUNT,
};

enum column { /* of the matrix */
	COLUMN_NORMAL = 0,
	COLUMN_BRIS_DE_GLACE,
	COLUMN_CENTRE_15,
	COLUMN_COUNT,
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

struct cells {
	enum cell plain[ROLE_COUNT];
	enum cell masked[ROLE_COUNT];
};

struct action {
	bool known;
	unsigned int intent; /* 0: any */
	struct cells columns[COLUMN_COUNT];
};

struct rights {
	json_t *files[3]; /* hold every text below */
	struct profession professions[CODES];
	enum card_use cards[CODES];
	struct sector sectors[SECTORS_MAX];
	size_t n_sectors;
	const char *specialities[SPECIALITIES_MAX];
	size_t n_specialities;
	struct action actions[RIGHTS_ACTION_COUNT];
};

/** rights_word() - index of @word in @words, or @n. */
size_t rights_word(const char *const *words, size_t n, const char *word);
