/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The sections of a text of consent: lines are looked at one by one, markers switch what is taken, and
 * nothing is kept. Which acts there are is the caller's to know.
 */
#include "record/sections.h"

#include <string.h>

#define WITHOUT_CARD VIEW_TEXT("without-card")

/* The first @n bytes of @rest, which moves on. */
static struct view take(struct view *rest, size_t n)
{
	struct view v = view_sub(*rest, 0, n);

	*rest = view_last(*rest, rest->len - v.len);
	return v;
}

/* Up to and without the next @end, or all; the @end is skipped. */
static struct view take_until(struct view *rest, int end)
{
	const uint8_t *at = rest->len > 0 ? memchr(rest->data, end, rest->len) : NULL;
	struct view v = take(rest, at ? (size_t)(at - rest->data) : rest->len);

	(void)take(rest, at ? 1 : 0);
	return v;
}

/* Up to and with the end of line. */
static struct view next_line(struct view *rest)
{
	struct view ahead = *rest;

	(void)take_until(&ahead, '\n');
	return take(rest, rest->len - ahead.len);
}

static bool opens(struct view line)
{
	return view_equal(view_sub(line, 0, 1), VIEW_TEXT("["));
}

static bool is_word(struct view word)
{
	struct reader r = reader_of(word);

	while (r.left > 0) {
		uint8_t c = reader_u8(&r);

		if (c != '-' && (c < 'a' || c > 'z')) {
			return false;
		}
	}
	return word.len > 0;
}

/* The words between the brackets of a marker. Return: whether @line is one. */
static bool marker(struct view line, struct view *ret_words)
{
	struct view rest = line;
	struct view inner = take_until(&rest, '\n');
	struct view words = view_sub(inner, 1, inner.len > 2 ? inner.len - 2 : 0);
	struct view left = words;

	if (!opens(inner) || inner.len < 3 ||
		!view_equal(view_last(inner, 1), VIEW_TEXT("]")) ||
		view_equal(view_last(words, 1), VIEW_TEXT(" "))) {
		return false;
	}
	while (left.len > 0) {
		if (!is_word(take_until(&left, ' '))) {
			return false;
		}
	}
	*ret_words = words;
	return true;
}

bool sections_divided(struct view file)
{
	struct view words;

	return marker(next_line(&file), &words);
}

/* -- the markers --------------------------------------------------------------------------------- */

static bool is_act(struct view word, const char *const *known)
{
	for (; *known; known++) {
		if (view_equal(word, view_str(*known))) {
			return true;
		}
	}
	return false;
}

static bool has_word(struct view words, struct view wanted)
{
	while (words.len > 0) {
		if (view_equal(take_until(&words, ' '), wanted)) {
			return true;
		}
	}
	return false;
}

/* What tells of openings without the card says of which acts: of some, and not of all. */
static bool all_known(struct view words, const char *const *known)
{
	bool tells = has_word(words, WITHOUT_CARD);
	bool acts = false;

	while (words.len > 0) {
		struct view word = take_until(&words, ' ');
		bool act = is_act(word, known);
		bool other = view_equal(word, tells ? WITHOUT_CARD : VIEW_TEXT("all"));

		if (!act && !other) {
			return false;
		}
		acts = acts || act;
	}
	return acts || !tells;
}

/* @line without what an editor leaves around it: byte order mark, blanks, CR LF. */
static struct view bare(struct view line)
{
	struct view mark = VIEW_TEXT("\xEF\xBB\xBF");

	if (view_equal(view_sub(line, 0, mark.len), mark)) {
		line = view_sub(line, mark.len, line.len);
	}
	while (line.len > 0 && strchr(" \t", line.data[0])) {
		line = view_sub(line, 1, line.len);
	}
	while (line.len > 0 && strchr(" \t\r\n", line.data[line.len - 1])) {
		line = view_sub(line, 0, line.len - 1);
	}
	return line;
}

/* A file that was to have sections: a marker, behind which or before which something stands. */
static bool meant_divided(struct view file, const char *const *known)
{
	while (file.len > 0) {
		struct view words;

		if (marker(bare(next_line(&file)), &words) && all_known(words, known)) {
			return true;
		}
	}
	return false;
}

int sections_check(struct view file, const char *const *known)
{
	if (!sections_divided(file)) {
		return meant_divided(file, known) ? SECTIONS_MALFORMED : 0;
	}
	while (file.len > 0) {
		struct view line = next_line(&file);
		struct view words;

		if (opens(line) && (!marker(line, &words) || !all_known(words, known))) {
			return SECTIONS_MALFORMED;
		}
	}
	return 0;
}

/* Whether a marker of @file has @one and @other. */
static bool has_marker(struct view file, struct view one, struct view other)
{
	if (!sections_divided(file)) {
		return false;
	}
	while (file.len > 0) {
		struct view words;

		if (marker(next_line(&file), &words) && has_word(words, one) &&
			has_word(words, other)) {
			return true;
		}
	}
	return false;
}

/* What stands in markers besides acts. */
static bool is_reserved(struct view word)
{
	return view_equal(word, VIEW_TEXT("all")) || view_equal(word, WITHOUT_CARD);
}

bool sections_name(struct view file, const char *act)
{
	struct view word = view_str(act);

	return !is_reserved(word) && has_marker(file, word, word);
}

bool sections_tell(struct view file, const char *act)
{
	struct view word = view_str(act);

	return !is_reserved(word) && has_marker(file, word, WITHOUT_CARD);
}

/* -- the text ------------------------------------------------------------------------------------ */

static bool counts(struct view words, const json_t *acts)
{
	while (words.len > 0) {
		struct view word = take_until(&words, ' ');

		if (view_equal(word, VIEW_TEXT("all"))) {
			return true;
		}
		for (size_t i = 0; i < json_array_size(acts); i++) {
			const char *act = json_string_value(json_array_get(acts, i));

			if (act && view_equal(word, view_str(act))) {
				return true;
			}
		}
	}
	return false;
}

int sections_compose(struct view file, const json_t *acts, struct buf *out)
{
	bool on = false;

	if (!sections_divided(file)) {
		buf_put_view(out, file);
		return 0;
	}
	while (file.len > 0) {
		struct view line = next_line(&file);
		struct view words;

		if (marker(line, &words)) {
			on = counts(words, acts);
		} else if (opens(line)) {
			return SECTIONS_MALFORMED;
		} else if (on) {
			buf_put_view(out, line);
		}
	}
	return 0;
}
