/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What a card's own directory says: EF.ODF (5031) names EF.CDF and EF.DODF, whose entries hold
 * label, identifier and path (PKCS#15 v1.1 §6.2, §6.3, §6.6, §6.7).
 *
 *   ODF   A4 { 30 { 04 path of the CDF } }   A7 { 30 { 04 path of the DODF } }
 *   CDF   30 { 30 { label, flags } 30 { 04 identifier } [A0] A1 { 30 { 30 { 04 path } } } }
 *   DODF  30 { 30 { label, flags } 30 { application } [A0] A1 { 30 { 04 path } } }
 *
 * Only lengths and these tags are looked at: real cards break DER in their bit strings, and nothing
 * here reads one. EF.ODF is kept in the process; the caller owns every path.
 */
#include "base/tlv.h"
#include "drivers/card/cps/cps.h"

#define TAG_CDF	     0xA4U
#define TAG_DODF     0xA7U
#define TAG_TYPE     0xA1U
#define TAG_SEQUENCE 0x30U
#define TAG_OCTETS   0x04U
#define PATH_LEAST   4U /* 3F00 and a file */
#define MF	     0x3F00U

/* -- pure ---------------------------------------------------------------------------------- */

/* The object at the end of the way @tags into @in. Return: 0, CARD_ABSENT or CARD_BROKEN. */
static int descend(struct view in, const uint32_t *tags, size_t n, struct view *ret_value)
{
	for (size_t i = 0; i < n; i++) {
		struct tlv t;
		int q = tlv_find(in, tags[i], &t);

		if (q != 0) {
			return q == TLV_ABSENT ? CARD_ABSENT : CARD_BROKEN;
		}
		in = t.value;
	}
	*ret_value = in;
	return 0;
}

/* A path that begins with 3F00, as iso7816_select_path() wants it. */
static int absolute(struct view path, struct buf *out)
{
	struct reader r = reader_of(path);

	if (path.len < PATH_LEAST || path.len % 2 != 0 || reader_u16(&r) != MF) {
		return CARD_ABSENT;
	}
	buf_reset(out);
	buf_put_view(out, path);
	return trace(apdu_room(out));
}

int pkcs15_find_directory(struct view odf, uint32_t tag, struct buf *path)
{
	const uint32_t way[] = {tag, TAG_SEQUENCE, TAG_OCTETS};
	struct view found;
	int r;

	r = descend(odf, way, ARRAY_LEN(way), &found);
	return r != 0 ? r : absolute(found, path);
}

/* Whether the last byte of @identifier is one of @ids. */
static bool is_named(struct view identifier, struct view ids)
{
	struct reader last = reader_of(view_last(identifier, 1));
	struct reader any = reader_of(ids);
	uint8_t id = reader_u8(&last);
	bool named = false;

	while (any.left > 0) {
		named = reader_u8(&any) == id || named;
	}
	return named && !last.failed;
}

/* Whether @entry (the value of a CDF entry) carries the identifier; its path when it does. */
static int match_certificate(struct view entry, struct view ids, struct buf *path)
{
	static const uint32_t way[] = {TAG_TYPE, TAG_SEQUENCE, TAG_SEQUENCE, TAG_OCTETS};
	struct reader r = reader_of(entry);
	struct tlv t = {.tag = 0};
	struct view found;
	int q;

	if (tlv_next(&r, &t) != 0 || tlv_next(&r, &t) != 0) {
		return CARD_BROKEN; /* label and flags, then the certificate's own attributes */
	}
	q = tlv_find(t.value, TAG_OCTETS, &t);
	if (q != 0) {
		return q == TLV_ABSENT ? CARD_ABSENT : CARD_BROKEN;
	}
	if (!is_named(t.value, ids)) {
		return CARD_ABSENT;
	}
	q = descend(entry, way, ARRAY_LEN(way), &found);
	return q != 0 ? q : absolute(found, path);
}

int pkcs15_find_certificate(struct view cdf, struct view ids, struct buf *path)
{
	struct reader entries = reader_of(cdf);
	struct tlv entry;
	int q;

	while ((q = tlv_next_padded(&entries, &entry)) == 0) {
		int r = match_certificate(entry.value, ids, path);

		if (r != CARD_ABSENT) {
			return r;
		}
	}
	return q == TLV_END ? CARD_ABSENT : CARD_BROKEN;
}

/* 1..16 when @path ends in one of the sixteen files, else 0. */
static uint8_t number_of(struct view path, uint16_t first)
{
	struct reader r = reader_of(view_last(path, 2));
	uint16_t fid = reader_u16(&r);

	if (r.failed || path.len % 2 != 0 || fid < first ||
		fid - first >= (int)CPS_ACTIVITIES) {
		return 0;
	}
	return (uint8_t)(fid - first + 1);
}

int pkcs15_list_activities(struct view dodf, uint16_t first, struct buf *numbers)
{
	static const uint32_t way[] = {TAG_TYPE, TAG_SEQUENCE, TAG_OCTETS};
	struct reader entries = reader_of(dodf);
	uint32_t seen = 0;
	struct tlv entry;
	int q;

	while ((q = tlv_next_padded(&entries, &entry)) == 0) {
		struct view path;
		int r = descend(entry.value, way, ARRAY_LEN(way), &path);
		uint8_t number = r == 0 ? number_of(path, first) : 0;

		if (r == CARD_BROKEN) {
			return r;
		}
		if (number != 0 && !(seen >> number & 1)) {
			seen |= 1U << number;
			buf_put_u8(numbers, number);
		}
	}
	return q == TLV_END ? 0 : CARD_BROKEN;
}

/* -- on the card --------------------------------------------------------------------------- */

/* EF.ODF into c->places, once. */
static int load(struct card *c)
{
	const struct cps_file *f = &cps_generation(c)->files[CPS_ODF];
	int r;

	if (c->places.len > 0) {
		return 0;
	}
	r = cps_select(c, f->df, f->fid);
	if (r == CARD_DONE) {
		r = iso7816_read_objects(&c->apdu, c->driver->cla,
			&(struct iso7816_file){.guess = f->size}, &c->places);
	}
	if (r != CARD_DONE) {
		buf_reset(&c->places);
	}
	return trace(r);
}

/* The whole directory that EF.ODF names by @tag. */
static int read_directory(struct card *c, uint32_t tag, struct buf *out)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(APDU_DATA_MAX);
	int r;

	r = load(c);
	if (r == CARD_DONE) {
		r = pkcs15_find_directory(buf_view(&c->places), tag, &path);
	}
	if (r == CARD_DONE) {
		r = cps_select_path(c, buf_view(&path));
	}
	if (r == CARD_DONE) {
		r = iso7816_read_objects(&c->apdu, c->driver->cla,
			&(struct iso7816_file){.guess = ISO7816_WHOLE}, out);
	}
	return trace(r);
}

int pkcs15_certificate(struct card *c, struct view ids, struct buf *path)
{
	_cleanup_(buf_done) struct buf cdf = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	int r;

	r = read_directory(c, TAG_CDF, &cdf);
	if (r != CARD_DONE) {
		return trace(r);
	}
	return trace(pkcs15_find_certificate(buf_view(&cdf), ids, path));
}

int pkcs15_activities(struct card *c, struct buf *numbers)
{
	_cleanup_(buf_done) struct buf dodf = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	uint16_t first = cps_generation(c)->files[CPS_ACTIVITY].fid;
	int r;

	r = read_directory(c, TAG_DODF, &dodf);
	if (r != CARD_DONE) {
		return trace(r);
	}
	return trace(pkcs15_list_activities(buf_view(&dodf), first, numbers));
}
