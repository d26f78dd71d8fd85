/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * jansson's parser, which may fail as a whole, but not by each of its allocations: where its buffer
 * cannot grow (jansson 2.14, lex_save() ignores strbuffer_append_byte()) it reads behind it.
 */
#include <jansson.h>
#include <stdlib.h>

#include "tests/fuzz/fail.h"

json_t *__real_json_loadb(const char *text, size_t len, size_t flags, json_error_t *error);
json_t *__wrap_json_loadb(const char *text, size_t len, size_t flags, json_error_t *error);

json_t *__wrap_json_loadb(const char *text, size_t len, size_t flags, json_error_t *error)
{
	json_malloc_t allocate = malloc;
	json_free_t release = free;
	json_t *j = NULL;
	void *probe;

	json_get_alloc_funcs(&allocate, &release);
	probe = allocate(1); /* base/json.c notes it when it fails */
	if (probe) {
		fail_pause(true);
		j = __real_json_loadb(text, len, flags, error);
		fail_pause(false);
	}
	release(probe);
	return j;
}
