/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Where a card's own directory says that a certificate lies: EF.ODF (5031) names EF.CDF, whose
 * entries hold label, identifier and path (PKCS#15 v1.1 §6.2, §6.3, §6.6).
 *
 *   ODF  A4 { 30 { 04 path of the CDF } }
 *   CDF  30 { 30 { label, flags } 30 { 04 identifier } [30 { ... }] A1 { 30 { 30 { 04 path } } } }
 *
 * Only lengths and these tags are looked at: real cards break DER in their bit strings. Nothing is
 * kept; the caller owns the path.
 */
#include "base/tlv.h"
#include "drivers/card/cps/cps.h"

#define EF_ODF	     0x5031U
#define TAG_CDF	     0xA4U
#define TAG_TYPE     0xA1U
#define TAG_SEQUENCE 0x30U
#define TAG_OCTETS   0x04U
#define PATH_LEAST   4U /* 3F00 and a file */
#define MF_HIGH	     0x3FU

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

	if (path.len < PATH_LEAST || path.len % 2 != 0 || reader_u8(&r) != MF_HIGH) {
		return CARD_ABSENT;
	}
	buf_reset(out);
	buf_put_view(out, path);
	return buf_check(out) < 0 ? CARD_BROKEN : 0;
}

static int read_directory(struct card *c, struct view path, struct buf *out)
{
	int r;

	r = path.len > 0 ? iso7816_select_path(&c->apdu, c->driver->cla, path)
			 : cps_select_app(c, EF_ODF);
	c->df = CARD_DF_UNKNOWN;
	if (r != CARD_DONE) {
		return trace(r);
	}
	return trace(iso7816_read_objects(&c->apdu, c->driver->cla, 0, out));
}

/* Whether @entry (the value of a CDF entry) carries the identifier; its path when it does. */
static int match_entry(struct view entry, uint8_t id, struct buf *path)
{
	static const uint32_t way_to_path[] = {
		TAG_TYPE, TAG_SEQUENCE, TAG_SEQUENCE, TAG_OCTETS};
	struct reader r = reader_of(entry);
	struct tlv t = {.tag = 0};
	struct reader last;
	struct view found;
	int q;

	if (tlv_next(&r, &t) != 0 || tlv_next(&r, &t) != 0) {
		return CARD_BROKEN; /* label and flags, then the certificate's own attributes */
	}
	q = tlv_find(t.value, TAG_OCTETS, &t);
	if (q != 0) {
		return q == TLV_ABSENT ? CARD_ABSENT : CARD_BROKEN;
	}
	last = reader_of(view_last(t.value, 1));
	if (reader_u8(&last) != id || last.failed) {
		return CARD_ABSENT;
	}
	q = descend(entry, way_to_path, ARRAY_LEN(way_to_path), &found);
	return q != 0 ? q : absolute(found, path);
}

int pkcs15_certificate(struct card *c, uint8_t id, struct buf *path)
{
	static const uint32_t way_to_cdf[] = {TAG_CDF, TAG_SEQUENCE, TAG_OCTETS};
	_cleanup_(buf_done) struct buf odf = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	_cleanup_(buf_done) struct buf cdf = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	_cleanup_(buf_done) struct buf way = BUF_NULL(APDU_DATA_MAX);
	struct view found;
	struct reader entries;
	struct tlv entry;
	int r;

	r = read_directory(c, VIEW_NULL, &odf);
	if (r != CARD_DONE) {
		return trace(r);
	}
	r = descend(buf_view(&odf), way_to_cdf, ARRAY_LEN(way_to_cdf), &found);
	if (r == CARD_DONE) {
		r = absolute(found, &way);
	}
	if (r == CARD_DONE) {
		r = read_directory(c, buf_view(&way), &cdf);
	}
	if (r != CARD_DONE) {
		return trace(r);
	}
	entries = reader_of(buf_view(&cdf));
	while (tlv_next_padded(&entries, &entry) == 0) {
		r = match_entry(entry.value, id, path);
		if (r != CARD_ABSENT) {
			return trace(r);
		}
	}
	return CARD_ABSENT;
}
