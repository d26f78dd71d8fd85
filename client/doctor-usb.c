/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Readers that are plugged in, from sysfs, beside what pcscd's drivers claim and what pcscd lists. A
 * reader is a device with an interface of the smart card class (0Bh, USB CCID 1.1), one of the French
 * readers whatever its class, or one that a driver claims.
 */
#include <stdio.h>
#include <string.h>

#include "client/doctor.h"
#include "client/lang.h"
#include "client/readers.h"

#define DEVICES	    "/sys/bus/usb/devices"
#define DEVICES_MAX 4096U
#define DRIVERS_MAX 256U
#define ATTRIBUTE   256U /* bytes of an attribute of sysfs that are looked at */

struct plugged {
	const char *port; /* borrowed, "1-2.3" */
	char id[10];	  /* "0b00:0090" */
	uint16_t vendor;
	uint16_t product;
	json_t *name; /* owned */
};

/* -- drivers ----------------------------------------------------------------------------------- */

/* Drivers in @folder. Return: whether there was any. */
static bool read_drivers(struct doctor *d, const char *folder, json_t *claimed)
{
	_cleanup_json_ json_t *bundles = NULL;
	bool any = false;

	if (doctor_names(d, folder, DRIVERS_MAX, &bundles) < 0) {
		return false;
	}
	for (size_t i = 0; i < json_array_size(bundles); i++) {
		_cleanup_(buf_done) struct buf plist = BUF_NULL(DOCTOR_FILE_MAX);
		const char *name = json_string_value(json_array_get(bundles, i));
		char path[DOCTOR_PATH_MAX];
		int r;

		if (snprintf(path, sizeof(path), "%s/%s/Contents/Info.plist", folder, name) >=
			(int)sizeof(path)) {
			continue;
		}
		r = doctor_read(d, path, DOCTOR_FILE_MAX, &plist);
		if (r == 0) {
			r = readers_claimed(buf_view(&plist), claimed);
		} else if (r == DOCTOR_ABSENT) {
			continue; /* no bundle: serial/ holds drivers of other kinds */
		}
		any = true;
		if (r != 0) {
			doctor_found(d, VITALED_FINDING_DRIVER_BROKEN, path, NULL);
		}
	}
	return any;
}

static json_t *claimed_ids(struct doctor *d)
{
	json_t *claimed = json_object();
	bool any = false;

	if (claimed) {
		any = read_drivers(d, "/usr/lib/pcsc/drivers", claimed);
		any = read_drivers(d, "/usr/lib64/pcsc/drivers", claimed) || any;
		if (!any) {
			doctor_found(
				d, VITALED_FINDING_NO_DRIVERS, "/usr/lib/pcsc/drivers", NULL);
		}
	}
	return claimed;
}

/* -- devices ----------------------------------------------------------------------------------- */

/* Attribute @name of @device without its newline; empty when it cannot be read. */
static struct view attribute(
	const struct doctor *d, const char *device, const char *name, struct buf *buf)
{
	char path[DOCTOR_PATH_MAX];

	buf_reset(buf);
	if (snprintf(path, sizeof(path), DEVICES "/%s/%s", device, name) >= (int)sizeof(path) ||
		doctor_read(d, path, ATTRIBUTE, buf) != 0) {
		return VIEW_NULL;
	}
	if (view_equal(view_last(buf_view(buf), 1), VIEW_TEXT("\n"))) {
		buf_truncate(buf, buf->len - 1);
	}
	return buf_view(buf);
}

/* Whether one of @device's interfaces ("1-2:1.0" of "1-2") is of the smart card class. */
static bool has_class(const struct doctor *d, const json_t *all, const char *device)
{
	_cleanup_(buf_done) struct buf buf = BUF_NULL(ATTRIBUTE);
	size_t n = strlen(device);
	uint16_t class;

	for (size_t i = 0; i < json_array_size(all); i++) {
		const char *name = json_string_value(json_array_get(all, i));

		if (strncmp(name, device, n) == 0 && name[n] == ':' &&
			readers_hex(attribute(d, name, "bInterfaceClass", &buf), &class) &&
			class == 0x0B) {
			return true;
		}
	}
	return false;
}

/* Return: whether @device is a reader; @ret's name is owned by the caller then. */
static bool is_reader(const struct doctor *d, const json_t *all, const json_t *claimed,
	const char *device, struct plugged *ret)
{
	_cleanup_(buf_done) struct buf buf = BUF_NULL(ATTRIBUTE);
	struct plugged p = {.port = device};
	const struct reader_known *known;
	const char *driver;
	struct view text;

	if (!readers_hex(attribute(d, device, "idVendor", &buf), &p.vendor) ||
		!readers_hex(attribute(d, device, "idProduct", &buf), &p.product)) {
		return false;
	}
	readers_key(p.vendor, p.product, p.id);
	known = readers_known(p.vendor, p.product);
	driver = json_get_str(claimed, p.id);
	if (!known && !driver && !has_class(d, all, device)) {
		return false;
	}
	text = attribute(d, device, "product", &buf);
	if (known || driver) {
		p.name = json_string(known ? known->name : driver);
	} else {
		p.name = doctor_text(text);
	}
	*ret = p;
	return p.name != NULL;
}

/* How many of pcscd's readers begin with the name that the driver gives this id. */
static size_t listed(const struct doctor *d, const char *driver)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(d->readers); i++) {
		const char *name = json_string_value(json_array_get(d->readers, i));

		n += strncmp(name, driver, strlen(driver)) == 0;
	}
	return n;
}

static json_t *facts_of(const struct plugged *p, const char *driver)
{
	const struct reader_known *known = readers_known(p->vendor, p->product);

	return json_pack("{s:O, s:s, s:s, s:s*, s:s*}", "name", p->name, "usb", p->id, "port",
		p->port, "driver", driver, "libccid", known ? known->libccid : NULL);
}

/* @others: devices before this one that pcscd lists under the same name */
static void judge(
	struct doctor *d, const json_t *claimed, const struct plugged *p, json_t *counts)
{
	_cleanup_(buf_done) struct buf buf = BUF_NULL(ATTRIBUTE);
	const char *driver = json_get_str(claimed, p->id);
	const char *name = json_string_value(p->name);
	json_int_t before;

	doctor_seen(d, "usb-reader",
		json_pack("{s:O, s:s, s:s}", "name", p->name, "usb", p->id, "port", p->port));
	if (view_equal(attribute(d, p->port, "authorized", &buf), VIEW_TEXT("0"))) {
		doctor_found(d, VITALED_FINDING_READER_BLOCKED, name, facts_of(p, driver));
		return;
	}
	if (!driver) {
		doctor_found(d, VITALED_FINDING_READER_UNCLAIMED, name, facts_of(p, NULL));
		return;
	}
	before = json_integer_value(json_object_get(counts, driver));
	if (json_object_set_new(counts, driver, json_integer(before + 1)) < 0) {
		return;
	}
	if (d->readers && (json_int_t)listed(d, driver) <= before) {
		doctor_found(d, VITALED_FINDING_READER_UNSEEN, name, facts_of(p, driver));
	}
}

void doctor_usb(struct doctor *d)
{
	_cleanup_json_ json_t *claimed = claimed_ids(d);
	_cleanup_json_ json_t *counts = json_object();
	_cleanup_json_ json_t *all = NULL;
	int r = doctor_names(d, DEVICES, DEVICES_MAX, &all);

	if (r < 0 || !counts) {
		return;
	}
	if (r == DOCTOR_ABSENT || r == DOCTOR_DENIED) {
		doctor_seen(d, "usb-devices", json_pack("{s:s}", "state", N_("not there")));
		return;
	}
	for (size_t i = 0; i < json_array_size(all); i++) {
		const char *device = json_string_value(json_array_get(all, i));
		struct plugged p;

		if (!strchr(device, ':') && is_reader(d, all, claimed, device, &p)) {
			judge(d, claimed, &p, counts);
			json_decref(p.name);
		}
	}
}
