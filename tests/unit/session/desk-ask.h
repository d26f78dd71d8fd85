/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Asking the cards of a desk (desk.h); what they answered stands in desk_seen. */
#include "tests/unit/session/desk.h"

struct desk_seen {
	unsigned int answers;
	unsigned int nulls;
	uint8_t outcome;
};

extern struct desk_seen desk_seen; /* also whom the cards are claimed for */

int desk_ask_setup(void **state);
void desk_on_answer(void *user, struct link_frame *answer); /* user: &desk_seen */
bool desk_answered(void *user);
bool desk_two_spares(void *user);
void desk_ask(struct card *c, uint8_t op);	/* without a body; forgets what was seen */
void desk_open(struct card *c);			/* and waits for the answer */
struct card *desk_claimed(struct desk_card *p); /* in, recognised and claimed by uid 1000 */
struct card *desk_opened(struct desk_card *p);
