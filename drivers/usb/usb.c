/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Devices are opened, by usb_claim() alone; usb-find.c finds them, usb-close.c lets go of them. The
 * beginning and the end of all. usb-bus.h and usb-inside.h say who owns what.
 */
#include "drivers/usb/usb.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "drivers/usb/usb-inside.h"

#define PAUSE_USEC 10000 /* at the end, between looks at what threads have done */

/* -- opening ------------------------------------------------------------------------------- */

static int outcome_of(int error)
{
	switch (error) {
	case LIBUSB_ERROR_BUSY:
		return USB_HELD;
	case LIBUSB_ERROR_ACCESS:
	case LIBUSB_ERROR_IO: /* what open() says where the unit forbids the device */
		return USB_DENIED;
	case LIBUSB_ERROR_NO_MEM:
		return fault(-ENOMEM);
	default:
		return USB_VANISHED;
	}
}

/* Ask which rates the reader knows, where it has a list (§5.3.3). */
static void ask_rates(struct usb_handle *h, struct ccid_interface *reader)
{
	uint8_t list[4 * DESCRIPTOR_RATES_MAX];
	int n;

	if (reader->rates == 0) {
		return;
	}
	n = libusb_control_transfer(h->open,
		LIBUSB_ENDPOINT_IN | LIBUSB_REQUEST_TYPE_CLASS | LIBUSB_RECIPIENT_INTERFACE,
		USB_REQUEST_GET_RATES, 0, reader->number, list, sizeof(list), USB_ASK_MS);
	parameters_rates(view_of(list, n > 0 ? (size_t)n : 0), reader);
}

/* Claim interface @i; usb_handle_free() takes back what is done.
 * Return: 0, a fault, or an usb_outcome_claim. */
static int pipe_open(struct usb_handle *h, size_t i)
{
	struct ccid_interface *reader = &h->device->readers[i];
	struct usb_pipe *p = &h->pipes[i];
	unsigned packet = reader->packet_in & USB_PACKET_MASK;
	int r;

	p->handle = h;
	p->index = i;
	p->message = BUF_NULL(MESSAGE_MAX);
	h->n_pipes = i + 1;
	/* some say a little less than they send: interface.c asks for as much */
	p->arriving_room =
		packet + (reader->message < DESCRIPTOR_MESSAGE_MIN ? DESCRIPTOR_MESSAGE_MIN
								   : reader->message);
	p->arriving = calloc(1, p->arriving_room);
	p->arrived = calloc(1, p->arriving_room);
	p->out = (struct usb_urb){.transfer = libusb_alloc_transfer(0), .pipe = p};
	p->in = (struct usb_urb){.transfer = libusb_alloc_transfer(0), .pipe = p};
	p->notice = (struct usb_urb){.transfer = libusb_alloc_transfer(0), .pipe = p};
	if (!p->arriving || !p->arrived || !p->out.transfer || !p->in.transfer ||
		!p->notice.transfer) {
		return fault(-ENOMEM);
	}
	r = libusb_claim_interface(h->open, reader->number);
	if (r != 0) {
		return trace(outcome_of(r));
	}
	p->claimed = true;
	ask_rates(h, reader);
	r = usb_pipe_timer(p);
	if (r < 0) {
		return trace(r);
	}
	r = interface_new(reader, &usb_pipe_ops, p, &p->machine);
	h->device->interfaces[i] = r == 0 ? p->machine : NULL;
	return trace(r);
}

static int on_late(sd_event_source *s, uint64_t when, void *user)
{
	struct usb_handle *h = user;

	(void)s;
	(void)when;
	usb_settle(h->usb);
	return 0;
}

/* Return: 0, a fault, or an usb_outcome_claim. */
static int handle_new(struct usb *u, struct usb_place *one, struct usb_handle **ret)
{
	struct usb_handle *h = calloc(1, sizeof(*h));
	int r;

	if (!h) {
		return fault(-ENOMEM);
	}
	h->usb = u;
	h->device = &one->d;
	r = sd_event_add_time(u->ev, &h->timer, CLOCK_MONOTONIC, 0, USEC_PER_MS, on_late, h);
	r = r < 0 ? r : sd_event_source_set_enabled(h->timer, SD_EVENT_OFF);
	if (r >= 0) {
		r = libusb_open(one->there, &h->open);
		r = r == 0 ? 0 : outcome_of(r);
	} else {
		r = fault(r);
	}
	if (r != 0) {
		(void)sd_event_source_disable_unref(h->timer);
		free(h);
		return trace(r);
	}
	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		h->worker = u->devices[i] == one ? &u->workers[i] : h->worker;
	}
	*ret = h;
	return 0;
}

int usb_claim(struct usb *u, struct usb_device *d)
{
	struct usb_place *one = (struct usb_place *)(void *)d;
	struct usb_handle *h = NULL;
	int r;

	assert(u->working);
	if (d->handle) {
		return d->handle->leaving ? USB_LEAVING : USB_HELD;
	}
	if (d->refused || d->n_readers == 0) {
		return USB_USELESS;
	}
	r = handle_new(u, one, &h);
	if (r != 0) {
		return trace(r);
	}
	for (size_t i = 0; i < d->n_readers && r == 0; i++) {
		r = pipe_open(h, i);
	}
	if (r != 0) {
		(void)usb_handle_free(h);
		return trace(r);
	}
	for (size_t i = 0; i < h->n_pipes; i++) {
		usb_pipe_listen(&h->pipes[i]);
	}
	d->handle = h;
	(void)sd_event_source_set_enabled(u->awake, SD_EVENT_ON);
	return 0;
}

void usb_release(struct usb *u, struct usb_device *d)
{
	if (d->handle) {
		d->handle->released = d->handle->leaving = true;
		usb_loop_stir(u);
	}
}

struct usb_device *usb_device(struct usb *u, size_t i)
{
	for (size_t k = 0; k < USB_DEVICES_MAX; k++) {
		if (u->devices[k] && u->devices[k]->at == USB_AT_TOLD && i-- == 0) {
			return &u->devices[k]->d;
		}
	}
	return NULL;
}

/* -- all of it ----------------------------------------------------------------------------- */

int usb_new(sd_event *ev, const struct usb_ops *ops, void *user, struct usb **ret)
{
	struct usb *u = calloc(1, sizeof(*u));
	int r;

	if (!u) {
		return fault(-ENOMEM);
	}
	u->ev = sd_event_ref(ev);
	u->ops = ops;
	u->user = user;
	u->plugged = u->missed = true; /* the first look at all that are there */
	r = usb_loop_start(u);
	if (r < 0) {
		(void)usb_free(u);
		return trace(r);
	}
	*ret = u;
	return 0;
}

int usb_ready(struct usb *u)
{
	return trace(usb_workers_start(u));
}

bool usb_idle(const struct usb *u)
{
	bool busy = false;

	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		const struct usb_place *one = u->devices[i];

		busy = busy || (one && (one->d.handle || one->at == USB_AT_LOOK));
	}
	return !busy;
}

/* Return: whether nothing is left to wait for. */
static bool close_all(struct usb *u)
{
	uint64_t until = clock_monotonic() + USB_END_USEC;
	struct timeval pause = {.tv_usec = PAUSE_USEC};

	u->ending = true;
	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		if (u->devices[i]) {
			usb_release(u, &u->devices[i]->d);
		}
	}
	usb_settle(u);
	while (!usb_idle(u) && clock_monotonic() < until) {
		(void)libusb_handle_events_timeout_completed(u->context, &pause, NULL);
		usb_settle(u);
	}
	return usb_idle(u);
}

struct usb *usb_free(struct usb *u)
{
	bool closed = !u || close_all(u);

	if (!u) {
		return NULL;
	}
	usb_loop_mute(u);
	if (!closed) {
		return NULL; /* a thread has what is left */
	}
	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		if (u->devices[i]) {
			usb_place_free(u->devices[i]);
		}
	}
	usb_workers_stop(u);
	usb_loop_stop(u);
	(void)sd_event_unref(u->ev);
	free(u);
	return NULL;
}
