/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The load generator of `run bench bus`: one process, up to 256 connections, every time taken is kept
 * and sorted, nothing is estimated. In the open kind calls fall due at random (Poisson, the same
 * seed each time) and a call's time runs from when it was due, not from when it could be sent.
 *
 * usage: load closed|open NAME CLIENTS MILLISECONDS [RATE]
 *        load first NAME CLIENTS 1
 *        load flood|flood-polkit NAME CLIENTS MILLISECONDS WAITING
 *        load fan NAME CLIENTS ROUNDS
 *        load watch NAME CLIENTS ROUNDS MEMBER
 *        load start NAME ROUNDS UID PROGRAM ARGUMENT...
 */
#include "tests/bench/peers/load.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>

#define NS_PER_MS    1000000ULL
#define NS_PER_SEC   1000000000ULL
#define OPEN_WAITING 100U /* dbus-daemon lets a connection wait for 128 replies */
#define TAKEN_LIMIT  (4U << 20)

static const char root[] = "/org/vitaled1", manager[] = "org.vitaled1.Manager";

/* -- what the kinds share -- */

void load_open(struct load *l, const char *name, size_t n)
{
	if (!n || n > LOAD_CLIENTS)
		die("clients", "1 to 256");
	*l = (struct load){.name = name, .n = n, .epoll = epoll_create1(EPOLL_CLOEXEC)};
	l->clients = calloc(n, sizeof(*l->clients));
	l->taken = calloc(TAKEN_LIMIT, sizeof(*l->taken));
	if (!l->clients || !l->taken || l->epoll < 0)
		die("start", "no memory");
	for (uint32_t i = 0; i < n; i++) {
		struct epoll_event e = {.events = EPOLLIN, .data.u32 = i};

		client_open(&l->clients[i]);
		if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->clients[i].fd, &e) < 0)
			die("epoll", strerror(errno));
	}
}

size_t load_wait(struct load *l, uint64_t ns, uint32_t ret[static LOAD_CLIENTS])
{
	struct epoll_event found[64];
	struct timespec t = {
		.tv_sec = (time_t)(ns / NS_PER_SEC), .tv_nsec = (long)(ns % NS_PER_SEC)};
	int n = epoll_pwait2(l->epoll, found, (int)ARRAY_LEN(found), &t, NULL);

	for (int i = 0; i < n; i++) {
		ret[i] = found[i].data.u32;
		client_read(&l->clients[ret[i]], false);
	}
	return n < 0 ? 0 : (size_t)n;
}

DBusMessage *load_call(const struct load *l, const char *path, const char *interface,
	const char *member, int first, ...)
{
	DBusMessage *m = dbus_message_new_method_call(l->name, path, interface, member);
	va_list args;

	va_start(args, first);
	if (!m || !dbus_message_append_args_valist(m, first, args))
		die(member, "no memory");
	va_end(args);
	dbus_message_set_auto_start(m, FALSE);
	return m;
}

void load_get(const struct load *l, const char *property, struct buf *out)
{
	const char *interface = manager;

	marshal(out, load_call(l, root, DBUS_INTERFACE_PROPERTIES, "Get", DBUS_TYPE_STRING,
			     &interface, DBUS_TYPE_STRING, &property, DBUS_TYPE_INVALID));
}

void load_note(struct load *l, struct client *c, const struct message *m)
{
	if (l->n_taken < TAKEN_LIMIT)
		l->taken[l->n_taken++] = now_ns() - c->began[m->reply_to % CLIENT_WAITING];
	if (m->type == DBUS_MESSAGE_TYPE_ERROR)
		l->errors++;
}

static int later(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double share(const struct load *l, double part)
{
	size_t at = (size_t)(part * (double)l->n_taken);

	if (!l->n_taken)
		return 0;
	return (double)l->taken[at < l->n_taken ? at : l->n_taken - 1] / 1e6;
}

void load_print(struct load *l, double seconds)
{
	qsort(l->taken, l->n_taken, sizeof(*l->taken), later);
	printf("{\"calls\": %zu, \"errors\": %zu, \"rate\": %.1f, \"p50\": %.4f, \"p99\": %.4f,"
	       " \"max\": %.4f}\n",
		l->n_taken, l->errors, (double)l->n_taken / seconds, share(l, 0.5),
		share(l, 0.99), share(l, 1));
	(void)fflush(stdout);
}

static bool is_reply(const struct message *m)
{
	return m->type == DBUS_MESSAGE_TYPE_METHOD_RETURN || m->type == DBUS_MESSAGE_TYPE_ERROR;
}

/* -- closed: every client asks again as soon as it is answered -- */

static void answered(struct load *l, struct client *c, struct buf *get, bool again)
{
	struct message m;

	while (client_next(c, &m)) {
		if (!is_reply(&m))
			continue;
		load_note(l, c, &m);
		if (again)
			client_send(c, get, now_ns());
	}
}

/* one call of each client, one after the other: from then on the service knows them all */
static void run_first(struct load *l)
{
	struct buf get;

	load_get(l, "Version", &get);
	for (size_t i = 0; i < l->n; i++) {
		struct client *c = &l->clients[i];
		uint64_t begin = now_ns();

		client_send(c, &get, begin);
		if (client_reply(c) != DBUS_MESSAGE_TYPE_METHOD_RETURN)
			l->errors++;
		l->taken[l->n_taken++] = now_ns() - begin;
	}
	buf_done(&get);
}

static void warm_up(struct load *l)
{
	run_first(l);
	l->n_taken = 0;
	l->errors = 0;
}

static void run_closed(struct load *l, uint64_t ns)
{
	uint32_t found[LOAD_CLIENTS];
	uint64_t begin, now;
	struct buf get;

	load_get(l, "Version", &get);
	warm_up(l);
	begin = now = now_ns();
	for (size_t i = 0; i < l->n; i++)
		client_send(&l->clients[i], &get, now_ns());
	for (; now - begin < ns; now = now_ns()) {
		size_t n = 1;

		if (l->n == 1) { /* nothing else to wait for */
			client_read(&l->clients[0], true);
			found[0] = 0;
		} else {
			n = load_wait(l, NS_PER_SEC, found);
		}
		for (size_t i = 0; i < n; i++)
			answered(l, &l->clients[found[i]], &get, true);
	}
	load_print(l, (double)(now - begin) / 1e9);
	buf_done(&get);
}

/* -- open: calls fall due whether the last ones are answered or not -- */

static uint64_t random_state = 0x9e3779b97f4a7c15ULL;

static uint64_t random_next(void) /* xorshift64* */
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dULL;
}

static uint64_t random_gap(double rate)
{
	double u = ((double)(random_next() >> 11) + 1) / 9007199254740993.0;

	return (uint64_t)(-log(u) / rate * 1e9);
}

static size_t all_waiting(const struct load *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += l->clients[i].waiting;
	return n;
}

static void run_open(struct load *l, uint64_t ns, uint64_t per_second)
{
	double rate = (double)per_second;
	uint32_t found[LOAD_CLIENTS];
	uint64_t begin, due, end, now;
	struct buf get;

	load_get(l, "Version", &get);
	warm_up(l);
	begin = now = now_ns();
	due = begin + random_gap(rate);
	end = begin + ns;
	while (now < end || (all_waiting(l) && now < end + 5 * NS_PER_SEC)) {
		while (due <= now && due < end) {
			struct client *c = &l->clients[random_next() % l->n];

			if (c->waiting >= OPEN_WAITING)
				break; /* the bus allows no more: later, its time runs */
			client_send(c, &get, due);
			due += random_gap(rate);
		}
		now = now_ns();
		size_t n = load_wait(l, now < due ? due - now : NS_PER_MS, found);
		for (size_t i = 0; i < n; i++)
			answered(l, &l->clients[found[i]], &get, false);
		now = now_ns();
	}
	l->errors += all_waiting(l); /* never answered */
	load_print(l, (double)ns / 1e9);
	buf_done(&get);
}

/* -- flood: as fast as it is answered, each client with @waiting calls out -- */

static size_t flood_calls(const struct load *l, bool polkit, struct buf ret[static 8])
{
	const char *interface = manager, *name = "Version", *other = "org.vitaled1.None";
	const char *session = "/org/vitaled1/session/1", *card = "/org/vitaled1/card/999999";
	size_t n = 0;

	load_get(l, "Version", &ret[n++]);
	load_get(l, "None", &ret[n++]); /* no such property */
	marshal(&ret[n++],
		load_call(l, root, DBUS_INTERFACE_PROPERTIES, "GetAll", DBUS_TYPE_STRING,
			&other, DBUS_TYPE_INVALID)); /* no such interface */
	marshal(&ret[n++],
		load_call(l, root, DBUS_INTERFACE_PROPERTIES, "Get", DBUS_TYPE_STRING,
			&interface, DBUS_TYPE_INVALID)); /* wrong signature */
	marshal(&ret[n++], load_call(l, session, "org.vitaled1.Session", "Release",
				   DBUS_TYPE_INVALID)); /* of nobody, or of another */
	marshal(&ret[n++], load_call(l, card, "org.vitaled1.Card", "Lock",
				   DBUS_TYPE_INVALID)); /* of a card that is not there */
	marshal(&ret[n++], load_call(l, root, DBUS_INTERFACE_PROPERTIES, "Set",
				   DBUS_TYPE_STRING, &interface, DBUS_TYPE_STRING, &name,
				   DBUS_TYPE_INVALID)); /* the bus refuses it */
	if (polkit)
		marshal(&ret[n++],
			load_call(l, root, manager, "GetAuditProof", DBUS_TYPE_STRING, &name,
				DBUS_TYPE_INVALID)); /* polkit refuses it */
	return n;
}

static void run_flood(struct load *l, uint64_t ns, size_t waiting, bool polkit)
{
	uint32_t found[LOAD_CLIENTS];
	struct buf calls[8];
	size_t n_calls = flood_calls(l, polkit, calls), at = 0;
	uint64_t begin = now_ns(), now = begin;

	printf("ready\n");
	(void)fflush(stdout);
	for (; now - begin < ns; now = now_ns()) {
		for (size_t i = 0; i < l->n; i++)
			while (l->clients[i].waiting < waiting)
				client_send(&l->clients[i], &calls[at++ % n_calls], now_ns());
		size_t n = load_wait(l, NS_PER_SEC, found);
		for (size_t i = 0; i < n; i++)
			answered(l, &l->clients[found[i]], NULL, false);
	}
	load_print(l, (double)(now - begin) / 1e9);
}

/* -- */

static uint64_t number(const char *text)
{
	uint64_t n = 0;

	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9' || n > 100000000)
			die("number", text);
		n = n * 10 + (uint64_t)(*p - '0');
	}
	return n;
}

static int run(int argc, char **argv)
{
	const char *kind = argv[1];
	uint64_t count = number(argv[4]);
	struct load l;

	load_open(&l, argv[2], (size_t)number(argv[3]));
	if (strcmp(kind, "first") == 0 && argc == 5) {
		run_first(&l);
		load_print(&l, 1);
	} else if (strcmp(kind, "closed") == 0 && argc == 5)
		run_closed(&l, count * NS_PER_MS);
	else if (strcmp(kind, "open") == 0 && argc == 6)
		run_open(&l, count * NS_PER_MS, number(argv[5]));
	else if (strcmp(kind, "flood") == 0 && argc == 6)
		run_flood(&l, count * NS_PER_MS, (size_t)number(argv[5]), false);
	else if (strcmp(kind, "flood-polkit") == 0 && argc == 6)
		run_flood(&l, count * NS_PER_MS, (size_t)number(argv[5]), true);
	else if (strcmp(kind, "fan") == 0 && argc == 5)
		return signals_fan(&l, (size_t)count);
	else if (strcmp(kind, "watch") == 0 && argc == 6)
		return signals_watch(&l, argv[5], (size_t)count);
	else
		die(kind, "not a kind of load");
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	if (argc < 5)
		die("usage", "see the head of tests/bench/peers/load.c");
	(void)prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	if (strcmp(argv[1], "start") == 0 && argc > 5)
		return signals_start(argv[2], (size_t)number(argv[3]),
			(unsigned int)number(argv[4]), argv + 5);
	return run(argc, argv);
}
