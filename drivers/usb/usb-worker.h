/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Inside usb*.c: threads that wait for the kernel, one for each place of a device (usb.h says why),
 * so that none waits for another's. A worker has one job at a time, given and fetched under its lock;
 * it touches what the job names alone, which nobody else uses meanwhile and which stays until the
 * result was fetched. That there is one is told to the loop by a descriptor that all share.
 */
#include <libusb.h>
#include <pthread.h>

#include "drivers/usb/usb.h"

#define USB_PIPE_ENDS 3U /* endpoints of a pipe */

/** enum usb_work - what a worker does for a device; the kernel answers when it likes. */
enum usb_work {
	USB_WORK_NONE = 0,
	USB_WORK_CLEAR, /* halts: libusb_clear_halt() */
	USB_WORK_RESET, /* libusb_reset_device() */
	USB_WORK_LOOK,	/* usb_sysfs_read() */
};

struct usb_job {
	enum usb_work what;
	libusb_device_handle *open;  /* CLEAR, RESET */
	uint8_t ends[USB_PIPE_ENDS]; /* CLEAR: of these endpoints; 0: none */
	struct usb_device *device;   /* LOOK */
};

struct usb_worker {
	struct usb *usb;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t wake;
	struct usb_job job;
	bool ended, stop; /* ended: the result is there, and not fetched */
	int result;
};

/** usb_workers_start() - Return: 0 or a fault; usb_workers_stop() even then. */
int usb_workers_start(struct usb *u) _must_check_;
void usb_workers_stop(struct usb *u); /* all of them are idle */
/** usb_work() - begin; @w has nothing to do. */
void usb_work(struct usb_worker *w, const struct usb_job *job);
/** usb_worked() - whether what was asked for has ended; @ret: what the call of enum usb_work returned. */
bool usb_worked(struct usb_worker *w, int *ret);
