/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Handing on: a record of its own, and readers at real sockets that come late, leave with messages unread,
 * hang, or take a few bytes at a time. Every entry arrives, in order; what may come twice is what nobody
 * had read.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/audit/atna.h"
#include "daemon/audit/keep.h"
#include "daemon/audit/state.h"
#include "daemon/broker/forward.h"
#include "tests/unit/record/forge.h"

#define LONGEST (20 * USEC_PER_SEC) /* for what takes some milliseconds */
#define HURRY	20U

static struct {
	char folder[32];
	char path[64];
	struct audit *audit;
	sd_event *ev;
	struct forward *f;
	int reader;			 /* bound, or accepted */
	int listener;			 /* of a stream */
	uint64_t next;			 /* entry that must come, or an earlier one */
	char rest[4 * ATNA_MESSAGE_MAX]; /* of a stream */
	size_t left;
	unsigned int unreadable;
	uint64_t ahead; /* what the clock of the service is ahead by */
} at;

uint64_t __wrap_clock_monotonic(void);
uint64_t __real_clock_monotonic(void);

uint64_t __wrap_clock_monotonic(void)
{
	return __real_clock_monotonic() + at.ahead;
}

int __wrap_sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec);
int __real_sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec);

/* The time between two looks or tries passes more quickly here. */
int __wrap_sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec)
{
	return __real_sd_event_source_set_time_relative(s, usec / HURRY);
}

static void on_recorded(void *user)
{
	(void)user;
	forward_wake(at.f);
}

static void append(unsigned int n)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;

	e.event = AUDIT_EVENT_AGENT;
	e.outcome = "ok";
	while (n-- > 0)
		assert_int_equal(audit_append(at.audit, &e, NULL), 0);
}

static uint64_t size_of_record(void)
{
	uint8_t root[MERKLE_HASH];
	uint64_t size;

	audit_head(at.audit, &size, root);
	return size;
}

/* -- readers -- */

static void come(int type)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(view_copy_str(view_str(at.path), to.sun_path, sizeof(to.sun_path)), 0);
	(void)unlink(at.path);
	assert_int_equal(bind(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	at.reader = -1;
	at.listener = -1;
	at.left = 0;
	if (type == SOCK_DGRAM) {
		at.reader = fd;
		return;
	}
	assert_int_equal(listen(fd, 4), 0);
	at.listener = fd;
}

static void leave(void)
{
	if (at.reader >= 0)
		(void)close(at.reader);
	if (at.listener >= 0)
		(void)close(at.listener);
	at.reader = at.listener = -1;
}

/* A message: the next entry's, or an earlier one again. */
static void taken(const char *m, size_t len)
{
	static const char mark[] = "sequenceId=\"";
	static char text[ATNA_MESSAGE_MAX + 1];
	const char *at_number;
	uint64_t n = 0;

	assert_true(len < sizeof(text));
	memset(text, 0, sizeof(text));
	bytes_copy(text, sizeof(text), m, len);
	if (strstr(text, "\"unreadable\"")) {
		assert_int_equal(strncmp(text, "<84>1 ", 6), 0);
		at.unreadable++;
	} else {
		assert_int_equal(strncmp(text, "<85>1 ", 6), 0);
	}
	at_number = strstr(text, mark);
	assert_non_null(at_number);
	for (const char *p = at_number + strlen(mark); *p != '"'; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	assert_true(n >= 1 && n - 1 <= at.next); /* without gaps */
	if (n - 1 == at.next)
		at.next++;
	assert_string_equal(text + len - strlen("</AuditMessage>"), "</AuditMessage>");
}

/* "LEN message" as often as it is whole */
static void take_frames(void)
{
	for (;;) {
		size_t len = 0, i = 0;

		while (i < at.left && at.rest[i] >= '0' && at.rest[i] <= '9')
			len = len * 10 + (size_t)(at.rest[i++] - '0');
		if (i == at.left || i + 1 + len > at.left)
			return;
		assert_int_equal(at.rest[i], ' ');
		taken(at.rest + i + 1, len);
		at.left -= i + 1 + len;
		for (size_t k = 0; k < at.left; k++)
			at.rest[k] = at.rest[k + i + 1 + len];
	}
}

/* What is there, at most @most pieces of @piece bytes. */
static void take(unsigned int most, size_t piece)
{
	if (at.reader < 0 && at.listener >= 0)
		at.reader = accept4(at.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (at.reader >= 0 && most-- > 0) {
		static char m[ATNA_MESSAGE_MAX];
		ssize_t n;

		if (at.listener < 0) {
			n = recv(at.reader, m, sizeof(m), 0);
			if (n <= 0)
				return;
			taken(m, (size_t)n);
			continue;
		}
		n = recv(at.reader, at.rest + at.left,
			piece < sizeof(at.rest) - at.left ? piece : sizeof(at.rest) - at.left,
			0);
		if (n <= 0)
			return;
		at.left += (size_t)n;
		take_frames();
	}
}

static void turn(void)
{
	assert_true(sd_event_run(at.ev, 2 * USEC_PER_MS) >= 0);
}

/* All entries have come, and the service knows it. */
static void until_all(size_t piece)
{
	uint64_t end = __real_clock_monotonic() + LONGEST;
	const char *socket;
	uint64_t n;

	while (at.next < size_of_record()) {
		assert_true(__real_clock_monotonic() < end);
		turn();
		take(8, piece);
	}
	at.ahead = 3600 * USEC_PER_SEC;
	while (forward_behind(at.f, &n, &socket)) {
		assert_true(__real_clock_monotonic() < end);
		turn();
		take(8, piece);
	}
	at.ahead = 0;
}

/* -- scenes -- */

static void serve(void)
{
	assert_int_equal(
		audit_open(at.folder, "vitaled.example/record", VIEW_NULL, &at.audit), 0);
	assert_true(sd_event_new(&at.ev) >= 0);
	audit_on_append(at.audit, on_recorded, NULL);
	assert_int_equal(
		forward_new(at.ev, at.audit, at.path, "vitaled.example/record", &at.f), 0);
}

static void end(void)
{
	at.f = forward_free(at.f);
	if (at.audit)
		assert_int_equal(audit_sent_keep(at.audit), 0);
	at.audit = audit_free(at.audit);
	at.ev = sd_event_unref(at.ev);
}

static int setup(void **state)
{
	(void)state;
	memset(&at, 0, sizeof(at));
	at.reader = at.listener = -1;
	forge_folder(at.folder);
	assert_true(snprintf(at.path, sizeof(at.path), "%s/socket", at.folder) < 64);
	serve();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	leave();
	end();
	forge_remove(at.folder);
	return 0;
}

static void each_entry_is_taken_in_order(int type)
{
	come(type);
	for (int i = 0; i < 5; i++) {
		append(100);
		until_all(4096);
	}
	assert_int_equal(at.next, 500);
}

static void datagrams_come_in_order(void **state)
{
	(void)state;
	each_entry_is_taken_in_order(SOCK_DGRAM);
}

static void a_stream_comes_in_order(void **state)
{
	(void)state;
	each_entry_is_taken_in_order(SOCK_STREAM);
}

static void a_stream_that_is_read_in_crumbs_comes_whole(void **state)
{
	(void)state;
	come(SOCK_STREAM);
	append(300);
	until_all(97);
}

/* Again and again a reader goes with messages in its socket. */
static void what_a_reader_leaves_unread_is_for_the_next(int type)
{
	for (unsigned int i = 0; i < 12; i++) {
		come(type);
		append(40);
		for (int n = 0; n < 60; n++)
			turn();
		take(1 + 3 * i, 3000);
		leave();
		append(3); /* nobody is there */
		for (int n = 0; n < 3; n++)
			turn();
	}
	come(type);
	until_all(4096);
	assert_int_equal(at.next, 12 * 43);
}

static void datagrams_that_nobody_read_come_again(void **state)
{
	(void)state;
	what_a_reader_leaves_unread_is_for_the_next(SOCK_DGRAM);
}

static void a_stream_that_nobody_read_comes_again(void **state)
{
	(void)state;
	what_a_reader_leaves_unread_is_for_the_next(SOCK_STREAM);
}

static void a_reader_that_comes_late_gets_all(void **state)
{
	(void)state;
	append(20);
	for (int i = 0; i < 100; i++)
		turn();
	come(SOCK_DGRAM);
	until_all(4096);
}

static void a_reader_that_hangs_is_told_of_and_waited_for(void **state)
{
	const char *socket = NULL;
	uint64_t n = 0;

	(void)state;
	come(SOCK_DGRAM);
	append(700);
	for (int i = 0; i < 100; i++)
		turn();
	assert_false(forward_behind(at.f, &n, &socket)); /* not yet */
	at.ahead = 60 * USEC_PER_SEC;
	assert_true(forward_behind(at.f, &n, &socket));
	assert_string_equal(socket, at.path);
	assert_int_equal(n, 700);
	at.ahead = 0;
	until_all(4096);
	assert_false(forward_behind(NULL, &n, &socket));
}

static void what_was_pruned_meanwhile_is_passed_over(void **state)
{
	uint64_t next = 40;
	bool more = true;

	(void)state;
	append(40); /* nobody is there */
	for (int i = 0; i < 3; i++)
		turn();
	audit_sent(at.audit, next); /* another way than by this service */
	while (more)
		assert_int_equal(
			audit_prune(at.audit, clock_wall() + 3600 * USEC_PER_SEC, &more), 0);
	assert_int_equal(audit_first(at.audit), 40);
	append(10);
	at.next = 40;
	come(SOCK_DGRAM);
	until_all(4096);
	assert_int_equal(at.next, 51);
	assert_int_equal(audit_sent_keep(at.audit), 0);
	end();
	serve();
	append(3);
	until_all(4096);
	assert_int_equal(at.next, 54);
}

static void an_entry_that_cannot_be_read_keeps_nobody_behind_it(void **state)
{
	(void)state;
	append(9);
	/* what is no entry; and one that is not there */
	assert_int_equal(sqlite3_exec(at.audit->store.db,
				 "UPDATE entry SET e = '{}' WHERE i = 2;"
				 "DELETE FROM entry WHERE i = 5",
				 NULL, NULL, NULL),
		SQLITE_OK);
	come(SOCK_DGRAM);
	until_all(4096);
	assert_int_equal(at.next, 9);
	assert_int_equal(at.unreadable, 2);
}

static void the_next_start_goes_on_where_this_one_was(void **state)
{
	uint64_t before;

	(void)state;
	come(SOCK_DGRAM);
	append(30);
	until_all(4096);
	append(5); /* on their way at the end: read in time or sent again */
	end();
	take(100, 4096);
	before = at.next;
	assert_true(before >= 30);
	serve();
	append(4);
	until_all(4096);
	assert_int_equal(at.next, 39);
	leave();
	append(6);
	end();
	serve();
	come(SOCK_DGRAM);
	until_all(4096);
	assert_int_equal(at.next, 45);
	forward_wake(NULL);
	assert_null(forward_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(datagrams_come_in_order),
		T(a_stream_comes_in_order),
		T(a_stream_that_is_read_in_crumbs_comes_whole),
		T(datagrams_that_nobody_read_come_again),
		T(a_stream_that_nobody_read_comes_again),
		T(a_reader_that_comes_late_gets_all),
		T(a_reader_that_hangs_is_told_of_and_waited_for),
		T(what_was_pruned_meanwhile_is_passed_over),
		T(an_entry_that_cannot_be_read_keeps_nobody_behind_it),
		T(the_next_start_goes_on_where_this_one_was),
	};

	json_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
