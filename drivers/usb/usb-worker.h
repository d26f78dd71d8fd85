/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Inside usb*.c: threads that wait for the kernel, one for each place of a device (usb.h says why),
 * so that none waits for another's. A worker has one piece of work at a time, given and fetched under
 * its lock; it touches the device's handle alone, which nobody else uses meanwhile and which is not
 * closed before the result was fetched. That there is one is told to the loop by a descriptor that all
 * share.
 */
#include <libusb.h>
#include <pthread.h>

#include "drivers/usb/usb.h"

#define USB_PIPE_ENDS 3U /* endpoints of a pipe */

struct usb_handle;

/** enum usb_work - what a worker does for a device; the kernel answers when it likes. */
enum usb_work {
	USB_WORK_NONE = 0,
	USB_WORK_CLEAR,
	USB_WORK_RESET,
};

struct usb_worker {
	struct usb *usb;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t wake;
	enum usb_work work;
	bool ended, stop; /* ended: the result is there, and not fetched */
	libusb_device_handle *open;
	uint8_t ends[USB_PIPE_ENDS]; /* whose halts are cleared; 0: none */
	int result;
};

/** usb_workers_start() - Return: 0 or a fault; usb_workers_stop() even then. */
int usb_workers_start(struct usb *u) _must_check_;
void usb_workers_stop(struct usb *u); /* all of them are idle */
/** usb_work() - begin; nothing is under way in @h, nor will be before usb_worked().
 *  @ends: for USB_WORK_CLEAR, else NULL. */
void usb_work(struct usb_handle *h, enum usb_work what, const uint8_t ends[USB_PIPE_ENDS]);
/** usb_worked() - whether what was asked for has ended; @ret: 0 or libusb's error. */
bool usb_worked(struct usb_handle *h, int *ret);
