/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitaled-watch over pcscd whole, main and filter included, in a thread of its own, which it leaves where the
 * program would leave the process. What libpcsclite says comes from the input: each of its calls
 * takes one step (records.h): @arg is the code, @bytes the names, or for each reader two bytes of
 * state, the counter and the length of the ATR; @kind bit 7: the broker hangs up before. What must
 * hold: events are frames, readers and cards come and leave by turns.
 */
#include <PCSC/winscard.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/link-ops.h"
#include "base/link.h"
#include "base/tlv.h"
#include "drivers/watch/track.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/records.h"

const size_t record_head = 1;

static int ends[2]; /* the broker's, the program's */
static struct reader script;
static bool socket_there;
static unsigned int folders_missing; /* of the socket's path, from its end */
static bool folder_stirs;
static bool hangs_up_then;

static int watch_poll(struct pollfd *p, nfds_t n, int ms);
static int watch_stat(const char *path, struct stat *ret);
static int watch_folders(int flags);
static void hang_up(void);
static int watch_folder(int fd, const char *path, uint32_t events);
noreturn int watch_main(void);

/* the program, with another descriptor, another clock and another file system */
#undef LINK_CHILD_FD
#define LINK_CHILD_FD			    ends[1]
#define main				    watch_main
#define poll(p, n, ms)			    watch_poll(p, n, ms)
#define stat(path, data)		    watch_stat(path, data)
#define inotify_init1(f)		    watch_folders(f)
#define inotify_add_watch(fd, path, events) watch_folder(fd, path, events)
#include "drivers/watch/await.c"
#include "drivers/watch/main.c"
#include "drivers/watch/pcsc.c"
#include "drivers/watch/tell.c"
#undef main
#undef poll
#undef stat
#undef inotify_init1
#undef inotify_add_watch

static struct watch *program; /* its state */

static int watch_poll(struct pollfd *p, nfds_t n, int ms)
{
	int r = fail_now() ? -1 : poll(p, n, 0);

	(void)ms; /* nobody waits in here */
	if (n == 2 && r > 0 && hangs_up_then) {
		hang_up();
	}
	return r;
}

static int watch_stat(const char *path, struct stat *ret)
{
	(void)path;
	*ret = (struct stat){.st_mode = S_IFSOCK};
	return socket_there ? 0 : -1;
}

/* The kernel takes long to close a real one. */
static int watch_folders(int flags)
{
	(void)flags;
	return fail_now() ? -1 : eventfd(folder_stirs ? 1 : 0, EFD_CLOEXEC);
}

static int watch_folder(int fd, const char *path, uint32_t events)
{
	(void)fd, (void)path, (void)events;
	if (folders_missing == 0) {
		return 1;
	}
	folders_missing--;
	return -1;
}

/* -- the broker ------------------------------------------------------------------------------------- */

static struct {
	char name[TRACK_NAME_MAX]; /* empty: no reader */
	bool card;
} readers[TRACK_READERS_MAX];

static size_t find(const char *name)
{
	size_t i = 0;

	while (i < TRACK_READERS_MAX && strcmp(readers[i].name, name) != 0) {
		i++;
	}
	return i;
}

static void judge_event(const struct link_frame *f)
{
	char name[TRACK_NAME_MAX] = "";
	size_t i;

	assert(f->kind == LINK_KIND_EVENT && f->op >= WATCH_OP_SERVICE);
	if (tlv_find_str(f->body, LINK_TAG_READER, name, sizeof(name)) != 0) {
		assert(f->op == WATCH_OP_SERVICE || f->op == WATCH_OP_LISTED ||
			f->op == WATCH_OP_ALIVE);
		return;
	}
	i = find(f->op == WATCH_OP_READER_IN ? "" : name);
	assert(i < TRACK_READERS_MAX);
	switch (f->op) {
	case WATCH_OP_READER_IN:
		assert(find(name) == TRACK_READERS_MAX);
		assert(view_copy_str(view_str(name), readers[i].name, TRACK_NAME_MAX) == 0);
		break;
	case WATCH_OP_READER_OUT:
		assert(!readers[i].card);
		readers[i].name[0] = '\0';
		break;
	case WATCH_OP_CARD_IN:
		assert(!readers[i].card);
		readers[i].card = true;
		break;
	case WATCH_OP_CARD_OUT:
		assert(readers[i].card);
		readers[i].card = false;
		break;
	}
}

static void hear(void)
{
	static uint8_t bytes[LINK_MAX_FRAME];
	struct link_frame f;
	ssize_t n;

	while (ends[0] >= 0 &&
		(n = recv(ends[0], bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC)) > 0) {
		assert((size_t)n <= sizeof(bytes));
		assert(link_parse(view_of(bytes, (size_t)n), &f) == 0);
		judge_event(&f);
	}
}

static void hang_up(void)
{
	hear();
	if (ends[0] >= 0) {
		close(ends[0]);
		ends[0] = -1;
	}
}

/* -- libpcsclite ------------------------------------------------------------------------------------ */

static const LONG codes[] = {SCARD_S_SUCCESS, SCARD_S_SUCCESS, SCARD_S_SUCCESS, SCARD_E_TIMEOUT,
	SCARD_E_UNKNOWN_READER, SCARD_E_READER_UNAVAILABLE, SCARD_E_NO_READERS_AVAILABLE,
	SCARD_E_NO_SERVICE, SCARD_E_SERVICE_STOPPED, SCARD_F_COMM_ERROR, SCARD_P_SHUTDOWN,
	SCARD_E_INVALID_HANDLE, SCARD_F_INTERNAL_ERROR, SCARD_E_NO_MEMORY};

/* The next step; at the end of them nobody is there any more. */
static LONG next(struct reader *ret_bytes)
{
	struct record one;

	hear();
	*ret_bytes = reader_of(VIEW_NULL);
	if (!record_next(&script, &one)) {
		hang_up();
		return SCARD_E_NO_SERVICE;
	}
	if (one.kind & 0x80) {
		hang_up();
	}
	if (fail_now()) {
		return SCARD_E_NO_MEMORY;
	}
	*ret_bytes = reader_of(one.bytes);
	return codes[one.arg % ARRAY_LEN(codes)];
}

LONG SCardEstablishContext(DWORD scope, LPCVOID a, LPCVOID b, LPSCARDCONTEXT ret)
{
	struct reader r;
	LONG rv = next(&r);

	(void)scope, (void)a, (void)b;
	program = (struct watch *)(void *)ret; /* context is its first member */
	*ret = 77;
	return rv;
}

LONG SCardListReaders(SCARDCONTEXT c, LPCSTR groups, LPSTR names, LPDWORD len)
{
	struct reader r;
	LONG rv = next(&r);

	assert(c == 77 && !groups && *len == LIST_MAX);
	bytes_copy(names, LIST_MAX, r.data, r.left);
	*len = (DWORD)r.left;
	return rv;
}

LONG SCardGetStatusChange(SCARDCONTEXT c, DWORD ms, SCARD_READERSTATE *states, DWORD n)
{
	struct reader r;
	LONG rv = next(&r);

	assert(c == 77 && (ms <= WAIT_MS || (ms == QUIET_MS && !program->guard)) && n >= 1 &&
		n <= TRACK_READERS_MAX + 1);
	for (DWORD i = 0; i + 1 < n; i++) {
		assert(strlen(states[i].szReader) < TRACK_NAME_MAX);
		states[i].dwEventState = reader_u16(&r);
		states[i].dwEventState |= (DWORD)reader_u8(&r) << 16;
		states[i].cbAtr = reader_u8(&r);
		memset(states[i].rgbAtr, 0x3B, sizeof(states[i].rgbAtr));
	}
	assert(strcmp(states[n - 1].szReader, PNP) == 0);
	return rv;
}

/* -- the process: nothing of it may change ours ---------------------------------------------------- */

noreturn void __wrap__exit(int status);
noreturn void __real__exit(int status);

noreturn void __wrap__exit(int status)
{
	if (!program && status > (int)WATCH_EXIT_FAILED) {
		__real__exit(status); /* not the program's */
	}
	assert(status >= (int)WATCH_EXIT_DONE && status <= (int)WATCH_EXIT_FAILED);
	pthread_exit(NULL);
}

int __wrap_prctl(int what, ...);

int __wrap_prctl(int what, ...)
{
	(void)what;
	errno = EPERM;
	return fail_now() ? -1 : 0;
}

int __wrap_setrlimit64(int what, const struct rlimit *limit);

int __wrap_setrlimit64(int what, const struct rlimit *limit)
{
	assert(limit->rlim_cur == limit->rlim_max &&
		(what != RLIMIT_CORE || limit->rlim_max == 0));
	errno = EPERM;
	return fail_now() ? -1 : 0;
}

noreturn static void *run_program(void *unused)
{
	(void)unused;
	watch_main();
}

static void set_path(unsigned int which)
{
	static char lengthy[PATH_ROOM + 2] = "/";

	for (size_t i = 1; i <= PATH_ROOM; i++) {
		lengthy[i] = 'x';
	}
	const char *const paths[] = {NULL, "/run/a/pcscd.comm", lengthy, "nowhere"};

	assert((paths[which] ? setenv("PCSCLITE_CSOCK_NAME", paths[which], 1)
			     : unsetenv("PCSCLITE_CSOCK_NAME")) == 0);
}

void target_run(struct view in)
{
	struct reader r = reader_of(in);
	const int room = 1 << 20;
	pthread_t thread;

	/* bit 0: pcscd's socket is there; 1: it is the guard; 2, 3: so many folders are not there;
	 * 4, 5: which path; 6: something comes into the folder; 7: and then the broker leaves */
	const uint8_t what = reader_u8(&r);

	socket_there = what & 1;
	folders_missing = what >> 2 & 3;
	folder_stirs = what & 0x40;
	hangs_up_then = what & 0x80;
	set_path(what >> 4 & 3);
	assert((what & 2 ? setenv(WATCH_GUARD, "1", 1) : unsetenv(WATCH_GUARD)) == 0);
	script = r;
	assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
	(void)setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	memset(readers, 0, sizeof(readers));
	program = NULL;
	assert(pthread_create(&thread, NULL, run_program, NULL) == 0);
	assert(pthread_join(thread, NULL) == 0);
	hang_up();
	close(ends[1]);
	if (program) {
		*program = (struct watch){.reported = 0}; /* it lives once, we live on */
	}
}
