/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One claimed interface: its transfers, and the machine (interface.h) that they serve. Every
 * transfer ends once: told to the machine, or dropped where it asked for a recovery. A recovery
 * waits until all transfers of the pipe (of the device, for a reset) have ended; until then
 * nothing new begins. The kernel clears halts and resets while we wait (usb.h). Buffers that
 * held commands or answers are wiped, however their transfers end.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "drivers/usb/usb-inside.h"

/* -- transfers ----------------------------------------------------------------------------- */

static enum interface_transfer end_of(enum libusb_transfer_status s)
{
	switch (s) {
	case LIBUSB_TRANSFER_COMPLETED:
		return INTERFACE_OK;
	case LIBUSB_TRANSFER_STALL:
		return INTERFACE_STALLED;
	case LIBUSB_TRANSFER_TIMED_OUT:
	case LIBUSB_TRANSFER_CANCELLED:
		return INTERFACE_LATE;
	case LIBUSB_TRANSFER_NO_DEVICE:
		return INTERFACE_GONE;
	case LIBUSB_TRANSFER_ERROR:
	case LIBUSB_TRANSFER_OVERFLOW:
		return INTERFACE_ERROR;
	}
	return INTERFACE_ERROR;
}

static void LIBUSB_CALL on_transfer(struct libusb_transfer *t)
{
	struct usb_urb *x = t->user_data;

	x->busy = false;
	x->ended = true;
	x->end = end_of(t->status);
	usb_loop_stir(x->pipe->handle->usb);
}

/* One that cannot even begin has ended by the next turn. */
static void submit(struct usb_urb *x)
{
	int r = libusb_submit_transfer(x->transfer);

	x->busy = r == 0;
	x->ended = r != 0;
	x->dropped = false;
	x->end = r == LIBUSB_ERROR_NO_DEVICE ? INTERFACE_GONE : INTERFACE_ERROR;
	if (r != 0) {
		usb_loop_stir(x->pipe->handle->usb);
	}
}

static void cancel(struct usb_urb *x, bool dropped)
{
	x->dropped = dropped;
	if (x->busy) {
		(void)libusb_cancel_transfer(
			x->transfer); /* not found: its end is on its way */
	}
}

bool usb_pipe_quiet(const struct usb_pipe *p)
{
	return !p->out.busy && !p->in.busy && !p->notice.busy;
}

static void send(struct usb_pipe *p, size_t len)
{
	libusb_fill_bulk_transfer(p->out.transfer, p->handle->open, p->machine->reader.bulk_out,
		p->message.data, (int)len, on_transfer, &p->out,
		(unsigned)(INTERFACE_SEND_USEC / USEC_PER_MS));
	submit(&p->out);
}

void usb_pipe_listen(struct usb_pipe *p)
{
	const struct ccid_interface *reader = &p->machine->reader;
	unsigned room = reader->packet_interrupt & USB_PACKET_MASK;

	if (reader->interrupt_in == 0 || p->notice.busy || p->stalls > INTERFACE_STALLS_MAX) {
		return;
	}
	if (p->recover || p->handle->resetting) {
		return; /* when that is over */
	}
	libusb_fill_interrupt_transfer(p->notice.transfer, p->handle->open,
		reader->interrupt_in, p->noticed, (int)room, on_transfer, &p->notice, 0);
	submit(&p->notice);
}

/* -- what an interface asks for ------------------------------------------------------------ */

static void do_send(void *user, struct view message)
{
	struct usb_pipe *p = user;
	unsigned packet = p->handle->device->readers[p->index].packet_out & USB_PACKET_MASK;

	if (p->handle->resetting || usb_loop_slept(p->handle->usb)) {
		usb_loop_stir(p->handle->usb);
		return; /* its card is not the one it was: interface_was_reset() ends it */
	}
	assert(!p->out.busy);
	buf_reset(&p->message);
	buf_put_view(&p->message, message);
	if (buf_check(&p->message) < 0) {
		p->out.ended = true;
		p->out.dropped = false;
		p->out.end = INTERFACE_ERROR;
		usb_loop_stir(p->handle->usb);
		return;
	}
	p->empty_packet = packet > 0 && message.len % packet == 0;
	send(p, message.len);
}

static void do_receive(void *user, size_t size)
{
	struct usb_pipe *p = user;
	unsigned packet = p->handle->device->readers[p->index].packet_in & USB_PACKET_MASK;
	/* whole packets: what a reader sends beyond is then seen as too long, not lost */
	size_t whole = packet > 0 ? (size + packet - 1) / packet * packet : size;

	if (p->handle->resetting || usb_loop_slept(p->handle->usb)) {
		return;
	}
	assert(!p->in.busy);
	whole = whole < p->arriving_room ? whole : p->arriving_room;
	libusb_fill_bulk_transfer(p->in.transfer, p->handle->open,
		p->handle->device->readers[p->index].bulk_in, p->arriving, (int)whole,
		on_transfer, &p->in, 0);
	submit(&p->in);
}

static void LIBUSB_CALL on_aborted(struct libusb_transfer *t)
{
	struct usb_handle *h = t->user_data;

	h->aborts--;
	free(t->buffer);
	libusb_free_transfer(t);
}

static void do_abort(void *user, uint8_t slot, uint8_t seq)
{
	struct usb_pipe *p = user;
	struct libusb_transfer *t = libusb_alloc_transfer(0);
	unsigned char *setup = malloc(LIBUSB_CONTROL_SETUP_SIZE);

	if (t && setup) {
		libusb_fill_control_setup(setup,
			LIBUSB_ENDPOINT_OUT | LIBUSB_REQUEST_TYPE_CLASS |
				LIBUSB_RECIPIENT_INTERFACE,
			USB_REQUEST_ABORT, (uint16_t)(slot | (unsigned)seq << 8),
			p->handle->device->readers[p->index].number, 0);
		libusb_fill_control_transfer(
			t, p->handle->open, setup, on_aborted, p->handle, USB_ASK_MS);
		if (libusb_submit_transfer(t) == 0) {
			p->handle->aborts++;
			return;
		}
	}
	/* the slot's deadline does what this could not */
	free(setup);
	libusb_free_transfer(t);
}

/* When all is quiet the device is reset, for @p and all that share it. */
static void begin_reset(struct usb_pipe *p)
{
	struct usb_handle *h = p->handle;

	h->resetting = h->resetting ? h->resetting : p;
	for (size_t i = 0; i < h->n_pipes; i++) {
		cancel(&h->pipes[i].out, true);
		cancel(&h->pipes[i].in, true);
		cancel(&h->pipes[i].notice, false);
	}
	usb_loop_stir(h->usb);
}

static void do_recover(void *user, enum interface_recover how)
{
	struct usb_pipe *p = user;
	struct usb_handle *h = p->handle;

	p->recover = (int)how;
	cancel(&p->out, true);
	cancel(&p->in, true);
	cancel(&p->notice, false); /* what it has brought is news all the same */
	if (how == INTERFACE_RESET) {
		begin_reset(p);
	}
	usb_loop_stir(h->usb);
}

static void do_timer(void *user, uint64_t when)
{
	struct usb_pipe *p = user;

	(void)sd_event_source_set_time(p->timer, when);
	(void)sd_event_source_set_enabled(p->timer, when ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static void do_ended(void *user, struct slot *slot, enum slot_job job, enum slot_end end)
{
	struct usb_pipe *p = user;
	struct usb *u = p->handle->usb;

	u->ops->ended(u->user, p->handle->device, p->index, slot, job, end);
}

static void do_presence(void *user, struct slot *slot)
{
	struct usb_pipe *p = user;
	struct usb *u = p->handle->usb;

	u->ops->presence(u->user, p->handle->device, p->index, slot);
}

static void do_broken(void *user, const char *why)
{
	struct usb_pipe *p = user;
	struct usb_handle *h = p->handle;

	if (!h->broken) {
		h->broken = true;
		h->leaving = true;
		usb_loop_stir(h->usb);
		h->usb->ops->broken(h->usb->user, h->device, why);
	}
}

const struct interface_ops usb_pipe_ops = {
	.send = do_send,
	.receive = do_receive,
	.abort = do_abort,
	.recover = do_recover,
	.timer = do_timer,
	.ended = do_ended,
	.presence = do_presence,
	.broken = do_broken,
};

static int on_timer(sd_event_source *s, uint64_t when, void *user)
{
	struct usb_pipe *p = user;

	(void)s;
	(void)when;
	if (!p->handle->leaving) {
		interface_due(p->machine, clock_monotonic());
		usb_settle(p->handle->usb);
	}
	return 0;
}

/* -- ends of transfers --------------------------------------------------------------------- */

/* All of the device's readers are of no use any more. */
void usb_gone(struct usb_handle *h)
{
	h->gone = true;
	for (size_t i = 0; i < h->n_pipes; i++) {
		if (!h->pipes[i].machine->broken) {
			interface_gone(h->pipes[i].machine);
		}
	}
	h->leaving = true;
}

/* Both bulk pipes are quiet, and nobody is told of what they carried. */
static void forget(struct usb_pipe *p)
{
	p->out.ended = p->in.ended = false;
	p->empty_packet = false;
	buf_reset(&p->message); /* they may have held a PIN */
	wipe(p->arriving, p->arriving_room);
}

static void clear_halts(struct usb_pipe *p)
{
	const struct ccid_interface *reader = &p->handle->device->readers[p->index];
	const uint8_t ends[] = {reader->bulk_out, reader->bulk_in, reader->interrupt_in};
	int r = 0;

	forget(p);
	for (size_t i = 0; i < ARRAY_LEN(ends) && r == 0; i++) {
		r = ends[i] == 0 ? 0 : libusb_clear_halt(p->handle->open, ends[i]);
	}
	if (r == LIBUSB_ERROR_NO_DEVICE) {
		usb_gone(p->handle);
		return;
	}
	p->recover = 0;
	interface_recovered(p->machine, r == 0, clock_monotonic());
	interface_look(p->machine, clock_monotonic()); /* a notice may have been lost */
	usb_pipe_listen(p);
}

static void reset_device(struct usb_handle *h)
{
	int r = libusb_reset_device(h->open);

	h->resetting = NULL;
	for (size_t i = 0; i < h->n_pipes; i++) {
		forget(&h->pipes[i]);
	}
	if (r == LIBUSB_ERROR_NOT_FOUND || r == LIBUSB_ERROR_NO_DEVICE) {
		usb_gone(h); /* it comes again as another */
		return;
	}
	for (size_t i = 0; i < h->n_pipes && !h->leaving; i++) {
		struct usb_pipe *p = &h->pipes[i];
		bool asked = p->recover == INTERFACE_RESET;

		p->stalls = 0;
		p->recover = 0;
		if (asked) {
			interface_recovered(p->machine, r == 0, clock_monotonic());
		} else { /* whatever came of it, and whatever it was at */
			interface_was_reset(p->machine, clock_monotonic());
		}
	}
	for (size_t i = 0; i < h->n_pipes && !h->leaving; i++) {
		usb_pipe_listen(&h->pipes[i]);
	}
}

/* A device that was in the middle of something is reset: its end would be of another time. */
void usb_slept(struct usb_handle *h)
{
	bool busy = h->resetting;

	for (size_t i = 0; i < h->n_pipes; i++) {
		const struct usb_pipe *p = &h->pipes[i];

		busy = busy || p->recover || p->out.busy || p->out.ended || p->in.busy ||
		       p->in.ended;
	}
	if (busy) {
		begin_reset(&h->pipes[0]);
		return;
	}
	for (size_t i = 0; i < h->n_pipes && !h->leaving; i++) {
		interface_was_reset(h->pipes[i].machine, clock_monotonic());
	}
}

/* Return: whether recovery runs, and no end is to be told. */
static bool recovering(struct usb_pipe *p)
{
	struct usb_handle *h = p->handle;
	bool all_quiet = true;

	if (!h->resetting) {
		if (p->recover && usb_pipe_quiet(p)) {
			clear_halts(p);
		}
		return p->recover != 0;
	}
	for (size_t i = 0; i < h->n_pipes; i++) {
		all_quiet = all_quiet && usb_pipe_quiet(&h->pipes[i]);
	}
	if (all_quiet) {
		reset_device(h);
	}
	return h->resetting != NULL;
}

static bool take(struct usb_urb *x)
{
	bool told = x->ended && !x->dropped;

	x->ended = false;
	return told;
}

static void tell_sent(struct usb_pipe *p)
{
	if (p->out.end == INTERFACE_OK && p->empty_packet) {
		p->empty_packet = false;
		send(p, 0);
		return;
	}
	buf_reset(&p->message); /* it may have held a PIN */
	interface_sent(p->machine, p->out.end, clock_monotonic());
}

static void tell_received(struct usb_pipe *p)
{
	size_t len = (size_t)p->in.transfer->actual_length;

	len = p->in.end == INTERFACE_OK ? len : 0;
	interface_received(p->machine, p->in.end, view_of(p->arriving, len), clock_monotonic());
}

static void tell_noticed(struct usb_pipe *p)
{
	size_t len = (size_t)p->notice.transfer->actual_length;

	if (p->notice.end == INTERFACE_GONE) {
		usb_gone(p->handle);
		return;
	}
	if (p->notice.end == INTERFACE_OK) {
		p->stalls = 0;
		interface_notified(p->machine, view_of(p->noticed, len), clock_monotonic());
	} else if (p->notice.end != INTERFACE_LATE && ++p->stalls > INTERFACE_STALLS_MAX) {
		interface_deaf(p->machine, clock_monotonic());
		return;
	} else if (p->notice.end != INTERFACE_LATE) {
		(void)libusb_clear_halt(
			p->handle->open, p->handle->device->readers[p->index].interrupt_in);
	}
	usb_pipe_listen(p);
}

/* What has ended in @p is told, in the order in which a reader does it. */
void usb_pipe_tell(struct usb_pipe *p)
{
	struct usb_handle *h = p->handle;

	if (!h->leaving && !recovering(p) && take(&p->out)) {
		tell_sent(p);
	}
	if (!h->leaving && !p->recover && !h->resetting && take(&p->in)) {
		tell_received(p);
		wipe(p->arriving, p->arriving_room);
	}
	if (!h->leaving && !p->recover && !h->resetting && take(&p->notice)) {
		tell_noticed(p);
	}
}

void usb_pipe_cancel(struct usb_pipe *p)
{
	cancel(&p->out, true);
	cancel(&p->in, true);
	cancel(&p->notice, true);
}

int usb_pipe_timer(struct usb_pipe *p)
{
	int r = sd_event_add_time(
		p->handle->usb->ev, &p->timer, CLOCK_MONOTONIC, 0, USEC_PER_MS, on_timer, p);

	if (r >= 0) {
		r = sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
	}
	return r < 0 ? fault(r) : 0;
}
