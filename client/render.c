/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Text from JSON by a walk with a stack of its own. What is printed here was not written by us:
 * every string goes through render_text().
 */
#include "client/render.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/lang.h"
#include "client/messages.h"

#define LEVELS 16U

struct level {
	const json_t *j;
	void *iter;   /* objects */
	size_t index; /* arrays */
};

/* One UTF-8 sequence at the start of @r; jansson and libdbus let only valid UTF-8 in. */
static struct view take_character(struct reader *r, uint32_t *ret_code)
{
	uint8_t first = r->data[0];
	size_t n = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
	struct view v = reader_take(r, n <= r->left ? n : r->left);
	struct reader bytes = reader_of(v);
	uint32_t code = reader_u8(&bytes);

	code &= n == 1 ? 0x7FU : n == 2 ? 0x1FU : n == 3 ? 0x0FU : 0x07U;
	while (bytes.left > 0) {
		code = (code << 6) | (reader_u8(&bytes) & 0x3FU);
	}
	*ret_code = code;
	return v;
}

static bool may_show(uint32_t code, bool lines)
{
	if (code == '\n' || code == '\t') {
		return lines;
	}
	return code >= 0x20 && !(code >= 0x7F && code <= 0x9F) &&
	       !(code >= 0x202A && code <= 0x202E) && !(code >= 0x2066 && code <= 0x2069);
}

void render_text(const char *text, bool lines, struct buf *out)
{
	struct reader r = reader_of(view_str(text));

	while (r.left > 0) {
		uint32_t code = 0;
		struct view v = take_character(&r, &code);

		if (may_show(code, lines)) {
			buf_put_view(out, v);
		} else {
			buf_put_str(out, "\xEF\xBF\xBD");
		}
	}
}

static void put_scalar(const json_t *j, struct buf *out)
{
	if (json_is_string(j)) {
		render_text(json_string_value(j), false, out);
	} else if (json_is_integer(j)) {
		buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(j));
	} else if (json_is_boolean(j)) {
		buf_put_str(out, json_is_true(j) ? _("yes") : _("no"));
	} else {
		buf_put_str(out, "-");
	}
}

static void put_indent(struct buf *out, size_t depth)
{
	for (size_t i = 0; i < depth; i++) {
		buf_put_str(out, "  ");
	}
}

static bool is_container(const json_t *j)
{
	return json_is_object(j) || json_is_array(j);
}

/* The next child of @l, its label written; NULL at the end. */
static json_t *next_child(struct level *l, size_t depth, struct buf *out)
{
	json_t *child;

	if (json_is_array(l->j)) {
		child = json_array_get(l->j, l->index++);
		if (child) {
			put_indent(out, depth);
			buf_put_str(out, "- ");
		}
		return child;
	}
	/* the API of jansson wants a pointer to non-const objects for its iterators, only reads */
	l->iter = l->iter ? json_object_iter_next((json_t *)(uintptr_t)l->j, l->iter)
			  : json_object_iter((json_t *)(uintptr_t)l->j);
	child = l->iter ? json_object_iter_value(l->iter) : NULL;
	if (child) {
		put_indent(out, depth);
		render_text(message_label(json_object_iter_key(l->iter)), false, out);
		buf_put_str(out, _(": "));
	}
	return child;
}

void render(const json_t *j, struct buf *out)
{
	struct level levels[LEVELS];
	size_t depth = 0;

	if (!is_container(j)) {
		put_scalar(j, out);
		buf_put_u8(out, '\n');
		return;
	}
	levels[depth++] = (struct level){.j = j};
	while (depth > 0) {
		struct level *l = &levels[depth - 1];
		json_t *child = NULL;

		/* an object's iterator that came to its end must not start again */
		if (!(json_is_object(l->j) && l->index == 1)) {
			child = next_child(l, depth - 1, out);
		}
		if (!child) {
			depth--;
			continue;
		}
		if (json_is_object(l->j) &&
			!json_object_iter_next((json_t *)(uintptr_t)l->j, l->iter)) {
			l->index = 1; /* that was the last member */
		}
		if (is_container(child) && depth < LEVELS) {
			buf_put_u8(out, '\n');
			levels[depth++] = (struct level){.j = child};
			continue;
		}
		if (is_container(child)) {
			buf_put_str(out, "…");
		} else {
			put_scalar(child, out);
		}
		buf_put_u8(out, '\n');
	}
}

void render_cell(const json_t *j, struct buf *out)
{
	if (!json_is_array(j)) {
		put_scalar(j, out);
		return;
	}
	for (size_t i = 0; i < json_array_size(j); i++) {
		buf_put_str(out, i > 0 ? "," : "");
		put_scalar(json_array_get(j, i), out);
	}
	if (json_array_size(j) == 0) {
		buf_put_str(out, "-");
	}
}

void render_rows(const json_t *rows, const char *const *names, struct buf *out)
{
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);

		for (size_t n = 0; names[n]; n++) {
			buf_put_str(out, n > 0 ? "\t" : "");
			render_cell(json_object_get(row, names[n]), out);
		}
		buf_put_u8(out, '\n');
	}
}

void render_print(const struct buf *out)
{
	if (buf_check(out) == 0 && out->len > 0) {
		(void)fwrite(out->data, 1, out->len, stdout);
	}
	(void)fflush(stdout);
}
