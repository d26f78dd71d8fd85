/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Calls that change documents: told to the record as started, carried out, told again with the new
 * version and hash (record.c says what happens when the second cannot be written). What comes in is
 * decided by the row that its metadata would make: type, flags, author; and
 * each flag that a document would have and another had not, or the other way round, as its own act.
 */
#include <errno.h>
#include <unistd.h>

#include "base/tlv.h"
#include "daemon/dossier/call.h"
#include "daemon/limits.h"

/* -- create ------------------------------------------------------------------------------------- */

static void on_created(void *user, struct link_frame *answer)
{
	struct call *c = user;
	struct dossier *d = c->d;

	if (call_went_wrong(c, answer)) {
		return;
	}
	if (!dossier_take_state(d, answer->body)) {
		call_malformed(c);
		return;
	}
	dossier_created(d);
	d->all->ops->changed(d->all->user, d->session);
	call_succeed(c);
}

void call_run_create(struct call *c)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);
	struct dossier *d = c->d;

	if (d->state != DOSSIER_STATE_ABSENT) {
		call_finish(c, VITALED_REASON_WRONG_STATE);
		return;
	}
	if (!call_started(c)) {
		return;
	}
	/* the key is durable before anything is sealed under it */
	if (!d->has_key && keys_save(d->all->folder, d->pseudonym, buf_view(&d->wrapped)) < 0) {
		call_abandon(c, VITALED_REASON_STORE_UNAVAILABLE);
		return;
	}
	if (call_put_author(&body, d) < 0) {
		call_abandon(c, VITALED_REASON_FAILED);
		return;
	}
	call_request(c, DOSSIER_OP_CREATE, &body, NULL, 0, on_created);
}

/* -- contents ----------------------------------------------------------------------------------- */

static void on_added(void *user, struct link_frame *answer)
{
	struct call *c = user;

	if (call_went_wrong(c, answer)) {
		return;
	}
	if (tlv_find_str(answer->body, LINK_TAG_ID, c->id, sizeof(c->id)) != 0 ||
		!dossier_take_state(c->d, answer->body)) {
		call_malformed(c);
		return;
	}
	call_succeed(c);
}

/* The entries are about the one that was replaced, and the last names the one in its place. */
static void on_replaced(void *user, struct link_frame *answer)
{
	struct call *c = user;

	if (call_went_wrong(c, answer)) {
		return;
	}
	if (tlv_find_str(answer->body, LINK_TAG_ID, c->made, sizeof(c->made)) != 0 ||
		!dossier_take_state(c->d, answer->body)) {
		call_malformed(c);
		return;
	}
	if (!c->details) {
		c->details = json_object();
	}
	if (!c->details || json_set(c->details, "replaced-by", json_string(c->made)) < 0) {
		call_unrecorded(c); /* the next opening tells of it */
		return;
	}
	call_succeed(c);
}

static void send_content(struct call *c)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);
	bool replaces = c->kind == CALL_REPLACE;
	int fds[2] = {c->fds[0], c->fds[1]};

	if (!call_started(c)) {
		return;
	}
	if (replaces) {
		tlv_put_str(&body, LINK_TAG_ID, c->id);
	}
	if (call_put_author(&body, c->d) < 0) {
		call_abandon(c, VITALED_REASON_FAILED);
		return;
	}
	c->fds[0] = -1;
	c->fds[1] = -1;
	call_request(c, replaces ? DOSSIER_OP_REPLACE : DOSSIER_OP_ADD, &body, fds, 2,
		replaces ? on_replaced : on_added);
	/* the request has duplicates; the call may be gone */
	close(fds[0]);
	close(fds[1]);
}

/* Each flag that is another than that of @old is decided as SetVisibility would be: about the document
 * that is replaced, or about a new one, which is one's own. */
static bool flags_allowed(const struct call *c, const json_t *old, const char **ret_rule)
{
	unsigned int flags = facts_flags(c->row);
	unsigned int differ = flags ^ facts_flags(old);

	for (unsigned int flag = 1; flag <= differ; flag <<= 1) {
		if ((differ & flag) &&
			call_decide(c, call_flag_action(flag, (flags & flag) != 0),
				old ? old : c->row, ret_rule) != RIGHTS_ALLOW) {
			return false;
		}
	}
	return true;
}

/* The entries tell the flags that it gets, where they are others. */
static int tell_flags(struct call *c, const json_t *old)
{
	json_t *flags = json_object_get(c->row, "flags");

	if (facts_flags(c->row) == facts_flags(old)) {
		return 0;
	}
	c->details = json_pack("{s:O}", "flags", flags);
	return c->details ? 0 : fault(-ENOMEM);
}

/* Allowed by what it would be, also where it takes another's place, and by what that changes. */
static void on_weighed(void *user, struct link_frame *answer)
{
	struct call *c = user;
	_cleanup_json_ json_t *old = json_incref(c->row);
	const char *rule;

	if (!call_row_allowed(c, call_add_action(c->d->session), answer)) {
		return;
	}
	if (!flags_allowed(c, old, &rule)) {
		call_denied(c, rule);
		return;
	}
	if (tell_flags(c, old) < 0) {
		call_finish(c, VITALED_REASON_FAILED);
		return;
	}
	send_content(c);
}

/* The process tells the row of the metadata, which hold a title and are not for us; the memfd is
 * sealed (calls-begin.c has looked), so what is decided about is what is added. */
static void weigh(struct call *c)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);

	if (c->kind == CALL_REPLACE) {
		tlv_put_str(&body, LINK_TAG_ID, c->id);
	}
	if (call_put_author(&body, c->d) < 0) {
		call_finish(c, VITALED_REASON_FAILED);
		return;
	}
	call_request(c, DOSSIER_OP_WEIGH, &body, &c->fds[1], 1, on_weighed);
}

void call_run_add(struct call *c)
{
	if (c->d->state != DOSSIER_STATE_OPEN) {
		call_finish(c, VITALED_REASON_WRONG_STATE);
		return;
	}
	weigh(c);
}

/* -- a document that is there ------------------------------------------------------------------- */

static void on_changed(void *user, struct link_frame *answer)
{
	struct call *c = user;

	if (call_went_wrong(c, answer)) {
		return;
	}
	if (!dossier_take_state(c->d, answer->body)) {
		call_malformed(c);
		return;
	}
	call_succeed(c);
}

/* Its flag or its status. */
static void mark(struct call *c)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);
	bool flag = c->kind == CALL_FLAG;

	if (!call_started(c)) {
		return;
	}
	tlv_put_str(&body, LINK_TAG_ID, c->id);
	tlv_put_str(&body, flag ? LINK_TAG_FLAG : LINK_TAG_STATUS, c->word);
	if (flag) {
		tlv_put_u8(&body, LINK_TAG_VALUE, c->on);
	}
	if (call_put_author(&body, c->d) < 0) {
		call_abandon(c, VITALED_REASON_FAILED);
		return;
	}
	call_request(c, flag ? DOSSIER_OP_FLAG : DOSSIER_OP_STATUS, &body, NULL, 0, on_changed);
}

void call_change_document(struct call *c)
{
	if (c->kind == CALL_REPLACE) {
		weigh(c);
	} else {
		mark(c);
	}
}
