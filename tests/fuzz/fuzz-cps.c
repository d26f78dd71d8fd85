/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A whole dialogue with a hostile professional's card: the first byte chooses generation and
 * protocol, the rest is everything that the card answers (reader.h, script_new_answers()).
 */
#include <unistd.h>

#include "base/clock.h"
#include "drivers/card/card.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t cps3[] = {0x3B, 0xAC, 0x00, 0x40, 0x2A, 0x00, 0x12, 0x25, 0x00, 0x64, 0x80,
	0x00, 0x03, 0x10, 0x00, 0x90, 0x00};
static const uint8_t cps4[] = {0x3B, 0x9B, 0x18, 0x80, 0x01, 0x00, 0x12, 0x25, 0x00, 0x64, 0x80,
	0x04, 0x01, 0x00, 0x00, 0x90, 0x44};
static const uint8_t pattern[150];

static void enter_pin(struct card *c, struct buf *body)
{
	int fds[2];

	if (pipe(fds) < 0) {
		return;
	}
	if (write(fds[1], "1234", 4) == 4) {
		close(fds[1]);
		(void)!c->driver->verify(c, fds[0], false, body);
	} else {
		close(fds[1]);
	}
	close(fds[0]);
}

static void consult(struct card *c)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(CARD_BODY_MAX);
	_cleanup_(buf_done) struct buf answer = BUF_NULL(APDU_LE_MAX);
	struct card_pin pin;
	struct view serial;

	(void)!c->driver->read_public(c, &body);
	(void)!c->driver->pin_state(c, &pin);
	enter_pin(c, &body);
	c->verified =
		true; /* what follows shall be reached whatever the card said to the PIN */
	(void)!c->driver->read_activities(c, &body);
	(void)!c->driver->sign(c, VIEW(pattern), &answer);
	buf_reset(&answer);
	(void)!role_internal_authenticate(c, view_of(pattern, 40), &answer);
	(void)!card_serial(c, &serial);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(view_of(data, size));
	uint8_t how = reader_u8(&r);
	struct view atr = how & 1 ? VIEW(cps4) : VIEW(cps3);
	struct transport *t = NULL;
	struct card c;

	if (script_new_answers(
		    reader_rest(&r), atr, how & 2 ? TRANSPORT_T1 : TRANSPORT_T0, &t) < 0) {
		return 0;
	}
	if (card_init(&c, t) == 0) {
		apdu_begin(&c.apdu, clock_monotonic() + 10 * USEC_PER_SEC);
		if (card_recognise(&c) == CARD_DONE) {
			consult(&c);
		}
		card_done(&c);
	}
	transport_free(t);
	return 0;
}
