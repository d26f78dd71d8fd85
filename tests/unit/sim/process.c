/* SPDX-License-Identifier: EUPL-1.2 */
/* See process.h. */
#include "tests/unit/sim/process.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hex.h"

static _Noreturn void play(const struct server_options *o, const char *const *cards)
{
	struct server *s = NULL;
	int r = server_new(o, &s);

	for (size_t i = 0; r == 0 && cards[i]; i++)
		if (cards[i][0])
			r = slot_insert(&s->slots[i], cards[i]);
	if (r == 0)
		r = server_run(s);
	server_free(s);
	exit(r ? 1 : 0);
}

void process_start(struct process *p, const struct scene *s, struct server_options o,
	const char *const *cards)
{
	snprintf(p->reader, sizeof(p->reader), "%s/reader", s->dir);
	snprintf(p->control, sizeof(p->control), "%s/control", s->dir);
	o.reader_socket = p->reader;
	o.control_socket = p->control;
	o.state_dir = s->dir;
	unlink(p->control);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid == 0)
		play(&o, cards);
	while (access(p->control, F_OK) < 0)
		poll(NULL, 0, 5);
}

void process_end(struct process *p)
{
	int status = 0;

	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	assert_int_equal(status, 0);
}

int process_connect(const char *path, int type)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%.100s", path);
	for (int tries = 0; connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0; tries++) {
		assert_true(tries < 400);
		poll(NULL, 0, 5);
	}
	return fd;
}

const char *process_ask(int fd, const char *line)
{
	static char answer[8192];
	size_t n = 0;

	assert_int_equal(send(fd, line, strlen(line), MSG_NOSIGNAL), strlen(line));
	while (n + 1 < sizeof(answer)) {
		if (recv(fd, answer + n, 1, 0) != 1 || answer[n] == '\n')
			break;
		n++;
	}
	answer[n] = '\0';
	return answer;
}

const char *process_control(const struct process *p, const char *line)
{
	int fd = process_connect(p->control, SOCK_STREAM);
	const char *answer = process_ask(fd, line);

	close(fd);
	return answer;
}

void process_free_by(const struct process *p, const char *line)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		poll(NULL, 0, 100);
		process_control(p, line);
		_exit(0);
	}
}

void process_reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0) {
	}
}

poll_fn ifd_poll(DWORD lun)
{
	poll_fn f = NULL;
	DWORD len = sizeof(f);

	assert_int_equal(
		IFDHGetCapabilities(lun, TAG_IFD_POLLING_THREAD_WITH_TIMEOUT, &len, (PUCHAR)&f),
		IFD_SUCCESS);
	return f;
}

RESPONSECODE ifd_send(DWORD lun, const char *hex, const char *want)
{
	_cleanup_(buf_done) struct buf c = BUF_NULL(512);
	SCARD_IO_HEADER pci = {0};
	UCHAR rx[300];
	DWORD len = sizeof(rx);
	RESPONSECODE code;

	assert_int_equal(hex_decode(&c, view_str(hex)), 0);
	code = IFDHTransmitToICC(lun, pci, c.data, c.len, rx, &len, &pci);
	if (code == IFD_SUCCESS)
		assert_view_hex(view_of(rx, len), want);
	return code;
}

RESPONSECODE ifd_power(DWORD lun)
{
	UCHAR atr[MAX_ATR_SIZE];
	DWORD len = sizeof(atr);

	return IFDHPowerICC(lun, IFD_POWER_UP, atr, &len);
}
