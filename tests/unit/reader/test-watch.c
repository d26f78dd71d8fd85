/* SPDX-License-Identifier: EUPL-1.2 */
/* vitaled-watch whole, in a child of the test and under its filter, against a libpcsclite of ours
 * that follows a table (linker wrap). main of the program is watch_main here. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <PCSC/winscard.h>
#include <fcntl.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/link-ops.h"
#include "base/link.h"
#include "base/tlv.h"

noreturn int watch_main(void);

#define LOOKS	     8U
#define EVENTS	     24U
#define IN(counter)  ((DWORD)(counter) << 16 | SCARD_STATE_PRESENT | SCARD_STATE_CHANGED)
#define OUT(counter) ((DWORD)(counter) << 16 | SCARD_STATE_EMPTY | SCARD_STATE_CHANGED)

/* One turn of the program: a list, and a look at the first reader of it. */
struct look {
	LONG list_rv;
	const char *list; /* names with a NUL behind each, at most 30 bytes */
	LONG rv;
	DWORD state;
	DWORD atr_len;
	DWORD wait;    /* how long it must be ready to wait, ms; 0: not looked at */
	DWORD counter; /* of readers */
};

struct play {
	LONG establish[3]; /* until one is good */
	bool socket;	   /* whether pcscd's socket is there */
	bool guard;	   /* it says that it lives */
	struct look looks[LOOKS];
	const char *events[EVENTS]; /* "op reader state": what must be said */
	int status;
};

static const struct play *now;
static unsigned turn;
#define NOWHERE "/tmp/nowhere/at/all"

static unsigned establishes;
static DWORD counted; /* what was said of the readers */

LONG __wrap_SCardEstablishContext(DWORD scope, LPCVOID a, LPCVOID b, LPSCARDCONTEXT ret);
LONG __wrap_SCardListReaders(SCARDCONTEXT c, LPCSTR groups, LPSTR names, LPDWORD len);
LONG __wrap_SCardGetStatusChange(
	SCARDCONTEXT c, DWORD timeout, SCARD_READERSTATE *states, DWORD n);

LONG __wrap_SCardEstablishContext(DWORD scope, LPCVOID a, LPCVOID b, LPSCARDCONTEXT ret)
{
	char coming[] = "/tmp/coming-XXXXXX";

	(void)scope;
	(void)a;
	(void)b;
	*ret = 1;
	/* where there is no socket it is the folder that tells of a change: /tmp, of NOWHERE */
	if (now->establish[establishes] != SCARD_S_SUCCESS && mkdtemp(coming)) {
		(void)rmdir(coming);
	}
	return now->establish[establishes++];
}

LONG __wrap_SCardListReaders(SCARDCONTEXT c, LPCSTR groups, LPSTR names, LPDWORD len)
{
	const char *list = now->looks[turn].list;

	(void)c;
	(void)groups;
	memset(names, 0, 32);
	for (size_t i = 0; list && (list[i] || list[i + 1]); i++) {
		names[i] = list[i];
	}
	*len = 32;
	return now->looks[turn].list_rv;
}

LONG __wrap_SCardGetStatusChange(
	SCARDCONTEXT c, DWORD timeout, SCARD_READERSTATE *states, DWORD n)
{
	const struct look *l = &now->looks[turn++];

	(void)c;
	if ((l->wait && l->wait != timeout) || states[n - 1].dwCurrentState != counted) {
		return SCARD_F_INTERNAL_ERROR;
	}
	counted = states[n - 1].dwEventState = l->counter << 16;
	if (n > 1) {
		states[0].dwEventState = l->state;
		states[0].cbAtr = l->atr_len;
		memset(states[0].rgbAtr, 0x3B, sizeof(states[0].rgbAtr));
	}
	return l->rv;
}

static int run(const struct play *p, int *ret_fd)
{
	int status = 0;
	int fds[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	now = p;
	turn = 0;
	establishes = 0;
	counted = 0;
	pid = fork();
	if (pid == 0) {
		setenv("PCSCLITE_CSOCK_NAME", p->socket ? "/dev/null" : NOWHERE, 1);
		if (p->guard) {
			setenv(WATCH_GUARD, "1", 1);
		}
		dup2(fds[1], LINK_CHILD_FD);
		if (*ret_fd == -2) {
			/* the broker hangs up before anything is said */
			close(LINK_CHILD_FD);
			if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) < 0) {
				_exit(98);
			}
			dup2(fds[0], LINK_CHILD_FD);
			close(fds[1]);
		}
		(void)watch_main();
	}
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	*ret_fd = fds[0];
	return status;
}

static void describe(const struct link_frame *f, struct buf *out)
{
	char reader[32] = "";
	uint8_t state = 0;
	uint8_t slot = 99;
	uint32_t events = 0;
	struct tlv t;

	(void)!tlv_find_str(f->body, LINK_TAG_READER, reader, sizeof(reader));
	(void)!tlv_find_u8(f->body, LINK_TAG_STATE, &state);
	(void)!tlv_find_u32(f->body, LINK_TAG_EVENTS, &events);
	(void)!tlv_find_u8(f->body, LINK_TAG_SLOT, &slot);
	if (tlv_find(f->body, LINK_TAG_ATR, &t) != 0) {
		t.value.len = 99;
	}
	buf_printf(out, "%u %s state %u counter %u slot %u atr %zu%c", f->op, reader, state,
		events, slot, t.value.len, 0);
}

static void check(const struct play *p)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	int fd = -1;
	int status = run(p, &fd);

	for (size_t i = 0; i < EVENTS && p->events[i]; i++) {
		_cleanup_(buf_done) struct buf text = BUF_NULL(256);
		struct link_frame f;

		if (link_recv(fd, &storage, &f, true) != 0)
			fail_msg("event %zu status %x", i, (unsigned)status);
		assert_int_equal(f.kind, LINK_KIND_EVENT);
		describe(&f, &text);
		assert_string_equal((char *)text.data, p->events[i]);
	}
	{
		struct link_frame f;

		assert_int_equal(link_recv(fd, &storage, &f, true), LINK_CLOSED);
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), p->status);
	close(fd);
}

/* -- tests ------------------------------------------------------------------------------------------- */

static void readers_and_cards_are_reported_until_the_service_goes(void **state)
{
	static const struct play play = {
		.looks =
			{
				{.list = "A 00 00\0B\0", .state = IN(1), .atr_len = 9},
				{.list = "A 00 00\0B\0",
					.rv = SCARD_E_TIMEOUT,
					.state = IN(1),
					.atr_len = 9},
				{.list = "A 00 00\0B\0", .state = IN(3), .atr_len = 9},
				{.list = "A 00 00\0", .state = OUT(4)},
				{.list = "A 00 00\0", .state = IN(5) | SCARD_STATE_MUTE},
				{.list = "A 00 00\0",
					.rv = SCARD_E_UNKNOWN_READER,
					.state = SCARD_STATE_UNKNOWN},
				{.list_rv = SCARD_E_NO_READERS_AVAILABLE,
					.rv = SCARD_E_NO_SERVICE},
			},
		.events =
			{
				"1  state 1 counter 0 slot 99 atr 99",
				"2 A 00 00 state 0 counter 0 slot 0 atr 99",
				"2 B state 0 counter 0 slot 99 atr 99",
				"4 A 00 00 state 0 counter 1 slot 99 atr 9",
				"6  state 0 counter 0 slot 99 atr 99",
				"5 A 00 00 state 0 counter 3 slot 99 atr 99",
				"4 A 00 00 state 0 counter 3 slot 99 atr 9",
				"3 B state 0 counter 0 slot 99 atr 99",
				"5 A 00 00 state 0 counter 4 slot 99 atr 99",
				"4 A 00 00 state 1 counter 5 slot 99 atr 0",
				"5 A 00 00 state 0 counter 5 slot 99 atr 99",
				"3 A 00 00 state 0 counter 0 slot 99 atr 99",
				"1  state 2 counter 0 slot 99 atr 99",
			},
	};

	(void)state;
	check(&play);
}

static void a_service_that_is_not_there_is_waited_for(void **state)
{
	static const struct play plays[] = {
		{
			.establish = {SCARD_E_NO_SERVICE, SCARD_E_NO_SERVICE},
			.looks = {{.list_rv = SCARD_E_NO_SERVICE}},
			.events =
				{
					"1  state 3 counter 0 slot 99 atr 99",
					"1  state 1 counter 0 slot 99 atr 99",
					"1  state 2 counter 0 slot 99 atr 99",
				},
		},
		{
			.looks =
				{{.rv = SCARD_W_SECURITY_VIOLATION}}, /* its connection is reset */
			.events =
				{
					"1  state 1 counter 0 slot 99 atr 99",
					"1  state 2 counter 0 slot 99 atr 99",
				},
		},
		{
			.establish = {SCARD_E_NO_SERVICE},
			.socket = true,
			.looks = {{.rv = SCARD_E_SERVICE_STOPPED}},
			.events =
				{
					"1  state 2 counter 0 slot 99 atr 99",
					"1  state 1 counter 0 slot 99 atr 99",
					"1  state 2 counter 0 slot 99 atr 99",
				},
		},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plays); i++) {
		check(&plays[i]);
	}
}

#define QUIET(ms)                                                                              \
	{                                                                                      \
		.list = "A\0", .rv = SCARD_E_TIMEOUT, .state = OUT(1), .wait = (ms)            \
	}
#define BUSY(ms)                                                                               \
	{                                                                                      \
		.list = "A\0", .rv = SCARD_E_TIMEOUT, .state = IN(2), .atr_len = 9,            \
		.wait = (ms)                                                                   \
	}

/* A quiet machine is left alone, a card in it or not; a guard says every two seconds that it lives. */
static void where_nothing_happens_it_wakes_up_rarely(void **state)
{
	static const struct play plays[] = {
		{
			.looks = {{.list = "A\0", .state = OUT(1)}, QUIET(2000), QUIET(2000),
				QUIET(2000), QUIET(600000), QUIET(600000),
				{.list = "A\0", .rv = SCARD_E_SERVICE_STOPPED, .wait = 600000}},
			.events = {"1  state 1 counter 0 slot 99 atr 99",
				"2 A state 0 counter 0 slot 99 atr 99",
				"6  state 0 counter 0 slot 99 atr 99",
				"1  state 2 counter 0 slot 99 atr 99"},
		},
		{
			.looks = {{.list = "A\0", .state = IN(2), .atr_len = 9}, BUSY(2000),
				BUSY(2000), BUSY(2000), BUSY(600000),
				{.list = "A\0", .state = OUT(3), .wait = 600000}, QUIET(2000),
				{.list = "A\0", .rv = SCARD_E_SERVICE_STOPPED, .wait = 2000}},
			.events = {"1  state 1 counter 0 slot 99 atr 99",
				"2 A state 0 counter 0 slot 99 atr 99",
				"4 A state 0 counter 2 slot 99 atr 9",
				"6  state 0 counter 0 slot 99 atr 99",
				"5 A state 0 counter 3 slot 99 atr 99",
				"1  state 2 counter 0 slot 99 atr 99"},
		},
		{
			.guard = true,
			.looks = {{.list = "A\0", .state = OUT(1)}, QUIET(2000), QUIET(2000),
				QUIET(2000), QUIET(2000),
				{.list = "A\0", .rv = SCARD_E_SERVICE_STOPPED, .wait = 2000}},
			.events = {"1  state 1 counter 0 slot 99 atr 99",
				"2 A state 0 counter 0 slot 99 atr 99",
				"6  state 0 counter 0 slot 99 atr 99",
				"7  state 0 counter 0 slot 99 atr 99",
				"7  state 0 counter 0 slot 99 atr 99",
				"7  state 0 counter 0 slot 99 atr 99",
				"7  state 0 counter 0 slot 99 atr 99",
				"7  state 0 counter 0 slot 99 atr 99",
				"1  state 2 counter 0 slot 99 atr 99"},
		},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plays); i++) {
		check(&plays[i]);
	}
}

/* What pcsc-lite 2.3 says of its events of readers is what it is asked with next; 1.9 says nothing. */
static void the_counter_of_readers_is_handed_back(void **state)
{
	static const struct play play = {
		.looks = {{.list = "A\0", .state = OUT(1), .counter = 1},
			{.list = "A\0", .state = OUT(1), .counter = 7},
			{.list = "A\0B\0", .state = OUT(1), .counter = 7},
			{.list = "A\0B\0", .state = OUT(1)},
			{.list = "A\0B\0", .rv = SCARD_E_SERVICE_STOPPED}},
		.events = {"1  state 1 counter 0 slot 99 atr 99",
			"2 A state 0 counter 0 slot 99 atr 99",
			"6  state 0 counter 0 slot 99 atr 99",
			"2 B state 0 counter 0 slot 99 atr 99",
			"1  state 2 counter 0 slot 99 atr 99"},
	};

	(void)state;
	check(&play);
}

static void what_nobody_understands_ends_the_program(void **state)
{
	static const struct play plays[] = {
		{.establish = {SCARD_E_NO_MEMORY}, .status = 3},
		{.looks = {{.rv = SCARD_F_INTERNAL_ERROR}},
			.events = {"1  state 1 counter 0 slot 99 atr 99"},
			.status = 3},
		{.looks = {{.list_rv = SCARD_E_INSUFFICIENT_BUFFER}},
			.events = {"1  state 1 counter 0 slot 99 atr 99"},
			.status = 3},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plays); i++) {
		check(&plays[i]);
	}
}

/* Its socket is then behind the last descriptor that is looked at. */
static void a_program_that_inherits_many_descriptors_works(void **state)
{
	static const struct play play = {.looks = {{.rv = SCARD_E_SERVICE_STOPPED}},
		.events = {"1  state 1 counter 0 slot 99 atr 99",
			"1  state 2 counter 0 slot 99 atr 99"}};
	int fds[64];
	int last = 0;
	int n = 0;

	(void)state;
	while (last < 63) {
		last = open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_true(last >= 0);
		fds[n++] = last;
	}
	check(&play);
	while (n > 0) {
		close(fds[--n]);
	}
}

static void a_broker_that_hung_up_ends_the_program(void **state)
{
	static const struct play plays[] = {
		{.establish = {SCARD_E_NO_SERVICE}},
		{.looks = {{.list = "A\0"}}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(plays); i++) {
		int fd = -2;
		int status = run(&plays[i], &fd);

		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_and_cards_are_reported_until_the_service_goes),
		cmocka_unit_test(a_service_that_is_not_there_is_waited_for),
		cmocka_unit_test(where_nothing_happens_it_wakes_up_rarely),
		cmocka_unit_test(the_counter_of_readers_is_handed_back),
		cmocka_unit_test(what_nobody_understands_ends_the_program),
		cmocka_unit_test(a_program_that_inherits_many_descriptors_works),
		cmocka_unit_test(a_broker_that_hung_up_ends_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
