/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The methods of Manager that stand in files of their own. */
#include "daemon/bus/objects.h"

void manager_on_open(struct call *call);       /* open.c */
void manager_on_diagnose(struct call *call);   /* diagnose.c */
void manager_on_checkpoint(struct call *call); /* record.c */
void manager_on_proof(struct call *call);
void manager_on_consistency(struct call *call);
void manager_on_export(struct call *call);
void manager_on_import(struct call *call); /* feed.c */
void feed_forget(struct call *call);	   /* the caller of ImportReimbursements() left */
void record_start(struct bus *b); /* every checkpoint that is made is told from now on */
void record_stop(struct bus *b);

/** reader_pair() - the pair that @r is of; "" for none. */
const char *reader_pair(const struct config *config, const struct card_reader *r);
void reader_on_lend(struct call *call);	    /* lease.c */
void lease_forget(struct call *call);	    /* the caller of Lend() left */
void card_on_change_pin(struct call *call); /* codes.c */
void card_on_unblock_pin(struct call *call);
void code_forget(struct call *call); /* the caller of ChangePin() or UnblockPin() left */

/** memfd_reply() - a reply that holds @j in a sealed memfd; ends @call. */
void memfd_reply(struct call *call, const json_t *j, const char *name);
/** text_reply() - the same of @text as it is. */
void text_reply(struct call *call, struct view text, const char *name);
/** call_session() - the session of the object that @call is for. */
struct session *call_session(const struct call *call);

extern const struct cards_ops bus_cards_ops; /* cards.c */
/** bus_cards_announce() - the readers and cards that are there already. */
int bus_cards_announce(struct bus *b) _must_check_;
