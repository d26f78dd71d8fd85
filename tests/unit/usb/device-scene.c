/* SPDX-License-Identifier: EUPL-1.2 */
/* The owner of devices, and time (device-scene.h): what it is told is noted. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "tests/unit/usb/device-scene.h"

#include "base/clock.h"

#define TURNS 300

sd_event *ev;
struct usb *usb;
struct usb_device *device; /* that came last */
struct slot *slot;	   /* whose presence or end was told last */
unsigned cames, lefts, presences, ends;
enum slot_end end;
size_t brought; /* bytes of its answer */
const char *why;
size_t broke;
unsigned breaks, closes;
bool claims; /* what comes is claimed at once */
uint64_t rush, slept;

/* -- time ---------------------------------------------------------------------------------- */

uint64_t __real_clock_monotonic(void);
uint64_t __wrap_clock_monotonic(void);

static uint64_t passed;

/* each look at it takes as long as @rush says */
uint64_t __wrap_clock_monotonic(void)
{
	passed += rush;
	return __real_clock_monotonic() + passed;
}

uint64_t __wrap_clock_boottime(void);

uint64_t __wrap_clock_boottime(void)
{
	return __real_clock_monotonic() + passed + slept;
}

/* -- the owner ----------------------------------------------------------------------------- */

static void on_came(void *user, struct usb_device *d)
{
	(void)user;
	cames++;
	device = d;
	if (claims) {
		assert_int_equal(usb_claim(usb, d), 0);
	}
}

static void on_left(void *user, struct usb_device *d)
{
	(void)user;
	assert_true(d->port[0]);
	lefts++;
}

static void on_closed(void *user, struct usb_device *d)
{
	(void)user;
	assert_null(d->handle);
	closes++;
}

static void on_ended(void *user, struct usb_device *d, size_t reader, struct slot *s,
	enum slot_job job, enum slot_end e)
{
	(void)user;
	(void)job;
	assert_ptr_equal(&d->interfaces[reader]->slots[s->number], s);
	ends++;
	slot = s;
	end = e;
	brought = s->answer.len;
}

static void on_presence(void *user, struct usb_device *d, size_t reader, struct slot *s)
{
	(void)user;
	assert_ptr_equal(&d->interfaces[reader]->slots[s->number], s);
	presences++;
	slot = s;
}

static void on_broken(void *user, struct usb_device *d, size_t reader, const char *reason)
{
	(void)user;
	(void)d;
	broke = reader;
	breaks++;
	why = reason;
}

const struct usb_ops ops = {.came = on_came,
	.left = on_left,
	.closed = on_closed,
	.ended = on_ended,
	.presence = on_presence,
	.broken = on_broken};

/* Whether a thread will end something, and the loop will be told. */
static bool works(void)
{
	bool any = false;

	for (size_t i = 0; i < USB_DEVICES_MAX && usb; i++) {
		const struct usb_place *one = usb->devices[i];

		any = any || (one && !lib_stuck(&one->d) &&
				     (one->at == USB_AT_LOOK ||
					     (one->d.handle && usb_works(one->d.handle))));
	}
	return any;
}

void turn(void)
{
	do {
		for (int i = 0; i < TURNS && sd_event_run(ev, 0) > 0; i++) {
		}
	} while (works() && sd_event_run(ev, UINT64_MAX) > 0);
}

void pass(uint64_t usec)
{
	passed += usec;
	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		struct usb_handle *h = usb->devices[i] ? usb->devices[i]->d.handle : NULL;

		for (size_t k = 0; h && k < h->n_pipes; k++) {
			if (h->closing <= USB_CLOSING_OFF) {
				interface_due(h->pipes[k].machine, clock_monotonic());
			}
		}
	}
	usb_settle(usb);
	turn();
}

int setup(void **state)
{
	(void)state;
	lib_reset();
	cames = lefts = presences = ends = breaks = closes = 0;
	why = NULL;
	claims = false;
	rush = slept = passed = 0;
	usb = NULL;
	assert_true(sd_event_new(&ev) >= 0);
	return 0;
}

int teardown(void **state)
{
	(void)state;
	usb = usb_free(usb);
	ev = sd_event_unref(ev);
	lib_reset();
	return 0;
}

void start(void)
{
	assert_int_equal(usb_new(ev, &ops, NULL, &usb), 0);
	assert_int_equal(usb_ready(usb), 0);
	turn();
}

void start_claimed(void)
{
	claims = true;
	lib_plug(0);
	start();
	assert_int_equal(cames, 1);
	turn();
	assert_int_equal(fake_lib.devices[0].sent.data[0], MESSAGE_GET_SLOT_STATUS);
}

void reply_by(unsigned i, unsigned n, uint8_t type, uint8_t status, struct view data)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(MESSAGE_MAX);
	const struct buf *sent = &fake_lib.devices[i].sent;

	buf_put_u8(&bytes, type);
	buf_put_u8(&bytes, (uint8_t)data.len);
	buf_put(&bytes, "\0\0", 3);
	buf_put_u8(&bytes, sent->data[5]);
	buf_put_u8(&bytes, sent->data[6]);
	buf_put_u8(&bytes, status);
	buf_put_u16(&bytes, 0);
	buf_put_view(&bytes, data);
	assert_true(lib_end(
		i, (uint8_t)(LIB_IN + 0x10 * n), LIBUSB_TRANSFER_COMPLETED, buf_view(&bytes)));
	turn();
}

void reply_of(unsigned n, uint8_t type, uint8_t status, struct view data)
{
	reply_by(0, n, type, status, data);
}

void reply(uint8_t type, uint8_t status, struct view data)
{
	reply_of(0, type, status, data);
}

void power(unsigned i, unsigned n)
{
	static const uint8_t atr[] = {0x3B, 0x00};

	assert_int_equal(interface_job(usb_device(usb, i)->interfaces[n], 0, SLOT_JOB_POWER,
				 VIEW_NULL, clock_monotonic()),
		0);
	turn();
	assert_int_equal(fake_lib.devices[i].sent.data[0], MESSAGE_POWER_ON);
	reply_by(i, n, MESSAGE_DATA_BLOCK, 0, VIEW(atr));
	for (int k = 0; k < 4 && ends == 0; k++) { /* what it wants to know besides */
		static const uint8_t t0[] = {0x11, 0x00, 0x00, 0x0A, 0x00};

		reply_by(i, n, MESSAGE_PARAMETERS, 0, VIEW(t0));
	}
	assert_int_equal(ends, 1);
	assert_int_equal(end, SLOT_DONE);
	ends = 0;
}

void start_powered(void)
{
	start_claimed();
	reply(MESSAGE_SLOT_STATUS, 1, VIEW_NULL);
	assert_int_equal(presences, 1);
	assert_int_equal(slot->presence, SLOT_IN);
	power(0, 0);
}

void transmit_to(unsigned i, unsigned n, size_t len)
{
	static const uint8_t command[] = {0x00, 0xA4, 0x04, 0x00, 49, 1, 2, 3};
	struct usb_device *d = usb_device(usb, i);
	uint8_t bytes[64] = {0};

	bytes_copy(bytes, sizeof(bytes), command, sizeof(command));
	assert_int_equal(interface_job(d->interfaces[n], 0, SLOT_JOB_TRANSMIT,
				 view_of(bytes, len), clock_monotonic()),
		0);
	turn();
}

void transmit(size_t len)
{
	transmit_to(0, 0, len);
}
