/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The page, line by line: a label and its value, which goes on below itself when it is long. A receipt
 * may be anybody's file, so every text of it passes put_value(), which lets no control character through.
 * Columns are characters; nothing here is wider than one.
 */
#include "record/receipt-page.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "record/checkpoint.h"
#include "record/page-qr.h"
#include "record/page-words.h"

#define LABEL	   15U /* columns: a SHA-256 in digits fits behind it */
#define VALUE_MAX  4096U
#define CODE_MAX   1024U
#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:"

struct page {
	const struct receipt *r;
	const json_t *statement;
	bool french;
	struct buf *out;
};

static const char *said(const struct page *p, enum page_word w)
{
	return page_word(w, p->french);
}

static const char *term(const struct page *p, const char *word)
{
	return word ? page_term(word, p->french) : "";
}

/* -- lines --------------------------------------------------------------------------------------- */

/* One UTF-8 sequence at the start of @r; jansson lets only valid UTF-8 in. */
static struct view take_character(struct reader *r)
{
	struct reader ahead = *r;
	uint8_t first = reader_u8(&ahead);
	size_t n = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;

	return reader_take(r, n <= r->left ? n : r->left);
}

/* What would move the cursor: C0, DEL, C1, marks and overrides of direction. */
static bool is_control(struct view character)
{
	struct reader r = reader_of(character);
	uint8_t a = reader_u8(&r);
	uint8_t b = reader_u8(&r);
	uint8_t c = reader_u8(&r);

	if (a < 0x80) {
		return a < 0x20 || a == 0x7F;
	}
	if (a == 0xC2) {
		return b < 0xA0;
	}
	/* U+200B..U+200F, U+2028..U+202E, U+2060..U+206F */
	return a == 0xE2 &&
	       ((b == 0x80 && c >= 0x8B && (c <= 0x8F || (c >= 0xA8 && c <= 0xAE))) ||
		       (b == 0x81 && c >= 0xA0 && c <= 0xAF));
}

static void put_blanks(struct buf *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_put_u8(out, ' ');
	}
}

/* Characters of the next word of @r, up to a blank or its end. */
static size_t word_length(struct reader r)
{
	size_t n = 0;

	while (r.left > 0 && !view_equal(take_character(&r), VIEW_TEXT(" "))) {
		n++;
	}
	return n;
}

/* @text from column @from on, broken at blanks where there are some, below itself. */
static void put_value(struct buf *out, size_t from, const char *text)
{
	struct reader r = reader_of(view_str(text));
	size_t at = from;

	while (r.left > 0) {
		struct view c = take_character(&r);
		bool blank = view_equal(c, VIEW_TEXT(" "));

		if (at == RECEIPT_PAGE_COLUMNS ||
			(blank && at + 1 + word_length(r) > RECEIPT_PAGE_COLUMNS &&
				word_length(r) <= RECEIPT_PAGE_COLUMNS - from)) {
			buf_put_u8(out, '\n');
			put_blanks(out, from);
			at = from;
			if (blank) {
				continue;
			}
		}
		buf_put_view(out, is_control(c) ? VIEW_TEXT("\xEF\xBF\xBD") : c);
		at++;
	}
	buf_put_u8(out, '\n');
}

static size_t width_of(const char *text)
{
	struct reader r = reader_of(view_str(text));
	size_t n = 0;

	while (r.left > 0) {
		(void)take_character(&r);
		n++;
	}
	return n;
}

static void put_field(const struct page *p, const char *label, const char *value)
{
	size_t n = width_of(label);

	buf_put_str(p->out, label);
	put_blanks(p->out, n < LABEL ? LABEL - n : 1);
	put_value(p->out, LABEL, value);
}

/* One more value below the last; an empty one is no line. */
static void put_more(const struct page *p, const char *value)
{
	if (value && value[0] != '\0') {
		put_field(p, "", value);
	}
}

static void put_optional(const struct page *p, enum page_word label, const char *value)
{
	if (value && value[0] != '\0') {
		put_field(p, said(p, label), value);
	}
}

static void put_rule(const struct page *p)
{
	for (size_t i = 0; i < RECEIPT_PAGE_COLUMNS; i++) {
		buf_put_u8(p->out, '-');
	}
	buf_put_u8(p->out, '\n');
}

static void put_part(const struct page *p, enum page_word title)
{
	buf_put_u8(p->out, '\n');
	put_value(p->out, 0, said(p, title));
}

/* A value made of pieces: @v is NUL-terminated by it, and emptied. */
static void put_made(const struct page *p, const char *label, struct buf *v)
{
	buf_put_u8(v, 0);
	if (v->failed == -ENOMEM) {
		p->out->failed = -ENOMEM;
	}
	put_field(p, label, v->failed ? "..." : (const char *)v->data);
	buf_reset(v);
}

/* -- what was said ------------------------------------------------------------------------------- */

static void put_when(const struct page *p)
{
	_cleanup_(buf_done) struct buf v = BUF_NULL(VALUE_MAX);
	const char *clock = json_get_str(p->statement, "clock");
	int64_t time = 0;
	char text[28];

	if (json_get_int(p->statement, "time", 0, INT64_MAX, &time) != 0) {
		return;
	}
	clock_rfc3339((uint64_t)time, text);
	buf_printf(&v, "%.10s %.8s UTC", text, text + 11);
	if (!clock || strcmp(clock, "synchronised") != 0) {
		buf_put_str(&v, said(p, PAGE_CLOCK_LOOSE));
	}
	put_made(p, said(p, PAGE_DATE), &v);
}

static void put_acts(const struct page *p)
{
	_cleanup_(buf_done) struct buf v = BUF_NULL(VALUE_MAX);
	const json_t *acts = json_object_get(p->statement, "acts");

	for (size_t i = 0; i < json_array_size(acts); i++) {
		const char *word = json_string_value(json_array_get(acts, i));

		buf_put_str(&v, i == 0 ? "" : p->french ? " ; " : "; ");
		buf_put_str(&v, word ? page_act(word, p->french) : "");
	}
	put_made(p, said(p, PAGE_ACTS), &v);
}

/* {name, quality} of who helped or represents. */
static void put_helper(const struct page *p, enum page_word label, const json_t *who)
{
	_cleanup_(buf_done) struct buf v = BUF_NULL(VALUE_MAX);
	const char *name = json_get_str(who, "name");
	const char *quality = json_get_str(who, "quality");

	if (!json_is_object(who)) {
		return;
	}
	buf_put_str(&v, name ? name : term(p, quality));
	if (name && quality) {
		buf_printf(&v, " (%s)", term(p, quality));
	}
	put_made(p, said(p, label), &v);
}

static void put_text(const struct page *p)
{
	_cleanup_(buf_done) struct buf v = BUF_NULL(VALUE_MAX);
	const json_t *text = json_object_get(p->statement, "text");
	const char *id = json_get_str(text, "id");
	const char *language = json_get_str(text, "language");

	if (!id || !language) {
		return;
	}
	buf_printf(&v, "%s.%s.txt, SHA-256", id, language);
	put_made(p, said(p, PAGE_TEXT), &v);
	put_more(p, json_get_str(text, "sha256"));
}

static void put_statement(const struct page *p)
{
	const json_t *s = p->statement;
	const json_t *patient = json_object_get(s, "patient");

	put_optional(p, PAGE_RECEIPT, json_get_str(s, "id"));
	put_when(p);
	put_optional(p, PAGE_DECISION, term(p, json_get_str(s, "decision")));
	put_optional(p, PAGE_FORM, term(p, json_get_str(s, "form")));
	put_helper(p, PAGE_HELPED_BY, json_object_get(s, "assisted-by"));
	put_helper(p, PAGE_REPRESENTED_BY, json_object_get(patient, "representative"));
	put_acts(p);
	put_text(p);
	put_optional(p, PAGE_MODE, term(p, json_get_str(s, "mode")));
	put_optional(p, PAGE_REASON, json_get_str(s, "reason"));
}

/* -- who ----------------------------------------------------------------------------------------- */

static void put_card(const struct page *p, const json_t *patient)
{
	_cleanup_(buf_done) struct buf v = BUF_NULL(VALUE_MAX);
	const char *serial = json_get_str(patient, "serial");
	const char *generation = json_get_str(patient, "generation");

	if (!serial) {
		put_field(p, said(p, PAGE_CARD), said(p, PAGE_CARD_ABSENT));
		return;
	}
	buf_printf(&v, "%s %s (%s, %s)", said(p, PAGE_CARD_ENDS), serial,
		generation ? generation : "?", term(p, json_get_str(patient, "nature")));
	put_made(p, said(p, PAGE_CARD), &v);
}

static void put_patient(const struct page *p)
{
	const json_t *patient = json_object_get(p->statement, "patient");

	put_optional(p, PAGE_PATIENT, json_get_str(patient, "pseudonym"));
	put_more(p, said(p, PAGE_NO_NAME));
	put_more(p, term(p, json_get_str(patient, "age")));
	put_card(p, patient);
}

static void put_professional(const struct page *p)
{
	_cleanup_(buf_done) struct buf v = BUF_NULL(VALUE_MAX);
	const json_t *who = json_object_get(p->statement, "professional");
	const char *surname = json_get_str(who, "surname");
	const char *given = json_get_str(who, "given");
	int64_t profession = 0;

	if (!json_is_object(who)) {
		put_field(p, said(p, PAGE_PROFESSIONAL), said(p, PAGE_NOBODY_ELSE));
		return;
	}
	buf_printf(&v, "%s %s", surname ? surname : "", given ? given : "");
	put_made(p, said(p, PAGE_PROFESSIONAL), &v);
	if (json_get_int(who, "profession", 0, INT64_MAX, &profession) == 0) {
		buf_printf(&v, "%s %" PRId64, said(p, PAGE_PROFESSION), profession);
		put_made(p, "", &v);
	}
	put_more(p, json_get_str(who, "speciality"));
	put_more(p, json_get_str(who, "id"));
	put_optional(p, PAGE_STRUCTURE, json_get_str(who, "structure"));
}

static void put_where(const struct page *p)
{
	_cleanup_(buf_done) struct buf v = BUF_NULL(VALUE_MAX);
	const json_t *application = json_object_get(p->statement, "application");
	const char *name = json_get_str(application, "name");
	const char *version = json_get_str(application, "version");

	if (name) {
		buf_printf(&v, "%s %s", name, version ? version : "");
		put_made(p, said(p, PAGE_APPLICATION), &v);
	}
	put_optional(p, PAGE_WORKSTATION, json_get_str(p->statement, "workstation"));
}

/* -- what was done ------------------------------------------------------------------------------- */

/* "15:04:05  document read  ID", and what came of it when it was not done. */
static void put_done_line(const struct page *p, const json_t *entry)
{
	_cleanup_(buf_done) struct buf v = BUF_NULL(VALUE_MAX);
	const char *document = json_get_str(entry, "document");
	const char *outcome = json_get_str(entry, "outcome");
	int64_t time = 0;
	char text[28] = "";

	if (json_get_int(entry, "time", 0, INT64_MAX, &time) == 0) {
		clock_rfc3339((uint64_t)time, text);
	}
	buf_put_str(&v, term(p, json_get_str(entry, "event")));
	if (document) {
		buf_printf(&v, " %s", document);
	}
	if (outcome && strcmp(outcome, "ok") != 0) {
		buf_printf(&v, " [%s]", term(p, outcome));
	}
	text[19] = '\0';
	put_made(p, text[0] ? text + 11 : "?", &v);
}

static int put_done(const struct page *p)
{
	uint64_t omitted = receipt_omitted(p->r);
	size_t n = receipt_acts(p->r);
	int r = 0;

	put_part(p, PAGE_DONE);
	if (n == 0) {
		put_value(p->out, 0, said(p, PAGE_DONE_NOTHING));
	}
	if (omitted > 0) {
		put_value(p->out, 0, said(p, PAGE_OMITTED));
		buf_truncate(p->out, p->out->len - 1);
		buf_printf(p->out, " %" PRIu64 "\n", omitted);
	}
	for (size_t i = 0; r == 0 && i < n; i++) {
		_cleanup_json_ json_t *entry = NULL;

		r = receipt_act(p->r, i, &entry);
		if (r == 0) {
			put_done_line(p, entry);
		}
	}
	return trace(r);
}

/* -- proofs -------------------------------------------------------------------------------------- */

static int head_of(const struct receipt *r, struct checkpoint *ret)
{
	const json_t *audit = json_object_get(r->whole, "audit");
	int k = checkpoint_parse(view_str(json_get_str(audit, "checkpoint")), ret);

	return k > 0 ? RECEIPT_AUDIT : trace(k);
}

static void put_signers(const struct page *p)
{
	const char *patient =
		said(p, p->r->signature.len > 0 ? PAGE_BY_PATIENT : PAGE_BY_NO_PATIENT);

	if (p->r->cms.len > 0) {
		put_field(p, said(p, PAGE_SIGNED_BY), said(p, PAGE_BY_PROFESSIONAL));
		put_more(p, patient);
	} else {
		put_field(p, said(p, PAGE_SIGNED_BY), patient);
	}
}

static int put_proofs(const struct page *p)
{
	_cleanup_(buf_done) struct buf v = BUF_NULL(VALUE_MAX);
	const json_t *audit = json_object_get(p->r->whole, "audit");
	struct checkpoint head;
	int64_t index = 0;
	int r = head_of(p->r, &head);

	if (r != 0) {
		return trace(r);
	}
	if (json_get_int(audit, "index", 0, INT64_MAX, &index) != 0) {
		return RECEIPT_AUDIT; /* cannot be: receipt_parse() looked */
	}
	put_part(p, PAGE_PROOFS);
	put_signers(p);
	put_field(p, said(p, PAGE_RECORD), head.origin);
	buf_printf(&v, "%" PRId64 " %s %" PRIu64, index, said(p, PAGE_ENTRY_OF), head.size);
	put_made(p, said(p, PAGE_ENTRY), &v);
	hex_encode(&v, VIEW(head.root));
	put_made(p, said(p, PAGE_ROOT), &v);
	return 0;
}

static void put_commands(const struct page *p)
{
	put_part(p, PAGE_CHECK);
	buf_put_str(p->out, "    vitalectl receipt verify receipt.json\n"
			    "    vitalectl receipt extract receipt.json --out PIECES\n");
	put_value(p->out, 0, said(p, PAGE_CHECK_ALONE));
	if (p->r->cms.len > 0) {
		buf_put_str(p->out,
			"    openssl cms -verify -binary -purpose any -inform DER \\\n"
			"        -in professional.cms -content statement.json \\\n"
			"        -CAfile ANCHORS.pem -out /dev/null\n");
	}
	if (p->r->signature.len > 0) {
		buf_put_str(p->out, "    openssl dgst -sha256 -verify presence.pem \\\n"
				    "        -signature presence.sig presence.bin\n");
	}
	put_value(p->out, 0, said(p, PAGE_PAPER));
}

/* -- the code ------------------------------------------------------------------------------------ */

static void put_encoded(struct buf *out, const char *name, const char *value)
{
	struct reader r = reader_of(view_str(value));

	buf_printf(out, "%s=", name);
	while (r.left > 0) {
		uint8_t c = reader_u8(&r);

		if (strchr(UNRESERVED, c)) {
			buf_put_u8(out, c);
		} else {
			buf_printf(out, "%%%02X", c);
		}
	}
}

int receipt_page_code(const struct receipt *r, struct buf *out)
{
	const char *id = json_get_str(r->parsed, "id");
	struct checkpoint head;
	int k = head_of(r, &head);

	if (k != 0) {
		return trace(k);
	}
	buf_put_str(out, "vitaled:receipt?");
	put_encoded(out, "id", id ? id : "");
	buf_put_str(out, "&");
	put_encoded(out, "origin", head.origin);
	buf_printf(out, "&size=%" PRIu64 "&root=", head.size);
	hex_encode(out, VIEW(head.root));
	return trace(buf_check(out));
}

static int put_code(const struct page *p)
{
	_cleanup_(buf_done) struct buf code = BUF_NULL(CODE_MAX);
	int r = receipt_page_code(p->r, &code);

	buf_put_u8(&code, 0);
	if (r == 0) {
		r = buf_check(&code);
	}
	if (r < 0) {
		return code.failed == -EMSGSIZE ? RECEIPT_AUDIT : trace(r);
	}
	if (r > 0) {
		return r;
	}
	put_part(p, PAGE_CODE);
	put_value(p->out, 0, (const char *)code.data);
	r = page_qr((const char *)code.data, RECEIPT_PAGE_COLUMNS, p->out);
	return r > 0 ? RECEIPT_AUDIT : trace(r);
}

int receipt_page(const struct receipt *r, bool french, struct buf *out)
{
	const struct page p = {.r = r, .statement = r->parsed, .french = french, .out = out};
	int k;

	put_value(out, 0, said(&p, PAGE_TITLE));
	put_value(out, 0, said(&p, PAGE_SUBTITLE));
	put_rule(&p);
	put_statement(&p);
	put_part(&p, PAGE_WHO);
	put_patient(&p);
	put_professional(&p);
	put_where(&p);
	k = put_done(&p);
	if (k == 0) {
		k = put_proofs(&p);
	}
	if (k != 0) {
		return trace(k);
	}
	put_commands(&p);
	k = put_code(&p);
	return k != 0 ? trace(k) : trace(buf_check(out));
}
