/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Serving the requests of base/link-feed.h. */
#include "base/link-feed.h"
#include "daemon/trust/feed/verify.h"

struct host {
	int link;
	struct feed_signed feed; /* verified */
	struct feed_lines lines; /* of it */
	uint32_t at;		 /* the person of the last NEXT */
	uint32_t n;		 /* their lines */
};

enum host_outcome {
	HOST_ENDED = 1, /* the broker hung up or does not speak this language: leave */
};

void host_init(struct host *h, int link);
void host_done(struct host *h);
/** host_turn() - wait for one request, answer it. Return: 0, a fault or HOST_ENDED. */
int host_turn(struct host *h) _must_check_;
