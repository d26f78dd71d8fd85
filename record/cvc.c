/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Card-verifiable certificates of the stand-in (doc/stand-in.md). One profile and no other: every
 * object in its place, once, of its size; a root carries the domain parameters of P-256 or none.
 * Nothing is kept but what the struct holds; views point into the caller's certificate.
 */
#include "record/cvc.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

#include "base/clock.h"
#include "base/tlv.h"
#include "record/crypto.h"

#define NAME 16U /* CAR and CHR, bytes */
#define DATE 6U

/* 0.4.0.127.0.7.2.2.2.2.3: ecdsa-with-SHA256 of TR-03110-3 */
static const uint8_t oid_ecdsa[] = {0x04, 0x00, 0x7f, 0x00, 0x07, 0x02, 0x02, 0x02, 0x02, 0x03};
/* 2.999.86.1: the role of the stand-in */
static const uint8_t oid_role[] = {0x88, 0x37, 0x56, 0x01};

/* P-256 (SEC 2 §2.4.2), as tags 81, 82, 83, 84, 85 and 87 carry it */
static const uint8_t p256_p[] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t p256_a[] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc};
static const uint8_t p256_b[] = {0x5a, 0xc6, 0x35, 0xd8, 0xaa, 0x3a, 0x93, 0xe7, 0xb3, 0xeb,
	0xbd, 0x55, 0x76, 0x98, 0x86, 0xbc, 0x65, 0x1d, 0x06, 0xb0, 0xcc, 0x53, 0xb0, 0xf6,
	0x3b, 0xce, 0x3c, 0x3e, 0x27, 0xd2, 0x60, 0x4b};
static const uint8_t p256_g[] = {0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8,
	0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33,
	0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe,
	0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33,
	0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};
static const uint8_t p256_n[] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
	0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
static const uint8_t p256_h[] = {0x01};

/* -- parsing ------------------------------------------------------------------------------------ */

/* The next object, which must be @tag; @len: its size, 0 for any. */
static bool take(struct reader *r, uint32_t tag, size_t len, struct view *ret)
{
	struct tlv t;

	if (tlv_next(r, &t) != 0 || t.tag != tag || (len && t.value.len != len))
		return false;
	*ret = t.value;
	return true;
}

static bool take_equal(struct reader *r, uint32_t tag, struct view expected)
{
	struct view v;

	return take(r, tag, expected.len, &v) && view_equal(v, expected);
}

/* 16 letters and digits. */
static bool take_name(struct reader *r, uint32_t tag, char ret[NAME + 1])
{
	struct view v;
	struct reader in;

	if (!take(r, tag, NAME, &v))
		return false;
	in = reader_of(v);
	while (in.left > 0) {
		uint8_t c = reader_u8(&in), lower = c | 0x20;

		if ((c < '0' || c > '9') && (lower < 'a' || lower > 'z'))
			return false;
	}
	bytes_copy(ret, NAME, v.data, v.len);
	ret[NAME] = '\0';
	return true;
}

/* Two digits, one a byte, as text and number; false when they are none or beyond [low, high]. */
static bool take_number(struct reader *r, unsigned int low, unsigned int high, char ret[2],
	unsigned int *ret_number)
{
	unsigned int tens = reader_u8(r), ones = reader_u8(r), n = tens * 10 + ones;

	if (tens > 9 || ones > 9 || n < low || n > high)
		return false;
	ret[0] = (char)('0' + tens);
	ret[1] = (char)('0' + ones);
	*ret_number = n;
	return true;
}

/* YYMMDD of the years 2000 to 2099 (TR-03110-3 §D.2.1.3), a day that exists. */
static bool take_date(struct reader *r, uint32_t tag, char ret[DATE + 1])
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	unsigned int year, month, day, leap;
	struct reader in;
	struct view v;

	if (!take(r, tag, DATE, &v))
		return false;
	in = reader_of(v);
	if (!take_number(&in, 0, 99, ret, &year) || !take_number(&in, 1, 12, ret + 2, &month))
		return false;
	leap = month == 2 && year % 4 == 0;
	if (!take_number(&in, 1, days[month - 1] + leap, ret + 4, &day))
		return false;
	ret[DATE] = '\0';
	return true;
}

/* The value of 7F49: OID, then the point, or the point amid the domain parameters of P-256. */
static bool read_key(struct view key, struct cvc *c, bool *ret_parameters)
{
	struct reader r = reader_of(key);
	struct view point;
	bool parameters;

	if (!take_equal(&r, 0x06, VIEW(oid_ecdsa)))
		return false;
	parameters = r.left > 2 + CVC_POINT;
	if (parameters &&
		(!take_equal(&r, 0x81, VIEW(p256_p)) || !take_equal(&r, 0x82, VIEW(p256_a)) ||
			!take_equal(&r, 0x83, VIEW(p256_b)) ||
			!take_equal(&r, 0x84, VIEW(p256_g)) ||
			!take_equal(&r, 0x85, VIEW(p256_n))))
		return false;
	if (!take(&r, 0x86, CVC_POINT, &point) ||
		(parameters && !take_equal(&r, 0x87, VIEW(p256_h))) || r.left > 0)
		return false;
	bytes_copy(c->point, sizeof(c->point), point.data, point.len);
	*ret_parameters = parameters;
	return true;
}

/* The value of 7F4C: OID and one role byte. */
static bool read_role(struct view chat, struct cvc *c)
{
	struct reader r = reader_of(chat);
	struct view role;

	if (!take_equal(&r, 0x06, VIEW(oid_role)) || !take(&r, 0x53, 1, &role) || r.left > 0)
		return false;
	c->role = *role.data;
	return true;
}

/* The value of 7F4E. */
static bool read_body(struct view body, struct cvc *c)
{
	static const uint8_t profile[] = {0x00};
	struct reader r = reader_of(body);
	struct view key, chat;
	bool parameters, own;

	if (!take_equal(&r, 0x5f29, VIEW(profile)) || !take_name(&r, 0x42, c->car) ||
		!take(&r, 0x7f49, 0, &key) || !read_key(key, c, &parameters))
		return false;
	if (!take_name(&r, 0x5f20, c->chr) || !take(&r, 0x7f4c, 0, &chat) ||
		!read_role(chat, c) || !take_date(&r, 0x5f25, c->from) ||
		!take_date(&r, 0x5f24, c->until) || r.left > 0)
		return false;
	own = view_equal(view_str(c->car), view_str(c->chr));
	return own == (c->role == CVC_ROLE_ROOT) && (own || !parameters);
}

/* All but the point's place on the curve. */
static bool read_certificate(struct view certificate, struct cvc *c)
{
	struct reader r = reader_of(certificate);
	struct view content;
	struct tlv body;

	if (certificate.len > CVC_MAX || !take(&r, 0x7f21, 0, &content) || r.left > 0)
		return false;
	r = reader_of(content);
	if (tlv_next(&r, &body) != 0 || body.tag != 0x7f4e || !read_body(body.value, c))
		return false;
	c->body = body.whole;
	return take(&r, 0x5f37, CVC_SIGNATURE, &c->signature) && r.left == 0;
}

bool cvc_valid_at(const char from[7], const char until[7], uint64_t wall)
{
	char today[28];

	/* "2026-11-21T..." -> "261121" */
	clock_rfc3339(wall, today);
	if (strncmp(today, "20", 2) != 0)
		return false;
	bytes_copy(today, sizeof(today),
		(const char[]){
			today[2], today[3], today[5], today[6], today[8], today[9], '\0'},
		DATE + 1);
	return strcmp(today, from) >= 0 && strcmp(today, until) <= 0;
}

/* -- cryptography ------------------------------------------------------------------------------- */

/* Return: 0, a fault or CVC_MALFORMED when the point is not 04 ‖ X ‖ Y on P-256. */
static int point_key(const uint8_t point[CVC_POINT], EVP_PKEY **ret)
{
	_cleanup_(crypto_pkey_ctx_put) EVP_PKEY_CTX *ctx =
		EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	_cleanup_(crypto_pkey_put) EVP_PKEY *key = NULL;
	char group[] = "P-256";
	uint8_t copy[CVC_POINT];
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, sizeof(copy)),
		OSSL_PARAM_construct_end()};

	bytes_copy(copy, sizeof(copy), point, CVC_POINT);
	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1)
		return crypto_fault();
	if (copy[0] != 0x04 || EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return trace(crypto_refused(CVC_MALFORMED));
	*ret = key;
	key = NULL;
	return 0;
}

int cvc_parse(struct view certificate, struct cvc *ret)
{
	_cleanup_(crypto_pkey_put) EVP_PKEY *key = NULL;
	struct cvc c = {0};
	int r;

	if (!read_certificate(certificate, &c))
		return CVC_MALFORMED;
	r = point_key(c.point, &key);
	if (r == 0)
		*ret = c;
	return trace(r);
}

int cvc_signature_der(struct view signature, struct buf *out)
{
	_cleanup_(buf_done) struct buf two = BUF_NULL(CVC_SIGNATURE + 16);
	struct reader r = reader_of(signature);

	if (signature.len != CVC_SIGNATURE)
		return fault(-EINVAL);
	for (int i = 0; i < 2; i++) {
		struct view n = reader_take(&r, CVC_SIGNATURE / 2);
		struct reader in = reader_of(n);
		size_t mark = tlv_open(&two, 0x02);

		/* DER INTEGER: no leading zeros but one before a set top bit, and one for zero */
		while (n.len > 1 && *n.data == 0) {
			(void)reader_u8(&in);
			n = view_last(n, in.left);
		}
		if (*n.data & 0x80)
			buf_put_u8(&two, 0);
		buf_put_view(&two, n);
		tlv_close(&two, mark);
	}
	if (two.failed)
		return trace(buf_check(&two));
	tlv_put(out, 0x30, buf_view(&two));
	return trace(buf_check(out));
}

int cvc_check_signature(const uint8_t point[CVC_POINT], struct view data, struct view signature)
{
	_cleanup_(crypto_md_ctx_put) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	_cleanup_(buf_done) struct buf der = BUF_NULL(CVC_SIGNATURE + 16);
	_cleanup_(crypto_pkey_put) EVP_PKEY *key = NULL;
	int r;

	if (signature.len != CVC_SIGNATURE)
		return CVC_FALSE;
	r = point_key(point, &key);
	if (r > 0)
		return CVC_FALSE;
	if (r == 0)
		r = cvc_signature_der(signature, &der);
	if (r < 0)
		return trace(r);
	if (!ctx || EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) != 1)
		return crypto_fault();
	if (EVP_DigestVerify(ctx, der.data, der.len, data.data, data.len) != 1)
		return trace(crypto_refused(CVC_FALSE));
	return 0;
}

int cvc_verify(const struct cvc *c, const uint8_t signer[CVC_POINT])
{
	return trace(cvc_check_signature(signer, c->body, c->signature));
}

int cvc_point_pem(const uint8_t point[CVC_POINT], struct buf *out)
{
	_cleanup_(crypto_pkey_put) EVP_PKEY *key = NULL;
	int r = point_key(point, &key);

	if (r != 0)
		return trace(r);
	return trace(crypto_public_pem(key, out));
}
