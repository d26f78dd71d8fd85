/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Choosing the driver of a card, and what all kinds share. An unknown card is sent nothing at all:
 * only kinds whose ATR fits at least by family are asked, the best fit first, and only SELECT of
 * their own application is sent. Never VERIFY during recognition.
 */
#include "drivers/card/card.h"

#include "drivers/card/cps/cps.h"
#include "drivers/card/vitale/vitale.h"

#define COMMAND_ROOM                                                                           \
	80U /* bytes: three commands with codes, and the byte that is too much each */
#define BEST_SCORE 3U

/* The whole table of kinds; a new generation is one more line (doc/architecture.md). */
const struct card_driver *const card_drivers[] = {
	&vitale_2.driver, &vitale_1, &cps_3.driver, &cps_4.driver, &cps_contactless,
	&cps_2ter, /* last of the family: asked when no other answered */
};
const size_t card_n_drivers = ARRAY_LEN(card_drivers);

int card_init(struct card *c, struct transport *t)
{
	*c = (struct card){.exclusive = true,
		.drivers = card_drivers,
		.n_drivers = ARRAY_LEN(card_drivers),
		.kept = BUF_NULL(CARD_KEPT_MAX),
		.role = BUF_NULL(CARD_ROLE_MAX),
		.places = BUF_NULL(CARD_PLACES_MAX)};
	apdu_init(&c->apdu, t);
	return trace(secret_new(&c->command, COMMAND_ROOM));
}

void card_done(struct card *c)
{
	secret_done(&c->command);
	buf_done(&c->kept);
	buf_done(&c->role);
	buf_done(&c->places);
	wipe(c, sizeof(*c));
}

void card_selected(struct card *c, enum card_df df, uint16_t ef)
{
	c->df = df;
	c->ef = ef;
	environment_forget(c);
}

void card_forget(struct card *c)
{
	card_selected(c, CARD_DF_UNKNOWN, 0);
	c->missing = 0;
	c->asleep = true;
	c->verified = false;
	c->used = false;
	c->tries_known = false;
	c->challenged = false;
	buf_reset(&c->kept);
	c->kept_valid = false;
	buf_reset(&c->role);
	c->role_known = false;
	buf_reset(&c->places);
}

bool card_has_rights(const struct card *c)
{
	return c->used;
}

size_t card_lesson(const struct card *c, uint32_t file)
{
	for (size_t i = 0; i < CARD_LESSONS; i++) {
		if (c->lessons[i].file == file) {
			return c->lessons[i].size;
		}
	}
	return ISO7816_WHOLE;
}

void card_learn(struct card *c, uint32_t file, size_t size)
{
	struct card_lesson *l = &c->lessons[c->next_lesson];

	for (size_t i = 0; i < CARD_LESSONS; i++) {
		if (c->lessons[i].file == file) {
			c->lessons[i].size = size;
			return;
		}
	}
	*l = (struct card_lesson){.file = file, .size = size};
	c->next_lesson = (c->next_lesson + 1) % CARD_LESSONS;
}

/* -- recognition --------------------------------------------------------------------------- */

static unsigned score_of(const struct card_driver *d, const struct atr *atr)
{
	unsigned best = 0;

	for (size_t i = 0; i < d->n_atrs; i++) {
		const struct card_atr *a = &d->atrs[i];

		if (a->score > best && atr_like(atr, a->pattern, a->historical)) {
			best = a->score;
		}
	}
	return best;
}

/* Return: CARD_DONE or CARD_UNSUPPORTED when @d is it, CARD_ABSENT when not, else the
 * reason. */
static int try_driver(struct card *c, const struct card_driver *d)
{
	int r;

	c->driver = d;
	r = d->probe ? d->probe(c) : CARD_DONE;
	if (r == CARD_DENIED || r == CARD_REFUSED) {
		r = CARD_ABSENT;
	}
	if (r != CARD_DONE) {
		c->driver = NULL;
		return trace(r);
	}
	return d->advice ? CARD_UNSUPPORTED : CARD_DONE;
}

int card_recognise(struct card *c)
{
	struct atr atr;

	c->driver = NULL;
	if (atr_parse(transport_atr(c->apdu.transport), &atr) != 0) {
		return CARD_UNKNOWN;
	}
	for (unsigned score = BEST_SCORE; score > 0; score--) {
		for (size_t i = 0; i < c->n_drivers; i++) {
			int r;

			if (score_of(c->drivers[i], &atr) != score) {
				continue;
			}
			r = try_driver(c, c->drivers[i]);
			if (r != CARD_ABSENT) {
				c->asleep = r != CARD_DONE;
				return trace(r);
			}
		}
	}
	return CARD_UNKNOWN;
}

static const struct card_driver *find_driver(
	const struct card *c, struct view kind, struct view generation)
{
	for (size_t i = 0; i < c->n_drivers; i++) {
		const struct card_driver *d = c->drivers[i];

		if (!d->advice && view_equal(view_str(d->kind), kind) &&
			view_equal(view_str(d->generation), generation)) {
			return d;
		}
	}
	return NULL;
}

int card_resume(struct card *c, struct view kind, struct view generation, struct view atr)
{
	int r;

	c->driver = NULL;
	if (!view_equal(atr, transport_atr(c->apdu.transport))) {
		return CARD_GONE;
	}
	c->driver = find_driver(c, kind, generation);
	if (!c->driver) {
		return CARD_GONE;
	}
	r = c->driver->resume(c);
	c->asleep = r != CARD_DONE;
	if (r == CARD_DENIED || r == CARD_REFUSED || r == CARD_ABSENT) {
		r = CARD_GONE; /* it has the ATR, and not the application */
	}
	if (r != CARD_DONE) {
		c->driver = NULL;
	}
	return trace(r);
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
	r = apdu_room(&value);
	if (r != 0 || value.len == 0) {
		return r != 0 ? trace(r) : CARD_BROKEN;
	}
	if (known.len > 0 && !view_equal(known, buf_view(&value))) {
		return CARD_GONE; /* another card answers */
	}
	bytes_copy(c->serial, sizeof(c->serial), value.data, value.len);
	c->serial_len = value.len;
	*ret_serial = view_of(c->serial, c->serial_len);
	return 0;
}
