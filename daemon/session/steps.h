/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What the files of a session do for each other, one part a file; nobody else includes it. */
#include "daemon/session/inside.h"
#include "daemon/session/professional.h"

/* -- session.c -- */
/** session_post() - carry @e out: now, or after what is being carried out. */
void session_post(struct session *s, enum session_event e);
/** session_nudge() - SESSION_EVENT_CARDS in a later turn of the loop. */
void session_nudge(struct session *s);
/** session_changed() - tell the rooms above that a property changed. */
void session_changed(struct session *s);
/** session_record() - one entry of this session. @details: stolen, may be NULL. Return: whether
 *  it is durable; otherwise the session has ended. */
bool session_record(struct session *s, enum audit_event e, const char *outcome,
	const char *rule, json_t *details);
/** session_over() - whether nothing may go on. */
bool session_over(const struct session *s);

/* -- session-cards.c -- */
void session_look(struct session *s);
void session_open_cards(struct session *s);
int session_cards_listen(struct sessions *all) _must_check_;
void session_drop_cards(
	struct session *s); /* at the end: kill the patient's, leave the other */
/** session_ask_card() - a request to one of the two; @done's user is @s.
 *  Ends the session when it cannot be sent. */
void session_ask_card(struct session *s, struct side *side, uint8_t op, struct view body,
	child_answer_fn done);
/** session_judge() - count an answer and end the session for every outcome but CARD_DONE.
 *  Return: whether it is CARD_DONE. */
bool session_judge(struct session *s, struct side *side, const struct link_frame *answer);
enum vitaled_reason session_gone_reason(const struct session *s, const struct side *side);

/* -- session-pin.c -- */
/** session_take_professional() - read and verify what READ_PUBLIC gave. Return: NONE, or why not. */
enum vitaled_reason session_take_professional(struct session *s, struct view body);
void session_pin_state(struct session *s);
void session_ask_pin(struct session *s);
void session_verify(struct session *s);
void session_activities(struct session *s);
void session_ask_structure(struct session *s);
void session_admit(struct session *s);
int session_choose_structure(struct session *s, uint32_t index) _must_check_;

/* -- session-proof.c -- */
/** session_trust_reason() - a result of trust_x509() or trust_cvc() as a reason; NONE for 0. */
enum vitaled_reason session_trust_reason(int outcome);
/** session_take_role() - the certificate of @side: letter V or P. Return: NONE, or why not. */
enum vitaled_reason session_take_role(
	struct session *s, struct side *side, struct view body, char letter);
void session_read_patient(struct session *s);
/** session_take_patient() - as session_take_professional(). */
enum vitaled_reason session_take_patient(struct session *s, struct view body);
void session_exchange(struct session *s);
void session_active(struct session *s);
enum proof session_required(const struct session *s);

/* -- session-people.c -- */
bool session_wanted_valid(const struct session *s); /* the option "patient" */
void session_people(struct session *s);
void session_ask_person(struct session *s);
int session_choose_person(struct session *s, uint32_t index) _must_check_;
void session_coverage(struct session *s);
/** session_person_json() - @full: what GetPatient gives, else what a choice shows. */
int session_person_json(
	const struct session *s, const struct person *p, bool full, json_t **ret) _must_check_;
