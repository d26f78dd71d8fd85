/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitalectl audit prove: that one entry is in the record. The service gives entry, path and
 * checkpoint; whether they belong together is computed here (RFC 6962 §2.1.1).
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "client/audit.h"
#include "client/content.h"
#include "client/lang.h"
#include "client/render.h"

#define PROOF_MAX ((size_t)1024 * 1024) /* bytes of the service's answer */

enum prove_outcome {
	PROVE_FORM = 1, /* the proof lacks something */
	PROVE_KEY,	/* it names another key */
	PROVE_POINT,	/* the checkpoint does not verify */
	PROVE_ENTRY,	/* another entry than the one asked for */
	PROVE_PATH,	/* the path does not lead to the checkpoint's root */
};

static const char *explain(int outcome)
{
	switch ((enum prove_outcome)outcome) {
	case PROVE_FORM:
		return _("the service's answer is malformed");
	case PROVE_KEY:
		return _("the record is not signed by the key given");
	case PROVE_POINT:
		return _("the checkpoint in the proof does not verify");
	case PROVE_ENTRY:
		return _("the proof is of another entry");
	case PROVE_PATH:
		return _("the entry does not lead to the checkpoint's root");
	}
	return "";
}

/* The leaf hash: of the entry, or of one that was pruned the listed one. Return: 0, a fault, PROVE_FORM. */
static int leaf_of(const json_t *proof, uint8_t ret[MERKLE_HASH])
{
	_cleanup_(buf_done) struct buf leaf = BUF_NULL((size_t)2 * MERKLE_HASH);
	const char *entry = json_get_str(proof, "entry");
	const char *listed = json_get_str(proof, "leaf");

	if (entry) {
		return trace(merkle_leaf_hash(view_str(entry), ret));
	}
	if (!listed || base64_decode(&leaf, view_str(listed)) != 0 || leaf.len != MERKLE_HASH) {
		return PROVE_FORM;
	}
	bytes_copy(ret, MERKLE_HASH, leaf.data, leaf.len);
	return 0;
}

/* @entry says itself which one it is. */
static bool is_number(const char *entry, uint64_t index)
{
	_cleanup_json_ json_t *j = NULL;
	int64_t sequence = 0;

	return json_parse(view_str(entry), &j) == 0 &&
	       json_get_int(j, "sequence", 0, INT64_MAX, &sequence) == 0 &&
	       (uint64_t)sequence == index;
}

/* Return: 0, a fault, or prove_outcome. */
static int check(const json_t *proof, uint64_t index, const char *vkey, struct checkpoint *ret)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL((size_t)3 * MERKLE_LEVELS * MERKLE_HASH);
	const char *entry = json_get_str(proof, "entry");
	const char *note = json_get_str(proof, "checkpoint");
	const char *key = json_get_str(proof, "vkey");
	uint8_t leaf[MERKLE_HASH];
	int r;

	if (!note || !key || !audit_path(proof, &path)) {
		return PROVE_FORM;
	}
	if (vkey && strcmp(vkey, key) != 0) {
		return PROVE_KEY;
	}
	r = checkpoint_verify(view_str(note), key, ret);
	if (r != 0) {
		return r < 0 ? trace(r) : PROVE_POINT;
	}
	if (entry && !is_number(entry, index)) {
		return PROVE_ENTRY;
	}
	r = leaf_of(proof, leaf);
	if (r != 0) {
		return trace(r);
	}
	r = merkle_check(index, ret->size, leaf, buf_view(&path), ret->root);
	return r > 0 ? PROVE_PATH : trace(r);
}

/* The exact text, which can be hashed; at a terminal without what could change what is seen there. */
static void tell_text(const struct ctl *ctl, const char *text)
{
	_cleanup_(buf_done) struct buf shown = BUF_NULL(3 * strlen(text) + 1);

	if (isatty(STDOUT_FILENO) != 1) {
		ctl_line(ctl, "%s", text);
		return;
	}
	render_text(text, false, &shown);
	buf_put_u8(&shown, '\n');
	render_print(&shown);
}

static enum ctl_exit tell(struct ctl *ctl, int r, uint64_t index, const json_t *proof,
	const struct checkpoint *point, bool own_key)
{
	if (r < 0) {
		return ctl_fault(ctl, r);
	}
	if (ctl->json) {
		ctl_json(json_pack("{s:s, s:b, s:I, s:I, s:s, s:O?, s:O?, s:b}", "verify",
			"entry", "ok", r == 0, "index", (json_int_t)index, "size",
			(json_int_t)point->size, "why", explain(r), "entry",
			json_object_get(proof, "entry"), "checkpoint",
			json_object_get(proof, "checkpoint"), "own-key", own_key));
	} else if (r != 0) {
		ctl_note(ctl, _("The entry is NOT proven: %s."), explain(r));
	} else {
		const char *entry = json_get_str(proof, "entry");

		tell_text(ctl, entry ? entry : json_get_str(proof, "leaf"));
		if (!entry) {
			ctl_note(ctl, "%s", _("It was pruned: only its hash is left."));
		}
		ctl_note(ctl, _("Entry %llu is in the record of %llu entries."),
			(unsigned long long)index, (unsigned long long)point->size);
		if (own_key) {
			ctl_note(ctl, "%s",
				_("The key was taken from the proof itself: compare it with "
				  "one "
				  "that you hold (--vkey)."));
		}
	}
	return r == 0 ? CTL_OK : CTL_FALSE;
}

static enum ctl_exit prove(
	struct ctl *ctl, const struct args *a, uint64_t index, const char *vkey)
{
	_cleanup_(content_done) struct content text = CONTENT_NULL;
	_cleanup_json_ json_t *proof = NULL;
	struct checkpoint point = {0};
	const char *path = args_value(a, "output");
	const char *number = a->words[1];
	enum ctl_exit code;
	int fd = -1;
	int r;
	DBusMessage *call = conn_method(CONN_ROOT, "Manager", "GetAuditProof");

	if (call &&
		!dbus_message_append_args(call, DBUS_TYPE_STRING, &number, DBUS_TYPE_INVALID)) {
		conn_message_put(&call);
	}
	code = audit_ask(ctl, call, &fd);
	if (code != CTL_OK) {
		return code;
	}
	r = content_memfd(fd, PROOF_MAX, &text);
	close(fd);
	if (r == 0) {
		r = json_parse(content_view(&text), &proof);
	}
	if (r < 0) {
		return ctl_fault(ctl, r);
	}
	r = r > 0 ? PROVE_FORM : check(proof, index, vkey, &point);
	code = tell(ctl, r, index, proof, &point, vkey == NULL);
	if (code == CTL_OK && path) {
		r = content_save(content_view(&text), path);
		code = r < 0 ? ctl_wrong(ctl, CTL_FAILED, path, strerror(-r)) : CTL_OK;
	}
	return code;
}

enum ctl_exit audit_run_prove(struct ctl *ctl, const struct args *a)
{
	char *vkey = NULL;
	uint32_t index;
	enum ctl_exit code;

	if (args_u32(a->words[1], &index) != 0) {
		return ctl_usage(ctl, a->words[1], _("the number of an entry is needed"));
	}
	code = audit_vkey_option(ctl, a, &vkey);
	if (code == CTL_OK) {
		code = ctl_connect(ctl, NULL, NULL);
	}
	if (code == CTL_OK) {
		code = prove(ctl, a, index, vkey);
		conn_close(&ctl->conn);
	}
	free(vkey);
	return code;
}
