/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The table of readers (base/readers.def): those that French practices and pharmacies use, by their USB
 * numbers, and what is known of each that its descriptors do not say. One source for the driver, the
 * doctor, and udev/60-vitaled-readers.hwdb, which udev/make-hwdb writes from it.
 */
#include "base/buf.h"

/* what a reader wants otherwise than the standard or its own descriptor says (readers.def: the source) */
enum reader_quirk {
	READER_QUIRK_NOT_CCID =
		0x01, /* in its old mode no CCID device at all: explained, never opened */
	READER_QUIRK_SERIAL_PORT =
		0x02, /* has or may have a modem-like port: not ModemManager's */
};

/** struct reader_known - one USB id. */
struct reader_known {
	uint16_t vendor;
	uint16_t product;
	const char *maker; /* as hwdb's vendor */
	const char *model; /* as hwdb's model */
	const char *name;  /* on the case: maker and model as people say it */
	uint8_t slots; /* that pcscd makes of it, interfaces counted; 0: nobody has published it */
	const char *libccid; /* first release that claims it; "no": none does */
	uint32_t quirks;     /* READER_QUIRK_* */
	const char *source;  /* of the above */
};

/** readers_known() - NULL: not one of them. */
const struct reader_known *readers_known(uint16_t vendor, uint16_t product);
/** readers_name_usb() - whether @name ends as vitaled-usb ends its readers' names and pcscd does not:
 *  " [usb PORT] XX YY" (drivers/usb/names.h), PORT as in sysfs. */
bool readers_name_usb(const char *name);
/** readers_at() - the i-th row of the table, NULL past its end. */
const struct reader_known *readers_at(size_t i);
