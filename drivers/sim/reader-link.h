/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the IFD handler (in pcscd) and vitale-sim say to each other over a private SOCK_SEQPACKET
 * socket, one datagram a message. A connection belongs to one slot. Invented for this project.
 *
 *   request  | op | slot | payload ... |      one outstanding at a time
 *   answer   | op | status | payload ... |
 *   event    | READER_OP_EVENT | 1 = card in, 0 = card out |   after READER_OP_WATCH, on that
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
};

enum reader_status {
	READER_STATUS_OK = 0,
	READER_STATUS_NO_CARD,
	READER_STATUS_UNPOWERED,
	READER_STATUS_MUTE,
	READER_STATUS_REFUSED,
};
