/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * usb.h and what serve*.c asks of interface.h, without devices: a test plugs readers, puts
 * cards in, and ends the jobs that were begun. Linked instead of usb*.c and interface*.c;
 * shared with tests/fuzz/fuzz-usb-serve.c.
 */
#include "drivers/usb/usb.h"

#define FAKE_DEVICES 4U
#define FAKE_NEXT                                                                              \
	DESCRIPTOR_SLOTS_MAX /* added to a slot: that of the device's next interface */

struct fake_device {
	struct usb_device d;
	struct interface machines[DESCRIPTOR_INTERFACES_MAX];
	bool plugged, told, claimed;
	bool closing; /* it was let go of, or all of it broke, and it is not closed ... */
	bool lingers; /* ... until fake_close(); else as the loop turns */
	int answer;   /* of usb_claim() */
	unsigned claims, releases;
	unsigned early; /* claims while it is closing */
	unsigned colds[DESCRIPTOR_INTERFACES_MAX *
		       FAKE_NEXT]; /* of each slot: no power, for sure */
};

struct fake_usb {
	struct fake_device devices[FAKE_DEVICES];
	const struct usb_ops *ops;
	void *user;
	bool made;	    /* between usb_new() and usb_free() */
	int refuses;	    /* what interface_job() and _pin() return */
	bool keeps_power;   /* OFF is done, and the card has its power all the same */
	struct buf command; /* of the last job */
	struct slot_pin pin;
	unsigned jobs, aborts, idles, watches;
};

extern struct fake_usb fake_usb;

void fake_reset(void);
/** fake_reader() - device @i is one reader of @slots; @interrupt: it tells of cards by itself. */
void fake_reader(unsigned i, uint16_t vendor, uint16_t product, uint8_t slots, bool interrupt);
void fake_interfaces(unsigned i, size_t n); /* of @slots each; before it is plugged */
void fake_plug(unsigned i); /* told at once when serve is there, else by its loop */
void fake_unplug(unsigned i);
void fake_break(unsigned i, const char *why); /* all of it */
void fake_break_one(unsigned i, size_t reader, const char *why);
void fake_close(unsigned i); /* it was let go of: nothing of it is held any more */
struct slot *fake_slot(unsigned i, unsigned slot);
void fake_card(unsigned i, unsigned slot, bool in); /* came, left; in twice: swapped unseen */
void fake_end(unsigned i, unsigned slot, enum slot_end end); /* the job that runs */
/** fake_answer() - the job that runs has brought @bytes: an ATR, or a card's answer. */
void fake_answer(unsigned i, unsigned slot, struct view bytes);
