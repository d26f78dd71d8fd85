/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What a call from the bus weighs, before anything looks into it. */
#include <dbus/dbus.h>
#include <stdint.h>

#include "base/fault.h"

struct weight {
	uint32_t bytes; /* path and arguments; about what they take on the wire */
	uint32_t fds;	/* that came with it, named by an argument or not */
};

enum weigh_outcome {
	WEIGH_HEAVY = 1, /* more than LIMIT_CALL_BYTES */
	WEIGH_DEEP,	 /* containers within containers, more than LIMIT_CALL_DEPTH */
	WEIGH_FDS,	 /* more than LIMIT_CALL_FDS */
};

/** weigh() - never looks at more than LIMIT_CALL_BYTES of @m. Return: 0, a fault or an outcome. */
int weigh(DBusMessage *m, struct weight *ret) _must_check_;
