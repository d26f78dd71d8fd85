/* SPDX-License-Identifier: EUPL-1.2 */
/* The refusals of a start that a person must decide about; no record and no dossier was changed before them. */
#include "daemon/broker/refuse.h"

#include "base/log.h"
#include "daemon/audit/audit.h"
#include "daemon/broker.h"

int refuse_key(const char *name)
{
	log_msg(LOG_ERR, "key-differs", "%s: not the one that was used here before", name);
	return BROKER_MISCONFIGURED;
}

int refuse_origin(const struct config *config)
{
	char made[CHECKPOINT_ORIGIN_MAX];
	int r = audit_origin(config->state, made);

	if (r < 0) {
		return log_fault(r, "audit-open");
	}
	log_msg(LOG_ERR, "origin-differs", "the record is %s, the configuration says %s", made,
		config->origin);
	return BROKER_MISCONFIGURED;
}
