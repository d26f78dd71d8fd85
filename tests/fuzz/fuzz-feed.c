/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of daemon/trust/feed/lines.h. Of a feed that is taken: every line stands in it once, by
 * person, and becomes metadata that says what it said; of one that is not, the line that is named is
 * there (a header's lie about their number is the header's).
 */
#include <assert.h>
#include <string.h>

#include "daemon/limits.h"
#include "daemon/trust/feed/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_person(const struct feed_lines *f, uint32_t at, uint32_t n)
{
	_cleanup_json_ json_t *list = NULL;

	assert(n >= 1 && n <= LIMIT_FEED_PERSON);
	assert(feed_lines_metadata(f, at, n, &list) == 0 && json_array_size(list) == n);
	for (uint32_t i = 0; i < n; i++) {
		const json_t *metadata = json_array_get(list, i);
		const json_t *entry = json_object_get(metadata, "entry");

		assert(strlen(f->lines[at + i].number) == FEED_NUMBER);
		assert(strcmp(json_get_str(entry, "id"), f->lines[at + i].id) == 0);
		assert(json_text_fits(json_get_str(metadata, "title"), FEED_NAME));
		assert(strlen(json_get_str(metadata, "date")) == 10);
		assert(!json_object_get(metadata, "nir") && !json_object_get(entry, "nir"));
	}
}

static void check(const struct feed_lines *f)
{
	uint32_t persons = 0;

	assert(f->n >= 1 && f->n <= LIMIT_FEED_LINES);
	for (uint32_t at = 0; at < f->n; persons++) {
		uint32_t n = feed_lines_person(f, at);

		check_person(f, at, n);
		at += n;
	}
	assert(persons == f->persons);
}

static uint32_t lines_of(const uint8_t *data, size_t size)
{
	uint32_t n = 1;

	for (size_t i = 0; i + 1 < size; i++) {
		n += data[i] == '\n';
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed_lines f = FEED_LINES_NULL;
	struct feed_where where = {.line = 0};
	static bool ready;
	int r;

	if (!ready) {
		json_setup();
		ready = true;
	}
	r = feed_lines_read(view_of(data, size), "2026-11-23", &f, &where);
	assert(r == 0 || r == FEED_LINES_WRONG);
	if (r == 0) {
		check(&f);
	} else {
		assert(where.member && where.line >= 1 && where.line <= lines_of(data, size));
	}
	feed_lines_done(&f);
	return 0;
}
