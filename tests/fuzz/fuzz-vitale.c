/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A whole dialogue with a hostile Vitale: the input is everything that the card answers (reader.h,
 * script_new_answers()), the requests are those of a consultation. Run with the sanitizers.
 */
#include "base/clock.h"
#include "drivers/card/card.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t atr[] = {0x3B, 0x75, 0x13, 0x00, 0x00, 0x44, 0x09, 0xEA, 0x90, 0x00};
static const uint8_t pattern[64];

static void consult(struct card *c)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(CARD_BODY_MAX);
	_cleanup_(buf_done) struct buf answer = BUF_NULL(APDU_LE_MAX);
	struct view serial;

	(void)!vitale2_driver.read_public(c, &body);
	(void)!vitale2_driver.read_people(c, &body);
	(void)!role_challenge(c, view_of(pattern, ROLE_NAME_LEN), &answer);
	(void)!role_internal_authenticate(c, view_of(pattern, 24), &answer);
	(void)!role_external_authenticate(c, VIEW(pattern));
	(void)!vitale2_driver.read_protected(c, &body);
	(void)!card_serial(c, &serial);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct transport *t = NULL;
	struct card c;

	if (script_new_answers(view_of(data, size), VIEW(atr), TRANSPORT_T0, &t) < 0) {
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
