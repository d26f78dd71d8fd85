/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What the service does by itself: checkpoints of the record, and noticing that a clock was set. */
#include <systemd/sd-event.h>

#include "daemon/audit/audit.h"

struct upkeep;

struct upkeep_ops {
	void (*clock_set)(void *user); /* the wall clock, by more than two seconds */
	void (*slept)(void *user);     /* the machine did, by more than two seconds */
};

/** upkeep_new() - @audit: checkpoints are made of it, LIMIT_CHECKPOINT after something new. */
int upkeep_new(sd_event *ev, struct audit *audit, const struct upkeep_ops *ops, void *user,
	struct upkeep **ret) _must_check_;
struct upkeep *upkeep_free(struct upkeep *u); /* makes a last checkpoint */
