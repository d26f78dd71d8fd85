/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What vitaled-usb gives up when it has what it needs: the system calls that libusb, the loop
 * and the journal do not make. Files can still be opened (device nodes, sysfs; the unit says
 * which there are), sockets only of the machine itself, of netlink only what is said of
 * devices (udev's words, for which libusb asks; the kernel's are of the same protocol); starting
 * a program, looking into another process, or a socket of the network ends it.
 */
#include "base/fault.h"

/** usb_confine() - for all threads of this process. Builds with sanitizers or coverage only log
 *  (VITALED_FILTER_LOGS). Return: 0 or a fault. */
int usb_confine(void) _must_check_;
