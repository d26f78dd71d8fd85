/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of what a professional's card says of itself: EF_ACTUA, EF.ODF, EF.CDF, EF.DODF
 * (drivers/card/cps/{actua,pkcs15}.c). First byte: which of them the rest is. Paths that come out
 * can be selected; numbers of activities are 1..16, each once; dates are 14 digits.
 */
#include <assert.h>

#include "base/tlv.h"
#include "drivers/card/cps/cps.h"

#define FIRST_ACTIVITY 0xD120U
#define TAG_CDF	       0xA4U
#define TAG_DODF       0xA7U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_date(struct view body, uint32_t tag)
{
	struct tlv t;
	struct reader r;

	assert(tlv_find(body, tag, &t) == 0 && t.value.len == 14);
	r = reader_of(t.value);
	while (r.left > 0) {
		uint8_t c = reader_u8(&r);

		assert(c >= '0' && c <= '9');
	}
}

static void actua(struct view file)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(256);
	int r = actua_parse(file, &body);

	assert(r == 0 || r == CARD_UNUSABLE);
	if (r == 0) {
		check_date(buf_view(&body), LINK_TAG_ACTUA_FROM);
		check_date(buf_view(&body), LINK_TAG_ACTUA_TO);
	}
}

static void check_path(int r, const struct buf *path)
{
	struct reader begin = reader_of(buf_view(path));

	assert(r == 0 || r == CARD_ABSENT || r == CARD_BROKEN);
	if (r == 0) {
		assert(path->len >= 4 && path->len % 2 == 0 && path->len <= APDU_DATA_MAX);
		assert(reader_u16(&begin) == 0x3F00);
	}
}

static void directory(struct view odf, uint32_t tag)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(APDU_DATA_MAX);

	check_path(pkcs15_find_directory(odf, tag, &path), &path);
}

static void certificate(struct view cdf)
{
	static const uint8_t aut[] = {0x02, 0x20};
	_cleanup_(buf_done) struct buf path = BUF_NULL(APDU_DATA_MAX);

	check_path(pkcs15_find_certificate(cdf, VIEW(aut), &path), &path);
	buf_reset(&path);
	check_path(pkcs15_find_certificate(cdf, VIEW_NULL, &path), &path);
	assert(path.len == 0); /* nothing was named */
}

static void activities(struct view dodf)
{
	_cleanup_(buf_done) struct buf numbers = BUF_NULL(CPS_ACTIVITIES);
	int r = pkcs15_list_activities(dodf, FIRST_ACTIVITY, &numbers);
	struct reader list = reader_of(buf_view(&numbers));
	uint32_t seen = 0;

	assert(r == 0 || r == CARD_BROKEN);
	assert(buf_check(&numbers) == 0);
	while (list.left > 0) {
		uint8_t n = reader_u8(&list);

		assert(n >= 1 && n <= CPS_ACTIVITIES && !(seen >> n & 1));
		seen |= 1U << n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(view_of(data, size));
	uint8_t what = reader_u8(&r);
	struct view rest = reader_rest(&r);

	switch (what % 4) {
	case 0:
		actua(rest);
		break;
	case 1:
		directory(rest, TAG_CDF);
		directory(rest, TAG_DODF);
		break;
	case 2:
		certificate(rest);
		break;
	default:
		activities(rest);
	}
	return 0;
}
