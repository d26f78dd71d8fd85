/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * One consultation: from OpenSession to locked. state.h is the pure table of what may follow what;
 * session.c and its neighbours carry it out with the card processes; whatever people or upper rooms
 * must do is asked through struct session_ops and answered by the session_*() functions below.
 * Everything that a session holds of a patient is wiped when it ends.
 */
#include "daemon/session/session-view.h"

/* What the session asks of the rooms above; all must be set. Answers come by the functions below,
 * also from within the call. user is that of sessions_new(). */
struct session_ops {
	void (*added)(void *user, struct session *s);
	void (*changed)(void *user, struct session *s); /* some property changed */
	void (*removed)(void *user, struct session *s);
	/* people (daemon/bus/agent) */
	void (*ask_pin)(void *user, struct session *s, unsigned int tries_left, bool again);
	void (*ask_last_try)(void *user, struct session *s);
	void (*ask_choice)(void *user, struct session *s, enum session_choice kind,
		const json_t *choices); /* array of objects; structures by name/id/sector */
	/* the PIN is being typed on the reader's keypad: Inform("use-pinpad"); stop_asking ends it */
	void (*tell_keypad)(void *user, struct session *s, unsigned int tries_left, bool again);
	void (*stop_asking)(void *user, struct session *s, enum vitaled_reason why);
	/* may this professional go on at all? @ret_rule names the rule on refusal (consent/rights) */
	enum vitaled_reason (*admit)(void *user, struct session *s, const char **ret_rule);
	/* the glass was broken too often (rule rate): ends with session_exceeded() */
	void (*ask_exceed)(void *user, struct session *s);
	/* pseudonym of an own number (dossier/keys): 13 characters, no key digits; each nature another */
	int (*pseudonym)(void *user, const char *number, enum nature nature, char ret_hex[65]);
	/* the dossier's process (dossier): ends with session_prepared() */
	void (*prepare)(void *user, struct session *s);
	/* mode patient: the personal or an activation code (dossier): ends with session_coded() */
	void (*ask_code)(void *user, struct session *s);
	/* the patient's answer (consent): ends with session_consented() */
	void (*ask_consent)(void *user, struct session *s);
	/* both signatures over the statement (consent): ends with session_signed() */
	void (*sign)(void *user, struct session *s);
	/* the grant (dossier): ends with session_granted() */
	void (*unlock)(void *user, struct session *s);
	/* an emergency was unlocked: it is not to pass unnoticed */
	void (*emergency)(void *user, struct session *s);
	/* mode patient: it has ended and the card is still in: Inform("take-card"), again while it stays */
	void (*take_card)(void *user, const struct session_left *left);
	/* mode patient: whether a call on its dossier, or a content, is on its way */
	bool (*busy)(void *user, const struct session *s);
	/* everything above forgets this session now: kill the dossier's process, wipe the statement */
	void (*lock)(void *user, struct session *s);
	void (*failed)(void *user, int r); /* the lists cannot be asked: log it */
};

int sessions_new(sd_event *ev, const struct config *config, struct cards *cards,
	const struct trust *trust, struct audit *audit, const struct session_ops *ops,
	void *user, struct sessions **ret) _must_check_;
struct sessions *sessions_free(struct sessions *all); /* locks all */

enum session_open_outcome {
	SESSION_OPEN_LIMIT = 1, /* LIMIT_SESSIONS, _UID or _PEER that have not ended */
	SESSION_OPEN_AUDIT,	/* the record does not take the entry */
};

/** session_open() - makes the object and records it; goes on in later turns of the loop. */
int session_open(struct sessions *all, const char *owner, uid_t uid,
	const struct session_options *o, struct session **ret_s) _must_check_;
struct session *sessions_by_id(struct sessions *all, uint32_t id);
struct session *sessions_next(struct sessions *all, struct session *after); /* NULL: first */

/** sessions_reader_lend() - free the slot for another program: an unlocked session on it is suspended,
 *  an idle professional's card is closed with a reset
 * @freed:  runs once, in a later turn, when no process of ours holds the card any more
 * Return: 0, a fault, or an outcome */
enum sessions_lend_outcome {
	SESSIONS_LEND_BUSY = 1, /* another user's, between opening and unlocked, or wanted */
};

int sessions_reader_lend(struct sessions *all, struct card_reader *r, uid_t uid,
	void (*freed)(void *user), void *user) _must_check_;
/** sessions_card_wanted() - whether an emergency waits for @c: nobody else may begin with it. */
bool sessions_card_wanted(const struct sessions *all, struct card *c);
/** sessions_reader_returned() - the slot is ours again: a suspended session waits (what is left of
 *  120 s since the lend) until the same serial is back, asks a new proof, and resumes; else it locks
 *  with card-lent. */
void sessions_reader_returned(struct sessions *all, struct card_reader *r);
/** sessions_lists_changed() - revocation lists were taken: every session whose professional's card is
 *  revoked by them ends with card-opposed, as it would have ended had they been there before. */
void sessions_lists_changed(struct sessions *all);
/** sessions_configured() - the configuration has changed. Who waits for cards looks anew; an unlocked
 *  session whose proof is less than what is required now locks with proof-too-weak; the others keep
 *  the cards and the answers that they have, and everything further is judged by what is in force. */
void sessions_configured(struct sessions *all);
/** sessions_lock_all() - end every session with @r and forget every verified PIN; cards are reset and
 *  let go of in later turns (cards_in_use()). */
void sessions_lock_all(struct sessions *all, enum vitaled_reason r);
/** sessions_owner_gone() - lock and remove every session of a unique name, now. */
void sessions_owner_gone(struct sessions *all, const char *owner);

/* -- room for the upper rooms: one pointer each, theirs to free in ops->lock / ops->removed -- */
void session_set_consent(struct session *s, void *consent);
void *session_consent(const struct session *s);
void session_set_dossier(struct session *s, void *dossier);
void *session_dossier(const struct session *s);

/* -- the cards, for consent: a request to the card's process; @done as in child.h -- */
int session_professional_request(struct session *s, uint8_t op, struct view body,
	child_answer_fn done, void *user) _must_check_;
int session_patient_request(struct session *s, uint8_t op, struct view body,
	child_answer_fn done, void *user) _must_check_;
void session_forget_requests(struct session *s, void *user);
/** session_answer_reason() - what an answer (NULL: the process ended) means for the session; NONE
 *  for CARD_DONE. */
enum vitaled_reason session_answer_reason(
	const struct session *s, bool professional, const struct link_frame *answer);
/** session_presence() - verify the patient card's signature over @bytes and the 8 characters
 *  @purpose with its role certificate. Return: 0, a fault, or TRUST_FALSE. */
int session_presence(const struct session *s, struct view bytes, const char *purpose,
	struct view signature) _must_check_;

/* -- answers -- */
void session_pin_given(struct session *s, int fd); /* takes @fd */
void session_pin_failed(
	struct session *s, enum vitaled_reason r); /* no agent, cancelled, time-out */
void session_last_try(struct session *s, bool yes);

enum session_choose_outcome {
	SESSION_CHOOSE_STATE = 1, /* nothing of that kind is being asked */
	SESSION_CHOOSE_RANGE,
};

int session_choose(struct session *s, enum session_choice kind, uint32_t index) _must_check_;
void session_choice_failed(struct session *s, enum session_choice kind, enum vitaled_reason r);
void session_exceeded(struct session *s, bool yes);
void session_prepared(struct session *s, enum vitaled_reason r); /* NONE: go on */
void session_coded(struct session *s, enum vitaled_reason r);	 /* NONE: it is the right one */
void session_consented(struct session *s, enum vitaled_reason r);
void session_signed(struct session *s, enum vitaled_reason r, bool patient_proved,
	bool professional_proved); /* what was verified over the nonce */
void session_granted(struct session *s, enum vitaled_reason r);
/** session_input() - its owner did something, or a call of theirs is done: not idle (mode patient) */
void session_input(struct session *s);
/** session_end() - lock (an unlocked session), refuse or fail it, with its record. */
void session_end(struct session *s, enum vitaled_reason r);
/** session_may_pre_empt() - whether the emergency @by may end others: its uid has not ended some
 *  LIMIT_PRE_EMPTIONS times within an hour for emergencies that were not unlocked. */
bool session_may_pre_empt(const struct session *by);
/** session_pre_empt() - end @victim for the emergency @by, recorded with both. Return: false: the
 *  record does not take it, @by has ended and @victim has not. */
bool session_pre_empt(struct session *by, struct session *victim);
void session_release(struct session *s); /* end if needed, then remove the object */
/** sessions_card_lock() - Card.Lock(): forget the professional's PIN, lock their sessions. */
void sessions_card_lock(struct sessions *all, struct card *c, enum vitaled_reason r);
