/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Consent: what the patient is asked, what is signed about it, and the receipt. The statement is
 * made after cards and person are fixed and holds the broker's nonce; the professional's card signs
 * it (CMS), the patient's card proves its presence over it; both are verified here before the
 * session hears of them. Fields: doc/consent.md.
 */
#include "daemon/session/session.h"
#include "record/receipt.h"

enum consent_decision {
	CONSENT_GIVEN = 1,
	CONSENT_REFUSED,
	CONSENT_IMPOSSIBLE,
	CONSENT_NOT_NEEDED, /* an emergency: the patient is not asked */
};

enum consent_form {
	CONSENT_FORM_NONE = 0,
	CONSENT_FORM_ORAL = 1, /* the professional states that the patient agreed */
	CONSENT_FORM_SCREEN,   /* the patient answered on a patient-display of another uid */
	CONSENT_FORM_SCREEN_SHARED, /* ... of the session owner's own uid */
	CONSENT_FORM_RUNNING, /* nobody is asked: an earlier session's authorisation is in force */
	CONSENT_FORM_CODE,    /* nobody is asked: the patient alone, by a code of theirs */
	CONSENT_FORM_ASSISTED,	     /* the patient was helped by somebody who is named */
	CONSENT_FORM_REPRESENTATIVE, /* of a minor, named, in place of the patient */
};

struct consent_answer {
	enum consent_decision decision;
	enum consent_form form;
	uid_t agent_uid;
	const char *agent_name; /* configured capability holder's user name, or unique name */
	const char *reason;	/* for impossible: a word, or NULL */
	/* somebody helped, or answered for a minor: ASSISTED or REPRESENTATIVE in place of @form,
	 * their name (UTF-8), and what they are to the patient (a word); else NONE, NULL */
	enum consent_form helped;
	const char *helper;
	const char *quality;
};

struct consents;

struct consent_ops {
	/* people (daemon/bus/agent): @request is {acts, text{id,language,sha256,wording}, patient{...},
	 * professional{...}, structure, application}; answered by consent_answered(). @display: the
	 * patient's own display is wanted (preferred when there is one). */
	void (*ask)(void *user, struct session *s, const json_t *request);
	/* the professional says once more that it is an emergency: @request is {acts, reason,
	 * patient{...}, professional{...}, structure, application}; ends with consent_confirmed() or,
	 * unanswered, with consent_answered() */
	void (*confirm)(void *user, struct session *s, const json_t *request);
};

/** consents_new() - loads the wordings of @folder (daemon/consent/wording.h). */
int consents_new(const struct config *config, const char *folder, const struct trust *trust,
	struct audit *audit, const struct consent_ops *ops, void *user,
	struct consents **ret) _must_check_;
struct consents *consents_free(struct consents *cs);
/** consent_covers() - whether there is a text that tells a patient of all of @intents (bits). */
bool consent_covers(const struct consents *cs, unsigned int intents);

/* session_ops' own members, for main.c to fill in: */
/** consent_ask() - ends with session_consented(); in mode patient at once, nobody is asked. */
void consent_ask(struct consents *cs, struct session *s);
/** consent_running() - in place of consent_ask(), where the patient agreed earlier to all that this
 *  session is for (dossier_agreed()); likewise ends with session_consented(). */
void consent_running(struct consents *cs, struct session *s);
/** consent_sign() - ends with session_signed(). Without a professional the patient's card signs. */
void consent_sign(struct consents *cs, struct session *s);
void consent_forget(struct consents *cs, struct session *s); /* ops->lock: keeps the receipt */
void consent_removed(
	struct consents *cs, struct session *s); /* ops->removed: the receipt too */
/** consent_answered() - of an agent; @answer NULL: nobody answered, @why says why. An adult has no
 *  representative: an answer that names one is none. */
void consent_answered(struct consents *cs, struct session *s,
	const struct consent_answer *answer, enum vitaled_reason why);

/** consent_confirmed() - an agent's answer to consent_ops.confirm. @name: as agent_name. */
void consent_confirmed(
	struct consents *cs, struct session *s, bool yes, uid_t uid, const char *name);

/* A receipt's acts: the newest, so many, so many bytes (a third more in base64), and a count of the
 * others, which is looked for in so many rows of the dossier: each row and proof is a query. */
#define LIMIT_RECEIPT_ACTS  64U
#define LIMIT_RECEIPT_BYTES (256U * 1024U)
#define LIMIT_RECEIPT_ROWS  4096U

enum consent_receipt_outcome {
	CONSENT_NO_RECEIPT = 1, /* nothing was signed in this session */
};

/** consent_receipt() - the receipt with a checkpoint made now; stays available after the session
 *  ended, until it is removed. @ret: canonical JSON text. */
int consent_receipt(struct consents *cs, struct session *s, struct buf *ret) _must_check_;
/** consent_receipt_page() - the same receipt as a page for a printer (record/receipt-page.h), in the
 *  configured language. */
int consent_receipt_page(struct consents *cs, struct session *s, struct buf *ret) _must_check_;
/** consent_given() - whether this session's consent was given and both signatures verified; of an
 *  emergency, whether its statement is signed. */
bool consent_given(const struct session *s);
/** consent_is_running() - whether it was not asked: it holds as long as that authorisation does. */
bool consent_is_running(const struct session *s);
/** consent_told() - of which acts of this session (bits of enum session_intent) the text that the patient
 *  was shown told that they also open without their card; 0: none, or nobody was shown a text. */
unsigned int consent_told(const struct session *s);
