/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A bucket is one number: the moment at which it is full again. Each token taken moves it on; the
 * distance to now says how many are missing. Pure, owns nothing; a new table is all full.
 */
#include "daemon/bus/bucket.h"

#include "base/fault.h"

/* the row of @uid, else the one that is full first */
static struct bucket *row_of(struct buckets *b, uid_t uid, uint64_t now)
{
	struct bucket *best = &b->of[0];

	for (size_t i = 0; i < ARRAY_LEN(b->of); i++) {
		if (b->of[i].uid == uid && b->of[i].full > now)
			return &b->of[i];
		if (b->of[i].full < best->full)
			best = &b->of[i];
	}
	*best = (struct bucket){.uid = uid, .full = now};
	return best;
}

bool bucket_take(struct buckets *b, uid_t uid, uint64_t now)
{
	struct bucket *row = row_of(b, uid, now);

	if (row->full - now > (b->burst - 1) * b->each)
		return false;
	row->full += b->each;
	return true;
}
