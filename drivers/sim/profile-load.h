/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The inside of the profile loader: what its files share. Others use profile.h. */
#include "drivers/sim/profile.h"

/** struct loader - what the readers of members share: the first complaint wins. */
struct loader {
	struct profile *p;
	struct buf *why;
	bool bad;
};

void load_complain(struct loader *l, const char *member, const char *what);
/** load_text() - a text member; @min = 0 makes it optional. Left as it was when absent. */
void load_text(struct loader *l, const json_t *j, const char *member, size_t min, char *to,
	size_t size);
/** load_digits() - as load_text(), decimal digits only, exactly @size - 1 unless absent. */
void load_digits(struct loader *l, const json_t *j, const char *member, bool required, char *to,
	size_t size);
int64_t load_int(struct loader *l, const json_t *j, const char *member, int64_t min,
	int64_t max, int64_t absent);
bool load_is_digits(const char *text);
/** load_vitale() - the members of a Vitale: people, coverage, files. */
void load_vitale(struct loader *l, const json_t *j);
/** load_cps() - the members of a CPS: professional, activities, codes, EF_ACTUA. */
void load_cps(struct loader *l, const json_t *j);
