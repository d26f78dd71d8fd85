/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* From a call of a known peer to the function of its method. */
#include "daemon/bus/peers.h"

void dispatch_start(struct bus *b); /* full buckets */
void dispatch_run(struct call *call);
