/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Randomness of the kernel (getrandom, no buffering). */
#include "base/buf.h"

int rng_fill(void *data, size_t len) _must_check_;
/** rng_uuid7() - RFC 9562 §5.7, lower case with hyphens, 36 characters and NUL. */
int rng_uuid7(char ret_id[37]) _must_check_;
