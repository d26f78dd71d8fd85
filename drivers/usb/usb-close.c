/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The end of a handle, turn by turn: its cards are told to be off, each by a message whose answer
 * says so; all transfers end; where a message did not help, nobody can say what the reader does, or it
 * reads as gone, the device is reset (by its worker); it is closed. Each step has its time, but for the worker's: a
 * handle stays until the kernel has given it back.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "drivers/usb/usb-inside.h"

/* Whether nobody can say any more what the reader does with its cards. */
static bool is_lost(const struct usb_handle *h)
{
	bool lost = h->phase != USB_RUNS;

	for (size_t i = 0; i < h->n_pipes; i++) {
		const struct interface *m = h->pipes[i].machine;

		for (size_t k = 0; k < m->reader.slots; k++) {
			lost = lost || m->broken || m->slots[k].waits;
		}
	}
	return lost;
}

static void ask_off(struct usb_pipe *p)
{
	struct usb_handle *h = p->handle;

	for (unsigned k = 0; k < p->machine->reader.slots && !p->machine->broken; k++) {
		const struct slot *s = &p->machine->slots[k];

		if (!s->active && !s->hot) {
			continue;
		}
		if (interface_job(p->machine, k, SLOT_JOB_OFF, VIEW_NULL, clock_monotonic()) ==
			0) {
			p->offs[k] = true;
			h->offs++;
		} else {
			h->lost = true;
		}
	}
}

/* Something is to be over in @usec at most. */
static void give_time(struct usb_handle *h, enum usb_closing what, uint64_t usec)
{
	h->closing = what;
	h->until = clock_monotonic() + usec;
	(void)sd_event_source_set_time(h->timer, h->until);
	(void)sd_event_source_set_enabled(h->timer, SD_EVENT_ONESHOT);
}

static void begin(struct usb_handle *h)
{
	h->released = true;
	h->lost = is_lost(h);
	give_time(h, USB_CLOSING_OFF, USB_CLOSE_USEC);
	for (size_t i = 0; i < h->n_pipes && !h->gone && !h->lost; i++) {
		ask_off(&h->pipes[i]);
	}
}

/* Cards have no power, or have it all the same. */
static void end_off(struct usb_handle *h)
{
	h->lost = h->lost || h->offs > 0;
	for (size_t i = 0; i < h->n_pipes; i++) {
		struct interface *m = h->pipes[i].machine;

		for (size_t k = 0; k < m->reader.slots; k++) {
			h->lost = h->lost || m->slots[k].hot;
		}
	}
	give_time(h, USB_CLOSING_QUIET, USB_QUIET_USEC);
	for (size_t i = 0; i < h->n_pipes; i++) {
		if (!h->pipes[i].machine->broken) {
			interface_gone(h->pipes[i].machine);
		}
		usb_pipe_cancel(&h->pipes[i]);
	}
}

/* What reads as gone may be there all the same: another program took its interfaces away, and has cards
 * with power. A device that has really left is not reset: the kernel says so at once. */
static void end_quiet(struct usb_handle *h)
{
	h->closing = USB_CLOSING_RESET;
	if (h->lost || h->gone) {
		usb_begin_reset(h); /* of all its slots */
	}
}

void usb_close(struct usb_handle *h)
{
	bool late;

	if (h->closing == USB_CLOSING_NOT) {
		begin(h);
	}
	late = clock_monotonic() >= h->until;
	if (h->closing == USB_CLOSING_OFF && (h->offs == 0 || h->lost || h->gone || late)) {
		end_off(h);
		late = false;
	}
	if (h->closing == USB_CLOSING_QUIET && !usb_works(h) && (usb_quiet(h) || late)) {
		end_quiet(h);
	}
	if (h->closing == USB_CLOSING_RESET && !usb_works(h)) {
		(void)usb_handle_free(h);
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
	free(p->arrived);
}

void usb_handle_mute(struct usb_handle *h)
{
	for (size_t i = 0; i < h->n_pipes; i++) {
		h->pipes[i].timer = sd_event_source_disable_unref(h->pipes[i].timer);
	}
	h->timer = sd_event_source_disable_unref(h->timer);
}

struct usb_handle *usb_handle_free(struct usb_handle *h)
{
	for (size_t i = 0; i < h->n_pipes; i++) {
		pipe_done(&h->pipes[i]);
	}
	libusb_close(h->open);
	for (size_t i = 0; i < h->n_pipes; i++) {
		pipe_free(&h->pipes[i]);
	}
	(void)sd_event_source_disable_unref(h->timer);
	h->device->handle = NULL;
	free(h);
	return NULL;
}
