/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * USB devices by libusb, on an sd-event loop: usb.c, usb-pipe.c and usb-loop.c alone know libusb.
 * Finds devices with a smart card interface, now and as they come (hot plug), opens and claims those
 * that its owner wants, and moves bytes between their pipes and interface.h. Transfers are
 * asynchronous; a device that is not claimed is not opened: what it says of itself is what the
 * kernel read when it came (usb-sysfs.h).
 *
 * What blocks the loop: clearing halts (at most 5 s, the kernel's own limit of a control request: after
 * the first that fails no other is tried), resetting a device (some 5 s where it is deaf), and letting go
 * of devices (USB_CLOSE_USEC in all, and a reset each where their cards cannot be told to be off).
 */
#include <systemd/sd-event.h>

#include "base/readers.h"
#include "drivers/usb/interface.h"

#define USB_DEVICES_MAX 32U
#define USB_TEXT_MAX	64U
#define USB_CLOSE_USEC	2000000U /* microseconds */

struct usb;

/** struct usb_device - one device on the bus, as its owner sees it; valid until ops.left(). */
struct usb_device {
	uint8_t bus, address;
	char port[32]; /* "1-2.3": bus and ports, as in sysfs; the same plug, the same word */
	uint16_t vendor, product, release;
	char serial[USB_TEXT_MAX];			     /* printable ASCII; empty: none */
	char manufacturer[USB_TEXT_MAX], name[USB_TEXT_MAX]; /* its own words */
	const struct reader_known *known;		     /* or NULL */
	struct ccid_interface readers[DESCRIPTOR_INTERFACES_MAX];
	size_t n_readers;
	enum descriptor_outcome refused;			 /* 0, or why it is of no use */
	struct interface *interfaces[DESCRIPTOR_INTERFACES_MAX]; /* after usb_claim() */
	void *user;						 /* the owner's */
	struct usb_handle *handle;				 /* usb.c; NULL: not opened */
};

enum usb_outcome_claim {
	USB_HELD = 1, /* another program has an interface of it */
	USB_DENIED,   /* no permission for its node */
	USB_VANISHED,
	USB_USELESS, /* refused: see descriptor_outcome */
};

struct usb_ops {
	void (*came)(void *user, struct usb_device *d);
	void (*left)(void *user, struct usb_device *d); /* still valid during the call */
	/* of interfaces: as interface_ops */
	void (*ended)(void *user, struct usb_device *d, size_t reader, struct slot *slot,
		enum slot_job job, enum slot_end end);
	void (*presence)(void *user, struct usb_device *d, size_t reader, struct slot *slot);
	/* a reader of it is broken; the device is let go of after the call */
	void (*broken)(void *user, struct usb_device *d, const char *why);
};

/** usb_new() - came() is called from the loop for every device that is there. Return: 0 or a fault. */
int usb_new(sd_event *ev, const struct usb_ops *ops, void *user, struct usb **ret) _must_check_;
/** usb_free() - cards lose their power (by a message each whose answer says so, else by a reset of
 *  their device), interfaces are released. */
struct usb *usb_free(struct usb *u);
/** usb_claim() - open @d, claim all its smart card interfaces, begin to listen.
 *  Return: 0, a fault, or an usb_outcome_claim; then nothing of it is held. */
int usb_claim(struct usb *u, struct usb_device *d) _must_check_;
/** usb_release() - let go of it when the loop turns; its cards lose their power first. */
void usb_release(struct usb *u, struct usb_device *d);
/** usb_device() - the i-th, NULL past the end. */
struct usb_device *usb_device(struct usb *u, size_t i);
