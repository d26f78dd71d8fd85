/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * USB devices by libusb, on an sd-event loop: usb*.c alone know libusb.
 * Finds devices with a smart card interface, now and as they come (hot plug), opens and claims those
 * that its owner wants, and moves bytes between their pipes and interface.h. Transfers are
 * asynchronous; a device that is not claimed is not opened: what it says of itself is what the
 * kernel read when it came (usb-sysfs.h).
 *
 * What can only be waited for is done by threads, one a device, that do nothing else: clearing halts
 * (5 s each, the kernel's limit), resetting (longer where a device is deaf), and reading of a new
 * device's strings, which the kernel gives when it has done with setting the device up. usbfs has no
 * other way to clear a halt on the host's side too, or to reset; a thread shared by devices would let
 * one keep another waiting; and none can be made later (the filter), so all are made at the start. They
 * hold no data of cards. The kernel locks a device meanwhile: all of its transfers end or are taken
 * back before, and go on afterwards.
 * The loop itself waits for a device
 *  - when the program starts, for all that are there: nobody uses a card yet;
 *  - in usb_claim(): half a second at most for each interface with a list of rates;
 *  - in usb_claim(), where a transfer begins or is taken back, and where it is let go of, while the
 *    kernel has the device locked for somebody else: another interface's driver that begins, ends or
 *    resets it, or sleep;
 *  - for libusb's own look at the bus, where more than USB_DEVICES_MAX readers were there;
 *  - in usb_free(); and, where it is unplugged just then, for the kernel to see that nobody answers.
 */
#include <systemd/sd-event.h>

#include "base/readers.h"
#include "drivers/usb/interface.h"

#define USB_DEVICES_MAX 32U
#define USB_TEXT_MAX	64U
/* microseconds: cards are told to be off; transfers end; usb_free() in all. *Invented* */
#define USB_CLOSE_USEC	2000000U
#define USB_QUIET_USEC	1000000U
#define USB_END_USEC	10000000U

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
	USB_LEAVING, /* we have not let go of it yet */
};

struct usb_ops {
	void (*came)(void *user, struct usb_device *d);
	void (*left)(void *user, struct usb_device *d); /* still valid during the call */
	/* nothing is held of one that was let go of, by usb_release() or by itself when all of it broke:
	 * usb_claim() may have it anew. Not called for one that left, nor by usb_free() */
	void (*closed)(void *user, struct usb_device *d);
	/* of interfaces: as interface_ops; not to call usb_claim() in. After usb_release() too: what still runs then ends, by
	 * SLOT_UNPLUGGED at the latest; what takes the cards' power is not told of */
	void (*ended)(void *user, struct usb_device *d, size_t reader, struct slot *slot,
		enum slot_job job, enum slot_end end);
	void (*presence)(void *user, struct usb_device *d, size_t reader, struct slot *slot);
	/* one of its readers is broken, and told of no more; the others go on, but for a reset where the
	 * broken one's cards may have power. A reset that fails breaks all ("reader-mute"). When all are
	 * the device is let go of after the call */
	void (*broken)(void *user, struct usb_device *d, size_t reader, const char *why);
};

/** usb_new() - came() is called from the loop for every device that is there, in its first turn. The
 *  33rd reader (USB_DEVICES_MAX) is told of when another one has left. Return: 0 or a fault. */
int usb_new(sd_event *ev, const struct usb_ops *ops, void *user, struct usb **ret) _must_check_;
/** usb_ready() - make the threads, before the program gives up making any; without them (a list) nothing
 *  can be claimed, and devices that come are waited for. Return: 0 or a fault. */
int usb_ready(struct usb *u) _must_check_;
/** usb_free() - cards lose their power (by a message each whose answer says so, else by a reset of
 *  their device), interfaces are released; waits USB_END_USEC at most. What the kernel has not given
 *  back by then stays its thread's until the program ends. */
struct usb *usb_free(struct usb *u);
/** usb_claim() - open @d, claim all its smart card interfaces, begin to listen. After usb_ready().
 *  Return: 0, a fault, or an usb_outcome_claim; then nothing of it is held. */
int usb_claim(struct usb *u, struct usb_device *d) _must_check_;
/** usb_release() - let go of it as the loop turns; its cards lose their power first. Until that is
 *  done usb_claim() says USB_LEAVING. */
void usb_release(struct usb *u, struct usb_device *d);
/** usb_idle() - no device is open, being let go of, or looked at by a thread: usb_free() waits for nothing. */
bool usb_idle(const struct usb *u);
/** usb_device() - the i-th, NULL past the end. */
struct usb_device *usb_device(struct usb *u, size_t i);
