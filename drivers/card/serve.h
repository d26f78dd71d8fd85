/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The requests of the broker (base/link-ops.h, enum card_op) on one card: dispatch by a table,
 * one answer per request, and the rules that hold over several requests. The transport is given,
 * so that tests run the same code over a replayed dialogue.
 */
#include "drivers/card/card.h"

#define SERVE_REQUEST_USEC                                                                     \
	20000000U /* for one request; a CPS3 gives both certificates in 4 s */

enum serve_outcome {
	SERVE_MALFORMED = 1, /* the broker sent what is no request */
};

struct serve {
	struct card card;
	int link;    /* borrowed */
	bool open;   /* connected to a card whose kind we know */
	bool gone;   /* the card left: nothing is sent any more */
	bool locked; /* shared connection: we hold the transaction */
	bool over;   /* CLOSE was answered */
};

/** serve_init() - reserves what is needed; to be called before confinement. @t is borrowed. */
int serve_init(struct serve *s, int link, struct transport *t) _must_check_;
void serve_done(struct serve *s);
/** serve_run() - until CLOSE or until the broker hangs up. Return: 0, a fault, SERVE_MALFORMED. */
int serve_run(struct serve *s) _must_check_;
