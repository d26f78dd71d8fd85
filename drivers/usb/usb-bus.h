/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Inside usb*.c, the only files that know libusb: the bus. usb-find.c finds devices and tells of them,
 * usb-loop.c lives on the program's loop, usb-worker.c waits for the kernel. What libusb calls back
 * only notes an end, or who came or left; everything else is done in usb_settle(), when libusb has
 * returned: so an interface, a device and what its owner does in a callback never meet a libusb that
 * is at work. usb owns places of devices, their workers and, by the device, its handle (usb-inside.h).
 */
#include "drivers/usb/usb-worker.h"

#define USB_FDS_MAX 64U

/* what is known of a device */
enum usb_at {
	USB_AT_NEW = 0,
	USB_AT_LOOK, /* its worker looks at it */
	USB_AT_TOLD, /* the owner knows it */
	USB_AT_LEFT, /* ... no more; it stays until its handle is closed */
};

struct usb_place {
	struct usb_device d; /* first: the owner's pointer is ours */
	libusb_device *there;
	enum usb_at at;
	bool unplugged;
};

struct usb {
	sd_event *ev;
	const struct usb_ops *ops;
	void *user;
	libusb_context *context;
	libusb_hotplug_callback_handle hotplug;
	bool plugged; /* something came, or left its place */
	bool missed; /* ... and what is there must be looked at anew: at first; no room, no memory */
	bool began; /* the first look is over */
	bool settling;
	bool ending; /* usb_free(): nothing new */
	struct usb_place *devices[USB_DEVICES_MAX];
	struct usb_worker workers[USB_DEVICES_MAX]; /* of the same places */
	bool working;				    /* they are there */
	int done; /* eventfd: one of them has ended something */
	sd_event_source *on_done;
	sd_event_source *turn, *awake;

	struct {
		int fd;
		sd_event_source *source;
	} fds[USB_FDS_MAX];

	uint64_t asleep; /* boot time less monotonic time, when last looked at */
};

/* usb-find.c */
void usb_appear(struct usb *u, libusb_device *there); /* only notes it: libusb may call this */
void usb_vanish(struct usb *u, libusb_device *there); /* likewise */
void usb_find(struct usb *u);			      /* tell whoever left, then whoever came */
void usb_place_free(struct usb_place *one);

/* usb-loop.c */
int usb_loop_start(struct usb *u) _must_check_;
void usb_loop_mute(struct usb *u); /* nothing of it is called any more */
void usb_loop_stop(struct usb *u);
bool usb_loop_slept(const struct usb *u); /* ... since usb_settle() looked last */
void usb_loop_stir(struct usb *u);	  /* usb_settle() in the loop's next turn */
void usb_settle(struct usb *u);
