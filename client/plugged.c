/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Devices with card readers, as sysfs and /dev show them to anybody. Guarantees: reads only, everything with
 * a limit; what a device says of itself is made printable before it is kept; what cannot be read is left
 * empty rather than guessed.
 */
#include "client/plugged.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/plist.h"

#define CONFIG		"/etc/vitaled/vitaled.conf"
#define PORT		"usb0123456789-." /* what names of devices consist of; interfaces have ":" */
#define DESCRIPTORS_MAX 65553U		  /* bytes: the kernel gives no more */

/* -- whose it is: the sections [usb ...] of the configuration -------------------------------------- */

/* @text without blanks before and behind. */
static struct view trimmed(struct view text)
{
	while (text.len > 0 && strchr(" \t\r", text.data[0])) {
		text = view_sub(text, 1, text.len);
	}
	while (text.len > 0 && strchr(" \t\r", *view_last(text, 1).data)) {
		text = view_sub(text, 0, text.len - 1);
	}
	return text;
}

/* The next line of @text, which is shortened. */
static bool next_line(struct view *text, struct view *ret)
{
	const uint8_t *end = text->len ? memchr(text->data, '\n', text->len) : NULL;
	size_t n = end ? (size_t)(end - text->data) : text->len;

	if (text->len == 0) {
		return false;
	}
	*ret = trimmed(view_sub(*text, 0, n));
	*text = view_sub(*text, n + 1, text->len);
	return true;
}

/* "[usb 2947:0101 SERIAL]" as "2947:0101:SERIAL", a blank in it as "_". Return: whether it is one. */
static bool take_section(struct view line, struct buf *which)
{
	struct view head = VIEW_TEXT("[usb ");
	struct view name;
	bool first = true; /* blank */

	if (!view_equal(view_sub(line, 0, head.len), head) ||
		!view_equal(view_last(line, 1), VIEW_TEXT("]"))) {
		return false;
	}
	name = trimmed(view_sub(line, head.len, line.len - head.len - 1));
	for (struct reader r = reader_of(name); r.left > 0;) {
		uint8_t c = reader_u8(&r);

		buf_put_u8(which, c != ' ' ? c : first ? ':' : '_');
		first = first && c != ' ';
	}
	return true;
}

/* Rules of claims.h, from the configuration; empty where this user may not read it. */
static void read_rules(const struct doctor *d, struct buf *rules)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(DOCTOR_FILE_MAX);
	_cleanup_(buf_done) struct buf which = BUF_NULL(256);
	struct view text, line;
	bool ours = false;

	if (doctor_read(d, CONFIG, DOCTOR_FILE_MAX, &file) != 0) {
		return;
	}
	text = buf_view(&file);
	while (next_line(&text, &line)) {
		const uint8_t *sign = line.len ? memchr(line.data, '=', line.len) : NULL;
		size_t key = sign ? (size_t)(sign - line.data) : 0;

		if (view_equal(view_sub(line, 0, 1), VIEW_TEXT("["))) {
			buf_reset(&which);
			ours = take_section(line, &which);
		} else if (ours &&
			   view_equal(trimmed(view_sub(line, 0, key)), VIEW_TEXT("driver"))) {
			buf_put_view(rules, buf_view(&which));
			buf_put_u8(rules, '=');
			buf_put_view(rules, trimmed(view_sub(line, key + 1, line.len)));
			buf_put_u8(rules, ' ');
		}
	}
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

		if (c < '0' || c > '9' || value > 999) {
			return 0;
		}
		value = value * 10 + (c - '0');
	}
	return value;
}

/* Return: whether the device could be read at all. */
static bool take_descriptors(const struct doctor *d, const char *device, struct plugged *p)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(DESCRIPTORS_MAX);
	unsigned int value = take_number(d, device, "bConfigurationValue");
	struct descriptor_device own;
	char path[DOCTOR_PATH_MAX];
	int r;

	if (snprintf(path, sizeof(path), DOCTOR_DEVICES "/%s/descriptors", device) >=
			(int)sizeof(path) ||
		doctor_read(d, path, DESCRIPTORS_MAX, &bytes) != 0) {
		return false;
	}
	r = descriptor_device(buf_view(&bytes), (uint8_t)(value & 0xFFU), &own);
	if (r == 0) {
		p->release = own.release;
		r = descriptor_parse(own.configuration, p->readers, &p->n_readers);
	}
	p->refused = (enum descriptor_outcome)r;
	return true;
}

static void take_node(const struct doctor *d, const char *device, struct plugged *p)
{
	unsigned int bus = take_number(d, device, "busnum");
	unsigned int number = take_number(d, device, "devnum");
	const struct passwd *owner;
	const struct group *group;
	char path[DOCTOR_PATH_MAX];
	struct stat st;

	if (bus == 0 || number == 0) {
		return;
	}
	(void)snprintf(p->node, sizeof(p->node), "/dev/bus/usb/%03u/%03u", bus, number);
	p->service = doctor_node(d, bus, number, &p->has_service_group) == 0;
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
	if (!take_descriptors(d, device, p)) {
		p->refused = DESCRIPTOR_CUT;
	}
	return p->known || p->libccid || p->n_readers > 0 || doctor_has_class(d, all, device);
}

static void look_closer(const struct doctor *d, struct view rules, struct plugged *p)
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
	if (claims_mode(rules, p->vendor, p->product, p->serial, p->known != NULL,
		    &p->claims) != 0) {
		p->claims =
			CLAIMS_PCSC; /* the service does not start with such a configuration */
	}
}

int plugged_each(struct doctor *d, void (*one)(void *user, const struct plugged *p), void *user)
{
	static struct plugged p; /* a kilobyte and more */
	_cleanup_(buf_done) struct buf rules = BUF_NULL(DOCTOR_FILE_MAX);
	_cleanup_json_ json_t *claimed = doctor_claimed(d);
	_cleanup_json_ json_t *all = NULL;
	int n = 0;
	int r = doctor_names(d, DOCTOR_DEVICES, DOCTOR_DEVICES_MAX, &all);

	if (r < 0 || !claimed) {
		return fault(-ENOMEM);
	}
	read_rules(d, &rules);
	for (size_t i = 0; i < json_array_size(all); i++) {
		p = (struct plugged){0};
		if (is_reader(d, all, claimed, json_string_value(json_array_get(all, i)), &p)) {
			look_closer(d, buf_view(&rules), &p);
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
