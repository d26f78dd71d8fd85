/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of drivers/usb/message.h: the input is what a bulk-in or an interrupt pipe brought, behind two
 * bytes: the type of the command that it would answer, and the number of slots (low four bits) with the
 * longest message (high four). What is accepted is as long as it says, and put together again it is the
 * same bytes.
 */
#include <assert.h>

#include "drivers/usb/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_message(struct view in, size_t max, const struct message *m)
{
	_cleanup_(buf_done) struct buf again = BUF_NULL(MESSAGE_MAX);
	uint8_t three[3];
	size_t total;

	assert(message_total(in, max, &total) == 0 && total == in.len && total <= max);
	assert(m->data.len == in.len - MESSAGE_HEADER);
	assert(m->type >= MESSAGE_DATA_BLOCK && m->type <= MESSAGE_RATE);
	three[0] = (uint8_t)((unsigned)m->icc | (unsigned)m->command << 6U);
	three[1] = m->error;
	three[2] = m->last;
	message_put(&again, (enum message_type)m->type, m->slot, m->seq, three, m->data);
	assert(view_equal(buf_view(&again), in));
	for (size_t n = 5; n < MESSAGE_HEADER;
		n++) { /* in packets: told as soon as it can be */
		assert(message_total(view_sub(in, 0, n), max, &total) == 0 && total == in.len);
	}
}

static void check_notice(struct view in, unsigned slots)
{
	struct notice n;
	int r = notice_parse(in, slots, &n);

	assert(r == 0 || r == NOTICE_BROKEN);
	if (r == 0) {
		assert(n.slot < slots);
		assert(slots == 16 || (n.present | n.changed) >> slots == 0);
		assert(!n.hardware || (n.present == 0 && n.changed == 0));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t commands[] = {MESSAGE_SET_PARAMETERS, MESSAGE_POWER_ON,
		MESSAGE_POWER_OFF, MESSAGE_GET_SLOT_STATUS, MESSAGE_SECURE, MESSAGE_ESCAPE,
		MESSAGE_GET_PARAMETERS, MESSAGE_RESET_PARAMETERS, MESSAGE_CLOCK,
		MESSAGE_XFR_BLOCK, MESSAGE_ABORT, MESSAGE_SET_RATE, MESSAGE_RATE};
	struct reader r = reader_of(view_of(data, size));
	uint8_t command = commands[reader_u8(&r) % sizeof(commands)];
	uint8_t limits = reader_u8(&r);
	size_t max = (size_t)(limits >> 4U) * 19 + 5;
	struct view in = reader_rest(&r);
	struct message m;
	size_t total;
	int q = message_parse(in, max, &m);

	assert(q == 0 || q == MESSAGE_CUT || q == MESSAGE_LONG || q == MESSAGE_TYPE ||
		q == MESSAGE_STATUS);
	if (q == 0) {
		check_message(in, max, &m);
		assert(!message_answers((enum message_type)command, command));
		(void)message_answers((enum message_type)command, m.type);
	} else if (message_total(in, max, &total) == 0 && total == in.len) {
		assert(q == MESSAGE_TYPE || q == MESSAGE_STATUS);
	}
	check_notice(in, (limits & 0x0FU) + 1U);
	return 0;
}
