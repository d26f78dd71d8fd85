/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* ImportReimbursements, played (fakes-feed.c). */
#include "daemon/dossier/import.h"
#include "daemon/trust/feeders.h"

struct fakes_feed {
	int anchors;		   /* what feeders_read() gives */
	struct trust_anchor end;   /* what feeders_each() tells; no subject: nothing */
	bool told;		   /* crls_feeders() was called */
	bool believed;		   /* dossiers_import() was given what feeders_read() gave */
	enum vitaled_reason begin; /* what dossiers_import() gives */
	uid_t uid;
	char caller[64];
	import_done_fn done; /* NULL: none waits, or it is forgotten */
	void *user;
};

extern struct fakes_feed fakes_feed;
/** fakes_imported() - end the import that waits. */
void fakes_imported(enum vitaled_reason reason, const char *detail, uint32_t added);
