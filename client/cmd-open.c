/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitalectl open: hold one session for as long as this program runs, and carry out verbs on it, from
 * the arguments (one argument a verb), from standard input (one line a verb), or from a person at a
 * terminal. State changes are told as they come. When the program ends, the session is locked.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/content.h"
#include "client/lang.h"
#include "client/open.h"
#include "client/render.h"
#include "client/value.h"

const struct verb *open_verb(size_t index)
{
	const struct {
		const struct verb *verbs;
		size_t n;
	} tables[] = {
		{verbs_session, verbs_session_count},
		{verbs_dossier, verbs_dossier_count},
		{verbs_document, verbs_document_count},
		{verbs_people, verbs_people_count},
		{verbs_patient, verbs_patient_count},
	};

	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		if (index < tables[t].n) {
			return &tables[t].verbs[index];
		}
		index -= tables[t].n;
	}
	return NULL;
}

const struct verb *open_find(const char *name)
{
	const struct verb *v;
	size_t i = 0;

	do {
		v = open_verb(i++);
	} while (v && strcmp(v->name, name) != 0);
	return v;
}

/* -- states ---------------------------------------------------------------------------------- */

static json_int_t place_in_queue(const struct held *h)
{
	return json_integer_value(json_array_get(json_object_get(h->properties, "Queue"), 0));
}

/* Whoever opens an emergency is asked themselves. */
static bool is_emergency(const char *mode)
{
	return mode && (strcmp(mode, "bris_de_glace") == 0 || strcmp(mode, "centre_15") == 0);
}

/* The same states, where other people or cards are meant. */
static const char *state_text(const struct open *o, const char *state)
{
	const char *mode = json_get_str(o->held.properties, "Mode");
	bool alone = mode && strcmp(mode, "patient") == 0;

	if (strcmp(state, "waiting-for-consent") == 0 && is_emergency(mode)) {
		return _("waiting for the professional's confirmation");
	}
	if (strcmp(state, "waiting-for-cards") == 0 && alone) {
		return _("waiting for the Vitale card");
	}
	if (strcmp(state, "waiting-for-pin") == 0 && alone) {
		return _("waiting for the patient's code");
	}
	if (strcmp(state, "authenticating") == 0 && alone) {
		return _("the card proves that it is genuine");
	}
	return message_state(state);
}

static void say_state(void *user, struct held *h)
{
	struct open *o = user;
	json_int_t place = place_in_queue(h);
	const char *state = held_state(h);
	const char *reason = held_reason(h);
	const struct message *m = reason[0] ? message_of_word(reason) : NULL;
	char now[sizeof(o->said)];

	if (state[0] == '\0') {
		return; /* not told yet */
	}
	o->was_unlocked = o->was_unlocked || held_reached(h, HELD_UNLOCKED);
	(void)snprintf(now, sizeof(now), "%s %s %d", state, reason, (int)place);
	if (strcmp(now, o->said) == 0) {
		return; /* another property */
	}
	(void)snprintf(o->said, sizeof(o->said), "%s", now);
	if (o->ctl->json) {
		ctl_json(json_pack("{s:s, s:s, s:s, s:s, s:o}", "event", "state", "session",
			h->path, "state", state, "reason", reason, "properties",
			h->properties ? json_deep_copy(h->properties) : json_null()));
		return;
	}
	if (place > 0) {
		ctl_note(o->ctl, _("* %s, place %d"), message_state(state), (int)place);
		return;
	}
	ctl_note(o->ctl, "* %s%s%s", state_text(o, state), reason[0] ? _(": ") : "",
		m ? gettext(m->person) : reason);
}

enum ctl_exit open_ended(struct open *o)
{
	const char *reason = held_reason(&o->held);
	const struct message *m = message_of_word(reason);

	if (o->was_unlocked && !o->held.gone) {
		return CTL_OK; /* that is how every consultation ends */
	}
	if (o->held.gone) {
		struct conn_failure f = {0};

		conn_fail(&f, "org.freedesktop.DBus.Error.NoReply", "");
		return ctl_failure(o->ctl, &f);
	}
	if (!o->ctl->json && m) {
		(void)fprintf(stderr, "%s\n  %s (%s)\n  %s\n", gettext(m->person),
			gettext(m->technician), reason, gettext(m->remedy));
	}
	if (o->ctl->json) {
		ctl_json(json_pack("{s:s, s:s, s:i}", "event", "ended", "reason", reason,
			"exit", m ? (int)m->exit : (int)CTL_FAILED));
	}
	return m ? m->exit : CTL_FAILED;
}

enum ctl_exit open_wait(struct open *o, enum held_stage stage)
{
	while (!held_reached(&o->held, stage)) {
		int r;

		if (held_ended(&o->held)) {
			enum ctl_exit code = open_ended(o);

			return code != CTL_OK ? code
					      : ctl_wrong(o->ctl, CTL_FAILED, o->held.path,
							_("the session has ended"));
		}
		r = conn_turn(&o->ctl->conn, NULL, 0, CONN_FAR);
		if (r < 0) {
			return ctl_fault(o->ctl, r);
		}
		if (r == CONN_STOPPED) {
			return CTL_LATER;
		}
		if (r > 0) {
			o->held.gone = true;
		}
	}
	return CTL_OK;
}

/* -- results --------------------------------------------------------------------------------- */

enum ctl_exit open_print(
	struct open *o, const char *command, json_t *j, const char *const *columns)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL((size_t)8 * 1024 * 1024);
	const json_t *rows = j;

	if (o->ctl->json) {
		ctl_json(json_pack("{s:s, s:O}", "command", command, "result", j));
		return CTL_OK;
	}
	if (columns && json_is_object(j) && json_object_size(j) == 1) {
		rows = json_object_iter_value(json_object_iter(j));
	}
	if (columns && json_is_array(rows)) {
		render_rows(rows, columns, &text);
	} else {
		render(j, &text);
	}
	render_print(&text);
	return CTL_OK;
}

enum ctl_exit open_fetch(struct open *o, DBusMessage *call, json_t **ret)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	struct conn_failure f = {0};
	int r = conn_call(&o->ctl->conn, call, 60, NULL, &f, &reply);

	if (r == 0) {
		r = conn_reply_json(reply, &f, ret);
	}
	return ctl_result(o->ctl, r, &f);
}

enum ctl_exit open_call_json(
	struct open *o, const char *command, DBusMessage *call, const char *const *columns)
{
	_cleanup_json_ json_t *j = NULL;
	enum ctl_exit code = open_fetch(o, call, &j);

	return code == CTL_OK ? open_print(o, command, j, columns) : code;
}

/* -- verbs ----------------------------------------------------------------------------------- */

static enum ctl_exit run_verb(struct open *o, const struct verb *v, const struct line *l)
{
	struct args words = {.n_words = l->n - 1};
	struct args a;
	enum ctl_exit code;

	for (size_t i = 1; i < l->n; i++) {
		words.words[i - 1] = l->words[i];
	}
	code = ctl_parse(o->ctl, v->options, v->n_options, &words, v->min, v->max, &a);
	if (code != CTL_OK) {
		return code;
	}
	if (!(v->after_end && held_ended(&o->held))) {
		code = open_wait(o, v->stage);
	}
	return code == CTL_OK ? v->fn(o, &a) : code;
}

static enum ctl_exit run_line(struct open *o, const char *text)
{
	_cleanup_(line_done) struct line l = {0};
	const struct verb *v;
	int r = args_split(text, &l);

	if (r < 0) {
		return ctl_fault(o->ctl, r);
	}
	if (r > 0) {
		return ctl_usage(o->ctl, "…",
			r == LINE_QUOTE ? _("a quotation mark is missing")
					: args_explain(ARGS_MANY));
	}
	if (l.n == 0 || l.words[0][0] == '#') {
		return CTL_OK;
	}
	v = open_find(l.words[0]);
	if (!v) {
		return ctl_usage(
			o->ctl, l.words[0], _("there is no such command (help lists them)"));
	}
	return run_verb(o, v, &l);
}

/* One line of standard input while the session goes on, at a terminal behind @before. Return: 0, a
 * fault, PROMPT_END, PROMPT_LONG; @ret_over: the session ended before a line came at a terminal. */
static int next_line(struct open *o, const char *before, bool *ret_over)
{
	struct pollfd in = {.fd = o->prompt.fd, .events = POLLIN};
	int r = prompt_begin(&o->prompt, false);

	if (o->prompt.tty) {
		(void)fputs(before, stderr);
	}
	while (r == 0 || r == PROMPT_MORE) {
		if (o->prompt.tty && held_ended(&o->held)) {
			*ret_over = true;
			return PROMPT_END;
		}
		r = conn_turn(&o->ctl->conn, &in, 1, CONN_FAR);
		if (r > 0) {
			o->held.gone = o->held.gone || r == CONN_GONE;
			return PROMPT_END;
		}
		if (r < 0 || !in.revents) {
			continue;
		}
		r = prompt_read(&o->prompt);
		if (r == 0) {
			return 0;
		}
	}
	return trace(r);
}

enum ctl_exit open_confirm(struct open *o, const char *command, const char *question)
{
	bool over = false;
	bool keep = o->prompt.keep;
	int r;

	if (!o->prompt.tty || o->ctl->json) {
		return ctl_usage(
			o->ctl, command, _("nobody can be asked here: --yes is needed"));
	}
	o->prompt.keep = false; /* what was typed ahead is no answer */
	r = next_line(o, question, &over);
	o->prompt.keep = keep;
	if (r < 0) {
		return ctl_fault(o->ctl, r);
	}
	return r == 0 && lang_yes(prompt_text(&o->prompt))
		       ? CTL_OK
		       : ctl_wrong(o->ctl, CTL_LATER, command, _("nothing was done"));
}

static enum ctl_exit from_input(struct open *o, bool keep_going)
{
	enum ctl_exit worst = CTL_OK;
	bool over = false;

	for (;;) {
		enum ctl_exit code = CTL_OK;
		int r = next_line(o, "vitaled> ", &over);

		if (r < 0) {
			return ctl_fault(o->ctl, r);
		}
		if (r == PROMPT_END) {
			return over && worst == CTL_OK ? open_ended(o) : worst;
		}
		code = r == PROMPT_LONG ? ctl_usage(o->ctl, "…", _("the line is too long"))
					: run_line(o, prompt_text(&o->prompt));
		worst = worst == CTL_OK && !o->prompt.tty ? code : worst;
		if (code != CTL_OK && !keep_going && !o->prompt.tty) {
			return code;
		}
	}
}

static enum ctl_exit from_arguments(struct open *o, const struct args *a, bool keep_going)
{
	enum ctl_exit worst = CTL_OK;

	for (size_t i = 0; i < a->n_words; i++) {
		enum ctl_exit code = run_line(o, a->words[i]);

		worst = worst == CTL_OK ? code : worst;
		if (code != CTL_OK && !keep_going) {
			break;
		}
	}
	return worst;
}

/* -- opening --------------------------------------------------------------------------------- */

static const struct args_option options[] = {
	{"mode", 'm', "MODE"},
	{"intent", 'i', "LIST"},
	{"patient", 0, "FILE"},
	{"without-card", 0, NULL},
	{"reason", 0, "FILE"},
	{"structure", 0, "ID"},
	{"pair", 0, "NAME"},
	{"lifetime", 0, "SECONDS"},
	{"wait", 'w', NULL},
	{"keep-going", 'k', NULL},
};

static int patient_fd(struct ctl *ctl, const char *path, int *ret_fd, enum ctl_exit *ret_code)
{
	_cleanup_(content_done) struct content file = CONTENT_NULL;
	_cleanup_json_ json_t *j = NULL;
	int r = content_file(path, &file);

	if (r < 0) {
		*ret_code = ctl_usage(ctl, path, strerror(-r));
		return CONN_FAILED;
	}
	r = r > 0 ? r : json_parse(content_view(&file), &j);
	if (r > 0 || !json_is_object(j)) {
		*ret_code = ctl_usage(ctl, path, _("it is not a JSON object"));
		return CONN_FAILED;
	}
	return r < 0 ? trace(r) : trace(json_memfd(j, "patient", ret_fd));
}

/* One line of standard input, before the session is opened. Return: as next_line(). */
static int ask_reason(struct open *o)
{
	int r = prompt_begin(&o->prompt, false);

	if (o->prompt.tty) {
		(void)fputs(_("Reason of the emergency: "), stderr);
	}
	while (r == 0 || r == PROMPT_MORE) {
		r = prompt_read(&o->prompt);
		if (r == 0) {
			return 0;
		}
	}
	return trace(r);
}

/* The reason is never an argument: the list of processes is everybody's. */
static int reason_fd(struct open *o, const struct args *a, int *ret_fd, enum ctl_exit *ret_code)
{
	_cleanup_(content_done) struct content file = CONTENT_NULL;
	const char *path = args_value(a, "reason");
	int r = path ? content_file(path, &file) : ask_reason(o);

	if (r < 0 && path) {
		*ret_code = ctl_usage(o->ctl, path, strerror(-r));
		return CONN_FAILED;
	}
	if (r > 0) {
		*ret_code = ctl_usage(o->ctl, path ? path : "--reason",
			_("an emergency needs a reason of at least 10 characters"));
		return CONN_FAILED;
	}
	if (r == 0) {
		r = json_memfd_text(
			path ? content_view(&file) : view_str(prompt_text(&o->prompt)),
			"reason", ret_fd);
	}
	prompt_end(&o->prompt);
	return trace(r);
}

/* The options that are text, or that are true when they are there, into @dict. */
static bool put_words(DBusMessageIter *dict, const struct args *a)
{
	static const char *const flags[] = {"wait", "without-card"};
	static const char *const texts[] = {"mode", "structure", "pair"};
	bool ok = true;

	for (size_t i = 0; ok && i < ARRAY_LEN(texts); i++) {
		const char *value = args_value(a, texts[i]);

		ok = !value || value_put_str(dict, texts[i], value);
	}
	for (size_t i = 0; ok && i < ARRAY_LEN(flags); i++) {
		ok = !args_flag(a, flags[i]) || value_put_bool(dict, flags[i], true);
	}
	return ok && (!args_flag(a, "intent") ||
			     value_put_list(dict, "intent", args_value(a, "intent")));
}

/* OpenSession with its options; NULL: no memory */
static DBusMessage *open_message(
	const struct args *a, uint32_t lifetime, int patient, int reason)
{
	DBusMessage *call = conn_method(CONN_ROOT, "Manager", "OpenSession");
	DBusMessageIter args;
	DBusMessageIter dict;
	bool ok = call != NULL;

	if (ok) {
		dbus_message_iter_init_append(call, &args);
		ok = value_open_dict(&args, &dict) &&
		     value_put_name(&dict, "application", "vitalectl", VITALED_VERSION) &&
		     put_words(&dict, a);
	}
	ok = ok && (!args_flag(a, "lifetime") || value_put_u32(&dict, "lifetime", lifetime));
	ok = ok && (patient < 0 || value_put_fd(&dict, "patient", patient));
	ok = ok && (reason < 0 || value_put_fd(&dict, "reason", reason));
	ok = ok && dbus_message_iter_close_container(&args, &dict);
	if (!ok) {
		conn_message_put(&call);
	}
	return call;
}

/* What does not go together, said before a card is asked for. */
static enum ctl_exit check_options(struct ctl *ctl, const struct args *a)
{
	const char *mode = args_value(a, "mode");

	if (args_flag(a, "without-card") && !args_flag(a, "patient")) {
		return ctl_usage(
			ctl, "--without-card", _("--patient FILE says whose dossier is meant"));
	}
	if (mode && strcmp(mode, "administration") == 0 && !args_flag(a, "intent")) {
		return ctl_usage(ctl, "--intent",
			_("administration needs one: create, oppose or close"));
	}
	if (mode && strcmp(mode, "patient") == 0 &&
		(args_flag(a, "intent") || args_flag(a, "structure"))) {
		return ctl_usage(ctl, args_flag(a, "intent") ? "--intent" : "--structure",
			_("the patient alone has neither intent nor structure"));
	}
	return CTL_OK;
}

static enum ctl_exit open_session(struct open *o, const struct args *a)
{
	struct conn_failure f = {0};
	enum ctl_exit code = CTL_FAILED;
	uint32_t lifetime = 0;
	bool refused;
	int patient = -1;
	int reason = -1;
	int r = 0;

	if (args_flag(a, "lifetime") && args_u32(args_value(a, "lifetime"), &lifetime) != 0) {
		return ctl_usage(o->ctl, "--lifetime", _("a number of seconds is needed"));
	}
	code = check_options(o->ctl, a);
	if (code != CTL_OK) {
		return code;
	}
	if (args_flag(a, "patient")) {
		r = patient_fd(o->ctl, args_value(a, "patient"), &patient, &code);
	}
	if (r == 0 && (args_flag(a, "reason") || is_emergency(args_value(a, "mode")))) {
		r = reason_fd(o, a, &reason, &code);
	}
	refused = r > 0; /* @code says it already */
	if (r == 0) {
		r = held_open(&o->held, open_message(a, lifetime, patient, reason), &f);
	}
	if (patient >= 0) {
		close(patient);
	}
	if (reason >= 0) {
		close(reason);
	}
	return refused ? code : ctl_result(o->ctl, r, &f);
}

/* Lock what is not locked yet, and give the object back. */
static void close_session(struct open *o)
{
	struct conn_failure f = {0};
	int r = 0;

	if (o->held.path[0] != '\0' && !o->held.gone) {
		r = conn_call(&o->ctl->conn, held_method(&o->held, "Session", "Release"), 10,
			NULL, &f, NULL);
	}
	(void)r; /* the connection ends next, which locks as well */
}

static bool on_message(void *user, DBusMessage *m)
{
	struct open *o = user;

	return held_message(&o->held, m);
}

enum ctl_exit cmd_open(struct ctl *ctl, const struct args *line)
{
	struct open o = {.ctl = ctl};
	struct args a;
	enum ctl_exit code =
		ctl_parse(ctl, options, ARRAY_LEN(options), line, 0, ARGS_WORDS_MAX, &a);
	int r;

	if (code != CTL_OK) {
		return code;
	}
	r = prompt_init(&o.prompt, STDIN_FILENO);
	if (r < 0) {
		return ctl_fault(ctl, r);
	}
	o.prompt.keep = true;
	o.held = (struct held){.conn = &ctl->conn, .changed = say_state, .user = &o};
	code = ctl_connect(ctl, on_message, &o);
	if (code == CTL_OK) {
		code = open_session(&o, &a);
		if (code == CTL_OK) {
			code = a.n_words > 0
				       ? from_arguments(&o, &a, args_flag(&a, "keep-going"))
				       : from_input(&o, args_flag(&a, "keep-going"));
		}
		close_session(&o);
		conn_close(&ctl->conn);
	}
	held_done(&o.held);
	prompt_done(&o.prompt);
	return code;
}
