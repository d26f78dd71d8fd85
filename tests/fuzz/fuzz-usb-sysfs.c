/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What sysfs tells of a device (drivers/usb/usb-sysfs.h), then in the words of `vitaled-usb --list`. The input: the
 * files serial, manufacturer, product and bConfigurationValue, each ended by a newline, and `descriptors`; a first
 * byte '-' hides the file that the second byte numbers. What must hold: texts are printable and ended, a refused
 * device has no readers that are used, one that is a reader or lies looks like one at first sight, and a serial
 * number is told only when it is asked for.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "drivers/usb/list.h"
#include "drivers/usb/usb-sysfs.h"

#define FILES 5U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_open64(const char *path, int flags, ...);

static const char *const names[FILES] = {
	"serial", "manufacturer", "product", "bConfigurationValue", "descriptors"};
static struct view files[FILES];
static size_t hidden;
static struct usb_device device;

struct usb_device *usb_device(struct usb *u, size_t i)
{
	assert(!u);
	return i == 0 ? &device : NULL;
}

/* The file as the kernel would give it: nothing but its name is looked at. */
int __wrap_open64(const char *path, int flags, ...)
{
	const char *name = strrchr(path, '/') + 1;
	size_t i = 0;
	int fd;

	(void)flags;
	while (i < FILES && strcmp(name, names[i]) != 0) {
		i++;
	}
	if (i == FILES || i == hidden) {
		errno = ENOENT;
		return -1;
	}
	fd = memfd_create(name, MFD_CLOEXEC);
	if (fd >= 0 && files[i].len > 0) {
		ssize_t n = write(fd, files[i].data, files[i].len);

		assert(n == (ssize_t)files[i].len && lseek(fd, 0, SEEK_SET) == 0);
	}
	return fd;
}

static void check_text(const char *text)
{
	for (; *text; text++) {
		assert(*text >= 0x20 && *text < 0x7F);
	}
}

static void print(bool serials)
{
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);

	assert(to && list_print(NULL, serials, to) == 0 && fclose(to) == 0 && size > 0);
	free(text);
}

static void split(struct reader *r)
{
	for (size_t i = 0; i + 1 < FILES; i++) {
		const uint8_t *start = r->data;
		size_t n = 0;

		while (r->left > 0 && reader_u8(r) != '\n') {
			n++;
		}
		files[i] = view_of(start, n);
	}
	files[FILES - 1] = reader_rest(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(view_of(data, size));
	int outcome;
	bool may;

	hidden = FILES;
	if (size > 1 && data[0] == '-') {
		(void)reader_u8(&r);
		hidden = reader_u8(&r) % (FILES + 1U);
	}
	split(&r);
	device = (struct usb_device){.port = "1-2.3", .vendor = 0x2947, .product = 0x0101};
	may = usb_sysfs_reader(device.port);
	outcome = usb_sysfs_read(&device);
	assert(outcome <= USB_SYSFS_GONE);
	assert(may || outcome != 0 || device.refused == DESCRIPTOR_NO_READER);
	check_text(device.serial);
	check_text(device.manufacturer);
	check_text(device.name);
	if (outcome == 0) {
		device.known = readers_known(device.vendor, device.product);
		assert(device.n_readers <= DESCRIPTOR_INTERFACES_MAX);
		print(true);
		print(false);
	}
	return 0;
}
