/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* A scene whose entries are old: some of 2026, and some of a year later. */
#include "daemon/audit/keep.h"
#include "daemon/limits.h"
#include "tests/unit/audit/scene.h"

#define OLD  (LIMIT_CLOCK_SET + 1000000ULL)
#define DAY  (86400ULL * 1000000ULL)
#define MIN_ (60ULL * 1000000ULL)

int old_setup(void **state);   /* scene_setup(), with a clock of 2026 */
void old_later(uint64_t usec); /* the clocks go on */
void old_checkpoint(struct audit *a);
/** old_two_years() - @n entries, one a minute from OLD on, then ten that are a year younger. */
struct audit *old_two_years(unsigned int n);
void old_prune(struct audit *a, uint64_t before); /* all steps of one run */
/** old_count() - the number that @sql selects. */
uint64_t old_count(struct audit *a, const char *sql);
void old_is_whole(struct audit *a);
