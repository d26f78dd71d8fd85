/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Descriptors and strings of a device from sysfs. `descriptors` holds the device descriptor and
 * then every configuration, as the device gave them; `bConfigurationValue` says which one is in
 * force, empty when none is. A device may leave at any time: a file that is not there is an
 * outcome. One that says more than eight configurations of the longest that we look at can hold is
 * refused by name, whatever is read of it. Nothing is owned.
 */
#include "drivers/usb/usb-sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define FOLDER		"/sys/bus/usb/devices"
#define PATH_ROOM	96U
#define DEVICE_BYTES	18U /* of the device descriptor (USB 2.0 §9.6.1) */
#define DESCRIPTORS_MAX (DEVICE_BYTES + 8U * DESCRIPTOR_MAX)

/* besides USB_SYSFS_GONE, of a file: it does not end where it must, and @out is full */
enum {
	LONG = USB_SYSFS_GONE + 1
};

/* Return: 0, a fault, USB_SYSFS_GONE or LONG. */
static int read_all(int fd, struct buf *out)
{
	for (;;) {
		uint8_t part[512];
		ssize_t n = read(fd, part, sizeof(part));
		size_t room;
		bool over;
		int r;

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return USB_SYSFS_GONE;
		}
		room = out->max - out->len;
		over = (size_t)n > room;
		buf_put(out, part, over ? room : (size_t)n);
		if (n == 0 || over) {
			r = buf_check(out);
			return r < 0 ? trace(r) : over ? LONG : 0;
		}
	}
}

/* Return: 0, a fault, USB_SYSFS_GONE or LONG. */
static int read_file(const char *port, const char *name, struct buf *out)
{
	char path[PATH_ROOM];
	int fd;
	int r;

	r = snprintf(path, sizeof(path), FOLDER "/%s/%s", port, name);
	if (r < 0 || (size_t)r >= sizeof(path)) {
		return USB_SYSFS_GONE;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return USB_SYSFS_GONE;
	}
	r = read_all(fd, out);
	(void)close(fd);
	return trace(r);
}

/* Printable ASCII, other bytes as "?", runs of blanks as one; empty where there is none. */
static void read_text(const char *port, const char *name, char *ret, size_t size)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(4096);
	struct reader r;
	size_t n = 0;

	ret[0] = '\0';
	if (read_file(port, name, &text) != 0) {
		return;
	}
	r = reader_of(buf_view(&text));
	while (r.left > 0 && n + 1 < size) {
		uint8_t c = reader_u8(&r);
		bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';

		if (blank && (n == 0 || ret[n - 1] == ' ')) {
			continue;
		}
		ret[n++] = blank ? ' ' : c > 0x20 && c < 0x7F ? (char)c : '?';
	}
	while (n > 0 && ret[n - 1] == ' ') {
		n--;
	}
	ret[n] = '\0';
}

/* bConfigurationValue in force, 0: none. */
static unsigned value_in_force(const char *port)
{
	char text[8];
	unsigned value = 0;

	read_text(port, "bConfigurationValue", text, sizeof(text));
	for (const char *c = text; *c >= '0' && *c <= '9'; c++) {
		value = value * 10 + (unsigned)(*c - '0');
	}
	return value;
}

/* What there is in @all, which is but the beginning when it is @cut: then a device may be no reader
 * by the configuration in force, and is refused else. */
static enum descriptor_outcome take_descriptors(struct usb_device *d, struct view all, bool cut)
{
	struct descriptor_device own;
	int r = descriptor_device(all, (uint8_t)value_in_force(d->port), &own);

	if (r == 0) {
		d->release = own.release;
		r = descriptor_parse(own.configuration, d->readers, &d->n_readers);
		if (!cut || r == DESCRIPTOR_NO_READER) {
			return (enum descriptor_outcome)r;
		}
		d->n_readers = 0;
	}
	return cut ? DESCRIPTOR_LENGTH : (enum descriptor_outcome)r;
}

/* Return: 0, a fault, USB_SYSFS_GONE or LONG; at least the device's own is there. */
static int read_descriptors(const char *port, struct buf *out)
{
	int r = read_file(port, "descriptors", out);

	if (r != 0 && r != LONG) {
		return trace(r);
	}
	return out->len < DEVICE_BYTES ? USB_SYSFS_GONE : r;
}

bool usb_sysfs_reader(const char *port)
{
	_cleanup_(buf_done) struct buf all = BUF_NULL(DESCRIPTORS_MAX);
	int r = read_descriptors(port, &all);

	/* no memory, or more than is read: whoever looks at it says so */
	return r < 0 || r == LONG || (r == 0 && descriptor_of_reader(buf_view(&all)));
}

int usb_sysfs_read(struct usb_device *d)
{
	_cleanup_(buf_done) struct buf all = BUF_NULL(DESCRIPTORS_MAX);
	int r = read_descriptors(d->port, &all);

	if (r < 0 || r == USB_SYSFS_GONE) {
		return trace(r);
	}
	d->refused = take_descriptors(d, buf_view(&all), r == LONG);
	read_text(d->port, "serial", d->serial, sizeof(d->serial));
	read_text(d->port, "manufacturer", d->manufacturer, sizeof(d->manufacturer));
	read_text(d->port, "product", d->name, sizeof(d->name));
	return 0;
}
