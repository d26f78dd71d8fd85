/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Inside usb*.c, the only files that know libusb: usb.c finds, opens and closes devices,
 * usb-pipe.c moves bytes, usb-loop.c lives on the program's loop. What libusb calls back only
 * notes an end; everything else is done in usb_settle(), when libusb has returned: so an
 * interface, a device and what its owner does in a callback never meet a libusb that is at
 * work.
 *
 * usb owns devices and their handles; a handle owns its pipes, interfaces and transfers, three
 * a pipe.
 */
#include <libusb.h>

#include "drivers/usb/usb.h"

#define USB_ASK_MS	500U /* milliseconds: a control request of ours, a last message */
#define USB_FDS_MAX	64U
#define USB_NOTICE_ROOM 2048U  /* bytes of one packet of an interrupt pipe, at most */
#define USB_PACKET_MASK 0x7FFU /* of wMaxPacketSize */

/* CCID 1.1 §5.3 */
#define USB_REQUEST_ABORT     0x01U
#define USB_REQUEST_GET_RATES 0x03U

struct usb_pipe;

struct usb_urb {
	struct libusb_transfer *transfer;
	struct usb_pipe *pipe;
	bool busy;    /* with libusb */
	bool ended;   /* its end has not been told yet */
	bool dropped; /* nor will be */
	enum interface_transfer end;
};

struct usb_pipe {
	struct usb_handle *handle;
	size_t index;
	bool claimed;
	struct interface *machine;
	struct usb_urb out, in, notice;
	struct buf message; /* on its way out */
	bool empty_packet;  /* ... and must be followed by one of no length */
	uint8_t *arriving;  /* room for the longest message, in whole packets */
	size_t arriving_room;
	uint8_t noticed[USB_NOTICE_ROOM];
	unsigned
		stalls; /* of the interrupt pipe, in a row; beyond the limit it is left alone */
	int recover;	/* enum interface_recover that is wanted, or 0 */
	sd_event_source *timer;
};

struct usb_handle {
	struct usb *usb;
	struct usb_device *device;
	libusb_device_handle *open;
	struct usb_pipe pipes[DESCRIPTOR_INTERFACES_MAX];
	size_t n_pipes;
	struct usb_pipe *resetting; /* whose reset the others wait for */
	unsigned aborts;	    /* control requests on their way */
	bool gone;		    /* the device is not there any more */
	bool broken;		    /* told to the owner, or not to be told */
	bool leaving;		    /* closed at the end of the turn */
};

struct usb_place {
	struct usb_device d; /* first: the owner's pointer is ours */
	libusb_device *there;
};

struct usb {
	sd_event *ev;
	const struct usb_ops *ops;
	void *user;
	libusb_context *context;
	libusb_hotplug_callback_handle hotplug;
	bool plugged; /* something came or left */
	bool settling;
	struct usb_place *devices[USB_DEVICES_MAX];
	sd_event_source *turn, *awake;

	struct {
		int fd;
		sd_event_source *source;
	} fds[USB_FDS_MAX];

	uint64_t asleep; /* boot time less monotonic time, when last looked at */
};

/* usb-pipe.c */
extern const struct interface_ops usb_pipe_ops;
void usb_pipe_listen(struct usb_pipe *p);
void usb_pipe_tell(
	struct usb_pipe *p); /* what has ended in it, in the order in which a reader does it */
bool usb_pipe_quiet(const struct usb_pipe *p);
void usb_pipe_cancel(struct usb_pipe *p); /* without a word of it */
int usb_pipe_timer(struct usb_pipe *p) _must_check_;
void usb_slept(struct usb_handle *h); /* no card of it counts as powered any more */
void usb_gone(struct usb_handle *h);  /* all of its readers are of no use any more */

/* usb.c */
void usb_rescan(struct usb *u); /* whoever left, then whoever came */
struct usb_handle *usb_handle_free(struct usb_handle *h);

/* usb-loop.c */
int usb_loop_start(struct usb *u) _must_check_;
void usb_loop_stop(struct usb *u);
bool usb_loop_slept(const struct usb *u); /* ... since usb_settle() looked last */
void usb_loop_stir(struct usb *u);	  /* usb_settle() in the loop's next turn */
void usb_settle(struct usb *u);
