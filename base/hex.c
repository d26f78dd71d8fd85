/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Text forms of bytes. Decoders append to @out only what is wholly valid: on HEX_INVALID @out is
 * as it was. A full @out is not an outcome here; its sticky failure says so (buf_check).
 */
#include "base/hex.h"

#define BAD 0xFFU

/* -- hexadecimal ----------------------------------------------------------------------------- */

void hex_encode(struct buf *out, struct view v)
{
	static const char digits[] = "0123456789abcdef";
	struct reader r = reader_of(v);

	while (r.left > 0) {
		uint8_t byte = reader_u8(&r);

		buf_put_u8(out, (uint8_t)digits[byte >> 4]);
		buf_put_u8(out, (uint8_t)digits[byte & 0x0F]);
	}
}

static uint8_t hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9') {
		return (uint8_t)(c - '0');
	}
	if (c >= 'a' && c <= 'f') {
		return (uint8_t)(c - 'a' + 10);
	}
	if (c >= 'A' && c <= 'F') {
		return (uint8_t)(c - 'A' + 10);
	}
	return BAD;
}

int hex_decode(struct buf *out, struct view text)
{
	struct reader r = reader_of(text);
	size_t start = out->len;

	while (r.left > 0) {
		uint8_t high = hex_digit(reader_u8(&r));
		uint8_t low = hex_digit(reader_u8(&r));

		if (r.failed || high == BAD || low == BAD) {
			buf_truncate(out, start);
			return HEX_INVALID;
		}
		buf_put_u8(out, (uint8_t)(high << 4 | low));
	}
	return 0;
}

/* -- base64, RFC 4648 §4 --------------------------------------------------------------------- */

void base64_encode(struct buf *out, struct view v)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct reader r = reader_of(v);

	while (r.left > 0) {
		size_t n = r.left < 3 ? r.left : 3;
		uint32_t group = 0;
		uint8_t four[4];

		for (size_t i = 0; i < 3; i++) {
			group = group << 8 | (i < n ? reader_u8(&r) : 0U);
		}
		for (unsigned i = 0; i < sizeof(four); i++) {
			uint8_t letter = (uint8_t)letters[group >> (18 - 6 * i) & 0x3F];

			four[i] = i <= n ? letter : '=';
		}
		buf_put(out, four, sizeof(four));
	}
}

static uint8_t base64_digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z') {
		return (uint8_t)(c - 'A');
	}
	if (c >= 'a' && c <= 'z') {
		return (uint8_t)(c - 'a' + 26);
	}
	if (c >= '0' && c <= '9') {
		return (uint8_t)(c - '0' + 52);
	}
	if (c == '+') {
		return 62;
	}
	return c == '/' ? 63 : BAD;
}

/* Four letters; only the last group of the text may be padded, and its unused bits are zero. */
static bool base64_group(struct buf *out, struct reader *r)
{
	uint32_t group = 0;
	unsigned pads = 0;

	for (unsigned i = 0; i < 4; i++) {
		uint8_t c = reader_u8(r);
		uint8_t digit = base64_digit(c);

		if (c == '=' && i >= 2) {
			pads++;
			digit = 0;
		} else if (digit == BAD || pads > 0) {
			return false;
		}
		group = group << 6 | digit;
	}
	if (pads > 0 && (r->left > 0 || (group & ((1U << (8 * pads)) - 1)) != 0)) {
		return false;
	}
	for (unsigned i = 0; i < 3 - pads; i++) {
		buf_put_u8(out, (uint8_t)(group >> (16 - 8 * i) & 0xFF));
	}
	return true;
}

int base64_decode(struct buf *out, struct view text)
{
	struct reader r = reader_of(text);
	size_t start = out->len;

	while (r.left > 0) {
		if (!base64_group(out, &r)) {
			buf_truncate(out, start);
			return HEX_INVALID;
		}
	}
	return 0;
}

/* -- texts of cards -------------------------------------------------------------------------- */

int bcd_decode(struct buf *out, struct view bcd)
{
	struct reader r = reader_of(bcd);
	size_t start = out->len;
	bool padded = false;

	while (r.left > 0) {
		uint8_t byte = reader_u8(&r);
		const uint8_t halves[] = {(uint8_t)(byte >> 4), (uint8_t)(byte & 0x0F)};

		for (size_t i = 0; i < sizeof(halves); i++) {
			if (halves[i] == 0x0F) {
				padded = true;
			} else if (halves[i] > 9 || padded) {
				buf_truncate(out, start);
				return HEX_INVALID;
			} else {
				buf_put_u8(out, (uint8_t)('0' + halves[i]));
			}
		}
	}
	return 0;
}

void latin1_to_utf8(struct buf *out, struct view latin1)
{
	struct reader r;

	while (latin1.len > 0) {
		struct view last = view_last(latin1, 1);

		if (*last.data != 0x00 && *last.data != 0x20) {
			break;
		}
		latin1 = view_sub(latin1, 0, latin1.len - 1);
	}
	r = reader_of(latin1);
	while (r.left > 0) {
		uint8_t c = reader_u8(&r);

		if (c < 0x20 || (c >= 0x7F && c < 0xA0)) {
			buf_put_str(out, "\xEF\xBF\xBD");
		} else if (c < 0x80) {
			buf_put_u8(out, c);
		} else {
			buf_put_u8(out, (uint8_t)(0xC0 | c >> 6));
			buf_put_u8(out, (uint8_t)(0x80 | (c & 0x3F)));
		}
	}
}
