/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The site's rules, read word by word. Guarantees: a text with one broken rule is broken as a whole, so that
 * nobody's reader is taken because of a mistyped line; what counts does not depend on the order of
 * rules that differ in exactness.
 */
#include "drivers/usb/claims.h"

#define DIGITS 4U

/* how exact a rule is */
enum exactness {
	EXACT_NONE = 0,
	EXACT_ANY,
	EXACT_ID,
	EXACT_SERIAL,
};

struct rule {
	enum exactness exactness;
	uint16_t vendor, product;
	struct view serial;
	enum claims_mode mode;
};

static bool blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* The next word of @text, which is shortened. Return: false when there is none. */
static bool next_word(struct view *text, struct view *ret)
{
	struct reader r = reader_of(*text);
	size_t from = 0;
	size_t n = 0;

	while (r.left > 0) {
		bool apart = blank(reader_u8(&r));

		if (apart && n > 0) {
			break;
		}
		from += apart;
		n += !apart;
	}
	*ret = view_sub(*text, from, n);
	*text = view_sub(*text, from + n, text->len);
	return n > 0;
}

static bool take_hex(struct reader *r, uint16_t *ret)
{
	unsigned v = 0;

	for (unsigned i = 0; i < DIGITS; i++) {
		uint8_t c = reader_u8(r);
		uint8_t low = c | 0x20U;

		if (c >= '0' && c <= '9') {
			v = v << 4U | (c - (unsigned)'0');
		} else if (low >= 'a' && low <= 'f') {
			v = v << 4U | (low - (unsigned)'a' + 10U);
		} else {
			return false;
		}
	}
	*ret = (uint16_t)v;
	return true;
}

/* "2947:0101" or "2947:0101:SERIAL" */
static bool take_device(struct view text, struct rule *rule)
{
	struct reader r = reader_of(text);

	if (!take_hex(&r, &rule->vendor) || reader_u8(&r) != ':' ||
		!take_hex(&r, &rule->product)) {
		return false;
	}
	rule->exactness = EXACT_ID;
	if (r.left == 0) {
		return true;
	}
	rule->exactness = EXACT_SERIAL;
	if (reader_u8(&r) != ':') {
		return false;
	}
	rule->serial = reader_rest(&r);
	return rule->serial.len > 0;
}

static bool take_mode(struct view word, enum claims_mode *ret)
{
	static const enum claims_mode modes[] = {CLAIMS_PCSC, CLAIMS_AUTO, CLAIMS_USB};

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		if (view_equal(word, view_str(claims_word(modes[i])))) {
			*ret = modes[i];
			return true;
		}
	}
	return false;
}

static bool take_rule(struct view word, struct rule *ret)
{
	struct reader r = reader_of(word);
	size_t device = word.len; /* characters before the last "=" */

	for (size_t i = 0; r.left > 0; i++) {
		if (reader_u8(&r) == '=') {
			device = i;
		}
	}
	*ret = (struct rule){.exactness = EXACT_ANY};
	if (!take_mode(view_sub(word, device + 1, word.len), &ret->mode)) {
		return false;
	}
	word = view_sub(word, 0, device);
	return view_equal(word, VIEW_TEXT("*")) || take_device(word, ret);
}

static bool same_serial(struct view rule, struct view serial)
{
	struct reader a = reader_of(rule);
	struct reader b = reader_of(serial);

	while (a.left > 0 && b.left > 0) {
		uint8_t c = reader_u8(&b);

		if (reader_u8(&a) != (c == ' ' ? '_' : c)) {
			return false;
		}
	}
	return a.left == b.left;
}

static bool fits(const struct rule *rule, uint16_t vendor, uint16_t product, struct view serial)
{
	if (rule->exactness == EXACT_ANY) {
		return true;
	}
	return rule->vendor == vendor && rule->product == product &&
	       (rule->exactness == EXACT_ID || same_serial(rule->serial, serial));
}

int claims_mode(struct view rules, uint16_t vendor, uint16_t product, const char *serial,
	bool known, enum claims_mode *ret)
{
	enum claims_mode mode = known ? CLAIMS_AUTO : CLAIMS_PCSC;
	enum exactness best = EXACT_NONE;
	struct view word;

	while (next_word(&rules, &word)) {
		struct rule rule;

		if (!take_rule(word, &rule)) {
			return CLAIMS_BROKEN;
		}
		if (rule.exactness >= best && fits(&rule, vendor, product, view_str(serial))) {
			best = rule.exactness;
			mode = rule.mode;
		}
	}
	*ret = mode;
	return 0;
}

const char *claims_word(enum claims_mode mode)
{
	switch (mode) {
	case CLAIMS_AUTO:
		return "auto";
	case CLAIMS_USB:
		return "usb";
	case CLAIMS_PCSC:
		break;
	}
	return "pcsc";
}
