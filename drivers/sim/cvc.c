/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Card-verifiable certificates: made with the TLV builder, read with the TLV iterator, nothing kept.
 * A parsed certificate borrows from the bytes it was parsed from.
 */
#include "drivers/sim/cvc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/hex.h"
#include "base/tlv.h"

/* 0.4.0.127.0.7.2.2.2.2.3: id-TA-ECDSA-SHA-256, TR-03110-3 A.6.4 */
static const uint8_t oid_ecdsa_sha256[] = {
	0x04, 0x00, 0x7F, 0x00, 0x07, 0x02, 0x02, 0x02, 0x02, 0x03};
/* 2.999.86.1: invented, in the arc that the standards keep for examples */
static const uint8_t oid_role[] = {0x88, 0x37, 0x56, 0x01};

/* Domain parameters of P-256, SEC 2 §2.4.2; only a root carries them. */
static const struct {
	uint32_t tag;
	const char *hex;
} domain[] = {
	{0x81, "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"},
	{0x82, "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc"},
	{0x83, "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b"},
	{0x84, "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
	       "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"},
	{0x85, "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"},
};

static int find_sized(struct view in, uint32_t tag, size_t len, struct view *ret)
{
	struct tlv t;

	if (tlv_find(in, tag, &t) || t.value.len != len)
		return CVC_MALFORMED;
	*ret = t.value;
	return 0;
}

/* 7F49: the one algorithm and one point */
static int parse_key(struct view body, struct view *ret_point)
{
	struct tlv key;
	struct view oid;

	if (tlv_find(body, 0x7F49, &key) ||
		find_sized(key.value, 0x06, sizeof(oid_ecdsa_sha256), &oid) ||
		!view_equal(oid, VIEW(oid_ecdsa_sha256)))
		return CVC_MALFORMED;
	return find_sized(key.value, 0x86, CRYPTO_POINT, ret_point);
}

/* 7F4C: the role, in our arc */
static int parse_role(struct view body, uint8_t *ret_role)
{
	struct tlv holder;
	struct view oid;

	if (tlv_find(body, 0x7F4C, &holder) ||
		find_sized(holder.value, 0x06, sizeof(oid_role), &oid) ||
		!view_equal(oid, VIEW(oid_role)))
		return CVC_MALFORMED;
	return tlv_find_u8(holder.value, 0x53, ret_role) ? CVC_MALFORMED : 0;
}

int cvc_parse(struct view content, struct cvc *ret_cvc)
{
	struct view version;
	struct cvc c = {0};
	struct tlv body;

	if (tlv_find(content, 0x7F4E, &body) ||
		find_sized(content, 0x5F37, CRYPTO_SIGNATURE, &c.signature))
		return CVC_MALFORMED;
	if (find_sized(body.value, 0x5F29, 1, &version) ||
		find_sized(body.value, 0x42, CVC_NAME, &c.car) ||
		find_sized(body.value, 0x5F20, CVC_NAME, &c.chr) ||
		find_sized(body.value, 0x5F25, 6, &c.from) ||
		find_sized(body.value, 0x5F24, 6, &c.until) ||
		parse_key(body.value, &c.point) || parse_role(body.value, &c.role))
		return CVC_MALFORMED;
	c.body = body.whole;
	*ret_cvc = c;
	return 0;
}

int cvc_parse_whole(struct view certificate, struct cvc *ret_cvc)
{
	struct tlv t;

	if (tlv_find(certificate, 0x7F21, &t))
		return CVC_MALFORMED;
	return cvc_parse(t.value, ret_cvc);
}

static int put_key(const struct cvc_request *q, struct buf *out)
{
	_cleanup_(buf_done) struct buf value = BUF_NULL(CRYPTO_POINT);
	bool root = strcmp(q->car, q->chr) == 0;
	size_t mark = tlv_open(out, 0x7F49);
	uint8_t point[CRYPTO_POINT];
	int r;

	r = crypto_ec_point(q->key, point);
	if (r)
		return trace(r);
	tlv_put(out, 0x06, VIEW(oid_ecdsa_sha256));
	for (size_t i = 0; root && i < ARRAY_LEN(domain); i++) {
		buf_reset(&value);
		if (hex_decode(&value, view_str(domain[i].hex)))
			return fault(-EINVAL);
		tlv_put(out, domain[i].tag, buf_view(&value));
	}
	tlv_put(out, 0x86, VIEW(point));
	if (root)
		tlv_put_u8(out, 0x87, 1);
	tlv_close(out, mark);
	return trace(buf_check(out));
}

/* TR-03110-3 C.1.5: six bytes, one digit each */
static void put_digits(struct buf *out, uint32_t tag, const char *digits)
{
	size_t mark = tlv_open(out, tag);

	for (const char *d = digits; *d; d++)
		buf_put_u8(out, (uint8_t)(*d - '0'));
	tlv_close(out, mark);
}

static int put_body(const struct cvc_request *q, struct buf *out)
{
	size_t body = tlv_open(out, 0x7F4E), mark;
	int r;

	tlv_put_u8(out, 0x5F29, 0);
	tlv_put_str(out, 0x42, q->car);
	r = put_key(q, out);
	if (r)
		return trace(r);
	tlv_put_str(out, 0x5F20, q->chr);
	mark = tlv_open(out, 0x7F4C);
	tlv_put(out, 0x06, VIEW(oid_role));
	tlv_put_u8(out, 0x53, q->role);
	tlv_close(out, mark);
	put_digits(out, 0x5F25, q->from);
	put_digits(out, 0x5F24, q->until);
	tlv_close(out, body);
	return trace(buf_check(out));
}

int cvc_build(const struct cvc_request *q, struct buf *out)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(CVC_MAX);
	uint8_t signature[CRYPTO_SIGNATURE];
	size_t whole;
	int r;

	r = put_body(q, &body);
	if (r)
		return trace(r);
	r = crypto_ec_sign(q->signer, buf_view(&body), signature);
	if (r)
		return trace(r);
	whole = tlv_open(out, 0x7F21);
	buf_put_view(out, buf_view(&body));
	tlv_put(out, 0x5F37, VIEW(signature));
	tlv_close(out, whole);
	return trace(buf_check(out));
}

void cvc_name(char kind, const char *serial, char ret_name[CVC_NAME + 1])
{
	struct view last = view_last(view_str(serial), 8);
	char digits[9] = "00000000";

	bytes_copy(digits + 8 - last.len, 8, last.data, last.len);
	snprintf(ret_name, CVC_NAME + 1, "FR%c%s00001", kind, digits);
}

void cvc_date(int64_t seconds, char ret_digits[7])
{
	time_t t = (time_t)seconds;
	struct tm tm = {0};

	gmtime_r(&t, &tm);
	snprintf(ret_digits, 7, "%02u%02u%02u", (unsigned)tm.tm_year % 100U,
		(unsigned)(tm.tm_mon + 1) % 100U, (unsigned)tm.tm_mday % 100U);
}
