/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The load generator's signals: how long until the last of all subscribers has heard of a cause, and
 * how long after its start a service owns its name.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/peers/load.h"

#define PATIENCE 5000000000ULL /* ns */

static void subscribe(struct load *l, const char *member)
{
	struct buf rule = BUF_NULL(512);

	buf_printf(&rule, "type='signal',sender='%s',member='%s'", l->name, member);
	buf_put_u8(&rule, 0);
	for (size_t i = 0; i < l->n; i++)
		client_match(&l->clients[i], (const char *)rule.data);
	buf_done(&rule);
}

static void forget(struct load *l)
{
	for (size_t i = 0; i < l->n; i++)
		l->clients[i].seen = false;
}

/* until all have heard @member. Return: when the last one did, 0 when not all did in time. */
static uint64_t all_heard(struct load *l, const char *member)
{
	uint32_t found[LOAD_CLIENTS];
	uint64_t end = now_ns() + PATIENCE;
	size_t heard = 0;

	while (heard < l->n && now_ns() < end) {
		size_t n = load_wait(l, PATIENCE, found);

		for (size_t i = 0; i < n; i++) {
			struct client *c = &l->clients[found[i]];
			struct message m;

			while (client_next(c, &m)) {
				if (m.type != DBUS_MESSAGE_TYPE_SIGNAL || c->seen ||
					!view_equal(m.member, view_str(member)))
					continue;
				c->seen = true;
				heard++;
			}
		}
	}
	forget(l);
	return heard == l->n ? now_ns() : 0;
}

static void quiet(struct load *l, uint64_t ns)
{
	uint32_t found[LOAD_CLIENTS];
	uint64_t end = now_ns() + ns, now;

	while ((now = now_ns()) < end) {
		size_t n = load_wait(l, end - now, found);
		struct message m;

		for (size_t i = 0; i < n; i++)
			while (client_next(&l->clients[found[i]], &m))
				;
	}
	forget(l);
}

/* an agent goes: the call by which it does so is the cause of a signal to everybody */
int signals_fan(struct load *l, size_t rounds)
{
	const char *agent = "/agent", *manager = "org.vitaled1.Manager";
	const char *can[] = {"patient-display"}, **list = can;
	struct buf come, go;

	marshal(&come, load_call(l, "/org/vitaled1", manager, "RegisterAgent",
			       DBUS_TYPE_OBJECT_PATH, &agent, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING,
			       &list, 1, DBUS_TYPE_INVALID));
	marshal(&go, load_call(l, "/org/vitaled1", manager, "UnregisterAgent",
			     DBUS_TYPE_OBJECT_PATH, &agent, DBUS_TYPE_INVALID));
	subscribe(l, "PropertiesChanged");
	for (size_t i = 0; i < rounds; i++) {
		uint64_t begin, end;

		client_send(&l->clients[0], &come, 0);
		if (client_reply(&l->clients[0]) != DBUS_MESSAGE_TYPE_METHOD_RETURN)
			die("RegisterAgent", "refused");
		quiet(l, 50000000);
		begin = now_ns();
		client_send(&l->clients[0], &go, begin);
		end = all_heard(l, "PropertiesChanged");
		if (!end)
			die("fan", "not all have heard the signal");
		printf("%.4f\n", (double)(end - begin) / 1e6);
		quiet(l, 20000000);
	}
	return EXIT_SUCCESS;
}

/* says when all have heard, on CLOCK_MONOTONIC; the cause is somebody else's */
int signals_watch(struct load *l, const char *member, size_t rounds)
{
	subscribe(l, member);
	quiet(l, 20000000);
	printf("ready\n");
	(void)fflush(stdout);
	for (size_t i = 0; i < rounds; i++) {
		uint64_t end = all_heard(l, member);

		printf("%llu\n", (unsigned long long)end);
		(void)fflush(stdout);
	}
	return EXIT_SUCCESS;
}

/* -- start -- */

static void wait_owner(struct client *c, const char *name, bool there)
{
	for (;;) {
		struct message m;

		while (client_next(c, &m)) {
			const char *which = NULL, *before = NULL, *after = NULL;
			DBusMessage *d;
			bool now;

			if (m.type != DBUS_MESSAGE_TYPE_SIGNAL)
				continue;
			d = unmarshal(&m);
			now = dbus_message_get_args(d, NULL, DBUS_TYPE_STRING, &which,
				      DBUS_TYPE_STRING, &before, DBUS_TYPE_STRING, &after,
				      DBUS_TYPE_INVALID) &&
			      strcmp(which, name) == 0 && (*after != '\0') == there;
			dbus_message_unref(d);
			if (now)
				return;
		}
		client_read(c, true);
	}
}

static pid_t begin_program(unsigned int uid, char **argv)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork", strerror(errno));
	if (pid)
		return pid;
	if ((geteuid() == 0 &&
		    (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)) ||
		execv(argv[0], argv) < 0)
		_exit(127);
	_exit(127);
}

int signals_start(const char *name, size_t rounds, unsigned int uid, char **argv)
{
	struct buf rule = BUF_NULL(512);
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		die("start", "no memory");
	(void)alarm(120); /* a program that never owns its name */
	client_open(c);
	buf_printf(&rule,
		"type='signal',sender='" DBUS_SERVICE_DBUS
		"',member='NameOwnerChanged',arg0='%s'",
		name);
	buf_put_u8(&rule, 0);
	client_match(c, (const char *)rule.data);
	buf_done(&rule);
	for (size_t i = 0; i < rounds; i++) {
		uint64_t begin = now_ns();
		pid_t pid = begin_program(uid, argv);

		wait_owner(c, name, true);
		printf("%.4f\n", (double)(now_ns() - begin) / 1e6);
		(void)fflush(stdout);
		(void)usleep(20000);
		(void)kill(pid, SIGTERM);
		wait_owner(c, name, false);
		if (waitpid(pid, NULL, 0) != pid)
			die("wait", strerror(errno));
	}
	free(c);
	return EXIT_SUCCESS;
}
