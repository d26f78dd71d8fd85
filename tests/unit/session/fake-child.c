/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A child that does what the request's op says, good or bad:
 * 1 echo · 2 silence · 3 exit 7 · 4 malformed bytes · 5 SIGSYS · 6 another seq · 7 event, then echo ·
 * 8 its environment · 9 content of the descriptor passed · 10 closes the link and lives on ·
 * 11 echo, then exit · 12 a request of its own · 13 another op · 14 an empty frame ·
 * 15 two answers · 16 open descriptors · 17 its signal mask · 18 echo ·
 * 19 ten events, one every 30 ms, then echo · 20 events for ever
 */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/link.h"

static void send_frame(enum link_kind kind, uint8_t op, uint32_t seq, struct view body)
{
	struct link_frame f = LINK_FRAME_NULL;

	f.kind = kind;
	f.op = op;
	f.seq = seq;
	f.body = body;
	if (link_send(LINK_CHILD_FD, &f, false) != 0) {
		_exit(1);
	}
}

static void answer_text(const struct link_frame *f, struct buf *text)
{
	send_frame(LINK_KIND_ANSWER, f->op, f->seq, buf_view(text));
}

static void environment(const struct link_frame *f)
{
	struct buf text = BUF_NULL(4096);

	for (char **e = environ; *e; e++) {
		buf_printf(&text, "%s;", *e);
	}
	answer_text(f, &text);
}

static void content(const struct link_frame *f)
{
	struct buf text = BUF_NULL(4096);
	char bytes[64];
	ssize_t n = f->n_fds > 0 ? read(f->fds[0], bytes, sizeof(bytes)) : 0;

	buf_put(&text, bytes, n > 0 ? (size_t)n : 0);
	answer_text(f, &text);
}

static void descriptors(const struct link_frame *f)
{
	struct buf text = BUF_NULL(4096);

	for (int fd = 0; fd < 64; fd++) {
		if (dup2(fd, fd) == fd) {
			buf_printf(&text, "%d ", fd);
		}
	}
	answer_text(f, &text);
}

static void signals(const struct link_frame *f)
{
	struct buf text = BUF_NULL(4096);
	sigset_t mask;

	(void)sigprocmask(SIG_BLOCK, NULL, &mask);
	buf_printf(&text, "%s", sigisemptyset(&mask) ? "none" : "some");
	answer_text(f, &text);
}

static void crash(void)
{
	const struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)raise(SIGSYS);
}

static void tell(const struct link_frame *f)
{
	switch (f->op) {
	case 8:
		environment(f);
		return;
	case 9:
		content(f);
		return;
	case 16:
		descriptors(f);
		return;
	case 17:
		signals(f);
		return;
	default:
		send_frame(LINK_KIND_ANSWER, f->op, f->seq, f->body);
	}
}

static void work(const struct link_frame *f, unsigned int events)
{
	for (unsigned int i = 0; i < events; i++) {
		(void)usleep(30000);
		send_frame(LINK_KIND_EVENT, 77, 0, VIEW_TEXT("event"));
	}
	tell(f);
}

static void misbehave(const struct link_frame *f)
{
	switch (f->op) {
	case 3:
		_exit(7);
	case 4:
		(void)!send(LINK_CHILD_FD, "what?", 5, 0);
		return;
	case 5:
		crash();
		return;
	case 6:
		send_frame(LINK_KIND_ANSWER, f->op, f->seq + 1, f->body);
		return;
	case 7:
		send_frame(LINK_KIND_EVENT, 77, 0, VIEW_TEXT("event"));
		tell(f);
		return;
	case 10:
		close(LINK_CHILD_FD);
		(void)pause();
		return;
	case 11:
		tell(f);
		_exit(7);
	case 12:
		send_frame(LINK_KIND_REQUEST, f->op, f->seq, f->body);
		return;
	case 13:
		send_frame(LINK_KIND_ANSWER, 1, f->seq, f->body);
		return;
	case 14:
		(void)!send(LINK_CHILD_FD, "", 0, 0);
		return;
	case 15:
		tell(f);
		tell(f);
		return;
	case 19:
		work(f, 10);
		return;
	case 20:
		work(f, UINT32_MAX);
		return;
	default:
		tell(f);
	}
}

int main(void)
{
	struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame f;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		if (link_recv(LINK_CHILD_FD, &storage, &f, false) != 0) {
			return 0;
		}
		if (f.op != 2) {
			misbehave(&f);
		}
		link_frame_done(&f);
	}
}
