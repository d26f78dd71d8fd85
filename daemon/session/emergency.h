/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Part of steps.h: whom the caller means, what mode patient has of its own, and what an emergency may
 * that no other session may. */
#include "daemon/session/inside.h"

/* -- session-wanted.c -- */
bool session_wanted_valid(const struct session *s); /* the option "patient" */
/** session_wanted() - mark the people of the card that the option means, all when there is none. */
size_t session_wanted(struct session *s);
/** session_wanted_number() - the 13 characters of the number whose dossier is @p's. Return: whether
 *  there is one: @p's own on the card, or the INS that the caller gave for @p. */
bool session_wanted_number(const struct session *s, const struct person *p, char ret[14]);
/** session_wanted_person() - who is meant when no card says it. Return: NONE, or why nobody is. */
enum vitaled_reason session_wanted_person(const struct session *s, struct person *ret);

/* -- session-patient.c -- */
bool session_is_holder(const struct session *s, const struct person *p);
/** session_offers() - whether this session may be about @p: in mode patient the card's own holder, or a
 *  minor on it. */
bool session_offers(const struct session *s, const struct person *p);
void session_ask_code(struct session *s);
/** session_card_left() - @s has ended; @card: id of the patient's card that it had, 0: none. */
void session_card_left(struct session *s, uint32_t card);
/** session_card_taken() - nobody is told of @card any more: it has gone or is used; 0: of none. */
void session_card_taken(struct sessions *all, uint32_t card);
bool session_is_minor(const struct person *p); /* session-people.c */

/* -- session-emergency.c -- */
/** session_pre_empt_cards() - end every session that is no emergency and uses one of these (NULL:
 *  none), and a PIN job that asks a person; nobody when @s would not get both after that, or may end
 *  nobody. Return: false: @s itself has ended, its entry could not be made. */
bool session_pre_empt_cards(struct session *s, struct card *patient, struct card *professional);
/** session_emergency_opened() - count it against its card, and tell the rooms above. */
void session_emergency_opened(struct session *s);
