/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the kernel read of a device when it came, from /sys/bus/usb/devices/PORT: nothing is
 * opened and nothing is asked of the device. The bytes of its descriptors are those that the
 * device gave.
 */
#include "drivers/usb/usb.h"

enum usb_sysfs_outcome {
	USB_SYSFS_GONE = 1, /* not there (any more), or cut */
};

/** usb_sysfs_read() - fill release, serial, manufacturer, name, readers, n_readers and refused of @d,
 *  whose port is known. Descriptors of more than 32,786 bytes in all (eight configurations of
 *  DESCRIPTOR_MAX, and the device's own) are refused: DESCRIPTOR_LENGTH; a device that is no reader by its
 *  configuration in force stays DESCRIPTOR_NO_READER. Return: 0, a fault, or USB_SYSFS_GONE. */
int usb_sysfs_read(struct usb_device *d) _must_check_;
