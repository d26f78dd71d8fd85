/* SPDX-License-Identifier: EUPL-1.2 */
/* Two good cards of one nature, and the reader that each is for. */
#include "tests/unit/session/usual.h"

#include <string.h>

void usual_cards(struct played **ret_vitale, struct played **ret_cps)
{
	*ret_vitale = play_vitale(READER_A, pki_card("simulated", 'V', FORGED_GOOD));
	play_person(*ret_vitale, "DUPONT", "ALICE", "19800714", "280075632100123", 1);
	*ret_cps = play_cps(READER_B, pki_card("simulated", 'P', FORGED_GOOD));
	play_activity(*ret_cps, 1, "CABINET A", "10000001", "SA07");
}

struct card_reader *usual_slot(const struct played *p)
{
	struct card_reader *r;

	for (size_t i = 0; (r = cards_reader(world.cards, i)) != NULL; i++) {
		if (strcmp(r->name, p->reader) == 0) {
			return r;
		}
	}
	return NULL;
}
