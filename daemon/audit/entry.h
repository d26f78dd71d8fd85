/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The text of one entry (doc/audit.md). Of this room only. */
#include "daemon/audit/audit.h"

struct entry_place {
	uint64_t sequence;
	uint64_t wall; /* microseconds since 1970 */
	uint64_t boot; /* microseconds since the machine started */
	char boot_id[33];
};

/** entry_text() - the canonical text appended to @out. Return: 0 or a fault; -EINVAL for an entry
 *  that must not be written. */
int entry_text(const struct audit_entry *e, const struct entry_place *at,
	struct buf *out) _must_check_;

enum entry_outcome {
	ENTRY_MALFORMED = 1,
};

/** entry_place_of() - when and where an entry was made. Return: 0, a fault, ENTRY_MALFORMED. */
int entry_place_of(struct view text, struct entry_place *ret) _must_check_;
