/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What the files of a session do for each other, one part a file; nobody else includes it. */
#include "daemon/session/emergency.h"
#include "daemon/session/inside.h"
#include "daemon/session/professional.h"

/* -- session.c -- */
/** session_post() - carry @e out: now, or after what is being carried out. */
void session_post(struct session *s, enum session_event e);
void session_post_track(struct session *s, struct side *side, enum session_event e);
/** session_nudge() - SESSION_EVENT_CARDS in a later turn of the loop. */
void session_nudge(struct session *s);
/** session_changed() - tell the rooms above that a property changed. */
void session_changed(struct session *s);
/** session_progressed() - the same of Progress alone: when nothing else is to be done. */
void session_progressed(struct session *s);
/** session_record() - one entry of this session. @details: stolen, may be NULL. Return: whether
 *  it is durable; otherwise the session has ended. */
bool session_record(struct session *s, enum audit_event e, const char *outcome,
	const char *rule, json_t *details);
/** session_append() - the same without an end. Return: 0 or what audit_append() says. */
int session_append(struct session *s, enum audit_event e, const char *outcome, const char *rule,
	const json_t *details) _must_check_;
/** session_over() - whether nothing may go on. */
bool session_over(const struct session *s);
/** session_on_tracks() - whether its cards' own tables run. */
bool session_on_tracks(const struct session *s);
/** session_suspended() - whether a card of an unlocked session is or was another program's. */
bool session_suspended(const struct session *s);
/** session_join() - a track or the exchange has come further: what waited for it goes on. */
void session_join(struct session *s);
struct state_where session_where(const struct session *s);
int session_turn_add(struct session *s) _must_check_;
uint64_t session_slept(void); /* microseconds that the machine has slept since it was started */
void session_remove(struct session *s);	 /* from the list; the object goes when nothing runs */
void session_destroy(struct session *s); /* one that was never in the list */

/* -- session-look.c -- */
void session_look(struct session *s);
/** session_is_role() - whether a card of this kind, as recognised, is a patient's or a professional's. */
bool session_is_role(enum card_kind kind, bool professional);
void session_queue_begin(struct session *s); /* it is queued from now on */
void session_queue_end(struct session *s);
void session_queue_tell(struct sessions *all); /* positions that have changed */
void session_nudge_all(struct sessions *all);

/* -- session-cards.c -- */
void session_start_tracks(struct session *s);
/** session_start_track() - claim @c for @side and start its track. Return: 0 or a fault. */
int session_start_track(struct session *s, struct side *side, struct card *c) _must_check_;
void session_open_side(struct session *s, struct side *side);
int session_cards_listen(struct sessions *all) _must_check_;
void session_drop_cards(
	struct session *s); /* at the end: kill the patient's, leave the other */
/** session_ask_card() - a request to one of the two; @done's user is @s.
 *  Ends the session when it cannot be sent. */
void session_ask_card(struct session *s, struct side *side, uint8_t op, struct view body,
	child_answer_fn done);
/** session_ask_sent() - the result of cards_ask(): ends the session when it is none. */
void session_ask_sent(struct session *s, int r);
/** session_judge() - count an answer and end the session for every outcome but CARD_DONE.
 *  Return: whether it is CARD_DONE. */
bool session_judge(struct session *s, struct side *side, const struct link_frame *answer);
/** session_count() - the characters that an answer tells. */
void session_count(struct session *s, struct side *side, const struct link_frame *answer);
enum vitaled_reason session_gone_reason(const struct session *s, const struct side *side);
void session_present(struct session *s);

/* -- session-professional.c -- */
void session_identify(struct session *s, struct side *side);
void session_read(struct session *s, struct side *side);
/** session_judge_again() - what the revocation lists say now; ends the session of a revoked card. */
void session_judge_again(struct session *s);
/** session_start_professional() - which event its track starts with; NONE: the session ended. */
void session_start_professional(struct session *s);
/** session_stale() - whether a failed proof may be the cache's fault; then it is dropped there. */
bool session_stale(struct session *s);
void session_reread(struct session *s);
/** session_keep_public() - what the card has proved by a signature may be kept. */
void session_keep_public(struct session *s);

/* -- session-pin.c -- */
void session_pin_state(struct session *s, struct side *side);
void session_ask_last_try(struct session *s, struct side *side);
void session_ask_pin(struct session *s, struct side *side);
void session_verify(struct session *s, struct side *side);
/** session_renew() - the PIN once more, unless the card still has its right. */
void session_renew(struct session *s);

/* -- session-structure.c -- */
void session_activities(struct session *s, struct side *side);
void session_ask_structure(struct session *s, struct side *side);
void session_admit(struct session *s, struct side *side);
bool session_choosing_structure(const struct session *s);
int session_choose_structure(struct session *s, uint32_t index) _must_check_;

/* -- session-proof.c -- */
/** session_trust_reason() - a result of trust_x509() or trust_cvc() as a reason; NONE for 0. */
enum vitaled_reason session_trust_reason(int outcome);
/** session_take_serial() - SERIAL of an answer. Return: NONE, or why not. */
enum vitaled_reason session_take_serial(
	const struct session *s, struct side *side, struct view body);
/** session_take_role() - the certificate of @side: letter V or P. Return: NONE, or why not. */
enum vitaled_reason session_take_role(
	struct session *s, struct side *side, struct view body, char letter);
/** session_show_role() - the professional's, before the public files: what the other card may be shown.
 *  Return: NONE, or why not; side->certificate is empty when it has none. */
enum vitaled_reason session_show_role(struct session *s, struct side *side, struct view body);
/** session_take_patient() - read and verify what READ_PUBLIC gave. Return: NONE, or why not. */
enum vitaled_reason session_take_patient(struct session *s, struct view body);
void session_meet(struct session *s);
/** session_exchange_on() - send what may be sent now to either card. */
void session_exchange_on(struct session *s);
void session_prove(struct session *s, struct side *side);
enum proof session_required(const struct session *s);
/** session_nature() - of the cards: of the patient's, alone the professional's. */
enum nature session_nature(const struct session *s);

/* -- session-people.c -- */
void session_people(struct session *s);
void session_ask_person(struct session *s);
int session_choose_person(struct session *s, uint32_t index) _must_check_;
/** session_person_json() - @full: what GetPatient gives, else what a choice shows. */
int session_person_json(
	const struct session *s, const struct person *p, bool full, json_t **ret) _must_check_;

/* -- session-coverage.c -- */
int session_coverage_add(struct session *s) _must_check_;
void session_coverage_over(struct session *s);	/* tell who waits, in a later turn */
void session_coverage_flush(struct session *s); /* now: the object goes */

/* -- session-lend.c -- */
void session_seek(struct session *s);
void session_resume(struct session *s);
void session_resumed(struct session *s);
/** session_slot_taken() - whether @reader is lent, or kept for a suspended session but @s. */
bool session_slot_taken(const struct session *s, const struct card_reader *reader);
/** session_slot_lent() - whether it is another program's, or will be. */
bool session_slot_lent(const struct session *s, const struct card_reader *reader);
void session_lendings_check(struct sessions *all); /* a slot may have become free */
void session_lendings_free(struct sessions *all);
