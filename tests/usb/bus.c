/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Devices on the bus of the testbed: what sysfs and udev say of them. A device that comes has a new number, as
 * the kernel gives it one, and so a new node; the plug it hangs on stays the same. When it goes, its pipes end
 * first and the messages of it follow, as with the kernel; testbed and messages are the loop's alone.
 */
#include "tests/usb/pipes.h"

static void put_hex(GString *to, struct view bytes)
{
	struct reader r = reader_of(bytes);

	while (r.left > 0)
		g_string_append_printf(to, "%02X", reader_u8(&r));
}

static void add(struct bench *b, const char *text)
{
	g_autoptr(GError) error = NULL;

	if (!umockdev_testbed_add_from_string(b->testbed, text, &error))
		g_error("%s", error->message);
}

void bus_hub(struct bench *b)
{
	add(b, "P: /devices/pci0000:00/usb1\nN: bus/usb/001/001\nE: DEVTYPE=usb_device\n"
	       "E: SUBSYSTEM=usb\nE: DEVNAME=/dev/bus/usb/001/001\nA: busnum=1\\n\n"
	       "A: devnum=1\\n\nA: idVendor=1d6b\\n\nA: idProduct=0002\\n\nA: speed=480\\n\n"
	       "A: bConfigurationValue=1\\n\n"
	       "H: descriptors=12010002090001406B1D020006050302010109021900010100E0"
	       "000904000001090000000705810304000C\n\n");
}

static char *path_of(const struct bench_device *d)
{
	return g_strdup_printf("/devices/pci0000:00/usb1/1-%u", d->index + 1);
}

static void describe(const struct bench_device *d, GString *to)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(2 * DESCRIPTOR_MAX);
	const struct model *m = d->model;
	g_autofree char *path = path_of(d);

	models_descriptors(m, d->serial[0], &bytes);
	g_string_append_printf(to,
		"P: %s\nE: DEVNAME=/dev/bus/usb/001/%03u\n"
		"E: DEVTYPE=usb_device\nE: SUBSYSTEM=usb\nE: BUSNUM=001\nE: DEVNUM=%03u\n"
		"E: MAJOR=189\nE: MINOR=%u\nE: ID_VENDOR_ID=%04x\nE: ID_MODEL_ID=%04x\n"
		"A: busnum=1\\n\nA: devnum=%u\\n\nA: idVendor=%04x\\n\nA: idProduct=%04x\\n\n"
		"A: speed=12\\n\nA: bConfigurationValue=1\\n\nA: bNumConfigurations=1\\n\n"
		"A: bDeviceClass=00\\n\nA: manufacturer=%s\\n\nA: product=%s\\n\n",
		path, d->number, d->number, d->number - 1U, m->vendor, m->product, d->number,
		m->vendor, m->product, m->maker, m->text);
	if (d->serial[0])
		g_string_append_printf(to, "A: serial=%s\\n\n", d->serial);
	g_string_append(to, "H: descriptors=");
	put_hex(to, buf_view(&bytes));
	g_string_append(to, "\n\n");
	for (unsigned i = 0; i < m->faces; i++)
		g_string_append_printf(to,
			"P: %s/1-%u:1.%u\nE: DEVTYPE=usb_interface\nE: SUBSYSTEM=usb\n"
			"E: INTERFACE=11/0/0\nA: bInterfaceNumber=%02u\\n\nA: "
			"bInterfaceClass=0b\\n\n"
			"A: bInterfaceSubClass=00\\n\nA: bInterfaceProtocol=00\\n\n\n",
			path, d->index + 1, i, i);
}

/* The parts first, then the whole. */
static void tell_removal(const struct bench_device *d)
{
	g_autofree char *path = path_of(d);
	g_autofree char *device = g_strconcat("/sys", path, NULL);

	for (unsigned i = 0; i < d->model->faces; i++) {
		g_autofree char *face =
			g_strdup_printf("%s/1-%u:1.%u", device, d->index + 1, i);

		umockdev_testbed_uevent(d->bench->testbed, face, "remove");
	}
	umockdev_testbed_uevent(d->bench->testbed, device, "remove");
}

void bus_plug(struct bench_device *d)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *node = NULL;

	d->wanted = true;
	if (d->plugged || d->leaving)
		return;
	d->plugged = true;
	d->number = ++d->bench->numbers;
	d->cut = 0;
	for (unsigned i = 0; i < d->model->faces; i++) {
		ccid_reset(&d->faces[i]);
		g_clear_object(&d->faces[i].owner);
	}
	node = g_strdup_printf("/dev/bus/usb/001/%03u", d->number);
	d->node = node_new(d, node);
	describe(d, text);
	add(d->bench, text->str); /* tells of it, too: the node must be there */
}

static void forget(const struct bench_device *d)
{
	g_autofree char *path = path_of(d);
	g_autofree char *full = g_strconcat("/sys", path, NULL);

	for (unsigned i = 0; i < d->model->faces; i++) {
		g_autofree char *face = g_strdup_printf("%s/1-%u:1.%u", full, d->index + 1, i);

		umockdev_testbed_remove_device(d->bench->testbed, face);
	}
	umockdev_testbed_remove_device(d->bench->testbed, full);
}

static gboolean gone(gpointer device)
{
	struct bench_device *d = device;

	g_mutex_lock(&d->bench->lock);
	tell_removal(d);
	forget(d);
	d->leaving = false;
	if (d->wanted)
		bus_plug(d);
	g_mutex_unlock(&d->bench->lock);
	return G_SOURCE_REMOVE;
}

void bus_unplug(struct bench_device *d)
{
	d->wanted = false;
	if (!d->plugged)
		return;
	d->plugged = false;
	d->leaving = true;
	node_end(d->node);
	d->node = NULL;
	for (unsigned i = 0; i < d->model->faces; i++)
		ccid_reset(&d->faces[i]);
	g_timeout_add(d->bench->unplug_ms, gone, d);
}
