/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Devices that come and leave. What libusb tells of one is noted in a place of its own, if its
 * descriptors (which the kernel gives at once) speak of a reader, or it is a known one; its place's
 * worker then reads the rest, and the owner is told. A device that is no reader has no place.
 */
#include <stdlib.h>

#include "drivers/usb/usb-inside.h"
#include "drivers/usb/usb-sysfs.h"

#define PORTS_MAX 7U /* USB 2.0 §4.1.1: hubs in a row */

/* -- one that comes ------------------------------------------------------------------------ */

/* What libusb has of it. Return: whether it is anybody's business. */
static bool describe(libusb_device *there, struct usb_device *d)
{
	struct libusb_device_descriptor head;
	uint8_t ports[PORTS_MAX];
	int n = libusb_get_port_numbers(there, ports, sizeof(ports));
	_cleanup_(buf_done) struct buf port = BUF_NULL(sizeof(d->port) - 1);

	d->bus = libusb_get_bus_number(there);
	d->address = libusb_get_device_address(there);
	(void)libusb_get_device_descriptor(there, &head); /* cached: cannot fail */
	d->vendor = head.idVendor;
	d->product = head.idProduct;
	d->known = readers_known(d->vendor, d->product);
	buf_printf(&port, "%u", d->bus);
	for (int i = 0; i < n; i++) {
		buf_printf(&port, "%c%u", i == 0 ? '-' : '.', ports[i]);
	}
	if (n <= 0 || view_copy_str(buf_view(&port), d->port, sizeof(d->port)) != 0) {
		return false; /* a root hub */
	}
	return d->known || usb_sysfs_reader(d->port);
}

void usb_appear(struct usb *u, libusb_device *there)
{
	struct usb_place **room = NULL;
	struct usb_place one = {.there = there};

	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		if (u->devices[i] && u->devices[i]->there == there) {
			return;
		}
		room = u->devices[i] || room ? room : &u->devices[i];
	}
	if (!describe(there, &one.d)) {
		return;
	}
	if (room) {
		*room = malloc(sizeof(one));
	}
	if (!room || !*room) {
		u->missed = true;
		return;
	}
	**room = one;
	(void)libusb_ref_device(there);
}

void usb_vanish(struct usb *u, libusb_device *there)
{
	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		if (u->devices[i] && u->devices[i]->there == there) {
			u->devices[i]->unplugged = true;
		}
	}
}

/* All that are there: those that are known already are passed over. */
static void look_at_all(struct usb *u)
{
	libusb_device **list = NULL;
	ssize_t n = libusb_get_device_list(u->context, &list);

	u->missed = n < 0;
	for (ssize_t k = 0; k < n; k++) {
		usb_appear(u, list[k]);
	}
	if (n >= 0) {
		libusb_free_device_list(list, 1);
	}
}

/* -- what is told -------------------------------------------------------------------------- */

void usb_place_free(struct usb_place *one)
{
	libusb_unref_device(one->there);
	free(one);
}

/* The place is freed when nothing of the device is open any more. */
static void depart(struct usb *u, struct usb_place *one)
{
	if (one->d.handle) {
		usb_gone(one->d.handle);
		one->d.handle->released = true;
	}
	one->at = USB_AT_LEFT;
	u->ops->left(u->user, &one->d);
	usb_loop_stir(u);
}

/* Who had the strings of it, @r, or could not. Return: whether it keeps its place. */
static bool looked(struct usb *u, struct usb_place *one, int r)
{
	const struct usb_device *d = &one->d;

	if (r < 0) {
		u->missed = true; /* found again when the next one comes or leaves */
	}
	if (r != 0 || u->ending || one->unplugged ||
		(d->refused == DESCRIPTOR_NO_READER && !d->known)) {
		return false;
	}
	one->at = USB_AT_TOLD;
	u->ops->came(u->user, &one->d);
	return true;
}

/* A step further with a device that is not told of. Return: whether it keeps its place. */
static bool look(struct usb *u, struct usb_place *one, struct usb_worker *w)
{
	const struct usb_job job = {.what = USB_WORK_LOOK, .device = &one->d};
	int r;

	if (one->at == USB_AT_LOOK) {
		return !usb_worked(w, &r) || looked(u, one, r);
	}
	if (u->ending || one->unplugged) {
		return false;
	}
	if (!u->began || !u->working) {
		return looked(u, one, usb_sysfs_read(&one->d));
	}
	one->at = USB_AT_LOOK;
	usb_work(w, &job);
	return true;
}

static void drop(struct usb *u, size_t i)
{
	if (u->devices[i]->at == USB_AT_LEFT ||
		u->devices[i]->unplugged) { /* who was missed may have its place */
		u->plugged = true;
		usb_loop_stir(u);
	}
	usb_place_free(u->devices[i]);
	u->devices[i] = NULL;
}

/* Those that left first: one that came again has another address, and the same port. */
void usb_find(struct usb *u)
{
	if (u->plugged && u->missed && !u->ending) {
		look_at_all(u);
	}
	u->plugged = false;
	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		struct usb_place *one = u->devices[i];

		if (one && one->at == USB_AT_TOLD && one->unplugged && !u->ending) {
			depart(u, one);
		}
	}
	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		struct usb_place *one = u->devices[i];

		if (one && (one->at == USB_AT_LEFT ? !one->d.handle
						   : one->at < USB_AT_TOLD &&
							     !look(u, one, &u->workers[i]))) {
			drop(u, i);
		}
	}
	u->began = true;
}
