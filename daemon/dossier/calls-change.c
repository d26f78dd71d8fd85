/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Calls that change something: told to the record as started, carried out, told again with the new
 * version and hash (record.c says what happens when the second cannot be written).
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
	call_succeed(c, NULL);
}

void call_run_create(struct call *c)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);
	struct dossier *d = c->d;

	if (d->state != DOSSIER_STATE_ABSENT) {
		call_finish(c, VITALED_REASON_WRONG_STATE);
		return;
	}
	if (record_started(d, AUDIT_EVENT_DOSSIER_CREATED, NULL) != 0) {
		call_unrecorded(c);
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

/* -- add ---------------------------------------------------------------------------------------- */

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
	call_succeed(c, NULL);
}

static void add(struct call *c)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);
	int fds[2] = {c->fds[0], c->fds[1]};

	if (record_started(c->d, AUDIT_EVENT_DOCUMENT_ADDED, NULL) != 0) {
		call_unrecorded(c);
		return;
	}
	if (call_put_author(&body, c->d) < 0) {
		call_abandon(c, VITALED_REASON_FAILED);
		return;
	}
	c->fds[0] = -1;
	c->fds[1] = -1;
	call_request(c, DOSSIER_OP_ADD, &body, fds, 2, on_added);
	/* the request has duplicates; the call may be gone */
	close(fds[0]);
	close(fds[1]);
}

/* Allowed by what it would be: type, flags, author. */
static void on_weighed(void *user, struct link_frame *answer)
{
	struct call *c = user;

	if (!call_row_allowed(c, answer)) {
		return;
	}
	add(c);
}

/* The process tells the row of the metadata, which hold a title and are not for us; the memfd is
 * sealed (dossier_add() has looked), so what is decided about is what is added. */
void call_run_add(struct call *c)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);

	if (c->d->state != DOSSIER_STATE_OPEN) {
		call_finish(c, VITALED_REASON_WRONG_STATE);
		return;
	}
	if (call_put_author(&body, c->d) < 0) {
		call_finish(c, VITALED_REASON_FAILED);
		return;
	}
	call_request(c, DOSSIER_OP_WEIGH, &body, &c->fds[1], 1, on_weighed);
}

/* -- visibility --------------------------------------------------------------------------------- */

static void on_flagged(void *user, struct link_frame *answer)
{
	struct call *c = user;

	if (call_went_wrong(c, answer)) {
		return;
	}
	if (!dossier_take_state(c->d, answer->body)) {
		call_malformed(c);
		return;
	}
	call_succeed(c, json_pack("{s:s,s:b}", "flag", c->flag, "on", c->on));
}

void call_run_flag(struct call *c)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);

	if (record_started(c->d, AUDIT_EVENT_DOCUMENT_FLAGGED, c->id) != 0) {
		call_unrecorded(c);
		return;
	}
	tlv_put_str(&body, LINK_TAG_ID, c->id);
	tlv_put_str(&body, LINK_TAG_FLAG, c->flag);
	tlv_put_u8(&body, LINK_TAG_VALUE, c->on);
	if (call_put_author(&body, c->d) < 0) {
		call_abandon(c, VITALED_REASON_FAILED);
		return;
	}
	call_request(c, DOSSIER_OP_FLAG, &body, NULL, 0, on_flagged);
}
