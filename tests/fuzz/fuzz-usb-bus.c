/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Devices on a bus that does whatever it likes (drivers/usb/usb*.c), behind the libusb of the unit tests,
 * whose assertions hold here too: no call of a device while its thread waits for the kernel, nothing under
 * way then, nothing left at the end. Head: bit 0: two readers in the first device; bit 2: no interrupt pipe;
 * bit 3: a node that epoll refuses; bit 4: strings that the kernel may keep back; bit 5: no known device.
 * Steps (records.h), device = arg bit 0, reader = arg bit 1:
 *
 *   0 plug   1 unplug   2 claim, release (arg bit 2)   3 a transfer ends: pipe arg bits 2, 3, status bits 4-6
 *   4 an answer to the last message: type, status, data   5 a job: arg bits 2-4   6 abort, idle, watch
 *   7 what libusb says from now on: clears, resets, submits, opens, claims, out, off, partly, slow out
 *   8 the kernel does not come back, or does (arg bit 2), or not from a reset (arg bit 3)
 *   9 time passes, the machine sleeps
 *
 * What must hold besides: a job that was taken ends at most once, and before its device is closed; none ends that
 * nobody asked for; who left, broke or was let go of is told of no more but how its jobs end; who was let go of
 * is told to be closed, once, unless it left before.
 */
#include <assert.h>
#include <time.h>

#include "base/clock.h"
#include "drivers/usb/usb-inside.h"
#include "tests/fuzz/records.h"
#include "tests/unit/usb/fake-libusb.h"

#define DEVICES 2U
#define STEPS	80U
#define TURNS	300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
uint64_t __real_clock_monotonic(void);
uint64_t __wrap_clock_monotonic(void);
uint64_t __wrap_clock_boottime(void);

static sd_event *ev;
static struct usb *usb;
static uint64_t passed, slept;
static struct usb_device *there[DEVICES]; /* told, and not left */
static unsigned jobs[DEVICES][2];	  /* under way */
static bool broke[DEVICES][2];		  /* since it was claimed */
static bool released[DEVICES];		  /* ... and is not closed */
static bool leaves_at_once;
static unsigned
	claims_at_once; /* how often still: one that breaks at once would go on for ever */

uint64_t __wrap_clock_monotonic(void)
{
	return __real_clock_monotonic() + passed;
}

uint64_t __wrap_clock_boottime(void)
{
	return __wrap_clock_monotonic() + slept;
}

/* -- the owner ----------------------------------------------------------------------------- */

static unsigned index_of(const struct usb_device *d)
{
	return (unsigned)(d->port[2] - '1');
}

static void on_came(void *user, struct usb_device *d)
{
	(void)user;
	assert(!there[index_of(d)]);
	there[index_of(d)] = d;
}

static void on_left(void *user, struct usb_device *d)
{
	(void)user;
	assert(there[index_of(d)] == d);
	assert(jobs[index_of(d)][0] == 0 && jobs[index_of(d)][1] == 0);
	there[index_of(d)] = NULL;
	released[index_of(d)] = false;
}

static void take(struct usb_device *d)
{
	int r = usb_claim(usb, d);
	unsigned i = index_of(d);

	assert((r != 0 || d->handle) && (r != USB_LEAVING || released[i] || broke[i][0]));
	if (r == 0) {
		broke[i][0] = broke[i][1] = false;
	}
}

static void release(struct usb_device *d)
{
	released[index_of(d)] = released[index_of(d)] || d->handle;
	usb_release(usb, d);
}

static void on_closed(void *user, struct usb_device *d)
{
	unsigned i = index_of(d);

	(void)user;
	assert(there[i] == d && !d->handle && jobs[i][0] == 0 && jobs[i][1] == 0);
	assert(released[i] || (broke[i][0] && (d->n_readers < 2 || broke[i][1])));
	released[i] = broke[i][0] = broke[i][1] = false;
	if (claims_at_once > 0) {
		claims_at_once--;
		take(d);
	}
}

static void on_ended(void *user, struct usb_device *d, size_t reader, struct slot *slot,
	enum slot_job job, enum slot_end end)
{
	(void)user;
	(void)end;
	assert(&d->interfaces[reader]->slots[slot->number] == slot);
	assert(jobs[index_of(d)][reader] == 1U + job && !broke[index_of(d)][reader]);
	jobs[index_of(d)][reader] = 0;
}

static void on_presence(void *user, struct usb_device *d, size_t reader, struct slot *slot)
{
	(void)user;
	assert(there[index_of(d)] == d && d->interfaces[reader] && slot->number == 0);
	assert(!released[index_of(d)] && !broke[index_of(d)][reader]);
}

static void on_broken(void *user, struct usb_device *d, size_t reader, const char *why)
{
	(void)user;
	assert(there[index_of(d)] == d && d->interfaces[reader]->broken && why[0]);
	assert(jobs[index_of(d)][reader] == 0);
	assert(!released[index_of(d)] && !broke[index_of(d)][reader]);
	broke[index_of(d)][reader] = true;
	if (leaves_at_once) {
		release(d);
	}
}

static const struct usb_ops ops = {.came = on_came,
	.left = on_left,
	.closed = on_closed,
	.ended = on_ended,
	.presence = on_presence,
	.broken = on_broken};

/* -- steps --------------------------------------------------------------------------------- */

/* Whether a thread will end something. */
static bool works(void)
{
	bool any = false;

	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		const struct usb_place *one = usb->devices[i];

		any = any || (one && !lib_stuck(&one->d) &&
				     (one->at == USB_AT_LOOK ||
					     (one->d.handle && usb_works(one->d.handle))));
	}
	return any;
}

static void turn(void)
{
	do {
		for (int i = 0; i < TURNS && sd_event_run(ev, 0) > 0; i++) {
		}
	} while (works() && sd_event_run(ev, UINT64_MAX) > 0);
}

/* The interface at work there, or NULL. */
static struct interface *machine(unsigned device, unsigned reader)
{
	struct usb_device *d = there[device];
	bool ours = d && d->handle && !d->handle->leaving && reader < d->n_readers;

	return ours ? d->interfaces[reader] : NULL;
}

static void answer(unsigned device, unsigned reader, struct view in)
{
	const struct buf *sent = &fake_lib.devices[device].sent;
	struct interface *i = machine(device, reader);
	_cleanup_(buf_done) struct buf m = BUF_NULL(300);
	struct reader r = reader_of(in);

	if (!i || sent->len < 10) {
		return;
	}
	buf_put_u8(&m, r.left ? reader_u8(&r) : MESSAGE_SLOT_STATUS);
	buf_put_u8(&m, r.left ? (uint8_t)(r.left - 1) : 0);
	buf_put(&m, "\0\0\0", 4);
	buf_put_u8(&m, i->slots[0].seq);
	buf_put_u8(&m, r.left ? reader_u8(&r) : 0);
	buf_put(&m, "\0", 2);
	buf_put_view(&m, reader_take(&r, r.left));
	(void)lib_end(device, (uint8_t)(LIB_IN + 0x10 * reader), LIBUSB_TRANSFER_COMPLETED,
		buf_view(&m));
}

static void job(unsigned device, unsigned reader, unsigned what, struct view command)
{
	static const enum slot_job kinds[] = {SLOT_JOB_POWER, SLOT_JOB_STATUS, SLOT_JOB_OFF,
		SLOT_JOB_RESET, SLOT_JOB_TRANSMIT};
	enum slot_job kind = kinds[what % ARRAY_LEN(kinds)];
	struct interface *i = machine(device, reader);

	if (i && interface_job(i, 0, kind, kind == SLOT_JOB_TRANSMIT ? command : VIEW_NULL,
			 clock_monotonic()) == 0) {
		assert(jobs[device][reader] == 0);
		jobs[device][reader] = 1U + kind;
	}
}

static void ask(unsigned device, unsigned reader, unsigned what)
{
	struct interface *i = machine(device, reader);

	if (!i) {
		return;
	}
	if (what % 3 == 0) {
		interface_abort(i, 0, clock_monotonic());
	} else if (what % 3 == 1) {
		interface_idle(i, 0, clock_monotonic());
	} else {
		interface_watch(i, what & 4, clock_monotonic());
	}
}

static void say(struct libusb_device *d, struct view bytes)
{
	static const int errors[] = {0, LIBUSB_ERROR_PIPE, LIBUSB_ERROR_NO_DEVICE,
		LIBUSB_ERROR_NOT_FOUND, LIBUSB_ERROR_BUSY, LIBUSB_ERROR_NO_MEM};
	struct reader r = reader_of(bytes);
	int *const all[] = {&d->clears, &d->resets, &d->submits, &d->opens, &d->claims[0]};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		*all[i] = errors[r.left ? reader_u8(&r) % ARRAY_LEN(errors) : 0];
	}
	d->out = (enum libusb_transfer_status)(r.left ? reader_u8(&r) % 7 : 0);
	d->off = r.left ? reader_u8(&r) : 1;
	d->partly = r.left ? reader_u8(&r) : 0;
	d->slow_out = r.left && reader_u8(&r) & 1;
}

static void pass(unsigned seconds)
{
	passed += seconds * USEC_PER_SEC;
	for (unsigned k = 0; k < 2 * DEVICES; k++) {
		struct interface *i = machine(k / 2, k % 2);

		if (i) {
			interface_due(i, clock_monotonic());
		}
	}
	usb_settle(usb);
}

static void claim(unsigned device, bool leave)
{
	if (!there[device]) {
		return;
	}
	if (leave) {
		release(there[device]);
	} else {
		take(there[device]);
	}
}

static void step(const struct record *one)
{
	unsigned device = one->arg & 1, reader = one->arg >> 1 & 1, what = one->arg >> 2;
	static const uint8_t ends[] = {LIB_IN, LIB_INTERRUPT, LIB_IN, LIB_OUT};

	switch (one->kind % 10) {
	case 0:
		lib_plug(device);
		break;
	case 1:
		lib_unplug(device);
		break;
	case 2:
		claim(device, what & 1);
		leaves_at_once = what & 2;
		claims_at_once = what >> 2;
		break;
	case 3:
		(void)lib_end(device, (uint8_t)(ends[what & 3] + 0x10 * reader),
			(enum libusb_transfer_status)((what >> 2) % 7), one->bytes);
		break;
	case 4:
		answer(device, reader, one->bytes);
		break;
	case 5:
		job(device, reader, what, one->bytes);
		break;
	case 6:
		ask(device, reader, what);
		break;
	case 7:
		say(&fake_lib.devices[device], one->bytes);
		break;
	case 8:
		if (what & 1) {
			lib_free_stuck(device);
		} else if (what & 2) {
			fake_lib.devices[device].stuck_reset = true;
		} else {
			fake_lib.devices[device].stuck = true;
		}
		break;
	case 9:
		slept += what & 1 ? 5 * USEC_PER_SEC : 0;
		pass(what >> 1);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(view_of(data, size));
	uint8_t head = r.left ? reader_u8(&r) : 0;
	struct record one;

	lib_reset();
	passed = slept = 0;
	wipe(jobs, sizeof(jobs));
	wipe(broke, sizeof(broke));
	wipe(released, sizeof(released));
	leaves_at_once = false;
	claims_at_once = 0;
	there[0] = there[1] = NULL;
	fake_lib.devices[0].readers = 1 + (head & 1);
	fake_lib.devices[0].no_interrupt = head & 4;
	fake_lib.plain = head & 8;
	fake_lib.devices[1].slow = head & 16;
	fake_lib.devices[1].unknown = head & 32;
	assert(sd_event_new(&ev) >= 0);
	assert(usb_new(ev, &ops, NULL, &usb) == 0 && usb_ready(usb) == 0);
	turn();
	for (size_t i = 0; i < STEPS && record_next(&r, &one); i++) {
		step(&one);
		turn();
		for (unsigned k = 0; k < DEVICES; k++) {
			assert(!there[k] || there[k]->handle || !released[k]);
		}
	}
	claims_at_once = 0;
	for (unsigned i = 0; i < DEVICES; i++) {
		lib_free_stuck(i);
		fake_lib.devices[i].off = 1;
	}
	usb = usb_free(usb);
	ev = sd_event_unref(ev);
	lib_reset(); /* nothing is left */
	return 0;
}
