/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A message of the bus may have 32 MiB, 16 descriptors and 64 levels, and libdbus reads nothing more
 * while it holds 63 MiB of them: three such calls that wait for polkit would keep us from hearing its
 * answer. None of our members needs more than 2 KiB, two descriptors and four levels. libdbus tells
 * whether a message has descriptors but not how many, so their number is read from its header.
 */
#include "daemon/bus/weigh.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "daemon/limits.h"

#define FIELD_UNIX_FDS 9U  /* D-Bus specification, "Header Fields" */
#define HEADER_FIXED   12U /* byte order, type, flags, version, length of body, serial */
#define SIZE_FIXED     8U  /* any fixed type, with its alignment */

static size_t size_of(DBusMessageIter *it, int type, size_t most)
{
	const char *text = NULL;

	if (type != DBUS_TYPE_STRING && type != DBUS_TYPE_OBJECT_PATH &&
		type != DBUS_TYPE_SIGNATURE)
		return SIZE_FIXED; /* a descriptor is not taken out: that would duplicate it */
	dbus_message_iter_get_basic(it, &text);
	return SIZE_FIXED + strnlen(text, most);
}

static int walk(DBusMessage *m, size_t *left)
{
	DBusMessageIter at[LIMIT_CALL_DEPTH];
	size_t depth = 0;

	(void)dbus_message_iter_init(m, &at[0]);
	for (;;) {
		int type = dbus_message_iter_get_arg_type(&at[depth]);
		size_t size;

		if (type == DBUS_TYPE_INVALID) {
			if (depth == 0)
				return 0;
			(void)dbus_message_iter_next(&at[--depth]);
			continue;
		}
		size = size_of(&at[depth], type, *left);
		if (size > *left)
			return WEIGH_HEAVY;
		*left -= size;
		if (!dbus_type_is_container(type)) {
			(void)dbus_message_iter_next(&at[depth]);
		} else if (depth + 1 < ARRAY_LEN(at)) {
			dbus_message_iter_recurse(&at[depth], &at[depth + 1]);
			depth++;
		} else {
			return WEIGH_DEEP;
		}
	}
}

struct header {
	struct reader r;
	size_t at; /* bytes read, for the alignment */
	bool little;
};

static void skip(struct header *h, size_t n)
{
	(void)reader_take(&h->r, n);
	h->at += n;
}

static void align(struct header *h, size_t to)
{
	skip(h, (to - h->at % to) % to);
}

static uint32_t number(struct header *h)
{
	uint32_t v;

	align(h, 4);
	v = reader_u32(&h->r);
	h->at += 4;
	return h->little ? __builtin_bswap32(v) : v;
}

static uint8_t byte(struct header *h)
{
	h->at++;
	return reader_u8(&h->r);
}

/* the value of a header field by the one letter of its signature */
static uint32_t field(struct header *h, uint8_t letter)
{
	uint32_t v = 0;

	switch (letter) {
	case DBUS_TYPE_UINT32:
		return number(h);
	case DBUS_TYPE_STRING:
	case DBUS_TYPE_OBJECT_PATH:
		v = number(h);
		skip(h, (size_t)v + 1);
		return 0;
	case DBUS_TYPE_SIGNATURE:
		skip(h, (size_t)byte(h) + 1);
		return 0;
	default: /* not of a field that we know: the bus lets none through */
		h->r.failed = true;
		return 0;
	}
}

/* libdbus has checked the message: what does not read is an own bug, and counts as too many */
static uint32_t count_fds(struct view bytes)
{
	struct header h = {.r = reader_of(bytes)};
	size_t end;

	h.little = byte(&h) == DBUS_LITTLE_ENDIAN;
	skip(&h, HEADER_FIXED - 1);
	end = number(&h);
	end += h.at;
	while (h.at < end && !h.r.failed) {
		uint8_t code, letter;
		uint32_t v;

		align(&h, 8);
		code = byte(&h);
		(void)byte(&h); /* length of the signature: 1 */
		letter = byte(&h);
		(void)byte(&h);
		v = field(&h, letter);
		if (code == FIELD_UNIX_FDS && !h.r.failed)
			return v;
	}
	return UINT32_MAX;
}

static int weigh_fds(DBusMessage *m, uint32_t *ret)
{
	char *bytes = NULL;
	int len = 0;

	if (!dbus_message_contains_unix_fds(m))
		return 0;
	if (!dbus_message_marshal(m, &bytes, &len))
		return fault(-ENOMEM);
	*ret = count_fds(view_of(bytes, (size_t)len));
	dbus_free(bytes);
	if (*ret > LIMIT_CALL_FDS)
		return WEIGH_FDS;
	return 0;
}

int weigh(DBusMessage *m, struct weight *ret)
{
	size_t left = LIMIT_CALL_BYTES;
	const char *path = dbus_message_get_path(m);
	size_t n = path ? strnlen(path, left) : 0;
	uint32_t fds = 0;
	int r;

	if (n == left)
		return WEIGH_HEAVY;
	left -= n;
	r = walk(m, &left);
	if (r == 0)
		r = weigh_fds(m, &fds);
	if (r != 0)
		return r < 0 ? trace(r) : r;
	*ret = (struct weight){.bytes = (uint32_t)(LIMIT_CALL_BYTES - left), .fds = fds};
	return 0;
}
