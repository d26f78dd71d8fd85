/* SPDX-License-Identifier: EUPL-1.2 */
/* vitaled-watch over vitaled-usb whole, in a child of the test and under its filter; the test is the broker
 * at one end and vitaled-usb at the other. main of the program is watch_main here. Where an answer does
 * not come the child's time runs faster (linker wrap). */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/link-ops.h"
#include "base/link-usb.h"
#include "base/link.h"
#include "base/tlv.h"

noreturn int watch_main(void);

#define PATIENCE 20000 /* ms */

uint64_t __real_clock_monotonic(void);
uint64_t __wrap_clock_monotonic(void);
int __wrap_clock_timeout_ms(uint64_t deadline);

static unsigned faster = 1;

uint64_t __wrap_clock_monotonic(void)
{
	return __real_clock_monotonic() * faster;
}

int __wrap_clock_timeout_ms(uint64_t deadline)
{
	uint64_t now = clock_monotonic();

	return now >= deadline ? 0 : (int)((deadline - now) / faster / USEC_PER_MS) + 1;
}

static struct {
	char folder[32], below[48], path[128], watch[144];
	int listening, link, usb; /* -1: not there */
	pid_t pid;
	struct buf storage;
} t;

/* -- both ends ----------------------------------------------------------------------------------------- */

static int setup(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	faster = 1;
	t.listening = t.link = t.usb = -1;
	t.storage = BUF_NULL(LINK_MAX_FRAME);
	(void)snprintf(t.folder, sizeof(t.folder), "/tmp/watch-usb-XXXXXX");
	assert_non_null(mkdtemp(t.folder));
	(void)snprintf(t.below, sizeof(t.below), "%s/vitaled-usb", t.folder);
	(void)snprintf(t.path, sizeof(t.path), "%s/socket", t.below);
	(void)snprintf(t.watch, sizeof(t.watch), "%s" LINK_USB_WATCH_SUFFIX, t.path);
	return 0;
}

static void serve(void)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	assert_int_equal(view_copy_str(view_str(t.watch), to.sun_path, sizeof(to.sun_path)), 0);
	(void)mkdir(t.below, 0700);
	t.listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(t.listening, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(t.listening, 4), 0);
}

static void begin(const char *pcscd, const char *rules, bool guard)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	t.link = fds[0];
	t.pid = fork();
	assert_true(t.pid >= 0);
	if (t.pid == 0) {
		setenv(LINK_USB_ENVIRONMENT, t.path, 1);
		setenv(WATCH_USB, pcscd, 1);
		if (rules) {
			setenv(LINK_USB_RULES, rules, 1);
		}
		if (guard) {
			setenv(WATCH_GUARD, "1", 1);
		}
		dup2(fds[1], LINK_CHILD_FD);
		for (int fd = LINK_CHILD_FD + 1; fd < 32; fd++) {
			(void)close(fd);
		}
		(void)watch_main();
	}
	close(fds[1]);
}

static void accept_it(void)
{
	struct pollfd p = {.fd = t.listening, .events = POLLIN};

	assert_int_equal(poll(&p, 1, PATIENCE), 1);
	t.usb = accept(t.listening, NULL, NULL);
	assert_true(t.usb >= 0);
}

static struct link_frame hear(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct link_frame f = LINK_FRAME_NULL;

	assert_int_equal(poll(&p, 1, PATIENCE), 1);
	assert_int_equal(link_recv(fd, &t.storage, &f, true), 0);
	return f;
}

static uint8_t state_in(struct view body)
{
	uint8_t state = 0;

	return tlv_find_u8(body, LINK_TAG_STATE, &state) == 0 ? state : 0;
}

/* The broker hears an event. */
static void heard(uint8_t op, uint8_t state)
{
	struct link_frame f = hear(t.link);

	assert_int_equal(f.kind, LINK_KIND_EVENT);
	assert_int_equal(f.op, op);
	assert_int_equal(state_in(f.body), state);
}

/* vitaled-usb is asked, and answers. */
static void asked_with(uint8_t op, uint8_t state, uint8_t outcome)
{
	struct link_frame f = hear(t.usb);

	assert_int_equal(f.kind, LINK_KIND_REQUEST);
	assert_int_equal(f.op, op);
	assert_int_equal(state_in(f.body), state);
	assert_int_equal(link_answer(t.usb, &f, outcome, VIEW_NULL), 0);
}

static void asked(uint8_t op, uint8_t state)
{
	asked_with(op, state, USB_DONE);
}

static void say(int fd, enum link_kind kind, uint8_t op, uint32_t seq, const struct buf *body)
{
	struct link_frame f = LINK_FRAME_NULL;

	f.kind = kind;
	f.op = op;
	f.seq = seq;
	f.body = body ? buf_view(body) : VIEW_NULL;
	assert_int_equal(link_send(fd, &f, true), 0);
}

static void event(uint8_t op, bool named)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(256);

	if (named) {
		tlv_put_str(&body, LINK_TAG_READER, "A [usb 1-1] 00 00");
		tlv_put_u32(&body, LINK_TAG_EVENTS, 3);
	}
	say(t.usb, LINK_KIND_EVENT, op, 0, &body);
}

static void look(uint8_t pcscd)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(16);
	struct link_frame f;

	tlv_put_u8(&body, LINK_TAG_STATE, pcscd);
	say(t.link, LINK_KIND_REQUEST, WATCH_OP_LOOK, 77, &body);
	f = hear(t.link);
	assert_int_equal(f.kind, LINK_KIND_ANSWER);
	assert_int_equal(f.op, WATCH_OP_LOOK);
	assert_int_equal(f.seq, 77);
}

/* Connected, the usual way. */
static void connected(bool guard)
{
	serve();
	begin("1", "*=usb", guard);
	accept_it();
	asked(USB_OP_WATCH, 1);
	heard(WATCH_OP_SERVICE, WATCH_SERVICE_RUNNING);
}

static void ends(int status)
{
	int got;

	assert_int_equal(waitpid(t.pid, &got, 0), t.pid);
	t.pid = 0;
	assert_true(WIFEXITED(got));
	assert_int_equal(WEXITSTATUS(got), status);
}

static int teardown(void **state)
{
	(void)state;
	if (t.pid > 0) { /* the test has failed */
		(void)kill(t.pid, SIGKILL);
		(void)waitpid(t.pid, NULL, 0);
	}
	(void)close(t.listening);
	(void)close(t.link);
	(void)close(t.usb);
	buf_done(&t.storage);
	unlink(t.watch);
	rmdir(t.below);
	rmdir(t.folder);
	return 0;
}

static void hang_up(int *fd)
{
	close(*fd);
	*fd = -1;
}

/* -- tests ------------------------------------------------------------------------------------------- */

/* A list that does not end is no service. */
static void a_list_that_does_not_end_ends_the_watch(void **state)
{
	(void)state;
	faster = 20;
	connected(false);
	event(WATCH_OP_READER_IN, true);
	heard(WATCH_OP_READER_IN, 0);
	heard(WATCH_OP_SERVICE, WATCH_SERVICE_STOPPED);
	ends(0);
}

static void what_vitaled_usb_tells_is_told(void **state)
{
	static const uint8_t ops[] = {
		WATCH_OP_READER_IN, WATCH_OP_CARD_IN, WATCH_OP_CARD_OUT, WATCH_OP_READER_OUT};

	(void)state;
	connected(false);
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		event(ops[i], true);
		heard(ops[i], 0);
	}
	event(WATCH_OP_LISTED, false);
	heard(WATCH_OP_LISTED, 0);
	hang_up(&t.usb);
	heard(WATCH_OP_SERVICE, WATCH_SERVICE_STOPPED);
	ends(0);
}

static void the_rules_are_handed_on(void **state)
{
	char rules[32] = "x";
	struct link_frame f;

	(void)state;
	serve();
	begin("2", "2947:0101=usb *=pcsc", false);
	accept_it();
	f = hear(t.usb);
	assert_int_equal(tlv_find_str(f.body, LINK_TAG_VALUE, rules, sizeof(rules)), 0);
	assert_string_equal(rules, "2947:0101=usb *=pcsc");
	assert_int_equal(state_in(f.body), WATCH_SERVICE_STOPPED);
	hang_up(&t.link);
	ends(0);
}

/* Without rules, and with a state that is none: as if pcscd ran. */
static void events_may_come_before_the_answer(void **state)
{
	static const char *const strange[] = {"", "0", "4", "11"};
	struct link_frame f;

	(void)state;
	serve();
	for (size_t i = 0; i < ARRAY_LEN(strange); i++) {
		begin(strange[i], NULL, false);
		accept_it();
		f = hear(t.usb);
		assert_int_equal(state_in(f.body), WATCH_SERVICE_RUNNING);
		event(WATCH_OP_READER_IN, true);
		heard(WATCH_OP_SERVICE, WATCH_SERVICE_RUNNING);
		heard(WATCH_OP_READER_IN, 0);
		assert_int_equal(link_answer(t.usb, &f, USB_DONE, VIEW_NULL), 0);
		hang_up(&t.link);
		ends(0);
		hang_up(&t.usb);
	}
}

static void a_socket_that_is_not_there_is_waited_for(void **state)
{
	(void)state;
	begin("3", "", false);
	heard(WATCH_OP_SERVICE, WATCH_SERVICE_ABSENT);
	look(WATCH_SERVICE_RUNNING); /* what is told with WATCH then */
	assert_int_equal(mkdir(t.below, 0700), 0);
	serve();
	accept_it();
	asked(USB_OP_WATCH, WATCH_SERVICE_RUNNING);
	heard(WATCH_OP_SERVICE, WATCH_SERVICE_RUNNING);
	hang_up(&t.link);
	ends(0);
}

static void a_socket_that_nobody_holds_is_stopped(void **state)
{
	(void)state;
	serve();
	hang_up(&t.listening);
	begin("3", "", false);
	heard(WATCH_OP_SERVICE, WATCH_SERVICE_STOPPED);
	hang_up(&t.link);
	ends(0);
}

static void a_change_of_pcscd_is_told(void **state)
{
	(void)state;
	connected(false);
	look(WATCH_SERVICE_STOPPED);
	asked(USB_OP_LOOK, WATCH_SERVICE_STOPPED);
	look(WATCH_SERVICE_STOPPED); /* no change */
	look(WATCH_SERVICE_RUNNING);
	asked(USB_OP_LOOK, WATCH_SERVICE_RUNNING);
	hang_up(&t.link);
	ends(0);
}

static void a_guard_lives_as_long_as_vitaled_usb_answers(void **state)
{
	(void)state;
	faster = 4;
	connected(true);
	for (unsigned i = 0; i < 3; i++) {
		asked(USB_OP_PING, 0);
		heard(WATCH_OP_ALIVE, 0);
	}
	(void)hear(t.usb); /* and is not answered */
	heard(WATCH_OP_SERVICE, WATCH_SERVICE_STOPPED);
	ends(0);
}

static void an_answer_that_does_not_come_ends_it(void **state)
{
	(void)state;
	faster = 20;
	serve();
	begin("1", "", false);
	accept_it();
	heard(WATCH_OP_SERVICE, WATCH_SERVICE_STOPPED);
	ends(0);
}

static void nonsense_of_vitaled_usb_ends_it(void **state)
{
	(void)state;
	for (unsigned way = 0; way < 6; way++) {
		connected(false);
		if (way == 0) {
			assert_int_equal(send(t.usb, "hello", 5, 0), 5);
		} else if (way == 1) {
			say(t.usb, LINK_KIND_REQUEST, USB_OP_LOOK, 1, NULL);
		} else if (way == 2) {
			say(t.usb, LINK_KIND_ANSWER, USB_OP_LOOK, 2, NULL);
		} else if (way == 3) {
			event(WATCH_OP_SERVICE, false);
		} else if (way == 4) {
			event(WATCH_OP_CARD_IN, false);
		} else {
			struct link_frame f = LINK_FRAME_NULL;

			f.kind = LINK_KIND_EVENT;
			f.op = WATCH_OP_LISTED;
			f.fds[0] = STDERR_FILENO;
			f.n_fds = 1;
			assert_int_equal(link_send(t.usb, &f, true), 0);
		}
		ends(3);
		(void)teardown(NULL);
		(void)setup(NULL);
	}
}

static void a_wrong_answer_ends_it(void **state)
{
	struct link_frame f;

	(void)state;
	for (unsigned way = 0; way < 3; way++) {
		serve();
		begin("1", "", false);
		accept_it();
		if (way == 0) {
			asked_with(
				USB_OP_WATCH, 1, USB_FAILED); /* it does not take the rules */
		} else {
			f = hear(t.usb);
			say(t.usb, LINK_KIND_ANSWER, way == 1 ? USB_OP_PING : f.op,
				way == 1 ? f.seq : f.seq + 1, NULL);
		}
		ends(3);
		(void)teardown(NULL);
		(void)setup(NULL);
	}
}

static void nonsense_of_the_broker_ends_it(void **state)
{
	(void)state;
	for (unsigned way = 0; way < 5; way++) {
		connected(false);
		if (way == 0) {
			assert_int_equal(send(t.link, "hello", 5, 0), 5);
		} else if (way == 1) {
			say(t.link, LINK_KIND_REQUEST, WATCH_OP_LOOK, 1, NULL);
		} else if (way == 2) {
			say(t.link, LINK_KIND_REQUEST, WATCH_OP_ALIVE, 1, NULL);
		} else if (way == 3) {
			struct link_frame f = LINK_FRAME_NULL;

			f.kind = LINK_KIND_REQUEST;
			f.op = WATCH_OP_LOOK;
			f.fds[0] = STDERR_FILENO;
			f.n_fds = 1;
			assert_int_equal(link_send(t.link, &f, true), 0);
		} else {
			say(t.link, LINK_KIND_EVENT, WATCH_OP_LOOK, 0, NULL);
		}
		ends(3);
		(void)teardown(NULL);
		(void)setup(NULL);
	}
}

static void a_name_that_cannot_be_one_is_absent(void **state)
{
	static const size_t room = sizeof(((struct sockaddr_un *)0)->sun_path);
	/* none; as long as there is room for, without its end; longer */
	const size_t lens[] = {0, room - strlen(LINK_USB_WATCH_SUFFIX), sizeof(t.path) - 1};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		memset(t.path, 'p', lens[i]);
		t.path[lens[i]] = '\0';
		begin("1", "", false);
		heard(WATCH_OP_SERVICE, WATCH_SERVICE_ABSENT);
		hang_up(&t.link);
		ends(0);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_list_that_does_not_end_ends_the_watch),
		T(what_vitaled_usb_tells_is_told),
		T(the_rules_are_handed_on),
		T(events_may_come_before_the_answer),
		T(a_socket_that_is_not_there_is_waited_for),
		T(a_socket_that_nobody_holds_is_stopped),
		T(a_change_of_pcscd_is_told),
		T(a_guard_lives_as_long_as_vitaled_usb_answers),
		T(an_answer_that_does_not_come_ends_it),
		T(nonsense_of_vitaled_usb_ends_it),
		T(a_wrong_answer_ends_it),
		T(nonsense_of_the_broker_ends_it),
		T(a_name_that_cannot_be_one_is_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
