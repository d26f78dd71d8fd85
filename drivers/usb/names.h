/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What a slot is called on the bus and in the configuration. Pure, *invented*:
 *
 *   MAKER AND MODEL (SERIAL) [usb PORT] XX YY
 *
 * The model is the table's (base/readers.h), else the device's own words, else "USB VVVV:PPPP";
 * "(SERIAL) " only where it has one; PORT as in sysfs ("1-2.3"), which tells two identical readers apart;
 * XX the interface's place among the device's readers, YY the slot, two digits of hexadecimal each, as pcsc-lite
 * ends its names. Printable ASCII; a device's own words lose their brackets, so that none can end its name
 * early. At most NAMES_MAX bytes with its NUL; the model is cut first.
 */
#include "base/buf.h"

#define NAMES_MAX    128U
#define NAMES_SERIAL 63U /* characters of a serial number that are taken */
#define NAMES_PORT   31U /* ... of a port */

/** struct names_device - what goes into it; texts may be NULL or empty. */
struct names_device {
	uint16_t vendor, product;
	const char *known; /* struct reader_known's name, NULL: not in the table */
	const char *manufacturer, *model; /* the device's own words */
	const char *serial, *port;
};

void names_of(const struct names_device *d, size_t reader, unsigned slot, char ret[NAMES_MAX]);
/** names_model() - "MAKER AND MODEL" alone, likewise. */
void names_model(const struct names_device *d, char ret[NAMES_MAX]);
