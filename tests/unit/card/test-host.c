/* SPDX-License-Identifier: EUPL-1.2 */
/* vitaled-card whole, in a child of the test and under its filter, with no PC/SC service (linker
 * wrap): what it answers, and how it ends. main of the program is host_main here. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <PCSC/winscard.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/link-ops.h"
#include "base/link-usb.h"
#include "base/link.h"
#include "base/tlv.h"

noreturn int host_main(void);

#define HANGS 1 /* no code of PC/SC */

static LONG establish;

LONG __wrap_SCardEstablishContext(DWORD scope, LPCVOID a, LPCVOID b, LPSCARDCONTEXT ret);
LONG __wrap_SCardConnect(SCARDCONTEXT c, LPCSTR name, DWORD share, DWORD protocols,
	LPSCARDHANDLE ret, LPDWORD ret_protocol);
int __wrap_setitimer(__itimer_which_t which, const struct itimerval *t, struct itimerval *old);
int __real_setitimer(__itimer_which_t which, const struct itimerval *t, struct itimerval *old);

/* Another program is in a transaction, and pcscd holds us back: it does not come back. */
LONG __wrap_SCardConnect(SCARDCONTEXT c, LPCSTR name, DWORD share, DWORD protocols,
	LPSCARDHANDLE ret, LPDWORD ret_protocol)
{
	struct pollfd nothing = {.fd = -1};

	(void)c;
	(void)name;
	(void)share;
	(void)protocols;
	(void)ret;
	(void)ret_protocol;
	while (poll(&nothing, 1, -1) <= 0) {
	}
	return SCARD_S_SUCCESS;
}

/* Time runs fifty times as fast. */
int __wrap_setitimer(__itimer_which_t which, const struct itimerval *t, struct itimerval *old)
{
	struct itimerval fast = *t;

	fast.it_value.tv_usec = (t->it_value.tv_sec * 1000000 + t->it_value.tv_usec) / 50;
	fast.it_value.tv_sec = fast.it_value.tv_usec / 1000000;
	fast.it_value.tv_usec %= 1000000;
	return __real_setitimer(which, &fast, old);
}

LONG __wrap_SCardEstablishContext(DWORD scope, LPCVOID a, LPCVOID b, LPSCARDCONTEXT ret)
{
	if (establish == HANGS) {
		pause(); /* pcscd takes the connection and says nothing */
	}
	(void)scope;
	(void)a;
	(void)b;
	*ret = 1;
	return establish;
}

/* Run the program on what @fill queues for it. Return: its wait status, the broker's end in @ret_fd. */
static int run(void (*fill)(int fd), int *ret_fd)
{
	int status = 0;
	int fds[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	fill(fds[0]);
	assert_int_equal(shutdown(fds[0], SHUT_WR), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], LINK_CHILD_FD);
		(void)host_main();
	}
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	*ret_fd = fds[0];
	return status;
}

static void send_op(int fd, uint8_t op, int pipe_fd)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(64);
	struct link_frame f = LINK_FRAME_NULL;

	tlv_put_str(&body, LINK_TAG_READER, "A");
	f.kind = LINK_KIND_REQUEST;
	f.op = op;
	f.seq = op;
	f.body = buf_view(&body);
	f.fds[0] = pipe_fd;
	f.n_fds = pipe_fd >= 0;
	assert_int_equal(link_send(fd, &f, true), 0);
}

static void fill_a_whole_life(int fd)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	send_op(fd, CARD_OP_OPEN, -1);
	send_op(fd, CARD_OP_VERIFY, fds[0]); /* the descriptor is closed under the filter */
	send_op(fd, CARD_OP_CLOSE, -1);
	close(fds[0]);
	close(fds[1]);
}

static void fill_nothing(int fd)
{
	(void)fd;
}

static void fill_nonsense(int fd)
{
	assert_int_equal(send(fd, "hello", 5, 0), 5);
}

static void expect(int fd, uint8_t op, uint8_t outcome)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame f;

	assert_int_equal(link_recv(fd, &storage, &f, true), 0);
	assert_int_equal(f.op, op);
	assert_int_equal(f.outcome, outcome);
}

static void without_a_service_every_request_has_its_answer(void **state)
{
	int fd;
	int status;

	(void)state;
	establish = SCARD_E_NO_SERVICE;
	status = run(fill_a_whole_life, &fd);
	assert_int_equal(status, 0);
	expect(fd, CARD_OP_OPEN, CARD_NO_SERVICE);
	expect(fd, CARD_OP_VERIFY, CARD_FAILED);
	expect(fd, CARD_OP_CLOSE, CARD_DONE);
	close(fd);
}

/* -- vitaled-usb ------------------------------------------------------------------------------------- */

static void fill_of_vitaled_usb(int fd)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(64);
	struct link_frame f = LINK_FRAME_NULL;

	tlv_put_str(&body, LINK_TAG_READER, "A [usb 1-1] 00 00");
	tlv_put_u8(&body, LINK_TAG_DRIVER, READER_DRIVER_USB);
	f.kind = LINK_KIND_REQUEST;
	f.op = CARD_OP_OPEN;
	f.seq = 1;
	f.body = buf_view(&body);
	assert_int_equal(link_send(fd, &f, true), 0);
	send_op(fd, CARD_OP_OPEN, -1); /* pcscd's */
}

/* It has another user for the slot, and then no reader of that name. A process of its own: a thread's heap
 * would not leave the program the memory that it may have. Return: how often it was asked. */
static int serve_usb(int listening)
{
	static const uint8_t says[] = {USB_BUSY, USB_NO_READER};
	struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	int fd = accept(listening, NULL, NULL);
	struct link_frame f;
	int n = 0;

	while (fd >= 0 && link_recv(fd, &storage, &f, false) == 0) {
		n += f.op == USB_OP_ATTACH ? 1 : 0;
		if (link_answer(fd, &f, says[n < 2 ? 0 : 1], VIEW_NULL) != 0) {
			break;
		}
	}
	buf_done(&storage);
	close(fd);
	return n;
}

/* Under the filter, with its socket alone: a process for vitaled-usb's readers does not ask pcscd, and one for
 * pcscd's does not connect to vitaled-usb. */
static void a_process_for_vitaled_usb_does_not_wait_for_a_pcscd_that_hangs(void **state)
{
	char folder[] = "/tmp/host-XXXXXX";
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int listening;
	int asked;
	pid_t peer;
	int status;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_true(snprintf(to.sun_path, sizeof(to.sun_path), "%s/socket", folder) > 0);
	listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listening, (const struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(listening, 1), 0);
	assert_int_equal(setenv(LINK_USB_ENVIRONMENT, to.sun_path, 1), 0);
	peer = fork();
	if (peer == 0) {
		_exit(serve_usb(listening));
	}
	establish = SCARD_E_NO_SERVICE;
	status = run(fill_of_vitaled_usb, &fd); /* for pcscd's: nobody connects */
	assert_int_equal(status, 0);
	expect(fd, CARD_OP_OPEN, CARD_NO_SERVICE);
	expect(fd, CARD_OP_OPEN, CARD_NO_SERVICE);
	close(fd);
	assert_int_equal(setenv(CARD_USB, "1", 1), 0);
	establish = HANGS;
	status = run(fill_of_vitaled_usb, &fd);
	assert_int_equal(unsetenv(CARD_USB), 0);
	assert_int_equal(status, 0);
	assert_int_equal(waitpid(peer, &asked, 0), peer);
	assert_true(WIFEXITED(asked));
	assert_int_equal(WEXITSTATUS(asked), 2);
	expect(fd, CARD_OP_OPEN, CARD_NO_READER);
	expect(fd, CARD_OP_OPEN, CARD_NO_SERVICE);
	close(fd);
	close(listening);
	assert_int_equal(unlink(to.sun_path), 0);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(unsetenv(LINK_USB_ENVIRONMENT), 0);
}

static void fill_an_opening(int fd)
{
	send_op(fd, CARD_OP_OPEN, -1);
}

/* Under the filter: the clock answers, and the process is gone. */
static void a_reader_that_does_not_come_back_is_answered_for(void **state)
{
	int status;
	int fd;

	(void)state;
	establish = SCARD_S_SUCCESS;
	status = run(fill_an_opening, &fd);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 4);
	expect(fd, CARD_OP_OPEN, CARD_BUSY);
	close(fd);
}

static void the_exit_status_says_how_it_ended(void **state)
{
	static const struct {
		void (*fill)(int fd);
		LONG establish;
		int status;
	} table[] = {
		{fill_nothing, SCARD_E_NO_SERVICE, 0}, /* the broker hung up */
		{fill_nonsense, SCARD_E_NO_SERVICE, 3},
		{fill_nothing, SCARD_F_INTERNAL_ERROR, 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		int fd;
		int status;

		establish = table[i].establish;
		status = run(table[i].fill, &fd);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), table[i].status);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_service_every_request_has_its_answer),
		cmocka_unit_test(
			a_process_for_vitaled_usb_does_not_wait_for_a_pcscd_that_hangs),
		cmocka_unit_test(a_reader_that_does_not_come_back_is_answered_for),
		cmocka_unit_test(the_exit_status_says_how_it_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
