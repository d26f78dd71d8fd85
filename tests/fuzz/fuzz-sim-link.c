/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitale-sim between pcscd and its control socket: datagrams, lines, peers that come and go. Head:
 * which readers | keypads | clock, trace | the cards of the first two slots. A step (records.h) is a
 * step of the world (sim-world.h). What must hold: an answer to a reader is a datagram of the link.
 */
#include <assert.h>
#include <stdio.h>

#include "drivers/sim/reader-link.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/records.h"
#include "tests/fuzz/sim-scene.h"
#include "tests/fuzz/sim-world.h"

const size_t record_head = 5;

static const char *const layouts[] = {"2", "1", "1+1", "2,1+1", "1,1,1,1", "2,2,2,2"};

static struct reader script;

bool world_next(struct world_step *ret)
{
	struct record one;

	if (!record_next(&script, &one)) {
		return false;
	}
	*ret = (struct world_step){
		.op = one.kind % WORLD_OPS, .arg = one.arg, .bytes = one.bytes};
	return true;
}

void world_heard(unsigned peer, bool control, struct view bytes)
{
	struct reader r = reader_of(bytes);
	uint8_t op = reader_u8(&r);
	uint8_t status = reader_u8(&r);

	(void)peer;
	if (control) {
		return; /* a piece of a line */
	}
	assert(!r.failed && op >= READER_OP_WATCH && op <= READER_OP_ALIVE);
	assert(op == READER_OP_EVENT ? status <= READER_EVENT_GONE
				     : status <= READER_STATUS_NO_READER);
}

void target_run(struct view in)
{
	struct reader r = reader_of(in);
	struct server_options o = {.readers = layouts[reader_u8(&r) % ARRAY_LEN(layouts)]};
	const char *cards[2];
	uint8_t how;

	o.keypads = reader_u8(&r);
	how = reader_u8(&r);
	o.clocked = how & 1;
	o.trace = how & 2 ? fopen("trace", "we") : NULL;
	for (size_t i = 0; i < ARRAY_LEN(cards); i++) {
		uint8_t n = reader_u8(&r);

		cards[i] = n < SCENE_CARDS ? scene_names[n] : NULL;
	}
	script = r;
	world_run(o, cards, ARRAY_LEN(cards));
	if (o.trace) {
		fclose(o.trace);
	}
	files_reset();
}
