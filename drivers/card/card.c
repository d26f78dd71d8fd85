/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Choosing the driver of a card, and what all kinds share. An unknown card is sent nothing at all:
 * only kinds whose ATR fits at least by family are asked, the best fit first, and only SELECT of
 * their own application is sent. Never VERIFY during recognition.
 */
#include "drivers/card/card.h"

#define COMMAND_ROOM 16U /* bytes for VERIFY: header 5, PIN 4, and the one that is too much */
#define BEST_SCORE   3U

static const struct card_driver *const drivers[] = {
	&vitale2_driver,
	&vitale1_driver,
	&cps3_driver,
	&cps4_driver,
	&cps_contactless_driver,
};

int card_init(struct card *c, struct transport *t)
{
	*c = (struct card){.exclusive = true};
	apdu_init(&c->apdu, t);
	return trace(secret_new(&c->command, COMMAND_ROOM));
}

void card_done(struct card *c)
{
	secret_done(&c->command);
	wipe(c, sizeof(*c));
}

void card_forget(struct card *c)
{
	c->df = CARD_DF_UNKNOWN;
	c->asleep = true;
	c->verified = false;
	c->used = false;
	c->tries_known = false;
}

bool card_has_rights(const struct card *c)
{
	return c->used;
}

/* Return: CARD_DONE or CARD_UNSUPPORTED when @d is it, CARD_ABSENT when not, else the reason. */
static int try_driver(struct card *c, const struct card_driver *d)
{
	int r;

	c->driver = d;
	if (d->advice) {
		return CARD_UNSUPPORTED;
	}
	r = d->probe(c);
	if (r == CARD_DENIED || r == CARD_REFUSED) {
		r = CARD_ABSENT;
	}
	if (r != CARD_DONE) {
		c->driver = NULL;
	}
	return trace(r);
}

int card_recognise(struct card *c)
{
	struct atr atr;

	c->driver = NULL;
	if (atr_parse(transport_atr(c->apdu.transport), &atr) != 0) {
		return CARD_UNKNOWN;
	}
	for (unsigned score = BEST_SCORE; score > 0; score--) {
		for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
			int r;

			if (drivers[i]->score(&atr) != score) {
				continue;
			}
			r = try_driver(c, drivers[i]);
			if (r != CARD_ABSENT) {
				c->asleep = r != CARD_DONE;
				return trace(r);
			}
		}
	}
	return CARD_UNKNOWN;
}

int card_serial(struct card *c, struct view *ret_serial)
{
	_cleanup_(buf_done) struct buf value = BUF_NULL(CARD_SERIAL_MAX);
	struct view known = view_of(c->serial, c->serial_len);
	int r;

	r = c->driver->read_serial(c, &value);
	if (r != CARD_DONE) {
		return trace(r);
	}
	if (value.len == 0 || buf_check(&value) < 0) {
		return CARD_BROKEN;
	}
	if (known.len > 0 && !view_equal(known, buf_view(&value))) {
		return CARD_GONE; /* another card answers */
	}
	bytes_copy(c->serial, sizeof(c->serial), value.data, value.len);
	c->serial_len = value.len;
	*ret_serial = view_of(c->serial, c->serial_len);
	return 0;
}
