/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitaled-watch: tells the broker which readers and cards are there, over the link on descriptor 3.
 * It never connects to a card. First it waits, unconfined, until pcscd answers; then it gives up
 * everything but waiting, and reports until pcscd goes away. A second context is impossible inside
 * the filter, therefore the process then says STOPPED and ends, and the broker starts it anew.
 *
 * Every wait is finite: readers are listed anew after WAIT_MS, since PC/SC counts readers only while
 * one waits and could miss one that comes between two waits. When nothing has happened for some waits,
 * after QUIET_MS: a machine where nobody works is not woken up. The guard (base/link-ops.h), which runs
 * while something is unlocked, does not wait longer, and says each time that it lives. A pcscd that is
 * not there is waited for in the folder of its socket (inotify), and looked for ever more rarely.
 *
 * Exit status: 0 the broker hung up, or pcscd went away (STOPPED was sent); 1 the process could not
 * be set up; 2 the filter could not be loaded; 3 the link or PC/SC failed.
 */
#include <PCSC/winscard.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/link-ops.h"
#include "base/link.h"
#include "base/tlv.h"
#include "drivers/reader/confine.h"
#include "drivers/watch/track.h"

#define DEFAULT_SOCKET "/run/pcscd/pcscd.comm"
#define PNP	       "\\\\?PnP?\\Notification"
#define WAIT_MS	       2000U   /* one SCardGetStatusChange */
#define QUIET_MS       600000U /* ... when nothing happens: */
#define QUIET_WAITS    3U      /* so many brought nothing */
#define IDLE_PAUSE_MS  10
#define COUNTER	       0xFFFF0000U
#define RETRY_FIRST_MS 50    /* pcscd is not there: look again after ... */
#define RETRY_LAST_MS  20000 /* ... doubled up to */
#define RETRY_BLIND_MS 1000  /* ... where its folder cannot be watched */
#define PATH_ROOM      512U
#define FD_SEARCHED    64
#define EVENT_MAX      512U
#define LIST_MAX       (TRACK_READERS_MAX * TRACK_NAME_MAX)

enum exit_status {
	EXIT_DONE = 0,
	EXIT_SETUP = 1,
	EXIT_FILTER = 2,
	EXIT_FAILED = 3,
};

enum watch_outcome {
	WATCH_HANGUP = 1, /* the broker closed the link */
	WATCH_NO_SERVICE, /* pcscd went away */
};

struct watch {
	SCARDCONTEXT context;
	struct track track;
	bool guard;	    /* says every WAIT_MS that it lives (base/link-ops.h) */
	uint64_t reported;  /* events about readers and cards so far */
	unsigned int quiet; /* waits since the last one */
	DWORD counted; /* PC/SC's events of readers, where it counts them (pcsc-lite 2.3) */
};

/* -- events --------------------------------------------------------------------------------------- */

/* Return: 0, a fault, or WATCH_HANGUP. */
static int send_event(uint8_t op, const struct buf *body)
{
	struct link_frame f = LINK_FRAME_NULL;
	int r = buf_check(body);

	if (r < 0) {
		return trace(r);
	}
	f.kind = LINK_KIND_EVENT;
	f.op = op;
	f.body = buf_view(body);
	r = link_send(LINK_CHILD_FD, &f, false);
	return r > 0 ? WATCH_HANGUP : trace(r);
}

static int send_service(enum watch_service state)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(EVENT_MAX);

	tlv_put_u8(&body, LINK_TAG_STATE, (uint8_t)state);
	return trace(send_event(WATCH_OP_SERVICE, &body));
}

static uint8_t op_of(enum track_event event)
{
	switch (event) {
	case TRACK_READER_IN:
		return WATCH_OP_READER_IN;
	case TRACK_READER_OUT:
		return WATCH_OP_READER_OUT;
	case TRACK_CARD_IN:
		return WATCH_OP_CARD_IN;
	case TRACK_CARD_OUT:
		return WATCH_OP_CARD_OUT;
	}
	return 0;
}

static int on_event(void *user, enum track_event event, const struct track_reader *r)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(EVENT_MAX);
	struct watch *w = user;
	int slot = track_slot(r->name);

	w->reported++;
	tlv_put_str(&body, LINK_TAG_READER, r->name);
	if (event == TRACK_READER_IN && slot >= 0) {
		tlv_put_u8(&body, LINK_TAG_SLOT, (uint8_t)slot);
	}
	if (event == TRACK_CARD_IN) {
		tlv_put(&body, LINK_TAG_ATR, view_of(r->state.atr, r->state.atr_len));
	}
	if (event == TRACK_CARD_IN && r->state.mute) {
		tlv_put_u8(&body, LINK_TAG_STATE, 1);
	}
	if (event == TRACK_CARD_IN || event == TRACK_CARD_OUT) {
		tlv_put_u32(&body, LINK_TAG_EVENTS, r->state.events);
	}
	return trace(send_event(op_of(event), &body));
}

/* -- waiting for pcscd ------------------------------------------------------------------------------ */

static const char *socket_path(void)
{
	const char *path = getenv("PCSCLITE_CSOCK_NAME");

	return path ? path : DEFAULT_SOCKET;
}

/* Is the socket there? Somebody who does not answer, or nobody. */
static enum watch_service why_silent(void)
{
	struct stat st;

	return stat(socket_path(), &st) == 0 ? WATCH_SERVICE_STOPPED : WATCH_SERVICE_ABSENT;
}

/* Begin to listen to what comes into the folder of the socket, or into the next one above that there
 * is. Return: a descriptor, or -1 when that does not go. */
static int listen_to_folder(void)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[PATH_ROOM];

	if (fd < 0 || view_copy_str(view_str(socket_path()), path, sizeof(path)) != 0) {
		if (fd >= 0) {
			(void)close(fd);
		}
		return -1;
	}
	for (char *end = strrchr(path, '/'); end; end = strrchr(path, '/')) {
		end[end == path ? 1 : 0] = '\0';
		if (inotify_add_watch(fd, path, IN_CREATE | IN_MOVED_TO | IN_ATTRIB) >= 0) {
			return fd;
		}
		if (end == path) {
			break;
		}
	}
	(void)close(fd);
	return -1;
}

/* Whether the broker hung up within @ms. It never sends us anything. */
static bool hung_up(int ms)
{
	struct pollfd p = {.fd = LINK_CHILD_FD, .events = POLLIN};

	return poll(&p, 1, ms) > 0;
}

/* Until the time @pause is over (it then doubles), something comes into the folder, or the broker hangs
 * up; after something came RETRY_FIRST_MS more, however much comes. Return: whether the broker hung up. */
static bool wait_for_service(int folder, int *pause)
{
	struct pollfd p[] = {
		{.fd = LINK_CHILD_FD, .events = POLLIN}, {.fd = folder, .events = POLLIN}};
	int last = folder < 0 ? RETRY_BLIND_MS : RETRY_LAST_MS;

	if (poll(p, ARRAY_LEN(p), *pause) <= 0) {
		*pause = *pause * 2 < last ? *pause * 2 : last;
		return false;
	}
	*pause = RETRY_FIRST_MS; /* pcscd binds first and listens later */
	return p[0].revents != 0 || hung_up(RETRY_FIRST_MS);
}

/* The lowest free descriptor is where libpcsclite's socket will be. */
static int lowest_free(void)
{
	int fd = 0;

	while (fd < FD_SEARCHED && fcntl(fd, F_GETFD) >= 0) {
		fd++;
	}
	return fd;
}

/* Tell why there is no pcscd, when that is not what was told last. Return: 0, a fault, WATCH_HANGUP. */
static int tell_why(int *said)
{
	enum watch_service why = why_silent();
	int r = *said == (int)why ? 0 : send_service(why);

	*said = (int)why;
	return trace(r);
}

/* One attempt. Return: 0 (connected), a fault, WATCH_HANGUP or WATCH_NO_SERVICE. */
static int try_service(SCARDCONTEXT *ret_context, int *ret_pcsc, int *said)
{
	LONG rv;
	int r;

	*ret_pcsc = lowest_free();
	rv = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, ret_context);
	if (rv == SCARD_S_SUCCESS) {
		return trace(send_service(WATCH_SERVICE_RUNNING));
	}
	if (rv == SCARD_E_NO_MEMORY) {
		return fault(-ENOMEM);
	}
	r = tell_why(said);
	return r != 0 ? trace(r) : WATCH_NO_SERVICE;
}

/* Return: 0, a fault, or WATCH_HANGUP. */
static int connect_service(SCARDCONTEXT *ret_context, int *ret_pcsc)
{
	int pause = RETRY_FIRST_MS;
	int said = 0;

	for (;;) {
		int folder = listen_to_folder(); /* before the attempt: nothing falls between */
		int r = try_service(ret_context, ret_pcsc, &said);

		if (r == WATCH_NO_SERVICE && wait_for_service(folder, &pause)) {
			r = WATCH_HANGUP;
		}
		if (folder >= 0) {
			(void)close(folder);
		}
		if (r != WATCH_NO_SERVICE) {
			return trace(r);
		}
	}
}

/* -- watching --------------------------------------------------------------------------------------- */

/* Return: 0 for results that mean "look again", WATCH_NO_SERVICE, or a fault. */
static int judge(LONG rv)
{
	switch (rv) {
	case SCARD_S_SUCCESS:
	case SCARD_E_TIMEOUT:
	case SCARD_E_UNKNOWN_READER:
	case SCARD_E_READER_UNAVAILABLE:
	case SCARD_E_NO_READERS_AVAILABLE:
		return 0;
	case SCARD_E_NO_SERVICE:
	case SCARD_E_SERVICE_STOPPED:
	case SCARD_F_COMM_ERROR:
	case SCARD_P_SHUTDOWN:
	case SCARD_E_SYSTEM_CANCELLED:
	case SCARD_E_INVALID_HANDLE: /* what libpcsclite says once it has dropped the context */
		return WATCH_NO_SERVICE;
	}
	return fault(-EIO);
}

static int list_readers(struct watch *w)
{
	static char names[LIST_MAX];
	DWORD len = sizeof(names);
	LONG rv = SCardListReaders(w->context, NULL, names, &len);
	int r = judge(rv);

	if (r != 0) {
		return trace(r);
	}
	return trace(track_list(&w->track, view_of(names, rv == SCARD_S_SUCCESS ? len : 0)));
}

/* The state that PC/SC shall compare with. In use, exclusive and unpowered are left out: it then
 * does not wake us when only they change. */
static DWORD known_state(const struct track_state *s)
{
	DWORD state = (DWORD)s->events << 16;

	if (!s->present) {
		return state | SCARD_STATE_EMPTY;
	}
	return state | SCARD_STATE_PRESENT | (s->swallowed ? SCARD_STATE_MUTE : 0U);
}

static int take_state(struct watch *w, struct track_reader *r, const SCARD_READERSTATE *s)
{
	struct track_state now = {
		.present = s->dwEventState & SCARD_STATE_PRESENT,
		.swallowed = s->dwEventState & SCARD_STATE_MUTE,
		.events = (uint16_t)(s->dwEventState >> 16),
	};

	if (s->dwEventState & (SCARD_STATE_UNKNOWN | SCARD_STATE_UNAVAILABLE)) {
		return 0; /* the next list will say that it is gone */
	}
	if (now.present && s->cbAtr <= sizeof(now.atr)) {
		bytes_copy(now.atr, sizeof(now.atr), s->rgbAtr, s->cbAtr);
		now.atr_len = s->cbAtr;
	}
	now.mute = now.present && (now.swallowed || now.atr_len == 0);
	return trace(track_change(&w->track, r, &now));
}

/* One look at all readers, waiting up to @ms for a change. */
static int look(struct watch *w, DWORD ms)
{
	static SCARD_READERSTATE states[TRACK_READERS_MAX + 1];
	static struct track_reader *readers[TRACK_READERS_MAX];
	DWORD n = 0;
	int r;

	for (size_t i = 0; i < TRACK_READERS_MAX; i++) {
		struct track_reader *one = &w->track.readers[i];

		if (one->name[0]) {
			readers[n] = one;
			states[n++] = (SCARD_READERSTATE){.szReader = one->name,
				.dwCurrentState = known_state(&one->state)};
		}
	}
	states[n] = (SCARD_READERSTATE){.szReader = PNP, .dwCurrentState = w->counted};
	r = judge(SCardGetStatusChange(w->context, ms, states, n + 1));
	w->counted = states[n].dwEventState & COUNTER;
	for (DWORD i = 0; i < n && r == 0; i++) {
		r = take_state(w, readers[i], &states[i]);
	}
	return trace(r);
}

static int first_look(struct watch *w)
{
	_cleanup_(buf_done) struct buf nothing = BUF_NULL(0);
	int r;

	r = list_readers(w);
	if (r == 0) {
		r = look(w, 0);
	}
	return r != 0 ? trace(r) : trace(send_event(WATCH_OP_LISTED, &nothing));
}

/* The broker must know that the removal of a card would be seen. */
static int tell_alive(const struct watch *w)
{
	_cleanup_(buf_done) struct buf nothing = BUF_NULL(0);

	return w->guard ? trace(send_event(WATCH_OP_ALIVE, &nothing)) : 0;
}

static DWORD patience(const struct watch *w)
{
	return w->guard || w->quiet < QUIET_WAITS ? WAIT_MS : QUIET_MS;
}

/* Return: 0 the broker hung up, a fault, or WATCH_NO_SERVICE. */
static int watch(struct watch *w)
{
	int r;

	r = first_look(w);
	while (r == 0) {
		uint64_t reported = w->reported;

		r = tell_alive(w);
		if (r == 0) {
			r = list_readers(w);
		}
		if (r == 0) {
			r = look(w, patience(w));
		}
		w->quiet = w->reported == reported ? w->quiet + 1 : 0;
		/* a wake-up that changed nothing may come again at once: never spin on it */
		if (r == 0 && hung_up(w->reported == reported ? IDLE_PAUSE_MS : 0)) {
			r = WATCH_HANGUP;
		}
	}
	return r == WATCH_HANGUP ? 0 : trace(r);
}

/* -- the program ------------------------------------------------------------------------------------ */

static int confine(int pcsc)
{
	static const struct confine_rule rules[] = {
		/* SCardGetStatusChange looks for pcscd's socket when its wait ends (1.9.9) */
		{SCMP_SYS(newfstatat), CONFINE_ANY_FD},
	};

	return trace(confine_load(LINK_CHILD_FD, pcsc, rules, ARRAY_LEN(rules)));
}

static enum exit_status run(struct watch *w)
{
	int pcsc;
	int r;

	r = connect_service(&w->context, &pcsc);
	if (r == WATCH_HANGUP) {
		return EXIT_DONE;
	}
	if (r != 0) {
		return EXIT_FAILED;
	}
	if (confine(pcsc) < 0) {
		return EXIT_FILTER;
	}
	r = watch(w);
	if (r == WATCH_NO_SERVICE) {
		r = send_service(WATCH_SERVICE_STOPPED);
		return r < 0 ? EXIT_FAILED : EXIT_DONE;
	}
	return r == 0 ? EXIT_DONE : EXIT_FAILED;
}

int main(void)
{
	static struct watch w;
	enum exit_status status;

	if (confine_start() < 0) {
		confine_exit(EXIT_SETUP);
	}
	w.guard = getenv(WATCH_GUARD) != NULL;
	w.track.report = on_event;
	w.track.user = &w;
	status = run(&w);
	confine_exit((int)status);
}
