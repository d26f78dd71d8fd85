/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the IFD handler (in pcscd) and vitale-sim say to each other over a private
 * SOCK_SEQPACKET socket, one datagram a message. A connection belongs to one slot; slots are
 * numbered through all readers. Invented for this project.
 *
 *   request  | op | slot | payload ... |      one outstanding at a time
 *   answer   | op | status | payload ... |
 *   alive    | READER_OP_ALIVE | 0 |          before an answer that takes long: goes on waiting
 *   event    | READER_OP_EVENT | enum reader_event |   after READER_OP_WATCH, on that
 *                                             connection only, the present state first
 */
#define READER_LINK_MAX	   66010U /* bytes of a datagram */
#define READER_LINK_HEADER 2U

enum reader_op {
	READER_OP_WATCH = 1,
	READER_OP_POWER_UP, /* also the warm reset -> ATR */
	READER_OP_POWER_DOWN,
	READER_OP_PROTOCOL, /* one byte: 0 or 1 */
	READER_OP_TRANSMIT, /* TPDU or APDU -> answer with status word */
	READER_OP_PRESENCE, /* -> one byte: 1 = card in */
	READER_OP_EVENT,
	READER_OP_DESCRIBE, /* number of a reader in place of the slot
			     * -> its first slot, how many, bit i: slot i of it has a keypad */
	READER_OP_KEYPAD, /* feature of PC/SC part 10, its structure -> what the feature gives */
	READER_OP_ALIVE,
};

enum reader_status {
	READER_STATUS_OK = 0,
	READER_STATUS_NO_CARD,
	READER_STATUS_UNPOWERED,
	READER_STATUS_MUTE,
	READER_STATUS_REFUSED,
	READER_STATUS_NO_READER, /* unplugged, or never there */
};

enum reader_event {
	READER_EVENT_OUT = 0, /* no card in the slot */
	READER_EVENT_IN,
	READER_EVENT_GONE, /* the reader is unplugged */
};
