/* SPDX-License-Identifier: EUPL-1.2 */
/* The private bus of the tests: one process plays everybody, in turns, with no thread and no sleep. */
#include "tests/unit/bus/bed.h"

#include <assert.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/bus/break.h"

struct bed bed = {.faster = 1, .patience = 5 * USEC_PER_SEC};

static struct {
	char folder[64];
	pid_t daemon;
	struct client *clients[520];
	size_t n;
	struct client *polkit;
} own;

/* -- clients -- */

static DBusHandlerResult on_message(DBusConnection *c, DBusMessage *m, void *user)
{
	struct client *cl = user;
	int type = dbus_message_get_type(m);

	(void)c;
	if (type != DBUS_MESSAGE_TYPE_SIGNAL && type != DBUS_MESSAGE_TYPE_METHOD_CALL)
		return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
	assert(cl->n < 64);
	cl->inbox[cl->n++] = dbus_message_ref(m);
	return DBUS_HANDLER_RESULT_HANDLED;
}

struct client *client_new(uid_t uid)
{
	struct client *cl = calloc(1, sizeof(*cl));
	DBusError e = DBUS_ERROR_INIT;
	bool other = uid != (uid_t)-1 && uid != geteuid();

	assert(cl && own.n < 520);
	if (other && seteuid(uid) != 0)
		abort();
	cl->c = dbus_bus_get_private(DBUS_BUS_SYSTEM, &e);
	if (other && seteuid(0) != 0)
		abort();
	if (!cl->c)
		(void)fprintf(stderr, "client: %s\n", e.message);
	assert(cl->c);
	dbus_connection_set_exit_on_disconnect(cl->c, FALSE);
	assert(dbus_connection_add_filter(cl->c, on_message, cl, NULL));
	cl->name = dbus_bus_get_unique_name(cl->c);
	own.clients[own.n++] = cl;
	return cl;
}

void client_clear(struct client *c)
{
	for (size_t i = 0; i < c->n; i++)
		dbus_message_unref(c->inbox[i]);
	c->n = 0;
}

void client_free(struct client *c)
{
	for (size_t i = 0; i < own.n; i++)
		if (own.clients[i] == c) {
			own.clients[i] = own.clients[--own.n];
			break;
		}
	client_clear(c);
	dbus_connection_remove_filter(c->c, on_message, c);
	dbus_connection_close(c->c);
	dbus_connection_unref(c->c);
	free(c);
}

DBusPendingCall *client_send(struct client *c, DBusMessage *m)
{
	DBusPendingCall *pending = NULL;

	assert(m && dbus_connection_send_with_reply(c->c, m, &pending, DBUS_TIMEOUT_INFINITE));
	dbus_message_unref(m);
	assert(pending);
	dbus_connection_flush(c->c);
	return pending;
}

DBusMessage *client_wait(DBusPendingCall *pending)
{
	uint64_t until = clock_monotonic() + bed.patience;
	DBusMessage *reply;

	while (!dbus_pending_call_get_completed(pending) && clock_monotonic() < until)
		bed_turn();
	reply = dbus_pending_call_get_completed(pending)
			? dbus_pending_call_steal_reply(pending)
			: NULL;
	if (!reply)
		dbus_pending_call_cancel(pending);
	dbus_pending_call_unref(pending);
	return reply;
}

DBusMessage *client_call(struct client *c, DBusMessage *m)
{
	return client_wait(client_send(c, m));
}

bool client_has(const struct client *c, const char *member)
{
	for (size_t i = 0; i < c->n; i++)
		if (dbus_message_has_member(c->inbox[i], member))
			return true;
	return false;
}

DBusMessage *client_take(struct client *c, const char *member)
{
	uint64_t until = clock_monotonic() + bed.patience;

	do {
		for (size_t i = 0; i < c->n; i++) {
			DBusMessage *m = c->inbox[i];

			if (!dbus_message_has_member(m, member))
				continue;
			for (; i + 1 < c->n; i++)
				c->inbox[i] = c->inbox[i + 1];
			c->n--;
			return m;
		}
		bed_turn();
	} while (clock_monotonic() < until);
	return NULL;
}

DBusMessage *method(const char *path, const char *interface, const char *member, int type, ...)
{
	DBusMessage *m = dbus_message_new_method_call("org.vitaled1", path, interface, member);
	va_list args;

	assert(m);
	va_start(args, type);
	assert(type == DBUS_TYPE_INVALID || dbus_message_append_args_valist(m, type, args));
	va_end(args);
	return m;
}

const char *error_of(DBusMessage *m)
{
	static char name[128];
	const char *error = m ? dbus_message_get_error_name(m) : "none";
	size_t prefix = strlen("org.vitaled1.Error.");

	if (error && strncmp(error, "org.vitaled1.Error.", prefix) == 0)
		error += prefix;
	(void)snprintf(name, sizeof(name), "%s", error ? error : "");
	if (m)
		dbus_message_unref(m);
	return name;
}

/* -- polkit -- */

static void note_check(DBusMessage *m)
{
	DBusMessageIter it, subject, dict, entry, value;
	const char *text;
	dbus_uint32_t flags;

	bed.n_checks++;
	bed.last_serial = dbus_message_get_serial(m);
	(void)snprintf(
		bed.last_sender, sizeof(bed.last_sender), "%s", dbus_message_get_sender(m));
	(void)dbus_message_iter_init(m, &it);
	dbus_message_iter_recurse(&it, &subject);
	(void)dbus_message_iter_next(&subject);
	dbus_message_iter_recurse(&subject, &dict);
	dbus_message_iter_recurse(&dict, &entry);
	(void)dbus_message_iter_next(&entry);
	dbus_message_iter_recurse(&entry, &value);
	dbus_message_iter_get_basic(&value, &text);
	(void)snprintf(bed.last_subject, sizeof(bed.last_subject), "%s", text);
	(void)dbus_message_iter_next(&it);
	dbus_message_iter_get_basic(&it, &text);
	(void)snprintf(bed.last_action, sizeof(bed.last_action), "%s", text);
	(void)dbus_message_iter_next(&it);
	(void)dbus_message_iter_next(&it);
	dbus_message_iter_get_basic(&it, &flags);
	bed.last_flags = flags;
}

static DBusMessage *polkit_reply(DBusMessage *m)
{
	DBusMessage *reply = dbus_message_new_method_return(m);
	DBusMessageIter it, s, d;
	dbus_bool_t yes = bed.polkit == BED_POLKIT_YES,
		    challenge = bed.polkit == BED_POLKIT_CHALLENGE;

	if (bed.polkit == BED_POLKIT_BROKEN)
		return reply;
	dbus_message_iter_init_append(reply, &it);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_STRUCT, NULL, &s);
	(void)dbus_message_iter_append_basic(&s, DBUS_TYPE_BOOLEAN, &yes);
	(void)dbus_message_iter_append_basic(&s, DBUS_TYPE_BOOLEAN, &challenge);
	(void)dbus_message_iter_open_container(&s, DBUS_TYPE_ARRAY, "{ss}", &d);
	(void)dbus_message_iter_close_container(&s, &d);
	(void)dbus_message_iter_close_container(&it, &s);
	return reply;
}

static void play_polkit(void)
{
	struct client *c = own.polkit;

	for (size_t i = 0; c && i < c->n; i++) {
		DBusMessage *m = c->inbox[i], *reply = NULL;

		if (dbus_message_has_member(m, "CancelCheckAuthorization")) {
			bed.n_cancels++;
		} else if (dbus_message_has_member(m, "CheckAuthorization")) {
			note_check(m);
			if (bed.polkit == BED_POLKIT_ERROR)
				reply = dbus_message_new_error(m,
					"org.freedesktop.PolicyKit1.Error.NotAuthorized", "no");
			else if (bed.polkit != BED_POLKIT_HANGS)
				reply = polkit_reply(m);
		}
		if (reply) {
			(void)dbus_connection_send(c->c, reply, NULL);
			dbus_message_unref(reply);
		}
	}
	if (c)
		client_clear(c);
}

void bed_polkit_comes(void)
{
	DBusError e = DBUS_ERROR_INIT;

	own.polkit = client_new((uid_t)-1);
	assert(dbus_bus_request_name(own.polkit->c, "org.freedesktop.PolicyKit1", 0, &e) ==
		DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER);
}

void bed_polkit_leaves(void)
{
	client_free(own.polkit);
	own.polkit = NULL;
}

/* -- turns -- */

void bed_turn(void)
{
	for (size_t i = 0; i < own.n; i++) {
		(void)dbus_connection_read_write(own.clients[i]->c, 0);
		while (dbus_connection_dispatch(own.clients[i]->c) ==
			DBUS_DISPATCH_DATA_REMAINS)
			;
	}
	play_polkit();
	if (bed.bus) {
		break_on(true);
		(void)sd_event_run(bed.ev, 500);
		break_on(false);
	} else {
		(void)usleep(500);
	}
}

/* the bus may still be busy with the end of the service of the test before */
static void await_name(void)
{
	uint64_t until = clock_monotonic() + 5 * USEC_PER_SEC;

	while (own.polkit && dbus_bus_name_has_owner(own.polkit->c, "org.vitaled1", NULL) &&
		clock_monotonic() < until)
		(void)usleep(1000);
}

int bed_setup(void **state)
{
	struct bus_rooms rooms = {.config = &fakes.config};

	(void)state;
	fakes_reset();
	bed.polkit = BED_POLKIT_YES;
	bed.n_checks = bed.n_cancels = 0;
	bed.faster = 1;
	bed.patience = 5 * USEC_PER_SEC;
	assert(sd_event_new(&bed.ev) >= 0);
	await_name();
	assert(bus_new(bed.ev, &bed.bus) == 0);
	fakes.bus = bed.bus;
	assert(bus_serve(bed.bus, &rooms) == 0);
	return 0;
}

int bed_teardown(void **state)
{
	(void)state;
	if (own.daemon > 0)
		bed_pause(false);
	for (size_t i = own.n; i-- > 0;)
		if (own.clients[i] != own.polkit)
			client_free(own.clients[i]);
	bed.bus = bus_free(bed.bus);
	bed.ev = sd_event_unref(bed.ev);
	fakes_reset();
	return 0;
}

/* -- the daemon -- */

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", own.folder, name);
	f = fopen(path, "we");
	assert(f);
	assert(fputs(text, f) >= 0);
	assert(fclose(f) == 0);
	assert(chmod(path, 0644) == 0);
}

/* the policy as it is installed, for the user that runs the test */
static void write_policy(void)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(65536);
	FILE *f = fopen(POLICY_FILE, "re");
	char line[512];

	assert(f);
	while (fgets(line, sizeof(line), f)) {
		char *at = strstr(line, "user=\"vitaled\"");

		if (at) {
			buf_put(&out, line, (size_t)(at - line));
			buf_printf(&out, "user=\"%u\"%s", geteuid(),
				at + strlen("user=\"vitaled\""));
		} else {
			buf_put_str(&out, line);
		}
	}
	(void)fclose(f);
	buf_put_u8(&out, 0);
	assert(buf_check(&out) == 0);
	write_file("org.vitaled1.conf", (const char *)out.data);
}

static void write_config(bool open)
{
	char text[2048];

	(void)snprintf(text, sizeof(text),
		"<busconfig><type>system</type><auth>EXTERNAL</auth>"
		"<listen>unix:path=%s/sock</listen><policy context=\"default\"><allow "
		"user=\"*\"/>"
		"<deny own=\"*\"/><deny send_type=\"method_call\"/><allow "
		"send_type=\"signal\"/>"
		"<allow send_requested_reply=\"true\" send_type=\"method_return\"/>"
		"<allow send_requested_reply=\"true\" send_type=\"error\"/>"
		"<allow receive_type=\"method_call\"/><allow receive_type=\"method_return\"/>"
		"<allow receive_type=\"error\"/><allow receive_type=\"signal\"/>"
		"<allow send_destination=\"org.freedesktop.DBus\"/></policy>"
		"<policy user=\"%u\"><allow own=\"org.freedesktop.PolicyKit1\"/>"
		"<allow own=\"org.freedesktop.login1\"/></policy>"
		"<include>%s/org.vitaled1.conf</include>%s"
		"<limit name=\"max_connections_per_user\">600</limit></busconfig>\n",
		own.folder, geteuid(), own.folder,
		open ? "<policy context=\"mandatory\"><allow "
		       "send_type=\"method_call\"/><allow send_type=\"signal\"/>"
		       "<allow send_requested_reply=\"false\" send_type=\"method_return\"/>"
		       "<allow send_requested_reply=\"false\" send_type=\"error\"/>"
		       "<allow receive_requested_reply=\"false\" "
		       "receive_type=\"method_return\"/>"
		       "<allow receive_requested_reply=\"false\" receive_type=\"error\"/>"
		       "</policy>"
		     : "");
	write_file("bus.conf", text);
}

/* bound is not enough: it must accept */
static bool listening(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	ok = connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0;
	(void)close(fd);
	return ok;
}

void bed_start(bool open)
{
	char config[128], path[96], address[128];
	char program[] = "dbus-daemon", nofork[] = "--nofork", nopid[] = "--nopidfile";
	char nosyslog[] = "--nosyslog";
	char *const argv[] = {program, config, nofork, nopid, nosyslog, NULL};
	uint64_t until = clock_monotonic() + 10 * USEC_PER_SEC;

	(void)snprintf(own.folder, sizeof(own.folder), "/tmp/vitaled-bus.XXXXXX");
	assert(mkdtemp(own.folder));
	assert(chmod(own.folder, 0755) == 0);
	write_policy();
	write_config(open);
	(void)snprintf(config, sizeof(config), "--config-file=%s/bus.conf", own.folder);
	(void)snprintf(path, sizeof(path), "%s/sock", own.folder);
	(void)snprintf(address, sizeof(address), "unix:path=%s", path);
	assert(setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1) == 0);
	own.daemon = fork();
	assert(own.daemon >= 0);
	if (own.daemon == 0) {
		(void)prctl(
			PR_SET_PDEATHSIG, SIGKILL); /* also when an assertion ends the test */
		(void)execvp(argv[0], argv);
		_exit(127);
	}
	while (!listening(path) && clock_monotonic() < until)
		(void)usleep(2000);
	bed_polkit_comes();
}

void bed_pause(bool on)
{
	(void)kill(own.daemon, on ? SIGSTOP : SIGCONT);
}

void bed_kill(void)
{
	(void)kill(own.daemon, SIGKILL);
	(void)waitpid(own.daemon, NULL, 0);
	own.daemon = 0;
}

void bed_stop(void)
{
	static const char *const names[] = {"bus.conf", "org.vitaled1.conf", "sock"};
	char path[128];

	client_free(own.polkit);
	if (own.daemon > 0)
		bed_kill();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", own.folder, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(own.folder);
	dbus_shutdown();
}
