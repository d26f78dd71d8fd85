/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The Vitale, as far as it is free to read, and the protected periods of the stand-in. A generation
 * is a table (generations.c); the code below knows none of them.
 *
 *   3F00 (name ... MF_VITALE)
 *     SFI 2   65 { 80 surname | 81 first name | 82 birth YYYYMMDD | (94 rank) } per beneficiary
 *     2F02    5A 0A | serial                                      EF PAN, SFI 4 *invented*
 *     2F83    7F21, the card's certificate of the stand-in        *invented*, SFI 3
 *   name ... VITALE
 *     2001    POINTERS, SFI 1: every DF and EF of the card (pointers.c)
 *     SFI 2   65 { 93 NIR and key | 90 country } in the same order
 *     2003    66 { 80 YYYYMMDD }, start of validity               *invented* place, SFI 3
 *     2010    A6 { 80 index | 81 from | 82 to | 83 ALD | 84 situation } ...  *invented*, protected,
 *                                                                 SFI 4
 *
 * Sources: cardpeek vitale_2.lua (tags, 2001, 2F02, names, POINTERS), Rufus lecteurvitale.cpp (SFI
 * 2 of both), GIE virtual cards (lunar dates, up to 19 beneficiaries). Text is Latin-1, zero padded.
 */
#include "drivers/card/card.h"

#define VITALE_PEOPLE_MAX                                                                      \
	32U /* the largest known card has 19; a bound for what a card can say */
#define VITALE_PERIODS_MAX	 256U
#define VITALE_DATE_DIGITS	 8U
#define VITALE_SHORT_DATE_DIGITS 6U /* YYMMDD */

#define NIR_LEN 15U /* 13 characters and 2 digits of key */

enum vitale_file_id {
	VITALE_IDENTITIES,
	VITALE_NUMBERS,
	VITALE_SERIAL,
	VITALE_CVC,
	VITALE_VALIDITY,
	VITALE_COVERAGE,
	VITALE_POINTERS,
	VITALE_FILES
};

/** struct vitale_file - where a file may lie; the places are tried in the order of the
 * members. */
struct vitale_file {
	enum card_df df;
	uint8_t sfi;	  /* 0: none is known */
	uint16_t fid;	  /* 0: none is known */
	const char *name; /* 8 characters, in POINTERS; NULL: not looked for there */
	uint32_t tag;	  /* of its object, or of its objects */
	bool several;	  /* objects to its end */
	bool guarded;	  /* a refusal is an answer, not another file's */
	uint8_t size;	  /* bytes, where fixed by construction; 0: not known */
};

struct vitale_generation {
	struct card_driver driver; /* first: card.driver is this */
	struct view application;   /* DF name */
	struct view root;	   /* DF name, as POINTERS lists it; selected as 3F00 */
	struct vitale_file files[VITALE_FILES];
};

/* What every table of the family puts into its driver. */
#define VITALE_FUNCTIONS                                                                       \
	.kind = "vitale", .probe = vitale_probe, .identify = vitale_identify,                  \
	.read_serial = vitale_read_serial, .read_public = vitale_read_public,                  \
	.resume = vitale_resume, .keep_people = vitale_keep_people,                            \
	.read_people = vitale_read_people, .enter_role = vitale_enter_role,                    \
	.read_protected = vitale_read_protected

extern const struct vitale_generation vitale_2;
extern const struct card_driver vitale_1; /* recognised, not readable */

int vitale_probe(struct card *c) _must_check_;
int vitale_read_serial(struct card *c, struct buf *value) _must_check_;
int vitale_identify(struct card *c, struct buf *body) _must_check_;
int vitale_read_public(struct card *c, struct buf *body) _must_check_;
int vitale_resume(struct card *c) _must_check_;
int vitale_enter_role(struct card *c) _must_check_;
int vitale_keep_people(struct card *c, struct buf *body) _must_check_;
int vitale_read_people(struct card *c, struct buf *body) _must_check_;
int vitale_read_protected(struct card *c, struct buf *body) _must_check_;

/* -- files.c ------------------------------------------------------------------------------- */

const struct vitale_generation *vitale_generation(const struct card *c);
int vitale_enter_root(struct card *c) _must_check_;
int vitale_enter_application(struct card *c) _must_check_;
/** vitale_read() - the file from the first of its places that holds it, appended: one object, or all.
 *  Return: also CARD_ABSENT, CARD_DENIED, CARD_BROKEN: what the last place that is there said. */
int vitale_read(struct card *c, enum vitale_file_id id, struct buf *out) _must_check_;

/* -- pure ---------------------------------------------------------------------------------- */

/** struct pointer - where POINTERS says that a file lies. */
struct pointer {
	struct view aid; /* name of its DF, borrowed */
	uint16_t fid;
};

/** pointers_find() - @name: 8 characters. Return: 0, CARD_ABSENT, or CARD_BROKEN (not the grammar of
 *  pointers.c). */
int pointers_find(struct view file, const char *name, struct pointer *ret_pointer) _must_check_;

/** nir_valid() - whether @nir is 15 characters whose last two are 97 - (number mod 97); 2A and 2B
 *  count as 19 and 18; the first is a sex (1, 2), a provisional number's (3, 4, 7, 8) or a passing
 *  patient's (5, 6). */
bool nir_valid(struct view nir);

/** vitale_digits() - whether @v is @n ASCII digits; which ones is not our affair (lunar
 * dates). */
bool vitale_digits(struct view v, size_t n);
/** vitale_people() - pair the two files' templates and append PERSON objects. @numbers may be empty:
 *  then nobody has a number.
 *  Return: 0, or CARD_BROKEN (not the same number of templates, a name or birth date missing). */
int vitale_people(struct view identities, struct view numbers, struct buf *body) _must_check_;
/** vitale_periods() - append COVERAGE objects. Return: 0 or CARD_BROKEN. */
int vitale_periods(struct view file, struct buf *body) _must_check_;
