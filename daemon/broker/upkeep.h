/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What the service does by itself: checkpoints of the record, forgetting what is too old in it, having
 * dossiers looked for whose time is over, and noticing that a clock was set. */
#include <systemd/sd-event.h>

#include "daemon/audit/audit.h"

struct upkeep;

struct upkeep_ops {
	void (*clock_set)(void *user); /* the wall clock, by more than two seconds */
	void (*slept)(void *user);     /* the machine did, by more than two seconds */
	void (*recorded)(void *user);  /* an entry was */
	bool (*keep)(
		void *user); /* once a day, and in small steps: true when there is more to do;
	                        NULL: there is nothing to keep */
};

/** upkeep_new() - @audit: checkpoints are made of it, LIMIT_CHECKPOINT after something new.
 *  @retention: days that its entries keep their content, 0 for ever; read at each run, one soon after the
 *  start and one a day. */
int upkeep_new(sd_event *ev, struct audit *audit, const uint32_t *retention,
	const struct upkeep_ops *ops, void *user, struct upkeep **ret) _must_check_;
struct upkeep *upkeep_free(struct upkeep *u); /* makes a last checkpoint */
