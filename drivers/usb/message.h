/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Messages on the bulk pipes (CCID 1.1 §6.1, §6.2) and notifications on the interrupt pipe (§6.3).
 * Pure. Numbers are little endian.
 *
 *    0      1..4       5     6    7 8 9                    10..
 *  +------+----------+------+-----+-----------------------+------+
 *  | type | dwLength | slot | seq | three bytes by type   | data |      PC to reader
 *  +------+----------+------+-----+--------+-------+------+------+
 *  | type | dwLength | slot | seq | status | error | byte | data |      reader to PC
 *  +------+----------+------+-----+--------+-------+------+------+
 */
#include "base/buf.h"

#define MESSAGE_HEADER 10U
#define MESSAGE_MAX    65554U /* bytes, header included */

enum message_type {
	MESSAGE_SET_PARAMETERS = 0x61,
	MESSAGE_POWER_ON = 0x62, /* byte 7: 0 automatic, 1: 5 V, 2: 3 V, 3: 1.8 V */
	MESSAGE_POWER_OFF = 0x63,
	MESSAGE_GET_SLOT_STATUS = 0x65,
	MESSAGE_SECURE = 0x69,
	MESSAGE_ESCAPE = 0x6B,
	MESSAGE_GET_PARAMETERS = 0x6C,
	MESSAGE_RESET_PARAMETERS = 0x6D,
	MESSAGE_CLOCK = 0x6E,
	MESSAGE_XFR_BLOCK = 0x6F, /* byte 7: bBWI, 8..9: wLevelParameter */
	MESSAGE_ABORT = 0x72,
	MESSAGE_SET_RATE = 0x73,    /* data: dwClockFrequency, dwDataRate */
	MESSAGE_DATA_BLOCK = 0x80,  /* byte 9: bChainParameter */
	MESSAGE_SLOT_STATUS = 0x81, /* byte 9: bClockStatus */
	MESSAGE_PARAMETERS = 0x82,  /* byte 9: bProtocolNum */
	MESSAGE_ESCAPED = 0x83,
	MESSAGE_RATE = 0x84,
};

/* bmICCStatus and bmCommandStatus (§6.2.6) */
enum message_icc {
	MESSAGE_ICC_ACTIVE = 0,
	MESSAGE_ICC_INACTIVE = 1,
	MESSAGE_ICC_ABSENT = 2,
};

enum message_command {
	MESSAGE_COMMAND_OK = 0,
	MESSAGE_COMMAND_FAILED = 1,
	MESSAGE_COMMAND_TIME = 2, /* time extension: error is the multiplier of WWT or BWT */
};

/* bError (§6.2.6, table 6.2-2); 1..127: the byte of the command that is not supported (0: the type) */
enum message_error {
	MESSAGE_ERROR_UNSUPPORTED = 0x00,
	MESSAGE_ERROR_SLOT = 0x05,
	MESSAGE_ERROR_BUSY = 0xE0,	/* CMD_SLOT_BUSY */
	MESSAGE_ERROR_CANCELLED = 0xEF, /* PIN_CANCELLED */
	MESSAGE_ERROR_PIN_TIMEOUT = 0xF0,
	MESSAGE_ERROR_BUSY_AUTO = 0xF2, /* BUSY_WITH_AUTO_SEQUENCE */
	MESSAGE_ERROR_DEACTIVATED = 0xF3,
	MESSAGE_ERROR_PROCEDURE = 0xF4, /* PROCEDURE_BYTE_CONFLICT */
	MESSAGE_ERROR_CLASS = 0xF5,
	MESSAGE_ERROR_PROTOCOL = 0xF6,
	MESSAGE_ERROR_TCK = 0xF7,
	MESSAGE_ERROR_TS = 0xF8,
	MESSAGE_ERROR_HARDWARE = 0xFB,
	MESSAGE_ERROR_OVERRUN = 0xFC,
	MESSAGE_ERROR_PARITY = 0xFD,
	MESSAGE_ERROR_MUTE = 0xFE, /* ICC_MUTE */
	MESSAGE_ERROR_ABORTED = 0xFF,
};

/* bChainParameter of a data block, wLevelParameter of a transfer (§6.1.4, §6.2.1) */
enum message_chain {
	MESSAGE_CHAIN_WHOLE = 0x00,
	MESSAGE_CHAIN_BEGINS = 0x01,
	MESSAGE_CHAIN_ENDS = 0x02,
	MESSAGE_CHAIN_GOES_ON = 0x03,
	MESSAGE_CHAIN_NEXT = 0x10, /* empty: the other side may go on */
};

/** struct message - one message from a reader, taken apart; data is borrowed. */
struct message {
	uint8_t type; /* MESSAGE_DATA_BLOCK ... MESSAGE_RATE */
	uint8_t slot;
	uint8_t seq;
	enum message_icc icc;
	enum message_command command;
	uint8_t error;
	uint8_t last; /* byte 9 */
	struct view data;
};

enum message_outcome {
	MESSAGE_CUT = 1, /* less than a header, or than dwLength says */
	MESSAGE_LONG,	 /* more than dwLength says, or dwLength beyond @max */
	MESSAGE_TYPE,	 /* not one that a reader sends */
	MESSAGE_STATUS,	 /* reserved bits or values in bStatus */
};

/** message_put() - append one message; @three: bytes 7 to 9. */
void message_put(struct buf *out, enum message_type type, uint8_t slot, uint8_t seq,
	const uint8_t three[3], struct view data);
/** message_parse() - one whole message of at most @max bytes. Return: 0 or an outcome. */
int message_parse(struct view bytes, size_t max, struct message *ret) _must_check_;
/** message_total() - how long the message will be that begins with @head (one bulk packet may be only a
 *  part). Return: 0, MESSAGE_CUT (fewer than five bytes: cannot be told yet) or MESSAGE_LONG. */
int message_total(struct view head, size_t max, size_t *ret) _must_check_;
/** message_answers() - whether @answer is the type of answer that @command gets (§6.1, table). */
bool message_answers(enum message_type command, uint8_t answer);

/* -- the interrupt pipe (§6.3) ------------------------------------------------------------------- */

struct notice {
	bool hardware; /* a hardware error in @slot: the rest is empty */
	uint8_t slot;
	uint16_t present; /* bit i: a card is in slot i */
	uint16_t changed; /* bit i: that has changed since the last notice */
};

enum notice_outcome {
	NOTICE_BROKEN = 1, /* empty, cut, too long for so many slots, or of another type */
};

/** notice_parse() - RDR_to_PC_NotifySlotChange or RDR_to_PC_HardwareError of a reader with @slots. Padding
 *  behind it is passed over when it is zero. Return: 0 or NOTICE_BROKEN. */
int notice_parse(struct view bytes, unsigned slots, struct notice *ret) _must_check_;
