/* SPDX-License-Identifier: EUPL-1.2 */
/* What a dossier is called: the pseudonym of its number, which binds the nature of the card. */
#include <errno.h>

#include "daemon/dossier/inside.h"

/* What comes before the number: cards of one nature never lead to the dossier of another's. A
 * patient's card of unknown nature is a real Vitale; it pairs with real cards only. */
static const char *namespace_of(enum nature nature)
{
	switch (nature) {
	case NATURE_UNKNOWN:
	case NATURE_REAL:
		return "1:";
	case NATURE_TEST:
		return "test:1:";
	case NATURE_SIMULATED:
		return "simulated:1:";
	}
	return NULL;
}

int dossier_pseudonym(
	struct dossiers *ds, const char *number, enum nature nature, char ret_hex[65])
{
	const char *prefix = namespace_of(nature);

	return prefix ? trace(keys_pseudonym(&ds->keys, prefix, number, ret_hex))
		      : fault(-EINVAL);
}
