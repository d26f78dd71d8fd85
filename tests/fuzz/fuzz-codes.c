/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of base/codes.h. A text that is taken has a table with a name, every question about it ends
 * in a label within the limits or in none, and the same text is not taken twice; one that is refused
 * leaves the tables as they were.
 */
#include <assert.h>
#include <string.h>

#include "base/codes.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_label(const char *label)
{
	size_t n = label ? strlen(label) : 1;

	assert(n > 0 && n <= CODES_LABEL_MAX);
}

static void check_table(const struct codes *c)
{
	struct codes_about about;

	assert(codes_about(c, 0, &about) && !codes_about(c, 1, &about));
	assert(strlen(about.table) > 0 && strlen(about.table) <= CODES_CODE_MAX);
	assert(about.oid && about.title && about.source && strlen(about.release) == 10);
	assert(about.n_entries <= CODES_ENTRIES_MAX);
	for (unsigned int i = 0; i < 256; i++)
		check_label(codes_label_number(c, about.table, (uint8_t)i, 20261121));
	check_label(codes_label(c, about.table, "SM26", 0));
	assert(!codes_known(c, about.table, "no code"));
	assert(!codes_label(c, "no table", "10", 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	struct codes *c;
	struct codes_about about;
	int r;

	if (!ready) {
		json_setup();
		ready = true;
	}
	c = codes_new();
	assert(c);
	r = codes_add(c, view_of(data, size), NULL);
	assert(r == 0 || r == CODES_DAMAGED || r == CODES_LARGE);
	if (r == 0) {
		check_table(c);
		assert(codes_add(c, view_of(data, size), NULL) == CODES_DAMAGED);
	}
	assert(codes_about(c, 0, &about) == (r == 0));
	codes_free(c);
	return 0;
}
