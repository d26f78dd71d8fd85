/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitalectl pin: the PIN of a professional's card. No code is ever taken here: the service asks an
 * agent for it (vitalectl agent, on another connection), or it is typed on the reader's keypad. How
 * many tries are left is shown only as the card told it.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "client/ctl.h"
#include "client/lang.h"
#include "client/render.h"

/* two codes and a confirmation of 120 s each, the keypad, polkit, and the card */
#define PATIENCE 900U

static bool has_pin(const json_t *card)
{
	static const char *const kinds[] = {"cps", "cpf", "cpe", "cpa"};
	const char *kind = json_get_str(card, "Kind");

	for (size_t i = 0; kind && i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i], kind) == 0) {
			return true;
		}
	}
	return false;
}

static const json_t *card_of(const json_t *interfaces)
{
	return json_object_get(interfaces, CONN_NAME ".Card");
}

static const json_t *reader_of_card(const json_t *objects, const json_t *card)
{
	const char *path = json_get_str(card, "Reader");

	return path ? json_object_get(json_object_get(objects, path), CONN_NAME ".Reader")
		    : NULL;
}

/* -- status ---------------------------------------------------------------------------------- */

static json_t *card_json(const char *path, const json_t *objects, const json_t *card)
{
	const json_t *reader = reader_of_card(objects, card);
	const json_t *until = json_object_get(card, "PinVerifiedUntil");
	json_t *j = json_pack("{s:s, s:O?, s:O?, s:O?, s:b, s:b}", "card", path, "kind",
		json_object_get(card, "Kind"), "generation",
		json_object_get(card, "Generation"), "reader", json_object_get(card, "Reader"),
		"keypad", json_get_bool(reader, "Pinpad") ? 1 : 0, "lent",
		json_get_bool(reader, "Lent") ? 1 : 0);

	/* told to the card's own user only */
	if (j && until &&
		json_set(j, "pin-verified-until", json_incref((json_t *)(uintptr_t)until)) <
			0) {
		json_decref(j);
		return NULL;
	}
	return j;
}

static void put_card(
	const char *path, const json_t *objects, const json_t *card, struct buf *out)
{
	const json_t *reader = reader_of_card(objects, card);
	const char *kind = json_get_str(card, "Kind");
	const char *generation = json_get_str(card, "Generation");
	json_int_t until = json_integer_value(json_object_get(card, "PinVerifiedUntil"));
	const char *in = json_get_str(card, "Reader");
	const char *advice = json_get_str(card, "Advice");

	buf_printf(out, "%s %s: %s %s, %s %s%s%s\n", _("card"), conn_number(path),
		message_kind(kind ? kind : ""), generation ? generation : "", _("reader"),
		conn_number(in ? in : "-"),
		json_get_bool(reader, "Pinpad") ? _(", keypad") : "",
		json_get_bool(reader, "Lent") ? _(", lent") : "");
	if (until > 0) {
		char text[28];

		clock_rfc3339((uint64_t)until, text);
		buf_printf(out, "  %s %s\n", _("its PIN is verified until"), text);
	} else {
		buf_printf(out, "  %s\n", _("no verified PIN is kept for you"));
	}
	if (advice && advice[0] != '\0') {
		buf_printf(out, "  %s [%s]\n", message_advice(advice), advice);
	}
}

static enum ctl_exit show(struct ctl *ctl, const json_t *objects, const char *number)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL((size_t)256 * 1024);
	_cleanup_json_ json_t *list = json_array();
	const char *path;
	json_t *interfaces;

	json_object_foreach((json_t *)(uintptr_t)objects, path, interfaces)
	{
		const json_t *card = card_of(interfaces);

		if (!card || !has_pin(card) ||
			(number && strcmp(conn_number(path), number) != 0)) {
			continue;
		}
		put_card(path, objects, card, &text);
		if (json_array_append_new(list, card_json(path, objects, card)) < 0) {
			return ctl_fault(ctl, fault(-12));
		}
	}
	if (ctl->json) {
		ctl_json(json_pack("{s:O}", "cards", list));
	} else if (json_array_size(list) == 0) {
		ctl_line(ctl, "%s", _("There is no professional's card in a reader."));
	} else {
		render_print(&text);
	}
	return CTL_OK;
}

/* -- change, unblock ------------------------------------------------------------------------- */

/* The card that is meant: --card, else the only one that has a PIN. */
static enum ctl_exit find_card(
	struct ctl *ctl, const json_t *objects, const char *number, const char **ret_path)
{
	const char *found = NULL;
	const char *path;
	json_t *interfaces;

	json_object_foreach((json_t *)(uintptr_t)objects, path, interfaces)
	{
		const json_t *card = card_of(interfaces);

		if (!card ||
			(number ? strcmp(conn_number(path), number) != 0 : !has_pin(card))) {
			continue;
		}
		if (found) {
			return ctl_usage(ctl, "--card",
				_("there are several cards: choose one (pin status lists "
				  "them)"));
		}
		found = path;
	}
	if (!found) {
		struct conn_failure f = {0};

		conn_fail(&f, CONN_NAME ".Error.NoCard", number ? number : "");
		return ctl_failure(ctl, &f);
	}
	*ret_path = found;
	return CTL_OK;
}

/* The card told it, and the error's text ends in it. */
static void say_tries(const struct ctl *ctl, const struct conn_failure *f)
{
	static const char mark[] = ": tries-left ";
	const char *at = strstr(f->detail, mark);
	uint32_t tries = 0;

	if (at && !ctl->json && args_u32(at + sizeof(mark) - 1, &tries) == 0 && tries < 255) {
		ctl_note(ctl, ngettext("%d try is left.", "%d tries are left.", tries),
			(int)tries);
	}
}

static bool is_one_of(const char *name, const char *const *words, size_t n)
{
	const char *last = strrchr(name, '.');

	for (size_t i = 0; last && i < n; i++) {
		if (strcmp(last + 1, words[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* What may have been done of a job that ended by @f: codes go to the card before its end is known,
 * an unblocking in two commands or three (drivers/card/cps/pin.c). */
static void say_doubt(const struct ctl *ctl, const struct conn_failure *f, bool change)
{
	static const char *const lost[] = {"CardRemoved", "CardBroken", "ChildFailed",
		"ReaderFailed", "NoReader", "NoReaderService", "NoReply", "Failed"};
	static const char *const between[] = {"Cancelled", "Timeout", "PinRefused"};

	if (change && is_one_of(f->name, lost, ARRAY_LEN(lost))) {
		ctl_note(ctl, "%s",
			_("If the codes had already gone to the card, it may have the new "
			  "PIN."));
	}
	if (!change && (is_one_of(f->name, lost, ARRAY_LEN(lost)) ||
			       is_one_of(f->name, between, ARRAY_LEN(between)))) {
		ctl_note(ctl, "%s",
			_("If the PUK had already gone to the card, one of its uses is spent, "
			  "and the card may be unblocked: with the PIN that it had before (a "
			  "CPS4), or with the new one."));
	}
}

static enum ctl_exit run_job(struct ctl *ctl, const char *path, bool change)
{
	struct conn_failure f = {0};
	enum ctl_exit code;

	ctl_note(ctl, "%s",
		_("The codes are asked by the agent (vitalectl agent, in another terminal), or "
		  "typed on the reader's keypad."));
	code = ctl_result(ctl,
		conn_call(&ctl->conn,
			conn_method(path, "Card", change ? "ChangePin" : "UnblockPin"),
			PATIENCE, NULL, &f, NULL),
		&f);
	if (code != CTL_OK) {
		say_tries(ctl, &f);
		say_doubt(ctl, &f, change);
		return code;
	}
	if (ctl->json) {
		ctl_json(json_pack("{s:s, s:s, s:b}", "command",
			change ? "pin change" : "pin unblock", "card", path, "result", 1));
	}
	ctl_line(ctl, "%s", change ? _("The PIN is changed.") : _("The card has a new PIN."));
	return CTL_OK;
}

static const struct args_option options[] = {
	{"card", 0, "N"},
};

enum ctl_exit cmd_pin(struct ctl *ctl, const struct args *line)
{
	static const char *const verbs[] = {"status", "change", "unblock"};
	_cleanup_json_ json_t *objects = NULL;
	struct conn_failure f = {0};
	const char *path = NULL;
	const char *number;
	struct args a;
	size_t verb = 0;
	enum ctl_exit code = ctl_parse(ctl, options, ARRAY_LEN(options), line, 1, 1, &a);

	if (code != CTL_OK) {
		return code;
	}
	while (verb < ARRAY_LEN(verbs) && strcmp(verbs[verb], a.words[0]) != 0) {
		verb++;
	}
	if (verb == ARRAY_LEN(verbs)) {
		return ctl_usage(ctl, a.words[0], _("status, change or unblock is needed"));
	}
	code = ctl_connect(ctl, NULL, NULL);
	if (code != CTL_OK) {
		return code;
	}
	number = args_value(&a, "card");
	code = ctl_result(ctl, conn_objects(&ctl->conn, &f, &objects), &f);
	if (code == CTL_OK && verb == 0) {
		code = show(ctl, objects, number);
	} else if (code == CTL_OK) {
		code = find_card(ctl, objects, number, &path);
		code = code == CTL_OK ? run_job(ctl, path, verb == 1) : code;
	}
	conn_close(&ctl->conn);
	return code;
}
