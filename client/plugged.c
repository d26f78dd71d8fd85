/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Devices with card readers, as sysfs and /dev show them to anybody. Guarantees: reads only, everything with
 * a limit; what a device says of itself is made printable before it is kept; what cannot be read is left
 * empty rather than guessed.
 */
#include "client/plugged.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/plist.h"

#define PORT "usb0123456789-." /* what names of devices consist of; interfaces have ":" */
#define DESCRIPTORS_MAX                                                                        \
	(18U + 8U * DESCRIPTOR_MAX) /* bytes; of more vitaled-usb refuses the device */

/* -- whose it is ----------------------------------------------------------------------------------- */

/* By the sections [usb ...]; where they cannot be read, either may have it. */
static void take_claims(const struct doctor_rules *rules, struct plugged *p)
{
	struct view text = buf_view(&rules->rules);
	enum claims_mode known, other; /* as one of the table, and as any other */
	int r = claims_mode(text, p->vendor, p->product, p->serial, true, &known);

	assert(r == 0); /* config_usb_rules() writes no others */
	r = claims_mode(text, p->vendor, p->product, p->serial, false, &other);
	assert(r == 0);
	(void)r;
	p->told = rules->outcome == 0;
	p->given = known == other;
	p->claims = !p->told ? CLAIMS_AUTO : p->known ? known : other;
}

/* -- one device ---------------------------------------------------------------------------------- */

/* @text as printable ASCII, other bytes as "?", runs of blanks as one. */
static void put_text(struct view text, char ret[PLUGGED_TEXT])
{
	size_t n = 0;

	for (struct reader r = reader_of(text); r.left > 0 && n < PLUGGED_TEXT - 1;) {
		uint8_t c = reader_u8(&r);
		bool blank = c == ' ' || c == '\t';

		if (!blank || (n > 0 && ret[n - 1] != ' ')) {
			ret[n++] = blank ? ' ' : c > 0x20 && c < 0x7F ? (char)c : '?';
		}
	}
	n -= n > 0 && ret[n - 1] == ' ';
	ret[n] = '\0';
}

/* Attribute @name likewise. */
static void take_text(
	const struct doctor *d, const char *device, const char *name, char ret[PLUGGED_TEXT])
{
	_cleanup_(buf_done) struct buf buf = BUF_NULL(DOCTOR_ATTRIBUTE_MAX);

	put_text(doctor_attribute(d, device, name, &buf), ret);
}

static unsigned int take_number(const struct doctor *d, const char *device, const char *name)
{
	_cleanup_(buf_done) struct buf buf = BUF_NULL(DOCTOR_ATTRIBUTE_MAX);
	unsigned int value = 0;

	for (struct reader r = reader_of(doctor_attribute(d, device, name, &buf));
		r.left > 0;) {
		uint8_t c = reader_u8(&r);

		if (c < '0' || c > '9' || value > 99) {
			return 0;
		}
		value = value * 10 + (c - '0');
	}
	return value;
}

/* As drivers/usb/usb-sysfs.c takes them. */
static void take_descriptors(const struct doctor *d, const char *device, struct plugged *p)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(DESCRIPTORS_MAX);
	unsigned int value = take_number(d, device, "bConfigurationValue");
	struct descriptor_device own;
	char path[DOCTOR_PATH_MAX];
	bool cut;
	int r;

	(void)snprintf(path, sizeof(path), DOCTOR_DEVICES "/%s/descriptors", device);
	r = doctor_read(d, path, DESCRIPTORS_MAX, &bytes);
	cut = r == DOCTOR_ODD && bytes.len == DESCRIPTORS_MAX;
	p->described = r == 0 || cut;
	r = descriptor_device(buf_view(&bytes), (uint8_t)(value & 0xFFU), &own);
	if (r == 0) {
		p->release = own.release;
		r = descriptor_parse(own.configuration, p->readers, &p->n_readers);
		cut = cut && r != DESCRIPTOR_NO_READER;
	}
	p->n_readers = cut ? 0 : p->n_readers;
	p->refused = cut ? DESCRIPTOR_LENGTH : (enum descriptor_outcome)r;
}

static void take_node(const struct doctor *d, const char *device, struct plugged *p)
{
	unsigned int bus = take_number(d, device, "busnum");
	unsigned int number = take_number(d, device, "devnum");
	const struct passwd *owner;
	const struct group *group;
	char path[DOCTOR_PATH_MAX];
	struct stat st;
	int r;

	if (bus == 0 || number == 0) {
		return;
	}
	(void)snprintf(p->node, sizeof(p->node), "/dev/bus/usb/%03u/%03u", bus, number);
	r = doctor_node(d, bus, number, &p->has_service_group, &p->shared);
	p->service = r == 0;
	p->denied = r == DOCTOR_DENIED;
	if (!doctor_path(d, p->node, path) || stat(path, &st) < 0) {
		return;
	}
	p->mode = st.st_mode & 0777U;
	p->mine = access(path, R_OK | W_OK) == 0;
	owner = getpwuid(st.st_uid);
	group = getgrgid(st.st_gid);
	(void)snprintf(p->owner, sizeof(p->owner), "%s", owner ? owner->pw_name : "?");
	(void)snprintf(p->group, sizeof(p->group), "%s", group ? group->gr_name : "?");
}

/* The kernel's driver of the first reader's interface; "usbfs" where a program has claimed it. */
static void take_driver(const struct doctor *d, const char *device, struct plugged *p)
{
	char link[256], path[DOCTOR_PATH_MAX], target[256];
	const char *name;
	ssize_t n;

	if (p->n_readers == 0 ||
		snprintf(link, sizeof(link), DOCTOR_DEVICES "/%s:%u.%u/driver", device,
			p->readers[0].configuration,
			p->readers[0].number) >= (int)sizeof(link) ||
		!doctor_path(d, link, path)) {
		return;
	}
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0) {
		return;
	}
	target[n] = '\0';
	name = strrchr(target, '/');
	put_text(view_str(name ? name + 1 : target), p->driver);
}

static bool is_reader(const struct doctor *d, const json_t *all, const json_t *claimed,
	const char *device, struct plugged *p)
{
	_cleanup_(buf_done) struct buf buf = BUF_NULL(DOCTOR_ATTRIBUTE_MAX);
	char key[10];

	if (device[strspn(device, PORT)] != '\0' ||
		!plist_hex(doctor_attribute(d, device, "idVendor", &buf), &p->vendor) ||
		!plist_hex(doctor_attribute(d, device, "idProduct", &buf), &p->product)) {
		return false;
	}
	plist_key(p->vendor, p->product, key);
	p->port = device;
	p->known = readers_known(p->vendor, p->product);
	p->libccid = json_get_str(claimed, key);
	p->class = doctor_has_class(d, all, device);
	take_descriptors(d, device, p);
	return p->known || p->libccid || p->n_readers > 0 || p->class;
}

static void look_closer(
	const struct doctor *d, const struct doctor_rules *rules, struct plugged *p)
{
	_cleanup_(buf_done) struct buf buf = BUF_NULL(DOCTOR_ATTRIBUTE_MAX);
	const char *device = p->port;

	take_text(d, device, "manufacturer", p->manufacturer);
	take_text(d, device, "product", p->model);
	take_text(d, device, "serial", p->serial);
	take_driver(d, device, p);
	take_node(d, device, p);
	p->blocked =
		view_equal(doctor_attribute(d, device, "authorized", &buf), VIEW_TEXT("0"));
	take_claims(rules, p);
}

int plugged_each(struct doctor *d, const struct doctor_rules *rules,
	void (*one)(void *user, const struct plugged *p), void *user)
{
	static struct plugged p; /* a kilobyte and more */
	_cleanup_json_ json_t *claimed = doctor_claimed(d);
	_cleanup_json_ json_t *all = NULL;
	int n = 0;
	int r = doctor_names(d, DOCTOR_DEVICES, DOCTOR_DEVICES_MAX, &all);

	if (r < 0 || !claimed) {
		return fault(-ENOMEM);
	}
	for (size_t i = 0; i < json_array_size(all); i++) {
		p = (struct plugged){0};
		if (is_reader(d, all, claimed, json_string_value(json_array_get(all, i)), &p)) {
			look_closer(d, rules, &p);
			one(user, &p);
			n++;
		}
	}
	return n;
}

/* -- versions ------------------------------------------------------------------------------------ */

static json_t *libccid_version(const struct doctor *d)
{
	static const char *const files[] = {
		"/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist",
		"/usr/lib64/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist"};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		_cleanup_(buf_done) struct buf plist = BUF_NULL(DOCTOR_FILE_MAX);

		if (doctor_read(d, files[i], DOCTOR_FILE_MAX, &plist) == 0) {
			return plist_text(buf_view(&plist), "CFBundleShortVersionString");
		}
	}
	return NULL;
}

static json_t *kernel_version(const struct doctor *d)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(DOCTOR_ATTRIBUTE_MAX);

	if (doctor_read(d, "/proc/sys/kernel/osrelease", DOCTOR_ATTRIBUTE_MAX, &text) != 0) {
		return NULL;
	}
	return doctor_text(view_sub(buf_view(&text), 0, text.len > 0 ? text.len - 1 : 0));
}

json_t *plugged_versions(const struct doctor *d)
{
	bool usb = doctor_has_usb(d);

	return json_pack("{s:s, s:o*, s:o*, s:o*, s:b}", "vitalectl", VITALED_VERSION, "kernel",
		kernel_version(d), "pcscd", doctor_pcscd_installed(d), "libccid",
		libccid_version(d), "vitaled-usb", usb);
}
