/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The desk: built whole before each test and taken down after it, with a look whether any child is
 * left. What the test does itself does not fail when memory does (memory.h).
 */
#include "tests/unit/session/desk.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/session/desk-card.h"

struct desk desk;
unsigned int desk_audit_fails;

static struct {
	sd_event_source *accept;
	int listener;
	struct desk_relay *relays;
} server = {.listener = -1};

/* -- wrapped ------------------------------------------------------------------------------------- */

int __real_audit_append(struct audit *a, const struct audit_entry *e, uint64_t *ret_index);
int __wrap_audit_append(struct audit *a, const struct audit_entry *e, uint64_t *ret_index);

int __wrap_audit_append(struct audit *a, const struct audit_entry *e, uint64_t *ret_index)
{
	int r;

	if (desk_audit_fails == 1) {
		return AUDIT_UNAVAILABLE;
	}
	desk_audit_fails -= desk_audit_fails > 0 ? 1 : 0;
	memory_pause();
	r = __real_audit_append(a, e, ret_index);
	memory_resume();
	return r;
}

/* -- relays -------------------------------------------------------------------------------------- */

static void relay_count(struct desk_relay *r, int by)
{
	unsigned int *n = r->asked ? &desk.working : &desk.spare;

	if (r->named && !r->watch) {
		*n = (unsigned int)((int)*n + by);
	}
}

static void relay_free(struct desk_relay *r)
{
	struct desk_relay **at = &server.relays;

	while (*at != r) {
		at = &(*at)->next;
	}
	*at = r->next;
	relay_count(r, -1);
	sd_event_source_disable_unref(r->io);
	sd_event_source_disable_unref(r->alive);
	close(r->fd);
	free(r);
}

static void order(struct desk_relay *r, char what)
{
	if (what == 'm') {
		(void)!send(r->fd, "what?", 5, MSG_NOSIGNAL);
	} else {
		(void)!send(r->fd, &what, 1, MSG_NOSIGNAL);
	}
}

static struct desk_relay *watch(bool usb)
{
	struct desk_relay *r = server.relays;

	while (r && !(r->watch && r->usb == usb)) {
		r = r->next;
	}
	for (struct desk_relay *next = r; desk.elder && next; next = next->next) {
		r = next->watch && next->usb == usb ? next : r;
	}
	return r;
}

static bool is_usb(const char *reader)
{
	return strstr(reader, "[usb ") != NULL;
}

/* What a watch of vitaled-usb tells first. */
static void hello_usb(void)
{
	desk_event(WATCH_OP_SERVICE, NULL, desk.usb_service);
	if (desk.usb_service == WATCH_SERVICE_RUNNING) {
		if (!desk.usb_empty) {
			desk_event(WATCH_OP_READER_IN, DESK_USB, 0);
		}
		for (size_t i = 0; i < desk.n_played; i++) {
			if (desk.played[i].in && is_usb(desk.played[i].reader)) {
				desk_in(&desk.played[i]);
			}
		}
		desk_event(WATCH_OP_LISTED, NULL, 0);
	}
}

static void hello_pcsc(void)
{
	static const char *const readers[] = {DESK_A, DESK_B, DESK_B1};

	desk_event(WATCH_OP_SERVICE, NULL, desk.service);
	if (desk.service != WATCH_SERVICE_RUNNING) {
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		desk_event(WATCH_OP_READER_IN, readers[i], 0);
	}
	for (size_t i = 0; i < desk.n_played; i++) {
		if (desk.played[i].in && !is_usb(desk.played[i].reader)) {
			desk_in(&desk.played[i]);
		}
	}
	desk_event(WATCH_OP_LISTED, NULL, 0);
}

static void hello(bool usb)
{
	bool before = desk.usb;

	desk.usb = usb;
	if (usb && !desk.quiet) {
		hello_usb();
	} else if (!desk.quiet && !desk.pcscd_hangs) {
		hello_pcsc();
	}
	desk.usb = before;
}

/* Told of pcscd. */
static void looked(struct desk_relay *r, const struct link_frame *f)
{
	assert_int_equal(f->op, WATCH_OP_LOOK);
	assert_int_equal(tlv_find_u8(f->body, LINK_TAG_STATE, &desk.looked), 0);
	desk.looks++;
	assert_int_equal(link_answer(r->fd, f, 0, VIEW_NULL), 0);
}

static void named(struct desk_relay *r)
{
	static const char usb[] = "vitaled-watch usb ";
	char name[256] = "";
	ssize_t n = recv(r->fd, name, sizeof(name) - 1, 0);

	if (n <= 0) {
		relay_free(r);
		return;
	}
	r->named = true;
	r->usb = strncmp(name, usb, strlen(usb)) == 0;
	r->watch = r->usb || strcmp(name, "vitaled-watch") == 0;
	relay_count(r, 1);
	if (r->usb) {
		desk.usb_watches++;
		assert_int_equal(view_copy_str(view_str(name + strlen(usb)), desk.usb_told,
					 sizeof(desk.usb_told)),
			0);
		hello(true);
	} else if (r->watch) {
		desk.watches++;
		hello(false);
	} else {
		desk.started++;
		if (desk.die_early > 0) {
			desk.die_early--;
			order(r, 'x');
		}
	}
}

static void on_message(struct desk_relay *r)
{
	struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame f = LINK_FRAME_NULL;
	int k;

	if (!r->named) {
		named(r);
		return;
	}
	k = link_recv(r->fd, &storage, &f, true);
	if (k == 0 && r->watch) {
		looked(r, &f);
	} else if (k == 0) {
		if (!r->asked) {
			relay_count(r, -1);
			r->asked = true;
			relay_count(r, 1);
		}
		desk_card_request(r, &f);
		link_frame_done(&f);
	} else if (k != LINK_AGAIN) {
		relay_free(r);
	}
	buf_done(&storage);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *user)
{
	(void)source;
	(void)fd;
	(void)events;
	memory_pause();
	on_message(user);
	memory_resume();
	return 0;
}

static int on_accept(sd_event_source *source, int fd, uint32_t events, void *user)
{
	struct desk_relay *r;

	(void)source;
	(void)events;
	(void)user;
	memory_pause();
	r = calloc(1, sizeof(*r));
	assert_non_null(r);
	r->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(r->fd >= 0);
	r->next = server.relays;
	server.relays = r;
	assert_true(sd_event_add_io(desk.ev, &r->io, r->fd, EPOLLIN, on_io, r) >= 0);
	memory_resume();
	return 0;
}

static void listen_for_relays(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	assert_int_equal(view_copy_str(view_str(path), at.sun_path, sizeof(at.sun_path)), 0);
	server.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server.listener, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(server.listener, 64), 0);
	assert_true(sd_event_add_io(desk.ev, &server.accept, server.listener, EPOLLIN,
			    on_accept, NULL) >= 0);
}

/* -- what listeners are told ---------------------------------------------------------------------- */

static void say(const char *word)
{
	memory_pause();
	buf_printf(&desk.log, "%s ", word);
	memory_resume();
}

static void on_service(void *user)
{
	(void)user;
	say("service");
}

static void on_reader_added(void *user, struct card_reader *r)
{
	(void)user;
	(void)r;
	say("reader+");
}

static void on_reader_removed(void *user, struct card_reader *r)
{
	(void)user;
	assert_null(r->card);
	say("reader-");
}

static void on_card_added(void *user, struct card *c)
{
	(void)user;
	assert_ptr_equal(c->reader->card, c);
	say("card+");
}

static void on_card_changed(void *user, struct card *c)
{
	(void)user;
	say(c->recognised ? card_kind_word(c->kind) : "unrecognised");
}

static void on_card_removed(void *user, struct card *c)
{
	(void)user;
	desk.left = c->left;
	say("card-");
}

static void on_card_progress(void *user, struct card *c)
{
	(void)user;
	assert_int_equal(c->characters, 4242);
	say("progress");
}

static void on_card_failed(void *user, struct card *c, const char *why)
{
	(void)user;
	(void)c;
	assert_int_equal(view_copy_str(view_str(why), desk.why, sizeof(desk.why)), 0);
	say("failed");
}

static const struct cards_ops listener = {
	.service_changed = on_service,
	.reader_added = on_reader_added,
	.reader_removed = on_reader_removed,
	.card_added = on_card_added,
	.card_changed = on_card_changed,
	.card_removed = on_card_removed,
	.card_progress = on_card_progress,
	.card_failed = on_card_failed,
};

/* -- building and taking down -------------------------------------------------------------------- */

static void text(char *to, size_t size, const char *value)
{
	assert_int_equal(view_copy_str(view_str(value), to, size), 0);
}

int desk_group_setup(void **state)
{
	sigset_t signals;

	(void)state;
	json_setup();
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	return 0;
}

static int build(bool usb)
{
	char path[64];

	desk = (struct desk){.log = BUF_NULL(65536),
		.service = WATCH_SERVICE_RUNNING,
		.usb_service = WATCH_SERVICE_RUNNING,
		.counter = 7};
	desk_audit_fails = 0;
	world_hurry = 1;
	world_hurry_requests = 1;
	text(desk.folder, sizeof(desk.folder), "/tmp/desk-XXXXXX");
	assert_non_null(mkdtemp(desk.folder));
	assert_true(snprintf(path, sizeof(path), "%s/relays", desk.folder) > 0);
	text(desk.config.pcsc_socket, sizeof(desk.config.pcsc_socket), path);
	text(desk.config.children, sizeof(desk.config.children), TEST_CHILDREN);
	text(desk.config.usb_socket, sizeof(desk.config.usb_socket), usb ? "/nowhere" : "");
	assert_int_equal(sd_event_new(&desk.ev), 0);
	assert_int_equal(
		audit_open(desk.folder, "vitaled.example/record", VIEW_NULL, &desk.audit), 0);
	listen_for_relays(path);
	assert_int_equal(cards_new(desk.ev, &desk.config, &desk.cards), 0);
	return cards_listen(desk.cards, &listener, NULL);
}

int desk_setup(void **state)
{
	(void)state;
	return build(false);
}

int desk_setup_usb(void **state)
{
	(void)state;
	return build(true);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int desk_teardown(void **state)
{
	siginfo_t si;

	(void)state;
	desk.cards = cards_free(desk.cards);
	/* no child is left */
	assert_int_equal(waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT), -1);
	assert_int_equal(errno, ECHILD);
	while (server.relays) {
		relay_free(server.relays);
	}
	sd_event_source_disable_unref(server.accept);
	close(server.listener);
	for (size_t i = 0; i < desk.n_played; i++) {
		desk_card_done(&desk.played[i]);
	}
	desk.audit = audit_free(desk.audit);
	desk.ev = sd_event_unref(desk.ev);
	buf_done(&desk.log);
	return nftw(desk.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* -- the watch ----------------------------------------------------------------------------------- */

void desk_event(enum watch_op op, const char *reader, uint8_t state)
{
	static const uint8_t atr[] = {0x3B, 0x65, 0x00, 0x00, 0x20, 0x63, 0xCB, 0xA6, 0xA0};
	struct buf body = BUF_NULL(512);
	struct link_frame f = LINK_FRAME_NULL;
	struct desk_relay *r =
		watch(desk.usb || (reader && is_usb(reader) && !desk.pcscd_says));

	if (!r) {
		return;
	}
	if (reader) {
		tlv_put_str(&body, LINK_TAG_READER, reader);
	}
	if (op == WATCH_OP_CARD_IN && !desk.no_atr) {
		tlv_put(&body, LINK_TAG_ATR, VIEW(atr));
	}
	if (op == WATCH_OP_CARD_IN || op == WATCH_OP_CARD_OUT) {
		tlv_put_u32(&body, LINK_TAG_EVENTS, desk.counter);
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

void desk_watch_order(char what)
{
	struct desk_relay *r = watch(desk.usb);

	assert_non_null(r);
	order(r, what);
}

void desk_spares_order(char what)
{
	for (struct desk_relay *r = server.relays; r; r = r->next) {
		if (r->named && !r->watch && !r->asked) {
			order(r, what);
		}
	}
}

void desk_spares_stale(void)
{
	for (struct desk_relay *r = server.relays; r; r = r->next) {
		r->stale = !r->watch && !r->asked;
	}
}

void desk_in(struct desk_card *p)
{
	p->in = true;
	desk_event(WATCH_OP_CARD_IN, p->reader, p->mute ? 1 : 0);
}

void desk_out(struct desk_card *p)
{
	p->in = false;
	desk_event(WATCH_OP_CARD_OUT, p->reader, 0);
}
