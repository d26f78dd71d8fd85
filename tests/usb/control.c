/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The control pipe: string descriptors (USB 2.0 §9.4.3), and of the class ABORT and the lists of clock
 * frequencies and data rates (CCID 1.1 §5.3), which stall where a model has none.
 */
#include <errno.h>
#include <string.h>

#include "tests/usb/hook.h"

enum {
	GET_DESCRIPTOR = 6,
	DESCRIPTOR_DEVICE = 1,
	DESCRIPTOR_CONFIGURATION = 2,
	DESCRIPTOR_STRING = 3,
	CLASS_ABORT = 1,
	FROM_DEVICE = 0x80,
	CLASS_TO_INTERFACE = 0x21,
	CLASS_FROM_INTERFACE = 0xA1,
};

static int text_of(const struct bench_device *d, uint8_t index, struct buf *answer)
{
	const char *texts[] = {"", d->model->maker, d->model->text, d->serial, "CCID"};
	static const uint8_t languages[] = {4, 3, 9, 4};

	if (index == 0) {
		buf_put(answer, languages, sizeof(languages));
		return 0;
	}
	if (index >= ARRAY_LEN(texts))
		return -EPIPE;
	buf_put_u8(answer, (uint8_t)(2 + 2 * strlen(texts[index])));
	buf_put_u8(answer, 3);
	for (const char *c = texts[index]; *c; c++) {
		buf_put_u8(answer, (uint8_t)*c);
		buf_put_u8(answer, 0);
	}
	return 0;
}

static int descriptor(
	const struct bench_device *d, uint8_t type, uint8_t index, struct buf *answer)
{
	_cleanup_(buf_done) struct buf all = BUF_NULL(2 * DESCRIPTOR_MAX);

	models_descriptors(d->model, d->serial[0], &all);
	switch (type) {
	case DESCRIPTOR_DEVICE:
		buf_put_view(answer, view_sub(buf_view(&all), 0, 18));
		return 0;
	case DESCRIPTOR_CONFIGURATION:
		buf_put_view(answer, view_sub(buf_view(&all), 18, all.len));
		return 0;
	case DESCRIPTOR_STRING:
		return text_of(d, index, answer);
	default:
		return -EPIPE;
	}
}

int control_request(struct bench_device *d, struct view setup, struct buf *answer)
{
	struct reader r = reader_of(setup);
	uint8_t type = reader_u8(&r), request = reader_u8(&r);
	uint8_t low = reader_u8(&r), high = reader_u8(&r), interface = reader_u8(&r);

	if (r.failed)
		return -EPIPE;
	if (type == FROM_DEVICE && request == GET_DESCRIPTOR)
		return descriptor(d, high, low, answer);
	if (d->control_halted) { /* ended by the next request (USB 2.0 §8.5.3.4) */
		d->control_halted = false;
		return -EPIPE;
	}
	if (type == CLASS_TO_INTERFACE && request == CLASS_ABORT &&
		interface < d->model->faces) {
		ccid_abort(&d->faces[interface], low, high);
		return 0;
	}
	if (type == CLASS_FROM_INTERFACE && interface < d->model->faces &&
		rates_list(d->model, request, answer))
		return 0;
	return type & FROM_DEVICE || type == CLASS_TO_INTERFACE ? -EPIPE : 0;
}
