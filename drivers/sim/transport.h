/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Transmission protocols of a simulated card. T=0 has all its manners (61XX and GET RESPONSE, 6CXX,
 * one surplus Le byte after the data, as some programs send it); T=1 takes whole short APDUs. Both
 * count what goes over the line:
 *
 *   T=0  5 + 1 + data in + 2, or 5 + 1 + data out + 2; 7 when refused or answered without data
 *   T=1  4 characters round every block of at most IFSC (in) or 254 (out) bytes, and 4 for each
 *        acknowledgement of a block that is not the last
 */
#include "drivers/sim/os.h"

#define TRANSPORT_ANSWER_MAX 258U /* 256 bytes and the status word */

struct transport {
	unsigned protocol;  /* 0 or 1 */
	unsigned ifsc;	    /* T=1: bytes that the card takes in a block */
	struct buf pending; /* T=0: what GET RESPONSE will fetch */
};

void transport_init(struct transport *t);
void transport_done(struct transport *t);
/** transport_reset() - at power-up: T=0 or T=1 as the ATR offers first, nothing pending. */
void transport_reset(struct transport *t, unsigned protocol, unsigned ifsc);
/**
 * transport_exchange() - one TPDU (T=0) or APDU (T=1) and its answer with status word
 * @card: NULL for a card that is not there to think: everything is answered 6F00
 * @out:  reset first
 *
 * Return: characters on the line.
 */
size_t transport_exchange(
	struct transport *t, struct card *card, struct view in, struct buf *out);
/** transport_characters() - characters of an exchange that nobody processed. */
size_t transport_characters(const struct transport *t, size_t in, size_t out);
