/* SPDX-License-Identifier: EUPL-1.2 */
/* The table of readers, from base/readers.def. */
#include "base/readers.h"

#include <string.h>

static const struct reader_known table[] = {
#define READER(vendor, product, maker, model, name, slots, libccid, quirks, source)            \
	{vendor, product, maker, model, name, slots, libccid, quirks, source},
#include "base/readers.def"
#undef READER
};

const struct reader_known *readers_at(size_t i)
{
	return i < ARRAY_LEN(table) ? &table[i] : NULL;
}

const struct reader_known *readers_known(uint16_t vendor, uint16_t product)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (table[i].vendor == vendor && table[i].product == product) {
			return &table[i];
		}
	}
	return NULL;
}

static bool is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

/* " XX YY" */
static bool is_place(struct view v)
{
	struct reader r = reader_of(v);

	for (size_t i = 0; r.left > 0; i++) {
		uint8_t c = reader_u8(&r);

		if (i % 3 == 0 ? c != ' ' : !is_hex(c)) {
			return false;
		}
	}
	return v.len == 6;
}

bool readers_name_usb(const char *name)
{
	static const char head[] = " [usb ";
	struct view v = view_str(name);
	const char *found = NULL;
	struct reader r;
	uint8_t c = 0;

	if (!is_place(view_last(v, 6))) {
		return false;
	}
	for (const char *at = strstr(name, head); at; at = strstr(at + 1, head)) {
		found = at;
	}
	if (!found) {
		return false;
	}
	r = reader_of(view_str(found + strlen(head)));
	while (r.left > 7) { /* the port, then "] XX YY" */
		c = reader_u8(&r);
		if (!(c >= '0' && c <= '9') && c != '-' && c != '.') {
			return false;
		}
	}
	return c != 0 && r.left == 7 && reader_u8(&r) == ']';
}
