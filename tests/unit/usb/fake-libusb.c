/* SPDX-License-Identifier: EUPL-1.2 */
/* A libusb that does what it is told (fake-libusb.h). What a program may not do with the real one is an assertion. */
#include "tests/unit/usb/fake-libusb.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "drivers/usb/usb-inside.h"
#include "drivers/usb/usb-sysfs.h"

struct libusb_context {
	int event;
	libusb_pollfd_added_cb added;
	libusb_pollfd_removed_cb removed;
	void *user;
	libusb_hotplug_callback_fn hotplug;
	void *hotplug_user;
	bool handling;
};

static struct flight {
	struct libusb_transfer *transfer; /* NULL: free */
	bool over, cancelled;
	enum libusb_transfer_status status;
} flights[LIB_TRANSFERS];

struct fake_lib fake_lib;
static struct libusb_context context;
static struct libusb_device_handle handles[LIB_DEVICES];
static int node = -1;
static pthread_mutex_t stuck_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t stuck_news = PTHREAD_COND_INITIALIZER;

static void wake(void)
{
	if (fake_lib.contexts > 0) {
		assert(eventfd_write(context.event, 1) == 0);
	}
}

void lib_reset(void)
{
	assert(fake_lib.contexts == 0 && fake_lib.transfers == 0);
	for (size_t i = 0; i < LIB_DEVICES; i++) {
		assert(fake_lib.devices[i].refs == 0 && fake_lib.devices[i].open == 0);
		buf_done(&fake_lib.devices[i].sent);
	}
	wipe(&fake_lib, sizeof(fake_lib));
	for (uint8_t i = 0; i < LIB_DEVICES; i++) {
		fake_lib.devices[i].sent = BUF_NULL(MESSAGE_MAX);
		fake_lib.devices[i].bus = 1;
		fake_lib.devices[i].address = (uint8_t)(i + 2);
		fake_lib.devices[i].port = (uint8_t)(i + 1);
		fake_lib.devices[i].readers = 1;
		fake_lib.devices[i].off = 1;
	}
}

void lib_plug(unsigned i)
{
	fake_lib.devices[i].there = true;
	wake();
}

void lib_unplug(unsigned i)
{
	fake_lib.devices[i].there = false;
	for (size_t k = 0; k < LIB_TRANSFERS; k++) {
		struct libusb_transfer *t = flights[k].transfer;

		if (t && t->dev_handle->device == &fake_lib.devices[i] && !flights[k].over) {
			flights[k].over = true;
			flights[k].status = LIBUSB_TRANSFER_NO_DEVICE;
			t->actual_length = 0;
		}
	}
	wake();
}

static struct flight *flight_of(unsigned i, uint8_t endpoint)
{
	for (size_t k = 0; k < LIB_TRANSFERS; k++) {
		struct libusb_transfer *t = flights[k].transfer;

		if (t && t->dev_handle->device == &fake_lib.devices[i] &&
			t->endpoint == endpoint && !flights[k].over) {
			return &flights[k];
		}
	}
	return NULL;
}

bool lib_runs(unsigned i, uint8_t endpoint)
{
	return flight_of(i, endpoint) != NULL;
}

void lib_wait_stuck(unsigned i)
{
	(void)pthread_mutex_lock(&stuck_lock);
	while (fake_lib.devices[i].waits == 0) {
		(void)pthread_cond_wait(&stuck_news, &stuck_lock);
	}
	(void)pthread_mutex_unlock(&stuck_lock);
}

void lib_free_stuck(unsigned i)
{
	(void)pthread_mutex_lock(&stuck_lock);
	fake_lib.devices[i].stuck = fake_lib.devices[i].stuck_reset = false;
	(void)pthread_cond_broadcast(&stuck_news);
	(void)pthread_mutex_unlock(&stuck_lock);
}

bool lib_stuck(const struct usb_device *d)
{
	const struct libusb_device *one = &fake_lib.devices[d->address - 2];

	return one->stuck || (one->stuck_reset && d->handle && d->handle->phase == USB_RESETS);
}

/* What the kernel does under the device's lock, in a thread. */
static void wait_in_kernel(struct libusb_device *d, bool resets)
{
	assert(d->running == 0 || d->deaf);
	(void)pthread_mutex_lock(&stuck_lock);
	d->waits++;
	(void)pthread_cond_broadcast(&stuck_news);
	while (d->stuck || (resets && d->stuck_reset)) {
		(void)pthread_cond_wait(&stuck_news, &stuck_lock);
	}
	d->waits--;
	(void)pthread_mutex_unlock(&stuck_lock);
}

/* Whoever asks for anything of the device meanwhile would wait for it. */
static void must_not_wait(const struct libusb_device *d)
{
	assert(d->waits == 0);
}

static void bring(struct libusb_transfer *t, struct view bytes)
{
	bytes = view_sub(bytes, 0, (size_t)t->length);
	bytes_copy(t->buffer, (size_t)t->length, bytes.data, bytes.len);
	t->actual_length = (int)bytes.len;
}

bool lib_end(
	unsigned i, uint8_t endpoint, enum libusb_transfer_status status, struct view bytes)
{
	struct flight *f = flight_of(i, endpoint);

	if (!f) {
		return false;
	}
	bring(f->transfer, bytes);
	f->status = status;
	f->over = true;
	wake();
	return true;
}

/* -- the library --------------------------------------------------------------------------- */

/* Who came is listed, who left is not any more; that is told. */
static void follow(void)
{
	for (size_t i = 0; i < LIB_DEVICES; i++) {
		struct libusb_device *d = &fake_lib.devices[i];
		bool came = d->there && !d->listed, left = !d->there && d->listed;

		d->refs += came ? 1U : 0U;
		d->listed = d->there;
		if ((came || left) && context.hotplug) {
			(void)context.hotplug(&context, d,
				came ? LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED
				     : LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT,
				context.hotplug_user);
		}
		d->refs -= left ? 1U : 0U;
	}
}

int libusb_init(libusb_context **ret)
{
	if (fake_lib.inits != 0) {
		return fake_lib.inits;
	}
	assert(fake_lib.contexts == 0);
	context = (struct libusb_context){.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	assert(context.event >= 0);
	fake_lib.contexts++;
	*ret = &context;
	follow();
	return 0;
}

void libusb_exit(libusb_context *c)
{
	assert(c == &context && fake_lib.contexts == 1 && fake_lib.transfers == 0);
	for (size_t i = 0; i < LIB_DEVICES; i++) {
		assert(fake_lib.devices[i].open == 0);
		fake_lib.devices[i].refs -= fake_lib.devices[i].listed;
		fake_lib.devices[i].listed = false;
	}
	close(c->event);
	fake_lib.contexts--;
}

int libusb_has_capability(uint32_t capability)
{
	return capability == LIBUSB_CAP_HAS_HOTPLUG && !fake_lib.no_hotplug;
}

int libusb_pollfds_handle_timeouts(libusb_context *c)
{
	assert(c == &context);
	return !fake_lib.no_timerfd;
}

int libusb_hotplug_register_callback(libusb_context *c, int events, int flags, int vendor,
	int product, int class, libusb_hotplug_callback_fn f, void *user,
	libusb_hotplug_callback_handle *ret)
{
	assert(events == 3 && flags == 0 && vendor == -1 && product == -1 && class == -1);
	c->hotplug = f;
	c->hotplug_user = user;
	*ret = 1;
	return 0;
}

const struct libusb_pollfd **libusb_get_pollfds(libusb_context *c)
{
	static struct libusb_pollfd one;
	static const struct libusb_pollfd *list[2];

	one = (struct libusb_pollfd){.fd = c->event, .events = 1};
	list[0] = &one;
	return list;
}

void libusb_free_pollfds(const struct libusb_pollfd **list)
{
	assert(list[0] && !list[1]);
}

void libusb_set_pollfd_notifiers(libusb_context *c, libusb_pollfd_added_cb added,
	libusb_pollfd_removed_cb removed, void *user)
{
	c->added = added;
	c->removed = removed;
	c->user = user;
}

ssize_t libusb_get_device_list(libusb_context *c, libusb_device ***ret)
{
	static struct libusb_device *list[LIB_DEVICES + 1];
	ssize_t n = 0;

	assert(c == &context && !c->handling);
	for (size_t i = 0; i < LIB_DEVICES; i++) {
		if (fake_lib.devices[i].listed) {
			list[n++] = libusb_ref_device(&fake_lib.devices[i]);
		}
	}
	list[n] = NULL;
	*ret = list;
	return n;
}

void libusb_free_device_list(libusb_device **list, int unref)
{
	assert(unref == 1);
	for (size_t i = 0; list[i]; i++) {
		libusb_unref_device(list[i]);
	}
}

libusb_device *libusb_ref_device(libusb_device *d)
{
	d->refs++;
	return d;
}

void libusb_unref_device(libusb_device *d)
{
	assert(d->refs > 0);
	d->refs--;
}

uint8_t libusb_get_bus_number(libusb_device *d)
{
	return d->bus;
}

uint8_t libusb_get_device_address(libusb_device *d)
{
	return d->address;
}

int libusb_get_port_numbers(libusb_device *d, uint8_t *ret, int room)
{
	assert(room >= 7);
	ret[0] = d->port;
	return d->port ? 1 : 0;
}

int libusb_get_device_descriptor(libusb_device *d, struct libusb_device_descriptor *ret)
{
	*ret = (struct libusb_device_descriptor){
		.idVendor = 0x1C34, .idProduct = d->unknown ? 0xFFFF : 0xAFD0};
	return 0;
}

int libusb_open(libusb_device *d, libusb_device_handle **ret)
{
	struct libusb_device_handle *h = &handles[d - fake_lib.devices];

	if (!d->there || d->opens != 0) {
		return d->there ? d->opens : LIBUSB_ERROR_NO_DEVICE;
	}
	assert(d->open == 0);
	d->open++;
	h->device = libusb_ref_device(d);
	if (context.added && fake_lib.plain && node < 0) {
		node = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
		context.added(node, 4, context.user);
	}
	*ret = h;
	return 0;
}

void libusb_close(libusb_device_handle *h)
{
	assert(!context.handling && h->device->open == 1 && h->device->claimed == 0);
	must_not_wait(h->device);
	for (size_t k = 0; k < LIB_TRANSFERS; k++) {
		if (flights[k].transfer && flights[k].transfer->dev_handle == h) {
			assert(h->device->deaf); /* else it would have ended */
			flights[k].transfer = NULL;
			h->device->running--;
		}
	}
	if (node >= 0) {
		context.removed(node, context.user);
		close(node);
		node = -1;
	}
	h->device->open--;
	libusb_unref_device(h->device);
}

int libusb_claim_interface(libusb_device_handle *h, int number)
{
	assert(number >= 0 && (size_t)number < h->device->readers);
	if (h->device->claims[number] == 0) {
		h->device->claimed++;
	}
	return h->device->claims[number];
}

int libusb_release_interface(libusb_device_handle *h, int number)
{
	assert(number >= 0 && h->device->claimed > 0);
	must_not_wait(h->device);
	h->device->claimed--;
	return 0;
}

int libusb_clear_halt(libusb_device_handle *h, unsigned char endpoint)
{
	assert(endpoint != 0);
	wait_in_kernel(h->device, false);
	h->device->n_clears++;
	return h->device->there ? h->device->clears : LIBUSB_ERROR_NO_DEVICE;
}

int libusb_reset_device(libusb_device_handle *h)
{
	wait_in_kernel(h->device, true);
	h->device->n_resets++;
	return h->device->there ? h->device->resets : LIBUSB_ERROR_NO_DEVICE;
}

int libusb_control_transfer(libusb_device_handle *h, uint8_t type, uint8_t request,
	uint16_t value, uint16_t number, unsigned char *data, uint16_t len, unsigned int ms)
{
	static const uint8_t rates[] = {0x80, 0x25, 0x00, 0x00};

	assert(!context.handling && type == 0xA1 && request == 3 && value == 0 && ms > 0);
	assert(number < h->device->readers);
	if (h->device->syncs != 0) {
		return h->device->syncs;
	}
	bytes_copy(data, len, rates, sizeof(rates));
	return sizeof(rates);
}

/* -- transfers ----------------------------------------------------------------------------- */

struct libusb_transfer *libusb_alloc_transfer(int packets)
{
	struct libusb_transfer *t = calloc(1, sizeof(*t));

	assert(packets == 0);
	fake_lib.transfers += t ? 1 : 0;
	return t;
}

void libusb_free_transfer(struct libusb_transfer *t)
{
	for (size_t k = 0; t && k < LIB_TRANSFERS; k++) {
		assert(flights[k].transfer != t);
	}
	fake_lib.transfers -= t ? 1 : 0;
	free(t);
}

static void take_message(struct libusb_device *d, struct libusb_transfer *t, struct flight *f)
{
	f->over = !d->slow_out;
	f->status = d->out;
	t->actual_length = d->out == LIBUSB_TRANSFER_COMPLETED ? t->length : 0;
	if (t->length == 0) {
		d->n_empty++;
		return;
	}
	d->n_sent++;
	buf_reset(&d->sent);
	buf_put(&d->sent, t->buffer, (size_t)t->length);
	d->offed = d->out == LIBUSB_TRANSFER_COMPLETED && t->buffer[0] == MESSAGE_POWER_OFF &&
		   d->off != UINT8_MAX;
}

/* A card that loses its power, by its reader's word or not. */
static void give_off(struct libusb_device *d, struct libusb_transfer *t, struct flight *f)
{
	const uint8_t answer[] = {MESSAGE_SLOT_STATUS, 0, 0, 0, 0, d->sent.data[5],
		d->sent.data[6], d->off, 0, 0};

	d->offed = false;
	f->over = true;
	f->status = LIBUSB_TRANSFER_COMPLETED;
	bring(t, VIEW(answer));
}

int libusb_submit_transfer(struct libusb_transfer *t)
{
	struct libusb_device *d = t->dev_handle->device;
	size_t k = 0;

	must_not_wait(d);
	while (flights[k].transfer) {
		assert(flights[k].transfer != t);
		k++;
		assert(k < LIB_TRANSFERS);
	}
	if (!d->there || d->submits != 0) {
		return d->there ? d->submits : LIBUSB_ERROR_NO_DEVICE;
	}
	flights[k] = (struct flight){.transfer = t};
	d->running++;
	t->actual_length = 0;
	if (t->endpoint & 0x80) {
		memset(t->buffer, LIB_UNTOUCHED, (size_t)t->length);
	}
	if (t->type == LIBUSB_TRANSFER_TYPE_CONTROL) {
		assert(t->timeout > 0 && t->buffer[0] == 0x21 && t->buffer[1] == 1);
		d->n_aborts++;
		flights[k].over = true;
	} else if (!(t->endpoint & 0x80)) {
		take_message(d, t, &flights[k]);
	} else if (d->offed && t->type == LIBUSB_TRANSFER_TYPE_BULK) {
		give_off(d, t, &flights[k]);
	}
	wake();
	return 0;
}

int libusb_cancel_transfer(struct libusb_transfer *t)
{
	must_not_wait(t->dev_handle->device);
	for (size_t k = 0; k < LIB_TRANSFERS; k++) {
		if (flights[k].transfer == t && !t->dev_handle->device->deaf &&
			!flights[k].over) {
			flights[k].over = true;
			flights[k].status = LIBUSB_TRANSFER_CANCELLED;
			t->actual_length = 0;
			if (t->endpoint == t->dev_handle->device->partly &&
				t->endpoint & 0x80) {
				bring(t, VIEW(t->dev_handle->device->part));
			}
			wake();
			return 0;
		}
	}
	return LIBUSB_ERROR_NOT_FOUND;
}

static void must_be_untouched(const struct libusb_transfer *t)
{
	for (int at = t->actual_length; t->endpoint & 0x80 && at < t->length; at++) {
		assert(t->buffer[at] == LIB_UNTOUCHED);
	}
}

static void finish(void)
{
	for (size_t k = 0; k < LIB_TRANSFERS; k++) {
		struct libusb_transfer *t = flights[k].transfer;

		if (t && flights[k].over) {
			must_not_wait(t->dev_handle->device);
			must_be_untouched(t);
			flights[k].transfer = NULL;
			t->dev_handle->device->running--;
			t->status = flights[k].status;
			t->callback(t);
		}
	}
}

int libusb_handle_events_timeout_completed(
	libusb_context *c, struct timeval *wait, int *completed)
{
	eventfd_t count;

	assert(c == &context && !c->handling && !completed && wait->tv_sec == 0);
	c->handling = true;
	(void)eventfd_read(c->event, &count);
	finish();
	follow();
	c->handling = false;
	return 0;
}

/* -- usb-sysfs.h --------------------------------------------------------------------------- */

bool usb_sysfs_reader(const char *port)
{
	const struct libusb_device *one = NULL;

	for (size_t i = 0; i < LIB_DEVICES; i++) {
		char own[8];

		(void)snprintf(own, sizeof(own), "1-%u", fake_lib.devices[i].port);
		one = strcmp(own, port) == 0 ? &fake_lib.devices[i] : one;
	}
	assert(one);
	return one->sysfs == 0 && one->refused != DESCRIPTOR_NO_READER;
}

int usb_sysfs_read(struct usb_device *d)
{
	struct libusb_device *one = &fake_lib.devices[d->address - 2];

	if (one->slow) {
		wait_in_kernel(one, false);
	}
	if (one->sysfs != 0) {
		return one->sysfs;
	}
	d->refused = one->refused;
	d->n_readers = one->refused ? 0 : one->readers;
	if (view_copy_str(view_str(one->serial), d->serial, sizeof(d->serial)) != 0) {
		return USB_SYSFS_GONE;
	}
	for (uint8_t i = 0; i < d->n_readers; i++) {
		d->readers[i] = (struct ccid_interface){.number = i,
			.slots = 1,
			.busy = 1,
			.protocols = 3,
			.voltages = 7,
			.rates = 1,
			.clock = 4000,
			.clock_max = 4000,
			.rate = 10752,
			.rate_max = 344086,
			.features = CCID_AUTO_VOLTAGE | CCID_AUTO_PARAMETERS | CCID_AUTO_CLOCK |
				    CCID_AUTO_RATE | CCID_AUTO_PPS | CCID_AUTO_IFSD,
			.level = CCID_LEVEL_SHORT_APDU,
			.message = DESCRIPTOR_MESSAGE_MIN,
			.bulk_out = (uint8_t)(LIB_OUT + 0x10 * i),
			.bulk_in = (uint8_t)(LIB_IN + 0x10 * i),
			.interrupt_in =
				(uint8_t)(one->no_interrupt ? 0 : LIB_INTERRUPT + 0x10 * i),
			.packet_out = 64,
			.packet_in = 64,
			.packet_interrupt = 8};
	}
	return 0;
}
