/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Driver of the Vitale 2, and recognition of the Vitale 1, which nobody can read as files. The two
 * DFs of a Vitale are selected by name or as 3F00; which one is current is remembered to save
 * commands. A file whose place is invented may be absent on a real card: its tag is then left out.
 */
#include "drivers/card/vitale/vitale.h"

#include "base/tlv.h"

#define MF	    0x3F00U
#define EF_PAN	    0x2F02U
#define EF_CVC	    0x2F83U
#define EF_VALIDITY 0x2003U
#define EF_COVERAGE 0x2010U
#define SFI_PEOPLE  2U

#define TAG_SERIAL   0x5AU
#define TAG_VALIDITY 0x66U
#define TAG_FROM     0x80U
#define TAG_CVC	     0x7F21U

#define PAN_FILE      12U /* bytes */
#define VALIDITY_FILE 12U
#define CVC_FILE      228U

/* D2 50 00 00 02 and "VITALE" (cardpeek) */
static const uint8_t aid[] = {0xD2, 0x50, 0x00, 0x00, 0x02, 0x56, 0x49, 0x54, 0x41, 0x4C, 0x45};

/* 3B 75 13 00 00 4X 09 {EA|FA} 90 00 (pcsc-tools' list: 43..4C, photo or not) */
static unsigned vitale2_score(const struct atr *atr)
{
	static const uint8_t pattern[] = {
		0x3B, 0x75, 0x13, 0x00, 0x00, 0x40, 0x09, 0xEA, 0x90, 0x00};
	static const uint8_t mask[] = {
		0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xF0, 0xFF, 0xEF, 0xFF, 0xFF};

	return atr_matches(atr, VIEW(pattern), VIEW(mask)) ? 2 : 0;
}

/* 3F 65 25 00 XX 09 {F9|69|6A} 90 00 */
static unsigned vitale1_score(const struct atr *atr)
{
	static const uint8_t pattern[] = {0x3F, 0x65, 0x25, 0x00, 0x00, 0x09, 0x69, 0x90, 0x00};
	static const uint8_t mask[] = {0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0xFF, 0x6C, 0xFF, 0xFF};

	return atr_matches(atr, VIEW(pattern), VIEW(mask)) ? 2 : 0;
}

static int enter_root(struct card *c)
{
	int r;

	if (c->df == CARD_DF_ROOT) {
		return 0;
	}
	r = iso7816_select_id(&c->apdu, c->driver->cla, MF);
	if (r == CARD_DONE) {
		c->df = CARD_DF_ROOT;
	}
	return trace(r);
}

static int enter_application(struct card *c)
{
	int r;

	if (c->df == CARD_DF_APPLICATION) {
		return 0;
	}
	r = iso7816_select_name(&c->apdu, c->driver->cla, VIEW(aid));
	if (r == CARD_DONE) {
		c->df = CARD_DF_APPLICATION;
	}
	return trace(r);
}

static int vitale2_probe(struct card *c)
{
	c->df = CARD_DF_UNKNOWN;
	return trace(enter_application(c));
}

/* The object @tag that EF @fid of the current DF is. */
static int read_file(struct card *c, uint16_t fid, size_t guess, uint32_t tag,
	struct buf *whole, struct tlv *ret_t)
{
	struct reader in;
	int r;

	r = iso7816_select_ef(&c->apdu, c->driver->cla, fid);
	if (r == CARD_DONE) {
		r = iso7816_read_object(&c->apdu, c->driver->cla, guess, whole);
	}
	if (r != CARD_DONE) {
		return trace(r);
	}
	in = reader_of(buf_view(whole));
	if (tlv_next(&in, ret_t) != 0 || ret_t->tag != tag) {
		return CARD_BROKEN;
	}
	return 0;
}

static int vitale2_read_serial(struct card *c, struct buf *value)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX);
	struct tlv t;
	int r;

	r = enter_root(c);
	if (r == CARD_DONE) {
		r = read_file(c, EF_PAN, PAN_FILE, TAG_SERIAL, &file, &t);
	}
	if (r == CARD_DONE) {
		buf_put_view(value, t.value);
	}
	return trace(r);
}

static int read_validity(struct card *c, struct buf *body)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX);
	struct tlv t;
	int r;

	r = enter_application(c);
	if (r == CARD_DONE) {
		r = read_file(c, EF_VALIDITY, VALIDITY_FILE, TAG_VALIDITY, &file, &t);
	}
	if (r != CARD_DONE) {
		return r == CARD_ABSENT ? 0 : trace(r);
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
	_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX);
	struct tlv t;
	int r;

	r = read_file(c, EF_CVC, CVC_FILE, TAG_CVC, &file, &t);
	if (r == CARD_DONE) {
		tlv_put(body, LINK_TAG_CVC, t.whole);
	}
	return r == CARD_ABSENT ? 0 : trace(r);
}

/* The application's file first: after recognition its DF is current. */
static int vitale2_read_public(struct card *c, struct buf *body)
{
	struct view serial;
	int r;

	r = read_validity(c, body);
	if (r == CARD_DONE) {
		r = card_serial(c, &serial);
	}
	if (r != CARD_DONE) {
		return trace(r);
	}
	tlv_put(body, LINK_TAG_SERIAL, serial);
	return trace(read_cvc(c, body));
}

static int vitale2_read_people(struct card *c, struct buf *body)
{
	_cleanup_(buf_done) struct buf who = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	_cleanup_(buf_done) struct buf which = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	uint8_t cla = c->driver->cla;
	int r;

	r = enter_root(c);
	if (r == CARD_DONE) {
		r = iso7816_read_objects(&c->apdu, cla, SFI_PEOPLE, &who);
	}
	if (r == CARD_DONE) {
		r = enter_application(c);
	}
	if (r == CARD_DONE) {
		r = iso7816_read_objects(&c->apdu, cla, SFI_PEOPLE, &which);
	}
	if (r != CARD_DONE) {
		return trace(r);
	}
	return trace(vitale_people(buf_view(&who), buf_view(&which), body));
}

/* 6982 until a professional's role is authenticated: CARD_DENIED. */
static int vitale2_read_protected(struct card *c, struct buf *body)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	uint8_t cla = c->driver->cla;
	int r;

	r = enter_application(c);
	if (r == CARD_DONE) {
		r = iso7816_select_ef(&c->apdu, cla, EF_COVERAGE);
	}
	if (r == CARD_DONE) {
		r = iso7816_read_objects(&c->apdu, cla, 0, &file);
	}
	if (r != CARD_DONE) {
		return trace(r);
	}
	return trace(vitale_periods(buf_view(&file), body));
}

const struct card_driver vitale2_driver = {
	.kind = "vitale",
	.generation = "vitale-2",
	.cla = 0x00,
	.role_key = VITALE_ROLE_KEY,
	.score = vitale2_score,
	.probe = vitale2_probe,
	.read_serial = vitale2_read_serial,
	.read_public = vitale2_read_public,
	.read_people = vitale2_read_people,
	.enter_role = enter_root,
	.read_protected = vitale2_read_protected,
};

const struct card_driver vitale1_driver = {
	.kind = "unsupported",
	.generation = "vitale-1",
	.advice = "vitale-1",
	.score = vitale1_score,
};
