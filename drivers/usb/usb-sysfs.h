/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the kernel read of a device when it came, from /sys/bus/usb/devices/PORT: nothing is
 * opened and nothing is asked of the device. The bytes of its descriptors are those that the
 * device gave. Of the files, `descriptors` alone is given at once (since Linux 6.3, and what was
 * mended with it: 6.1.16, 5.15.99, 5.10.173); the others when nobody has the
 * device locked, as the kernel does while it sets the device up (by requests of 5 s each).
 */
#include "drivers/usb/usb.h"

enum usb_sysfs_outcome {
	USB_SYSFS_GONE = 1, /* not there (any more), or cut */
};

/** usb_sysfs_reader() - whether the device there may be a reader, in whatever configuration: by its
 *  descriptors alone. One that is not there (any more) is none. */
bool usb_sysfs_reader(const char *port);
/** usb_sysfs_read() - fill release, serial, manufacturer, name, readers, n_readers and refused of @d,
 *  whose port is known. Descriptors of more than 32,786 bytes in all (eight configurations of
 *  DESCRIPTOR_MAX, and the device's own) are refused: DESCRIPTOR_LENGTH; a device that is no reader by its
 *  configuration in force stays DESCRIPTOR_NO_READER. Return: 0, a fault, or USB_SYSFS_GONE. */
int usb_sysfs_read(struct usb_device *d) _must_check_;
