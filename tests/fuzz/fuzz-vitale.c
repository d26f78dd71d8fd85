/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of the records of a Vitale (drivers/card/vitale/{records,nir}.c): the identities, the
 * numbers and the periods. First byte: what the rest is; of both lists of people the identities
 * come first, in one object of their own. The body that comes out is what link-ops.h says. With bit
 * 7 the rest is what a card of a made-up generation answers (script_new_answers() of reader.h) when
 * its files are looked for in all their places.
 */
#include <assert.h>

#include "base/clock.h"
#include "base/tlv.h"
#include "drivers/card/vitale/vitale.h"
#include "drivers/reader/script.h"

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

/* -- places ---------------------------------------------------------------------------------------- */

/* Every file lacks one of the places that the Vitale 2's have. */
static const struct vitale_generation made_up = {
	.driver = {VITALE_FUNCTIONS, .generation = "made-up"},
	.application = {.data = (const uint8_t *)"APPLI", .len = 5},
	.root = {.data = (const uint8_t *)"ROOT", .len = 4},
	.files =
		{
			[VITALE_IDENTITIES] = {.df = CARD_DF_ROOT,
				.fid = 0x2F82,
				.name = "IDENTITE",
				.tag = 0x65,
				.several = true},
			[VITALE_NUMBERS] = {.df = CARD_DF_APPLICATION,
				.sfi = 2,
				.name = "NIR     ",
				.tag = 0x65,
				.several = true},
			[VITALE_SERIAL] =
				{.df = CARD_DF_ROOT, .sfi = 4, .fid = 0x2F02, .tag = 0x5A},
			[VITALE_CVC] = {.df = CARD_DF_ROOT, .tag = 0x7F21},
			[VITALE_VALIDITY] = {.df = CARD_DF_APPLICATION,
				.name = "VALIDITE",
				.tag = 0x66},
			[VITALE_COVERAGE] = {.df = CARD_DF_APPLICATION,
				.sfi = 4,
				.tag = 0xA6,
				.several = true,
				.guarded = true},
			[VITALE_POINTERS] = {.df = CARD_DF_APPLICATION, .sfi = 1, .tag = 0xE0},
		},
};

static void check_file(enum vitale_file_id id, struct view file)
{
	struct reader r = reader_of(file);
	struct tlv t;

	assert(file.len <= ISO7816_FILE_MAX);
	if (!made_up.files[id].several) {
		assert(tlv_next(&r, &t) == 0 && r.left == 0 && t.tag == made_up.files[id].tag);
	}
}

static void places(struct view answers)
{
	struct transport *t = NULL;
	struct card c;

	assert(script_new_answers(answers, VIEW_NULL, TRANSPORT_T0, &t) == 0);
	assert(card_init(&c, t) == 0);
	c.driver = &made_up.driver;
	apdu_begin(&c.apdu, clock_monotonic() + 10 * USEC_PER_SEC);
	for (unsigned id = 0; id < VITALE_FILES; id++) {
		_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
		int r = vitale_read(&c, (enum vitale_file_id)id, &file);

		assert(r >= 0);
		if (r == CARD_DONE) {
			check_file((enum vitale_file_id)id, buf_view(&file));
		} else if (id == VITALE_CVC) {
			assert(r == CARD_ABSENT); /* it has no place at all */
		}
	}
	card_done(&c);
	transport_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(view_of(data, size));
	uint8_t what = reader_u8(&r);
	struct view rest = reader_rest(&r);
	struct tlv identities;

	if (what & 0x80) {
		places(rest);
		return 0;
	}
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
