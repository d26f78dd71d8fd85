/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitaled-watch over pcscd: first it waits, unconfined, until pcscd answers; then it gives up everything
 * but waiting, and reports until pcscd goes away. A second context is impossible inside the filter,
 * therefore the process then says STOPPED and ends, and the broker starts it anew. It never connects to
 * a card.
 *
 * Where there is no socket nothing but its folder is listened to: no time is set. Every other wait is
 * finite: readers are listed anew after WAIT_MS, since PC/SC counts readers only while
 * one waits and could miss one that comes between two waits. When nothing has happened for some waits,
 * after QUIET_MS: a machine where nobody works is not woken up. The guard (base/link-ops.h), which runs
 * while something is unlocked, does not wait longer, and says each time that it lives.
 */
#include <PCSC/winscard.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/link-ops.h"
#include "base/link.h"
#include "base/tlv.h"
#include "drivers/reader/confine.h"
#include "drivers/watch/track.h"
#include "drivers/watch/watch.h"

#define DEFAULT_SOCKET "/run/pcscd/pcscd.comm"
#define PNP	       "\\\\?PnP?\\Notification"
#define WAIT_MS	       WATCH_ALIVE_MS /* one SCardGetStatusChange */
#define QUIET_MS       600000U	      /* ... when nothing happens: */
#define QUIET_WAITS    3U	      /* so many brought nothing */
#define IDLE_PAUSE_MS  10
#define COUNTER	       0xFFFF0000U
#define FD_SEARCHED    64
#define EVENT_MAX      512U
#define LIST_MAX       (TRACK_READERS_MAX * TRACK_NAME_MAX)

struct watch {
	SCARDCONTEXT context;
	struct track track;
	bool guard;	    /* says every WAIT_MS that it lives (base/link-ops.h) */
	uint64_t reported;  /* events about readers and cards so far */
	unsigned int quiet; /* waits since the last one */
	DWORD counted; /* PC/SC's events of readers, where it counts them (pcsc-lite 2.3) */
};

/* -- events --------------------------------------------------------------------------------------- */

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
	return trace(tell_event(op_of(event), &body));
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

/* Nothing can change that its folder does not tell of. */
static bool is_absent(void)
{
	struct stat st;

	return stat(socket_path(), &st) < 0 && errno == ENOENT;
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
	int r = *said == (int)why ? 0 : tell_service(why);

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
		return trace(tell_service(WATCH_SERVICE_RUNNING));
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
	int pause = AWAIT_FIRST_MS;
	int said = 0;

	for (;;) {
		/* before the attempt: nothing falls between */
		int folder = await_folder(socket_path());
		int r = try_service(ret_context, ret_pcsc, &said);

		if (r == WATCH_NO_SERVICE && await_service(folder, is_absent(), &pause)) {
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
	case SCARD_W_SECURITY_VIOLATION: /* ... and of a connection that is reset (1.9.9) */
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
	return r != 0 ? trace(r) : trace(tell_event(WATCH_OP_LISTED, &nothing));
}

/* The broker must know that the removal of a card would be seen. */
static int tell_alive(const struct watch *w)
{
	_cleanup_(buf_done) struct buf nothing = BUF_NULL(0);

	return w->guard ? trace(tell_event(WATCH_OP_ALIVE, &nothing)) : 0;
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
		if (r == 0 && tell_hung_up(w->reported == reported ? IDLE_PAUSE_MS : 0)) {
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

static enum watch_exit run(struct watch *w)
{
	int pcsc;
	int r;

	r = connect_service(&w->context, &pcsc);
	if (r == WATCH_HANGUP) {
		return WATCH_EXIT_DONE;
	}
	if (r != 0) {
		return WATCH_EXIT_FAILED;
	}
	if (confine(pcsc) < 0) {
		return WATCH_EXIT_FILTER;
	}
	r = watch(w);
	if (r == WATCH_NO_SERVICE) {
		r = tell_service(WATCH_SERVICE_STOPPED);
		return r < 0 ? WATCH_EXIT_FAILED : WATCH_EXIT_DONE;
	}
	return r == 0 ? WATCH_EXIT_DONE : WATCH_EXIT_FAILED;
}

enum watch_exit watch_pcsc(bool guard)
{
	static struct watch w;

	w.guard = guard;
	w.track.report = on_event;
	w.track.user = &w;
	return run(&w);
}
