/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What vitaled-feed gives up before its first foreign byte. */
#include "base/fault.h"

/** filter_limits() - die with the parent, no dump, no core, bounded memory and descriptors; first of
 *  all. */
int filter_limits(void) _must_check_;
/** filter_load() - from now on only the system calls of filter.c: nothing can be opened, started or
 *  reached. */
int filter_load(void) _must_check_;
