/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitaled-watch over a vitaled-usb that says whatever the input wants, filter included. Each time that the
 * program waits, one step (records.h) happens: @kind whose end of what, @arg its variant, @bytes its body. What
 * must hold: what the broker hears are frames; the service is told first; names are printable.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/link-ops.h"
#include "base/link-usb.h"
#include "base/link.h"
#include "base/tlv.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/records.h"

const size_t record_head = 2;

static int ends[2]; /* the broker's, the program's */
static int usb;	    /* vitaled-usb's end; -1: none */
static struct reader script;
static unsigned refusals; /* so many connections are not taken */
static int refusal;	  /* ... with this */
static bool goes;	  /* who took the connection, at once */
static bool folder_there, folder_stirs;
static uint8_t asked;
static uint32_t seq;
static bool first; /* the broker has heard nothing */

static int watch_poll(struct pollfd *p, nfds_t n, int ms);
static int watch_socket(int type);
static int watch_connect(int fd);
static int watch_folders(int flags);
static int watch_folder(int fd, const char *path, uint32_t events);

/* the program, with another descriptor, another clock and another vitaled-usb */
#undef LINK_CHILD_FD
#define LINK_CHILD_FD			    ends[1]
#define poll(p, n, ms)			    watch_poll(p, n, ms)
#define socket(domain, type, protocol)	    watch_socket(type)
#define connect(fd, to, len)		    watch_connect((fd) + (int)(0 * sizeof(*(to)) * (len)))
#define inotify_init1(f)		    watch_folders(f)
#define inotify_add_watch(fd, path, events) watch_folder(fd, path, events)
#include "drivers/watch/await.c"
#include "drivers/watch/tell.c"
#include "drivers/watch/usb.c"
#undef poll
#undef socket
#undef connect
#undef inotify_init1
#undef inotify_add_watch

static int watch_socket(int type)
{
	int pair[2];

	assert((type & SOCK_SEQPACKET) && usb < 0);
	if (fail_now()) {
		errno = EMFILE;
		return -1;
	}
	assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	usb = pair[1];
	return pair[0];
}

static int watch_connect(int fd)
{
	assert(fd >= 0);
	if (refusals == 0 && !fail_now()) {
		if (goes) {
			close(usb);
			usb = -1;
		}
		return 0;
	}
	refusals -= refusals > 0 ? 1 : 0;
	close(usb);
	usb = -1;
	errno = refusal;
	return -1;
}

/* The kernel takes long to close a real one. */
static int watch_folders(int flags)
{
	(void)flags;
	return fail_now() ? -1 : eventfd(folder_stirs ? 1 : 0, EFD_CLOEXEC);
}

static int watch_folder(int fd, const char *path, uint32_t events)
{
	assert(fd >= 0 && path[0] == '/' && events != 0);
	return folder_there ? 1 : -1;
}

/* -- the broker ------------------------------------------------------------------------------------- */

static void judge_event(const struct link_frame *f)
{
	char name[128] = "";

	assert(f->kind == LINK_KIND_EVENT && f->op >= WATCH_OP_SERVICE &&
		f->op < WATCH_OP_LOOK);
	assert(!first || f->op == WATCH_OP_SERVICE);
	first = false;
	if (f->op == WATCH_OP_SERVICE || f->op == WATCH_OP_LISTED || f->op == WATCH_OP_ALIVE) {
		return;
	}
	assert(tlv_find_str(f->body, LINK_TAG_READER, name, sizeof(name)) == 0 && name[0]);
	for (const char *c = name; *c; c++) {
		assert(*c >= ' ' && *c <= '~');
	}
}

static void hear_all(void)
{
	static uint8_t bytes[LINK_MAX_FRAME];
	struct link_frame f;
	ssize_t n;

	while (ends[0] >= 0 && (n = recv(ends[0], bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		assert(link_parse(view_of(bytes, (size_t)n), &f) == 0);
		if (f.kind != LINK_KIND_ANSWER) {
			judge_event(&f);
		}
	}
	while (usb >= 0 && (n = recv(usb, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		assert(link_parse(view_of(bytes, (size_t)n), &f) == 0);
		assert(f.kind == LINK_KIND_REQUEST);
		assert(f.op == USB_OP_WATCH || f.op == USB_OP_LOOK || f.op == USB_OP_PING);
		asked = f.op;
		seq = f.seq;
	}
}

static void hang_up(int *fd)
{
	hear_all();
	if (*fd >= 0) {
		close(*fd);
	}
	*fd = -1;
}

/* -- steps ------------------------------------------------------------------------------------------- */

static void say(int fd, enum link_kind kind, uint8_t op, uint8_t outcome, struct view body)
{
	struct link_frame f = LINK_FRAME_NULL;

	f.kind = kind;
	f.op = op;
	f.seq = kind == LINK_KIND_EVENT ? 0 : seq;
	f.outcome = kind == LINK_KIND_ANSWER ? outcome : 0;
	f.body = body;
	if (fd >= 0) {
		assert(link_send(fd, &f, true) >= 0);
	}
}

static void say_raw(int fd, struct view v)
{
	if (fd >= 0 && v.len > 0) {
		(void)!send(fd, v.data, v.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

static void say_look(uint8_t state)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(16);

	tlv_put_u8(&body, LINK_TAG_STATE, state);
	say(ends[0], LINK_KIND_REQUEST, WATCH_OP_LOOK, 0, buf_view(&body));
}

/* Something happens, or time passes. */
static void turn(int ms)
{
	struct record one;

	hear_all();
	if (!record_next(&script, &one)) {
		hang_up(&ends[0]);
		return;
	}
	switch (one.kind % 8) {
	case 0:
		say(usb, LINK_KIND_ANSWER, asked, one.arg, one.bytes);
		break;
	case 1:
		say(usb, LINK_KIND_EVENT, one.arg, 0, one.bytes);
		break;
	case 2:
		say_raw(usb, one.bytes);
		break;
	case 3:
		say_look(one.arg);
		break;
	case 4:
		say_raw(ends[0], one.bytes);
		break;
	case 5:
		hang_up(one.arg & 1 ? &ends[0] : &usb);
		break;
	case 6:
		say(usb, (enum link_kind)(1 + one.arg % 2), one.arg, 0, one.bytes);
		break;
	case 7:
		if (ms > 0) {
			fail_time_passes((unsigned int)ms * USEC_PER_MS);
		}
		break;
	}
}

static int watch_poll(struct pollfd *p, nfds_t n, int ms)
{
	if (fail_now()) {
		errno = EINTR;
		return -1;
	}
	fail_pause(true); /* what others do is not the program's */
	turn(ms);
	fail_pause(false);
	return poll(p, n, 0);
}

/* -- one life ---------------------------------------------------------------------------------------- */

static void set(const char *name, const char *value)
{
	assert((value ? setenv(name, value, 1) : unsetenv(name)) == 0);
}

static void set_path(unsigned int which)
{
	static char lengthy[PATH_ROOM + 2] = "/";

	for (size_t i = 1; i <= PATH_ROOM; i++) {
		lengthy[i] = 'x';
	}
	const char *const paths[] = {"/run/a/socket", NULL, lengthy, ""};

	set(LINK_USB_ENVIRONMENT, paths[which]);
}

void target_run(struct view in)
{
	static const char *const states[] = {"1", "3", NULL, "22"};
	static const char *const rules[] = {NULL, "*=usb"};
	static const int errors[] = {ENOENT, ECONNREFUSED, EAGAIN, EACCES};
	struct reader r = reader_of(in);
	const uint8_t how =
		reader_u8(&r); /* bits 0, 1: path; 2, 3: state; 4: rules; 5: a guard; 6: folder
					       there; 7: something comes into it */
	const uint8_t many = reader_u8(
		&r); /* bits 0, 1: error; 2 to 5: so many times; 7: then it hangs up */
	enum watch_exit end;

	set_path(how & 3);
	set(WATCH_USB, states[how >> 2 & 3]);
	set(LINK_USB_RULES, rules[how >> 4 & 1]);
	folder_there = how & 0x40;
	folder_stirs = how & 0x80;
	refusal = errors[many & 3];
	refusals = many >> 2 & 15;
	goes = many & 0x80;
	script = r;
	usb = -1;
	asked = 0;
	first = true;
	assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
	end = watch_usb(how & 0x20);
	assert(end == WATCH_EXIT_DONE || end == WATCH_EXIT_FILTER || end == WATCH_EXIT_FAILED);
	hang_up(&ends[0]);
	hang_up(&usb);
	close(ends[1]);
}
