/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What a record holds: read entry by entry as anybody would. */
#include "daemon/audit/audit.h"

/** recorded_in() - entries of @e in @a with @outcome (NULL: any). */
unsigned int recorded_in(struct audit *a, enum audit_event e, const char *outcome);
