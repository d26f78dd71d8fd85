/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The statement of a receipt in words, and the text that it names by its hash. Which signatures there
 * are is told from what the receipt holds; whether they are true is said by `vitalectl receipt verify`
 * only.
 */
#include "client/statement.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "client/content.h"
#include "client/lang.h"
#include "client/render.h"
#include "record/crypto.h"
#include "record/sections.h"

#define WORDING_MAX 16384U /* bytes of a text, and of its file */

static const char *patient_text(const struct receipt *r)
{
	const char *proof = json_get_str(json_object_get(r->parsed, "patient"), "proof");

	if (r->signature.len > 0) {
		return _("  the patient's card (it was present over this statement)\n");
	}
	if (proof && strcmp(proof, "none") == 0) {
		return _("  no patient's card: it was not there\n");
	}
	return _("  no patient's card: only read, it proved nothing\n");
}

void statement_text(const struct receipt *r, struct buf *out)
{
	buf_put_str(out, _("The statement:\n"));
	render(r->parsed, out);
	buf_put_str(out, _("\nSigned by:\n"));
	buf_put_str(out, r->cms.len > 0 ? _("  the professional's card\n")
					: _("  no professional's card\n"));
	buf_put_str(out, patient_text(r));
}

/* -- what was done ------------------------------------------------------------------------------- */

int statement_acts_json(const struct receipt *r, json_t **ret)
{
	_cleanup_json_ json_t *list = json_array();
	int k = list ? 0 : fault(-ENOMEM);

	for (size_t i = 0; k == 0 && i < receipt_acts(r); i++) {
		json_t *entry = NULL;

		k = receipt_act(r, i, &entry);
		if (k == 0 && json_array_append_new(list, entry) < 0) {
			k = fault(-ENOMEM);
		}
	}
	if (k == 0) {
		*ret = list;
		list = NULL;
	}
	return trace(k);
}

/* "2026-11-22T15:04:05Z document-read ID: outcome" */
static void put_act(const json_t *entry, struct buf *out)
{
	static const char *const names[] = {"event", "document", "outcome"};
	int64_t time = 0;
	char text[28] = "";

	if (json_get_int(entry, "time", 0, INT64_MAX, &time) == 0) {
		clock_rfc3339((uint64_t)time, text);
	}
	buf_printf(out, "  %.19s", text);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = json_get_str(entry, names[i]);

		if (value) {
			buf_put_u8(out, ' ');
			render_text(value, false, out);
		}
	}
	buf_put_u8(out, '\n');
}

int statement_acts(const struct receipt *r, struct buf *out)
{
	_cleanup_json_ json_t *list = NULL;
	int k = statement_acts_json(r, &list);

	if (k != 0) {
		return trace(k);
	}
	if (json_array_size(list) > 0) {
		buf_put_str(out, _("\nDone in this session, as the record says:\n"));
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		put_act(json_array_get(list, i), out);
	}
	if (receipt_omitted(r) > 0) {
		buf_printf(out, _("  and %llu older entries that are not in this receipt\n"),
			(unsigned long long)receipt_omitted(r));
	}
	return trace(buf_check(out));
}

/* -- the text that was shown --------------------------------------------------------------------- */

/* A part of a file's name, from a receipt that anybody may have written. */
static bool is_plain(const char *name)
{
	size_t n = name ? strlen(name) : 0;

	return n > 0 && n <= 24 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int has_hash(struct view text, const char *hash, bool *ret)
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(64);
	uint8_t digest[CRYPTO_SHA256];
	int r = crypto_sha256(&text, 1, digest);

	if (r < 0) {
		return trace(r);
	}
	hex_encode(&hex, VIEW(digest));
	*ret = buf_check(&hex) == 0 && view_equal(buf_view(&hex), view_str(hash));
	return 0;
}

/* @path made into the text for @acts. Return: 0, a fault or STATEMENT_NO_FILE. */
static int compose(const char *path, const json_t *acts, const char *hash, struct buf *out)
{
	_cleanup_(content_done) struct content file = CONTENT_NULL;
	_cleanup_(buf_done) struct buf text = BUF_NULL(WORDING_MAX);
	bool same = false;
	int r;

	if (content_file(path, &file) != 0 || file.size > WORDING_MAX ||
		sections_compose(content_view(&file), acts, &text) != 0) {
		return STATEMENT_NO_FILE;
	}
	r = buf_check(&text);
	if (r == 0) {
		r = has_hash(buf_view(&text), hash, &same);
	}
	if (r < 0) {
		return trace(r);
	}
	if (!same) {
		return STATEMENT_NO_FILE;
	}
	buf_put_view(out, buf_view(&text));
	return trace(buf_check(out));
}

int statement_wording(const struct receipt *r, const char *folder, struct buf *out)
{
	const json_t *text = json_object_get(r->parsed, "text");
	const char *id = json_get_str(text, "id");
	const char *language = json_get_str(text, "language");
	const char *hash = json_get_str(text, "sha256");
	char path[1024];
	int n;

	if (!json_is_object(text)) {
		return STATEMENT_NO_TEXT;
	}
	if (!is_plain(id) || !is_plain(language) || !hash) {
		return STATEMENT_NO_FILE;
	}
	n = snprintf(path, sizeof(path), "%s/%s.%s.txt", folder, id, language);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		return STATEMENT_NO_FILE;
	}
	return compose(path, json_object_get(r->parsed, "acts"), hash, out);
}
