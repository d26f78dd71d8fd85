/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * How often one uid may call what costs: a token bucket each. The record never forgets, so a client in
 * a loop must not be able to fill the disk that everybody's sessions need, nor to keep us so busy that
 * others wait.
 */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/limits.h"

struct bucket {
	uid_t uid;
	uint64_t
		full; /* monotonic, microseconds: when all tokens are back; in the past: unused */
};

struct buckets {
	uint32_t burst; /* tokens of a full bucket */
	uint64_t each;	/* microseconds until the next one is back */
	struct bucket of[LIMIT_BUCKET_UIDS];
};

#define BUCKETS_RECORDS                                                                        \
	((struct buckets){.burst = LIMIT_RECORDS_BURST, .each = LIMIT_RECORDS_EACH})
#define BUCKETS_DOSSIERS                                                                       \
	((struct buckets){.burst = LIMIT_DOSSIERS_BURST, .each = LIMIT_DOSSIERS_EACH})
#define BUCKETS_COSTLY                                                                         \
	((struct buckets){.burst = LIMIT_COSTLY_BURST, .each = LIMIT_COSTLY_EACH})

/**
 * bucket_take() - take a token of @uid; pure
 * @now: monotonic clock, microseconds, never less than in the call before
 *
 * @burst at once, then one every @each. When more uids than rows are busy
 * the one that is nearest to full is forgotten, so that nobody is refused for what others do.
 * Return: whether there was one.
 */
bool bucket_take(struct buckets *b, uid_t uid, uint64_t now);
