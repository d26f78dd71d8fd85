/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The life of a dossier in the broker: prepared before the person is asked (its process opens the
 * file and gives up open(); the record tells whether it is the right file; the people's key gives
 * the people facts), unlocked after the grant (the dossier's key), locked by the end of the
 * process. The struct belongs to the session's slot; dossier_lock() takes it away, whatever is
 * going on, and frees it when no call of it is on the stack.
 *
 * After session_prepared(), session_granted() and session_end() nothing of a dossier is touched:
 * any of them may have locked it.
 */
#include "daemon/dossier/dossier.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tlv.h"
#include "daemon/dossier/files.h"
#include "daemon/dossier/import.h"
#include "daemon/dossier/told.h"
#include "daemon/limits.h"

/* -- the room ----------------------------------------------------------------------------------- */

int dossiers_new(sd_event *ev, const struct config *config, const struct rights *rights,
	struct audit *audit, const struct dossier_ops *ops, void *user, struct dossiers **ret)
{
	struct dossiers *ds = calloc(1, sizeof(*ds));
	int r;

	if (!ds) {
		return fault(-ENOMEM);
	}
	ds->ev = ev;
	ds->config = config;
	ds->rights = rights;
	ds->audit = audit;
	ds->ops = ops;
	ds->user = user;
	(void)snprintf(ds->folder, sizeof(ds->folder), "%s/dossiers", config->state);
	r = seal_setup();
	if (r == 0) {
		r = keys_load(config->state, &ds->keys);
	}
	if (r > 0) {
		r = r == KEYS_OTHER_MASTER ? DOSSIERS_OTHER_KEY : DOSSIERS_OTHER_PSEUDONYM_KEY;
	}
	if (r == 0) {
		r = files_sweep(ds->folder);
	}
	if (r == 0) {
		keeping_finish(ds);
	}
	if (r != 0) {
		dossiers_free(ds);
		return trace(r);
	}
	*ret = ds;
	return 0;
}

struct dossiers *dossiers_free(struct dossiers *ds)
{
	if (ds) {
		while (ds->first) {
			dossier_lock(ds, ds->first->session);
		}
		ds->import = import_free(ds->import);
		child_free(ds->spare);
		keeping_stop(ds);
		keys_done(&ds->keys);
		free(ds);
	}
	return NULL;
}

/* -- trouble ------------------------------------------------------------------------------------ */

/* The session of @d ends for @r, whatever it was waiting for. */
void dossier_end(struct dossier *d, enum vitaled_reason r)
{
	d->why = r;
	session_end(d->session, r);
}

void dossier_damaged(struct dossier *d, const char *why)
{
	int r = record_rejected(d, why);

	dossier_end(d,
		r == 0 ? VITALED_REASON_STORE_UNAVAILABLE : VITALED_REASON_AUDIT_UNAVAILABLE);
}

void dossier_failed(struct dossier *d, const char *why)
{
	json_t *details = json_pack("{s:s,s:s}", "program", "vitaled-dossier", "why", why);
	int r = record_entry(d, AUDIT_EVENT_CHILD_FAILED,
		vitaled_reason_word(VITALED_REASON_CHILD_FAILED), NULL, NULL, details);

	dossier_end(d, r == 0 ? VITALED_REASON_CHILD_FAILED : VITALED_REASON_AUDIT_UNAVAILABLE);
}

static void end_content(struct dossier *d, bool export)
{
	if (export) {
		d->exporting = false;
	} else if (d->reading > 0) {
		d->reading--;
	}
	session_input(d->session);
}

/* A content, or an export, has come to its end, or cannot. */
static void on_event(void *user, struct link_frame *event)
{
	bool export = event->op == DOSSIER_OP_EXPORT;
	uint8_t outcome = DOSSIER_FAULT;
	struct dossier *d = user;

	if ((export || event->op == DOSSIER_OP_READ) &&
		tlv_find_u8(event->body, LINK_TAG_STATE, &outcome) != 0) {
		outcome = DOSSIER_FAULT;
	}
	if (outcome == DOSSIER_DONE) {
		end_content(d, export);
	} else if (outcome == DOSSIER_DAMAGED) {
		dossier_damaged(user, "content");
	} else {
		dossier_failed(user, "event");
	}
}

static void on_ended(void *user, const char *why)
{
	dossier_failed(user, why);
}

static const struct child_ops child_ops = {.event = on_event, .ended = on_ended};

bool dossier_went_wrong(struct dossier *d, const struct link_frame *answer)
{
	if (!answer || answer->outcome == DOSSIER_FAULT) {
		dossier_failed(d, answer ? "fault" : "gone");
		return true;
	}
	if (answer->outcome == DOSSIER_DAMAGED || answer->outcome == DOSSIER_NEWER) {
		dossier_damaged(d, answer->outcome == DOSSIER_NEWER ? "newer" : "damaged");
		return true;
	}
	if (answer->outcome != DOSSIER_DONE) {
		dossier_end(d, VITALED_REASON_STORE_UNAVAILABLE);
		return true;
	}
	return false;
}

/* -- preparing ---------------------------------------------------------------------------------- */

bool dossier_take_state(struct dossier *d, struct view body)
{
	struct tlv hash;
	uint64_t version;

	if (tlv_find_u64(body, LINK_TAG_VERSION, &version) != 0 ||
		tlv_find(body, LINK_TAG_HASH, &hash) != 0 || hash.value.len != SEAL_HASH) {
		return false;
	}
	d->version = version;
	bytes_copy(d->hash, sizeof(d->hash), hash.value.data, SEAL_HASH);
	return true;
}

static void on_people(void *user, struct link_frame *answer)
{
	struct dossier *d = user;

	if (dossier_went_wrong(d, answer)) {
		return;
	}
	if (people_take(d, answer->body) < 0) {
		dossier_failed(d, "malformed");
		return;
	}
	if (record_fed(d) < 0) {
		session_prepared(d->session, VITALED_REASON_AUDIT_UNAVAILABLE);
		return;
	}
	session_prepared(d->session, dossier_worth_asking(d->session));
}

static int send_key(struct dossier *d, const struct secret *key, child_answer_fn done)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(64);
	int r;

	tlv_put(&body, LINK_TAG_KEY, view_of(key->data, key->len));
	r = buf_check(&body);
	return r < 0 ? trace(r)
		     : trace(child_request(d->child, DOSSIER_OP_KEY, buf_view(&body), NULL, 0,
			       LIMIT_DOSSIER, done, d));
}

static int send_people_key(struct dossier *d)
{
	_cleanup_(secret_done) struct secret people = SECRET_NULL;
	int r;

	r = seal_people_key(view_of(d->key.data, d->key.len), view_str(d->pseudonym), &people);
	return r < 0 ? trace(r) : trace(send_key(d, &people, on_people));
}

static bool may_create(const struct dossier *d)
{
	return (session_intents(d->session) & SESSION_INTENT_CREATE) != 0;
}

/* The process tells what it has opened. Return: NONE to go on, or why not. */
static enum vitaled_reason check_opened(struct dossier *d, struct view previous)
{
	const char *why = NULL;
	int r;

	r = record_check(d, previous, &why);
	if (r == 0 && d->state != DOSSIER_STATE_ABSENT && !d->has_key) {
		r = RECORD_REJECTED;
		why = "no-key";
	}
	if (r == RECORD_REJECTED) {
		return record_rejected(d, why) == 0 ? VITALED_REASON_STORE_UNAVAILABLE
						    : VITALED_REASON_AUDIT_UNAVAILABLE;
	}
	if (r != 0) {
		return VITALED_REASON_AUDIT_UNAVAILABLE;
	}
	if (d->state == DOSSIER_STATE_ABSENT && !may_create(d)) {
		return VITALED_REASON_NO_DOSSIER;
	}
	/* to be exported or reopened */
	if (d->state == DOSSIER_STATE_CLOSED && !may_create(d) &&
		session_mode(d->session) != SESSION_MODE_PATIENT) {
		return VITALED_REASON_WRONG_STATE;
	}
	return VITALED_REASON_NONE;
}

bool dossier_take_opened(struct dossier *d, struct view body, struct view *ret_previous)
{
	struct tlv previous;
	uint8_t state;

	if (tlv_find_u8(body, LINK_TAG_STATE, &state) != 0 ||
		tlv_find(body, LINK_TAG_DATA, &previous) != 0 || !dossier_take_state(d, body)) {
		return false;
	}
	switch (state) {
	case DOSSIER_STATE_ABSENT:
		d->state = DOSSIER_STATE_ABSENT;
		d->empty = true;
		break;
	case DOSSIER_STATE_OPEN:
		d->state = DOSSIER_STATE_OPEN;
		break;
	case DOSSIER_STATE_CLOSED:
		d->state = DOSSIER_STATE_CLOSED;
		break;
	default:
		return false;
	}
	*ret_previous = previous.value;
	return true;
}

static void on_opened(void *user, struct link_frame *answer)
{
	struct dossier *d = user;
	struct view previous;
	enum vitaled_reason reason;

	if (dossier_went_wrong(d, answer)) {
		return;
	}
	if (!dossier_take_opened(d, answer->body, &previous)) {
		dossier_failed(d, "malformed");
		return;
	}
	reason = check_opened(d, previous);
	if (reason == VITALED_REASON_NONE && send_people_key(d) != 0) {
		reason = VITALED_REASON_CHILD_FAILED;
	}
	if (reason != VITALED_REASON_NONE) {
		session_prepared(d->session, reason);
	}
}

static int send_open(struct dossier *d)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(2048);
	int r;

	tlv_put_str(&body, LINK_TAG_FOLDER, d->all->folder);
	tlv_put_str(&body, LINK_TAG_PSEUDONYM, d->pseudonym);
	tlv_put_u8(&body, LINK_TAG_VALUE, may_create(d));
	r = buf_check(&body);
	return r < 0 ? trace(r)
		     : trace(child_request(d->child, DOSSIER_OP_OPEN, buf_view(&body), NULL, 0,
			       LIMIT_DOSSIER, on_opened, d));
}

/* -- the process, started ahead ------------------------------------------------------------------- */

static int spawn(
	struct dossiers *ds, const struct child_ops *ops, void *user, struct child **ret_child)
{
	char *env[] = {NULL};
	char program[320];

	(void)snprintf(program, sizeof(program), "%s/vitaled-dossier", ds->config->children);
	return trace(child_start(ds->ev, program, env, ops, user, ret_child));
}

static void on_spare_ended(void *user, const char *why)
{
	struct dossiers *ds = user;

	(void)why; /* it had nothing; the next one is started when it is needed */
	ds->spare = child_free(ds->spare);
}

void dossier_expect(struct dossiers *ds)
{
	static const struct child_ops ops = {.ended = on_spare_ended};

	if (!ds->spare && spawn(ds, &ops, ds, &ds->spare) < 0) {
		ds->spare = NULL;
	}
}

static int take_child(struct dossier *d)
{
	struct dossiers *ds = d->all;

	if (!ds->spare || !child_alive(ds->spare)) {
		return trace(spawn(ds, &child_ops, d, &d->child));
	}
	d->child = ds->spare;
	ds->spare = NULL;
	child_adopt(d->child, &child_ops, d);
	return 0;
}

/* Key in, marker out, process on. Return: 0, a fault, or a positive enum vitaled_reason. */
static int start(struct dossier *d)
{
	struct dossiers *ds = d->all;
	int r;

	r = keys_unwrap(&ds->keys, ds->folder, d->pseudonym, &d->key);
	if (r == KEYS_DAMAGED) {
		r = record_rejected(d, "key");
		return r == 0 ? VITALED_REASON_STORE_UNAVAILABLE
			      : VITALED_REASON_AUDIT_UNAVAILABLE;
	}
	d->has_key = r == 0;
	if (r == KEYS_ABSENT) {
		r = keys_make(&ds->keys, d->pseudonym, &d->key, &d->wrapped);
	}
	if (r == 0 && may_create(d) && !files_store_exists(ds->folder, d->pseudonym)) {
		d->pending = true;
		r = files_mark_pending(ds->folder, d->pseudonym);
		if (r < 0) {
			return VITALED_REASON_STORE_UNAVAILABLE;
		}
	}
	if (r < 0) {
		return trace(r);
	}
	r = take_child(d);
	if (r == 0) {
		r = send_open(d);
	}
	return r == 0 ? 0 : VITALED_REASON_CHILD_FAILED;
}

/* One dossier, one process. */
static struct dossier *in_use(const struct dossiers *ds, const char *pseudonym)
{
	for (struct dossier *d = ds->first; d; d = d->next) {
		if (strcmp(d->pseudonym, pseudonym) == 0) {
			return d;
		}
	}
	return NULL;
}

/* The same dossier, open with other cards: an emergency takes it from a session that is none. Return:
 * NONE when nobody has it now; otherwise why not, or FAILED when @s itself has ended. */
static enum vitaled_reason take_over(const struct dossier *d, struct session *s)
{
	if (!session_mode_emergency(session_mode(s)) ||
		session_mode_emergency(session_mode(d->session)) || !session_may_pre_empt(s)) {
		return VITALED_REASON_BUSY;
	}
	return session_pre_empt(s, d->session) ? VITALED_REASON_NONE : VITALED_REASON_FAILED;
}

static struct dossier *dossier_new(
	struct dossiers *ds, struct session *s, const char *pseudonym)
{
	struct dossier *d = calloc(1, sizeof(*d));

	if (d) {
		d->all = ds;
		d->session = s;
		d->state = DOSSIER_STATE_ABSENT;
		d->why = VITALED_REASON_WRONG_STATE;
		d->wrapped = BUF_NULL(256);
		bytes_copy(
			d->pseudonym, sizeof(d->pseudonym), pseudonym, strlen(pseudonym) + 1);
		d->next = ds->first;
		ds->first = d;
		session_set_dossier(s, d);
	}
	return d;
}

/* Its process, now that nobody has the file. */
static void begin(struct dossier *d)
{
	struct session *s = d->session;
	int r = start(d);

	if (r != 0) {
		session_prepared(s, r < 0 ? VITALED_REASON_FAILED : (enum vitaled_reason)r);
	}
}

void dossier_begin_waiting(struct dossiers *ds)
{
	for (struct dossier *d = ds->first; d; d = d->next) {
		if (!d->child && d->waiting && !import_holds(ds, d->pseudonym)) {
			d->waiting = false;
			begin(d);
			return; /* there is one at most, and the list may be another now */
		}
	}
}

void dossier_prepare(struct dossiers *ds, struct session *s)
{
	const struct session_patient *patient = session_patient(s);
	enum vitaled_reason reason;
	struct dossier *d;

	if (!patient || patient->pseudonym[0] == '\0') {
		session_prepared(s, VITALED_REASON_NO_OWN_IDENTITY);
		return;
	}
	d = in_use(ds, patient->pseudonym);
	reason = session_dossier(s) ? VITALED_REASON_BUSY : VITALED_REASON_NONE;
	if (reason == VITALED_REASON_NONE && d) {
		reason = take_over(d, s);
	}
	if (reason != VITALED_REASON_NONE) {
		session_prepared(s, reason);
		return;
	}
	d = dossier_new(ds, s, patient->pseudonym);
	if (!d) {
		session_prepared(s, VITALED_REASON_FAILED);
		return;
	}
	d->waiting = import_holds(ds, d->pseudonym); /* for a moment */
	if (!d->waiting) {
		begin(d);
	}
}

/* -- unlocking and locking ---------------------------------------------------------------------- */

static void on_granted(void *user, struct link_frame *answer)
{
	struct dossier *d = user;
	struct session *s = d->session;

	if (dossier_went_wrong(d, answer)) {
		return;
	}
	/* the header under the dossier's key holds this version and hash */
	if (record_recovered(d) != 0 || told_begin(d) < 0) {
		session_granted(s, VITALED_REASON_AUDIT_UNAVAILABLE);
		return;
	}
	d->granted = true;
	import_wake(d->all);
	d->all->ops->changed(d->all->user, s);
	session_granted(s, VITALED_REASON_NONE);
}

void dossier_unlock(struct dossiers *ds, struct session *s)
{
	struct dossier *d = session_dossier(s);
	int r;

	(void)ds;
	if (!d || !d->child || !consent_given(s)) {
		session_granted(s, VITALED_REASON_CONSENT_REFUSED);
		return;
	}
	r = send_key(d, &d->key, on_granted);
	secret_done(&d->key);
	if (r != 0) {
		session_granted(s, VITALED_REASON_CHILD_FAILED);
	}
}

void dossier_created(struct dossier *d)
{
	d->state = DOSSIER_STATE_OPEN;
	d->has_key = true;
	buf_done(&d->wrapped);
	if (d->pending) {
		files_unmark_pending(d->all->folder, d->pseudonym);
		d->pending = false;
	}
}

void dossier_put(struct dossier *d)
{
	if (d->dead && d->calling == 0) {
		buf_done(&d->wrapped);
		secret_done(&d->key);
		json_decref(d->people);
		json_decref(d->mine);
		json_decref(d->unfinished);
		wipe(d, sizeof(*d));
		free(d);
	}
}

static void unlink_dossier(struct dossier *d)
{
	struct dossier **at = &d->all->first;

	while (*at != d) {
		at = &(*at)->next;
	}
	*at = d->next;
}

/* A store with a key beside it may hold a dossier: it goes only when its process has found none. */
static void drop_pending(const struct dossier *d)
{
	const char *folder = d->all->folder;

	if (!d->has_key) {
		keys_remove(folder, d->pseudonym);
	}
	if (d->has_key && !d->empty) {
		files_unmark_pending(folder, d->pseudonym);
	} else {
		files_drop_pending(folder, d->pseudonym);
	}
}

void dossier_lock(struct dossiers *ds, struct session *s)
{
	struct dossier *d = session_dossier(s);

	/* one that nobody took; a session that is on its way starts its own */
	ds->spare = child_free(ds->spare);
	if (!d) {
		return;
	}
	session_set_dossier(s, NULL);
	unlink_dossier(d);
	d->dead = true;
	d->calling++;
	d->child = child_free(d->child); /* reaped: its files are ours to remove */
	asking_forget(d);
	if (d->pending) {
		drop_pending(d);
	}
	calls_end(d);
	import_wake(ds);
	d->calling--;
	dossier_put(d);
}
