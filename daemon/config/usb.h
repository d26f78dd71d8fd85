/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Which readers are vitaled-usb's; part of daemon/config.h, which rooms include. */
#include "base/buf.h"

#define CONFIG_USB_MAX 16U

/* who serves the readers of an USB id ([usb ...] driver = ...) */
enum config_usb_driver {
	CONFIG_USB_PCSC = 0, /* pcscd: vitaled-usb never touches it */
	CONFIG_USB_AUTO,     /* pcscd when it holds it, else vitaled-usb */
	CONFIG_USB_USB,	     /* vitaled-usb */
};

/* [usb 2947:0101], [usb 2947:0101 SERIAL], [usb *]; without a section auto for the readers that vitaled
 * knows by name (base/readers.def), pcsc for any other */
struct config_usb {
	char which[80]; /* as vitaled-usb takes it: 2947:0101, 2947:0101:SERIAL, * */
	enum config_usb_driver driver;
};

struct config;

/** config_usb_any() - whether vitaled-usb may have any reader. */
bool config_usb_any(const struct config *c);
/** config_usb_rules() - the sections [usb ...] as vitaled-usb's rules: "2947:0101=usb *=auto", appended. */
void config_usb_rules(const struct config *c, struct buf *out);
/** config_usb_section() - of config.c: the section with the name "2947:0101 SERIAL", made when there is none;
 *  NULL: no such name, or too many. */
struct config_usb *config_usb_section(struct config *c, const char *name);
