/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The receipt of a consent, or of an emergency's statement: what was signed, both signatures, and the
 * place of its entry in the record under a checkpoint made now. That it was given out is recorded
 * before it is.
 */
#include <errno.h>

#include "base/hex.h"
#include "daemon/consent/inside.h"

/* -- the receipt --------------------------------------------------------------------------------- */

static json_t *base64_json(struct view v)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(RECEIPT_MAX);

	if (v.len == 0) {
		return json_null();
	}
	base64_encode(&text, v);
	return buf_check(&text) < 0 ? NULL : json_stringn((const char *)text.data, text.len);
}

static json_t *path_json(struct view path)
{
	json_t *list = json_array();

	for (size_t at = 0; at < path.len; at += MERKLE_HASH) {
		if (json_array_append_new(list, base64_json(view_sub(path, at, MERKLE_HASH))) <
			0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

/* The entry of this consent in the tree of now, under a checkpoint of now. */
static json_t *audit_json(struct consent *c)
{
	_cleanup_(buf_done) struct buf entry = BUF_NULL(65536);
	_cleanup_(buf_done) struct buf path = BUF_NULL(MERKLE_LEVELS * (size_t)MERKLE_HASH);
	_cleanup_(buf_done) struct buf note = BUF_NULL(4096);

	if (audit_checkpoint(c->all->audit, &note) != 0 ||
		audit_proof(c->all->audit, c->index, &entry, &path) != 0) {
		return NULL;
	}
	return json_pack("{s:I,s:o,s:o,s:s%,s:s}", "index", (json_int_t)c->index, "entry",
		base64_json(buf_view(&entry)), "path", path_json(buf_view(&path)), "checkpoint",
		(const char *)note.data, note.len, "vkey", audit_vkey(c->all->audit));
}

static json_t *patient_json(const struct consent *c)
{
	enum proof read = c->absent ? PROOF_NONE : PROOF_READ;
	enum proof proof = c->presence.len > 0 ? PROOF_MUTUAL : read;

	return json_pack("{s:s,s:o,s:o}", "proof", proof_word(proof), "certificate",
		base64_json(buf_view(&c->certificate)), "signature",
		base64_json(buf_view(&c->presence)));
}

int consent_receipt(struct consents *cs, struct session *s, struct buf *ret)
{
	struct consent *c = session_consent(s);
	struct audit_entry entry = session_audit(s, AUDIT_EVENT_RECEIPT);
	_cleanup_json_ json_t *whole = NULL;
	int r;

	if (!c || c->phase != PHASE_SIGNED) {
		return CONSENT_NO_RECEIPT;
	}
	entry.outcome = "ok";
	if (audit_append(cs->audit, &entry, NULL) != 0) {
		return fault(-EIO); /* what cannot be recorded is not handed out */
	}
	whole = json_pack("{s:i,s:o,s:{s:o},s:o,s:o}", "format", 1, "statement",
		base64_json(buf_view(&c->statement)), "professional", "cms",
		base64_json(buf_view(&c->cms)), "patient", patient_json(c), "audit",
		audit_json(c));
	if (!whole) {
		return fault(-EIO);
	}
	r = json_canonical(whole, ret);
	return r > 0 ? fault(-EINVAL) : trace(r);
}
