/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The whole of vitale-sim in one process: its loop runs, its poll is ours and does one step of a
 * script each time: peers come, say something, go; time goes on. Sockets have names of the kernel's,
 * files are in memory (files.h), the clock is a number.
 */
#include "drivers/sim/server.h"

#define WORLD_PEERS 40U /* more than the server takes */

enum world_op {
	WORLD_READER,  /* a new reader peer, in the place arg */
	WORLD_CONTROL, /* a new control peer */
	WORLD_SAY,     /* @bytes from the peer arg */
	WORLD_WAIT,    /* arg milliseconds squared */
	WORLD_LEAVE,   /* the peer arg hangs up */
	WORLD_LATER, /* @bytes from the peer arg, before the loop has taken what was said before */
	WORLD_OPS,
};

struct world_step {
	enum world_op op;
	uint8_t arg;
	struct view bytes;
};

/** world_next() - the target's: the next step. Return: false at the end. */
bool world_next(struct world_step *ret);
/** world_heard() - the target's: what a peer was answered. */
void world_heard(unsigned peer, bool control, struct view bytes);
/** world_begin() - before a run. */
void world_begin(void);
/** world_end() - after a run: nobody is left. */
void world_end(void);
/** world_run() - a server with @o, its sockets apart, and cards in its first slots ("" or NULL: no
 *  card); until the script ends. */
void world_run(struct server_options o, const char *const *cards, size_t n);
