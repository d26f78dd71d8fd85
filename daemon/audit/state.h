/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What stands behind struct audit; of this room only. */
#include "base/secret.h"
#include "daemon/audit/entry.h"
#include "daemon/audit/store.h"

struct audit {
	struct store store;
	struct merkle tree; /* of what is committed, never ahead of it */
	uint8_t root[MERKLE_HASH];
	char origin[CHECKPOINT_ORIGIN_MAX];
	char *vkey;
	struct secret seed;
	uint64_t checkpointed;	 /* size of the newest checkpoint kept */
	struct entry_place last; /* of the newest entry; boot_id empty: there is none */
	char boot_id[33];
	const char *cause; /* of the last AUDIT_UNAVAILABLE */
	void (*appended)(void *user);
	void *user;
};
