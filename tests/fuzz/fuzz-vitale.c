/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of the records of a Vitale (drivers/card/vitale/{records,nir}.c): the identities, the
 * numbers and the periods. First byte: what the rest is; of both lists of people the identities
 * come first, in one object FF49 of their own. The body that comes out is what link-ops.h says.
 */
#include <assert.h>

#include "base/tlv.h"
#include "drivers/card/vitale/vitale.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Text of the link is UTF-8 without controls: nothing below 20, nothing that Latin-1 cannot give. */
static void check_text(struct view text)
{
	struct reader r = reader_of(text);

	while (r.left > 0) {
		uint8_t c = reader_u8(&r);

		assert(c >= 0x20 && c != 0x7F && c < 0xF0);
	}
	assert(text.len == 0 || (text.data[text.len - 1] != ' '));
}

static void check_person(struct view person)
{
	struct tlv t;

	assert(tlv_find(person, LINK_TAG_SURNAME, &t) == 0);
	check_text(t.value);
	assert(tlv_find(person, LINK_TAG_GIVEN, &t) == 0);
	check_text(t.value);
	assert(tlv_find(person, LINK_TAG_BIRTH, &t) == 0);
	assert(vitale_digits(t.value, VITALE_DATE_DIGITS) ||
		vitale_digits(t.value, VITALE_SHORT_DATE_DIGITS));
	assert(tlv_find(person, LINK_TAG_NIR, &t) != 0 || nir_valid(t.value));
}

static size_t count(struct view body, uint32_t tag, void (*check)(struct view))
{
	struct reader r = reader_of(body);
	struct tlv t;
	size_t n = 0;

	while (tlv_next(&r, &t) == 0) {
		assert(t.tag == tag);
		check(t.value);
		n++;
	}
	assert(!r.failed);
	return n;
}

static void people(struct view identities, struct view numbers)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(CARD_BODY_MAX);
	int r = vitale_people(identities, numbers, &body);
	size_t n;

	assert(r == 0 || r == CARD_BROKEN);
	if (r == 0 && buf_check(&body) == 0) {
		n = count(buf_view(&body), LINK_TAG_PERSON, check_person);
		assert(n >= 1 && n <= VITALE_PEOPLE_MAX);
	}
}

static void check_period(struct view period)
{
	uint8_t index;
	struct tlv t;

	assert(tlv_find_u8(period, LINK_TAG_INDEX, &index) == 0);
	assert(tlv_find(period, LINK_TAG_SITUATION, &t) == 0);
	check_text(t.value);
}

static void periods(struct view file)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(CARD_BODY_MAX);
	int r = vitale_periods(file, &body);

	assert(r == 0 || r == CARD_BROKEN);
	if (r == 0 && buf_check(&body) == 0) {
		assert(count(buf_view(&body), LINK_TAG_COVERAGE, check_period) <=
			VITALE_PERIODS_MAX);
	}
}

/* Exactly one key fits a number. */
static void nir(struct view number)
{
	unsigned fits = 0;

	if (!nir_valid(number)) {
		return;
	}
	assert(number.len == NIR_LEN);
	for (unsigned key = 0; key < 100; key++) {
		_cleanup_(buf_done) struct buf other = BUF_NULL(NIR_LEN);

		buf_put_view(&other, view_sub(number, 0, NIR_LEN - 2));
		buf_put_u8(&other, (uint8_t)('0' + key / 10));
		buf_put_u8(&other, (uint8_t)('0' + key % 10));
		fits += nir_valid(buf_view(&other));
	}
	assert(fits == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(view_of(data, size));
	uint8_t what = reader_u8(&r);
	struct view rest = reader_rest(&r);
	struct tlv identities;

	switch (what % 4) {
	case 0:
		people(rest, VIEW_NULL);
		break;
	case 1:
		r = reader_of(rest);
		if (tlv_next(&r, &identities) == 0) {
			people(identities.value, reader_rest(&r));
		}
		break;
	case 2:
		periods(rest);
		break;
	default:
		nir(rest);
	}
	return 0;
}
