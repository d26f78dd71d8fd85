/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The statement of a receipt in words, and the text that it names by its hash. Which signatures there
 * are is told from what the receipt holds; whether they are true is said by `vitalectl receipt verify`
 * only.
 */
#include "client/statement.h"

#include <stdio.h>
#include <string.h>

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
