/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Between desk.c (processes) and desk-card.c (what they answer). */
#include "base/link.h"
#include "tests/unit/session/desk.h"

struct desk_relay { /* a process */
	struct desk_relay *next;
	sd_event_source *io;
	sd_event_source *alive;
	int fd;
	bool named;
	bool watch;
	bool usb; /* a watch of vitaled-usb */
	bool asked;
	bool stale; /* its connection to the service is dead */
	struct desk_card *card;
};

void desk_card_request(struct desk_relay *r, const struct link_frame *f);
void desk_card_done(struct desk_card *p);
