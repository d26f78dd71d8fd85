/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The program's state and its one loop: requests of the broker by the link, contents by pipes. One
 * thread; nothing in it waits but the poll of host_turn().
 *
 * Stages: OPEN -> the first KEY (the people's) -> the second KEY (the dossier's) -> everything else.
 */
#include "base/link.h"
#include "daemon/dossier/store/export.h"
#include "daemon/dossier/store/order.h"
#include "daemon/dossier/store/stream.h"

#define HOST_OUTFLOWS 8U /* contents on their way to readers at one time */

enum host_stage {
	HOST_STAGE_START = 0,
	HOST_STAGE_OPENED,
	HOST_STAGE_PEOPLE,
	HOST_STAGE_GRANTED,
};

struct host {
	int link;	      /* borrowed */
	int (*confine)(void); /* called once, when the file is open */
	enum host_stage stage;
	struct store store;
	struct order order;
	struct inflow in;
	uint8_t in_op; /* request to answer when @in ends */
	uint32_t in_seq;
	struct outflow out[HOST_OUTFLOWS];
	unsigned int gone;    /* of them, ended by a deleting and not told yet */
	struct export export; /* one at a time */
	json_t *released;     /* ids of LIST, SUMMARY or EXPORT, until the last page */
};

/** struct host_answer - what a handler leaves to be sent. */
struct host_answer {
	struct buf body;
	int fds[LINK_MAX_FDS]; /* closed after sending */
	size_t n_fds;
	bool later; /* nothing is sent now */
};

void host_init(struct host *h, int link, int (*confine)(void));
void host_done(struct host *h);

enum host_outcome {
	HOST_ENDED = 1, /* the broker hung up, or sent what is no request */
};

/** host_turn() - wait for something, serve it. Return: 0, a fault or HOST_ENDED. */
int host_turn(struct host *h) _must_check_;

/** ops_serve() - carry out one request; descriptors wanted are taken from it.
 *  Return: 0, a fault or an enum dossier_outcome. */
int ops_serve(struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
void ops_put_state(const struct host *h, struct buf *body); /* VERSION, HASH */
