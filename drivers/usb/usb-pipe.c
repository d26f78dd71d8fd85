/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One claimed interface: its transfers, and the machine (interface.h) that they serve. Every
 * transfer ends once: told to the machine, dropped where it asked for a recovery, or taken back for
 * somebody else's (usb-recover.c) and begun anew. While the device is paused nothing begins: it waits
 * until that is over. Buffers that held commands or answers are wiped, however their transfers end.
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

void usb_pipe_cancel(struct usb_pipe *p)
{
	cancel(&p->out, true);
	cancel(&p->in, true);
	cancel(&p->notice, true);
}

void usb_pipe_stop(struct usb_pipe *p)
{
	p->parked = p->held = false;
	p->wanted = 0;
	cancel(&p->out, true);
	cancel(&p->in, true);
	cancel(&p->notice, false); /* what it has brought is news all the same */
}

void usb_pipe_park(struct usb_pipe *p)
{
	if (p->in.busy && !p->in.dropped) {
		p->parked = true;
		cancel(&p->in, false);
	}
	if (!p->notice.dropped) {
		cancel(&p->notice, false);
	}
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

	if (reader->interrupt_in == 0 || p->notice.busy || p->notice.ended ||
		p->stalls > INTERFACE_STALLS_MAX || p->machine->broken) {
		return;
	}
	if (p->handle->leaving || usb_paused(p->handle)) {
		return; /* when that is over */
	}
	libusb_fill_interrupt_transfer(p->notice.transfer, p->handle->open,
		reader->interrupt_in, p->noticed, (int)room, on_transfer, &p->notice, 0);
	submit(&p->notice);
}

static void fetch(struct usb_pipe *p, size_t bytes)
{
	libusb_fill_bulk_transfer(p->in.transfer, p->handle->open, p->machine->reader.bulk_in,
		p->arriving, (int)bytes, on_transfer, &p->in, 0);
	submit(&p->in);
}

void usb_pipe_resume(struct usb_pipe *p)
{
	size_t bytes = p->wanted;
	bool held = p->held;

	p->held = false;
	p->wanted = 0;
	if (held) {
		send(p, p->message.len);
	}
	if (bytes > 0) {
		fetch(p, bytes);
	}
	usb_pipe_listen(p);
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
	p->held = usb_paused(p->handle);
	if (!p->held) {
		send(p, message.len);
	}
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
	if (usb_paused(p->handle)) {
		p->wanted = whole;
	} else {
		fetch(p, whole);
	}
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
	struct libusb_transfer *t;
	unsigned char *setup;

	if (usb_paused(p->handle)) {
		return; /* the slot's deadline does it */
	}
	t = libusb_alloc_transfer(0);
	setup = malloc(LIBUSB_CONTROL_SETUP_SIZE);
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

static void do_recover(void *user, enum interface_recover how)
{
	struct usb_pipe *p = user;
	struct usb_handle *h = p->handle;

	h->lost = h->lost || h->leaving; /* a reset comes anyway */
	p->recover = (int)how;
	usb_pipe_stop(p);
	if (how == INTERFACE_RESET) {
		usb_reset(h);
	} else {
		usb_pause(h);
	}
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
	struct usb_handle *h = p->handle;

	if (h->closing == USB_CLOSING_OFF && job == SLOT_JOB_OFF && h->offs > 0) {
		h->offs--; /* our own */
		h->lost = h->lost || end != SLOT_DONE;
		usb_loop_stir(h->usb);
		return;
	}
	h->usb->ops->ended(h->usb->user, h->device, p->index, slot, job, end);
}

static void do_presence(void *user, struct slot *slot)
{
	struct usb_pipe *p = user;
	struct usb_handle *h = p->handle;

	if (!h->released) {
		h->usb->ops->presence(h->usb->user, h->device, p->index, slot);
	}
}

/* A card of it may have power, and nobody can take it but by a reset of them all. */
static bool is_hot(const struct usb_pipe *p)
{
	bool hot = false;

	for (size_t i = 0; i < p->machine->reader.slots; i++) {
		hot = hot || p->machine->slots[i].hot;
	}
	return hot;
}

static void do_broken(void *user, const char *why)
{
	struct usb_pipe *p = user;
	struct usb_handle *h = p->handle;
	bool all = true;

	for (size_t i = 0; i < h->n_pipes; i++) {
		all = all && h->pipes[i].machine->broken;
	}
	p->recover = 0;
	p->unhalt = false;
	usb_pipe_stop(p);
	h->leaving = h->leaving || all;
	if (!h->leaving && is_hot(p)) {
		usb_reset(h);
	}
	usb_loop_stir(h->usb);
	if (!h->released) {
		h->usb->ops->broken(h->usb->user, h->device, p->index, why);
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
	if (p->handle->closing <= USB_CLOSING_OFF) {
		interface_due(p->machine, clock_monotonic());
		usb_settle(p->handle->usb);
	}
	return 0;
}

/* -- ends of transfers --------------------------------------------------------------------- */

/* Both bulk pipes are quiet, and nobody is told of what they carried. */
void usb_pipe_forget(struct usb_pipe *p)
{
	p->out.ended = p->in.ended = false;
	p->empty_packet = p->parked = p->held = false;
	p->wanted = 0;
	buf_reset(&p->message); /* they may have held a PIN */
	wipe(p->arriving, p->arriving_room);
}

/* Return: whether its end is its pipe's own matter, and to be told. */
static bool take(struct usb_urb *x)
{
	bool told = x->ended && !x->dropped;

	x->ended = false;
	if (told && x->end == INTERFACE_GONE) {
		usb_gone(x->pipe->handle);
		return false;
	}
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
	bool parked = p->parked && p->in.end == INTERFACE_LATE;

	p->parked = false;
	if (parked && len == 0) { /* begun anew afterwards */
		p->wanted = (size_t)p->in.transfer->length;
		return;
	}
	len = p->in.end == INTERFACE_OK || parked ? len : 0;
	interface_received(p->machine, p->in.end, view_of(p->arriving, len), clock_monotonic());
}

static void tell_noticed(struct usb_pipe *p)
{
	size_t len = (size_t)p->notice.transfer->actual_length;

	if (p->notice.end == INTERFACE_OK) {
		p->stalls = 0;
		interface_notified(p->machine, view_of(p->noticed, len), clock_monotonic());
	} else if (p->notice.end != INTERFACE_LATE && ++p->stalls > INTERFACE_STALLS_MAX) {
		interface_deaf(p->machine, clock_monotonic());
		return;
	} else if (p->notice.end != INTERFACE_LATE && !p->handle->leaving) {
		p->unhalt = true;
		usb_pause(p->handle);
	}
	usb_pipe_listen(p);
}

/* Whether ends are of no interest, now or any more. */
static bool is_silent(const struct usb_pipe *p)
{
	const struct usb_handle *h = p->handle;

	return h->gone || h->closing > USB_CLOSING_OFF || h->resetting || p->recover ||
	       p->machine->broken;
}

/* What has ended in @p is told, in the order in which a reader does it. */
void usb_pipe_tell(struct usb_pipe *p)
{
	if (!is_silent(p) && take(&p->out)) {
		tell_sent(p);
	}
	if (!is_silent(p) && take(&p->in)) {
		tell_received(p);
		wipe(p->arriving, p->arriving_room);
	}
	if (!is_silent(p) && take(&p->notice)) {
		tell_noticed(p);
	}
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
