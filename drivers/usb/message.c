/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Messages of CCID 1.1 §6: put together for the bulk-out pipe, taken apart from the bulk-in pipe, and
 * the notifications of the interrupt pipe. Guarantees: a message that is accepted is as long as it says
 * and no longer than the reader announced; its slot and sequence number are the caller's to compare.
 * Nothing is kept between two calls.
 */
#include "drivers/usb/message.h"

#define ICC_MASK      0x03U /* bmICCStatus */
#define STATUS_RFU    0x3CU
#define COMMAND_SHIFT 6U

#define NOTICE_CHANGE	0x50U /* RDR_to_PC_NotifySlotChange, §6.3.1 */
#define NOTICE_HARDWARE 0x51U /* RDR_to_PC_HardwareError, §6.3.2: slot, sequence number, code */

#define SLOTS_OF_A_BYTE 4U /* two bits a slot */

/* little endian, as everything on USB */
static void put_le32(struct buf *out, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++) {
		buf_put_u8(out, (uint8_t)(v >> (8U * i)));
	}
}

static uint32_t read_le32(struct reader *r)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < 4; i++) {
		v |= (uint32_t)reader_u8(r) << (8U * i);
	}
	return v;
}

void message_put(struct buf *out, enum message_type type, uint8_t slot, uint8_t seq,
	const uint8_t three[3], struct view data)
{
	buf_put_u8(out, (uint8_t)type);
	put_le32(out, (uint32_t)data.len);
	buf_put_u8(out, slot);
	buf_put_u8(out, seq);
	buf_put(out, three, 3);
	buf_put_view(out, data);
}

int message_total(struct view head, size_t max, size_t *ret)
{
	struct reader r = reader_of(head);
	uint32_t length;

	(void)reader_u8(&r);
	length = read_le32(&r);
	if (r.failed) {
		return MESSAGE_CUT;
	}
	if (max < MESSAGE_HEADER || length > max - MESSAGE_HEADER) {
		return MESSAGE_LONG;
	}
	*ret = MESSAGE_HEADER + length;
	return 0;
}

static bool take_status(uint8_t status, struct message *m)
{
	switch (status & ICC_MASK) {
	case MESSAGE_ICC_ACTIVE:
		m->icc = MESSAGE_ICC_ACTIVE;
		break;
	case MESSAGE_ICC_INACTIVE:
		m->icc = MESSAGE_ICC_INACTIVE;
		break;
	case MESSAGE_ICC_ABSENT:
		m->icc = MESSAGE_ICC_ABSENT;
		break;
	default:
		return false;
	}
	switch (status >> COMMAND_SHIFT) {
	case MESSAGE_COMMAND_OK:
		m->command = MESSAGE_COMMAND_OK;
		break;
	case MESSAGE_COMMAND_FAILED:
		m->command = MESSAGE_COMMAND_FAILED;
		break;
	case MESSAGE_COMMAND_TIME:
		m->command = MESSAGE_COMMAND_TIME;
		break;
	default:
		return false;
	}
	return (status & STATUS_RFU) == 0;
}

int message_parse(struct view bytes, size_t max, struct message *ret)
{
	struct reader r = reader_of(bytes);
	struct message m = {0};
	size_t total;
	int outcome = message_total(bytes, max, &total);

	if (outcome != 0) {
		return outcome;
	}
	if (bytes.len != total) {
		return bytes.len < total ? MESSAGE_CUT : MESSAGE_LONG;
	}
	m.type = reader_u8(&r);
	(void)read_le32(&r);
	m.slot = reader_u8(&r);
	m.seq = reader_u8(&r);
	if (m.type < MESSAGE_DATA_BLOCK || m.type > MESSAGE_RATE) {
		return MESSAGE_TYPE;
	}
	if (!take_status(reader_u8(&r), &m)) {
		return MESSAGE_STATUS;
	}
	m.error = reader_u8(&r);
	m.last = reader_u8(&r);
	m.data = reader_rest(&r);
	*ret = m;
	return 0;
}

bool message_answers(enum message_type command, uint8_t answer)
{
	static const struct {
		enum message_type command, answer;
	} pairs[] = {
		{MESSAGE_POWER_ON, MESSAGE_DATA_BLOCK},
		{MESSAGE_SECURE, MESSAGE_DATA_BLOCK},
		{MESSAGE_XFR_BLOCK, MESSAGE_DATA_BLOCK},
		{MESSAGE_POWER_OFF, MESSAGE_SLOT_STATUS},
		{MESSAGE_GET_SLOT_STATUS, MESSAGE_SLOT_STATUS},
		{MESSAGE_CLOCK, MESSAGE_SLOT_STATUS},
		{MESSAGE_ABORT, MESSAGE_SLOT_STATUS},
		{MESSAGE_GET_PARAMETERS, MESSAGE_PARAMETERS},
		{MESSAGE_RESET_PARAMETERS, MESSAGE_PARAMETERS},
		{MESSAGE_SET_PARAMETERS, MESSAGE_PARAMETERS},
		{MESSAGE_ESCAPE, MESSAGE_ESCAPED},
		{MESSAGE_SET_RATE, MESSAGE_RATE},
	};

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		if (pairs[i].command == command) {
			return pairs[i].answer == answer;
		}
	}
	return false;
}

/* -- the interrupt pipe
 * -------------------------------------------------------------------------- */

static void take_states(struct reader *r, unsigned slots, struct notice *n)
{
	unsigned states = 0;

	for (unsigned slot = 0; slot < slots; slot++) {
		if (slot % SLOTS_OF_A_BYTE == 0) {
			states = reader_u8(r);
		}
		n->present = (uint16_t)(n->present | (states & 1U) << slot);
		n->changed = (uint16_t)(n->changed | ((states >> 1U) & 1U) << slot);
		states >>= 2U;
	}
}

int notice_parse(struct view bytes, unsigned slots, struct notice *ret)
{
	struct reader r = reader_of(bytes);
	struct notice n = {0};
	uint8_t type = reader_u8(&r);

	if (type == NOTICE_CHANGE) {
		take_states(&r, slots, &n);
	} else if (type == NOTICE_HARDWARE) {
		n.hardware = true;
		n.slot = reader_u8(&r);
		(void)reader_u8(&r); /* of the command during which it came */
		(void)reader_u8(&r); /* 1: overcurrent, the only one of the standard */
	}
	if (r.failed || (type != NOTICE_CHANGE && type != NOTICE_HARDWARE) || n.slot >= slots) {
		return NOTICE_BROKEN;
	}
	while (r.left > 0) {
		if (reader_u8(&r) != 0) {
			return NOTICE_BROKEN;
		}
	}
	*ret = n;
	return 0;
}
