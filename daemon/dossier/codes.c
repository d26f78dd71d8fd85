/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The patient's code: asked for on the way to a session of the patient alone, and within a call that
 * rights refuse for want of it alone; once right, it holds for the session. The digits go from the
 * agent to the dossier's process, which compares them; this room sees a descriptor. Each try is in the
 * record before its digits are handed on, and the record is what tries are counted by: whoever kills
 * a process, or puts an older file in place, has used up the try all the same.
 *
 * An activation code opens a session of the patient alone, and nothing else; not for the uid, the
 * agent's uid or the pair that it was issued by. It ends with its first success, its fifth try, its
 * seventh day, or the next code.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/tlv.h"
#include "daemon/dossier/call.h"
#include "daemon/limits.h"

#define BIT_PERSONAL   1U /* as VALUE of DOSSIER_OP_CODE */
#define BIT_ACTIVATION 2U

/* struct code_asking - while a code is asked for; the dossier's. */
struct code_asking {
	struct call *call; /* whose; NULL: the session's own way */
	struct dossier_agent agent;
	bool fresh;	    /* a new personal code */
	bool again;	    /* the one before was wrong */
	bool waits;	    /* the agent has not answered */
	unsigned int which; /* bits: what is tried */
};

static int64_t wall(void)
{
	return (int64_t)clock_wall();
}

/* -- what may be tried -------------------------------------------------------------------------- */

struct tries {
	unsigned int which; /* bits: what there is to be tried here */
	unsigned int left;  /* tries; 0: none now */
};

static const json_t *activation_of(const struct dossier *d)
{
	return json_object_get(json_object_get(d->people, "codes"), "activation");
}

static const char *activation_id(const struct dossier *d)
{
	return json_get_str(activation_of(d), "id");
}

static bool is_uid(const json_t *code, const char *member, uid_t uid)
{
	int64_t issued;

	/* one that does not say is everybody's */
	return json_get_int(code, member, 0, INT64_MAX, &issued) != 0 || issued == (int64_t)uid;
}

/* Whether who issued @code has a hand in this session: caller, agent or place. */
static bool is_issuer(const struct dossier *d, const struct code_asking *k, const json_t *code)
{
	uid_t uids[] = {session_uid(d->session), k->agent.uid};
	const char *pair = json_get_str(code, "pair");

	for (size_t i = 0; i < ARRAY_LEN(uids); i++) {
		if (is_uid(code, "uid", uids[i]) || is_uid(code, "agent-uid", uids[i])) {
			return true;
		}
	}
	return !pair || strcmp(pair, session_pair(d->session)) == 0;
}

static bool is_in_force(const json_t *code, const struct record_codes *said)
{
	int64_t now = wall();
	int64_t time;

	return said->issued && !said->used && said->age < LIMIT_ACTIVATION &&
	       json_get_int(code, "since", 0, now, &time) == 0 &&
	       json_get_int(code, "until", now + 1, INT64_MAX, &time) == 0;
}

static unsigned int left_of(unsigned int tries)
{
	return tries < LIMIT_CODE_TRIES ? LIMIT_CODE_TRIES - tries : 0;
}

/* What may be tried now, by the record. Return: NONE, or why nothing. */
static enum vitaled_reason weigh(
	const struct dossier *d, const struct code_asking *k, struct tries *ret)
{
	const json_t *code = k->call ? NULL : activation_of(d);
	struct record_codes said;
	unsigned int of_code;

	*ret = (struct tries){.which = 0};
	if (record_codes(d, activation_id(d), &said) < 0) {
		return VITALED_REASON_AUDIT_UNAVAILABLE;
	}
	of_code = left_of(said.of_activation);
	if (json_get_bool(json_object_get(d->people, "codes"), "personal")) {
		ret->which |= BIT_PERSONAL;
	}
	if (code && is_in_force(code, &said) && !is_issuer(d, k, code)) {
		ret->which |= of_code > 0 ? BIT_ACTIVATION : 0U;
		if (ret->which == 0) {
			return VITALED_REASON_CODE_BLOCKED;
		}
	}
	ret->left = left_of(said.tries);
	if (ret->which == BIT_ACTIVATION && of_code < ret->left) {
		ret->left = of_code;
	}
	if (ret->which == 0) {
		return VITALED_REASON_CODE_MISSING;
	}
	return ret->left > 0 ? VITALED_REASON_NONE : VITALED_REASON_CODE_BLOCKED;
}

/* -- the record --------------------------------------------------------------------------------- */

static json_t *details_of(const struct dossier *d, const char *kind, bool of_activation)
{
	_cleanup_json_ json_t *details = json_pack("{s:s}", "kind", kind);

	if (!details ||
		(of_activation && json_set(details, "id", json_string(activation_id(d))) < 0)) {
		return NULL;
	}
	return json_incref(details);
}

/* Return: 0 or AUDIT_UNAVAILABLE. */
static int record_try(struct dossier *d, unsigned int which)
{
	static const char *const kinds[] = {"", "personal", "activation", "either"};
	_cleanup_json_ json_t *details =
		details_of(d, kinds[which], (which & BIT_ACTIVATION) != 0);

	return details ? record_started(d, AUDIT_EVENT_CODE_TRIED, NULL, details)
		       : AUDIT_UNAVAILABLE;
}

static int record_outcome(struct dossier *d, enum vitaled_reason reason)
{
	return record_entry(d, AUDIT_EVENT_CODE, vitaled_reason_word(reason), NULL, NULL, NULL);
}

static int record_right(struct dossier *d, const char *kind)
{
	json_t *details = details_of(d, kind, strcmp(kind, "activation") == 0);

	return details ? record_entry(d, AUDIT_EVENT_CODE, "ok", NULL, NULL, details)
		       : AUDIT_UNAVAILABLE;
}

/* -- ends --------------------------------------------------------------------------------------- */

void asking_forget(struct dossier *d)
{
	free(d->asking);
	d->asking = NULL;
}

/* The asking is over, and its end recorded. Nothing of @d is touched after. */
static void finish(struct dossier *d, enum vitaled_reason reason)
{
	struct call *c = d->asking->call;

	asking_forget(d);
	if (!c) {
		session_coded(d->session, reason);
	} else if (reason == VITALED_REASON_NONE) {
		call_go_on(c);
	} else if (reason == VITALED_REASON_AUDIT_UNAVAILABLE) {
		call_unrecorded(c);
	} else {
		call_finish(c, reason);
	}
}

/* No code, for @reason. A new one that nobody gave is no try of the one there is. */
static void give_up(struct dossier *d, enum vitaled_reason reason)
{
	if (!d->asking->fresh && reason != VITALED_REASON_AUDIT_UNAVAILABLE &&
		record_outcome(d, reason) != 0) {
		reason = VITALED_REASON_AUDIT_UNAVAILABLE;
	}
	finish(d, reason);
}

/* -- trying ------------------------------------------------------------------------------------- */

static void ask(struct dossier *d);

static void on_right(struct dossier *d, struct view body)
{
	char kind[16];

	if (tlv_find_str(body, LINK_TAG_STATUS, kind, sizeof(kind)) != 0 ||
		(strcmp(kind, "personal") != 0 && strcmp(kind, "activation") != 0)) {
		dossier_failed(d, "malformed");
		return;
	}
	if (record_right(d, kind) != 0) {
		finish(d, VITALED_REASON_AUDIT_UNAVAILABLE);
		return;
	}
	d->coded = true;
	finish(d, VITALED_REASON_NONE);
}

static void on_tried(void *user, struct link_frame *answer)
{
	struct dossier *d = user;

	if (answer && answer->outcome == DOSSIER_DONE) {
		on_right(d, answer->body);
		return;
	}
	if (answer && answer->outcome == DOSSIER_CODE_WRONG) {
		if (record_outcome(d, VITALED_REASON_CODE_WRONG) != 0) {
			finish(d, VITALED_REASON_AUDIT_UNAVAILABLE);
			return;
		}
		d->asking->again = true;
		ask(d);
		return;
	}
	dossier_went_wrong(d, answer);
}

/* Durable before the digits are handed on. */
static void try_code(struct dossier *d, int fd)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(16);
	struct code_asking *k = d->asking;
	enum vitaled_reason reason;
	struct tries tries;

	/* it may have ended while it was typed */
	reason = weigh(d, k, &tries);
	k->which &= tries.which;
	if (reason == VITALED_REASON_NONE && k->which == 0) {
		reason = VITALED_REASON_CODE_MISSING;
	}
	if (reason != VITALED_REASON_NONE) {
		give_up(d, reason);
		return;
	}
	if (record_try(d, k->which) != 0) {
		finish(d, VITALED_REASON_AUDIT_UNAVAILABLE);
		return;
	}
	tlv_put_u8(&body, LINK_TAG_VALUE, (uint8_t)k->which);
	if (buf_check(&body) < 0 || child_request(d->child, DOSSIER_OP_CODE, buf_view(&body),
					    &fd, 1, LIMIT_DOSSIER, on_tried, d) != 0) {
		dossier_failed(d, "request");
	}
}

static void send_new(struct dossier *d, int fd);

void dossier_code_given(struct dossiers *ds, struct session *s, int fd)
{
	struct dossier *d = session_dossier(s);

	(void)ds;
	if (d && d->asking && d->asking->waits) {
		d->asking->waits = false;
		if (d->asking->fresh) {
			send_new(d, fd);
		} else {
			try_code(d, fd);
		}
	}
	close(fd);
}

void dossier_code_failed(struct dossiers *ds, struct session *s, enum vitaled_reason why)
{
	struct dossier *d = session_dossier(s);

	(void)ds;
	if (d && d->asking && d->asking->waits) {
		d->asking->waits = false;
		give_up(d, why);
	}
}

/* -- asking ------------------------------------------------------------------------------------- */

static void ask(struct dossier *d)
{
	struct code_asking *k = d->asking;
	struct dossier_question q = {.fresh = k->fresh, .again = k->again};
	enum vitaled_reason reason = VITALED_REASON_NONE;
	struct tries tries;

	if (!k->fresh) {
		reason = weigh(d, k, &tries);
		q.tries_left = tries.left;
		q.personal = (tries.which & BIT_PERSONAL) != 0;
		q.activation = (tries.which & BIT_ACTIVATION) != 0;
		k->which = tries.which;
	}
	if (reason != VITALED_REASON_NONE) {
		give_up(d, reason);
		return;
	}
	k->waits = true;
	d->all->ops->ask_code(d->all->user, d->session, &k->agent, &q);
}

/* @c: NULL on the session's way. */
static void begin(struct dossier *d, struct call *c, bool fresh)
{
	struct dossiers *ds = d->all;

	assert(!d->asking);
	d->asking = calloc(1, sizeof(*d->asking));
	if (!d->asking) {
		if (c) {
			call_finish(c, VITALED_REASON_FAILED);
		} else {
			session_coded(d->session, VITALED_REASON_FAILED);
		}
		return;
	}
	d->asking->call = c;
	d->asking->fresh = fresh;
	if (!ds->ops->code_agent(ds->user, d->session, true, &d->asking->agent)) {
		give_up(d, VITALED_REASON_NO_AGENT);
		return;
	}
	ask(d);
}

void dossier_ask_code(struct dossiers *ds, struct session *s)
{
	struct dossier *d = session_dossier(s);

	(void)ds;
	if (!d || !d->child || d->asking) {
		session_coded(s, VITALED_REASON_WRONG_STATE);
		return;
	}
	begin(d, NULL, false);
}

void call_need_code(struct call *c)
{
	begin(c->d, c, false);
}

/* -- a personal code ---------------------------------------------------------------------------- */

void dossier_set_personal_code(struct session *s, dossier_done_fn done, void *user)
{
	struct call *c = call_begin(s, CALL_SET_CODE, RIGHTS_ACTION_PERSONAL_CODE, done, user);

	if (c) {
		call_enqueue_act(c, json_pack("{s:s}", "act", "personal-code"), json_object());
	}
}

void call_run_set_code(struct call *c)
{
	if (c->d->state != DOSSIER_STATE_OPEN) {
		call_finish(c, VITALED_REASON_WRONG_STATE);
		return;
	}
	begin(c->d, c, true);
}

static void send_new(struct dossier *d, int fd)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);
	struct call *c = d->asking->call;

	asking_forget(d);
	if (!call_started(c)) {
		return;
	}
	if (call_put_act(c, &body) < 0) {
		call_abandon(c, VITALED_REASON_FAILED);
		return;
	}
	call_request(c, DOSSIER_OP_SET_CODE, &body, &fd, 1, call_on_people);
}

/* -- an activation code ------------------------------------------------------------------------- */

/* The act without who and when it is done: for whom it will not be, and until when it is. */
static json_t *issue_act(
	const struct session *s, const struct dossier_agent *agent, json_t *details)
{
	return json_pack("{s:s,s:O,s:O,s:I,s:I,s:s}", "act", "activation-code", "id",
		json_object_get(details, "id"), "until", json_object_get(details, "until"),
		"uid", (json_int_t)session_uid(s), "agent-uid", (json_int_t)agent->uid, "pair",
		session_pair(s));
}

static json_t *issue_details(void)
{
	char id[37];

	return rng_uuid7(id) == 0 ? json_pack("{s:s,s:I}", "id", id, "until",
					    (json_int_t)(clock_wall() + LIMIT_ACTIVATION))
				  : NULL;
}

void dossier_issue_activation_code(struct session *s, dossier_done_fn done, void *user)
{
	struct call *c =
		call_begin(s, CALL_ISSUE_CODE, RIGHTS_ACTION_ACTIVATION_CODE, done, user);

	if (c) {
		call_enqueue(c);
	}
}

/* Shown when it is in the record, to the agent that it was made for and to no other. */
static void on_issued(void *user, struct link_frame *answer)
{
	struct call *c = user;
	struct dossier *d = c->d;
	int64_t until = 0;
	bool shown;

	if (call_went_wrong(c, answer)) {
		return;
	}
	if (answer->n_fds != 1 || people_take(d, answer->body) < 0 ||
		!dossier_take_state(d, answer->body) ||
		json_get_int(c->act, "until", 0, INT64_MAX, &until) != 0) {
		call_malformed(c);
		return;
	}
	people_changed(d, NULL);
	if (record_entry(d, AUDIT_EVENT_CODE_ISSUED, "ok", NULL, NULL,
		    json_incref(c->details)) != 0) {
		call_unrecorded(c);
		return;
	}
	shown = d->all->ops->show_code(
		d->all->user, d->session, &c->agent, answer->fds[0], (uint64_t)until);
	call_finish(c, shown ? VITALED_REASON_NONE : VITALED_REASON_NO_AGENT);
}

void call_run_issue_code(struct call *c)
{
	const struct dossiers *ds = c->d->all;

	if (c->d->state != DOSSIER_STATE_OPEN) {
		call_finish(c, VITALED_REASON_WRONG_STATE);
		return;
	}
	if (!ds->ops->code_agent(ds->user, c->d->session, false, &c->agent)) {
		call_finish(c, VITALED_REASON_NO_AGENT);
		return;
	}
	c->details = issue_details();
	c->act = c->details ? issue_act(c->d->session, &c->agent, c->details) : NULL;
	if (!c->act) {
		call_finish(c, VITALED_REASON_FAILED);
		return;
	}
	call_send_act(c, DOSSIER_OP_ISSUE_CODE, on_issued);
}
