/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Transcripts: the text is a file that a slot replays. What it answers is recorded again, and the
 * record, when it can be, replayed once more: the same answers must come.
 */
#include <assert.h>
#include <stdio.h>

#include "drivers/sim/slot.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/files.h"

#define COMMANDS 16U

static bool say(struct slot *s, struct buf *all)
{
	static const uint8_t commands[][5] = {{0x00, 0xB0}, {0x00, 0x20, 0, 1, 4}, {0, 0x84}};
	_cleanup_(buf_done) struct buf out = BUF_NULL(SLOT_ANSWER_MAX);
	uint64_t delay = 0;

	for (size_t i = 0; i < COMMANDS; i++) {
		if (slot_transmit(s, VIEW(commands[i % ARRAY_LEN(commands)]), &out, &delay) !=
			0) {
			return false;
		}
		buf_put_u16(all, (uint16_t)out.len);
		buf_put_view(all, buf_view(&out));
	}
	return true;
}

static bool play(const char *path, const char *record, struct buf *all)
{
	struct slot s;
	bool good;

	slot_init(&s, 0, "nowhere", false);
	s.trace = fopen("trace", "we");
	good = slot_record(&s, record) == 0 && slot_replay(&s, path) == 0 &&
	       slot_power(&s) == 0;
	if (good) {
		good = say(&s, all) && slot_protocol(&s, s.atr.first) == 0;
	}
	slot_done(&s);
	if (s.trace) {
		fclose(s.trace);
	}
	return good;
}

void target_run(struct view in)
{
	_cleanup_(buf_done) struct buf first = BUF_NULL(SLOT_REPLAY_MAX);
	_cleanup_(buf_done) struct buf second = BUF_NULL(SLOT_REPLAY_MAX);

	files_put("transcript", in, false);
	if (play("transcript", "again", &first) && play("again", NULL, &second) &&
		buf_check(&first) == 0 && buf_check(&second) == 0) {
		assert(view_equal(buf_view(&first), buf_view(&second)));
	}
	files_reset();
}
