/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * How often one uid may call what makes durable entries: a token bucket each. The record never
 * forgets, so a client in a loop must not be able to fill the disk that everybody's sessions need.
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
	struct bucket of[LIMIT_RECORDS_UIDS];
};

/**
 * bucket_take() - take a token of @uid; pure
 * @now: monotonic clock, microseconds, never less than in the call before
 *
 * LIMIT_RECORDS_BURST at once, then one every LIMIT_RECORDS_EACH. When more uids than rows are busy
 * the one that is nearest to full is forgotten, so that nobody is refused for what others do.
 * Return: whether there was one.
 */
bool bucket_take(struct buckets *b, uid_t uid, uint64_t now);
