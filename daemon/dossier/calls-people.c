/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Calls on who may open the dossier later: authorise, revoke, block, the treating doctor, oppositions,
 * what an emergency may see, and the list of them. A professional is named in a sealed memfd, since who cares for a person tells of
 * that person too; its bytes name nobody else and are read here. The process keeps the record; what it
 * answers counts from this turn of the loop on (people.c).
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/dossier/call.h"
#include "daemon/limits.h"

/* -- who ---------------------------------------------------------------------------------------- */

static bool is_id(const json_t *value)
{
	const char *id = json_string_value(value);
	size_t n = id ? strlen(id) : 0;

	return n > 0 && n < sizeof(((struct trust_person *)NULL)->national_id) &&
	       strspn(id,
		       "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-./") ==
		       n;
}

static bool is_name(const json_t *value)
{
	const char *name = json_string_value(value);

	return name && strlen(name) <= LIMIT_NAME && json_text_fits(name, LIMIT_NAME);
}

static bool is_end(const json_t *value)
{
	json_int_t until = json_integer_value(value);
	json_int_t now = (json_int_t)clock_wall();

	return until > now && until - now <= (json_int_t)LIMIT_AUTHORISED_MOST;
}

static const struct {
	const char *name;
	bool (*fits)(const json_t *value);
	bool dated; /* for what has an end only */
	bool needed;
} members[] = {
	{"id", is_id, false, true},
	{"name", is_name, false, false},
	{"until", is_end, true, false},
};

static bool is_member(const char *name, bool dated)
{
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		if (strcmp(members[i].name, name) == 0) {
			return dated || !members[i].dated;
		}
	}
	return false;
}

/* What is wrong with @who, static or borrowed from it, or NULL. */
static const char *bad_member(json_t *who, bool dated)
{
	const char *name;
	json_t *value;

	if (!json_is_object(who)) {
		return "who";
	}
	json_object_foreach(who, name, value)
	{
		if (!is_member(name, dated)) {
			return name;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		value = json_object_get(who, members[i].name);
		if (value ? !members[i].fits(value) : members[i].needed) {
			return members[i].name;
		}
	}
	return NULL;
}

/* A foreign name goes back to who gave it, when it is one that can be shown. */
static const char *keep_member(struct call *c, const char *name)
{
	bool shown = name[0] != '\0' &&
		     strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789-_") == strlen(name);

	return shown && view_copy_str(view_str(name), c->advice, sizeof(c->advice)) == 0
		       ? c->advice
		       : "who";
}

/* -- the act ------------------------------------------------------------------------------------ */

/* What the card says is truer than what the application does. Return: 0 or a fault. */
static int name_self(struct call *c)
{
	_cleanup_json_ json_t *author = call_author(c->d);

	return author ? trace(json_set(
				c->act, "name", json_incref(json_object_get(author, "name"))))
		      : fault(-ENOMEM);
}

static bool is_self(const struct call *c, const char *id)
{
	const struct session_professional *p = session_professional(c->d->session);

	return p && strcmp(p->person.national_id, id) == 0;
}

/* The act on @who, which has been looked at, and what the entries tell of it: no name. */
static int make_act(struct call *c, const char *act, json_t *who, bool dated)
{
	int r;

	c->self = is_self(c, json_get_str(who, "id"));
	c->act = json_object();
	if (!c->act || json_object_update(c->act, who) < 0) {
		return fault(-ENOMEM);
	}
	r = json_set(c->act, "act", json_string(act));
	if (r == 0 && dated && !json_object_get(c->act, "until")) {
		r = json_set(c->act, "until",
			json_integer((json_int_t)(clock_wall() + LIMIT_AUTHORISED)));
	}
	if (r == 0 && dated) {
		r = json_set(c->act, "without-card",
			json_boolean(
				(consent_told(c->d->session) & SESSION_INTENT_AUTHORISE) != 0));
	}
	if (r == 0 && c->self) {
		r = name_self(c);
	}
	if (r == 0) {
		c->details = json_pack("{s:O}", "id", json_object_get(c->act, "id"));
		r = c->details ? 0 : fault(-ENOMEM);
	}
	if (r == 0 && dated) {
		r = json_set(
			c->details, "until", json_incref(json_object_get(c->act, "until")));
	}
	return trace(r);
}

static void begin_who(struct session *s, enum call_kind kind, enum rights_action action,
	const char *act, int fd, dossier_done_fn done, void *user)
{
	struct call *c = call_begin(s, kind, action, done, user);
	_cleanup_json_ json_t *who = NULL;
	bool dated = kind == CALL_AUTHORISE;
	const char *bad;
	int r;

	if (!c) {
		return;
	}
	r = json_read_fd(fd, LIMIT_JSON_FD, &who);
	bad = r == 0 ? bad_member(who, dated) : "who";
	if (r < 0) {
		call_drop(c, VITALED_REASON_FAILED, NULL);
		return;
	}
	if (bad) {
		call_drop(c, VITALED_REASON_INVALID_ARGUMENT, keep_member(c, bad));
		return;
	}
	r = make_act(c, act, who, dated);
	if (r == 0 && kind == CALL_BLOCK) {
		r = json_set(c->details, "on", json_boolean(action == RIGHTS_ACTION_BLOCK));
	}
	if (r < 0) {
		call_drop(c, VITALED_REASON_FAILED, NULL);
		return;
	}
	call_enqueue(c);
}

void dossier_authorise(struct session *s, int who, dossier_done_fn done, void *user)
{
	begin_who(s, CALL_AUTHORISE, RIGHTS_ACTION_AUTHORISE, "authorise", who, done, user);
}

void dossier_revoke(struct session *s, int who, dossier_done_fn done, void *user)
{
	begin_who(s, CALL_REVOKE, RIGHTS_ACTION_REVOKE, "revoke", who, done, user);
}

void dossier_block(struct session *s, int who, bool on, dossier_done_fn done, void *user)
{
	begin_who(s, CALL_BLOCK, on ? RIGHTS_ACTION_BLOCK : RIGHTS_ACTION_UNBLOCK,
		on ? "block" : "unblock", who, done, user);
}

void call_enqueue_act(struct call *c, json_t *act, json_t *details)
{
	c->act = act;
	c->details = details;
	if (!act || !details) {
		call_drop(c, VITALED_REASON_FAILED, NULL);
		return;
	}
	call_enqueue(c);
}

void dossier_set_treating_doctor(struct session *s, bool on, dossier_done_fn done, void *user)
{
	enum rights_action action =
		on ? RIGHTS_ACTION_TREATING_DOCTOR_TAKE : RIGHTS_ACTION_TREATING_DOCTOR_LEAVE;
	struct call *c = call_begin(s, CALL_TREATING, action, done, user);
	_cleanup_json_ json_t *author = c ? call_author(c->d) : NULL;

	if (c) {
		c->self = true;
		call_enqueue_act(c,
			author ? json_pack("{s:s,s:O,s:O}", "act",
					 on ? "treating-doctor" : "no-treating-doctor", "id",
					 json_object_get(author, "id"), "name",
					 json_object_get(author, "name"))
			       : NULL,
			json_pack("{s:b}", "on", on));
	}
}

void dossier_set_opposition(
	struct session *s, const char *mode, bool on, dossier_done_fn done, void *user)
{
	struct call *c = call_begin(
		s, CALL_OPPOSE, on ? RIGHTS_ACTION_OPPOSE : RIGHTS_ACTION_UNOPPOSE, done, user);

	if (!c) {
		return;
	}
	if (strcmp(mode, session_mode_word(SESSION_MODE_BRIS_DE_GLACE)) != 0 &&
		strcmp(mode, session_mode_word(SESSION_MODE_CENTRE_15)) != 0) {
		call_drop(c, VITALED_REASON_INVALID_ARGUMENT, "mode");
		return;
	}
	call_enqueue_act(c,
		json_pack("{s:s,s:s}", "act", on ? "oppose" : "unoppose", "mode", mode),
		json_pack("{s:s,s:b}", "mode", mode, "on", on));
}

void dossier_set_masked_allowed(struct session *s, bool on, dossier_done_fn done, void *user)
{
	struct call *c =
		call_begin(s, CALL_ALLOW_MASKED, RIGHTS_ACTION_ALLOW_MASKED, done, user);

	if (c) {
		call_enqueue_act(c, json_pack("{s:s,s:b}", "act", "allow-masked", "on", on),
			json_pack("{s:b}", "on", on));
	}
}

/* -- carrying it out ---------------------------------------------------------------------------- */

void call_on_people(void *user, struct link_frame *answer)
{
	struct call *c = user;

	if (call_went_wrong(c, answer)) {
		return;
	}
	if (people_take(c->d, answer->body) < 0 || !dossier_take_state(c->d, answer->body)) {
		call_malformed(c);
		return;
	}
	people_changed(c->d, c->kind == CALL_REVOKE ? json_get_str(c->act, "id") : NULL);
	call_succeed(c);
}

int call_put_act(struct call *c, struct buf *body)
{
	json_t *author = call_author(c->d);
	int r;

	r = json_set(c->act, "by", author);
	if (r == 0) {
		r = json_set(c->act, "time", json_integer((json_int_t)clock_wall()));
	}
	return r == 0 ? trace(call_put_json(body, LINK_TAG_FACTS, c->act)) : trace(r);
}

void call_send_act(struct call *c, enum dossier_op op, child_answer_fn done)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);

	if (!call_started(c)) {
		return;
	}
	if (call_put_act(c, &body) < 0) {
		call_abandon(c, VITALED_REASON_FAILED);
		return;
	}
	call_request(c, op, &body, NULL, 0, done);
}

void call_run_people(struct call *c)
{
	if (c->d->state != DOSSIER_STATE_OPEN) {
		call_finish(c, VITALED_REASON_WRONG_STATE);
		return;
	}
	call_send_act(c, DOSSIER_OP_PEOPLE, call_on_people);
}

/* -- listing ------------------------------------------------------------------------------------ */

void dossier_list_professionals(struct session *s, dossier_done_fn done, void *user)
{
	struct call *c =
		call_begin(s, CALL_PROFESSIONALS, RIGHTS_ACTION_LIST_PROFESSIONALS, done, user);

	if (c) {
		call_enqueue(c);
	}
}

void call_run_professionals(struct call *c)
{
	_cleanup_json_ json_t *list = NULL;

	if (c->d->state != DOSSIER_STATE_OPEN) {
		call_finish(c, VITALED_REASON_WRONG_STATE);
		return;
	}
	if (people_listed(c->d, &list) < 0 ||
		json_memfd(list, "vitaled-professionals", &c->fds[0]) != 0) {
		call_finish(c, VITALED_REASON_FAILED);
		return;
	}
	c->details = json_pack("{s:I,s:I}", "authorised",
		(json_int_t)json_array_size(json_object_get(list, "authorised")), "blocked",
		(json_int_t)json_array_size(json_object_get(list, "blocked")));
	call_succeed(c);
}
