/* SPDX-License-Identifier: EUPL-1.2 */
/* Devices in words, one after the other, as usb.c numbers them. */
#include "drivers/usb/list.h"

#include <errno.h>

#include "drivers/usb/words.h"

#define LIST_MAX 65536U /* bytes of one device in words */

void list_device(const struct usb_device *d, bool serials, struct buf *out)
{
	const char *serial = serials ? d->serial : words_hidden;
	const struct words_device words = {.port = d->port,
		.vendor = d->vendor,
		.product = d->product,
		.release = d->release,
		.manufacturer = d->manufacturer,
		.model = d->name,
		.serial = d->serial[0] ? serial : NULL,
		.known = d->known,
		.readers = d->readers,
		.n_readers = d->n_readers,
		.refused = d->refused};

	words_device(&words, words_english, out);
}

int list_print(struct usb *u, bool serials, FILE *to)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL((size_t)USB_DEVICES_MAX * LIST_MAX);
	const struct usb_device *d;
	int r;

	for (size_t i = 0; (d = usb_device(u, i)) != NULL; i++) {
		list_device(d, serials, &text);
	}
	if (text.len == 0) {
		buf_put_str(&text, "No card reader is plugged in.\n");
	}
	r = buf_check(&text);
	if (r < 0) {
		return trace(r);
	}
	return fwrite(text.data, 1, text.len, to) == text.len ? 0 : fault(-EIO);
}
