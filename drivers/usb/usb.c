/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Devices: found, told of, opened and closed. A device is looked at in sysfs when it comes, and
 * opened by usb_claim() alone. A handle is closed when all of its transfers have ended; its
 * cards lose their power before. usb-inside.h says who owns what.
 */
#include "drivers/usb/usb.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "drivers/usb/usb-inside.h"
#include "drivers/usb/usb-sysfs.h"

#define PORTS_MAX  7U /* USB 2.0 §4.1.1: hubs in a row */
#define STRAYS_MAX 4U /* what is read before the answer to a power off, at most */

/* -- opening and closing ------------------------------------------------------------------- */

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

static bool quiet(const struct usb_handle *h)
{
	bool all = h->aborts == 0;

	for (size_t i = 0; i < h->n_pipes; i++) {
		all = all && usb_pipe_quiet(&h->pipes[i]);
	}
	return all;
}

/* Cancel what runs and wait for its end. */
static void quieten(struct usb_handle *h, uint64_t until)
{
	struct timeval pause = {.tv_usec = 10000};

	for (size_t i = 0; i < h->n_pipes; i++) {
		usb_pipe_cancel(&h->pipes[i]);
	}
	for (bool once = true; !quiet(h) && (once || clock_monotonic() < until); once = false) {
		(void)libusb_handle_events_timeout_completed(h->usb->context, &pause, NULL);
	}
}

/* Milliseconds for one transfer, never 0: libusb would wait for ever. */
static unsigned ms_until(uint64_t until)
{
	uint64_t now = clock_monotonic();
	uint64_t ms = now < until ? (until - now) / USEC_PER_MS : 0;

	return ms == 0 ? 1 : ms < USB_ASK_MS ? (unsigned)ms : USB_ASK_MS;
}

/* Whether @bytes are the answer to the power off of @s, and say that its card has none. */
static bool is_off(struct view bytes, const struct slot *s)
{
	struct message m;

	return message_parse(bytes, DESCRIPTOR_MESSAGE_MAX, &m) == 0 &&
	       m.type == MESSAGE_SLOT_STATUS && m.slot == s->number && m.seq == s->seq &&
	       m.command == MESSAGE_COMMAND_OK && m.icc != MESSAGE_ICC_ACTIVE;
}

/* Return: whether the card of @s has lost its power, by the reader's word. */
static bool slot_off(struct usb_pipe *p, const struct slot *s, uint64_t until)
{
	static const uint8_t three[3];
	_cleanup_(buf_done) struct buf out = BUF_NULL(MESSAGE_HEADER);
	const struct ccid_interface *reader = &p->handle->device->readers[p->index];
	libusb_device_handle *open = p->handle->open;
	bool off = false;
	int n = 0, r;

	message_put(&out, MESSAGE_POWER_OFF, s->number, s->seq, three, VIEW_NULL);
	if (buf_check(&out) < 0 ||
		libusb_bulk_transfer(open, reader->bulk_out, out.data, (int)out.len, &n,
			ms_until(until)) != 0 ||
		n != (int)out.len) {
		return false;
	}
	for (unsigned i = 0; i < STRAYS_MAX && !off && clock_monotonic() < until; i++) {
		r = libusb_bulk_transfer(open, reader->bulk_in, p->arriving,
			(int)p->arriving_room, &n, ms_until(until));
		if (r != 0) {
			break;
		}
		off = is_off(view_of(p->arriving, (size_t)n), s);
	}
	return off;
}

/* Whether nobody can say any more what the reader does with its cards. */
static bool is_lost(const struct usb_handle *h)
{
	bool lost = h->resetting || !quiet(h);

	for (size_t i = 0; i < h->n_pipes && !lost; i++) {
		const struct usb_pipe *p = &h->pipes[i];

		lost = p->recover || (p->machine && p->machine->broken);
		for (size_t k = 0; p->machine && k < p->machine->reader.slots; k++) {
			lost = lost || p->machine->slots[k].waits;
		}
	}
	return lost;
}

/* Cards lose their power: by a message each, or, where that does not help or a slot is at work,
 * by a reset of the device. */
static void power_off(struct usb_handle *h, uint64_t until)
{
	bool well = !is_lost(h);

	for (size_t i = 0; i < h->n_pipes; i++) {
		struct usb_pipe *p = &h->pipes[i];

		for (size_t k = 0; well && p->machine && k < p->machine->reader.slots; k++) {
			const struct slot *s = &p->machine->slots[k];

			well = (!s->active && !s->hot) || slot_off(p, s, until);
		}
	}
	if (!well) {
		(void)libusb_reset_device(h->open); /* of all its slots */
	}
}

static void pipe_done(struct usb_pipe *p)
{
	if (p->claimed) {
		(void)libusb_release_interface(
			p->handle->open, p->handle->device->readers[p->index].number);
	}
	(void)sd_event_source_disable_unref(p->timer);
	p->timer = NULL;
	interface_free(p->machine);
	p->handle->device->interfaces[p->index] = NULL;
	buf_done(&p->message);
}

/* After libusb_close(): no transfer is libusb's any more. */
static void pipe_free(struct usb_pipe *p)
{
	libusb_free_transfer(p->out.transfer);
	libusb_free_transfer(p->in.transfer);
	libusb_free_transfer(p->notice.transfer);
	wipe(p->arriving, p->arriving_room);
	free(p->arriving);
}

static struct usb_handle *handle_free(struct usb_handle *h, uint64_t until)
{
	if (!h) {
		return NULL;
	}
	h->broken = h->leaving = true; /* nothing more is told but how jobs end */
	quieten(h, until);
	if (!h->gone) {
		power_off(h, until);
	}
	for (size_t i = 0; i < h->n_pipes; i++) {
		if (h->pipes[i].machine && !h->pipes[i].machine->broken) {
			interface_gone(h->pipes[i].machine);
		}
	}
	quieten(h, until); /* an interface may have asked for more */
	for (size_t i = 0; i < h->n_pipes; i++) {
		pipe_done(&h->pipes[i]);
	}
	libusb_close(h->open);
	for (size_t i = 0; i < h->n_pipes; i++) {
		pipe_free(&h->pipes[i]);
	}
	h->device->handle = NULL;
	free(h);
	return NULL;
}

struct usb_handle *usb_handle_free(struct usb_handle *h)
{
	return handle_free(h, clock_monotonic() + USB_CLOSE_USEC);
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
	p->out = (struct usb_urb){.transfer = libusb_alloc_transfer(0), .pipe = p};
	p->in = (struct usb_urb){.transfer = libusb_alloc_transfer(0), .pipe = p};
	p->notice = (struct usb_urb){.transfer = libusb_alloc_transfer(0), .pipe = p};
	if (!p->arriving || !p->out.transfer || !p->in.transfer || !p->notice.transfer) {
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

int usb_claim(struct usb *u, struct usb_device *d)
{
	struct usb_place *one = (struct usb_place *)(void *)d;
	struct usb_handle *h;
	int r;

	if (d->handle) {
		return USB_HELD; /* by ourselves: it is closed when the loop turns */
	}
	if (d->refused || d->n_readers == 0) {
		return USB_USELESS;
	}
	h = calloc(1, sizeof(*h));
	if (!h) {
		return fault(-ENOMEM);
	}
	h->usb = u;
	h->device = d;
	r = libusb_open(one->there, &h->open);
	if (r != 0) {
		free(h);
		return trace(outcome_of(r));
	}
	r = 0;
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
		d->handle->broken = d->handle->leaving = true;
		usb_loop_stir(u);
	}
}

/* -- devices ------------------------------------------------------------------------------- */

struct usb_device *usb_device(struct usb *u, size_t i)
{
	for (size_t k = 0; k < USB_DEVICES_MAX; k++) {
		if (u->devices[k] && i-- == 0) {
			return &u->devices[k]->d;
		}
	}
	return NULL;
}

/* Return: 0, a fault, or USB_SYSFS_GONE. */
static int describe(libusb_device *there, struct usb_device *d)
{
	struct libusb_device_descriptor head;
	uint8_t ports[PORTS_MAX];
	int n = libusb_get_port_numbers(there, ports, sizeof(ports));
	_cleanup_(buf_done) struct buf port = BUF_NULL(sizeof(d->port) - 1);

	d->bus = libusb_get_bus_number(there);
	d->address = libusb_get_device_address(there);
	(void)libusb_get_device_descriptor(there, &head); /* cached: cannot fail */
	d->vendor = head.idVendor;
	d->product = head.idProduct;
	d->known = readers_known(d->vendor, d->product);
	buf_printf(&port, "%u", d->bus);
	for (int i = 0; i < n; i++) {
		buf_printf(&port, "%c%u", i == 0 ? '-' : '.', ports[i]);
	}
	if (n <= 0 || view_copy_str(buf_view(&port), d->port, sizeof(d->port)) != 0) {
		return USB_SYSFS_GONE; /* a root hub */
	}
	return trace(usb_sysfs_read(d));
}

/* A device that is no reader, and none that is known, is nobody's business. */
static void arrive(struct usb *u, libusb_device *there, struct usb_place **place)
{
	struct usb_place *one = calloc(1, sizeof(*one));

	if (!one) {
		return; /* found again when the next one comes or leaves */
	}
	one->there = there;
	if (describe(there, &one->d) != 0 ||
		(one->d.refused == DESCRIPTOR_NO_READER && !one->d.known)) {
		free(one);
		return;
	}
	(void)libusb_ref_device(there);
	*place = one;
	u->ops->came(u->user, &one->d);
}

static void depart(struct usb *u, struct usb_place **place)
{
	struct usb_place *one = *place;

	if (one->d.handle) {
		usb_gone(one->d.handle);
	}
	u->ops->left(u->user, &one->d);
	(void)usb_handle_free(one->d.handle);
	libusb_unref_device(one->there);
	*place = NULL;
	free(one);
}

static void appear(struct usb *u, libusb_device *there)
{
	struct usb_place **room = NULL;

	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		struct usb_place *one = u->devices[i];

		if (one && one->there == there) {
			return;
		}
		room = one || room ? room : &u->devices[i];
	}
	if (room) {
		arrive(u, there, room);
	}
}

/* Those that left first: one that came again has another address, and the same port. */
void usb_rescan(struct usb *u)
{
	libusb_device **list = NULL;
	ssize_t n = libusb_get_device_list(u->context, &list);

	if (n < 0) {
		return;
	}
	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		bool there = false;

		for (ssize_t k = 0; k < n && u->devices[i] && !there; k++) {
			there = list[k] == u->devices[i]->there;
		}
		if (u->devices[i] && !there) {
			depart(u, &u->devices[i]);
		}
	}
	for (ssize_t k = 0; k < n; k++) {
		appear(u, list[k]);
	}
	libusb_free_device_list(list, 1);
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
	u->plugged = true; /* the first look at all that are there */
	r = usb_loop_start(u);
	if (r < 0) {
		(void)usb_free(u);
		return trace(r);
	}
	*ret = u;
	return 0;
}

struct usb *usb_free(struct usb *u)
{
	uint64_t until = clock_monotonic() + USB_CLOSE_USEC; /* for all of them */

	if (!u) {
		return NULL;
	}
	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		struct usb_place *one = u->devices[i];

		if (one) {
			(void)handle_free(one->d.handle, until);
			libusb_unref_device(one->there);
			free(one);
		}
	}
	usb_loop_stop(u);
	(void)sd_event_unref(u->ev);
	free(u);
	return NULL;
}
