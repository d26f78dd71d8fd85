/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The record on the bus: checkpoints, proofs, the export. A checkpoint is made anew only when the
 * record has grown, so that asking for one costs nothing, and whoever made it, the property
 * Checkpoint tells. A proof of consistency ends at that checkpoint and makes none: watching the
 * record never makes it grow. The export may be larger than memory: it is written to a file without a
 * name in the state folder, a step a turn of the loop, and the caller gets it open for reading only.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hex.h"
#include "daemon/audit/keep.h"
#include "daemon/bus/errors.h"
#include "daemon/bus/fds.h"
#include "daemon/bus/handed.h"
#include "daemon/bus/interfaces.h"
#include "daemon/limits.h"

/* @r of making @fd, which is closed */
static void reply_fd(struct call *call, int r, int fd)
{
	_cleanup_fd_ int own = fd;
	struct wire w;

	if (r != 0) {
		call_fault(call, r < 0 ? r : fault(-EINVAL));
		return;
	}
	handed_out(call, &own);
	wire_reply(&w, call->m);
	wire_fd(&w, own);
	call_reply(call, &w);
}

void memfd_reply(struct call *call, const json_t *j, const char *name)
{
	int fd = -1;
	int r = json_memfd(j, name, &fd);

	reply_fd(call, r, fd);
}

void text_reply(struct call *call, struct view text, const char *name)
{
	int fd = -1;
	int r = json_memfd_text(text, name, &fd);

	reply_fd(call, r, fd);
}

static void on_made(void *user)
{
	changes_root(user);
}

void record_start(struct bus *b)
{
	audit_on_checkpoint(b->rooms.audit, on_made, b);
}

void record_stop(struct bus *b)
{
	if (b->rooms.audit)
		audit_on_checkpoint(b->rooms.audit, NULL, NULL);
}

/* audit_note() becomes that of now */
static int checkpoint_now(struct bus *b)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(4096);

	return audit_checkpoint(b->rooms.audit, &text);
}

/* a fault, or an outcome of the record; ends the call unless @r is 0 */
static bool failed(struct call *call, int r)
{
	if (r == 0)
		return false;
	if (r < 0)
		call_fault(call, r);
	else if (r == AUDIT_NO_ENTRY)
		call_fail(call, VITALED_REASON_INVALID_ARGUMENT, "entry");
	else
		call_fail(call, VITALED_REASON_AUDIT_UNAVAILABLE, NULL);
	return true;
}

void manager_on_checkpoint(struct call *call)
{
	struct wire w;

	if (failed(call, checkpoint_now(call->b)))
		return;
	wire_reply(&w, call->m);
	wire_str(&w, audit_note(call->b->rooms.audit, NULL));
	call_reply(call, &w);
}

/* decimal digits, no sign, no leading zero */
static bool parse_index(const char *text, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return false;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9' || v > (INT64_MAX - 9) / 10)
			return false;
		v = v * 10 + (uint64_t)(*p - '0');
	}
	*ret = v;
	return true;
}

static json_t *path_json(struct view path)
{
	struct reader r = reader_of(path);
	json_t *list = json_array();

	while (list && r.left) {
		_cleanup_(buf_done) struct buf text = BUF_NULL(64);

		base64_encode(&text, reader_take(&r, MERKLE_HASH));
		if (r.failed || buf_check(&text) < 0 ||
			json_array_append_new(
				list, json_stringn((const char *)text.data, text.len)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* as the member "audit" of a receipt (record/receipt.h), the entry as its text; of one that was pruned
 * its leaf */
static json_t *proof_json(
	struct bus *b, uint64_t index, const struct buf *entry, struct view path)
{
	_cleanup_(buf_done) struct buf leaf = BUF_NULL(64);
	const char *note = audit_note(b->rooms.audit, NULL);
	const char *vkey = audit_vkey(b->rooms.audit);
	uint8_t hash[MERKLE_HASH];
	json_t *list = path_json(path);

	if (!list)
		return NULL;
	if (entry->len > 0)
		return json_pack("{s:I, s:s%, s:o, s:s, s:s}", "index", (json_int_t)index,
			"entry", (const char *)entry->data, entry->len, "path", list,
			"checkpoint", note, "vkey", vkey);
	if (audit_leaf(b->rooms.audit, index, hash) == 0)
		base64_encode(&leaf, VIEW(hash));
	if (leaf.len == 0 || leaf.failed) {
		json_decref(list);
		return NULL;
	}
	return json_pack("{s:I, s:n, s:s%, s:o, s:s, s:s}", "index", (json_int_t)index, "entry",
		"leaf", (const char *)leaf.data, leaf.len, "path", list, "checkpoint", note,
		"vkey", vkey);
}

void manager_on_proof(struct call *call)
{
	_cleanup_(buf_done) struct buf entry = BUF_NULL(LIMIT_JSON_FD);
	_cleanup_(buf_done) struct buf path = BUF_NULL(64U * MERKLE_HASH);
	_cleanup_json_ json_t *j = NULL;
	DBusMessageIter it;
	uint64_t index;

	(void)dbus_message_iter_init(call->m, &it);
	if (!parse_index(wire_get_str(&it), &index)) {
		call_fail(call, VITALED_REASON_INVALID_ARGUMENT, "entry");
		return;
	}
	if (failed(call, checkpoint_now(call->b)) ||
		failed(call, audit_proof(call->b->rooms.audit, index, &entry, &path)))
		return;
	j = proof_json(call->b, index, &entry, buf_view(&path));
	if (!j)
		call_fault(call, fault(-ENOMEM));
	else
		memfd_reply(call, j, "vitaled-proof");
}

/* a size in digits, or a checkpoint that this record's key signed */
static bool parse_old(struct bus *b, const char *text, uint64_t *ret)
{
	struct checkpoint c;

	if (parse_index(text, ret))
		return true;
	if (checkpoint_verify(view_str(text), audit_vkey(b->rooms.audit), &c) != 0)
		return false;
	*ret = c.size;
	return true;
}

void manager_on_consistency(struct call *call)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(2 * 64U * MERKLE_HASH);
	struct audit *a = call->b->rooms.audit;
	_cleanup_json_ json_t *j = NULL;
	uint64_t old, size;
	DBusMessageIter it;
	const char *note;
	json_t *list;
	int r;

	(void)dbus_message_iter_init(call->m, &it);
	r = parse_old(call->b, wire_get_str(&it), &old) ? audit_consistency(a, old, &path)
							: AUDIT_NO_ENTRY;
	if (r == AUDIT_NO_ENTRY) {
		call_fail(call, VITALED_REASON_INVALID_ARGUMENT, "old");
		return;
	}
	if (failed(call, r))
		return;
	note = audit_note(a, &size);
	list = path_json(buf_view(&path));
	if (list)
		j = json_pack("{s:I, s:I, s:o, s:s, s:s}", "old", (json_int_t)old, "size",
			(json_int_t)size, "path", list, "checkpoint", note, "vkey",
			audit_vkey(a));
	if (!j)
		call_fault(call, fault(-ENOMEM));
	else
		memfd_reply(call, j, "vitaled-consistency");
}

static int record_export(struct call *call)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;

	e.event = AUDIT_EVENT_EXPORT;
	e.outcome = "ok";
	e.caller_uid = (int64_t)call->peer->uid;
	e.caller = call->peer->name;
	return audit_append(call->b->rooms.audit, &e, NULL);
}

/* -- the export, a step a turn -- */

struct exporting {
	struct audit_export *steps;
	sd_event_source *turn;
	int out;
	int in;
};

static void exporting_free(void *data)
{
	struct exporting *e = data;

	sd_event_source_disable_unref(e->turn);
	(void)audit_export_free(e->steps);
	fd_close(&e->out);
	fd_close(&e->in);
	free(e);
}

static int on_turn(sd_event_source *src _unused_, void *user)
{
	struct call *call = user;
	struct exporting *e = call->data;
	bool more = false;
	struct wire w;

	if (failed(call, audit_export_step(e->steps, &more)) || more)
		return 0;
	handed_out(call, &e->in);
	wire_reply(&w, call->m);
	wire_fd(&w, e->in);
	call_reply(call, &w);
	return 0;
}

/* All that it needs, and the first turn to come. */
static int begin_export(struct call *call)
{
	struct exporting *e = calloc(1, sizeof(*e));
	struct bus *b = call->b;
	int r;

	if (!e)
		return fault(-ENOMEM);
	e->out = e->in = -1;
	call->data = e;
	call->data_free = exporting_free;
	r = fd_scratch(b->rooms.config->state, &e->out, &e->in);
	if (r == 0)
		r = audit_export_new(b->rooms.audit, e->out, &e->steps);
	if (r != 0)
		return trace(r);
	r = sd_event_add_defer(b->ev, &e->turn, on_turn, call);
	if (r >= 0)
		r = sd_event_source_set_enabled(e->turn, SD_EVENT_ON);
	return r < 0 ? fault(r) : 0;
}

void manager_on_export(struct call *call)
{
	const char *bad = NULL;
	DBusMessageIter it;
	int r;

	(void)dbus_message_iter_init(call->m, &it);
	r = wire_options(&it, NULL, 0, NULL, &bad);
	if (r > 0) {
		call_fail(call, VITALED_REASON_INVALID_ARGUMENT, bad);
		return;
	}
	if (!failed(call, r) && !failed(call, record_export(call)))
		(void)failed(call, begin_export(call));
}
