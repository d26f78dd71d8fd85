/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The templates of a Vitale as objects of the link: pure, bytes in, bytes out. Names are converted,
 * dates are passed as stored (month 13 and day 32 are normal), a NIR is passed on only when its key
 * is right. Nothing is guessed: files that do not agree with each other are CARD_BROKEN, for a
 * number shown beside the wrong name would be worse than none.
 */
#include "base/hex.h"
#include "base/tlv.h"
#include "drivers/card/vitale/vitale.h"

#define TAG_PERSON    0x65U
#define TAG_SURNAME   0x80U
#define TAG_GIVEN     0x81U
#define TAG_BIRTH     0x82U
#define TAG_RANK      0x94U
#define TAG_NIR	      0x93U
#define TAG_COUNTRY   0x90U
#define TAG_PERIOD    0xA6U
#define TAG_INDEX     0x80U
#define TAG_FROM      0x81U
#define TAG_TO	      0x82U
#define TAG_ALD	      0x83U
#define TAG_SITUATION 0x84U

/* The next template @tag; other objects of the file are not ours. Return: 0, TLV_END,
 * TLV_BROKEN. */
static int next_template(struct reader *r, uint32_t tag, struct tlv *ret_t)
{
	int q;

	do {
		q = tlv_next_padded(r, ret_t);
	} while (q == 0 && ret_t->tag != tag);
	return q;
}

/* Text of @tag, converted, as @link_tag. Return: 0, TLV_ABSENT, TLV_BROKEN. */
static int put_text(struct view in, uint32_t tag, uint32_t link_tag, struct buf *body)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(CARD_BODY_MAX);
	struct tlv t;
	int q;

	q = tlv_find(in, tag, &t);
	if (q != 0) {
		return q;
	}
	latin1_to_utf8(&text, t.value);
	tlv_put(body, link_tag, buf_view(&text));
	return 0;
}

bool vitale_digits(struct view v, size_t n)
{
	struct reader r = reader_of(v);
	bool digits = v.len == n;

	while (r.left > 0) {
		uint8_t c = reader_u8(&r);

		digits = digits && c >= '0' && c <= '9';
	}
	return digits;
}

static int put_birth(struct view in, struct buf *body)
{
	struct tlv t;

	/* some cards do not know the century (GIE: dateEnCarte, YYYYMMDD or YYMMDD) */
	if (tlv_find(in, TAG_BIRTH, &t) != 0 ||
		(!vitale_digits(t.value, VITALE_DATE_DIGITS) &&
			!vitale_digits(t.value, VITALE_SHORT_DATE_DIGITS))) {
		return CARD_BROKEN;
	}
	tlv_put(body, LINK_TAG_BIRTH, t.value);
	return 0;
}

static int put_number(struct view numbers, struct buf *body)
{
	struct tlv t;
	int q;

	q = tlv_find(numbers, TAG_NIR, &t);
	if (q == 0 && nir_valid(t.value)) {
		tlv_put(body, LINK_TAG_NIR, t.value);
	}
	if (q != TLV_BROKEN) {
		q = put_text(numbers, TAG_COUNTRY, LINK_TAG_COUNTRY, body);
	}
	return q == TLV_BROKEN ? CARD_BROKEN : 0;
}

static int put_person(struct view identity, struct view numbers, struct buf *body)
{
	size_t mark = tlv_open(body, LINK_TAG_PERSON);
	uint8_t rank = 0;
	int q;

	if (put_text(identity, TAG_SURNAME, LINK_TAG_SURNAME, body) != 0 ||
		put_text(identity, TAG_GIVEN, LINK_TAG_GIVEN, body) != 0 ||
		put_birth(identity, body) != 0 || put_number(numbers, body) != 0) {
		return CARD_BROKEN;
	}
	q = tlv_find_u8(identity, TAG_RANK, &rank);
	if (q == TLV_BROKEN) {
		return CARD_BROKEN;
	}
	if (q == 0) {
		tlv_put_u8(body, LINK_TAG_RANK, rank);
	}
	tlv_close(body, mark);
	return 0;
}

int vitale_people(struct view identities, struct view numbers, struct buf *body)
{
	struct reader who = reader_of(identities);
	struct reader which = reader_of(numbers);

	for (size_t n = 0; n <= VITALE_PEOPLE_MAX; n++) {
		struct tlv person;
		struct tlv number = {.value = VIEW_NULL};
		int p = next_template(&who, TAG_PERSON, &person);
		int q = numbers.len == 0 ? p : next_template(&which, TAG_PERSON, &number);

		if (p == TLV_END && q == TLV_END && n > 0) {
			return 0;
		}
		if (p != 0 || q != 0 || put_person(person.value, number.value, body) != 0) {
			return CARD_BROKEN;
		}
	}
	return CARD_BROKEN;
}

static int put_period(struct view period, struct buf *body)
{
	static const struct {
		uint32_t tag;
		uint32_t link_tag;
	} texts[] = {
		{TAG_FROM, LINK_TAG_COVER_FROM},
		{TAG_TO, LINK_TAG_COVER_TO},
		{TAG_ALD, LINK_TAG_ALD},
		{TAG_SITUATION, LINK_TAG_SITUATION},
	};

	size_t mark = tlv_open(body, LINK_TAG_COVERAGE);
	uint8_t index;

	if (tlv_find_u8(period, TAG_INDEX, &index) != 0) {
		return CARD_BROKEN;
	}
	tlv_put_u8(body, LINK_TAG_INDEX, index);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (put_text(period, texts[i].tag, texts[i].link_tag, body) != 0) {
			return CARD_BROKEN;
		}
	}
	tlv_close(body, mark);
	return 0;
}

int vitale_periods(struct view file, struct buf *body)
{
	struct reader r = reader_of(file);

	for (size_t n = 0; n <= VITALE_PERIODS_MAX; n++) {
		struct tlv t;
		int q = next_template(&r, TAG_PERIOD, &t);

		if (q == TLV_END) {
			return 0;
		}
		if (q != 0 || put_period(t.value, body) != 0) {
			return CARD_BROKEN;
		}
	}
	return CARD_BROKEN;
}
