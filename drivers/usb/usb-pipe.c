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

/* without a stall of the interrupt pipe, and those before are forgotten: notices between them are not,
 * else a device could keep its worker, and its other readers, busy for ever. *Invented* */
#define CALM_USEC 10000000U

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
	int r;

	assert(!x->busy);
	r = libusb_submit_transfer(x->transfer);
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
	p->held = false;
	p->wanted = p->n_aborts = 0;
	cancel(&p->out, true);
	cancel(&p->in, true);
	cancel(&p->notice, false); /* what it has brought is news all the same */
}

void usb_pipe_park(struct usb_pipe *p)
{
	if (!p->in.dropped) {
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
	if (p->handle->leaving || p->handle->phase != USB_RUNS) {
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

/* Now, or when the device runs again. */
static void begin_fetch(struct usb_pipe *p, size_t bytes)
{
	if (p->handle->phase == USB_RUNS) {
		fetch(p, bytes);
	} else {
		p->wanted = bytes;
	}
}

static void LIBUSB_CALL on_aborted(struct libusb_transfer *t)
{
	struct usb_handle *h = t->user_data;

	h->aborts--;
	usb_loop_stir(h->usb); /* somebody may wait for quiet */
	free(t->buffer);
	libusb_free_transfer(t);
}

/* What this cannot do the slot's deadline does. */
static void request_abort(struct usb_pipe *p, uint16_t value)
{
	struct libusb_transfer *t = libusb_alloc_transfer(0);
	unsigned char *setup = malloc(LIBUSB_CONTROL_SETUP_SIZE);

	if (t && setup) {
		libusb_fill_control_setup(setup,
			LIBUSB_ENDPOINT_OUT | LIBUSB_REQUEST_TYPE_CLASS |
				LIBUSB_RECIPIENT_INTERFACE,
			USB_REQUEST_ABORT, value, p->handle->device->readers[p->index].number,
			0);
		libusb_fill_control_transfer(
			t, p->handle->open, setup, on_aborted, p->handle, USB_ASK_MS);
		if (libusb_submit_transfer(t) == 0) {
			p->handle->aborts++;
			return;
		}
	}
	free(setup);
	libusb_free_transfer(t);
}

void usb_pipe_resume(struct usb_pipe *p)
{
	size_t bytes = p->wanted;
	bool held = p->held;

	for (size_t i = 0; i < p->n_aborts; i++) {
		request_abort(p, p->aborts[i]);
	}
	p->held = false;
	p->wanted = p->n_aborts = 0;
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
	p->held = p->handle->phase != USB_RUNS;
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
	begin_fetch(p, whole < p->arriving_room ? whole : p->arriving_room);
}

/* A slot aborts once at a time, and a recovery that ends aborts forgets what waits here. */
static void do_abort(void *user, uint8_t slot, uint8_t seq)
{
	struct usb_pipe *p = user;
	uint16_t value = (uint16_t)(slot | (unsigned)seq << 8);

	if (p->handle->phase == USB_RUNS) {
		request_abort(p, value);
	} else if (p->n_aborts < DESCRIPTOR_SLOTS_MAX) {
		p->aborts[p->n_aborts++] = value;
	}
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

	if (p->offs[slot->number]) {
		p->offs[slot->number] = false;
		h->offs--;
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
	p->empty_packet = p->held = false;
	p->wanted = p->n_aborts = 0;
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
	uint8_t *next = p->arrived;
	size_t len = (size_t)p->in.transfer->actual_length;
	bool back = p->in.end ==
		    INTERFACE_LATE; /* taken back: none of these has a time of its own */

	if (back && len == 0) {
		begin_fetch(p, (size_t)p->in.transfer->length);
		return;
	}
	len = p->in.end == INTERFACE_OK || back ? len : 0;
	/* the next transfer may begin before this one's bytes are done with */
	p->arrived = p->arriving;
	p->arriving = next;
	interface_received(p->machine, p->in.end, view_of(p->arrived, len), clock_monotonic());
	wipe(p->arrived, p->arriving_room);
}

static void tell_noticed(struct usb_pipe *p)
{
	size_t len = (size_t)p->notice.transfer->actual_length;
	uint64_t now = clock_monotonic();

	if (p->notice.end == INTERFACE_OK || (p->notice.end == INTERFACE_LATE && len > 0)) {
		interface_notified(p->machine, view_of(p->noticed, len), now);
	} else if (p->notice.end != INTERFACE_LATE) {
		p->stalls = now >= p->calm ? 1 : p->stalls + 1;
		p->calm = now + CALM_USEC;
		if (p->stalls > INTERFACE_STALLS_MAX) {
			interface_deaf(p->machine, now);
			return;
		}
		if (!p->handle->leaving) {
			p->unhalt = true;
			usb_pause(p->handle);
		}
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
