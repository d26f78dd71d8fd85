/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Who did what an entry tells of, read back from it for another entry about the same act. */
#include "base/json.h"
#include "daemon/audit/audit.h"

/** audit_doer() - session, caller, application, professional, structure, mode and document of @entry into
 *  @e, borrowed from it. */
static inline void audit_doer(const json_t *entry, struct audit_entry *e)
{
	int64_t uid;

	e->document = json_get_str(entry, "document");
	e->session = json_get_str(entry, "session");
	e->caller = json_get_str(entry, "caller");
	e->application = json_get_str(entry, "application");
	e->professional = json_get_str(entry, "professional");
	e->structure = json_get_str(entry, "structure");
	e->mode = json_get_str(entry, "mode");
	if (json_get_int(entry, "caller-uid", 0, INT64_MAX, &uid) == 0) {
		e->caller_uid = uid;
	}
}
