/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Another configuration in the running service (SIGHUP, systemctl reload). */
#include "daemon/bus/bus.h"

struct reload_rooms {
	struct config *config; /* the one in force */
	const char *path;      /* of its file; NULL: the default one */
	struct audit *audit;
	struct cards *cards;
	struct sessions *sessions;
	struct bus *bus;
};

/** reload() - read the file anew. What is wrong with it is logged with file and line, shown as a finding,
 *  and nothing changes; else what may change is in force when this returns, and is in the record. */
void reload(const struct reload_rooms *rooms);
