/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of record/checkpoint.h. The first line up to NUL is a vkey, the rest a note; and the
 * whole is a note for a known key. What parses is signed anew by a key of ours under the same
 * origin and must then verify and say the same; what was not signed by the known key never does.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "record/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t seed[CHECKPOINT_KEY] = {42};

static void check_again(const struct checkpoint *c)
{
	_cleanup_(buf_done) struct buf note = BUF_NULL(8192);
	_cleanup_(buf_done) struct buf key = BUF_NULL(1024);
	struct checkpoint back;
	char *vkey;

	assert(checkpoint_sign(c, VIEW(seed), &note) == 0);
	assert(checkpoint_vkey(c->origin, VIEW(seed), &key) == 0);
	vkey = buf_take_str(&key);
	assert(vkey && checkpoint_verify(buf_view(&note), vkey, &back) == 0);
	assert(strcmp(back.origin, c->origin) == 0 && back.size == c->size);
	assert(memcmp(back.root, c->root, sizeof(back.root)) == 0);
	free(vkey);
}

static void check_foreign_key(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, 0, size) : NULL;
	_cleanup_(buf_done) struct buf pem = BUF_NULL(4096);
	struct checkpoint c;
	char *vkey;

	if (!end)
		return;
	vkey = strndup((const char *)data, size);
	assert(vkey);
	assert(checkpoint_verify(view_of(end + 1, size - (size_t)(end - data) - 1), vkey, &c) <=
		CHECKPOINT_FALSE);
	assert((checkpoint_vkey_pem(vkey, &pem) == 0) == (pem.len > 0));
	free(vkey);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(buf_done) struct buf key = BUF_NULL(1024);
	struct checkpoint c;
	int r = checkpoint_parse(view_of(data, size), &c);
	char *vkey;

	assert(r == 0 || r == CHECKPOINT_MALFORMED);
	if (r == 0) {
		check_again(&c);
		assert(checkpoint_vkey(c.origin, VIEW(seed), &key) == 0);
		vkey = buf_take_str(&key);
		r = checkpoint_verify(view_of(data, size), vkey, &c);
		assert(r == 0 || r == CHECKPOINT_OTHER_KEY || r == CHECKPOINT_FALSE);
		free(vkey);
	}
	check_foreign_key(data, size);
	return 0;
}
