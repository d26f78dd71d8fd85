/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What vitaled-usb and its two users say, in frames of base/link.h on its socket (SOCK_SEQPACKET,
 * LINK_USB_SOCKET, of slots alone; with LINK_USB_WATCH_SUFFIX, of watches alone). A watch's first request
 * is WATCH, a slot's ATTACH; either on the other socket ends the connection. Every answer carries the request's op and seq. Invented for this project.
 */
#include "base/link-tags.h"

#define LINK_USB_SOCKET	      "/run/vitaled-usb/socket"
/* behind it: the socket of watches, who may say whose the readers are; no card's process is told it */
#define LINK_USB_WATCH_SUFFIX "-watch"
#define LINK_USB_ENVIRONMENT                                                                   \
	"VITALED_USB_SOCKET"		   /* instead of it; empty: no readers of our own */
#define LINK_USB_RULES "VITALED_USB_RULES" /* drivers/usb/claims.h; of vitaled-watch */

enum usb_op {
	/* a watch's; events are those of enum watch_op (READER_IN, READER_OUT, CARD_IN, CARD_OUT, then LISTED
	 * once), with the same bodies and op numbers */
	USB_OP_WATCH =
		0x41, /* VALUE: the rules (claims.h), STATE u8: enum watch_service of pcscd -> */
	USB_OP_LOOK,  /* STATE u8: pcscd's state has changed: auto readers are tried anew -> */
	USB_OP_PING,  /* -> : it lives, and its loop turns */
	/* a slot's */
	USB_OP_ATTACH, /* READER -> ATR, PROTOCOL u8, PINPAD u8 (CARD_PINPAD_*), EVENTS u32. Gives power where there
	                  is none; T=0 where the card offers both */
	USB_OP_TRANSMIT, /* DATA: a TPDU (T=0) or APDU (T=1) -> DATA: with its status word */
	USB_OP_SECURE, /* DATA: the command, KEYPAD: digits, new digits, old at, new at (four bytes) -> DATA */
	USB_OP_RESET, /* -> ATR, PROTOCOL, EVENTS */
	USB_OP_STATUS, /* -> EVENTS u32; USB_GONE when the card was out or without power since ATTACH */
	USB_OP_ABORT,  /* no answer of its own: the request that runs ends with USB_CANCELLED */
	USB_OP_DETACH, /* STATE u8: 1 = the card is reset; the connection may ATTACH again -> */
};

/* of answers */
enum usb_outcome {
	USB_DONE = 0,
	USB_GONE, /* removed, changed, without power since; or its reader unplugged */
	USB_MUTE,
	USB_BUSY, /* the slot has another connection */
	USB_NO_READER,
	USB_BROKEN,    /* no answer that a card can give */
	USB_CANCELLED, /* keypad: cancel; or ABORT */
	USB_LATE,      /* keypad: nothing typed in time */
	USB_REFUSED,   /* keypad: wrong length, or the new codes differ */
	USB_NO_PINPAD,
	USB_FAILED, /* a fault in vitaled-usb */
	USB_LIED,   /* the reader answers nonsense, or refuses its pipes */
};
