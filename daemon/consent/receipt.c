/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The receipt of a consent, or of an emergency's statement: what was signed, the signatures, and the
 * place of its entry and of the session's acts in the record under a checkpoint made now. That it was
 * given out is recorded before it is. The page for a printer says the same in words.
 */
#include <errno.h>
#include <string.h>

#include "base/hex.h"
#include "daemon/consent/inside.h"
#include "daemon/limits.h"
#include "record/receipt-page.h"

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

/* Entry @index and its path in the tree of now; @bytes grows by both. */
static json_t *entry_json(struct consent *c, uint64_t index, size_t *bytes)
{
	_cleanup_(buf_done) struct buf entry = BUF_NULL(65536);
	_cleanup_(buf_done) struct buf path = BUF_NULL(MERKLE_LEVELS * (size_t)MERKLE_HASH);

	if (audit_proof(c->all->audit, index, &entry, &path) != 0) {
		return NULL;
	}
	*bytes += entry.len + path.len;
	return json_pack("{s:I,s:o,s:o}", "index", (json_int_t)index, "entry",
		base64_json(buf_view(&entry)), "path", path_json(buf_view(&path)));
}

/* -- what was done in the session ---------------------------------------------------------------- */

struct acts {
	const struct consent *c;
	uint64_t index[LIMIT_RECEIPT_ACTS]; /* newest first */
	size_t n;
	size_t rows;	  /* that were looked at */
	uint64_t omitted; /* found beyond those */
};

static int act_row(void *user, uint64_t index, const json_t *entry)
{
	struct acts *a = user;
	const char *session = json_get_str(entry, "session");

	if (index <= a->c->index || a->rows == LIMIT_RECEIPT_ROWS) {
		return AUDIT_ENOUGH;
	}
	a->rows++;
	if (!session || strcmp(session, session_audit_id(a->c->session)) != 0) {
		return 0;
	}
	if (a->n < LIMIT_RECEIPT_ACTS) {
		a->index[a->n++] = index;
	} else {
		a->omitted++;
	}
	return 0;
}

/* The newest of @a, oldest first, as far as there is room; the others are counted. */
static json_t *acts_json(struct consent *c, struct acts *a)
{
	json_t *list = json_array();
	size_t bytes = 0;
	size_t n = 0;

	while (list && n < a->n && bytes < LIMIT_RECEIPT_BYTES) {
		if (json_array_insert_new(list, 0, entry_json(c, a->index[n], &bytes)) < 0) {
			json_decref(list);
			return NULL;
		}
		n++;
	}
	a->omitted += a->n - n;
	return list;
}

/* This consent's entry and what the session did since, under a checkpoint of now. */
static json_t *audit_json(struct consent *c)
{
	const struct audit_wanted wanted = {.pseudonym = c->pseudonym};
	_cleanup_(buf_done) struct buf note = BUF_NULL(4096);
	_cleanup_json_ json_t *whole = NULL;
	struct acts acts = {.c = c};
	size_t bytes = 0;
	json_t *list;

	if (audit_checkpoint(c->all->audit, &note) != 0 ||
		audit_find(c->all->audit, &wanted, act_row, &acts) < 0) {
		return NULL;
	}
	whole = entry_json(c, c->index, &bytes);
	list = acts_json(c, &acts);
	if (json_set(whole, "acts", list) < 0 ||
		json_set(whole, "omitted", json_integer((json_int_t)acts.omitted)) < 0 ||
		json_set(whole, "checkpoint", json_stringn((const char *)note.data, note.len)) <
			0 ||
		json_set(whole, "vkey", json_string(audit_vkey(c->all->audit))) < 0) {
		return NULL;
	}
	return json_incref(whole);
}

static json_t *professional_json(const struct consent *c)
{
	return c->alone ? json_null()
			: json_pack("{s:o}", "cms", base64_json(buf_view(&c->cms)));
}

static json_t *patient_json(const struct consent *c)
{
	enum proof read = c->absent ? PROOF_NONE : PROOF_READ;
	enum proof strong = c->alone ? PROOF_ACTIVE : PROOF_MUTUAL;
	enum proof proof = c->presence.len > 0 ? strong : read;

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
	whole = json_pack("{s:i,s:o,s:o,s:o,s:o}", "format", 1, "statement",
		base64_json(buf_view(&c->statement)), "professional", professional_json(c),
		"patient", patient_json(c), "audit", audit_json(c));
	if (!whole) {
		return fault(-EIO);
	}
	r = json_canonical(whole, ret);
	return r > 0 ? fault(-EINVAL) : trace(r);
}

int consent_receipt_page(struct consents *cs, struct session *s, struct buf *ret)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(RECEIPT_MAX);
	_cleanup_(receipt_done) struct receipt receipt = {0};
	bool french = strcmp(cs->config->consent_language, "fr") == 0;
	int r;

	r = consent_receipt(cs, s, &text);
	if (r != 0) {
		return trace(r);
	}
	r = receipt_parse(buf_view(&text), &receipt);
	if (r == 0) {
		r = receipt_page(&receipt, french, ret);
	}
	return r > 0 ? fault(-EBADMSG) : trace(r);
}
