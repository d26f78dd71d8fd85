/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The record on the bus: checkpoints, proofs, the export. A checkpoint is made anew only when the
 * record has grown, so that asking for one costs nothing. The export may be larger than memory: it is
 * written to a file without a name in the state folder, which the caller gets open for reading only.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hex.h"
#include "daemon/bus/errors.h"
#include "daemon/bus/fds.h"
#include "daemon/bus/handed.h"
#include "daemon/bus/interfaces.h"
#include "daemon/limits.h"

void memfd_reply(struct call *call, const json_t *j, const char *name)
{
	_cleanup_fd_ int fd = -1;
	struct wire w;
	int r = json_memfd(j, name, &fd);

	if (r != 0) {
		call_fault(call, r < 0 ? r : fault(-EINVAL));
		return;
	}
	handed_out(call, &fd);
	wire_reply(&w, call->m);
	wire_fd(&w, fd);
	call_reply(call, &w);
}

/* the checkpoint of now in b->checkpoint */
static int checkpoint_now(struct bus *b)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(4096);
	uint8_t root[MERKLE_HASH];
	uint64_t size = 0;
	int r;

	audit_head(b->rooms.audit, &size, root);
	if (b->checkpoint && b->checkpoint_size == size)
		return 0;
	r = audit_checkpoint(b->rooms.audit, &text);
	if (r)
		return r;
	free(b->checkpoint);
	b->checkpoint = buf_take_str(&text);
	b->checkpoint_size = size;
	return b->checkpoint ? 0 : fault(-ENOMEM);
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
	wire_str(&w, call->b->checkpoint);
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

/* as the member "audit" of a receipt (record/receipt.h), the entry as its text */
static json_t *proof_json(
	struct bus *b, uint64_t index, const struct buf *entry, struct view path)
{
	json_t *list = path_json(path);

	if (!list)
		return NULL;
	return json_pack("{s:I, s:s%, s:o, s:s, s:s}", "index", (json_int_t)index, "entry",
		(const char *)entry->data, entry->len, "path", list, "checkpoint",
		b->checkpoint, "vkey", audit_vkey(b->rooms.audit));
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

static int record_export(struct call *call)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;

	e.event = AUDIT_EVENT_EXPORT;
	e.outcome = "ok";
	e.caller_uid = (int64_t)call->peer->uid;
	e.caller = call->peer->name;
	return audit_append(call->b->rooms.audit, &e, NULL);
}

void manager_on_export(struct call *call)
{
	struct bus *b = call->b;
	_cleanup_fd_ int out = -1;
	_cleanup_fd_ int in = -1;
	const char *bad = NULL;
	DBusMessageIter it;
	struct wire w;
	int r;

	(void)dbus_message_iter_init(call->m, &it);
	r = wire_options(&it, NULL, 0, NULL, &bad);
	if (r > 0) {
		call_fail(call, VITALED_REASON_INVALID_ARGUMENT, bad);
		return;
	}
	if (failed(call, r) || failed(call, record_export(call)))
		return;
	r = fd_scratch(b->rooms.config->state, &out, &in);
	if (r == 0)
		r = audit_export(b->rooms.audit, out);
	if (failed(call, r))
		return;
	handed_out(call, &in);
	wire_reply(&w, call->m);
	wire_fd(&w, in);
	call_reply(call, &w);
}
