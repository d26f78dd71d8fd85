/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitalectl lend: a slot in the hands of another program, for as long as that runs. The lease lives
 * with our connection: whatever happens to this program, the reader comes back.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/ctl.h"
#include "client/lang.h"
#include "client/value.h"

#define SECONDS_DEFAULT 60U
#define GRACE_MS	5000 /* between asking a command to end and killing it */

struct lend {
	struct ctl *ctl;
	const char *const *command; /* NULL-terminated; empty: hold the lease */
	char reader[128];
	char lease[128];
	json_int_t until; /* wall clock, microseconds; 0: not told */
	bool over;	  /* the lease has ended */
};

/* -- the lease ------------------------------------------------------------------------------- */

static bool on_message(void *user, DBusMessage *m)
{
	_cleanup_json_ json_t *args = NULL;
	struct lend *l = user;
	const char *path;

	if (!l->lease[0] || l->over || value_args(m, &args) != 0) {
		return false;
	}
	path = json_string_value(json_array_get(args, 0));
	if (dbus_message_is_signal(
		    m, "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved") &&
		path && strcmp(path, l->lease) == 0) {
		l->over = true;
	}
	if (dbus_message_is_signal(m, "org.freedesktop.DBus", "NameOwnerChanged")) {
		l->over = true; /* the service went away, and its lease with it */
	}
	return false;
}

/* @which: the number that status shows, or the whole name */
static enum ctl_exit find_reader(struct lend *l, const char *which)
{
	_cleanup_json_ json_t *objects = NULL;
	struct conn_failure f = {0};
	const char *path;
	json_t *interfaces;
	enum ctl_exit code = ctl_result(l->ctl, conn_objects(&l->ctl->conn, &f, &objects), &f);

	if (code != CTL_OK) {
		return code;
	}
	json_object_foreach(objects, path, interfaces)
	{
		const json_t *reader = json_object_get(interfaces, CONN_NAME ".Reader");
		const char *name = json_get_str(reader, "Name");

		if (reader && (strcmp(conn_number(path), which) == 0 ||
				      (name && strcmp(name, which) == 0))) {
			(void)snprintf(l->reader, sizeof(l->reader), "%s", path);
			return CTL_OK;
		}
	}
	conn_fail(&f, CONN_NAME ".Error.NoReader", which);
	return ctl_failure(l->ctl, &f);
}

static enum ctl_exit borrow(struct lend *l, dbus_uint32_t seconds)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	_cleanup_json_ json_t *properties = NULL;
	struct conn_failure f = {0};
	const char *path = NULL;
	DBusMessage *call = conn_method(l->reader, "Reader", "Lend");
	int r;

	if (call && !dbus_message_append_args(
			    call, DBUS_TYPE_UINT32, &seconds, DBUS_TYPE_INVALID)) {
		conn_message_put(&call);
	}
	r = conn_call(&l->ctl->conn, call, 150, NULL, &f, &reply);
	if (r == 0 && (!dbus_message_get_args(
			       reply, NULL, DBUS_TYPE_OBJECT_PATH, &path, DBUS_TYPE_INVALID) ||
			      strlen(path) >= sizeof(l->lease))) {
		conn_fail(&f, CONN_NAME ".Error.Failed", "Lend");
		r = CONN_FAILED;
	}
	if (r == 0) {
		(void)snprintf(l->lease, sizeof(l->lease), "%s", path);
		r = conn_get_all(&l->ctl->conn, l->lease, CONN_NAME ".Lease", &f, &properties);
	}
	if (r != 0) {
		return ctl_result(l->ctl, r, &f);
	}
	l->until = json_integer_value(json_object_get(properties, "Until"));
	if (l->ctl->json) {
		ctl_json(json_pack("{s:s, s:s, s:I}", "lease", l->lease, "reader", l->reader,
			"until", l->until));
	}
	ctl_note(l->ctl, _("The reader is lent for %u s."), seconds);
	return CTL_OK;
}

/* Give it back and say how it ended. */
static enum ctl_exit give_back(struct lend *l, enum ctl_exit code)
{
	struct conn_failure f = {0};
	bool over = l->over;
	int r = 0;

	if (!over) {
		l->over = true;
		r = conn_call(&l->ctl->conn, conn_method(l->lease, "Lease", "Return"), 10, NULL,
			&f, NULL);
	}
	(void)r; /* the connection ends next, and the lease with it */
	if (l->ctl->json) {
		ctl_json(json_pack("{s:s, s:s, s:i}", "lease", l->lease, "ended",
			over ? "over" : "returned", "exit", (int)code));
	}
	ctl_note(l->ctl, "%s",
		over ? _("The lease is over; the reader is used here again.")
		     : _("The reader is given back."));
	return code;
}

/* -- the command ----------------------------------------------------------------------------- */

/* Return: 0 or a positive errno. */
static int start(const char *const *command, pid_t *ret_pid)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
	posix_spawnattr_t attributes;
	char *argv[ARGS_WORDS_MAX + 1] = {NULL};
	sigset_t none, defaults;
	int r;

	for (size_t i = 0; command[i] && i < ARGS_WORDS_MAX; i++) {
		argv[i] = (char *)(uintptr_t)command[i]; /* only read */
	}
	(void)sigemptyset(&none);
	(void)sigemptyset(&defaults);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		(void)sigaddset(&defaults, signals[i]);
	}
	r = posix_spawnattr_init(&attributes);
	if (r != 0) {
		return r;
	}
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setsigdefault(&attributes, &defaults);
	(void)posix_spawnattr_setflags(
		&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = posix_spawnp(ret_pid, argv[0], NULL, &attributes, argv, environ);
	(void)posix_spawnattr_destroy(&attributes);
	return r;
}

/* Wait for the command and for what the service says. Return: as conn_turn(). */
static int attend(struct lend *l, int pidfd)
{
	struct pollfd end = {.fd = pidfd, .events = POLLIN};
	bool told = false;
	int r = 0;

	while (r == 0 && !end.revents) {
		r = conn_turn(&l->ctl->conn, &end, 1, CONN_FAR);
		if (l->over && !told) {
			told = true;
			ctl_note(
				l->ctl, "%s", _("The lease is over before the command ended."));
		}
	}
	return trace(r);
}

static enum ctl_exit status_of(pid_t pid)
{
	int status = 0;
	pid_t r;

	do {
		r = waitpid(pid, &status, 0);
	} while (r < 0 && errno == EINTR);
	if (r < 0) {
		return CTL_FAILED;
	}
	/* as a shell tells it */
	return (enum ctl_exit)(
		WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static enum ctl_exit run(struct lend *l)
{
	struct pollfd end = {.fd = -1, .events = POLLIN};
	pid_t pid = 0;
	int r = start(l->command, &pid);

	if (r != 0) {
		return ctl_usage(l->ctl, l->command[0], strerror(r));
	}
	end.fd = pidfd_open(pid, 0);
	r = end.fd < 0 ? fault(-errno) : attend(l, end.fd);
	if (r == CONN_STOPPED || end.fd < 0) { /* asked to end: so is the command */
		(void)kill(pid, SIGTERM);
		if (end.fd < 0 || poll(&end, 1, GRACE_MS) <= 0) {
			(void)kill(pid, SIGKILL);
		}
	}
	if (end.fd >= 0) {
		(void)close(end.fd);
	}
	l->over = l->over || r == CONN_GONE;
	return status_of(pid);
}

/* Without a command: until its time, or a signal. */
static enum ctl_exit hold(struct lend *l)
{
	int r = 0;

	ctl_note(l->ctl, "%s", _("Ctrl-C gives it back."));
	while (r == 0 && !l->over) {
		r = conn_turn(&l->ctl->conn, NULL, 0, CONN_FAR);
	}
	l->over = l->over || r == CONN_GONE;
	return r < 0 ? ctl_fault(l->ctl, r) : r == CONN_GONE ? CTL_NO_SERVICE : CTL_OK;
}

/* What stands behind "--" is the command's, options and all. */
static void cut(const struct args *line, struct args *ret_own, const char **ret_command)
{
	size_t i = 0, n = 0;

	*ret_own = (struct args){0};
	for (; i < line->n_words && strcmp(line->words[i], "--") != 0; i++) {
		ret_own->words[ret_own->n_words++] = line->words[i];
	}
	for (i++; i < line->n_words; i++) {
		ret_command[n++] = line->words[i];
	}
	ret_command[n] = NULL;
}

enum ctl_exit cmd_lend(struct ctl *ctl, const struct args *line)
{
	const char *command[ARGS_WORDS_MAX + 1];
	struct lend l = {.ctl = ctl, .command = command};
	uint32_t seconds = SECONDS_DEFAULT;
	struct args own, a;
	enum ctl_exit code;

	cut(line, &own, command);
	code = ctl_parse(ctl, NULL, 0, &own, 1, 2, &a);
	if (code != CTL_OK) {
		return code;
	}
	if (a.n_words > 1 && args_u32(a.words[1], &seconds) != 0) {
		return ctl_usage(ctl, a.words[1], _("a number of seconds is needed"));
	}
	code = ctl_connect(ctl, on_message, &l);
	if (code != CTL_OK) {
		return code;
	}
	code = find_reader(&l, a.words[0]);
	if (code == CTL_OK) {
		code = borrow(&l, seconds);
	}
	if (code == CTL_OK) {
		code = give_back(&l, command[0] ? run(&l) : hold(&l));
	}
	conn_close(&ctl->conn);
	return code;
}
