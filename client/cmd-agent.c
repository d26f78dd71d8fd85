/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitalectl agent: answers the service's questions at a terminal, or from a driving program's lines.
 * One question at a time. A PIN goes from read() into a locked buffer, from there into a pipe whose
 * read end is the reply, and is wiped; it never enters a message; nor does a patient's code. A new
 * PIN or code is typed twice and compared here before it leaves. Questions are taken from the owner
 * of org.vitaled1 only. When the service comes back after a stop, the agent registers anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/answer.h"
#include "client/ctl.h"
#include "client/inform.h"
#include "client/lang.h"
#include "client/prompt.h"
#include "client/render.h"
#include "client/value.h"

#define AGENT_PATH	"/org/vitaled1/agent"
#define AGENT_INTERFACE CONN_NAME ".Agent"
#define ERROR(name)	CONN_NAME ".Error." name

struct agent {
	struct ctl *ctl;
	const char *capabilities;
	bool once;
	char service[64];     /* unique name of the service; empty: not registered */
	bool back;	      /* the service came (back): register */
	DBusMessage *request; /* outstanding, owned */
	struct ask ask;
	unsigned int number; /* of the question: a line that names another is not for it */
	struct secret first; /* a new PIN or code, typed once */
	char keypad[128];    /* object whose codes are typed on the reader; empty: none */
	struct prompt prompt;
	bool over;
	enum ctl_exit code;
};

/* -- replies --------------------------------------------------------------------------------- */

static void send_message(struct agent *g, DBusMessage *m)
{
	if (m) {
		/* out of memory: the service's own deadline ends the request, as no answer */
		(void)dbus_connection_send(g->ctl->conn.bus, m, NULL);
		dbus_message_unref(m);
	}
}

static void refuse(struct agent *g, DBusMessage *request, const char *error)
{
	send_message(g, dbus_message_new_error(request, error, NULL));
}

/* the answer to a call that asks nothing; the service wants none */
static void acknowledge(struct agent *g, DBusMessage *m)
{
	if (!dbus_message_get_no_reply(m)) {
		send_message(g, dbus_message_new_method_return(m));
	}
}

static void forget_request(struct agent *g)
{
	prompt_end(&g->prompt);
	secret_done(&g->first);
	ask_done(&g->ask);
	conn_message_put(&g->request);
}

static void cancel_request(struct agent *g)
{
	if (g->request) {
		refuse(g, g->request, ERROR("Cancelled"));
		forget_request(g);
	}
}

/* The digits of @line through a pipe that is complete before the reply leaves. */
static int reply_secret(struct agent *g, struct view line)
{
	DBusMessage *reply = NULL;
	int ends[2];
	ssize_t n;
	bool ok;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		return fault(-errno);
	}
	n = write(ends[1], line.data, line.len); /* a new pipe holds far more */
	close(ends[1]);
	reply = n == (ssize_t)line.len ? dbus_message_new_method_return(g->request) : NULL;
	ok = reply &&
	     dbus_message_append_args(reply, DBUS_TYPE_UNIX_FD, &ends[0], DBUS_TYPE_INVALID);
	close(ends[0]);
	if (!ok) {
		conn_message_put(&reply);
		return fault(-ENOMEM);
	}
	send_message(g, reply);
	return 0;
}

static int reply_answer(struct agent *g, const struct ask_answer *a)
{
	DBusMessage *reply = dbus_message_new_method_return(g->request);

	if (!reply || !answer_append(reply, &g->ask, a)) {
		conn_message_put(&reply);
		return fault(-ENOMEM);
	}
	send_message(g, reply);
	return 0;
}

/* -- questions ------------------------------------------------------------------------------- */

/* The terminal is made ready first: whoever answers the words that they see is not cut off. */
static int show(struct agent *g)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL((size_t)4 * 1024 * 1024);
	int r = prompt_begin(&g->prompt, ask_secret(&g->ask));

	if (r < 0) {
		return trace(r);
	}
	if (g->ctl->json) {
		json_t *j = ask_json(&g->ask);

		(void)json_object_set_new(j, "question", json_integer(g->number));
		ctl_json(j);
		return 0;
	}
	ask_text(&g->ask, &text);
	if (!g->prompt.tty) {
		buf_put_u8(&text, '\n');
		ask_tag(&g->ask, &text);
		buf_put_u8(&text, '\n');
	}
	render_print(&text);
	return trace(buf_check(&text));
}

/* What the request @m asks, in @q. Return: 0, a fault, or VALUE_STRANGE when it is malformed. */
static int read_request(
	DBusMessage *m, enum ask_kind kind, bool word, bool facts_fd, struct ask *q)
{
	_cleanup_json_ json_t *args = NULL;
	const char *text;
	int fd = -1;
	int r = value_args(m, &args);

	if (r != 0) {
		return trace(r);
	}
	q->kind = kind;
	text = json_string_value(json_array_get(args, 0));
	(void)snprintf(q->session, sizeof(q->session), "%s", text ? text : "");
	if (word) {
		text = json_string_value(json_array_get(args, 1));
		(void)snprintf(q->what, sizeof(q->what), "%s", text ? text : "");
	}
	if (!facts_fd) {
		q->facts = json_incref(json_array_get(args, word ? 2 : 1));
		return q->facts ? 0 : VALUE_STRANGE;
	}
	r = value_fds(m, 1, &fd);
	if (r == 0) {
		r = json_read_fd(fd, (size_t)1024 * 1024, &q->facts);
		close(fd);
	}
	return r > 0 ? VALUE_STRANGE : trace(r);
}

static bool facts_fit(const struct ask *q)
{
	switch (q->kind) {
	case ASK_KIND_CHOICE:
		return json_is_array(q->facts) && json_array_size(q->facts) > 0;
	case ASK_KIND_CONSENT:
		return ask_wording(q); /* what is shown must be what will be signed */
	case ASK_KIND_PIN:
	case ASK_KIND_CODE:
	case ASK_KIND_CONFIRM:
		break;
	}
	return true;
}

static void ask(struct agent *g, DBusMessage *m, enum ask_kind kind, bool word, bool facts_fd)
{
	struct ask q = {0};
	int r;

	if (g->request) {
		refuse(g, m, ERROR("Busy"));
		return;
	}
	r = read_request(m, kind, word, facts_fd, &q);
	if (r != 0 || !facts_fit(&q)) {
		ask_done(&q);
		refuse(g, m, r < 0 ? ERROR("Failed") : ERROR("InvalidArgument"));
		return;
	}
	g->ask = q;
	g->number++;
	g->request = dbus_message_ref(m);
	if (show(g) < 0) {
		cancel_request(g);
	}
}

/* -- methods --------------------------------------------------------------------------------- */

static void say_inform(const struct agent *g, const struct inform *i)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(65536);

	if (g->ctl->json) {
		ctl_json(inform_json(i));
		return;
	}
	inform_text(i, &text);
	render_print(&text);
}

/* The digits of an activation code that came with @m, appended to @out; else nothing. */
static void read_code(DBusMessage *m, struct buf *out)
{
	int fd = -1;

	if (value_dict_fd(m, "code", &fd) == 0) {
		if (json_read_text(fd, INFORM_CODE_MAX, out) != 0 ||
			!inform_code(buf_view(out))) {
			buf_reset(out);
		}
		close(fd);
	}
}

static void on_inform(struct agent *g, DBusMessage *m)
{
	_cleanup_(buf_done) struct buf code = BUF_NULL(INFORM_CODE_MAX);
	_cleanup_json_ json_t *args = NULL;
	struct inform i = {0};

	if (value_args(m, &args) == 0) {
		i.path = json_string_value(json_array_get(args, 0));
		i.what = json_string_value(json_array_get(args, 1));
		i.facts = json_array_get(args, 2);
	}
	if (i.path && i.what && json_is_object(i.facts)) {
		if (strcmp(i.what, "use-pinpad") == 0) {
			(void)snprintf(g->keypad, sizeof(g->keypad), "%s", i.path);
		}
		read_code(m, &code);
		i.code = buf_view(&code);
		say_inform(g, &i);
	}
	/* --once: one consultation; only those whose questions came here are told of */
	g->over = g->over || (g->once && i.what && strcmp(i.what, "ended") == 0);
	acknowledge(g, m);
}

static void say_cancel(
	const struct agent *g, const char *path, const char *reason, const char *what)
{
	const struct message *why = message_of_word(reason);
	bool answered = strcmp(reason, "answered") == 0;

	if (g->ctl->json) {
		ctl_json(json_pack("{s:s, s:s}", "cancelled", reason, ask_object(path), path));
	}
	ctl_line(g->ctl, "! %s%s%s", what, answered ? "" : " ",
		answered ? ""
		: why	 ? gettext(why->person)
			 : reason);
}

static void on_cancel(struct agent *g, DBusMessage *m)
{
	const char *path = "";
	const char *reason = "";

	if (!dbus_message_get_args(m, NULL, DBUS_TYPE_OBJECT_PATH, &path, DBUS_TYPE_STRING,
		    &reason, DBUS_TYPE_INVALID)) {
		return;
	}
	if (g->request && strcmp(path, g->ask.session) == 0) {
		prompt_withdraw(&g->prompt);
		cancel_request(g);
		ctl_line(g->ctl, "%s", ""); /* away from the prompt */
		say_cancel(g, path, reason, _("The question is withdrawn."));
	} else if (g->keypad[0] && strcmp(path, g->keypad) == 0) {
		g->keypad[0] = '\0';
		say_cancel(g, path, reason, _("The keypad is no longer needed."));
	}
	acknowledge(g, m);
}

static void on_release(struct agent *g, DBusMessage *m)
{
	if (g->request) {
		prompt_withdraw(&g->prompt);
	}
	cancel_request(g);
	g->service[0] = '\0';
	ctl_note(g->ctl, "%s", _("The service released this agent."));
	acknowledge(g, m);
}

static bool on_call(struct agent *g, DBusMessage *m)
{
	static const struct {
		const char *member;
		const char *signature;
		enum ask_kind kind;
		bool word;
		bool fd;
	} requests[] = {
		{"RequestPin", "oa{sv}", ASK_KIND_PIN, false, false},
		{"RequestCode", "osa{sv}", ASK_KIND_CODE, true, false},
		{"RequestChoice", "osh", ASK_KIND_CHOICE, true, true},
		{"RequestConsent", "oh", ASK_KIND_CONSENT, false, true},
		{"Confirm", "osh", ASK_KIND_CONFIRM, true, true},
	};

	if (!dbus_message_has_path(m, AGENT_PATH) ||
		!dbus_message_has_interface(m, AGENT_INTERFACE)) {
		return false;
	}
	if (g->service[0] == '\0' || !dbus_message_has_sender(m, g->service)) {
		refuse(g, m, ERROR("AccessDenied"));
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		if (dbus_message_has_member(m, requests[i].member) &&
			dbus_message_has_signature(m, requests[i].signature)) {
			ask(g, m, requests[i].kind, requests[i].word, requests[i].fd);
			return true;
		}
	}
	if (dbus_message_has_member(m, "Inform")) {
		on_inform(g, m);
	} else if (dbus_message_has_member(m, "Cancel")) {
		on_cancel(g, m);
	} else if (dbus_message_has_member(m, "Release")) {
		on_release(g, m);
	} else {
		return false; /* libdbus answers UnknownMethod */
	}
	return true;
}

static void on_owner(struct agent *g, DBusMessage *m)
{
	const char *name = "";
	const char *before = "";
	const char *after = "";

	if (!dbus_message_has_sender(m, "org.freedesktop.DBus") ||
		!dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING,
			&before, DBUS_TYPE_STRING, &after, DBUS_TYPE_INVALID) ||
		strcmp(name, CONN_NAME) != 0 || strcmp(after, g->service) == 0) {
		return;
	}
	if (g->service[0] != '\0') {
		g->service[0] = '\0';
		g->keypad[0] = '\0';
		if (g->request) {
			prompt_withdraw(&g->prompt);
			forget_request(g); /* nobody waits for the answer any more */
		}
		ctl_note(g->ctl, "%s", _("The service stopped; waiting for it to come back."));
		if (g->ctl->json) {
			ctl_json(json_pack("{s:s}", "agent", "waiting"));
		}
	}
	g->back = after[0] != '\0';
}

static bool on_message(void *user, DBusMessage *m)
{
	struct agent *g = user;

	if (dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_METHOD_CALL) {
		return on_call(g, m);
	}
	if (dbus_message_is_signal(m, "org.freedesktop.DBus", "NameOwnerChanged")) {
		on_owner(g, m);
	}
	return false;
}

/* -- the loop -------------------------------------------------------------------------------- */

static enum ctl_exit do_register(struct agent *g)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	struct conn_failure f = {0};
	const char *path = AGENT_PATH;
	DBusMessageIter args;
	enum ctl_exit code;
	DBusMessage *call = conn_method(CONN_ROOT, "Manager", "RegisterAgent");

	if (call) {
		dbus_message_iter_init_append(call, &args);
		if (!dbus_message_iter_append_basic(&args, DBUS_TYPE_OBJECT_PATH, &path) ||
			!value_append_list(&args, g->capabilities)) {
			conn_message_put(&call);
		}
	}
	code = ctl_result(g->ctl, conn_call(&g->ctl->conn, call, 150, NULL, &f, &reply), &f);
	if (code != CTL_OK) {
		return code;
	}
	(void)snprintf(g->service, sizeof(g->service), "%s", dbus_message_get_sender(reply));
	g->back = false;
	if (g->ctl->json) {
		ctl_json(json_pack(
			"{s:s, s:s}", "agent", "registered", "capabilities", g->capabilities));
	}
	ctl_note(g->ctl, "%s (%s)", _("Ready for questions."), g->capabilities);
	return CTL_OK;
}

/* A new PIN or code was typed. Return: whether it may leave; else it is asked again. */
static bool typed_twice(struct agent *g, struct view line)
{
	struct view first = view_of(g->first.data, g->first.len);
	bool same = secret_equal(first, line);

	if (!g->ask.again) {
		if (secret_new(&g->first, PROMPT_MAX) < 0) {
			cancel_request(g);
			return false;
		}
		bytes_copy(g->first.data, g->first.size, line.data, line.len);
		g->first.len = line.len;
		g->ask.again = true;
	} else if (same) {
		return true;
	} else {
		ctl_note(g->ctl, "%s", _("The two are not the same."));
		secret_done(&g->first);
		g->ask.again = false;
	}
	if (show(g) < 0) {
		cancel_request(g);
	}
	return false;
}

/* For a question that is over: it counts for nothing, and this one goes on waiting. */
static void pass_over(struct agent *g)
{
	if (g->ctl->json) {
		ctl_json(json_pack(
			"{s:s, s:i}", "ignored", "other-question", "question", (int)g->number));
	}
	ctl_note(g->ctl, "%s", _("That was for another question."));
	if (prompt_begin(&g->prompt, ask_secret(&g->ask)) < 0) {
		cancel_request(g);
	}
}

static void take_line(struct agent *g)
{
	struct view line = view_of(g->prompt.line.data, g->prompt.line.len);
	struct ask_answer answer = {0};
	int r;

	if (answer_for(line, g->number, &line) == ANSWER_FOR_OTHER) {
		pass_over(g);
		return;
	}
	r = ask_take(&g->ask, line, &answer);
	if (r == ASK_AGAIN || r == ASK_MORE) {
		if (r == ASK_AGAIN) {
			ctl_note(g->ctl, "%s", _("That is not an answer to this question."));
		}
		if (show(g) < 0) {
			cancel_request(g);
		}
		return;
	}
	if (r != 0) {
		cancel_request(g);
		return;
	}
	if (ask_twice(&g->ask) && !g->ctl->json && !typed_twice(g, line)) {
		return;
	}
	r = ask_secret(&g->ask) ? reply_secret(g, line) : reply_answer(g, &answer);
	if (r < 0) {
		cancel_request(g);
		return;
	}
	forget_request(g);
}

static void on_input(struct agent *g)
{
	int r = prompt_read(&g->prompt);

	if (r == 0) {
		take_line(g);
	} else if (r == PROMPT_LONG) {
		cancel_request(g);
	} else if (r != PROMPT_MORE) {
		/* nobody will ever answer here again */
		cancel_request(g);
		g->over = true;
		g->code = r < 0 ? ctl_fault(g->ctl, r) : CTL_LATER;
	}
}

static void run(struct agent *g)
{
	g->code = do_register(g);
	g->over = g->code != CTL_OK;
	while (!g->over) {
		struct pollfd in = {.fd = g->prompt.fd, .events = POLLIN};
		int r;

		if (g->back && do_register(g) != CTL_OK) {
			g->back =
				false; /* told; the next coming of the service is tried again */
		}
		r = conn_turn(&g->ctl->conn, &in, g->request ? 1 : 0, CONN_FAR);
		if (r == CONN_STOPPED) {
			break;
		}
		if (r != 0) {
			g->over = true;
			g->code = r < 0 ? ctl_fault(g->ctl, r) : CTL_NO_SERVICE;
		} else if (g->request && in.revents) {
			on_input(g);
		}
	}
	cancel_request(g);
}

static const struct args_option options[] = {
	{"capability", 'c', "LIST"},
	{"once", 0, NULL},
};

enum ctl_exit cmd_agent(struct ctl *ctl, const struct args *line)
{
	struct agent g = {.ctl = ctl, .capabilities = "pin,professional"};
	struct args a;
	enum ctl_exit code = ctl_parse(ctl, options, ARRAY_LEN(options), line, 0, 0, &a);
	int r;

	if (code != CTL_OK) {
		return code;
	}
	if (args_flag(&a, "capability")) {
		g.capabilities = args_value(&a, "capability");
	}
	g.once = args_flag(&a, "once");
	r = prompt_init(&g.prompt, STDIN_FILENO);
	if (r < 0) {
		return ctl_fault(ctl, r);
	}
	code = ctl_connect(ctl, on_message, &g);
	if (code == CTL_OK) {
		run(&g);
		code = g.code;
		conn_close(&ctl->conn);
	}
	prompt_done(&g.prompt);
	return code;
}
