/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The socket of the relays: each that comes names its program and is watch or card from then on.
 * What a card answers stands in played-card.c.
 */
#include "tests/unit/session/played.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/link.h"
#include "tests/unit/session/memory.h"
#include "tests/unit/session/played-card.h"

struct relay {
	struct relay *next;
	sd_event_source *io;
	int fd;
	bool watch;
	struct played *card; /* that it opened */
	bool opened;
};

struct played played[PLAYED_MAX];
size_t n_played;
unsigned int played_watches;
unsigned int played_processes;
uint8_t played_service;
bool played_readers;
bool played_quiet;

static struct {
	sd_event *ev;
	sd_event_source *accept;
	int listener;
	struct relay *relays;
} server = {.listener = -1};

/* -- relays -------------------------------------------------------------------------------------- */

static void relay_free(struct relay *r)
{
	struct relay **at = &server.relays;

	while (*at != r) {
		at = &(*at)->next;
	}
	*at = r->next;
	played_processes -= r->opened ? 1 : 0;
	sd_event_source_disable_unref(r->io);
	close(r->fd);
	free(r);
}

static struct relay *watch(void)
{
	for (struct relay *r = server.relays; r; r = r->next) {
		if (r->watch) {
			return r;
		}
	}
	return NULL;
}

static void send_raw(struct relay *r, const char *bytes, size_t len)
{
	(void)!send(r->fd, bytes, len, MSG_NOSIGNAL);
}

static void misbehave(struct relay *r, enum misdeed m)
{
	if (m == PLAY_EXIT) {
		send_raw(r, "x", 1);
	} else if (m == PLAY_CRASH) {
		send_raw(r, "s", 1);
	} else if (m == PLAY_MALFORMED) {
		send_raw(r, "what?", 5);
	}
}

static void on_request(struct relay *r, struct link_frame *f)
{
	struct buf body = BUF_NULL(LINK_MAX_FRAME - LINK_HEADER);
	struct link_frame answer = LINK_FRAME_NULL;
	enum misdeed m;
	uint8_t outcome = CARD_DONE;

	m = played_answer(&r->card, f, &outcome, &body);
	if (!r->opened) {
		r->opened = true;
		played_processes++;
	}
	if (m == PLAY_EXIT || m == PLAY_CRASH || m == PLAY_MALFORMED) {
		misbehave(r, m);
	} else if (m != PLAY_SILENT) {
		answer.kind = LINK_KIND_ANSWER;
		answer.op = f->op;
		answer.seq = f->seq;
		answer.outcome = outcome;
		answer.body = buf_view(&body);
		assert_int_equal(buf_check(&body), 0);
		(void)!link_send(r->fd, &answer, false);
	}
	buf_done(&body);
}

static int do_frame(sd_event_source *source, int fd, uint32_t events, void *user)
{
	struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame f = LINK_FRAME_NULL;
	struct relay *r = user;
	int k = link_recv(fd, &storage, &f, true);

	(void)source;
	(void)events;
	if (k == 0) {
		on_request(r, &f);
		link_frame_done(&f);
	} else if (k != LINK_AGAIN) {
		relay_free(r);
	}
	buf_done(&storage);
	return 0;
}

static void watch_hello(void)
{
	if (played_quiet) {
		return;
	}
	play_event(WATCH_OP_SERVICE, NULL, played_service);
	if (played_service != WATCH_SERVICE_RUNNING) {
		return;
	}
	if (played_readers) {
		play_event(WATCH_OP_READER_IN, "Vitale Sim 00 00", 0);
		play_event(WATCH_OP_READER_IN, "Reader B 01 00", 0);
	}
	for (size_t i = 0; i < n_played; i++) {
		if (played[i].in) {
			play_in(&played[i]);
		}
	}
	play_event(WATCH_OP_LISTED, NULL, 0);
}

static int on_frame(sd_event_source *source, int fd, uint32_t events, void *user);

static int do_hello(sd_event_source *source, int fd, uint32_t events, void *user)
{
	char name[32] = "";
	struct relay *r = user;
	ssize_t n = recv(fd, name, sizeof(name) - 1, 0);

	(void)events;
	if (n <= 0) {
		relay_free(r);
		return 0;
	}
	r->watch = strcmp(name, "vitaled-watch") == 0;
	sd_event_source_disable_unref(source);
	r->io = NULL;
	assert_true(sd_event_add_io(server.ev, &r->io, fd, EPOLLIN, on_frame, r) >= 0);
	if (r->watch) {
		played_watches++;
		watch_hello();
	}
	return 0;
}

static int on_hello(sd_event_source *source, int fd, uint32_t events, void *user);

static int do_accept(sd_event_source *source, int fd, uint32_t events, void *user)
{
	struct relay *r = calloc(1, sizeof(*r));

	(void)source;
	(void)events;
	(void)user;
	assert_non_null(r);
	r->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(r->fd >= 0);
	r->next = server.relays;
	server.relays = r;
	assert_true(sd_event_add_io(server.ev, &r->io, r->fd, EPOLLIN, on_hello, r) >= 0);
	return 0;
}

/* What the test does itself does not fail (memory.h). */
static int on_frame(sd_event_source *source, int fd, uint32_t events, void *user)
{
	int r;

	memory_pause();
	r = do_frame(source, fd, events, user);
	memory_resume();
	return r;
}

static int on_hello(sd_event_source *source, int fd, uint32_t events, void *user)
{
	int r;

	memory_pause();
	r = do_hello(source, fd, events, user);
	memory_resume();
	return r;
}

static int on_accept(sd_event_source *source, int fd, uint32_t events, void *user)
{
	int r;

	memory_pause();
	r = do_accept(source, fd, events, user);
	memory_resume();
	return r;
}

void played_open(sd_event *ev, const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	assert_int_equal(view_copy_str(view_str(path), at.sun_path, sizeof(at.sun_path)), 0);
	server.ev = ev;
	server.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server.listener, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(server.listener, 64), 0);
	assert_true(sd_event_add_io(ev, &server.accept, server.listener, EPOLLIN, on_accept,
			    NULL) >= 0);
	played_service = WATCH_SERVICE_RUNNING;
	played_readers = true;
	played_quiet = false;
	played_watches = 0;
}

void played_close(void)
{
	while (server.relays) {
		relay_free(server.relays);
	}
	sd_event_source_disable_unref(server.accept);
	close(server.listener);
	server.listener = -1;
	for (size_t i = 0; i < n_played; i++) {
		played_done(&played[i]);
	}
	n_played = 0;
	played_processes = 0;
}

/* -- the watch ----------------------------------------------------------------------------------- */

void play_event(enum watch_op op, const char *reader, uint8_t state)
{
	static const uint8_t atr[] = {0x3B, 0x65, 0x00, 0x00, 0x20, 0x63, 0xCB, 0xA6, 0xA0};
	struct buf body = BUF_NULL(512);
	struct link_frame f = LINK_FRAME_NULL;
	struct relay *r = watch();

	if (!r) {
		return;
	}
	if (reader) {
		tlv_put_str(&body, LINK_TAG_READER, reader);
	}
	if (op == WATCH_OP_CARD_IN) {
		tlv_put(&body, LINK_TAG_ATR, VIEW(atr));
	}
	if (state != 0) {
		tlv_put_u8(&body, LINK_TAG_STATE, state);
	}
	f.kind = LINK_KIND_EVENT;
	f.op = (uint8_t)op;
	f.body = buf_view(&body);
	assert_int_equal(link_send(r->fd, &f, false), 0);
	buf_done(&body);
}

void play_watch_order(char order)
{
	struct relay *r = watch();

	assert_non_null(r);
	misbehave(r, order == 'x' ? PLAY_EXIT : order == 's' ? PLAY_CRASH : PLAY_MALFORMED);
}

void play_in(struct played *p)
{
	p->in = true;
	p->verified = false;
	p->role = false;
	play_event(WATCH_OP_CARD_IN, p->reader, p->mute ? 1 : 0);
}

void play_out(struct played *p)
{
	p->in = false;
	play_event(WATCH_OP_CARD_OUT, p->reader, 0);
}
