/* SPDX-License-Identifier: EUPL-1.2 */
/* What the tests of serve*.c share (serve-scene.h): no test stands here. */
#include "tests/unit/usb/serve-scene.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

#define TURNS 200

const uint8_t atr[ATR_LEN] = {0x3B, 0x00};

/* -- time ---------------------------------------------------------------------------------- */

uint64_t behind; /* microseconds */

uint64_t __real_clock_monotonic(void);
uint64_t __wrap_clock_monotonic(void);

uint64_t __wrap_clock_monotonic(void)
{
	return __real_clock_monotonic() - behind;
}

/* -- the service, and who connects --------------------------------------------------------- */

sd_event *ev;
struct serve *serve;
int listening, watching;
static struct sockaddr_un address, watch_address;
static struct buf storage;

void turn(void)
{
	for (int i = 0; i < TURNS && sd_event_run(ev, 0) > 0; i++) {
	}
}

/* The length of an address whose name is abstract. */
static socklen_t length(const struct sockaddr_un *a)
{
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
			   strlen(a->sun_path + 1));
}

static int listen_at(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_return_code(bind(fd, (const struct sockaddr *)a, length(a)), errno);
	assert_return_code(listen(fd, 100), errno);
	return fd;
}

void start(uid_t peer, bool stays)
{
	static unsigned count;

	fake_usb.made = false;
	assert_true(sd_event_new(&ev) >= 0);
	address = (struct sockaddr_un){.sun_family = AF_UNIX};
	(void)snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
		"vitaled-test-serve-%d-%u", getpid(), count++);
	watch_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	(void)snprintf(watch_address.sun_path + 1, sizeof(watch_address.sun_path) - 1,
		"vitaled-test-serve-watch-%d-%u", getpid(), count);
	listening = listen_at(&address);
	watching = listen_at(&watch_address);
	assert_int_equal(serve_new(ev, listening, watching, peer, stays, &serve), 0);
	turn();
}

int scene_setup(void **state)
{
	(void)state;
	behind = 0;
	fake_reset();
	fake_reader(0, 0x1C34, 0xAFD0, 2, true);
	fake_plug(0);
	storage = BUF_NULL(LINK_MAX_FRAME);
	return 0;
}

int scene_teardown(void **state)
{
	(void)state;
	serve = serve_free(serve);
	ev = sd_event_unref(ev);
	close(listening);
	close(watching);
	buf_done(&storage);
	fake_reset();
	buf_done(&fake_usb.command);
	return 0;
}

static int join_at(const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	assert_return_code(connect(fd, (const struct sockaddr *)a, length(a)), errno);
	turn();
	return fd;
}

int join(void)
{
	return join_at(&address);
}

int join_watch(void)
{
	return join_at(&watch_address);
}

uint32_t seq;

void ask(int fd, uint8_t op, const struct buf *body)
{
	struct link_frame f = LINK_FRAME_NULL;

	f.kind = LINK_KIND_REQUEST;
	f.op = op;
	f.seq = ++seq;
	if (body) {
		f.body = buf_view(body);
	}
	assert_int_equal(link_send(fd, &f, true), 0);
	turn();
}

bool silent(int fd)
{
	struct link_frame f;

	return link_recv(fd, &storage, &f, true) == LINK_AGAIN;
}

bool closed(int fd)
{
	struct link_frame f;
	int r;

	do {
		r = link_recv(fd, &storage, &f, true);
	} while (r == 0);
	return r == LINK_CLOSED;
}

struct link_frame hear(int fd)
{
	struct link_frame f = LINK_FRAME_NULL;

	turn();
	assert_int_equal(link_recv(fd, &storage, &f, true), 0);
	return f;
}

struct link_frame answer(int fd, uint8_t op, uint8_t outcome)
{
	struct link_frame f = hear(fd);

	assert_int_equal(f.kind, LINK_KIND_ANSWER);
	assert_int_equal(f.op, op);
	assert_int_equal(f.outcome, outcome);
	assert_int_equal(f.seq, seq);
	return f;
}

struct link_frame event(int fd, uint8_t op, const char *reader)
{
	struct link_frame f = hear(fd);
	char name[128] = "";

	assert_int_equal(f.kind, LINK_KIND_EVENT);
	assert_int_equal(f.op, op);
	if (reader) {
		assert_int_equal(tlv_find_str(f.body, LINK_TAG_READER, name, sizeof(name)), 0);
		assert_string_equal(name, reader);
	}
	return f;
}

uint32_t number(const struct link_frame *f, uint32_t tag)
{
	uint32_t v = 0xFFFFFFFF;

	assert_int_equal(tlv_find_u32(f->body, tag, &v), 0);
	return v;
}

void ask_watch(int fd, const char *rules, uint8_t pcscd)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);

	tlv_put_str(&body, LINK_TAG_VALUE, rules);
	tlv_put_u8(&body, LINK_TAG_STATE, pcscd);
	ask(fd, USB_OP_WATCH, &body);
}

void ask_state(int fd, uint8_t op, uint8_t state)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(64);

	tlv_put_u8(&body, LINK_TAG_STATE, state);
	ask(fd, op, &body);
}

void ask_attach(int fd, const char *name)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(256);

	tlv_put_str(&body, LINK_TAG_READER, name);
	ask(fd, USB_OP_ATTACH, &body);
}

void ask_transmit(int fd)
{
	static const uint8_t command[] = {0x00, 0xB0, 0x00, 0x00, 0x10};
	_cleanup_(buf_done) struct buf body = BUF_NULL(256);

	tlv_put(&body, LINK_TAG_DATA, VIEW(command));
	ask(fd, USB_OP_TRANSMIT, &body);
}

/* A watch that has been told of the reader with its two slots. */
int watch(void)
{
	int fd = join_watch();

	ask_watch(fd, "*=usb", WATCH_SERVICE_ABSENT);
	(void)answer(fd, USB_OP_WATCH, USB_DONE);
	(void)event(fd, WATCH_OP_READER_IN, NAME_0);
	(void)event(fd, WATCH_OP_READER_IN, NAME_1);
	return fd;
}

/* ... and that both slots are empty. */
int watch_empty(void)
{
	int fd = watch();

	fake_card(0, 0, false);
	fake_card(0, 1, false);
	(void)event(fd, WATCH_OP_LISTED, NULL);
	return fd;
}

/* A card comes into slot 0, and is known. */
void card(int watcher)
{
	fake_card(0, 0, true);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_POWER);
	fake_answer(0, 0, VIEW(atr));
	(void)event(watcher, WATCH_OP_CARD_IN, NAME_0);
}

/* A connection that has the card. */
int attach(void)
{
	int fd = join();

	ask_attach(fd, NAME_0);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_POWER);
	fake_answer(0, 0, VIEW(atr));
	(void)answer(fd, USB_OP_ATTACH, USB_DONE);
	return fd;
}

int start_attached(int *ret_watch)
{
	start((uid_t)-1, false);
	*ret_watch = watch_empty();
	card(*ret_watch);
	return attach();
}
