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

struct dossier_ops {
	void (*changed)(void *user, struct session *s); /* Dossier.State */
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
void dossier_unlock(struct dossiers *ds, struct session *s);  /* ends with session_granted() */
void dossier_lock(struct dossiers *ds, struct session *s);    /* kills the process */
enum vitaled_reason dossier_admit(
	struct dossiers *ds, struct session *s, const char **ret_rule);

/** dossier_agreed() - of a prepared session: whether an authorisation that is in force covers all that
 *  it is for, so that nobody need be asked. */
bool dossier_agreed(const struct session *s);
/** dossier_state_of() - "absent", "open", "closed"; NULL while the session is not unlocked. */
const char *dossier_state_of(const struct session *s);

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
/** dossier_forget() - the calls with @user will not be called (the caller left). */
void dossier_forget(struct session *s, void *user);
