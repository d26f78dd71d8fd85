/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of drivers/usb/descriptor.h and of what is made of it in names.h and words.h. The input: one byte,
 * the configuration that is wanted; two bytes, how long the file "descriptors" is; that file; then three
 * string descriptors (manufacturer, product, serial number). Whatever is accepted keeps the bounds that the
 * driver builds on, and every outcome has its name and its sentence.
 */
#include <assert.h>
#include <string.h>

#include "drivers/usb/descriptor.h"
#include "drivers/usb/names.h"
#include "drivers/usb/words.h"

#define TEXT 64U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_printable(const char *text, const char *but)
{
	for (const char *p = text; *p; p++) {
		assert(*p >= ' ' && *p <= '~' && !strchr(but, *p));
		assert(*p != ' ' || p[1] != ' ');
	}
}

static void check_reader(const struct ccid_interface *c)
{
	assert(c->slots >= 1 && c->slots <= DESCRIPTOR_SLOTS_MAX);
	assert(c->busy >= 1 && c->busy <= c->slots);
	assert(c->protocols >= 1 && c->protocols <= 3 && c->protocol == 0);
	assert(c->message >= DESCRIPTOR_MESSAGE_MIN && c->message <= DESCRIPTOR_MESSAGE_MAX);
	assert(c->number < 32 && c->voltages < 8 && c->pin < 4);
	assert(c->bulk_out > 0 && c->bulk_out < 0x10);
	assert(c->bulk_in > 0x80 && c->bulk_in < 0x90);
	assert(c->interrupt_in == 0 || (c->interrupt_in > 0x80 && c->interrupt_in < 0x90));
	assert(c->interrupt_in != c->bulk_in);
	assert(c->packet_out >= 1 && c->packet_out <= 1024);
	assert(c->packet_in >= 1 && c->packet_in <= 1024);
	assert((c->interrupt_in == 0) == (c->packet_interrupt == 0));
}

static void check_apart(const struct ccid_interface *readers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < i; j++) {
			assert(readers[i].number != readers[j].number);
			assert(readers[i].bulk_in != readers[j].bulk_in);
			assert(readers[i].bulk_out != readers[j].bulk_out);
		}
	}
}

/* How long a descriptor says that it is, within what there is. */
static struct view take_string(struct reader *r)
{
	struct reader ahead = *r;
	size_t n = reader_u8(&ahead);

	return reader_take(r, n < r->left ? n : r->left);
}

/* As usb-sysfs.c gives it: printable ASCII. */
static void read_string(struct reader *r, char ret[TEXT])
{
	struct reader bytes = reader_of(take_string(r));
	size_t n = 0;

	while (bytes.left > 0 && n + 1 < TEXT) {
		uint8_t c = reader_u8(&bytes);

		ret[n++] = c >= 0x20 && c < 0x7F ? (char)c : '?';
	}
	ret[n] = '\0';
}

static void check_names(const struct words_device *d)
{
	const struct names_device words = {.vendor = d->vendor,
		.product = d->product,
		.known = d->known ? d->known->name : NULL,
		.manufacturer = d->manufacturer,
		.model = d->model,
		.serial = d->serial,
		.port = d->port};
	char name[NAMES_MAX], model[NAMES_MAX];

	names_of(&words, d->n_readers, 1, name);
	names_model(&words, model);
	check_printable(name, "");
	check_printable(model, "()[]");
	assert(strlen(name) < NAMES_MAX && strlen(model) > 0);
	assert(strncmp(strrchr(name, '['), "[usb 1-2] ", 10) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(65536);
	struct reader r = reader_of(view_of(data, size));
	uint8_t value = reader_u8(&r);
	size_t length = reader_u16(&r);
	struct view file = reader_take(&r, length < r.left ? length : r.left);
	struct ccid_interface readers[DESCRIPTOR_INTERFACES_MAX];
	char texts[3][TEXT];
	struct descriptor_device own = {0};
	struct words_device d = {.port = "1-2",
		.manufacturer = texts[0],
		.model = texts[1],
		.serial = texts[2],
		.readers = readers};
	int outcome = descriptor_device(file, value, &own);
	size_t slots = 0;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		read_string(&r, texts[i]);
	}
	if (outcome == 0) {
		outcome = descriptor_parse(own.configuration, readers, &d.n_readers);
	}
	assert(outcome >= 0 && outcome <= DESCRIPTOR_MANY);
	assert((outcome == 0) == (d.n_readers > 0));
	assert(d.n_readers <= DESCRIPTOR_INTERFACES_MAX);
	for (size_t i = 0; i < d.n_readers; i++) {
		check_reader(&readers[i]);
		slots += readers[i].slots;
	}
	assert(slots <= DESCRIPTOR_SERVED_MAX);
	check_apart(readers, d.n_readers);
	d.vendor = own.vendor;
	d.product = own.product;
	d.release = own.release;
	d.known = readers_known(own.vendor, own.product);
	d.refused = (enum descriptor_outcome)outcome;
	check_names(&d);
	words_device(&d, words_english, &out);
	assert(buf_check(&out) == 0 && out.len > 0);
	return 0;
}
