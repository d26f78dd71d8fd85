/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The acts of a receipt: what was done in its session, as entries of the record. Here they are taken
 * out of the JSON and written as files; what they prove is said by receipt-verify.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "record/receipt-parts.h"

static const json_t *acts_of(const struct receipt *r)
{
	return json_object_get(json_object_get(r->whole, "audit"), "acts");
}

size_t receipt_acts(const struct receipt *r)
{
	return json_array_size(acts_of(r));
}

uint64_t receipt_omitted(const struct receipt *r)
{
	int64_t n = 0;

	if (json_get_int(json_object_get(r->whole, "audit"), "omitted", 0, INT64_MAX, &n) != 0)
		return 0; /* an older receipt */
	return (uint64_t)n;
}

int receipt_act_at(const struct receipt *r, size_t i, struct buf *out, uint64_t *ret_index)
{
	const json_t *act = json_array_get(acts_of(r), i);
	int64_t index;

	if (json_get_int(act, "index", 0, INT64_MAX, &index) != 0)
		return RECEIPT_MALFORMED;
	*ret_index = (uint64_t)index;
	return trace(receipt_decode(act, "entry", out));
}

int receipt_act(const struct receipt *r, size_t i, json_t **ret)
{
	_cleanup_(buf_done) struct buf entry = BUF_NULL(RECEIPT_MAX);
	uint64_t index = 0;
	int k = receipt_act_at(r, i, &entry, &index);

	if (k == 0)
		k = json_parse(buf_view(&entry), ret);
	return k > 0 ? RECEIPT_AUDIT : trace(k);
}

static void name_of(uint64_t index, char ret_name[32])
{
	(void)snprintf(ret_name, 32, "act-%" PRIu64 ".json", index);
}

static int write_act(const struct receipt *r, size_t i, int dirfd)
{
	_cleanup_(buf_done) struct buf entry = BUF_NULL(RECEIPT_MAX);
	uint64_t index = 0;
	char name[32];
	int k = receipt_act_at(r, i, &entry, &index);

	if (k != 0)
		return trace(k);
	name_of(index, name);
	return trace(receipt_write(dirfd, name, buf_view(&entry)));
}

/* The first @n, ours, made just now. */
static void unlink_acts(const struct receipt *r, size_t n, int dirfd)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(buf_done) struct buf entry = BUF_NULL(RECEIPT_MAX);
		uint64_t index = 0;
		char name[32];

		if (receipt_act_at(r, i, &entry, &index) != 0)
			continue; /* no memory: it stays */
		name_of(index, name);
		(void)unlinkat(dirfd, name, 0);
	}
}

int receipt_write_acts(const struct receipt *r, int dirfd)
{
	size_t n = 0;
	int k = 0;

	while (k == 0 && n < receipt_acts(r)) {
		k = write_act(r, n, dirfd);
		n += k == 0;
	}
	if (k != 0)
		unlink_acts(r, n, dirfd);
	return trace(k);
}
