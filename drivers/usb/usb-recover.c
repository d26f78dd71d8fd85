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

bool usb_paused(const struct usb_handle *h)
{
	bool paused = h->work != USB_WORK_NONE || h->resetting;

	for (size_t i = 0; i < h->n_pipes; i++) {
		paused = paused || h->pipes[i].recover || h->pipes[i].unhalt;
	}
	return paused;
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
	for (size_t i = 0; i < h->n_pipes; i++) {
		usb_pipe_park(&h->pipes[i]);
	}
	usb_loop_stir(h->usb);
}

void usb_reset(struct usb_handle *h)
{
	h->resetting = true;
	for (size_t i = 0; i < h->n_pipes; i++) {
		usb_pipe_stop(&h->pipes[i]);
	}
	usb_loop_stir(h->usb);
}

/* All of the device's readers are of no use any more. */
void usb_gone(struct usb_handle *h)
{
	h->gone = true;
	h->leaving = true;
	for (size_t i = 0; i < h->n_pipes; i++) {
		if (!h->pipes[i].machine->broken) {
			interface_gone(h->pipes[i].machine);
		}
	}
	usb_loop_stir(h->usb);
}

/* A device that was in the middle of something is reset: its end would be of another time. */
void usb_slept(struct usb_handle *h)
{
	bool busy = usb_paused(h);

	for (size_t i = 0; i < h->n_pipes; i++) {
		const struct usb_pipe *p = &h->pipes[i];

		busy = busy || (!p->machine->broken && (p->out.busy || p->out.ended ||
							       p->in.busy || p->in.ended));
	}
	if (busy) {
		usb_reset(h);
		return;
	}
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
		interface_look(p->machine, clock_monotonic()); /* a notice may have been lost */
	} /* where it did not help an interrupt pipe it stalls again */
}

static void was_reset(struct usb_handle *h, int r)
{
	h->resetting = false;
	if (r == LIBUSB_ERROR_NOT_FOUND || r == LIBUSB_ERROR_NO_DEVICE) {
		usb_gone(h); /* it comes again as another */
		return;
	}
	for (size_t i = 0; i < h->n_pipes; i++) {
		usb_pipe_forget(&h->pipes[i]);
		h->pipes[i].stalls = 0;
		h->pipes[i].unhalt = false;
	}
	for (size_t i = 0; i < h->n_pipes && !h->leaving; i++) {
		struct usb_pipe *p = &h->pipes[i];
		bool asked = p->recover == INTERFACE_RESET;

		p->recover = 0;
		if (asked) {
			interface_recovered(p->machine, r == 0, clock_monotonic());
		} else { /* whatever came of it, and whatever it was at */
			interface_was_reset(p->machine, clock_monotonic());
		}
	}
}

static void fetch(struct usb_handle *h)
{
	enum usb_work what = h->work;
	int r;

	if (what == USB_WORK_NONE || !usb_worked(h, &r) || h->leaving) {
		return;
	}
	if (what == USB_WORK_RESET) {
		was_reset(h, r);
	} else if (!h->resetting) {
		cleared(h, r);
	} /* else the reset that was asked for meanwhile does it */
}

/* -- what is next -------------------------------------------------------------------------- */

static void clear(struct usb_pipe *p)
{
	const struct ccid_interface *reader = &p->handle->device->readers[p->index];
	const uint8_t all[] = {reader->bulk_out, reader->bulk_in, reader->interrupt_in};
	const uint8_t one[] = {reader->interrupt_in, 0, 0};

	p->unhalt = false;
	p->handle->clearing = p->recover ? p : NULL;
	if (p->recover) {
		usb_pipe_forget(p);
	}
	usb_work(p->handle, USB_WORK_CLEAR, p->recover ? all : one);
}

/* Give the worker what is asked for, when all is quiet; else go on. */
static void proceed(struct usb_handle *h)
{
	bool paused = usb_paused(h);

	if (!paused) {
		for (size_t i = 0; i < h->n_pipes; i++) {
			usb_pipe_resume(&h->pipes[i]);
		}
	} else if (h->work != USB_WORK_NONE || !usb_quiet(h)) {
		return;
	} else if (h->resetting) {
		usb_work(h, USB_WORK_RESET, NULL);
	} else {
		for (size_t i = 0; i < h->n_pipes && h->work == USB_WORK_NONE; i++) {
			if (h->pipes[i].recover || h->pipes[i].unhalt) {
				clear(&h->pipes[i]);
			}
		}
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
