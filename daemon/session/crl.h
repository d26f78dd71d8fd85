/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The folder of revocation lists ([paths] crl, /etc/vitaled/crl): every *.crl and *.pem in it is
 * read by vitaled-crl, at the start and when the folder changes, and put into struct trust
 * (daemon/trust/revocation.h). Lists are handed in by the administrator; nothing is fetched. Without
 * a list, or without the folder, the state of a certificate is unknown.
 *
 * Each reading looks at the anchors of feeders as well, for whose lists are believed: those that lie there
 * then. While an import is under way they are those that its feed was verified against, whatever comes to
 * lie there or goes: with these the lists are read and the signer is asked about, until the import ends.
 */
#include "daemon/config.h"
#include "daemon/session/child.h"

struct crls;

/* What is told; none may free the struct crls. */
struct crls_ops {
	/* a list took its place, others may still be read: ask trust_revocation() again */
	void (*taken)(void *user);
	/* a reading that had news is over: ask crls_state() again */
	void (*changed)(void *user);
	/* a reading is over; crls_reading(): another one is due */
	void (*read)(void *user);
};

/** crls_new() - reading begins when the loop runs. @ops: all set, copied. Return: 0 or a fault. */
int crls_new(sd_event *ev, const struct config *config, struct trust *t,
	const struct crls_ops *ops, void *user, struct crls **ret) _must_check_;
struct crls *crls_free(struct crls *c); /* takes NULL */

/** crls_reading() - whether a reading is under way or due, so that findings may be about to change. */
bool crls_reading(const struct crls *c);

/** crls_feeders() - the anchors of feeders (feeders_read()) are these now. When they are not those of
 *  the last reading, another one is due: their lists may lie there. During an import it is after that. */
void crls_feeders(struct crls *c, struct view anchors);

/** crls_hold() - an import begins, of a feed that is verified against @anchors (copied): they are those of
 *  feeders until crls_release(), and another reading is due unless the last one was made with them.
 *  Return: 0 or a fault, and nothing is held. */
int crls_hold(struct crls *c, struct view anchors) _must_check_;
/** crls_held() - when no reading is under way or due: whether the last one was made, and with them. */
bool crls_held(const struct crls *c);
void crls_release(struct crls *c);

/* One finding for Diagnose. Texts are UTF-8, borrowed during the call; NULL: does not apply. */
struct crl_finding {
	const char *
		name; /* crl-missing, crl-expired, both after "feeder-" too; crl-rejected, crl-failed */
	const char *nature;    /* missing, expired: word of the anchor's nature */
	const char *authority; /* missing, expired: its CN */
	const char *file;      /* rejected: without the folder */
	const char *reason;    /* rejected, failed: one of the words in crl-folder.c */
};

typedef void (*crl_found_fn)(void *user, const struct crl_finding *f);

/** crls_state() - what is wrong now, nothing when all is well.
 *  crl-missing: no list of an authority that issues cards; crl-expired: all of its lists are past
 *  nextUpdate; feeder-crl-...: the same of an authority of feeders; crl-rejected: a file that was not taken; crl-failed: the folder, or all of it, could
 *  not be looked at (unreadable, too-many, fault). */
void crls_state(const struct crls *c, uint64_t now, crl_found_fn found, void *user);
