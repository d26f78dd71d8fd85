/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * EF_ACTUA: dates written after issue. Pure. A card that has the file and not both dates whole must
 * not be used (ANS Cryptolib: CKR_VENDOR_DEFINED + 1); which day the dates name is not our affair.
 */
#include "base/hex.h"
#include "base/tlv.h"
#include "drivers/card/cps/parts.h"

#define TAG_ACTUA   0xECU
#define TAG_FROM    0x81U
#define TAG_TO	    0x82U
#define DATE_DIGITS 14U

/* 14 digits of @tag in @in, as @link_tag into @body. */
static int put_date(struct view in, uint32_t tag, uint32_t link_tag, struct buf *body)
{
	_cleanup_(buf_done) struct buf digits = BUF_NULL(DATE_DIGITS);
	struct tlv t;
	int r;

	if (tlv_find(in, tag, &t) != 0 || t.value.len != DATE_DIGITS / 2 ||
		bcd_decode(&digits, t.value) != 0) {
		return CARD_UNUSABLE;
	}
	r = buf_check(&digits);
	if (r < 0) {
		return trace(r);
	}
	if (digits.len != DATE_DIGITS) {
		return CARD_UNUSABLE; /* ends in a pad */
	}
	tlv_put(body, link_tag, buf_view(&digits));
	return 0;
}

int actua_parse(struct view file, struct buf *body)
{
	struct reader r = reader_of(file);
	struct tlv t;
	int q;

	if (tlv_next(&r, &t) != 0 || t.tag != TAG_ACTUA) {
		return CARD_UNUSABLE;
	}
	q = put_date(t.value, TAG_FROM, LINK_TAG_ACTUA_FROM, body);
	return q != 0 ? trace(q) : trace(put_date(t.value, TAG_TO, LINK_TAG_ACTUA_TO, body));
}
