/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Commands and answers of ISO/IEC 7816-4:2020 §5 over a transport, short lengths only.
 *
 *   case 1: CLA INS P1 P2              case 2: CLA INS P1 P2 Le
 *   case 3: CLA INS P1 P2 Lc data      case 4: CLA INS P1 P2 Lc data Le
 *
 * With T=0 (ISO/IEC 7816-3:2006 §12.2) case 1 carries P3 = 00, case 4 drops its Le, 61XX is
 * followed by GET RESPONSE and 6CXX by the same command with Le = XX, once. With T=1 the APDU
 * travels whole; 61XX and 6CXX are honoured there too. Longer data is chained with bit 10 of CLA.
 * Every exchange is bounded: rounds, bytes of a request, our deadline.
 */
#include "base/link-ops.h"
#include "drivers/reader/reader.h"

#define APDU_DATA_MAX	255U /* bytes of command data in one command */
#define APDU_LE_MAX	256U /* bytes of one answer; 00 on the line */
#define APDU_ROUNDS_MAX 40U /* commands on the line for one exchange: 61XX for ever ends here */
#define APDU_BYTES_MAX	65536U /* bytes that a card may give us for one request of the broker */
#define APDU_CHAIN_MAX	4096U  /* bytes of chained command data */

enum apdu_ins {
	APDU_VERIFY = 0x20,
	APDU_MSE = 0x22,
	APDU_CHANGE_REFERENCE_DATA = 0x24,
	APDU_RESET_RETRY_COUNTER = 0x2C,
	APDU_PSO = 0x2A,
	APDU_EXTERNAL_AUTHENTICATE = 0x82,
	APDU_GET_CHALLENGE = 0x84,
	APDU_INTERNAL_AUTHENTICATE = 0x88,
	APDU_SELECT = 0xA4,
	APDU_READ_BINARY = 0xB0,
	APDU_GET_RESPONSE = 0xC0,
	APDU_GET_DATA = 0xCB,
};

/* How long the engine waits for another program that holds the reader: microseconds, 500 ms less
 * than the broker waits for a sign of life. */
#define APDU_OTHERS_USEC 3500000U

/** struct apdu - the engine on one transport, and what it has counted. */
struct apdu {
	struct transport *transport; /* borrowed */
	/* called before every command on the line, for the owner's sign of life; NULL: nobody */
	void (*before)(void *user);
	void *user;
	uint64_t deadline;   /* CLOCK_MONOTONIC microseconds, of the request */
	size_t bytes_left;   /* of APDU_BYTES_MAX */
	size_t block;	     /* most bytes that this card gives at once, as far as known */
	uint32_t tpdus;	     /* commands on the line */
	uint32_t characters; /* on the line, both directions: apdu_characters() */
};

struct apdu_command {
	uint8_t cla;
	uint8_t ins;
	uint8_t p1;
	uint8_t p2;
	struct view data; /* empty: none */
	size_t le;	  /* bytes wanted, 0: none, APDU_LE_MAX: as many as there are */
};

void apdu_init(struct apdu *a, struct transport *t);
/** apdu_begin() - a new request: its deadline, and its bytes anew. */
void apdu_begin(struct apdu *a, uint64_t deadline);
/** apdu_others() - until when to wait for other programs, from now: APDU_OTHERS_USEC, within the
 *  deadline of the request. */
uint64_t apdu_others(const struct apdu *a);

/**
 * apdu_exchange() - one command with everything that belongs to its answer
 * @answer:  the answer's data is appended; failed when it passed its limit (CARD_BROKEN)
 * @ret_sw:  the last status word
 *
 * Return: 0 when the card has answered, whatever it said; a fault; CARD_GONE, CARD_MUTE (also:
 * deadline), CARD_BUSY, CARD_NO_SERVICE, CARD_NO_READER, or CARD_BROKEN (an answer that is none,
 * longer than asked, or without end: 61XX after a GET RESPONSE that brought nothing ends it too).
 */
int apdu_exchange(struct apdu *a, const struct apdu_command *c, struct buf *answer,
	uint16_t *ret_sw) _must_check_;

/**
 * apdu_send_once() - exactly these bytes, exactly once, no GET RESPONSE and no repetition
 * @command:  a whole case 3 command; may lie in a secret, no copy is made
 * Return: as apdu_exchange().
 */
int apdu_send_once(struct apdu *a, struct view command, uint16_t *ret_sw) _must_check_;

/**
 * apdu_secure() - one command completed on the reader's keypad, exactly once
 * Return: as apdu_exchange(), and CARD_CANCELLED, CARD_LATE, CARD_PIN_REFUSED, CARD_ABSENT (no keypad).
 */
int apdu_secure(struct apdu *a, const struct transport_pin *pin, uint16_t *ret_sw) _must_check_;

/** apdu_room() - whether everything went into @b. Return: 0, a fault, or CARD_BROKEN: a card that
 *  says more than @b may hold. */
int apdu_room(const struct buf *b) _must_check_;
/** apdu_from_transport() - what @r of a transport's function means as a card_outcome. */
int apdu_from_transport(int r) _must_check_;

/* -- the pure parts, for tests ------------------------------------------------------------------ */

/** apdu_parse() - split an answer that may hold up to @le bytes of data. Return: 0 or CARD_BROKEN. */
int apdu_parse(
	struct view answer, size_t le, struct view *ret_data, uint16_t *ret_sw) _must_check_;
/** apdu_build() - the bytes for the line, appended to @out. */
void apdu_build(
	const struct apdu_command *c, enum transport_protocol protocol, struct buf *out);
/**
 * apdu_characters() - characters that an exchange costs on a T=0 line: header 5, procedure byte 1
 * when data follows, the data, status 2; data that the card refused by its class or instruction
 * (6D00, 6E00) never went. The same rule is applied to T=1, where it is an estimate.
 */
uint32_t apdu_characters(size_t data_in, size_t data_out, uint16_t sw);
