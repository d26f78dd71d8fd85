/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The private socket of vitaled-usb with hostile peers, over real connections; readers are
 * those of fake-usb.h. Head: bit 0: two readers, bit 1: they tell of cards by themselves, bit
 * 2: the service stays, bit 4: the second is two in one device. A step (records.h):
 *
 *   0 connect the peer @arg (0x80: 65 others, and off again)      5 the job of a slot ends as @bytes[0] says
 *   1 @bytes from the peer @arg                                   6 ... with @bytes
 *   2 a request of it: op, body                                   7 plug, unplug, break, linger; how claims and OFF end
 *   3 it hangs up                                                 8 the clock is behind: waits are over at once
 *   4 a card comes, leaves, or is swapped                         9 cards come and leave, and nobody reads
 *
 * What must hold: whatever is said is a frame; an answer is the one to the request that waits;
 * readers and cards come and leave by turns; nobody has a card that has had no loss of power since
 * another had it; fake-usb.c is never asked for what it may not be; at the end nothing is left.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/link-ops.h"
#include "base/link.h"
#include "base/tlv.h"
#include "drivers/usb/serve.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/records.h"
#include "tests/unit/usb/fake-usb.h"

#define PEERS  6U
#define STEPS  60U
#define TURNS  100
#define FLOOD  400U
#define FRAMES 2000U /* heard in one go */
#define SLOTS  8U    /* readers' names that are followed */

const size_t record_head = 1;

static struct peer_seen {
	int fd;		 /* -1: not there */
	unsigned id;	 /* never used twice in a run */
	char wants[128]; /* the reader of its last ATTACH */
	bool said;	 /* its first frame decides by which socket it comes */
	bool odd;	 /* ... by the other one */
	bool asks;
	uint8_t op;
	uint32_t seq;

	struct {
		char name[128];
		bool card;
	} readers[SLOTS];
} peers[PEERS];

/* who had a slot's card last, and how often it was without power before; 0: nobody */
static struct {
	unsigned id, colds;
} had[FAKE_DEVICES][DESCRIPTOR_INTERFACES_MAX * FAKE_NEXT];

static unsigned last_id;
static sd_event *ev;
static struct serve *serve;
static int listening, watching;
static struct sockaddr_un address, watch_address;
static socklen_t address_len;
static uint64_t behind;

/* -- what fails, by the linker ------------------------------------------------------------- */

uint64_t __wrap_clock_monotonic(void);

/* the loop's own clock, less what a step says */
uint64_t __wrap_clock_monotonic(void)
{
	struct timespec t;

	assert(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t) == 0);
	return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000 - behind;
}

#define FAILING(name, parameters, arguments)                                                   \
	int __real_##name parameters;                                                          \
	int __wrap_##name parameters;                                                          \
	int __wrap_##name parameters                                                           \
	{                                                                                      \
		return fail_now() ? -ENOMEM : __real_##name arguments;                         \
	}

FAILING(sd_event_add_io,
	(sd_event * e, sd_event_source **s, int fd, uint32_t events, sd_event_io_handler_t f,
		void *user),
	(e, s, fd, events, f, user))
FAILING(sd_event_add_time,
	(sd_event * e, sd_event_source **s, clockid_t clock, uint64_t usec, uint64_t accuracy,
		sd_event_time_handler_t f, void *user),
	(e, s, clock, usec, accuracy, f, user))
FAILING(sd_event_add_defer,
	(sd_event * e, sd_event_source **s, sd_event_handler_t f, void *user), (e, s, f, user))

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len);

/* whoever connects is root, this user, or another */
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
	struct ucred *who = value;

	(void)fd;
	assert(level == SOL_SOCKET && name == SO_PEERCRED && *len == sizeof(*who));
	who->uid = fail_now() ? 99 : 0;
	return fail_now() ? -1 : 0;
}

void __wrap_log_msg(int priority, const char *name, const char *fmt, ...);

void __wrap_log_msg(int priority, const char *name, const char *fmt, ...)
{
	(void)priority;
	assert(name[0] && fmt[0]);
}

int __wrap_log_fault(int r, const char *name);

int __wrap_log_fault(int r, const char *name)
{
	(void)name;
	return r;
}

/* -- peers --------------------------------------------------------------------------------- */

static void turn(void)
{
	for (int i = 0; i < TURNS && sd_event_get_state(ev) == SD_EVENT_INITIAL &&
			sd_event_run(ev, 0) > 0;
		i++) {
	}
}

static int connect_to(const struct sockaddr_un *to)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert(fd >= 0);
	if (connect(fd, (const struct sockaddr *)to, address_len) < 0) {
		close(fd);
		return -1;
	}
	turn();
	return fd;
}

static void leave(struct peer_seen *p)
{
	if (p->fd >= 0) {
		close(p->fd);
	}
	*p = (struct peer_seen){.fd = -1};
}

static void judge_event(struct peer_seen *p, const struct link_frame *f)
{
	char name[128] = "";
	size_t i = 0;
	int r = tlv_find_str(f->body, LINK_TAG_READER, name, sizeof(name));

	assert(f->op == WATCH_OP_LISTED ? f->body.len == 0 : r == 0);
	if (f->op == WATCH_OP_LISTED) {
		return;
	}
	while (i < SLOTS &&
		strcmp(p->readers[i].name, f->op == WATCH_OP_READER_IN ? "" : name) != 0) {
		i++;
	}
	assert(i < SLOTS);
	switch (f->op) {
	case WATCH_OP_READER_IN:
		(void)snprintf(p->readers[i].name, sizeof(name), "%s", name);
		break;
	case WATCH_OP_READER_OUT:
		assert(!p->readers[i].card);
		p->readers[i].name[0] = '\0';
		break;
	case WATCH_OP_CARD_IN:
		assert(!p->readers[i].card);
		p->readers[i].card = true;
		break;
	case WATCH_OP_CARD_OUT:
		assert(p->readers[i].card);
		p->readers[i].card = false;
		break;
	default:
		assert(false);
	}
}

/* It has the card of the reader that it wanted. */
static void judge_card(const struct peer_seen *p)
{
	const char *at = strstr(p->wants, "[usb 1-");
	unsigned device, reader, slot;

	assert(at && sscanf(at, "[usb 1-%u] %x %x", &device, &reader, &slot) == 3);
	device--;
	slot += reader * FAKE_NEXT;
	assert(device < FAKE_DEVICES && slot < ARRAY_LEN(had[0]));
	assert(had[device][slot].id == 0 || had[device][slot].id == p->id ||
		had[device][slot].colds != fake_usb.devices[device].colds[slot]);
	had[device][slot].id = p->id;
	had[device][slot].colds = fake_usb.devices[device].colds[slot];
}

static void hear(struct peer_seen *p)
{
	static uint8_t bytes[LINK_MAX_FRAME];

	for (unsigned i = 0; p->fd >= 0 && i < FRAMES; i++) {
		struct link_frame f;
		ssize_t n = recv(p->fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC);

		if (n < 0 && errno == EAGAIN) {
			return;
		}
		if (n <= 0) {
			leave(p);
			return;
		}
		assert((size_t)n <= sizeof(bytes) &&
			link_parse(view_of(bytes, (size_t)n), &f) == 0);
		if (f.kind == LINK_KIND_EVENT) {
			judge_event(p, &f);
			continue;
		}
		assert(f.kind == LINK_KIND_ANSWER && f.outcome <= USB_LIED);
		assert(p->asks && f.op == p->op && f.seq == p->seq);
		p->asks = false;
		if (f.op == USB_OP_ATTACH && f.outcome == USB_DONE) {
			judge_card(p);
		}
	}
}

static void say(struct peer_seen *p, struct view bytes)
{
	struct link_frame f;

	if (link_parse(bytes, &f) == 0 && f.op == USB_OP_ATTACH &&
		tlv_find_str(f.body, LINK_TAG_READER, p->wants, sizeof(p->wants)) != 0) {
		p->wants[0] = '\0';
	}
	if (p->fd >= 0 && !p->said) {
		bool watch = link_parse(bytes, &f) == 0 && f.op == USB_OP_WATCH;

		p->said = true;
		if (watch != p->odd) {
			close(p->fd);
			p->fd = connect_to(&watch_address);
		}
	}
	if (p->fd >= 0) {
		(void)send(p->fd, bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

/* What it says itself: whoever answers it as if it had been a request has taken it for one. */
static void say_raw(struct peer_seen *p, struct view bytes)
{
	struct link_frame f;

	if (link_parse(bytes, &f) == 0 && f.op != USB_OP_ABORT) {
		p->asks = true;
		p->op = f.op;
		p->seq = f.seq;
	}
	say(p, bytes);
}

static void request(struct peer_seen *p, struct view bytes)
{
	static uint32_t seq;
	_cleanup_(buf_done) struct buf frame = BUF_NULL(512);
	struct reader r = reader_of(bytes);
	uint8_t op = r.left ? reader_u8(&r) : 0;

	fail_pause(true);
	buf_put_u16(&frame, 0x5644);
	buf_put_u8(&frame, LINK_KIND_REQUEST);
	buf_put_u8(&frame, op);
	buf_put_u16(&frame, 0);
	buf_put_u32(&frame, ++seq);
	buf_put_view(&frame, reader_rest(&r));
	fail_pause(false);
	if (op != USB_OP_ABORT) {
		p->asks = true;
		p->op = op;
		p->seq = seq;
	}
	say(p, buf_view(&frame));
}

static void crowd(void)
{
	int fds[SERVE_CONNECTIONS_MAX + 1];

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = connect_to(i % 2 ? &address : &watch_address);
	}
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		if (fds[i] >= 0) {
			close(fds[i]);
		}
	}
}

/* -- readers ------------------------------------------------------------------------------- */

static void plug(unsigned device, uint8_t what, struct view bytes)
{
	static const int claims[] = {
		0, USB_HELD, USB_DENIED, USB_VANISHED, USB_USELESS, -ENOMEM};
	struct fake_device *f = &fake_usb.devices[device];

	switch (what % 5) {
	case 0:
		fake_plug(device);
		break;
	case 1:
		fake_unplug(device);
		break;
	case 2:
		if (what & 8) {
			fake_break_one(
				device, what & 32 ? 0 : f->d.n_readers - 1, "reader-mute");
		} else {
			fake_break(device, "reader-lied");
		}
		break;
	case 3:
		f->answer = claims[bytes.len ? bytes.data[0] % ARRAY_LEN(claims) : 0];
		f->d.refused = f->answer == USB_USELESS && what & 8 ? DESCRIPTOR_CUT : 0;
		break;
	case 4:
		if (what & 16) {
			f->lingers = !f->lingers;
			if (!f->lingers) {
				fake_close(device);
			}
		} else if (what & 8) {
			fake_usb.keeps_power = !fake_usb.keeps_power;
		} else {
			fake_usb.refuses = fake_usb.refuses ? 0 : -ENOMEM;
		}
		break;
	}
}

static void flood(unsigned device, unsigned slot)
{
	for (unsigned i = 0; i < FLOOD; i++) {
		fake_card(device, slot, true);
		fake_end(device, slot, SLOT_MUTE);
		fake_card(device, slot, false);
		fake_end(device, slot, SLOT_EMPTY);
	}
}

static void be_behind(uint8_t arg)
{
	static const uint64_t waits[] = {0, SERVE_GRACE_USEC, SERVE_WAIT_USEC, SERVE_LIST_USEC,
		SERVE_RETRY_USEC, SERVE_HOLD_USEC, SERVE_BROKEN_USEC, SERVE_IDLE_USEC};

	behind = arg & 0x80 ? SERVE_BROKEN_LAST_USEC : waits[arg % ARRAY_LEN(waits)];
}

static void step(const struct record *one)
{
	struct peer_seen *p = &peers[one->arg % PEERS];
	unsigned slot = one->arg & 1, device = one->arg >> 1 & 1;

	slot *= fake_usb.devices[device].d.n_readers > 1 ? FAKE_NEXT : 1;

	switch (one->kind % 10) {
	case 0:
		if (one->arg & 0x80) {
			crowd();
		} else if (p->fd < 0) {
			p->fd = connect_to(&address);
			p->id = ++last_id;
			p->said = false;
			p->odd = one->arg & 0x40;
		}
		break;
	case 1:
		say_raw(p, one->bytes);
		break;
	case 2:
		request(p, one->bytes);
		break;
	case 3:
		leave(p);
		break;
	case 4:
		fake_card(device, slot, one->arg & 4);
		break;
	case 5:
		fake_end(device, slot,
			(enum slot_end)(one->bytes.len
						? one->bytes.data[0] % (SLOT_UNPLUGGED + 1)
						: 0));
		break;
	case 6:
		fake_answer(device, slot, one->bytes);
		break;
	case 7:
		plug(device, one->arg >> 2, one->bytes);
		break;
	case 8:
		be_behind(one->arg);
		break;
	case 9:
		flood(device, slot);
		break;
	}
}

/* -- a run --------------------------------------------------------------------------------- */

static int listen_at(const struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert(fd >= 0);
	assert(bind(fd, (const struct sockaddr *)at, address_len) == 0);
	assert(listen(fd, 100) == 0);
	return fd;
}

static void open_sockets(void)
{
	static unsigned count;

	address = (struct sockaddr_un){.sun_family = AF_UNIX};
	(void)snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
		"vitaled-fuzz-usb-serve-%d-%u", getpid(), count++);
	address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				  strlen(address.sun_path + 1));
	watch_address = address;
	watch_address.sun_path[1] = 'w'; /* as long as the other */
	listening = listen_at(&address);
	watching = listen_at(&watch_address);
}

static void play(struct reader *r)
{
	struct record one;

	for (size_t i = 0; i < STEPS && record_next(r, &one); i++) {
		step(&one);
		turn();
		for (size_t k = 0; k < PEERS; k++) {
			hear(&peers[k]);
		}
	}
}

void target_run(struct view in)
{
	struct reader r = reader_of(in);
	uint8_t head = r.left ? reader_u8(&r) : 0;

	behind = 0;
	last_id = 0;
	wipe(had, sizeof(had));
	for (size_t i = 0; i < PEERS; i++) {
		peers[i] = (struct peer_seen){.fd = -1};
	}
	fail_pause(true);
	fake_reset();
	fake_reader(0, 0x1C34, 0xAFD0, 2, head & 2);
	fake_reader(1, 0x2947, 0x0101, 2, head & 2);
	fake_interfaces(1, head & 16 ? 2 : 1);
	fake_plug(0);
	if (head & 1) {
		fake_plug(1);
	}
	assert(sd_event_new(&ev) >= 0);
	open_sockets();
	fail_pause(false);
	if (serve_new(ev, listening, watching, head & 8 ? 7 : (uid_t)-1, head & 4, &serve) ==
		0) {
		play(&r);
		serve = serve_free(serve);
	}
	assert(!fake_usb.made);
	for (size_t i = 0; i < PEERS; i++) {
		leave(&peers[i]);
	}
	close(listening);
	close(watching);
	ev = sd_event_unref(ev);
	fake_reset();
	buf_done(&fake_usb.command);
}
