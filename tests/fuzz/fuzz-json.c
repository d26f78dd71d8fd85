/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of base/json.h. Whatever json_parse() takes must have a canonical text; that text parses
 * back to an equal value and is its own canonical form, and so is the one that people read.
 */
#include <assert.h>
#include <unistd.h>

#include "base/json.h"

#define MAX_CANONICAL (64U * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	_cleanup_json_ json_t *j = NULL;

	if (!ready) {
		json_setup();
		ready = true;
	}
	if (json_parse(view_of(data, size), &j) == 0) {
		check_value(j);
	}
	return 0;
}
