/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Which file runs which call; part of call.h. */
#include "daemon/dossier/inside.h"

/* -- what runs a call (calls-read.c, calls-change.c, calls-people.c) ---------------------------- */
void call_run_many(struct call *c);    /* Summary, List */
void call_run_one(struct call *c);     /* by its document's row */
void call_run_history(struct call *c); /* calls-history.c; allowed already, as all below */
void call_run_create(struct call *c);
void call_run_add(struct call *c); /* in general; then by the row it would make */
void call_change_document(
	struct call *c); /* SetVisibility, Replace, Archive, Delete: by its row */
void call_run_professionals(struct call *c);
void call_run_people(struct call *c);
void call_run_close(struct call *c); /* calls-life.c, as the next two */
void call_run_reopen(struct call *c);
void call_run_export(struct call *c);
void call_run_rows(struct call *c);	/* of its filter; then the ids are released */
void call_send_ids(struct call *c);	/* of the rows that are released, to the process */
void call_run_import(struct call *c);	/* import-dossier.c */
void call_run_set_code(struct call *c); /* codes.c, as the next */
void call_run_issue_code(struct call *c);

/* -- history (calls-history.c) ------------------------------------------------------------------ */

/** call_gather_history() - Export, History: the rows have all been decided about; the record's entries are
 *  gathered, in steps, and given out. */
void call_gather_history(struct call *c);
struct call_history *call_history_free(struct call_history *h); /* takes NULL */

/* -- acts on people (calls-people.c) ------------------------------------------------------------ */

/** call_enqueue_act() - with its act and the entries' details, both taken; NULL: @c is dropped. */
void call_enqueue_act(struct call *c, json_t *act, json_t *details);
/** call_put_act() - FACTS: the act, by whom and when. */
int call_put_act(struct call *c, struct buf *body) _must_check_;
/** call_send_act() - the change is about to be made: recorded, then the act is sent as @op. */
void call_send_act(struct call *c, enum dossier_op op, child_answer_fn done);
void call_on_people(void *user, struct link_frame *answer); /* a child_answer_fn: PEOPLE, ... */

/* -- the patient's code (codes.c) --------------------------------------------------------------- */

/** call_need_code() - the running call is refused by the rule `code` alone: it is asked for, and then
 *  the call is decided anew, or ends. */
void call_need_code(struct call *c);
/** call_go_on() - decide the running call anew (calls.c). */
void call_go_on(struct call *c);
