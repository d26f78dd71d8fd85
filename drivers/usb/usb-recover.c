/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Recovery of a device: halts that are cleared, resets, sleep. The device's worker does it
 * (usb-worker.c), when all of the device's transfers have ended: the kernel locks a device meanwhile,
 * and who asked for anything of it would wait. What another pipe of it has under way is taken back
 * and goes on afterwards (a reader keeps what nobody fetches); only a message that goes out just then
 * is waited for. A reset ends what everybody has. However long the kernel takes, interfaces keep
 * their own deadlines and end by name.
 */
#include "base/clock.h"
#include "drivers/usb/usb-inside.h"

bool usb_works(const struct usb_handle *h)
{
	return h->phase == USB_CLEARS || h->phase == USB_RESETS;
}

bool usb_quiet(const struct usb_handle *h)
{
	bool all = h->aborts == 0;

	for (size_t i = 0; i < h->n_pipes; i++) {
		all = all && usb_pipe_quiet(&h->pipes[i]);
	}
	return all;
}

void usb_pause(struct usb_handle *h)
{
	h->phase = h->phase == USB_RUNS ? USB_PAUSES : h->phase;
	for (size_t i = 0; i < h->n_pipes; i++) {
		usb_pipe_park(&h->pipes[i]);
	}
	usb_loop_stir(h->usb);
}

void usb_reset(struct usb_handle *h)
{
	h->resetting = true;
	h->phase = h->phase == USB_RUNS ? USB_PAUSES : h->phase;
	for (size_t i = 0; i < h->n_pipes; i++) {
		usb_pipe_stop(&h->pipes[i]);
	}
	usb_loop_stir(h->usb);
}

/* All of the device's readers are of no use any more. */
static void give_up(struct usb_handle *h, void (*end)(struct interface *i))
{
	h->leaving = true;
	for (size_t i = 0; i < h->n_pipes; i++) {
		if (!h->pipes[i].machine->broken) {
			end(h->pipes[i].machine);
		}
	}
	usb_loop_stir(h->usb);
}

void usb_gone(struct usb_handle *h)
{
	h->gone = true;
	give_up(h, interface_gone);
}

/* A device that was in the middle of something is reset: its end would be of another time. Whatever ran
 * when the kernel suspended it has ended as if it were gone: that says nothing, and is not told. */
void usb_slept(struct usb_handle *h)
{
	bool busy = h->phase != USB_RUNS;

	for (size_t i = 0; i < h->n_pipes; i++) {
		const struct usb_pipe *p = &h->pipes[i];

		busy = busy || (!p->machine->broken && (p->out.busy || p->out.ended ||
							       p->in.busy || p->in.ended));
	}
	if (busy) {
		usb_reset(h);
		return;
	}
	for (size_t i = 0; i < h->n_pipes; i++) {
		usb_pipe_cancel(&h->pipes[i]);
	}
	usb_pause(h); /* until these have ended */
	for (size_t i = 0; i < h->n_pipes && !h->leaving; i++) {
		interface_was_reset(h->pipes[i].machine, clock_monotonic());
	}
}

/* -- what a worker has done ---------------------------------------------------------------- */

static void cleared(struct usb_handle *h, int r)
{
	struct usb_pipe *p = h->clearing;

	if (r == LIBUSB_ERROR_NO_DEVICE) {
		usb_gone(h);
	} else if (p && p->recover == INTERFACE_CLEAR_HALT) {
		p->recover = 0;
		interface_recovered(p->machine, r == 0, clock_monotonic());
	} /* where it did not help an interrupt pipe it stalls again */
	for (size_t i = 0; i < h->n_pipes && !h->leaving; i++) {
		if (!h->pipes[i].machine->broken) { /* a notice may have been lost */
			interface_look(h->pipes[i].machine, clock_monotonic());
		}
	}
}

/* One that breaks on the way may ask for a reset of its own: that comes afterwards. */
static void was_reset(struct usb_handle *h, int r)
{
	h->resetting = false;
	if (r == LIBUSB_ERROR_NOT_FOUND || r == LIBUSB_ERROR_NO_DEVICE) {
		usb_gone(
			h); /* it comes again as another, or another program took it meanwhile */
		return;
	}
	if (r != 0) { /* libusb has let go of its interfaces, and not taken them again */
		give_up(h, interface_lost);
		return;
	}
	for (size_t i = 0; i < h->n_pipes; i++) {
		usb_pipe_forget(&h->pipes[i]);
		h->pipes[i].notice.ended = false; /* every slot is asked */
		h->pipes[i].stalls = 0;
		h->pipes[i].unhalt = false;
	}
	for (size_t i = 0; i < h->n_pipes && !h->leaving; i++) {
		struct usb_pipe *p = &h->pipes[i];
		bool asked = p->recover == INTERFACE_RESET;

		p->recover = 0;
		if (asked) {
			interface_recovered(p->machine, true, clock_monotonic());
		} else { /* whatever it was at */
			interface_was_reset(p->machine, clock_monotonic());
		}
	}
}

static void fetch(struct usb_handle *h)
{
	enum usb_phase at = h->phase;
	int r;

	if (!usb_works(h) || !usb_worked(h->worker, &r)) {
		return;
	}
	h->phase = USB_PAUSES;
	if (h->leaving) {
		return;
	}
	if (at == USB_RESETS) {
		was_reset(h, r);
	} else if (!h->resetting) {
		cleared(h, r);
	} /* else the reset that was asked for meanwhile does it */
}

/* -- what is next -------------------------------------------------------------------------- */

static void clear(struct usb_pipe *p)
{
	const struct ccid_interface *reader = &p->handle->device->readers[p->index];
	struct usb_job job = {.what = USB_WORK_CLEAR,
		.open = p->handle->open,
		.ends = {0, 0, reader->interrupt_in}};

	p->unhalt = false;
	p->handle->clearing = p->recover ? p : NULL;
	if (p->recover) {
		usb_pipe_forget(p);
		job.ends[0] = reader->bulk_out;
		job.ends[1] = reader->bulk_in;
	}
	p->handle->phase = USB_CLEARS;
	usb_work(p->handle->worker, &job);
}

void usb_begin_reset(struct usb_handle *h)
{
	const struct usb_job job = {.what = USB_WORK_RESET, .open = h->open};

	h->phase = USB_RESETS;
	usb_work(h->worker, &job);
}

static void resume(struct usb_handle *h)
{
	h->phase = USB_RUNS;
	for (size_t i = 0; i < h->n_pipes; i++) {
		usb_pipe_resume(&h->pipes[i]);
	}
}

/* Give the worker what is asked for, when all is quiet; if nothing is, go on. */
static void proceed(struct usb_handle *h)
{
	bool asked = h->resetting;

	if (h->phase != USB_PAUSES || !usb_quiet(h)) {
		return;
	}
	if (h->resetting) {
		usb_begin_reset(h);
	}
	for (size_t i = 0; i < h->n_pipes && !asked; i++) {
		asked = h->pipes[i].recover || h->pipes[i].unhalt;
		if (asked) {
			clear(&h->pipes[i]);
		}
	}
	if (!asked) {
		resume(h);
	}
}

void usb_turn(struct usb_handle *h)
{
	fetch(h);
	for (size_t i = 0; i < h->n_pipes; i++) {
		usb_pipe_tell(&h->pipes[i]);
	}
	if (!h->leaving) {
		proceed(h);
	}
}
