/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What import.c (the feed) and import-dossier.c (one person's dossier) share. */
#include "daemon/dossier/call.h"
#include "daemon/dossier/import.h"

#define IMPORT_REVOKED "revoked" /* detail of FEED_INVALID */
#define IMPORT_LISTS   "lists"	 /* of TIMEOUT and FAILED: the lists could not be asked */

enum import_turn {	 /* what comes next */
	IMPORT_NEXT = 0, /* the next person */
	IMPORT_JUDGE,	 /* who signed */
	IMPORT_DOSSIER,	 /* the dossier of the one at hand, again */
};

struct import {
	struct dossiers *all;
	struct child *reader; /* vitaled-feed */
	import_done_fn done;  /* NULL: who asked has left */
	void *user;
	sd_event_source *turn;
	enum import_turn then;
	uid_t uid; /* who asked */
	char caller[256];
	enum nature nature;
	char feed[65]; /* SHA-256 of it, hex; "": not known yet */
	const struct trust *trust;
	struct crls *crls;
	bool holding;			  /* crls_hold(), until the end */
	struct buf chain;		  /* of who signed, for revocation_feeder() */
	bool unread;			  /* lists are still being read */
	sd_event_source *late;		  /* ... for too long; or NULL */
	enum trust_revocation revocation; /* as it was asked last */
	enum vitaled_reason verdict;	  /* import_judge(); unless it is NONE it ends all */
	json_t *facts;	 /* of the feed, for the dossiers' processes: author, made */
	uint32_t lines;	 /* in all */
	uint32_t added;	 /* that were new */
	uint32_t absent; /* persons without an open dossier */
	uint32_t failed; /* persons whose dossier could not be changed */
	/* the person at hand */
	char pseudonym[65];
	uint32_t n;	   /* their lines */
	int fd;		   /* ... as a sealed memfd */
	struct dossier *d; /* in a process of our own, without a session; or NULL */
	bool waiting;	   /* a session has the dossier, and is not that far yet */
	bool ended;	   /* the queued call has come to its end: @end, @queued lines new */
	enum vitaled_reason end;
	uint32_t queued;
	unsigned int attempts; /* sessions that ended under it */
};

/** import_details() - of an entry: the feed, @lines, and @added unless it is negative. */
json_t *import_details(const struct import *im, uint32_t lines, int64_t added);
/** import_record() - an entry of the import: about @d, or NULL: the feed itself. @details: taken.
 *  Return: 0 or AUDIT_UNAVAILABLE. */
int import_record(const struct import *im, struct dossier *d, const char *outcome,
	json_t *details) _must_check_;
/** import_judge() - what the lists say of who signed. Return, and in @im: NONE, FEED_INVALID: revoked,
 *  CHILD_FAILED: what vitaled-feed handed over is no chain, or FAILED: the lists could not be asked. */
enum vitaled_reason import_judge(struct import *im);
/** import_person_end() - the person at hand is done: NONE with @added lines, NO_DOSSIER, or why not; when
 *  import_judge() said so, all is. */
void import_person_end(struct import *im, enum vitaled_reason reason, uint32_t added);
/** import_later() - go on from the loop. */
void import_later(struct import *im, enum import_turn then);

/** import_dossier() - bring the lines at hand into their dossier; ends with import_person_end(). */
void import_dossier(struct import *im);
/** import_let_go() - the process of our own ends; a session that waits for the dossier begins. */
void import_let_go(struct import *im);
