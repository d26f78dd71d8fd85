/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Profile of a simulated card: who is on it. JSON, described in drivers/sim/profiles/README.md;
 * texts are UTF-8 here and Latin-1 on the card. Only invented people. A NIR is taken when its key
 * is right and no person can have it:
 *
 *   ..... 00 ... ...   department 00, whatever its first digit (3, 4, 7, 8 are provisional)
 *   ..... 2A 000 000   Corsica (also 2B): commune 000 and order 000 do not exist
 *   555555 00000 ..    agricultural provisional numbers: the first hundred are kept for us
 *   a letter elsewhere than in 2A and 2B: no NIR at all, as on test cards; it has no key
 *
 * A professional's national identifier starts 8899; a structure's member has the structure's
 * number, which starts 399 (FINESS) or 599 (SIRET), and a register number after a slash.
 */
#include "base/json.h"

#define PROFILE_PEOPLE_MAX     19U /* the largest public test card holds 19 */
#define PROFILE_COVERAGES_MAX  38U
#define PROFILE_ACTIVITIES_MAX 16U
#define PROFILE_TEXT	       64U

enum profile_kind {
	PROFILE_KIND_VITALE,
	PROFILE_KIND_VITALE_1,
	PROFILE_KIND_CPS3,
	PROFILE_KIND_CPS4,
	PROFILE_KIND_CPS2TER, /* before the CPS3: class A0 alone */
	PROFILE_KIND_OTHER,
};

struct profile_person {
	char surname[PROFILE_TEXT];
	char given[PROFILE_TEXT];
	char birth[9]; /* YYYYMMDD, may be lunar; YYMMDD: without the century */
	char nir[16];  /* 13 characters and key; empty: the card has none for this person */
	char country[4];
	uint8_t rank; /* 0: not stored */
};

struct profile_coverage {
	uint8_t index; /* beneficiary, from 0, in the order of the people */
	char from[13]; /* YYYYMMDDhhmm */
	char to[13];
	char ald[2];	   /* ALD code, one digit */
	char situation[5]; /* situation code, four digits */
};

struct profile_activity {
	uint8_t number; /* 1..16; gaps are normal */
	char name[PROFILE_TEXT];
	char structure[PROFILE_TEXT];
	char sector[5]; /* SAxx */
};

struct profile_professional {
	char id[32]; /* national identifier, table G08: 8 and 11 digits, or number/register */
	char surname[PROFILE_TEXT];
	char given[PROFILE_TEXT];
	char title[PROFILE_TEXT];
	uint8_t type;		/* table G02 */
	uint8_t profession;	/* table G15; 0: none */
	uint8_t future;		/* table G16, of a CPF; 0: none */
	uint8_t responsibility; /* table G04; 0: none */
	char speciality[8];	/* table R01, may be empty */
	char organisation[PROFILE_TEXT], structure[32],
		department[32]; /* O, OU, ST; may be empty */
};

enum profile_file { /* what a Vitale may lack: bits of struct profile's absent */
	PROFILE_FILE_POINTERS = 1,
	PROFILE_FILE_VALIDITY = 2,
	PROFILE_FILE_CERTIFICATE = 4,
	PROFILE_FILE_COVERAGE = 8,
	PROFILE_FILE_RIGHTS = 16,
	PROFILE_FILE_PHOTO = 32,
};

enum profile_actua {	     /* EF_ACTUA, also as broken cards have it */
	PROFILE_ACTUA_DATES, /* what actua_from and actua_to say; no dates: no such file */
	PROFILE_ACTUA_EMPTY, /* no bytes */
	PROFILE_ACTUA_ZEROS, /* twenty zero bytes */
};

struct profile {
	enum profile_kind kind;
	char authority
		[16];	 /* who signs: a nature (simulated, test) or the name of a stranger */
	char serial[20]; /* decimal digits of tag 5A, at most 19 */
	uint8_t atr[33];
	size_t atr_len;
	int64_t from_days; /* validity, in days from personalisation */
	int64_t until_days;
	char valid_from[9];
	struct profile_person people[PROFILE_PEOPLE_MAX];
	size_t n_people;
	struct profile_coverage coverages[PROFILE_COVERAGES_MAX];
	size_t n_coverages;
	char organisation[10]; /* régime 2, caisse 3, centre 4 */
	uint16_t photo;	       /* bytes of the (meaningless) photograph */
	uint8_t absent;	       /* enum profile_file */
	bool no_sfi; /* only SFI 2, which is public; the invented ones are not there */
	struct profile_professional professional;
	struct profile_activity activities[PROFILE_ACTIVITIES_MAX];
	size_t n_activities;
	char actua_from[15]; /* EF_ACTUA, YYYYMMDDhhmmss; empty: no such file */
	char actua_to[15];
	enum profile_actua actua;
	bool contactless; /* the card's other interface: no code, one technical key */
	bool revoked;	  /* its certificates go into the authority's revocation list */
	int64_t crl_days; /* nextUpdate of that list, from personalisation */
	bool pin_each_signature;
	uint16_t max_answer;	/* bytes of an answer with T=0, 256 */
	uint16_t rsa_ms, ec_ms; /* time of an on-card signature under --clock */
	char pin[5], puk[9];
};

enum profile_outcome {
	PROFILE_INVALID = 1,
};

/**
 * profile_new() - @j as a profile, on the heap
 * @why:  receives one sentence for the person when the outcome is PROFILE_INVALID
 *
 * Return: 0, a fault, or PROFILE_INVALID.
 */
int profile_new(const json_t *j, struct buf *why, struct profile **ret_profile) _must_check_;
struct profile *profile_free(struct profile *p); /* wipes; returns NULL */

/** profile_put_latin1() - @utf8 as Latin-1, zero padded to @pad bytes.
 *  Return: 0, or PROFILE_INVALID for a character that Latin-1 has not. */
int profile_put_latin1(struct buf *out, const char *utf8, size_t pad) _must_check_;
/** profile_nir_key() - key of 13 digits: 97 - (n mod 97); 2A counts as 19, 2B as 18. */
unsigned profile_nir_key(struct view nir13);
/** profile_luhn() - the check digit of @digits, ISO/IEC 7812-1 annex B. */
unsigned profile_luhn(struct view digits);
/** profile_serial() - the 10 BCD bytes of tag 5A, F padded. */
void profile_serial(const struct profile *p, uint8_t ret_serial[10]);

static inline bool profile_is_cps(const struct profile *p)
{
	return p->kind == PROFILE_KIND_CPS3 || p->kind == PROFILE_KIND_CPS4;
}

static inline bool profile_has_codes(const struct profile *p)
{
	return profile_is_cps(p) && !p->contactless;
}
