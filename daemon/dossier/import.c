/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One feed: verified and read by vitaled-feed before anything is changed, then person by person, each
 * from a turn of the loop of its own. Numbers become pseudonyms here and are wiped; what was reimbursed
 * goes from process to process as a sealed memfd and is never looked at. A dossier whose change fails
 * is counted, and the rest goes on; a record that takes no entry ends it. All of it can
 * be imported again: what is there already stays as it is. A signer who is revoked meanwhile gets no
 * further dossier; those that were reached keep their lines, as each was one transaction.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/link-feed.h"
#include "base/tlv.h"
#include "daemon/dossier/files.h"
#include "daemon/dossier/import-inside.h"
#include "daemon/limits.h"
#include "daemon/trust/revocation.h"

static void ask_next(struct import *im);
static void judge(struct import *im);

struct import *import_free(struct import *im)
{
	if (im) {
		import_let_go(im);
		sd_event_source_disable_unref(im->turn);
		sd_event_source_disable_unref(im->late);
		if (im->holding) {
			crls_release(im->crls);
		}
		child_free(im->reader);
		json_decref(im->facts);
		buf_done(&im->chain);
		if (im->fd >= 0) {
			(void)close(im->fd);
		}
		free(im);
	}
	return NULL;
}

/* -- the record --------------------------------------------------------------------------------- */

json_t *import_details(const struct import *im, uint32_t lines, int64_t added)
{
	_cleanup_json_ json_t *j = json_pack("{s:I}", "lines", (json_int_t)lines);

	if (im->feed[0] && json_set(j, "feed", json_string(im->feed)) < 0) {
		return NULL;
	}
	if (added >= 0 && json_set(j, "added", json_integer((json_int_t)added)) < 0) {
		return NULL;
	}
	return json_incref(j);
}

int import_record(
	const struct import *im, struct dossier *d, const char *outcome, json_t *details)
{
	_cleanup_json_ json_t *owned = details;
	struct audit_entry e = AUDIT_ENTRY_NULL;

	e.event = AUDIT_EVENT_IMPORTED;
	e.caller_uid = (int64_t)im->uid;
	e.caller = im->caller;
	e.outcome = outcome;
	e.details = owned;
	if (!owned) {
		return AUDIT_UNAVAILABLE;
	}
	return d ? record_import(d, &e) : audit_append(im->all->audit, &e, NULL);
}

/* What came of all of it. */
static json_t *summary(const struct import *im, const char *why)
{
	_cleanup_json_ json_t *j = import_details(im, im->lines, im->added);

	if (json_set(j, "absent", json_integer((json_int_t)im->absent)) < 0 ||
		json_set(j, "failed", json_integer((json_int_t)im->failed)) < 0 ||
		(why && json_set(j, "why", json_string(why)) < 0)) {
		return NULL;
	}
	return json_incref(j);
}

/* -- the end ------------------------------------------------------------------------------------ */

static void finish(struct import *im, enum vitaled_reason reason, const char *detail)
{
	struct import_result result = {.reason = reason, .detail = detail, .added = im->added};
	import_done_fn done;
	void *user;

	if (import_record(im, NULL,
		    reason == VITALED_REASON_NONE ? "ok" : vitaled_reason_word(reason),
		    summary(im, detail)) != 0) {
		result.reason = VITALED_REASON_AUDIT_UNAVAILABLE;
		result.detail = NULL;
	}
	done = im->done;
	user = im->user;
	im->all->import = NULL;
	import_free(im);
	if (done) {
		done(user, &result);
	}
}

/* After import_judge() has said that no further line goes into a dossier. */
static void finish_judged(struct import *im)
{
	const char *detail = NULL;

	if (im->verdict == VITALED_REASON_FEED_INVALID) {
		detail = IMPORT_REVOKED;
	} else if (im->verdict == VITALED_REASON_FAILED) {
		detail = IMPORT_LISTS;
	}
	finish(im, im->verdict, detail);
}

static int on_turn(sd_event_source *source, void *user)
{
	struct import *im = user;

	(void)source;
	switch (im->then) {
	case IMPORT_NEXT:
		ask_next(im);
		break;
	case IMPORT_JUDGE:
		judge(im);
		break;
	case IMPORT_DOSSIER:
		import_dossier(im);
		break;
	}
	return 0;
}

void import_later(struct import *im, enum import_turn then)
{
	im->then = then;
	(void)sd_event_source_set_enabled(im->turn, SD_EVENT_ONESHOT);
}

void import_person_end(struct import *im, enum vitaled_reason reason, uint32_t added)
{
	import_let_go(im);
	if (im->fd >= 0) {
		(void)close(im->fd);
	}
	im->fd = -1;
	if (reason == VITALED_REASON_AUDIT_UNAVAILABLE) {
		im->failed++;
		finish(im, reason, NULL);
		return;
	}
	if (im->verdict != VITALED_REASON_NONE) {
		finish_judged(im);
		return;
	}
	im->added += added;
	im->absent += reason == VITALED_REASON_NO_DOSSIER;
	im->failed += reason != VITALED_REASON_NONE && reason != VITALED_REASON_NO_DOSSIER;
	import_later(im, IMPORT_NEXT);
}

/* -- persons ------------------------------------------------------------------------------------ */

/* An answer of vitaled-feed that is none: it is over. Return: whether. */
static bool went_wrong(struct import *im, const struct link_frame *answer)
{
	if (answer && answer->outcome == FEED_DONE) {
		return false;
	}
	finish(im, VITALED_REASON_CHILD_FAILED, NULL);
	return true;
}

static void ask(struct import *im, enum feed_op op, child_answer_fn done)
{
	if (child_request(im->reader, (uint8_t)op, VIEW_NULL, NULL, 0, LIMIT_FEED_STEP, done,
		    im) != 0) {
		finish(im, VITALED_REASON_CHILD_FAILED, NULL);
	}
}

static void on_lines(void *user, struct link_frame *answer)
{
	struct import *im = user;

	if (went_wrong(im, answer)) {
		return;
	}
	if (answer->n_fds != 1) {
		finish(im, VITALED_REASON_CHILD_FAILED, NULL);
		return;
	}
	im->fd = answer->fds[0];
	answer->fds[0] = -1;
	im->attempts = 0;
	import_dossier(im);
}

/* The person at hand; a number that is none is a bug of the child's. Return: whether it is one. */
static bool take_person(struct import *im, struct view body)
{
	char number[16];
	bool taken;

	taken = tlv_find_str(body, FEED_TAG_NUMBER, number, sizeof(number)) == 0 &&
		strlen(number) == 13 && tlv_find_u32(body, FEED_TAG_COUNT, &im->n) == 0 &&
		dossier_pseudonym(im->all, number, im->nature, im->pseudonym) == 0;
	wipe(number, sizeof(number));
	return taken;
}

static void on_next(void *user, struct link_frame *answer)
{
	struct import *im = user;

	if (went_wrong(im, answer)) {
		return;
	}
	if (answer->body.len == 0) {
		finish(im,
			im->failed > 0 ? VITALED_REASON_STORE_UNAVAILABLE : VITALED_REASON_NONE,
			im->failed > 0 ? "dossiers" : NULL);
		return;
	}
	if (!take_person(im, answer->body)) {
		finish(im, VITALED_REASON_CHILD_FAILED, NULL);
		return;
	}
	if (!files_store_exists(im->all->folder, im->pseudonym)) {
		import_person_end(im, VITALED_REASON_NO_DOSSIER, 0);
		return;
	}
	ask(im, FEED_OP_LINES, on_lines);
}

static void ask_next(struct import *im)
{
	ask(im, FEED_OP_NEXT, on_next);
}

/* -- the feed ----------------------------------------------------------------------------------- */

static bool take_nature(struct view body, enum nature *ret)
{
	uint8_t nature;

	if (tlv_find_u8(body, FEED_TAG_NATURE, &nature) != 0 || nature == NATURE_UNKNOWN ||
		nature >= NATURE_COUNT) {
		return false;
	}
	*ret = (enum nature)nature;
	return true;
}

static bool take_head(struct import *im, struct view body)
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(2 * SEAL_HASH);
	char feeder[801];
	char made[11];
	struct tlv chain;
	struct tlv hash;

	if (!take_nature(body, &im->nature) || tlv_find(body, FEED_TAG_HASH, &hash) != 0 ||
		hash.value.len != SEAL_HASH ||
		tlv_find_u32(body, FEED_TAG_COUNT, &im->lines) != 0 ||
		tlv_find_str(body, FEED_TAG_FEEDER, feeder, sizeof(feeder)) != 0 ||
		tlv_find_str(body, FEED_TAG_MADE, made, sizeof(made)) != 0 ||
		tlv_find(body, FEED_TAG_CHAIN, &chain) != 0) {
		return false;
	}
	buf_put_view(&im->chain, chain.value);
	hex_encode(&hex, hash.value);
	im->facts = json_pack("{s:{s:s,s:s,s:s},s:s}", "author", "kind", "insurer", "id",
		feeder, "name", feeder, "made", made);
	return im->facts && buf_check(&im->chain) == 0 &&
	       view_copy_str(buf_view(&hex), im->feed, sizeof(im->feed)) == 0;
}

/* Why the feed is not taken, as its reader says. */
static void refuse(struct import *im, const struct link_frame *answer)
{
	char why[96];

	switch (answer->outcome) {
	case FEED_INVALID:
		if (tlv_find_str(answer->body, FEED_TAG_WHY, why, sizeof(why)) != 0) {
			break;
		}
		finish(im, VITALED_REASON_FEED_INVALID, why);
		return;
	case FEED_LARGE:
		finish(im, VITALED_REASON_LIMITS_EXCEEDED, "feed");
		return;
	case FEED_NO_FILE:
		finish(im, VITALED_REASON_INVALID_ARGUMENT, "feed");
		return;
	default: /* a byte of the link */
		break;
	}
	finish(im, VITALED_REASON_CHILD_FAILED, NULL);
}

static void on_read(void *user, struct link_frame *answer)
{
	struct import *im = user;

	if (!answer) {
		finish(im, VITALED_REASON_CHILD_FAILED, NULL);
		return;
	}
	if (answer->outcome != FEED_DONE) {
		refuse(im, answer);
		return;
	}
	if (!take_head(im, answer->body)) {
		finish(im, VITALED_REASON_CHILD_FAILED, NULL);
		return;
	}
	judge(im);
}

/* -- who signed --------------------------------------------------------------------------------- */

/* Its answer must not be guessed: without one the import ends. */
enum vitaled_reason import_judge(struct import *im)
{
	int r = revocation_feeder(
		im->trust, buf_view(&im->chain), clock_wall(), &im->revocation);

	im->verdict = VITALED_REASON_NONE;
	if (r < 0) {
		im->all->ops->failed(im->all->user, r);
	}
	if (r != 0) { /* > 0: what vitaled-feed has handed over is no chain */
		im->verdict = r < 0 ? VITALED_REASON_FAILED : VITALED_REASON_CHILD_FAILED;
	} else if (im->revocation == TRUST_REVOCATION_REVOKED) {
		im->verdict = VITALED_REASON_FEED_INVALID;
	}
	return im->verdict;
}

static json_t *beginning(const struct import *im)
{
	_cleanup_json_ json_t *j = import_details(im, im->lines, -1);

	if (json_set(j, "revocation", json_string(trust_revocation_word(im->revocation))) < 0) {
		return NULL;
	}
	return json_incref(j);
}

static int on_late(sd_event_source *source, uint64_t usec, void *user)
{
	struct import *im = user;

	(void)source;
	(void)usec;
	finish(im, VITALED_REASON_TIMEOUT, IMPORT_LISTS);
	return 0;
}

static void no_lists(struct import *im, int r)
{
	im->all->ops->failed(im->all->user, r);
	finish(im, VITALED_REASON_FAILED, IMPORT_LISTS);
}

/* One wait, however many readings follow each other. */
static void await_lists(struct import *im)
{
	int r = im->late ? 0
			 : sd_event_add_time_relative(im->all->ev, &im->late, CLOCK_MONOTONIC,
				   LIMIT_FEED_LISTS, 0, on_late, im);

	if (r < 0) {
		no_lists(im, fault(r));
	}
}

/* Before the first person: a list that lies there and has not been read yet is waited for. */
static void judge(struct import *im)
{
	im->unread = crls_reading(im->crls);
	if (im->unread) {
		await_lists(im);
		return;
	}
	im->late = sd_event_source_disable_unref(im->late);
	if (!crls_held(im->crls)) {
		no_lists(im, fault(-EIO)); /* they could not be read with these anchors */
		return;
	}
	if (import_judge(im) != VITALED_REASON_NONE) {
		finish_judged(im);
		return;
	}
	if (import_record(im, NULL, "started", beginning(im)) != 0) {
		finish(im, VITALED_REASON_AUDIT_UNAVAILABLE, NULL);
		return;
	}
	import_later(im, IMPORT_NEXT);
}

void dossiers_lists_read(struct dossiers *ds)
{
	if (ds->import && ds->import->unread) {
		import_later(ds->import, IMPORT_JUDGE);
	}
}

/* Every answer that was due has been given as none before; without one it was idle, and is missed when
 * it is asked. */
static void on_ended(void *user, const char *why)
{
	(void)user;
	(void)why;
}

/* -- the beginning ------------------------------------------------------------------------------ */

/* Return: 0, a fault or CHILD_GONE. */
static int begin(struct import *im, const struct import_request *request)
{
	static const struct child_ops ops = {.ended = on_ended};
	_cleanup_(buf_done) struct buf body = BUF_NULL(64);
	int fds[2] = {request->feed, request->anchors};
	char *const env[] = {NULL};
	char program[320];
	int r;

	(void)snprintf(program, sizeof(program), "%s/vitaled-feed", im->all->config->children);
	r = sd_event_add_defer(im->all->ev, &im->turn, on_turn, im);
	if (r >= 0) {
		r = sd_event_source_set_enabled(im->turn, SD_EVENT_OFF);
	}
	if (r < 0) {
		return fault(r);
	}
	r = crls_hold(im->crls, request->believed);
	im->holding = r == 0;
	tlv_put_u64(&body, FEED_TAG_NOW, clock_wall());
	if (r == 0) {
		r = buf_check(&body);
	}
	if (r == 0) {
		r = child_start(im->all->ev, program, env, &ops, im, &im->reader);
	}
	return r < 0 ? trace(r)
		     : trace(child_request(im->reader, FEED_OP_READ, buf_view(&body), fds, 2,
			       LIMIT_FEED_READ, on_read, im));
}

enum vitaled_reason dossiers_import(struct dossiers *ds, const struct import_request *request,
	import_done_fn done, void *user)
{
	struct import *im;

	if (ds->import) {
		return VITALED_REASON_BUSY;
	}
	im = calloc(1, sizeof(*im));
	if (!im) {
		return VITALED_REASON_FAILED;
	}
	im->all = ds;
	im->uid = request->uid;
	im->trust = request->trust;
	im->crls = request->crls;
	im->chain = BUF_NULL(FEED_CHAIN_MAX);
	im->fd = -1;
	im->done = done;
	im->user = user;
	if (view_copy_str(view_str(request->caller), im->caller, sizeof(im->caller)) != 0 ||
		begin(im, request) != 0) {
		import_free(im);
		return VITALED_REASON_CHILD_FAILED;
	}
	ds->import = im;
	return VITALED_REASON_NONE;
}

void dossiers_import_forget(struct dossiers *ds, void *user)
{
	if (ds->import && ds->import->user == user) {
		ds->import->done = NULL;
	}
}
