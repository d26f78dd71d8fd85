/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Questions and answers of the terminal agent. Names and wordings come from cards and from the
 * service; they are shown without control characters.
 */
#include "client/ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/hex.h"
#include "client/args.h"
#include "client/lang.h"
#include "client/messages.h"
#include "client/render.h"
#include "record/crypto.h"

#define DIGITS_MIN 4U
#define DIGITS_MAX 12U /* longest code of the design; a CPS PIN has 4 */
#define DIGITS_PIN 4U  /* of the CPS family */
#define DIGITS_PUK 8U
#define HELPER_MAX 200U /* bytes of a helper's name */
#define REASON_MAX 64U	/* letters and hyphens of a reason (the contract's RequestConsent) */

/* the parts of a consent that are asked for after its first answer */
#define PART_NAME    "helper-name"
#define PART_QUALITY "helper-quality"

void ask_done(struct ask *q)
{
	json_decref(q->facts);
	json_decref(q->details);
	*q = (struct ask){0};
}

bool ask_secret(const struct ask *q)
{
	return q->kind == ASK_KIND_PIN || q->kind == ASK_KIND_CODE;
}

bool ask_wording(const struct ask *q)
{
	const json_t *text = json_object_get(q->facts, "text");
	const char *wording = json_get_str(text, "wording");
	const char *hash = json_get_str(text, "sha256");
	_cleanup_(buf_done) struct buf hex = BUF_NULL(64);
	uint8_t digest[CRYPTO_SHA256];
	struct view v = view_str(wording);

	if (!wording || !hash || crypto_sha256(&v, 1, digest) < 0) {
		return false;
	}
	hex_encode(&hex, VIEW(digest));
	return buf_check(&hex) == 0 && view_equal(buf_view(&hex), view_str(hash));
}

/* -- showing --------------------------------------------------------------------------------- */

static void put_person(const json_t *person, struct buf *out)
{
	static const char *const names[] = {
		"surname", "given", "name", "birth-date", "structure", "sector", "id"};
	bool first = true;

	if (json_is_string(person)) {
		render_text(json_string_value(person), false, out);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = json_get_str(person, names[i]);

		if (value && value[0]) {
			buf_put_str(out, first ? "" : ", ");
			render_text(value, false, out);
			first = false;
		}
	}
}

static void text_tries(const json_t *facts, struct buf *out)
{
	int64_t tries = 0;

	if (json_get_int(facts, "tries-left", 0, 254, &tries) == 0) {
		buf_printf(out,
			ngettext("%d try is left.\n", "%d tries are left.\n",
				(unsigned long)tries),
			(int)tries);
	}
}

/* Which of the patient's codes there are: only what can be typed is asked for. */
static void text_patient_code(const json_t *facts, struct buf *out)
{
	bool personal = json_get_bool(facts, "personal");
	bool activation = json_get_bool(facts, "activation");

	if (json_get_bool(facts, "again")) {
		buf_put_str(out, _("That code was wrong.\n"));
	}
	text_tries(facts, out);
	buf_put_str(out,
		personal && activation
			? _("Your personal code, or the activation code that you were given: ")
		: activation ? _("The activation code that you were given (8 digits): ")
			     : _("Your personal code (4 to 12 digits): "));
}

static void text_code(const struct ask *q, struct buf *out)
{
	if (strcmp(q->what, "pin") == 0) {
		buf_put_str(out, _("Present PIN of the card (4 digits): "));
	} else if (strcmp(q->what, "new-pin") == 0) {
		buf_put_str(out, q->again ? _("The new PIN once more: ")
					  : _("New PIN of the card (4 digits): "));
	} else if (strcmp(q->what, "puk") == 0) {
		buf_put_str(out, _("Unblocking code (PUK) of the card (8 digits): "));
	} else if (strcmp(q->what, "new-code") == 0) {
		buf_put_str(out, q->again ? _("The new personal code once more: ")
					  : _("New personal code (4 to 12 digits): "));
	} else {
		buf_put_str(out, _("Code"));
		buf_put_str(out, " (");
		render_text(q->what, false, out);
		buf_put_str(out, "): ");
	}
}

static void text_secret(const struct ask *q, struct buf *out)
{
	if (strcmp(q->what, "patient-code") == 0) {
		text_patient_code(q->facts, out);
		return;
	}
	if (!q->again) {
		text_tries(q->facts, out);
	}
	if (q->kind == ASK_KIND_PIN) {
		buf_put_str(out, _("PIN of the professional's card: "));
	} else {
		text_code(q, out);
	}
}

void ask_keypad(const json_t *facts, struct buf *out)
{
	const json_t *codes = json_object_get(facts, "codes");
	const char *first = json_string_value(json_array_get(codes, 0));

	text_tries(facts, out);
	if (json_array_size(codes) < 2 || !first) {
		buf_put_str(out, message_inform("use-pinpad"));
	} else if (strcmp(first, "puk") == 0) {
		buf_put_str(out, _("On the reader's keypad: the PUK, then the new PIN twice."));
	} else {
		buf_put_str(out,
			_("On the reader's keypad: the present PIN, then the new PIN twice."));
	}
}

static void text_choice(const struct ask *q, struct buf *out)
{
	buf_put_str(out, strcmp(q->what, "beneficiary") == 0 ? _("Who is the patient?\n")
			 : strcmp(q->what, "structure") == 0 ? _("In which practice?\n")
							     : _("Please choose:\n"));
	for (size_t i = 0; i < json_array_size(q->facts); i++) {
		buf_printf(out, "  %zu. ", i + 1);
		put_person(json_array_get(q->facts, i), out);
		buf_put_u8(out, '\n');
	}
	buf_put_str(out, _("Number: "));
}

static void put_line(const char *label, const json_t *value, struct buf *out)
{
	if (json_is_object(value) || json_is_string(value)) {
		buf_printf(out, "%s: ", message_label(label));
		put_person(value, out);
		buf_put_u8(out, '\n');
	}
}

static void put_acts(const struct ask *q, struct buf *out)
{
	const json_t *acts = json_object_get(q->facts, "acts");

	buf_printf(out, "%s:\n", message_label("acts"));
	for (size_t i = 0; i < json_array_size(acts); i++) {
		const char *word = json_string_value(json_array_get(acts, i));

		buf_put_str(out, "  - ");
		render_text(message_act(word ? word : ""), false, out);
		buf_put_u8(out, '\n');
	}
}

/* What a helper, or a representative, may be to the patient; another word is one too. */
static const char *const helpers[] = {"relative", "staff", "interpreter", NULL};
static const char *const representatives[] = {"parent", "guardian", NULL};

static const char *const *qualities(const struct ask *q)
{
	const char *form = json_get_str(q->details, "form");

	return form && strcmp(form, "representative") == 0 ? representatives : helpers;
}

/* Who helped with the answer, or gave it for a minor. */
static void text_helper(const struct ask *q, struct buf *out)
{
	const char *const *words = qualities(q);

	if (strcmp(q->what, PART_NAME) == 0) {
		buf_put_str(out, _("Name of who helps or represents the patient: "));
		return;
	}
	buf_put_str(out, _("What they are to the patient:\n"));
	for (size_t i = 0; words[i]; i++) {
		buf_printf(out, "  %zu. %s\n", i + 1, message_helper(words[i]));
	}
	buf_put_str(out, _("Number, or another word: "));
}

/* What is asked stands above the wording, which speaks of "what is listed above". */
static void text_consent(const struct ask *q, struct buf *out)
{
	static const char *const names[] = {
		"patient", "professional", "structure", "application"};
	const char *wording = json_get_str(json_object_get(q->facts, "text"), "wording");

	if (q->what[0]) {
		text_helper(q, out);
		return;
	}

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		put_line(names[i], json_object_get(q->facts, names[i]), out);
	}
	put_acts(q, out);
	buf_put_u8(out, '\n');
	render_text(wording ? wording : "", true, out);
	buf_put_str(
		out, json_get_bool(q->facts, "minor")
			     ? _("\nDoes the patient consent? (y/n, a: with somebody's help, "
				 "p: a parent or representative does, i: cannot answer) ")
			     : _("\nDoes the patient consent? (y/n, a: with somebody's help, "
				 "i: cannot answer) "));
}

/* Who, whose dossier, why; then what it means. */
static void text_emergency(const struct ask *q, struct buf *out)
{
	static const char *const names[] = {
		"patient", "professional", "structure", "application", "reason"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		put_line(names[i], json_object_get(q->facts, names[i]), out);
	}
	put_acts(q, out);
	buf_put_str(out,
		_("\nThe patient is not asked. The access is recorded under your name, with "
		  "the reason's hash.\nBreak the glass? (y/n) "));
}

static void text_confirm(const struct ask *q, struct buf *out)
{
	const char *code = json_get_str(q->facts, "code");

	if (strcmp(q->what, "last-try") == 0 && code && strcmp(code, "puk") == 0) {
		buf_put_str(out, _("Only one try of the PUK is left: a wrong one makes the "
				   "card useless. "
				   "Go on? (y/n) "));
		return;
	}
	if (strcmp(q->what, "last-try") == 0) {
		buf_put_str(out,
			_("Only one try is left: a wrong PIN blocks the card. Go on? (y/n) "));
		return;
	}
	if (strcmp(q->what, "bris-de-glace") == 0) {
		text_emergency(q, out);
		return;
	}
	render_text(q->what, false, out);
	buf_put_u8(out, '\n');
	render(q->facts, out);
	buf_put_str(out, _("Do you confirm? (y/n) "));
}

void ask_text(const struct ask *q, struct buf *out)
{
	switch (q->kind) {
	case ASK_KIND_PIN:
	case ASK_KIND_CODE:
		text_secret(q, out);
		break;
	case ASK_KIND_CHOICE:
		text_choice(q, out);
		break;
	case ASK_KIND_CONSENT:
		text_consent(q, out);
		break;
	case ASK_KIND_CONFIRM:
		text_confirm(q, out);
		break;
	}
}

static const char *kind_word(enum ask_kind kind)
{
	static const char *const words[] = {
		[ASK_KIND_PIN] = "pin",
		[ASK_KIND_CODE] = "code",
		[ASK_KIND_CHOICE] = "choice",
		[ASK_KIND_CONSENT] = "consent",
		[ASK_KIND_CONFIRM] = "confirm",
	};

	return words[kind];
}

void ask_tag(const struct ask *q, struct buf *out)
{
	buf_printf(out, "? %s", kind_word(q->kind));
	if (q->what[0]) {
		buf_put_u8(out, ' ');
		render_text(q->what, false, out);
	}
	if (q->kind == ASK_KIND_CHOICE) {
		buf_printf(out, " %zu", json_array_size(q->facts));
	}
	if (q->again) {
		buf_put_str(out, " again");
	}
}

const char *ask_object(const char *path)
{
	return strstr(path, "/card/") ? "card" : "session";
}

bool ask_twice(const struct ask *q)
{
	return q->kind == ASK_KIND_CODE &&
	       (strcmp(q->what, "new-pin") == 0 || strcmp(q->what, "new-code") == 0);
}

json_t *ask_json(const struct ask *q)
{
	_cleanup_json_ json_t *j = json_pack("{s:s, s:s}", "request", kind_word(q->kind),
		ask_object(q->session), q->session);
	_cleanup_json_ json_t *facts = q->facts ? json_deep_copy(q->facts) : json_object();
	int r = j && facts ? 0 : fault(-ENOMEM);

	if (r == 0 && q->what[0]) {
		r = json_set(j, "kind", json_string(q->what));
	}
	for (size_t i = 0; r == 0 && q->kind == ASK_KIND_CHOICE && i < json_array_size(facts);
		i++) {
		if (json_is_object(json_array_get(facts, i))) {
			r = json_set(json_array_get(facts, i), "number",
				json_integer((json_int_t)i + 1));
		}
	}
	if (r == 0) {
		r = json_set(j, q->kind == ASK_KIND_CHOICE ? "choices" : "facts",
			json_incref(facts));
	}
	return r == 0 ? json_incref(j) : NULL;
}

/* -- answers --------------------------------------------------------------------------------- */

static int take_digits(const struct ask *q, struct view line)
{
	struct reader r = reader_of(line);
	size_t min = DIGITS_MIN, max = DIGITS_MAX;

	if (q->kind == ASK_KIND_CODE && strcmp(q->what, "puk") == 0) {
		min = max = DIGITS_PUK;
	} else if (q->kind == ASK_KIND_CODE &&
		   (strcmp(q->what, "pin") == 0 || strcmp(q->what, "new-pin") == 0)) {
		min = max = DIGITS_PIN;
	}
	if (line.len < min || line.len > max) {
		return ASK_AGAIN;
	}
	while (r.left > 0) {
		uint8_t c = reader_u8(&r);

		if (c < '0' || c > '9') {
			return ASK_AGAIN;
		}
	}
	return 0;
}

static int take_choice(const struct ask *q, const char *text, struct ask_answer *ret)
{
	uint32_t number = 0;

	if (args_u32(text, &number) != 0 || number == 0 || number > json_array_size(q->facts)) {
		return ASK_AGAIN;
	}
	ret->index = number - 1;
	return 0;
}

/* The decision that @text begins with, NULL when it is none; @ret_rest: what stands behind it. */
static const char *decision_of(const char *text, const char **ret_rest)
{
	char word[16];
	struct view v = view_str(text);
	const char *rest = strchr(text, ' ');

	if (view_copy_str(rest ? view_sub(v, 0, (size_t)(rest - text)) : v, word,
		    sizeof(word)) != 0) {
		return NULL;
	}
	*ret_rest = rest ? rest + 1 : "";
	return lang_yes(word) || strcmp(word, "given") == 0		       ? "given"
	       : lang_no(word) || strcmp(word, "refused") == 0		       ? "refused"
	       : strcasecmp(word, "i") == 0 || strcmp(word, "impossible") == 0 ? "impossible"
									       : NULL;
}

static bool is_reason(const char *text)
{
	return text[0] && strlen(text) <= REASON_MAX &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz-") == strlen(text);
}

static bool is_name(const char *text)
{
	return strlen(text) <= HELPER_MAX && json_text_fits(text, HELPER_MAX);
}

static bool is_helper(const json_t *helper)
{
	const char *name = json_get_str(helper, "name");
	const char *quality = json_get_str(helper, "quality");

	return json_is_object(helper) && json_object_size(helper) == 2 && name && quality &&
	       is_name(name) && is_reason(quality);
}

/* What may stand beside a decision: a form with who helped, or a reason. */
static bool are_details(const json_t *details, const char *decision)
{
	const char *form = json_get_str(details, "form");
	const char *reason = json_get_str(details, "reason");
	const json_t *helper = json_object_get(details, "helper");
	size_t known = (form ? 1U : 0U) + (helper ? 1U : 0U) + (reason ? 1U : 0U);

	if (json_object_size(details) != known || (form == NULL) != (helper == NULL)) {
		return false;
	}
	if (reason && (!is_reason(reason) || strcmp(decision, "impossible") != 0)) {
		return false;
	}
	return !form ||
	       (is_helper(helper) && strcmp(decision, "given") == 0 &&
		       (strcmp(form, "assisted") == 0 || strcmp(form, "representative") == 0));
}

/* A program's whole answer, one JSON object. */
static int take_object(struct ask *q, struct view line, struct ask_answer *ret)
{
	_cleanup_json_ json_t *j = NULL;
	const char *word;
	const char *rest = "";
	const char *decision;
	int r = json_parse(line, &j);

	if (r != 0) {
		return r < 0 ? trace(r) : ASK_AGAIN;
	}
	word = json_get_str(j, "decision");
	decision = word ? decision_of(word, &rest) : NULL;
	if (!decision || rest[0] || json_object_del(j, "decision") < 0 ||
		!are_details(j, decision)) {
		return ASK_AGAIN;
	}
	json_decref(q->details);
	q->details = json_incref(j);
	ret->decision = decision;
	return 0;
}

/* A number of the list as its word, any other text as it is. */
static const char *quality_of(const struct ask *q, const char *text)
{
	const char *const *words = qualities(q);
	uint32_t number = 0;

	for (size_t i = 0; args_u32(text, &number) == 0 && words[i]; i++) {
		if (number == i + 1) {
			return words[i];
		}
	}
	return text;
}

/* The next part of who helps; complete with the last one. */
static int take_helper(struct ask *q, const char *text, struct ask_answer *ret)
{
	_cleanup_json_ json_t *value = NULL;
	bool name = strcmp(q->what, PART_NAME) == 0;
	json_t *helper = json_object_get(q->details, "helper");

	text = name ? text : quality_of(q, text);
	value = json_string(text); /* NULL: no UTF-8, too */
	if (!value || !(name ? is_name(text) : is_reason(text))) {
		return ASK_AGAIN;
	}
	if (json_set(helper, name ? "name" : "quality", json_incref(value)) < 0) {
		return fault(-ENOMEM);
	}
	(void)snprintf(q->what, sizeof(q->what), "%s", name ? PART_QUALITY : "");
	ret->decision = "given";
	return name ? ASK_MORE : 0;
}

/* Somebody helped, or answers for a minor: who is asked for next. */
static int begin_helper(struct ask *q, const char *form)
{
	json_decref(q->details);
	q->details = json_pack("{s:s, s:{}}", "form", form, "helper");
	(void)snprintf(q->what, sizeof(q->what), "%s", PART_NAME);
	return q->details ? ASK_MORE : fault(-ENOMEM);
}

static int take_consent(struct ask *q, struct view line, struct ask_answer *ret)
{
	const char *text = (const char *)line.data;
	const char *rest = "";

	if (q->what[0]) {
		return take_helper(q, text, ret);
	}
	if (text[0] == '{') {
		return take_object(q, line, ret);
	}
	if (strcasecmp(text, "a") == 0) {
		return begin_helper(q, "assisted");
	}
	if (strcasecmp(text, "p") == 0 && json_get_bool(q->facts, "minor")) {
		return begin_helper(q, "representative");
	}
	ret->decision = decision_of(text, &rest);
	if (!ret->decision ||
		(rest[0] && (!is_reason(rest) || strcmp(ret->decision, "impossible") != 0))) {
		return ASK_AGAIN;
	}
	json_decref(q->details);
	q->details = rest[0] ? json_pack("{s:s}", "reason", rest) : NULL;
	return rest[0] && !q->details ? fault(-ENOMEM) : 0;
}

int ask_take(struct ask *q, struct view line, struct ask_answer *ret)
{
	struct ask_answer answer = {0};
	const char *text = (const char *)line.data;
	int r = ASK_AGAIN;

	if (line.len == 0 || view_equal(line, VIEW_TEXT("cancel"))) {
		return ASK_CANCEL;
	}
	switch (q->kind) {
	case ASK_KIND_PIN:
	case ASK_KIND_CODE:
		r = take_digits(q, line);
		break;
	case ASK_KIND_CHOICE:
		r = take_choice(q, text, &answer);
		break;
	case ASK_KIND_CONSENT:
		r = take_consent(q, line, &answer);
		break;
	case ASK_KIND_CONFIRM:
		answer.yes = lang_yes(text);
		r = answer.yes || lang_no(text) ? 0 : ASK_AGAIN;
		break;
	}
	if (r == 0) {
		*ret = answer;
	}
	return r;
}
