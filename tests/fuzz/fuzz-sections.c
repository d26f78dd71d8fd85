/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of record/sections.h. The first line of an input is the acts, the rest the file. What is made is
 * whole lines of the file in its order, without a marker, and more acts make no less; a file that is
 * well marked makes a text, and one without sections is its own.
 */
#include <assert.h>
#include <string.h>

#include "record/sections.h"

#define MOST ((size_t)64 * 1024) /* bytes of an input */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *acts_of(struct view line)
{
	json_t *acts = json_array();

	while (line.len > 0) {
		const uint8_t *blank = memchr(line.data, ' ', line.len);
		size_t n = blank ? (size_t)(blank - line.data) : line.len;

		/* no text: it is left out */
		(void)json_array_append_new(acts, json_stringn((const char *)line.data, n));
		line = view_last(line, line.len - n - (blank ? 1 : 0));
	}
	return acts;
}

static struct view line_of(struct view rest)
{
	const uint8_t *end = rest.len > 0 ? memchr(rest.data, '\n', rest.len) : NULL;

	return view_sub(rest, 0, end ? (size_t)(end - rest.data) + 1 : rest.len);
}

/* Whether @text is lines of @file, in its order. */
static bool is_drawn_from(struct view text, struct view file)
{
	while (file.len > 0) {
		struct view line = line_of(file);

		if (text.len > 0 && view_equal(line, line_of(text))) {
			text = view_last(text, text.len - line.len);
		}
		file = view_last(file, file.len - line.len);
	}
	return text.len == 0;
}

static bool has_marker(struct view text)
{
	while (text.len > 0) {
		struct view line = line_of(text);

		if (sections_divided(line)) {
			return true;
		}
		text = view_last(text, text.len - line.len);
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const known[] = {"consult", "feed", "treating-doctor", NULL};
	struct view all = view_of(data, size < MOST ? size : MOST);
	struct view first = line_of(all);
	struct view file = view_last(all, all.len - first.len);
	json_t *acts = acts_of(view_sub(first, 0, first.len > 0 ? first.len - 1 : 0));
	struct buf some = BUF_NULL(MOST);
	struct buf none = BUF_NULL(MOST);
	int r = sections_compose(file, acts, &some);

	assert(r == 0 || r == SECTIONS_MALFORMED);
	assert(buf_check(&some) == 0 && is_drawn_from(buf_view(&some), file));
	assert(sections_compose(file, NULL, &none) == r);
	assert(is_drawn_from(buf_view(&none), buf_view(&some)));
	if (sections_divided(file)) {
		assert(!has_marker(buf_view(&some)));
		assert(sections_check(file, known) != 0 || r == 0);
	} else {
		assert(r == 0 && view_equal(buf_view(&some), file));
		/* one that was meant to have them is refused where it is loaded */
		assert(sections_check(file, known) == 0 || memchr(file.data, '[', file.len));
		assert(!sections_name(file, known[0]));
	}
	for (size_t i = 0; known[i]; i++) {
		/* what it tells of an act it says in a section for it */
		assert(!sections_tell(file, known[i]) || sections_name(file, known[i]));
	}
	buf_done(&some);
	buf_done(&none);
	json_decref(acts);
	return 0;
}
