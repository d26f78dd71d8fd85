/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * jansson's parser, which here may fail as a whole: each of its allocations is what nth-json lets
 * fail, and would be many runs of a target that parses on its way.
 */
#include <jansson.h>
#include <stdlib.h>

#include "tests/fuzz/fail.h"

json_t *__real_json_load_callback(
	json_load_callback_t next, void *user, size_t flags, json_error_t *error);
json_t *__wrap_json_load_callback(
	json_load_callback_t next, void *user, size_t flags, json_error_t *error);

json_t *__wrap_json_load_callback(
	json_load_callback_t next, void *user, size_t flags, json_error_t *error)
{
	json_malloc_t allocate = malloc;
	json_free_t release = free;
	json_t *j = NULL;
	void *probe;

	json_get_alloc_funcs(&allocate, &release);
	probe = allocate(1); /* base/json.c notes it when it fails */
	if (probe) {
		fail_pause(true);
		j = __real_json_load_callback(next, user, flags, error);
		fail_pause(false);
	}
	release(probe);
	return j;
}
