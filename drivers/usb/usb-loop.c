/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * libusb on the program's loop: its descriptors are the loop's, its timeouts are one of them. Also
 * looks whether the machine has slept, since readers then may hold other cards, or none that has power.
 */
#include <errno.h>

#include "base/clock.h"
#include "drivers/usb/usb-inside.h"

#define SLEPT_USEC 1000000U  /* more between the clocks, and the machine was asleep */
#define AWAKE_USEC 30000000U /* how often that is looked at while nothing happens */

void usb_loop_stir(struct usb *u)
{
	(void)sd_event_source_set_enabled(u->turn, SD_EVENT_ONESHOT);
}

/* How long the machine has slept since it was started, and a little more. */
static uint64_t slept_in_all(void)
{
	uint64_t awake = clock_monotonic(); /* first: the difference is never below 0 */

	return clock_boottime() - awake;
}

bool usb_loop_slept(const struct usb *u)
{
	return slept_in_all() > u->asleep + SLEPT_USEC;
}

/* After a sleep readers may hold other cards, or none that has power. */
static void look_again(struct usb *u)
{
	bool slept = usb_loop_slept(u);

	u->asleep = slept_in_all();
	for (size_t i = 0; i < USB_DEVICES_MAX && slept; i++) {
		struct usb_handle *h = u->devices[i] ? u->devices[i]->d.handle : NULL;

		if (h && !h->leaving) {
			usb_slept(h);
		}
	}
}

void usb_settle(struct usb *u)
{
	if (u->settling) {
		return;
	}
	u->settling = true;
	if (!u->ending) {
		look_again(u);
	}
	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		struct usb_handle *h = u->devices[i] ? u->devices[i]->d.handle : NULL;

		if (h) {
			usb_turn(h);
		}
		if (h && h->leaving) {
			usb_close(h);
		}
		if (h && !u->devices[i]->d.handle && u->devices[i]->at == USB_AT_TOLD &&
			!u->devices[i]->unplugged && !u->ending) {
			u->ops->closed(u->user, &u->devices[i]->d);
		}
	}
	usb_find(u);
	u->settling = false;
}

/* -- the loop ------------------------------------------------------------------------------ */

static int LIBUSB_CALL on_hotplug(
	libusb_context *c, libusb_device *there, libusb_hotplug_event e, void *user)
{
	struct usb *u = user;

	(void)c;
	if (e == LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT) {
		usb_vanish(u, there);
	} else {
		usb_appear(u, there);
	}
	u->plugged = true;
	usb_loop_stir(u);
	return 0;
}

static int on_turn(sd_event_source *s, void *user)
{
	(void)s;
	usb_settle(user);
	return 0;
}

static int on_awake(sd_event_source *s, uint64_t when, void *user)
{
	struct usb *u = user;

	(void)when;
	usb_settle(u);
	(void)sd_event_source_set_time(s, clock_boottime() + AWAKE_USEC);
	(void)sd_event_source_set_enabled(s, usb_idle(u) ? SD_EVENT_OFF : SD_EVENT_ON);
	return 0;
}

static int events(struct usb *u)
{
	struct timeval none = {0};

	(void)libusb_handle_events_timeout_completed(u->context, &none, NULL);
	usb_settle(u);
	return 0;
}

static int on_ready(sd_event_source *s, int fd, uint32_t revents, void *user)
{
	(void)s;
	(void)fd;
	(void)revents;
	return events(user);
}

static int on_always(sd_event_source *s, void *user)
{
	(void)s;
	return events(user);
}

static void LIBUSB_CALL on_fd_added(int fd, short mask, void *user)
{
	struct usb *u = user;
	sd_event_source *s = NULL;
	int r = sd_event_add_io(u->ev, &s, fd, (uint32_t)mask, on_ready, u);

	if (r == -EPERM && sd_event_add_defer(u->ev, &s, on_always, u) >= 0) {
		/* a plain file, as test beds have: for poll() it is always ready */
		(void)sd_event_source_set_enabled(s, SD_EVENT_ON);
		(void)sd_event_source_set_priority(s, SD_EVENT_PRIORITY_IDLE);
	}
	for (size_t i = 0; i < USB_FDS_MAX && s; i++) {
		if (!u->fds[i].source) {
			u->fds[i].fd = fd;
			u->fds[i].source = s;
			return;
		}
	}
	(void)sd_event_source_disable_unref(s);
}

static void LIBUSB_CALL on_fd_removed(int fd, void *user)
{
	struct usb *u = user;

	for (size_t i = 0; i < USB_FDS_MAX; i++) {
		if (u->fds[i].source && u->fds[i].fd == fd) {
			u->fds[i].source = sd_event_source_disable_unref(u->fds[i].source);
		}
	}
}

static int add_fds(struct usb *u)
{
	const struct libusb_pollfd **fds = libusb_get_pollfds(u->context);

	if (!fds) {
		return fault(-ENOMEM);
	}
	for (size_t i = 0; fds[i]; i++) {
		on_fd_added(fds[i]->fd, fds[i]->events, u);
	}
	libusb_free_pollfds(fds);
	libusb_set_pollfd_notifiers(u->context, on_fd_added, on_fd_removed, u);
	return 0;
}

/* libusb must tell of hot plug and keep time by a descriptor, as on every Linux of today. */
static int begin(struct usb *u)
{
	int r = libusb_init(&u->context);

	if (r != 0 || !libusb_has_capability(LIBUSB_CAP_HAS_HOTPLUG) ||
		!libusb_pollfds_handle_timeouts(u->context)) {
		return fault(r == LIBUSB_ERROR_NO_MEM ? -ENOMEM : -ENOTSUP);
	}
	r = libusb_hotplug_register_callback(u->context,
		LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT,
		LIBUSB_HOTPLUG_NO_FLAGS, LIBUSB_HOTPLUG_MATCH_ANY, LIBUSB_HOTPLUG_MATCH_ANY,
		LIBUSB_HOTPLUG_MATCH_ANY, on_hotplug, u, &u->hotplug);
	return r == 0 ? trace(add_fds(u)) : fault(-ENOMEM);
}

int usb_loop_start(struct usb *u)
{
	int r;

	u->asleep = slept_in_all();
	r = sd_event_add_defer(u->ev, &u->turn, on_turn, u);
	if (r >= 0) {
		r = sd_event_source_set_priority(u->turn, SD_EVENT_PRIORITY_IMPORTANT);
	}
	if (r >= 0) {
		r = sd_event_add_time(
			u->ev, &u->awake, CLOCK_BOOTTIME, 0, AWAKE_USEC, on_awake, u);
	}
	if (r >= 0) {
		r = sd_event_source_set_enabled(u->awake, SD_EVENT_OFF);
	}
	return r < 0 ? fault(r) : trace(begin(u));
}

void usb_loop_mute(struct usb *u)
{
	if (u->context) {
		libusb_set_pollfd_notifiers(u->context, NULL, NULL, NULL);
	}
	for (size_t i = 0; i < USB_FDS_MAX; i++) {
		u->fds[i].source = sd_event_source_disable_unref(u->fds[i].source);
	}
	u->turn = sd_event_source_disable_unref(u->turn);
	u->awake = sd_event_source_disable_unref(u->awake);
	if (u->on_done) {
		(void)sd_event_source_set_enabled(u->on_done, SD_EVENT_OFF);
	}
	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		if (u->devices[i] && u->devices[i]->d.handle) {
			usb_handle_mute(u->devices[i]->d.handle);
		}
	}
}

void usb_loop_stop(struct usb *u)
{
	if (u->context) {
		libusb_exit(u->context);
	}
}
