/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Calls on the dossier as a whole: Close, Reopen, Export. Why it is closed is a text of the patient's,
 * which the store seals; the record has its hash. What is exported is named row by row, as for a list
 * (calls-read.c), and the history goes in from the record.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/hex.h"
#include "daemon/dossier/call.h"
#include "daemon/limits.h"

#define REASON_BYTES (4U * LIMIT_CLOSE_REASON) /* a character has four at most */

/* -- state -------------------------------------------------------------------------------------- */

const char *dossier_state_of(const struct session *s)
{
	const struct dossier *d = session_dossier(s);

	if (!d || !d->granted) {
		return NULL;
	}
	switch (d->state) {
	case DOSSIER_STATE_ABSENT:
		return "absent";
	case DOSSIER_STATE_OPEN:
		return "open";
	case DOSSIER_STATE_CLOSED:
		return "closed";
	}
	return NULL;
}

/* -- closing ------------------------------------------------------------------------------------ */

static bool is_blank(char c)
{
	return c == '\n' || c == '\t' || c == ' ';
}

/* 1 to LIMIT_CLOSE_REASON characters, one of which can be seen; lines may end. */
static bool is_reason(const char *text)
{
	_cleanup_(buf_done) struct buf plain = BUF_NULL(REASON_BYTES + 1);
	bool said = false;

	for (const char *p = text; *p; p++) {
		said = said || !is_blank(*p);
		buf_put_u8(&plain, is_blank(*p) ? ' ' : (uint8_t)*p);
	}
	buf_put_u8(&plain, 0);
	return said && !plain.failed &&
	       json_text_fits((const char *)plain.data, LIMIT_CLOSE_REASON);
}

static int hash_of(struct view text, json_t **ret)
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(2 * SEAL_HASH + 1);
	uint8_t hash[SEAL_HASH];
	int r;

	r = seal_sha256(text, hash);
	if (r < 0) {
		return trace(r);
	}
	hex_encode(&hex, VIEW(hash));
	buf_put_u8(&hex, 0);
	r = buf_check(&hex);
	if (r < 0) {
		return trace(r);
	}
	*ret = json_string((const char *)hex.data);
	return *ret ? 0 : fault(-ENOMEM);
}

/* The act, and what the entries tell of it. Return: 0, a fault, or JSON_INVALID: no such reason. */
static int take_reason(struct call *c, int fd)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(REASON_BYTES + 1);
	json_t *reason;
	json_t *hash = NULL;
	int r;

	r = json_read_text(fd, REASON_BYTES, &text);
	if (r != 0) {
		return trace(r);
	}
	/* jansson takes valid UTF-8 only, and no NUL in what it is given */
	reason = memchr(text.data, 0, text.len)
			 ? NULL
			 : json_stringn((const char *)text.data, text.len);
	if (!reason || !is_reason(json_string_value(reason))) {
		json_decref(reason);
		return JSON_INVALID;
	}
	c->act = json_pack("{s:s,s:o}", "act", "close", "reason", reason);
	r = c->act ? hash_of(buf_view(&text), &hash) : fault(-ENOMEM);
	if (r < 0) {
		return trace(r);
	}
	c->details = json_pack("{s:o}", "reason-sha256", hash);
	return c->details ? 0 : fault(-ENOMEM);
}

void dossier_close(struct session *s, int reason, dossier_done_fn done, void *user)
{
	struct call *c = call_begin(s, CALL_CLOSE, RIGHTS_ACTION_CLOSE, done, user);
	int r;

	if (!c) {
		return;
	}
	r = take_reason(c, reason);
	if (r == 0) {
		call_enqueue(c);
	} else {
		call_drop(c, r < 0 ? VITALED_REASON_FAILED : VITALED_REASON_INVALID_ARGUMENT,
			r < 0 ? NULL : "reason");
	}
}

/* The same day in ten years, by a time that a clock which is behind does not cut short. */
static int64_t kept_until(const struct dossier *d)
{
	uint64_t now = keeping_now(d->all, d->pseudonym);
	time_t from = (time_t)(now / USEC_PER_SEC);
	struct tm day;

	if (!gmtime_r(&from, &day)) {
		return (int64_t)(now + LIMIT_KEPT_YEARS * 366ULL * 86400ULL * USEC_PER_SEC);
	}
	day.tm_year += (int)LIMIT_KEPT_YEARS;
	return (int64_t)timegm(&day) * (int64_t)USEC_PER_SEC;
}

/* A state of the dossier that its process has committed. Return: whether the answer says so. */
static bool take_life(struct call *c, struct link_frame *answer, enum dossier_state state)
{
	struct dossier *d = c->d;

	if (people_take(d, answer->body) < 0 || !dossier_take_state(d, answer->body)) {
		call_malformed(c);
		return false;
	}
	d->state = state;
	d->all->ops->changed(d->all->user, d->session);
	return true;
}

/* Others that have the same dossier open; dossier_prepare() lets nobody, this keeps it true. */
static struct dossier *other_of(const struct dossier *d)
{
	for (struct dossier *o = d->all->first; o; o = o->next) {
		if (o != d && strcmp(o->pseudonym, d->pseudonym) == 0) {
			return o;
		}
	}
	return NULL;
}

static int64_t until_of(const json_t *object)
{
	int64_t until = 0;

	(void)!json_get_int(object, "until", 0, INT64_MAX, &until);
	return until;
}

static void on_closed(void *user, struct link_frame *answer)
{
	struct call *c = user;
	struct dossier *o;

	if (call_went_wrong(c, answer) || !take_life(c, answer, DOSSIER_STATE_CLOSED)) {
		return;
	}
	while ((o = other_of(c->d))) {
		dossier_end(o, VITALED_REASON_REVOKED);
	}
	call_succeed(c);
}

void call_run_close(struct call *c)
{
	struct dossier *d = c->d;
	int64_t until = kept_until(d);

	if (d->state != DOSSIER_STATE_OPEN) {
		call_finish(c, VITALED_REASON_WRONG_STATE);
		return;
	}
	if (json_set(c->act, "until", json_integer(until)) < 0 ||
		json_set(c->details, "until", json_integer(until)) < 0) {
		call_finish(c, VITALED_REASON_FAILED);
		return;
	}
	/* where it will be found in ten years; one too many is found to be none then */
	if (keeping_note(d->all, d->pseudonym, until) < 0) {
		call_finish(c, VITALED_REASON_STORE_UNAVAILABLE);
		return;
	}
	call_send_act(c, DOSSIER_OP_CLOSE, on_closed);
}

/* -- reopening ---------------------------------------------------------------------------------- */

void dossier_reopen(struct session *s, dossier_done_fn done, void *user)
{
	struct call *c = call_begin(s, CALL_REOPEN, RIGHTS_ACTION_REOPEN, done, user);

	if (!c) {
		return;
	}
	c->act = json_pack("{s:s}", "act", "reopen");
	if (c->act) {
		call_enqueue(c);
	} else {
		call_drop(c, VITALED_REASON_FAILED, NULL);
	}
}

static void on_reopened(void *user, struct link_frame *answer)
{
	struct call *c = user;
	int64_t until = until_of(json_object_get(c->d->people, "closed"));

	if (call_went_wrong(c, answer) || !take_life(c, answer, DOSSIER_STATE_OPEN)) {
		return;
	}
	keeping_forget(c->d->all, c->d->pseudonym, until);
	call_succeed(c);
}

void call_run_reopen(struct call *c)
{
	if (c->d->state != DOSSIER_STATE_CLOSED) {
		call_finish(c, VITALED_REASON_WRONG_STATE);
		return;
	}
	call_send_act(c, DOSSIER_OP_REOPEN, on_reopened);
}

/* -- export ------------------------------------------------------------------------------------- */

void dossier_export(struct session *s, dossier_done_fn done, void *user)
{
	struct call *c = call_begin(s, CALL_EXPORT, RIGHTS_ACTION_EXPORT, done, user);

	if (!c) {
		return;
	}
	c->filter = json_pack("{s:s}", "status", "all");
	if (c->filter) {
		call_enqueue(c);
	} else {
		call_drop(c, VITALED_REASON_FAILED, NULL);
	}
}

void call_run_export(struct call *c)
{
	if (c->d->state == DOSSIER_STATE_ABSENT) {
		call_finish(c, VITALED_REASON_WRONG_STATE);
		return;
	}
	c->hidden = json_object();
	c->n_history = LIMIT_EXPORT_HISTORY;
	call_run_rows(c);
}
