/* SPDX-License-Identifier: EUPL-1.2 */
/* Opening of the record: its key, its refusals by name, and the room that it keeps. */
#include "daemon/broker/record.h"

#include <sys/statvfs.h>

#include "base/log.h"
#include "base/secret.h"
#include "daemon/audit/keep.h"
#include "daemon/broker/refuse.h"
#include "daemon/broker/seed.h"

/* Room for emergencies and refusals, and for the log: 1000 emergencies take some 14 MB, half of it is
 * theirs alone; the log grows to 4 MB before it is emptied. An eighth each of a small file system. */
#define RESERVE	    (32ULL * 1024ULL * 1024ULL)
#define RESERVE_LOG (6ULL * 1024ULL * 1024ULL)

static void reserve(struct audit *a, const char *folder)
{
	struct statvfs v;
	uint64_t eighth;

	if (statvfs(folder, &v) < 0) {
		return; /* then nothing can be recorded either, which says so itself */
	}
	eighth = (uint64_t)v.f_blocks * v.f_frsize / 8U;
	if (audit_reserve(a, eighth < RESERVE ? eighth : RESERVE,
		    eighth < RESERVE_LOG ? eighth : RESERVE_LOG) != 0) {
		log_msg(LOG_ERR, "audit-unavailable", "%s", audit_cause(a));
	}
}

int record_open(const struct config *config, struct audit **ret, bool *ret_key_file)
{
	_cleanup_(secret_done) struct secret seed = SECRET_NULL;
	int r;

	r = refuse_lost_record(config);
	if (r != 0) {
		return r;
	}
	r = seed_read(&seed);
	*ret_key_file = seed.len == 0;
	if (r == 0) {
		r = audit_open(
			config->state, config->origin, view_of(seed.data, seed.len), ret);
	}
	if (r > 0) {
		return r == AUDIT_OTHER_ORIGIN ? refuse_origin(config)
					       : refuse_key("audit.key");
	}
	if (r < 0) {
		return refuse_damage(log_fault(r, "audit-open"));
	}
	reserve(*ret, config->state);
	return 0;
}
