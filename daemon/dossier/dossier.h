/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The broker's side of dossiers: pseudonyms and keys, the process of each dossier being opened or
 * open, and every call on it: checked by rights_decide(), recorded, then carried out by
 * vitaled-dossier, whose bytes never pass through here (descriptors do).
 */
#include "daemon/consent/consent.h"
#include "daemon/consent/rights.h"

struct dossiers;
struct dossier;

struct dossier_agent {	 /* of people */
	uint64_t number; /* of the bus: whoever has it later is another */
	uid_t uid;
};

struct dossier_question {
	bool fresh; /* a new personal code is to be chosen; nothing below is said then */
	bool again; /* the one before was wrong */
	unsigned int tries_left;
	bool personal; /* which would do */
	bool activation;
};

enum dossier_told_to { /* who hears of emergencies at the next visit */
	DOSSIER_TOLD_PATIENT = 0,
	DOSSIER_TOLD_DOCTOR, /* the treating one */
	DOSSIER_TOLD_COUNT
};

struct dossier_told { /* emergencies that they were not told of */
	enum dossier_told_to to;
	unsigned int count;
	int64_t since; /* the oldest and the newest, us, wall clock */
	int64_t last;
	enum session_mode mode; /* of the newest */
};

struct dossier_ops {
	void (*changed)(void *user, struct session *s); /* Dossier.State */
	/* whom the patient types a code for (@patient), or who shows the professional an activation
	 * code. Return: whether there is somebody */
	bool (*code_agent)(
		void *user, struct session *s, bool patient, struct dossier_agent *ret_agent);
	/* ends with dossier_code_given() or dossier_code_failed(), also from within, unless the session
	 * ends before */
	void (*ask_code)(void *user, struct session *s, const struct dossier_agent *agent,
		const struct dossier_question *q);
	/* @fd: sealed memfd with the digits, borrowed. Return: whether it went to that agent */
	bool (*show_code)(void *user, struct session *s, const struct dossier_agent *agent,
		int fd, uint64_t until);
	/* tell the patient's display, or the professional's agent: dossier_informed() once one has answered */
	void (*inform)(void *user, struct session *s, const struct dossier_told *told);
	void (*failed)(void *user, int r); /* the lists cannot be asked: log it */
};

enum dossiers_outcome { /* the key is not the one that was used here before */
	DOSSIERS_OTHER_KEY = 1,
	DOSSIERS_OTHER_PSEUDONYM_KEY,
};

/** dossiers_new() - master key: 32 bytes of credential "dossier.key" or <state>/dossier.key (made,
 *  0600); pseudonym key likewise. Return: 0, a fault or an outcome. */
int dossiers_new(sd_event *ev, const struct config *config, const struct rights *rights,
	struct audit *audit, const struct dossier_ops *ops, void *user,
	struct dossiers **ret) _must_check_;
struct dossiers *dossiers_free(struct dossiers *ds);

/* session_ops' own members, for main.c to fill in: */
int dossier_pseudonym(struct dossiers *ds, const char *number, enum nature nature,
	char ret_hex[65]) _must_check_;
void dossier_prepare(struct dossiers *ds, struct session *s); /* ends with session_prepared() */
void dossier_ask_code(struct dossiers *ds, struct session *s); /* ends with session_coded() */
void dossier_unlock(struct dossiers *ds, struct session *s);   /* ends with session_granted() */
void dossier_lock(struct dossiers *ds, struct session *s);     /* kills the process */
enum vitaled_reason dossier_admit(
	struct dossiers *ds, struct session *s, const char **ret_rule);

/** dossier_agreed() - whether what is in force covers all that a prepared session is for: ask nobody. */
bool dossier_agreed(const struct session *s);
/** dossier_worth_asking() - NONE when consent would open something of a prepared session (without the
 *  patient's card: when all is agreed already), else why not: recorded, with the rule. */
enum vitaled_reason dossier_worth_asking(struct session *s);
/** dossier_busy() - whether a call of its owner, or a content that is read, is on its way. */
bool dossier_busy(const struct session *s);
/** dossier_state_of() - "absent", "open", "closed"; NULL while the session is not unlocked. */
const char *dossier_state_of(const struct session *s);

/** dossier_code_given() - what dossier_ops.ask_code asked for: a pipe with digits, taken, unread. */
void dossier_code_given(struct dossiers *ds, struct session *s, int fd);
/** dossier_code_failed() - ... nobody gave any: no agent, cancelled, time-out. */
void dossier_code_failed(struct dossiers *ds, struct session *s, enum vitaled_reason why);
/** dossier_informed() - what dossier_ops.inform asked for was shown: recorded, once. */
void dossier_informed(struct session *s, enum dossier_told_to to);
/** dossiers_keep() - one step of erasing closed dossiers whose ten years are over, a run at most a
 *  day. Return: whether another step is worth it now. */
bool dossiers_keep(struct dossiers *ds);

struct dossier_reply {
	enum vitaled_reason reason; /* NONE: done */
	const char *rule; /* NOT_PERMITTED: the rule's name; INVALID_ARGUMENT: the member */
	char id[37];	  /* Add, Replace */
	int fds[2]; /* taken by the callee by setting -1; Read: content, facts; else one */
};

/** dossier_done_fn - exactly once for each call, also from within it; not after the session's lock. */
typedef void (*dossier_done_fn)(void *user, struct dossier_reply *reply);

/* Calls. The session must be unlocked (else WRONG_STATE). Descriptors are borrowed. */
void dossier_create(struct session *s, dossier_done_fn done, void *user);
void dossier_summary(struct session *s, dossier_done_fn done, void *user);
void dossier_list(struct session *s, const json_t *filter, dossier_done_fn done, void *user);
void dossier_read(struct session *s, const char *id, dossier_done_fn done, void *user);
void dossier_add(
	struct session *s, int content, int metadata, dossier_done_fn done, void *user);
void dossier_set_visibility(struct session *s, const char *id, const char *flag, bool on,
	dossier_done_fn done, void *user);
void dossier_replace(struct session *s, const char *id, int content, int metadata,
	dossier_done_fn done, void *user); /* reply.id: the new one */
void dossier_archive(
	struct session *s, const char *id, bool on, dossier_done_fn done, void *user);
void dossier_delete(struct session *s, const char *id, dossier_done_fn done, void *user);
void dossier_history(struct session *s, const json_t *filter, dossier_done_fn done, void *user);
/* @who: sealed memfd, {"id", "name"?, "until"?}; a member that is none of these, or that the call
 * does not take, is INVALID_ARGUMENT by its name ("who": no object, or no such descriptor) */
void dossier_authorise(struct session *s, int who, dossier_done_fn done, void *user);
void dossier_revoke(struct session *s, int who, dossier_done_fn done, void *user);
void dossier_block(struct session *s, int who, bool on, dossier_done_fn done, void *user);
void dossier_list_professionals(struct session *s, dossier_done_fn done, void *user);
void dossier_set_treating_doctor(struct session *s, bool on, dossier_done_fn done, void *user);
/** dossier_set_opposition() - @mode: bris_de_glace or centre_15, else INVALID_ARGUMENT: mode. */
void dossier_set_opposition(
	struct session *s, const char *mode, bool on, dossier_done_fn done, void *user);
/** dossier_set_masked_allowed() - whether masked documents may be read in an emergency. */
void dossier_set_masked_allowed(struct session *s, bool on, dossier_done_fn done, void *user);
/** dossier_issue_activation_code() - a new one, shown by the professional's agent (NO_AGENT: it was made
 *  and nobody saw it, or there is none). */
void dossier_issue_activation_code(struct session *s, dossier_done_fn done, void *user);
/** dossier_set_personal_code() - asked for by dossier_ops.ask_code; INVALID_ARGUMENT: code, when what
 *  came is none. */
void dossier_set_personal_code(struct session *s, dossier_done_fn done, void *user);
/** dossier_close() - @reason: sealed memfd with a text of 1 to LIMIT_CLOSE_REASON characters, else
 *  INVALID_ARGUMENT: reason. */
void dossier_close(struct session *s, int reason, dossier_done_fn done, void *user);
void dossier_reopen(struct session *s, dossier_done_fn done, void *user);
void dossier_export(struct session *s, dossier_done_fn done, void *user); /* a pipe: one ZIP */
/** dossier_forget() - the calls with @user will not be called (the caller left). */
void dossier_forget(struct session *s, void *user);
