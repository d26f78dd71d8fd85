/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* A dossier that its patient closes, and the daily runs of the years after; on codes-bed.h. */
#include "tests/unit/dossier/codes-bed.h"

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#define CODE   "2718"
#define WHY    "Je déménage"
#define MONTH  (31 * DAY)
#define CREATE SESSION_INTENT_CREATE

int closing_setup(void **state); /* a dossier whose patient has the code CODE */
void alone(struct bed *b);	 /* the patient alone, unlocked */
struct reply close_for(struct bed *b, struct view why);
void closed_now(struct bed *b); /* ... and closes it, for WHY */
int64_t until_of(const json_t *entry);

void run(struct bed *b); /* that of a day */
void runs(struct bed *b, unsigned int n, uint64_t apart);
size_t erased(void); /* how often the record says that it was */
