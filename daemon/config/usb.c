/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Which readers are vitaled-usb's: the sections [usb ...] of the configuration, and the rules that
 * vitaled-usb is told (its own are in drivers/usb/claims.h, which the broker does not know). Pure.
 */
#include <string.h>

#include "daemon/config.h"
#include "daemon/config/values.h"

#define SERIAL_MAX 63U
#define WHICH_MAX  79U /* 2947:0101 and a serial number */

static const char *const drivers[] = {
	[CONFIG_USB_PCSC] = "pcsc",
	[CONFIG_USB_AUTO] = "auto",
	[CONFIG_USB_USB] = "usb",
};

bool config_take_driver(void *to, size_t size, const char *value)
{
	return config_take_word(to, size, value, drivers, ARRAY_LEN(drivers));
}

/* Four digits of hexadecimal, as upper case. Return: whether they are. */
static bool take_id(const char *value, struct buf *out)
{
	for (size_t i = 0; i < 4; i++) {
		char c = value[i];

		if (c >= 'a' && c <= 'f') {
			c = (char)(c - 'a' + 'A');
		}
		if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'F')) {
			return false;
		}
		buf_put_u8(out, (uint8_t)c);
	}
	return true;
}

/* A serial number as a device says it: printable, without the rules' own sign; a blank is a _ there. */
static bool take_serial(const char *value, struct buf *out)
{
	if (value[0] == '\0' || strlen(value) > SERIAL_MAX) {
		return false;
	}
	for (const char *c = value; *c; c++) {
		if (*c < ' ' || *c > '~' || *c == '=') {
			return false;
		}
		buf_put_u8(out, *c == ' ' ? '_' : (uint8_t)*c);
	}
	return true;
}

/* "2947:0101 SERIAL" as "2947:0101:SERIAL", or "*" */
static bool take_which(char *to, size_t size, const char *name)
{
	_cleanup_(buf_done) struct buf rule = BUF_NULL(WHICH_MAX);

	if (strcmp(name, "*") == 0) {
		return config_take_text(to, size, name);
	}
	if (!take_id(name, &rule) || name[4] != ':') {
		return false;
	}
	buf_put_u8(&rule, ':');
	if (!take_id(name + 5, &rule)) {
		return false;
	}
	if (name[9] == ' ') {
		buf_put_u8(&rule, ':');
		if (!take_serial(name + 10, &rule)) {
			return false;
		}
	} else if (name[9] != '\0') {
		return false;
	}
	if (buf_check(&rule) < 0) {
		return false;
	}
	return view_copy_str(buf_view(&rule), to, size) == 0;
}

struct config_usb *config_usb_section(struct config *c, const char *name)
{
	struct config_usb u = {.driver = CONFIG_USB_AUTO};

	if (!take_which(u.which, sizeof(u.which), name)) {
		return NULL;
	}
	for (size_t i = 0; i < c->n_usb; i++) {
		if (strcmp(c->usb[i].which, u.which) == 0) {
			return &c->usb[i];
		}
	}
	if (c->n_usb == CONFIG_USB_MAX) {
		return NULL;
	}
	c->usb[c->n_usb] = u;
	return &c->usb[c->n_usb++];
}

bool config_usb_any(const struct config *c)
{
	bool all = true; /* those that vitaled knows */
	bool any = false;

	for (size_t i = 0; i < c->n_usb; i++) {
		if (strcmp(c->usb[i].which, "*") == 0) {
			all = c->usb[i].driver != CONFIG_USB_PCSC;
		} else {
			any = any || c->usb[i].driver != CONFIG_USB_PCSC;
		}
	}
	return c->usb_socket[0] != '\0' && (all || any);
}

void config_usb_rules(const struct config *c, struct buf *out)
{
	for (size_t i = 0; i < c->n_usb; i++) {
		buf_printf(out, "%s%s=%s", i > 0 ? " " : "", c->usb[i].which,
			drivers[c->usb[i].driver]);
	}
}
