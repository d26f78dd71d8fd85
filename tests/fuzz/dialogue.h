/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * A whole dialogue of vitaled-card (drivers/card/serve.h) in one process: the requests of a broker
 * go into the link at once, the card is what an input makes it say, the answers are judged.
 */
#include "base/link-ops.h"
#include "base/link.h"
#include "tests/fuzz/dialogue-answers.h"

#define DIALOGUE_MAX 32U /* requests; their answers must fit into the socket's buffer */

/** struct dialogue_request - @codes: what its pipes hold; NULL: none. */
struct dialogue_request {
	uint8_t op;
	enum link_kind kind; /* 0: a request */
	const char *codes[2];
	bool slow; /* nobody writes the first code */
};

struct dialogue {
	int ends[2];  /* ours, the process's */
	int held[32]; /* writing ends of pipes that stay open, -1: free */
	uint32_t seq;
	uint8_t ops[DIALOGUE_MAX + 1]; /* of request n */
	unsigned codes;		       /* requests that may send one */
	size_t answers;
};

/** dialogue_init() - Return: whether it could be made. */
bool dialogue_init(struct dialogue *d);
void dialogue_done(struct dialogue *d);
/** dialogue_ask() - queue one request. */
void dialogue_ask(struct dialogue *d, const struct dialogue_request *q, struct view body);
/** dialogue_run() - serve the requests with the card @h, take the answers and judge them. */
void dialogue_run(struct dialogue *d, struct hostile *h);
