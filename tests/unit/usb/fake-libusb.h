/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * libusb without a bus: devices that a test plugs, whose transfers it ends. Linked instead of
 * libusb and of usb-sysfs.c. A device has readers of one slot, whose bulk-out messages end at
 * once (or when told) and are kept; bulk-in and interrupt transfers end when the test gives them bytes, or a
 * status. What the real one can only wait for is called by threads: what they and the test both see is
 * atomic, and nothing else may be asked of a device meanwhile, nor be under way.
 */
#include <libusb.h>
#include <stdatomic.h>

#include "drivers/usb/usb.h"

#define LIB_DEVICES   34U
#define LIB_TRANSFERS 64U
#define LIB_UNTOUCHED 0xA5  /* a transfer in: its room before bytes have come */
#define LIB_OUT	      0x01U /* endpoints of the first reader; 0x10 more for the next */
#define LIB_IN	      0x82U
#define LIB_INTERRUPT 0x83U

struct libusb_device {
	atomic_bool there; /* on the bus */
	bool listed;	   /* known to libusb */
	unsigned refs;
	uint8_t bus, address, port;
	size_t readers;
	bool no_interrupt;
	const char *serial;
	bool unknown; /* to the table of readers */
	int sysfs;    /* of usb_sysfs_read() */
	bool slow;    /* ... in whose strings stuck is seen too */
	enum descriptor_outcome refused;
	int opens; /* of libusb_open(), and so on: 0 or an error */
	int claims[DESCRIPTOR_INTERFACES_MAX];
	int clears, resets, submits, syncs;
	uint8_t off; /* bStatus of the answer to a power off that nobody replies to; FF: none comes */
	bool offed; /* ... it is due */
	atomic_bool
		stuck; /* the kernel does not come back, until the test says so: lib_free_stuck() */
	atomic_bool stuck_reset;	 /* ... from a reset alone */
	atomic_uint waits;		 /* threads that are in such a call */
	atomic_uint running;		 /* transfers */
	enum libusb_transfer_status out; /* how the next bulk-out transfers end */
	bool slow_out;			 /* ... when the test says so */
	bool deaf;			 /* cancelled transfers do not end */
	uint8_t partly,
		part[10]; /* one at that endpoint has brought so much when it is cancelled */
	unsigned open, claimed; /* how many are now */
	unsigned n_clears, n_resets, n_sent, n_empty, n_aborts;
	struct buf sent; /* the last message */
};

struct libusb_device_handle {
	struct libusb_device *device;
};

struct fake_lib {
	struct libusb_device devices[LIB_DEVICES];
	bool no_hotplug, no_timerfd;
	int inits;  /* of libusb_init() */
	bool plain; /* a handle's descriptor is a plain file, not for epoll */
	unsigned contexts;
	unsigned transfers; /* allocated */
};

extern struct fake_lib fake_lib;

void lib_reset(void);
void lib_plug(unsigned i);
void lib_unplug(unsigned i); /* what runs ends with NO_DEVICE, then the message of it comes */
/** lib_end() - the transfer at @endpoint of device @i ends, with @bytes. Return: whether there was one. */
bool lib_end(
	unsigned i, uint8_t endpoint, enum libusb_transfer_status status, struct view bytes);
bool lib_runs(unsigned i, uint8_t endpoint);
/** lib_wait_stuck() - until a thread is in a call that does not come back. */
void lib_wait_stuck(unsigned i);
bool lib_stuck(const struct usb_device *d); /* one is, or will be */
void lib_free_stuck(unsigned i);
