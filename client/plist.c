/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The lists of readers in a driver's Info.plist. Of its XML only what drivers write is understood: a
 * <key>, then <array>s or one <string>, comments in between; anything else is malformed and said to be.
 */
#include "client/plist.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROWS_MAX 8192U /* of one driver; libccid 1.8 has 650 */

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool plist_hex(struct view text, uint16_t *ret)
{
	struct view start = view_sub(text, 0, 2);
	struct reader r;
	unsigned int value = 0;

	if (view_equal(start, VIEW_TEXT("0x")) || view_equal(start, VIEW_TEXT("0X"))) {
		text = view_sub(text, 2, text.len);
	}
	if (text.len == 0 || text.len > 4) {
		return false;
	}
	r = reader_of(text);
	while (r.left > 0) {
		int d = digit(reader_u8(&r));

		if (d < 0) {
			return false;
		}
		value = value * 16 + (unsigned int)d;
	}
	*ret = (uint16_t)value;
	return true;
}

void plist_key(uint16_t vendor, uint16_t product, char ret[10])
{
	(void)snprintf(ret, 10, "%04x:%04x", vendor, product);
}

/* What stands behind @needle; false when it is not there. */
static bool after(
	struct view text, struct view needle, struct view *ret_before, struct view *ret)
{
	const uint8_t *at =
		text.len ? memmem(text.data, text.len, needle.data, needle.len) : NULL;
	size_t before;

	if (!at) {
		return false;
	}
	before = (size_t)(at - text.data);
	*ret_before = view_sub(text, 0, before);
	*ret = view_sub(text, before + needle.len, text.len);
	return true;
}

static bool starts(struct view text, struct view with)
{
	return view_equal(view_sub(text, 0, with.len), with);
}

static struct view skip_blanks(struct view text)
{
	struct reader r = reader_of(text);

	while (r.left > 0 && strchr(" \t\r\n", *r.data) != NULL && *r.data != 0) {
		(void)reader_u8(&r);
	}
	return reader_rest(&r);
}

/* Blanks and comments passed over. */
static struct view skip(struct view text)
{
	struct view comment;

	text = skip_blanks(text);
	while (starts(text, VIEW_TEXT("<!--")) &&
		after(text, VIEW_TEXT("-->"), &comment, &text)) {
		text = skip_blanks(text);
	}
	return text;
}

/* The list of a key: where it goes on from string to string. */
struct list {
	struct view text;
	bool array;
	bool over;
};

/* Comments hold angle brackets, keys and all: they are passed over like blanks. */
static bool list_open(struct view plist, const char *key, struct list *ret)
{
	struct view name, before, rest = plist;

	for (;;) {
		rest = skip(rest);
		if (!after(rest, VIEW_TEXT("<"), &before, &rest)) {
			return false;
		}
		if (starts(rest, VIEW_TEXT("!--"))) {
			if (!after(rest, VIEW_TEXT("-->"), &before, &rest)) {
				return false;
			}
		} else if (starts(rest, VIEW_TEXT("key>"))) {
			rest = view_sub(rest, 4, rest.len);
			if (!after(rest, VIEW_TEXT("</key>"), &name, &rest)) {
				return false;
			}
			if (view_equal(name, view_str(key))) {
				break;
			}
		}
	}
	rest = skip(rest);
	*ret = (struct list){.text = rest};
	if (starts(rest, VIEW_TEXT("<array>"))) {
		ret->array = true;
		ret->text = view_sub(rest, 7, rest.len);
	}
	return true;
}

/* The next string of the list, or PLIST_MALFORMED; @ret_end at its end. */
static int list_next(struct list *l, struct view *ret, bool *ret_end)
{
	struct view text = skip(l->text);

	*ret_end = l->over || (l->array && starts(text, VIEW_TEXT("</array>")));
	if (*ret_end) {
		return 0;
	}
	if (!starts(text, VIEW_TEXT("<string>")) ||
		!after(view_sub(text, 8, text.len), VIEW_TEXT("</string>"), ret, &l->text) ||
		(ret->len > 0 && memchr(ret->data, '<', ret->len))) {
		return PLIST_MALFORMED;
	}
	l->over = !l->array;
	return 0;
}

/* The five names of XML (1.0 §4.6) become their characters; the rest stays as it is. */
static int unescape(struct view text, struct buf *out)
{
	static const char *const names[][2] = {{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"},
		{"&quot;", "\""}, {"&apos;", "'"}};

	while (text.len > 0) {
		size_t used = 0;

		for (size_t i = 0; i < ARRAY_LEN(names) && used == 0; i++) {
			if (starts(text, view_str(names[i][0]))) {
				used = strlen(names[i][0]);
				buf_put_str(out, names[i][1]);
			}
		}
		if (used == 0) {
			used = 1;
			buf_put_view(out, view_sub(text, 0, 1));
		}
		text = view_sub(text, used, text.len);
	}
	return trace(buf_check(out));
}

static int claim(json_t *map, struct view vendor, struct view product, struct view name)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(256);
	uint16_t v, p;
	char key[10];
	json_t *value;

	if (!plist_hex(vendor, &v) || !plist_hex(product, &p)) {
		return 0;
	}
	if (unescape(view_sub(name, 0, 200), &text) < 0) {
		return fault(-ENOMEM);
	}
	value = json_stringn(text.len ? (const char *)text.data : "", text.len);
	if (!value) {
		return 0; /* not UTF-8: pcscd could not show it either */
	}
	plist_key(v, p, key);
	return json_object_set_new(map, key, value) < 0 ? fault(-ENOMEM) : 0;
}

int plist_claimed(struct view plist, json_t *map)
{
	static const char *const keys[] = {"ifdVendorID", "ifdProductID", "ifdFriendlyName"};
	struct list lists[ARRAY_LEN(keys)];

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (!list_open(plist, keys[i], &lists[i])) {
			return PLIST_MALFORMED;
		}
	}
	for (size_t row = 0; row < ROWS_MAX; row++) {
		struct view v[ARRAY_LEN(keys)];
		size_t ends = 0;
		int r = 0;

		for (size_t i = 0; i < ARRAY_LEN(keys) && r == 0; i++) {
			bool end;

			r = list_next(&lists[i], &v[i], &end);
			ends += r == 0 && end;
		}
		if (r != 0 || (ends > 0 && ends < ARRAY_LEN(keys))) {
			return PLIST_MALFORMED;
		}
		if (ends > 0) {
			return 0;
		}
		r = claim(map, v[0], v[1], v[2]);
		if (r < 0) {
			return trace(r);
		}
	}
	return PLIST_MALFORMED;
}

json_t *plist_text(struct view plist, const char *key)
{
	struct list list;
	struct view text;
	bool end;

	if (!list_open(plist, key, &list) || list_next(&list, &text, &end) != 0 || end) {
		return NULL;
	}
	return json_stringn((const char *)text.data, text.len);
}
