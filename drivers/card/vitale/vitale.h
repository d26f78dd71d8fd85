/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Vitale 2, as far as it is free to read, and the protected periods of the stand-in.
 *
 *   3F00 (name ... MF_VITALE)
 *     SFI 2   65 { 80 surname | 81 first name | 82 birth YYYYMMDD | (94 rank) } per beneficiary
 *     2F02    5A 0A | serial                                      EF PAN
 *     2F83    7F21, the card's certificate of the stand-in        *invented*
 *   name ... VITALE
 *     SFI 2   65 { 93 NIR and key | 90 country } in the same order
 *     2003    66 { 80 YYYYMMDD }, start of validity               *invented* place
 *     2010    A6 { 80 index | 81 from | 82 to | 83 ALD | 84 situation } ...  *invented*, protected
 *
 * Sources: cardpeek vitale_2.lua (tags, 2F02, names), Rufus lecteurvitale.cpp (SFI 2 of both), GIE
 * virtual cards (lunar dates, up to 19 beneficiaries). Text is Latin-1, zero padded.
 */
#include "drivers/card/card.h"

#define VITALE_PEOPLE_MAX                                                                      \
	32U /* the largest known card has 19; a bound for what a card can say */
#define VITALE_PERIODS_MAX 256U
#define VITALE_DATE_DIGITS 8U
#define VITALE_ROLE_KEY	   0x05U /* stand-in */

#define NIR_LEN 15U /* 13 characters and 2 digits of key */

/** nir_valid() - whether @nir is 15 characters whose last two are 97 - (number mod 97); 2A and 2B
 *  count as 19 and 18. */
bool nir_valid(struct view nir);

/** vitale_digits() - whether @v is @n ASCII digits; which ones is not our affair (lunar dates). */
bool vitale_digits(struct view v, size_t n);
/** vitale_people() - pair the two files' templates and append PERSON objects.
 *  Return: 0, or CARD_BROKEN (not the same number of templates, a name or birth date missing). */
int vitale_people(struct view identities, struct view numbers, struct buf *body) _must_check_;
/** vitale_periods() - append COVERAGE objects. Return: 0 or CARD_BROKEN. */
int vitale_periods(struct view file, struct buf *body) _must_check_;
