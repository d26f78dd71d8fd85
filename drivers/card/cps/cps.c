/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Driver of the professional's card, for every generation that a table describes: which card it is,
 * what of it is public, and its activities, which are read once and then answered from the process.
 */
#include "drivers/card/cps/cps.h"

#include "base/hex.h"
#include "base/tlv.h"

#define TAG_NAME       0x84U
#define TAG_STRUCTURE  0x85U
#define TAG_SECTOR     0x86U
#define TAG_SPECIALITY 0x87U

#define NO_ACTIVITY 0U	   /* DIRECTORY of a card that has none */
#define LESSON	    0x100U /* of activity n: LESSON + n */

int cps_probe(struct card *c)
{
	const struct cps_generation *g = cps_generation(c);
	int r;

	r = iso7816_select_name(&c->apdu, c->driver->cla, g->application);
	if (r == CARD_DONE) {
		card_selected(c, g->selected, 0);
	}
	return trace(r);
}

/* A card whose paths are absolute needs no name: the serial and the signature tell which it
 * is. */
int cps_resume(struct card *c)
{
	return cps_generation(c)->reselect ? trace(cps_probe(c)) : 0;
}

/* -- which card ---------------------------------------------------------------------------- */

int cps_read_serial(struct card *c, struct buf *value)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	int r;

	r = cps_read_file(c, CPS_SERIAL, &file);
	if (r != CARD_DONE) {
		return trace(r);
	}
	buf_put_view(value, iso7816_object(&file).value);
	return 0;
}

/* The whole file, or as much of it as says that it is not complete. */
static int read_actua(struct card *c, struct buf *body)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	const struct cps_file *f = &cps_generation(c)->files[CPS_ACTUA];
	size_t total = 0;
	int r;

	r = cps_select(c, f->df, f->fid);
	if (r == CARD_ABSENT) {
		return 0;
	}
	if (r == CARD_DONE) {
		r = iso7816_read(&c->apdu, c->driver->cla, 0, 0, f->size, &file);
	}
	if (r == CARD_DONE && file.len == f->size && tlv_total(buf_view(&file), &total) == 0 &&
		total > file.len && total <= APDU_LE_MAX) {
		r = iso7816_read(
			&c->apdu, c->driver->cla, 0, file.len, total - file.len, &file);
	}
	if (r == CARD_DONE) {
		return trace(actua_parse(buf_view(&file), body));
	}
	/* it is there, and does not say what it must */
	return r == CARD_ABSENT || r == CARD_DENIED || r == CARD_REFUSED ? CARD_UNUSABLE
									 : trace(r);
}

int cps_identify(struct card *c, struct buf *body)
{
	struct view serial;
	int r;

	r = card_serial(c, &serial);
	if (r != CARD_DONE) {
		return trace(r);
	}
	tlv_put(body, LINK_TAG_SERIAL, serial);
	return trace(read_actua(c, body));
}

/* -- public data --------------------------------------------------------------------------- */

/* The EF of a certificate: where the stand-in puts it, else where the card says. */
static int select_certificate(struct card *c, enum cps_file_id id, struct view ids)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(APDU_DATA_MAX);
	const struct cps_file *f = &cps_generation(c)->files[id];
	int r;

	r = cps_select(c, f->df, f->fid);
	if (r != CARD_ABSENT) {
		return trace(r);
	}
	r = pkcs15_certificate(c, ids, &path);
	return r == CARD_DONE ? trace(cps_select_path(c, buf_view(&path))) : trace(r);
}

static int read_certificate(struct card *c, enum cps_file_id id, struct view ids,
	uint32_t link_tag, struct buf *body)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	int r;

	r = select_certificate(c, id, ids);
	if (r == CARD_DONE) {
		r = cps_read_object(c, id, 0, &file);
	}
	if (r == CARD_DONE) {
		tlv_put(body, link_tag, buf_view(&file));
	}
	return trace(r);
}

static int read_certificates(struct card *c, struct buf *body)
{
	/* last byte of the identifiers: OpenSC PR 2217, and as the official software names
	 * them */
	static const uint8_t aut[] = {0x02, 0x20};
	static const uint8_t sig[] = {0x01, 0x10};
	int r;

	r = read_certificate(c, CPS_CERT_AUT, VIEW(aut), LINK_TAG_CERT_AUT, body);
	if (r != CARD_DONE) {
		return trace(r);
	}
	return trace(read_certificate(c, CPS_CERT_SIG, VIEW(sig), LINK_TAG_CERT_SIG, body));
}

/* A card without the stand-in has none: that is no mistake of the card's. */
static int keep_role(struct card *c)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	int r;

	r = cps_read_file(c, CPS_CVC, &file);
	if (r == CARD_DONE) {
		buf_put_view(&c->role, buf_view(&file));
		r = apdu_room(&c->role);
	}
	if (r == CARD_ABSENT) {
		r = CARD_DONE;
	}
	c->role_known = r == CARD_DONE;
	if (r != CARD_DONE) {
		buf_reset(&c->role);
	}
	return trace(r);
}

int cps_read_role(struct card *c, struct buf *body)
{
	int r = c->role_known ? CARD_DONE : keep_role(c);

	if (r == CARD_DONE && c->role.len > 0) {
		tlv_put(body, LINK_TAG_CVC, buf_view(&c->role));
	}
	return trace(r);
}

static void put_text(struct buf *body, uint32_t link_tag, struct view latin1)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(CARD_BODY_MAX);

	latin1_to_utf8(&text, latin1);
	tlv_put(body, link_tag, buf_view(&text));
}

static int read_speciality(struct card *c, struct buf *body)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	struct tlv t;
	int q;
	int r;

	r = cps_read_file(c, CPS_INFO, &file);
	if (r != CARD_DONE) {
		return r == CARD_ABSENT ? 0 : trace(r);
	}
	q = tlv_find(iso7816_object(&file).value, TAG_SPECIALITY, &t);
	if (q == 0) {
		put_text(body, LINK_TAG_SPECIALITY, t.value);
	}
	return q == 0 || q == TLV_ABSENT ? 0 : CARD_BROKEN;
}

/* -- which activities ---------------------------------------------------------------------- */

/* SELECT is free, reading is not: the sixteen files, one after the other. */
static int probe_activities(struct card *c, struct buf *numbers)
{
	const struct cps_file *f = &cps_generation(c)->files[CPS_ACTIVITY];
	int r = 0;

	for (uint8_t i = 0; i < CPS_ACTIVITIES && r == CARD_DONE; i++) {
		r = cps_select(c, f->df, (uint16_t)(f->fid + i));
		if (r == CARD_DONE || r == CARD_DENIED) {
			buf_put_u8(numbers, (uint8_t)(i + 1));
		}
		if (r == CARD_ABSENT || r == CARD_DENIED) {
			r = CARD_DONE; /* gaps are normal */
		}
	}
	return trace(r);
}

/* From the card's directory; one that cannot be read, or is none, only costs the short cut. */
static int list_activities(struct card *c, struct buf *numbers)
{
	int r;

	r = pkcs15_activities(c, numbers);
	if (r == CARD_ABSENT || r == CARD_BROKEN || r == CARD_DENIED || r == CARD_REFUSED) {
		buf_reset(numbers);
		r = probe_activities(c, numbers);
	}
	if (r == CARD_DONE && numbers->len == 0) {
		buf_put_u8(numbers, NO_ACTIVITY);
	}
	return trace(r);
}

int cps_read_public(struct card *c, struct buf *body)
{
	_cleanup_(buf_done) struct buf numbers = BUF_NULL(CPS_ACTIVITIES);
	int r;

	r = read_certificates(c, body);
	if (r == CARD_DONE) {
		r = read_speciality(c, body);
	}
	if (r == CARD_DONE) {
		r = cps_read_role(c, body);
	}
	if (r == CARD_DONE) {
		r = list_activities(c, &numbers);
	}
	if (r == CARD_DONE) {
		tlv_put(body, LINK_TAG_DIRECTORY, buf_view(&numbers));
	}
	return trace(r);
}

/* -- activities ---------------------------------------------------------------------------- */

static int put_activity(struct buf *body, uint8_t number, struct view activity)
{
	static const struct {
		uint32_t tag;
		uint32_t link_tag;
	} fields[] = {
		{TAG_NAME, LINK_TAG_NAME},
		{TAG_STRUCTURE, LINK_TAG_STRUCTURE},
		{TAG_SECTOR, LINK_TAG_SECTOR},
	};

	size_t mark = tlv_open(body, LINK_TAG_ACTIVITY);
	struct tlv t;

	tlv_put_u8(body, LINK_TAG_INDEX, number);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (tlv_find(activity, fields[i].tag, &t) != 0) {
			return CARD_BROKEN;
		}
		put_text(body, fields[i].link_tag, t.value);
	}
	tlv_close(body, mark);
	return 0;
}

/* One of them; after VERIFY the first may be selected already, or known to be absent. */
static int read_activity(struct card *c, uint8_t number, struct buf *body)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	const struct cps_file *f = &cps_generation(c)->files[CPS_ACTIVITY];
	uint16_t fid = (uint16_t)(f->fid + number - 1);
	int r = 0;

	if (fid == c->missing) {
		return 0;
	}
	if (((uint32_t)c->df << 16 | c->ef) != ((uint32_t)f->df << 16 | fid)) {
		r = cps_select(c, f->df, fid);
	}
	if (r == CARD_ABSENT) {
		return 0; /* gaps are normal */
	}
	if (r == CARD_DONE) {
		r = cps_read_object(c, CPS_ACTIVITY, LESSON + number, &file);
	}
	if (r != CARD_DONE) {
		return trace(r);
	}
	return trace(put_activity(body, number, iso7816_object(&file).value));
}

/* Into c->kept. A number that is none, or stands twice, is passed over. */
static int keep_activities(struct card *c, struct view directory)
{
	struct reader r = reader_of(directory);
	bool done[CPS_ACTIVITIES + 1] = {[NO_ACTIVITY] = true};

	buf_reset(&c->kept);
	while (r.left > 0) {
		uint8_t number = reader_u8(&r);
		int q;

		if (number > CPS_ACTIVITIES || done[number]) {
			continue;
		}
		done[number] = true;
		q = read_activity(c, number, &c->kept);
		if (q != CARD_DONE) {
			return trace(q);
		}
	}
	return trace(apdu_room(&c->kept));
}

int cps_read_activities(struct card *c, struct view directory, struct buf *body)
{
	_cleanup_(buf_done) struct buf numbers = BUF_NULL(CPS_ACTIVITIES);
	int r;

	r = cps_may_use_key(c);
	if (r == CARD_DONE && !c->kept_valid) {
		if (directory.len == 0) {
			r = list_activities(c, &numbers);
			directory = buf_view(&numbers);
		}
		r = r == CARD_DONE ? keep_activities(c, directory) : r;
		c->kept_valid = r == CARD_DONE;
		if (r != CARD_DONE) {
			buf_reset(&c->kept);
		}
	}
	if (r == CARD_DONE) {
		buf_put_view(body, buf_view(&c->kept));
	}
	return trace(r);
}
