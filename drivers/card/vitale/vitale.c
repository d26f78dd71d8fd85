/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Driver of the Vitale family, for every generation that a table describes. The role
 * certificate is read first, because the other card waits for it; the people are read meanwhile
 * and stay in the process until they are asked for. A file whose place is invented may be absent
 * on a real card: its tag is then left out.
 */
#include "drivers/card/vitale/vitale.h"

#include "base/tlv.h"

#define TAG_FROM 0x80U

/* Nothing is sent: each file is reached through its own folder; what is no Vitale fails there. */
int vitale_resume(struct card *c)
{
	card_selected(c, CARD_DF_UNKNOWN, 0);
	return 0;
}

/* The role keys have global references: any folder of the card will do. */
int vitale_enter_role(struct card *c)
{
	return c->df == CARD_DF_UNKNOWN ? trace(vitale_enter_root(c)) : 0;
}

int vitale_probe(struct card *c)
{
	c->df = CARD_DF_UNKNOWN;
	return trace(vitale_enter_application(c));
}

/* The object of a file that has one. */
static int read_one(
	struct card *c, enum vitale_file_id id, struct buf *whole, struct tlv *ret_t)
{
	int r;

	r = vitale_read(c, id, whole);
	if (r != CARD_DONE) {
		return trace(r);
	}
	*ret_t = iso7816_object(whole);
	return 0;
}

/* What an optional file may say without being missed. */
static int optional(int r)
{
	return r == CARD_ABSENT || r == CARD_DENIED || r == CARD_REFUSED ? 0 : trace(r);
}

int vitale_read_serial(struct card *c, struct buf *value)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	struct tlv t;
	int r;

	r = read_one(c, VITALE_SERIAL, &file, &t);
	if (r == CARD_DONE) {
		buf_put_view(value, t.value);
	}
	return trace(r);
}

int vitale_identify(struct card *c, struct buf *body)
{
	struct view serial;
	int r;

	r = card_serial(c, &serial);
	if (r == CARD_DONE) {
		tlv_put(body, LINK_TAG_SERIAL, serial);
	}
	return trace(r);
}

static int read_validity(struct card *c, struct buf *body)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	struct tlv t;
	int r;

	r = read_one(c, VITALE_VALIDITY, &file, &t);
	if (r != CARD_DONE) {
		return optional(r);
	}
	if (tlv_find(t.value, TAG_FROM, &t) != 0 ||
		!vitale_digits(t.value, VITALE_DATE_DIGITS)) {
		return CARD_BROKEN;
	}
	tlv_put(body, LINK_TAG_VALID_FROM, t.value);
	return 0;
}

static int read_cvc(struct card *c, struct buf *body)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	struct tlv t;
	int r;

	r = read_one(c, VITALE_CVC, &file, &t);
	if (r == CARD_DONE) {
		tlv_put(body, LINK_TAG_CVC, t.whole);
	}
	return optional(r);
}

/* The certificate first: the other card waits for it. */
int vitale_read_public(struct card *c, struct buf *body)
{
	int r;

	r = read_cvc(c, body);
	return r == CARD_DONE ? trace(vitale_identify(c, body)) : trace(r);
}

/* Both files, paired; a card without numbers has people without numbers. */
static int read_pairs(struct card *c, struct buf *out)
{
	_cleanup_(buf_done) struct buf who = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	_cleanup_(buf_done) struct buf which = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	int r;

	r = vitale_read(c, VITALE_IDENTITIES, &who);
	if (r == CARD_DONE) {
		r = optional(vitale_read(c, VITALE_NUMBERS, &which));
	}
	return r == CARD_DONE ? trace(vitale_people(buf_view(&who), buf_view(&which), out))
			      : trace(r);
}

/* Into c->kept, all or nothing. */
static int keep(struct card *c, bool validity)
{
	int r;

	if (c->kept_valid) {
		return 0;
	}
	buf_reset(&c->kept);
	r = read_pairs(c, &c->kept);
	if (r == CARD_DONE && validity) {
		r = read_validity(c, &c->kept);
	}
	if (r == CARD_DONE) {
		r = apdu_room(&c->kept); /* no card of ours says more than CARD_KEPT_MAX */
	}
	if (r != CARD_DONE) {
		buf_reset(&c->kept);
	}
	c->kept_valid = r == CARD_DONE;
	return trace(r);
}

static void put_kept(const struct card *c, uint32_t tag, struct buf *body)
{
	struct reader in = reader_of(buf_view(&c->kept));
	struct tlv t;

	while (tlv_next(&in, &t) == 0) {
		if (t.tag == tag) {
			buf_put_view(body, t.whole);
		}
	}
}

int vitale_keep_people(struct card *c, struct buf *body)
{
	int r;

	r = keep(c, true);
	if (r == CARD_DONE) {
		put_kept(c, LINK_TAG_VALID_FROM, body);
	}
	return trace(r);
}

int vitale_read_people(struct card *c, struct buf *body)
{
	int r;

	r = keep(c, false);
	if (r == CARD_DONE) {
		put_kept(c, LINK_TAG_PERSON, body);
	}
	buf_reset(&c->kept);
	c->kept_valid = false;
	return trace(r);
}

/* 6982 until a professional's role is authenticated: CARD_DENIED. */
int vitale_read_protected(struct card *c, struct buf *body)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	int r;

	r = vitale_read(c, VITALE_COVERAGE, &file);
	if (r != CARD_DONE) {
		return trace(r);
	}
	return trace(vitale_periods(buf_view(&file), body));
}
