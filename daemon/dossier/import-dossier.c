/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One person's lines into their dossier. Its file has one process at a time: where a session has it open
 * the lines wait for their turn among the session's calls; where one is still on its way to it they wait
 * for that one; else a process of our own opens it as for a session, checks it against the record as
 * for a session, and goes again. A session that comes meanwhile waits for that (dossier.c).
 *
 * Rights are asked, and the record told, as for every other change: started, then what came of it. The
 * entries name who handed the feed in, and no professional.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tlv.h"
#include "daemon/dossier/files.h"
#include "daemon/dossier/import-inside.h"
#include "daemon/limits.h"

#define ATTEMPTS 3U

/* -- both ways ---------------------------------------------------------------------------------- */

/* The feed's signature has been verified; there is no card, and nobody is asked. */
static bool allowed(const struct import *im, const char **ret_rule)
{
	const struct rights_facts f = {
		.action = RIGHTS_ACTION_IMPORT,
		.mode = SESSION_MODE_ADMINISTRATION,
		.card_type = UINT8_MAX,
		.speciality = "",
		.sector = "",
		.feeder = true,
		.required = PROOF_NONE,
		.author_kind = RIGHTS_AUTHOR_INSURER,
		.type = "reimbursement",
	};

	return rights_decide(im->all->rights, &f, ret_rule) == RIGHTS_ALLOW;
}

static enum vitaled_reason reason_of(uint8_t outcome)
{
	switch (outcome) {
	case DOSSIER_TOO_LARGE:
		return VITALED_REASON_LIMITS_EXCEEDED;
	case DOSSIER_FULL:
		return VITALED_REASON_STORE_UNAVAILABLE;
	default: /* a byte of the link, and what cannot be of an import */
		return VITALED_REASON_FAILED;
	}
}

/* Whether the process has told that nothing was changed, and that it will go on. */
static bool is_refusal(const struct link_frame *answer)
{
	return answer && answer->outcome != DOSSIER_DONE && answer->outcome != DOSSIER_FAULT &&
	       answer->outcome != DOSSIER_DAMAGED && answer->outcome != DOSSIER_NEWER;
}

/* Who signed, rights and the record before the change: it may have waited long for the dossier.
 * Return: NONE to go on. */
static enum vitaled_reason start(struct import *im, struct dossier *d)
{
	enum vitaled_reason reason = import_judge(im);
	const char *rule;

	if (reason != VITALED_REASON_NONE) {
		return reason;
	}
	if (!allowed(im, &rule)) {
		return record_entry(d, AUDIT_EVENT_DENIED,
			       vitaled_reason_word(VITALED_REASON_NOT_PERMITTED), NULL, rule,
			       NULL) == 0
			       ? VITALED_REASON_NOT_PERMITTED
			       : VITALED_REASON_AUDIT_UNAVAILABLE;
	}
	return import_record(im, d, "started", import_details(im, im->n, -1)) == 0
		       ? VITALED_REASON_NONE
		       : VITALED_REASON_AUDIT_UNAVAILABLE;
}

/* What the process said of the change, into the record. Return: NONE when it was made. */
static enum vitaled_reason conclude(
	struct import *im, struct dossier *d, const struct link_frame *answer, uint32_t *ret_n)
{
	enum vitaled_reason reason = reason_of(answer->outcome);

	if (answer->outcome != DOSSIER_DONE) {
		return import_record(im, d, vitaled_reason_word(reason),
			       import_details(im, im->n, -1)) == 0
			       ? reason
			       : VITALED_REASON_AUDIT_UNAVAILABLE;
	}
	if (tlv_find_u32(answer->body, LINK_TAG_VALUE, ret_n) != 0 ||
		!dossier_take_state(d, answer->body)) {
		return VITALED_REASON_CHILD_FAILED;
	}
	return import_record(im, d, "ok", import_details(im, im->n, *ret_n)) == 0
		       ? VITALED_REASON_NONE
		       : VITALED_REASON_AUDIT_UNAVAILABLE;
}

/* -- through the process of a session ----------------------------------------------------------- */

static void end(struct import *im, enum vitaled_reason reason)
{
	im->ended = true;
	im->end = reason;
}

static void on_queue_answer(void *user, struct link_frame *answer)
{
	struct call *c = user;
	struct import *im = c->user;
	struct dossier *d = c->d;
	enum vitaled_reason reason;

	if (is_refusal(answer) || (answer && answer->outcome == DOSSIER_DONE)) {
		reason = conclude(im, d, answer, &im->queued);
		end(im, reason);
		if (reason == VITALED_REASON_AUDIT_UNAVAILABLE) {
			call_unrecorded(c);
		} else if (reason == VITALED_REASON_CHILD_FAILED) {
			call_malformed(c);
		} else {
			call_finish(c, reason);
		}
		return;
	}
	(void)call_went_wrong(c, answer); /* the session ends, and tells on_queue_done() */
}

void call_run_import(struct call *c)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);
	struct import *im = c->user;
	enum vitaled_reason reason;

	if (c->d->state != DOSSIER_STATE_OPEN) {
		end(im, VITALED_REASON_NO_DOSSIER);
		call_finish(c, VITALED_REASON_NO_DOSSIER);
		return;
	}
	reason = start(im, c->d);
	if (reason == VITALED_REASON_NONE &&
		call_put_json(&body, LINK_TAG_FACTS, im->facts) < 0) {
		reason = VITALED_REASON_FAILED;
	}
	if (reason == VITALED_REASON_NONE) {
		call_request(c, DOSSIER_OP_IMPORT, &body, &im->fd, 1, on_queue_answer);
		return;
	}
	end(im, reason);
	if (reason == VITALED_REASON_AUDIT_UNAVAILABLE) {
		call_unrecorded(c);
	} else {
		call_finish(c, reason);
	}
}

/* Once the call is done, or the session has ended before it was: then the dossier is anybody's, and the
 * lines go another way. Its process may be on its way out: not from here. */
static void on_queue_done(void *user, struct dossier_reply *reply)
{
	struct import *im = user;

	(void)reply;
	if (im->ended) {
		import_person_end(im, im->end, im->queued);
	} else if (++im->attempts >= ATTEMPTS) {
		import_person_end(im, VITALED_REASON_CHILD_FAILED, 0);
	} else {
		import_later(im, IMPORT_DOSSIER);
	}
}

/* Not by call_begin(): a session that is suspended does not answer its owner, but has the file. */
static void enqueue(struct import *im, struct dossier *d)
{
	struct call *c = calloc(1, sizeof(*c));

	if (!c) {
		import_person_end(im, VITALED_REASON_FAILED, 0);
		return;
	}
	c->d = d;
	c->kind = CALL_IMPORT;
	c->action = RIGHTS_ACTION_IMPORT;
	c->done = on_queue_done;
	c->user = im;
	c->fds[0] = -1;
	c->fds[1] = -1;
	im->ended = false;
	im->queued = 0;
	call_enqueue(c);
}

/* -- through a process of our own --------------------------------------------------------------- */

void import_let_go(struct import *im)
{
	struct dossiers *ds = im->all;
	struct dossier *d = im->d;

	if (!d) {
		return;
	}
	im->d = NULL;
	child_free(d->child);
	secret_done(&d->key);
	json_decref(d->unfinished);
	wipe(d, sizeof(*d));
	free(d);
	dossier_begin_waiting(ds);
}

/* An answer that is none, or that no later one can make good. Return: whether the person is done. */
static bool went_wrong(struct import *im, const struct link_frame *answer)
{
	enum vitaled_reason reason = VITALED_REASON_STORE_UNAVAILABLE;
	struct dossier *d = im->d;
	int r = 0;

	if (answer && answer->outcome == DOSSIER_DONE) {
		return false;
	}
	if (!answer || answer->outcome == DOSSIER_FAULT) {
		reason = VITALED_REASON_CHILD_FAILED;
		r = record_entry(d, AUDIT_EVENT_CHILD_FAILED, vitaled_reason_word(reason), NULL,
			NULL,
			json_pack("{s:s,s:s}", "program", "vitaled-dossier", "why",
				answer ? "fault" : "gone"));
	} else if (answer->outcome == DOSSIER_DAMAGED || answer->outcome == DOSSIER_NEWER) {
		r = record_rejected(d, answer->outcome == DOSSIER_NEWER ? "newer" : "damaged");
	}
	import_person_end(im, r == 0 ? reason : VITALED_REASON_AUDIT_UNAVAILABLE, 0);
	return true;
}

static void request(struct import *im, enum dossier_op op, const struct buf *body,
	const int *fds, size_t n_fds, child_answer_fn done)
{
	uint64_t most = op == DOSSIER_OP_IMPORT ? LIMIT_DOSSIER_STREAM : LIMIT_DOSSIER;

	if (buf_check(body) < 0 || child_request(im->d->child, (uint8_t)op, buf_view(body), fds,
					   n_fds, most, done, im) != 0) {
		import_person_end(im, VITALED_REASON_CHILD_FAILED, 0);
	}
}

static void on_imported(void *user, struct link_frame *answer)
{
	struct import *im = user;
	enum vitaled_reason reason;
	uint32_t n = 0;

	if (!is_refusal(answer) && went_wrong(im, answer)) {
		return;
	}
	reason = conclude(im, im->d, answer, &n);
	import_person_end(im, reason, n);
}

/* The header under the dossier's key holds version and hash. */
static void on_granted(void *user, struct link_frame *answer)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);
	struct import *im = user;
	enum vitaled_reason reason;

	if (went_wrong(im, answer)) {
		return;
	}
	reason = record_recovered(im->d) == 0 ? start(im, im->d)
					      : VITALED_REASON_AUDIT_UNAVAILABLE;
	if (reason == VITALED_REASON_NONE &&
		call_put_json(&body, LINK_TAG_FACTS, im->facts) < 0) {
		reason = VITALED_REASON_FAILED;
	}
	if (reason != VITALED_REASON_NONE) {
		import_person_end(im, reason, 0);
		return;
	}
	request(im, DOSSIER_OP_IMPORT, &body, &im->fd, 1, on_imported);
}

static void send_key(struct import *im, const struct secret *key, child_answer_fn done)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(64);

	tlv_put(&body, LINK_TAG_KEY, view_of(key->data, key->len));
	request(im, DOSSIER_OP_KEY, &body, NULL, 0, done);
}

/* Who may open it is no matter here. */
static void on_people(void *user, struct link_frame *answer)
{
	struct import *im = user;

	if (!went_wrong(im, answer)) {
		send_key(im, &im->d->key, on_granted);
	}
}

static void send_people_key(struct import *im)
{
	_cleanup_(secret_done) struct secret people = SECRET_NULL;
	struct dossier *d = im->d;

	if (seal_people_key(view_of(d->key.data, d->key.len), view_str(d->pseudonym), &people) <
		0) {
		import_person_end(im, VITALED_REASON_FAILED, 0);
		return;
	}
	send_key(im, &people, on_people);
}

/* Against the record, as for a session. Return: NONE to go on, NO_DOSSIER: nothing to be imported into. */
static enum vitaled_reason check(struct dossier *d, struct view previous)
{
	const char *why = NULL;
	int r = record_check(d, previous, &why);

	if (r == RECORD_REJECTED) {
		return record_rejected(d, why) == 0 ? VITALED_REASON_STORE_UNAVAILABLE
						    : VITALED_REASON_AUDIT_UNAVAILABLE;
	}
	if (r != 0) {
		return VITALED_REASON_AUDIT_UNAVAILABLE;
	}
	return d->state == DOSSIER_STATE_OPEN ? VITALED_REASON_NONE : VITALED_REASON_NO_DOSSIER;
}

static void on_opened(void *user, struct link_frame *answer)
{
	struct import *im = user;
	struct view previous;
	enum vitaled_reason reason;

	if (went_wrong(im, answer)) {
		return;
	}
	reason = dossier_take_opened(im->d, answer->body, &previous)
			 ? check(im->d, previous)
			 : VITALED_REASON_CHILD_FAILED;
	if (reason == VITALED_REASON_NONE) {
		send_people_key(im);
	} else {
		import_person_end(im, reason, 0);
	}
}

/* Requests that wait are answered with none before; without one the next is not taken. */
static void on_ended(void *user, const char *why)
{
	(void)user;
	(void)why;
}

/* Return: 0, a fault, or an enum vitaled_reason. */
static int take_key(struct import *im)
{
	struct dossiers *ds = im->all;
	struct dossier *d = im->d;
	int r = keys_unwrap(&ds->keys, ds->folder, d->pseudonym, &d->key);

	if (r > 0) {
		r = record_rejected(d, r == KEYS_DAMAGED ? "key" : "no-key");
		return r == 0 ? VITALED_REASON_STORE_UNAVAILABLE
			      : VITALED_REASON_AUDIT_UNAVAILABLE;
	}
	return trace(r);
}

static int start_child(struct import *im)
{
	static const struct child_ops ops = {.ended = on_ended};
	char *const env[] = {NULL};
	char program[320];

	(void)snprintf(
		program, sizeof(program), "%s/vitaled-dossier", im->all->config->children);
	return trace(child_start(im->all->ev, program, env, &ops, im, &im->d->child));
}

static void open_own(struct import *im)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(2048);
	struct dossier *d;
	int r;

	/* erased since its person's turn came, or while a session had it: no key is missing then */
	if (!files_store_exists(im->all->folder, im->pseudonym)) {
		import_person_end(im, VITALED_REASON_NO_DOSSIER, 0);
		return;
	}
	d = calloc(1, sizeof(*d));
	if (!d) {
		import_person_end(im, VITALED_REASON_FAILED, 0);
		return;
	}
	d->all = im->all;
	d->state = DOSSIER_STATE_ABSENT;
	bytes_copy(d->pseudonym, sizeof(d->pseudonym), im->pseudonym, sizeof(im->pseudonym));
	im->d = d;
	r = take_key(im);
	if (r == 0) {
		r = start_child(im);
	}
	if (r != 0) {
		import_person_end(
			im, r < 0 ? VITALED_REASON_FAILED : (enum vitaled_reason)r, 0);
		return;
	}
	tlv_put_str(&body, LINK_TAG_FOLDER, im->all->folder);
	tlv_put_str(&body, LINK_TAG_PSEUDONYM, d->pseudonym);
	tlv_put_u8(&body, LINK_TAG_VALUE, 0);
	request(im, DOSSIER_OP_OPEN, &body, NULL, 0, on_opened);
}

/* -- which way ---------------------------------------------------------------------------------- */

static struct dossier *held_by_session(const struct import *im)
{
	for (struct dossier *d = im->all->first; d; d = d->next) {
		if (strcmp(d->pseudonym, im->pseudonym) == 0) {
			return d;
		}
	}
	return NULL;
}

void import_dossier(struct import *im)
{
	struct dossier *d = held_by_session(im);

	im->waiting = d && !d->granted;
	if (!d) {
		open_own(im);
	} else if (d->granted) {
		enqueue(im, d);
	}
}

void import_wake(struct dossiers *ds)
{
	if (ds->import && ds->import->waiting) {
		ds->import->waiting = false;
		import_later(ds->import, IMPORT_DOSSIER);
	}
}

bool import_holds(const struct dossiers *ds, const char *pseudonym)
{
	return ds->import && ds->import->d && strcmp(ds->import->d->pseudonym, pseudonym) == 0;
}
