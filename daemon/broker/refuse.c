/* SPDX-License-Identifier: EUPL-1.2 */
/* The refusals of a start that a person must decide about; no record and no dossier was changed before them. */
#include "daemon/broker/refuse.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/audit/audit.h"
#include "daemon/broker.h"

int refuse_key(const char *name)
{
	log_msg(LOG_ERR, "key-differs", "%s: not the one that was used here before", name);
	return BROKER_MISCONFIGURED;
}

int refuse_damage(int r)
{
	switch (r) {
	case -EBADMSG:
	case -EFBIG:
	case -ENOKEY:
	case -EPERM:
		return BROKER_MISCONFIGURED;
	default:
		return r;
	}
}

/* Whether a folder of @folder, by its name, holds dossiers (doc/store.md). */
static bool has_dossiers(const char *folder)
{
	DIR *dir = opendir(folder);
	bool found = false;

	if (!dir) {
		return false;
	}
	for (struct dirent *e = readdir(dir); e && !found; e = readdir(dir)) {
		found = strlen(e->d_name) == 2 && strspn(e->d_name, "0123456789abcdef") == 2;
	}
	(void)closedir(dir);
	return found;
}

int refuse_lost_record(const struct config *config)
{
	char record[sizeof(config->state) + sizeof("/audit.sqlite")];
	char dossiers[sizeof(config->state) + sizeof("/dossiers")];

	(void)snprintf(record, sizeof(record), "%s/audit.sqlite", config->state);
	(void)snprintf(dossiers, sizeof(dossiers), "%s/dossiers", config->state);
	if (access(record, F_OK) == 0 || !has_dossiers(dossiers)) {
		return 0;
	}
	log_msg(LOG_ERR, "record-missing", "%s is not there, %s is", record, dossiers);
	return BROKER_MISCONFIGURED;
}

int refuse_origin(const struct config *config)
{
	char made[CHECKPOINT_ORIGIN_MAX];
	int r = audit_origin(config->state, made);

	if (r < 0) {
		return refuse_damage(log_fault(r, "audit-open"));
	}
	log_msg(LOG_ERR, "origin-differs", "the record is %s, the configuration says %s", made,
		config->origin);
	return BROKER_MISCONFIGURED;
}
