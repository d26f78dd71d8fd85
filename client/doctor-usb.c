/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Readers that are plugged in, from sysfs, beside what pcscd's drivers claim and what pcscd lists. A
 * reader is a device with an interface of the smart card class (0Bh, USB CCID 1.1), one of the table of
 * readers whatever its class, or one that a driver claims. Who serves it is the service's to tell where it
 * runs: names of vitaled-usb's readers hold the port, "... [usb 1-2.3] 00 00" (drivers/usb/names.h).
 */
#include <stdio.h>
#include <string.h>

#include "base/readers.h"
#include "client/doctor.h"
#include "client/lang.h"
#include "client/plist.h"

#define DRIVERS_MAX 256U

struct plugged {
	const char *port; /* borrowed, "1-2.3" */
	char id[10];	  /* "0b00:0090" */
	uint16_t vendor;
	uint16_t product;
	bool class;   /* it has an interface of the smart card class */
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
			r = plist_claimed(buf_view(&plist), claimed);
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

json_t *doctor_claimed(struct doctor *d)
{
	json_t *claimed = json_object();
	bool any = false;

	if (claimed) {
		any = read_drivers(d, "/usr/lib/pcsc/drivers", claimed);
		any = read_drivers(d, "/usr/lib64/pcsc/drivers", claimed) || any;
		if (!any && !doctor_has_usb(d)) {
			doctor_found(
				d, VITALED_FINDING_NO_DRIVERS, "/usr/lib/pcsc/drivers", NULL);
		}
	}
	return claimed;
}

/* -- devices ----------------------------------------------------------------------------------- */

struct view doctor_attribute(
	const struct doctor *d, const char *device, const char *name, struct buf *buf)
{
	char path[DOCTOR_PATH_MAX];

	buf_reset(buf);
	if (snprintf(path, sizeof(path), DOCTOR_DEVICES "/%s/%s", device, name) >=
			(int)sizeof(path) ||
		doctor_read(d, path, DOCTOR_ATTRIBUTE_MAX, buf) != 0) {
		return VIEW_NULL;
	}
	if (view_equal(view_last(buf_view(buf), 1), VIEW_TEXT("\n"))) {
		buf_truncate(buf, buf->len - 1);
	}
	return buf_view(buf);
}

bool doctor_has_class(const struct doctor *d, const json_t *all, const char *device)
{
	_cleanup_(buf_done) struct buf buf = BUF_NULL(DOCTOR_ATTRIBUTE_MAX);
	size_t n = strlen(device);
	uint16_t class;

	for (size_t i = 0; i < json_array_size(all); i++) {
		const char *name = json_string_value(json_array_get(all, i));

		if (strncmp(name, device, n) == 0 && name[n] == ':' &&
			plist_hex(doctor_attribute(d, name, "bInterfaceClass", &buf), &class) &&
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
	_cleanup_(buf_done) struct buf buf = BUF_NULL(DOCTOR_ATTRIBUTE_MAX);
	struct plugged p = {.port = device};
	const struct reader_known *known;
	const char *driver;
	struct view text;

	if (!plist_hex(doctor_attribute(d, device, "idVendor", &buf), &p.vendor) ||
		!plist_hex(doctor_attribute(d, device, "idProduct", &buf), &p.product)) {
		return false;
	}
	plist_key(p.vendor, p.product, p.id);
	known = readers_known(p.vendor, p.product);
	driver = json_get_str(claimed, p.id);
	p.class = doctor_has_class(d, all, device);
	if (!known && !driver && !p.class) {
		return false;
	}
	text = doctor_attribute(d, device, "product", &buf);
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

/* Whether the service has a reader of vitaled-usb at this port. */
static bool served(const struct doctor *d, const struct plugged *p)
{
	char mark[64];
	int n = snprintf(mark, sizeof(mark), "[usb %s]", p->port);

	for (size_t i = 0; n < (int)sizeof(mark) && i < json_array_size(d->served); i++) {
		if (strstr(json_string_value(json_array_get(d->served, i)), mark)) {
			return true;
		}
	}
	return false;
}

static json_t *facts_of(const struct plugged *p, const char *driver)
{
	const struct reader_known *known = readers_known(p->vendor, p->product);

	return json_pack("{s:O, s:s, s:s, s:s*, s:s*}", "name", p->name, "usb", p->id, "port",
		p->port, "driver", driver, "libccid", known ? known->libccid : NULL);
}

/* A number of sysfs: one to three digits. */
static bool number(struct view text, unsigned int *ret)
{
	struct reader r = reader_of(text);
	unsigned int value = 0;

	if (text.len == 0 || text.len > 3) {
		return false;
	}
	while (r.left > 0) {
		uint8_t c = reader_u8(&r);

		if (c < '0' || c > '9') {
			return false;
		}
		value = value * 10 + (c - '0');
	}
	*ret = value;
	return true;
}

/* Return: whether there was something to say of the node's rights. */
static bool judge_node(struct doctor *d, const struct plugged *p)
{
	_cleanup_(buf_done) struct buf buf = BUF_NULL(DOCTOR_ATTRIBUTE_MAX);
	unsigned int bus, device;
	bool group;

	if (!number(doctor_attribute(d, p->port, "busnum", &buf), &bus) ||
		!number(doctor_attribute(d, p->port, "devnum", &buf), &device)) {
		return false;
	}
	if (doctor_node(d, bus, device, &group) == DOCTOR_DENIED) {
		doctor_found(d, VITALED_FINDING_READER_DENIED, json_string_value(p->name),
			facts_of(p, "vitaled-usb"));
		return true;
	}
	if (!group) {
		doctor_found(d, VITALED_FINDING_USER_MISSING, "vitaled-usb", NULL);
	}
	return !group;
}

/* A reader that no driver of pcscd claims, and that the service does not have from vitaled-usb. */
static void judge_unclaimed(struct doctor *d, const struct plugged *p)
{
	const struct reader_known *known = readers_known(p->vendor, p->product);
	const char *name = json_string_value(p->name);

	if (known && (known->quirks & READER_QUIRK_NOT_CCID) && !p->class) {
		doctor_found(d, VITALED_FINDING_READER_OLD_MODE, name, facts_of(p, NULL));
	} else if (!known || !doctor_has_usb(d)) {
		doctor_found(d, VITALED_FINDING_READER_UNCLAIMED, name, facts_of(p, NULL));
	} else if (!judge_node(d, p) && d->runs) {
		doctor_found(
			d, VITALED_FINDING_READER_UNSEEN, name, facts_of(p, "vitaled-usb"));
	}
}

/* @counts: devices before this one that pcscd lists under the same name */
static void judge(
	struct doctor *d, const json_t *claimed, const struct plugged *p, json_t *counts)
{
	_cleanup_(buf_done) struct buf buf = BUF_NULL(DOCTOR_ATTRIBUTE_MAX);
	const char *driver = json_get_str(claimed, p->id);
	const char *name = json_string_value(p->name);
	bool ours = served(d, p);
	json_int_t before;

	doctor_seen(d, "usb-reader",
		json_pack("{s:O, s:s, s:s, s:s*}", "name", p->name, "usb", p->id, "port",
			p->port, "driver", ours ? "vitaled-usb" : NULL));
	if (ours) {
		return;
	}
	if (view_equal(doctor_attribute(d, p->port, "authorized", &buf), VIEW_TEXT("0"))) {
		doctor_found(d, VITALED_FINDING_READER_BLOCKED, name, facts_of(p, driver));
		return;
	}
	if (!driver) {
		judge_unclaimed(d, p);
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
	_cleanup_json_ json_t *claimed = doctor_claimed(d);
	_cleanup_json_ json_t *counts = json_object();
	_cleanup_json_ json_t *all = NULL;
	int r = doctor_names(d, DOCTOR_DEVICES, DOCTOR_DEVICES_MAX, &all);

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
