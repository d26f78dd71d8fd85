/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of base/json.h. Whatever json_parse() takes must have a canonical text; that text parses
 * back to an equal value and is its own canonical form, and so is the one that people read. While it
 * parses memory runs out by the seed (harness.c), or at each allocation in turn (nth.c).
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "tests/fuzz/fail.h"

#define MAX_CANONICAL (64U * 1024 * 1024)

static void check_same(struct view text, const json_t *want, struct view canonical)
{
	_cleanup_(buf_done) struct buf again = BUF_NULL(MAX_CANONICAL);
	_cleanup_json_ json_t *j = NULL;

	assert(json_parse(text, &j) == 0);
	assert(json_equal(j, want));
	assert(json_canonical(j, &again) == 0);
	assert(view_equal(buf_view(&again), canonical));
}

static void check_value(const json_t *j)
{
	_cleanup_(buf_done) struct buf canonical = BUF_NULL(MAX_CANONICAL);
	_cleanup_(buf_done) struct buf pretty = BUF_NULL(MAX_CANONICAL);
	_cleanup_json_ json_t *back = NULL;
	int fd = -1;

	assert(json_canonical(j, &canonical) == 0);
	check_same(buf_view(&canonical), j, buf_view(&canonical));
	assert(json_pretty(j, &pretty) == 0);
	check_same(buf_view(&pretty), j, buf_view(&canonical));
	assert(json_memfd(j, "fuzz", &fd) == 0);
	assert(json_read_fd(fd, canonical.len, &back) == 0 && json_equal(j, back));
	close(fd);
}

/* The input as a text for people. */
static void check_text(struct view in)
{
	_cleanup_json_ json_t *j = json_stringn((const char *)in.data, in.len);
	const char *text = json_string_value(j);

	if (text && strlen(text) == in.len && json_text_fits(text, 4096)) {
		assert(in.len > 0 && in.len <= (size_t)4 * 4096);
		for (size_t i = 0; i < in.len; i++) {
			assert((uint8_t)text[i] >= 0x20 && text[i] != 0x7F);
		}
	}
}

void target_run(struct view in)
{
	static bool ready;
	_cleanup_json_ json_t *j = NULL;
	int r;

	check_text(in);
	if (!ready) {
		json_setup();
		ready = true;
	}
	r = json_parse(in, &j);
	assert(r == 0 || r == JSON_INVALID || r == -ENOMEM);
	fail_pause(true);
	if (r == 0) {
		check_value(j);
	} else if (r == JSON_INVALID) {
		assert(json_parse(in, &j) == JSON_INVALID); /* whether or not memory ran out */
	}
	fail_pause(false);
}
