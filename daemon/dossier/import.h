/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Reimbursements into dossiers (doc/feed.md): vitaled-feed verifies the feed and reads all of it, then
 * each person's dossier that there is gets its lines: through the process of the session that has it
 * open, else through one of its own, without a session. One feed at a time.
 *
 * Who signed is asked of the revocation lists before the first dossier, once those that are there have
 * been read (LIMIT_FEED_LISTS), and again before each; without an answer the import ends. From its beginning
 * to its end the anchors of feeders are those that vitaled-feed is given (crls_hold()): the lists are read
 * and asked with what the feed was verified against, not with what has come to lie there since.
 */
#include "daemon/dossier/dossier.h"
#include "daemon/session/crl.h"

struct import;

struct import_result {
	enum vitaled_reason reason; /* NONE: all that could be done is done */
	const char *detail; /* what is wrong, or of what; borrowed during the call; or NULL */
	uint32_t added;	    /* lines that are new in a dossier */
};

/** import_done_fn - once for each import that was begun, never from within dossiers_import(). */
typedef void (*import_done_fn)(void *user, const struct import_result *result);

struct import_request {
	int feed;    /* a regular file, open for reading, or a sealed memfd; borrowed */
	int anchors; /* sealed memfd of feeders_read(); borrowed */
	struct view believed;	   /* the same as bytes; copied */
	uid_t uid;		   /* who asked, for the record */
	const char *caller;	   /* copied */
	const struct trust *trust; /* with the lists; both outlive the import */
	struct crls *crls;
};

/**
 * dossiers_import() - begin
 *
 * Return: NONE, BUSY (another one is under way), AUDIT_UNAVAILABLE, CHILD_FAILED or FAILED.
 */
enum vitaled_reason dossiers_import(struct dossiers *ds, const struct import_request *request,
	import_done_fn done, void *user);
/** dossiers_import_forget() - who asked with @user has left; what was begun goes on. */
void dossiers_import_forget(struct dossiers *ds, void *user);

/** dossiers_lists_read() - a reading of revocation lists is over: an import may be waiting for that. */
void dossiers_lists_read(struct dossiers *ds);

/* -- for dossier.c ------------------------------------------------------------------------------ */

/** import_wake() - a session has got its dossier, or let go of it: an import may be waiting for that. */
void import_wake(struct dossiers *ds);
/** import_holds() - whether an import has the file of @pseudonym open in a process of its own. */
bool import_holds(const struct dossiers *ds, const char *pseudonym);
struct import *import_free(struct import *im); /* takes NULL */
