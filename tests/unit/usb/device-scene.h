/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Devices with an owner that notes what it is told, with a libusb of ours (fake-libusb.h) and the real
 * machine of a reader (interface.h). Each test begins with setup() and ends with teardown().
 */
#include "drivers/usb/usb-inside.h"
#include "tests/unit/usb/fake-libusb.h"

extern sd_event *ev;
extern struct usb *usb;
extern struct usb_device *device; /* that came last */
extern struct slot *slot;	  /* whose presence or end was told last */
extern unsigned cames, lefts, presences, ends;
extern enum slot_end end;
extern size_t brought; /* bytes of its answer */
extern const char *why;
extern size_t broke;	/* the reader that did last */
extern unsigned breaks; /* how many have */
extern unsigned closes; /* devices that were let go of */
extern bool claims;	/* what comes is claimed at once */
extern uint64_t rush,
	slept; /* microseconds: each look at the clock takes so long; the machine slept */
extern const struct usb_ops ops;

int setup(void **state);
int teardown(void **state);
void turn(void); /* the loop, until it is idle, and so are threads that are not stuck */
void pass(uint64_t usec); /* so much time, and what is over then */
void start(void);
/** start_claimed() - device 0 is claimed, and waits to be told of its slot. */
void start_claimed(void);
/** start_powered() - ... and has a card with power in it. */
void start_powered(void);
void power(unsigned i, unsigned n); /* the card of reader @n of device @i gets it */
/** reply_of() - the answer to the message that was sent last, by reader @n; reply(): by the first;
 *  reply_by(): of device @i. */
void reply_by(unsigned i, unsigned n, uint8_t type, uint8_t status, struct view data);
void reply_of(unsigned n, uint8_t type, uint8_t status, struct view data);
void reply(uint8_t type, uint8_t status, struct view data);
void transmit(size_t len);
void transmit_to(unsigned i, unsigned n, size_t len); /* reader @n of device @i */

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
