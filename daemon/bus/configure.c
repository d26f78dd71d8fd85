/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The configuration as the bus shows it: what changed is told, agents that may no longer hold what they
 * registered for hear Release, and a file that was refused stays a finding until a good one is loaded.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/bus/agents.h"
#include "daemon/bus/objects.h"

void bus_configured(struct bus *b)
{
	free(b->rejected);
	b->rejected = NULL;
	if (!b->serving)
		return;
	agents_configured(b);
	changes_root(b);
	for (size_t i = 0;; i++) {
		const struct card_reader *r = cards_reader(b->rooms.cards, i);

		if (!r)
			return;
		if (r->present)
			changes_mark(b, OBJECT_READER, r->id); /* its pair and role */
	}
}

void bus_rejected(struct bus *b, const char *where)
{
	free(b->rejected);
	b->rejected = strdup(where); /* without memory the log alone says it */
}
