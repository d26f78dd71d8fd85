/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A child that is only a pipe: every frame of the broker goes to the test over a socket, and back.
 * Its place is in PCSCLITE_CSOCK_NAME, a variable that the broker lets children have. It begins with
 * its name; a watch of vitaled-usb adds what it was told: "vitaled-watch usb STATE RULES". The
 * test so plays watches and cards itself. Two messages of one byte are orders: 'x' exit with 7,
 * 's' die by SIGSYS as a filter would make it.
 */
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/link-ops.h"
#include "base/link-usb.h"
#include "base/link.h"

static union {
	struct cmsghdr head;
	uint8_t bytes[CMSG_SPACE(sizeof(int) * LINK_MAX_FDS)];
} control;

static uint8_t frame[LINK_MAX_FRAME + 1];

static void close_passed(struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		int fds[LINK_MAX_FDS] = {-1, -1};
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		bytes_copy(fds, sizeof(fds), CMSG_DATA(c), n * sizeof(int));
		for (size_t i = 0; i < n; i++) {
			close(fds[i]);
		}
	}
}

static void forward(int from, int to)
{
	struct iovec iov = {.iov_base = frame, .iov_len = sizeof(frame)};
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n = recvmsg(from, &m, 0);

	if (n <= 0) {
		_exit(0);
	}
	if (n == 1 && frame[0] == 'x') {
		_exit(7);
	}
	if (n == 1 && frame[0] == 's') {
		(void)raise(SIGSYS);
	}
	iov.iov_len = (size_t)n;
	if (sendmsg(to, &m, MSG_NOSIGNAL) != n) {
		_exit(0);
	}
	close_passed(&m);
}

/* What we are. Return: whether it was sent. */
static bool introduce(int fd, const char *name)
{
	_cleanup_(buf_done) struct buf said = BUF_NULL(512);
	const char *usb = getenv(WATCH_USB);
	const char *rules = getenv(LINK_USB_RULES);

	buf_put_str(&said, name);
	if (getenv(CARD_USB)) {
		buf_put_str(&said, " usb");
	}
	if (usb) {
		buf_printf(&said, " usb %s %s", usb, rules ? rules : "none");
	}
	return buf_check(&said) == 0 && send(fd, said.data, said.len, 0) == (ssize_t)said.len;
}

int main(int argc, char *argv[])
{
	const char *place = getenv("PCSCLITE_CSOCK_NAME");
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct pollfd fds[2] = {{.fd = LINK_CHILD_FD, .events = POLLIN}, {.events = POLLIN}};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!place || !name ||
		view_copy_str(view_str(place), to.sun_path, sizeof(to.sun_path))) {
		return 1;
	}
	fds[1].fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if (connect(fds[1].fd, (const struct sockaddr *)&to, sizeof(to)) < 0 ||
		!introduce(fds[1].fd, name + 1)) {
		return 1;
	}
	for (;;) {
		if (poll(fds, 2, -1) < 0) {
			return 1;
		}
		if (fds[1].revents) {
			forward(fds[1].fd, LINK_CHILD_FD);
		}
		if (fds[0].revents) {
			forward(LINK_CHILD_FD, fds[1].fd);
		}
	}
}
