/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Serving the requests of base/link-crl.h. */
#include "daemon/trust/crl/crl.h"

struct host {
	int link;
	struct crl list; /* being handed over */
	uint32_t at;
};

enum host_outcome {
	HOST_ENDED = 1, /* the broker hung up or does not speak this language: leave */
};

void host_init(struct host *h, int link);
void host_done(struct host *h);
/** host_turn() - wait for one request, answer it. Return: 0, a fault or HOST_ENDED. */
int host_turn(struct host *h) _must_check_;
