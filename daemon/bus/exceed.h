/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* An administrator may let a card break the glass more often than is configured. */
#include "daemon/bus/core.h"

/** exceed_forget() - nobody waits for the answer about session @id any more. */
void exceed_forget(struct bus *b, uint32_t id);
void exceed_free(struct bus *b);
