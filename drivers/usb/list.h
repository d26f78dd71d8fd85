/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * `vitaled-usb --list`: the devices that usb.h sees, in plain English (words.h). Nothing is claimed; a
 * serial number is shown only with @serials, for what is printed may end in a public bug report.
 */
#include <stdio.h>

#include "drivers/usb/usb.h"

/** list_device() - one device, appended to @out. */
void list_device(const struct usb_device *d, bool serials, struct buf *out);
/** list_print() - all of them, or that there is none. Return: 0 or a fault. */
int list_print(struct usb *u, bool serials, FILE *to) _must_check_;
