/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * DER by hand, because the key is on a card and OpenSSL's CMS wants it in memory. Only issuer and
 * serial number are taken from the certificate by OpenSSL. Pure; what comes out is checked by
 * `openssl cms -verify` in the tests and by record/receipt-verify.c.
 */
#include "daemon/consent/cms.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/tlv.h"
#include "record/crypto.h"

#define DER_INTEGER	0x02U
#define DER_OCTETS	0x04U
#define DER_NULL	0x05U
#define DER_OID		0x06U
#define DER_UTC_TIME	0x17U
#define DER_GENERALIZED 0x18U
#define DER_SEQUENCE	0x30U
#define DER_SET		0x31U
#define DER_CONTEXT_0	0xA0U

#define ATTRIBUTES     4U
#define ATTRIBUTES_MAX 1024U

static const uint8_t oid_data[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01};
static const uint8_t oid_signed_data[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02};
static const uint8_t oid_content_type[] = {
	0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x03};
static const uint8_t oid_message_digest[] = {
	0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x04};
static const uint8_t oid_signing_time[] = {
	0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x05};
static const uint8_t oid_signing_certificate_v2[] = {
	0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x02, 0x2F};
static const uint8_t oid_sha256[] = {0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01};
static const uint8_t oid_rsa[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01};

/* -- attributes ---------------------------------------------------------------------------------- */

/* Attribute ::= SEQUENCE { type, SET OF value }; @put writes the one value. */
static void put_attribute(struct buf *out, struct view oid, struct view value)
{
	size_t outer = tlv_open(out, DER_SEQUENCE);
	size_t inner;

	tlv_put(out, DER_OID, oid);
	inner = tlv_open(out, DER_SET);
	buf_put_view(out, value);
	tlv_close(out, inner);
	tlv_close(out, outer);
}

/* "2026-11-21T22:20:57.…" as UTCTime up to 2049, then GeneralizedTime (RFC 5652 §11.3). */
static void put_time(struct buf *out, uint64_t time)
{
	_cleanup_(buf_done) struct buf digits = BUF_NULL(32);
	char text[28];
	bool late;

	clock_rfc3339(time, text);
	for (size_t i = 0; i < 19; i++) {
		if (text[i] >= '0' && text[i] <= '9') {
			buf_put_u8(&digits, (uint8_t)text[i]);
		}
	}
	buf_put_u8(&digits, 'Z');
	late = strncmp(text, "2050", 4) >= 0;
	tlv_put(out, late ? DER_GENERALIZED : DER_UTC_TIME,
		late ? buf_view(&digits) : view_last(buf_view(&digits), 13));
}

/* SigningCertificateV2 { { ESSCertIDv2 { certHash } } }, SHA-256 being the default */
static void put_certificate_id(struct buf *out, struct view hash)
{
	size_t a = tlv_open(out, DER_SEQUENCE);
	size_t b = tlv_open(out, DER_SEQUENCE);
	size_t c = tlv_open(out, DER_SEQUENCE);

	tlv_put(out, DER_OCTETS, hash);
	tlv_close(out, c);
	tlv_close(out, b);
	tlv_close(out, a);
}

struct attributes {
	struct buf of[ATTRIBUTES];
};

static void attributes_done(struct attributes *a)
{
	for (size_t i = 0; i < ATTRIBUTES; i++) {
		buf_done(&a->of[i]);
	}
}

static int compare(const void *pa, const void *pb)
{
	const struct buf *a = pa;
	const struct buf *b = pb;
	size_t n = a->len < b->len ? a->len : b->len;
	int order = n > 0 ? memcmp(a->data, b->data, n) : 0;

	return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

/* One attribute; @value is emptied. */
static void add(struct buf *to, struct view oid, struct buf *value)
{
	if (value->failed) {
		to->failed = value->failed;
	}
	put_attribute(to, oid, buf_view(value));
	buf_reset(value);
}

static int fill(
	struct attributes *a, struct view certificate, struct view content, uint64_t time)
{
	_cleanup_(buf_done) struct buf value = BUF_NULL(ATTRIBUTES_MAX);
	uint8_t hash[CRYPTO_SHA256];
	int r;

	for (size_t i = 0; i < ATTRIBUTES; i++) {
		a->of[i] = BUF_NULL(ATTRIBUTES_MAX);
	}
	tlv_put(&value, DER_OID, VIEW(oid_data));
	add(&a->of[0], VIEW(oid_content_type), &value);
	put_time(&value, time);
	add(&a->of[1], VIEW(oid_signing_time), &value);
	r = crypto_sha256(&content, 1, hash);
	if (r == 0) {
		tlv_put(&value, DER_OCTETS, VIEW(hash));
		add(&a->of[2], VIEW(oid_message_digest), &value);
		r = crypto_sha256(&certificate, 1, hash);
	}
	if (r == 0) {
		put_certificate_id(&value, VIEW(hash));
		add(&a->of[3], VIEW(oid_signing_certificate_v2), &value);
	}
	for (size_t i = 0; r == 0 && i < ATTRIBUTES; i++) {
		r = buf_check(&a->of[i]);
	}
	return trace(r);
}

int cms_attributes(struct view certificate, struct view content, uint64_t time, struct buf *out)
{
	_cleanup_(attributes_done) struct attributes a = {0};
	size_t mark;
	int r;

	r = fill(&a, certificate, content, time);
	if (r < 0) {
		return trace(r);
	}
	qsort(a.of, ATTRIBUTES, sizeof(a.of[0]), compare); /* DER: a SET OF is sorted */
	mark = tlv_open(out, DER_SET);
	for (size_t i = 0; i < ATTRIBUTES; i++) {
		buf_put_view(out, buf_view(&a.of[i]));
	}
	tlv_close(out, mark);
	return trace(buf_check(out));
}

/* -- the whole ----------------------------------------------------------------------------------- */

static void put_algorithm(struct buf *out, struct view oid)
{
	size_t mark = tlv_open(out, DER_SEQUENCE);

	tlv_put(out, DER_OID, oid);
	tlv_put(out, DER_NULL, VIEW_NULL);
	tlv_close(out, mark);
}

static void put_version_1(struct buf *out)
{
	tlv_put_u8(out, DER_INTEGER, 1);
}

/* IssuerAndSerialNumber of @der. */
static int put_signer(struct buf *out, struct view der)
{
	_cleanup_(crypto_x509_put) X509 *certificate = NULL;
	const unsigned char *at = der.data;
	unsigned char *issuer = NULL;
	unsigned char *serial = NULL;
	size_t mark;
	int a;
	int b;

	certificate = d2i_X509(NULL, &at, (long)der.len);
	if (!certificate) {
		return trace(crypto_refused(1)) < 0 ? fault(-ENOMEM) : fault(-EBADMSG);
	}
	a = i2d_X509_NAME(X509_get_issuer_name(certificate), &issuer);
	b = i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate), &serial);
	mark = tlv_open(out, DER_SEQUENCE);
	if (a > 0 && b > 0) {
		buf_put(out, issuer, (size_t)a);
		buf_put(out, serial, (size_t)b);
	}
	tlv_close(out, mark);
	OPENSSL_free(issuer);
	OPENSSL_free(serial);
	return a > 0 && b > 0 ? 0 : crypto_fault();
}

static int put_signer_info(
	struct buf *out, struct view certificate, struct view attributes, struct view signature)
{
	size_t mark = tlv_open(out, DER_SEQUENCE);
	struct tlv set;
	int r;

	put_version_1(out);
	r = put_signer(out, certificate);
	if (r < 0) {
		return trace(r);
	}
	put_algorithm(out, VIEW(oid_sha256));
	if (tlv_find(attributes, DER_SET, &set) != 0) {
		return fault(-EINVAL);
	}
	tlv_put(out, DER_CONTEXT_0, set.value);
	put_algorithm(out, VIEW(oid_rsa));
	tlv_put(out, DER_OCTETS, signature);
	tlv_close(out, mark);
	return 0;
}

static int put_signed_data(
	struct buf *out, struct view certificate, struct view attributes, struct view signature)
{
	size_t data = tlv_open(out, DER_SEQUENCE);
	size_t mark;
	int r;

	put_version_1(out);
	mark = tlv_open(out, DER_SET);
	put_algorithm(out, VIEW(oid_sha256));
	tlv_close(out, mark);
	mark = tlv_open(out, DER_SEQUENCE); /* detached: the type without the content */
	tlv_put(out, DER_OID, VIEW(oid_data));
	tlv_close(out, mark);
	tlv_put(out, DER_CONTEXT_0, certificate);
	mark = tlv_open(out, DER_SET);
	r = put_signer_info(out, certificate, attributes, signature);
	tlv_close(out, mark);
	tlv_close(out, data);
	return trace(r);
}

int cms_assemble(
	struct view certificate, struct view attributes, struct view signature, struct buf *out)
{
	size_t outer = tlv_open(out, DER_SEQUENCE);
	size_t inner;
	int r;

	tlv_put(out, DER_OID, VIEW(oid_signed_data));
	inner = tlv_open(out, DER_CONTEXT_0);
	r = put_signed_data(out, certificate, attributes, signature);
	tlv_close(out, inner);
	tlv_close(out, outer);
	return r < 0 ? trace(r) : trace(buf_check(out));
}
