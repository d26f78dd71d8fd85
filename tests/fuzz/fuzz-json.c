/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of base/json.h. Whatever json_parse() takes must have a canonical text; that text parses
 * back to an equal value and is its own canonical form, and so is the one that people read. While it
 * parses memory runs out by the seed (harness.c), or at each allocation in turn (nth.c).
 */
#include <assert.h>
#include <errno.h>
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

void target_run(struct view in)
{
	static bool ready;
	_cleanup_json_ json_t *j = NULL;
	int r;

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
