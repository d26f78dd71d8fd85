/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The X.509 side of the test authority, on OpenSSL. Everything made here is made for one call and
 * freed; only DER leaves.
 */
#include "drivers/sim/certificate.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "base/tlv.h"

#define CARD_NUMBER 32U /* bytes of a card number's text */

static int failed(void)
{
	ERR_clear_error();
	return fault(-EIO);
}

static void x509_put(X509 **x)
{
	X509_free(*x);
}

static int put_der(X509 *x, struct buf *out)
{
	uint8_t *der = NULL;
	int len = i2d_X509(x, &der);

	if (len <= 0)
		return failed();
	buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
	return trace(buf_check(out));
}

/* One attribute; @join: in the same relative distinguished name as the one before. */
static int name_add(X509_NAME *name, const char *field, const char *text, bool join)
{
	if (X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)text,
		    -1, -1, join ? -1 : 0) != 1)
		return failed();
	return 0;
}

static int set_common(X509 *x, EVP_PKEY *key, const struct certificate_times *t)
{
	uint8_t serial[16];
	BIGNUM *n;
	int ok;

	if (rng_fill(serial, sizeof(serial)))
		return fault(-EIO);
	serial[0] = (serial[0] & 0x3F) | 0x40; /* positive, full length */
	n = BN_bin2bn(serial, sizeof(serial), NULL);
	ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	if (!ok || X509_set_version(x, X509_VERSION_3) != 1 || X509_set_pubkey(x, key) != 1 ||
		!ASN1_TIME_set(X509_getm_notBefore(x), (time_t)t->from) ||
		!ASN1_TIME_set(X509_getm_notAfter(x), (time_t)t->until))
		return failed();
	return 0;
}

static int add_standard(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;
	int ok;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = extension && X509_add_ext(x, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok ? 0 : failed();
}

/* A private extension: @value is its DER. */
static int add_private(X509 *x, const char *oid, struct view value)
{
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	X509_EXTENSION *extension = NULL;
	int ok;

	ok = octets && object && ASN1_OCTET_STRING_set(octets, value.data, (int)value.len) == 1;
	if (ok)
		extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, octets);
	ok = extension && X509_add_ext(x, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	ASN1_OBJECT_free(object);
	ASN1_OCTET_STRING_free(octets);
	return ok ? 0 : failed();
}

static int add_private_tlv(X509 *x, const char *oid, uint32_t tag, struct view value)
{
	_cleanup_(buf_done) struct buf der = BUF_NULL(256);

	tlv_put(&der, tag, value);
	if (buf_check(&der))
		return trace(buf_check(&der));
	return trace(add_private(x, oid, buf_view(&der)));
}

int certificate_root(EVP_PKEY *key, const char *organisation, const struct certificate_times *t,
	struct buf *out)
{
	_cleanup_(x509_put) X509 *x = X509_new();
	X509_NAME *name;
	int r;

	if (!x)
		return failed();
	r = set_common(x, key, t);
	if (r)
		return trace(r);
	name = X509_get_subject_name(x);
	r = name_add(name, "C", "FR", false);
	if (!r)
		r = name_add(name, "O", organisation, false);
	if (!r)
		r = name_add(name, "CN", "AC RACINE SIMULEE", false);
	if (r || X509_set_issuer_name(x, name) != 1)
		return r ? trace(r) : failed();
	r = add_standard(x, x, NID_basic_constraints, "critical,CA:TRUE");
	if (!r)
		r = add_standard(x, x, NID_key_usage, "critical,keyCertSign,cRLSign");
	if (!r)
		r = add_standard(x, x, NID_subject_key_identifier, "hash");
	if (r || X509_sign(x, key, EVP_sha256()) <= 0)
		return r ? trace(r) : failed();
	return trace(put_der(x, out));
}

/* C=FR [, ST, O, OU of a structure], title, then given name + number + surname in one relative
 * distinguished name. A card without a person's name has its number alone. */
static int set_subject(X509 *x, const struct profile_professional *p)
{
	const struct {
		const char *field, *text;
	} parts[] = {{"C", "FR"}, {"ST", p->department}, {"O", p->organisation},
		{"OU", p->structure}, {"title", p->title}};

	X509_NAME *name = X509_get_subject_name(x);
	bool named = p->surname[0] && p->given[0];
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(parts) && !r; i++)
		if (parts[i].text[0])
			r = name_add(name, parts[i].field, parts[i].text, false);
	if (!r && named)
		r = name_add(name, "GN", p->given, false);
	if (!r)
		r = name_add(name, "CN", p->id, named);
	if (!r && named)
		r = name_add(name, "SN", p->surname, true);
	return trace(r);
}

/* 8025000001/0 and the 9 digits after the issuer number */
static void card_number(const struct profile *p, char ret_number[CARD_NUMBER])
{
	snprintf(ret_number, CARD_NUMBER, "%.10s/0%s", p->serial, p->serial + 10);
}

static int set_technical_subject(X509 *x, const struct profile *p)
{
	X509_NAME *name = X509_get_subject_name(x);
	char number[CARD_NUMBER];
	int r;

	card_number(p, number);
	r = name_add(name, "C", "FR", false);
	if (!r)
		r = name_add(name, "CN", number, false);
	return trace(r);
}

/* A small number, left out when it is 0. */
static int add_code(X509 *x, const char *oid, const uint8_t *code)
{
	return *code ? trace(add_private_tlv(x, oid, 0x02, view_of(code, 1))) : 0;
}

static int add_health(X509 *x, const struct profile *p, enum certificate_use use)
{
	const struct profile_professional *who = &p->professional;
	static const uint8_t category[] = {0x80};
	char number[CARD_NUMBER];
	int r;

	card_number(p, number);
	r = add_private_tlv(x, "1.2.250.1.71.1.2.2", 0x02, view_of(&who->type, 1));
	if (!r)
		r = add_private_tlv(x, "1.2.250.1.71.1.2.3", 0x13, view_str(number));
	if (!r)
		r = add_private_tlv(x, "1.2.250.1.71.1.2.5", 0x04, VIEW(category));
	if (r || use == CERTIFICATE_TECHNICAL)
		return trace(r);
	r = add_code(x, "1.2.250.1.71.1.2.7", &who->profession);
	if (!r)
		r = add_code(x, "1.2.250.1.71.1.2.8", &who->future);
	if (!r)
		r = add_code(x, "1.2.250.1.71.1.2.12", &who->responsibility);
	if (!r && who->speciality[0])
		r = add_private_tlv(x, "1.2.250.1.71.4.2.5", 0x13, view_str(who->speciality));
	return trace(r);
}

static int add_usage(X509 *x, X509 *issuer, const struct profile *p, enum certificate_use use)
{
	char upn[128];
	int r;

	r = add_standard(x, issuer, NID_basic_constraints, "critical,CA:FALSE");
	if (!r)
		r = add_standard(x, issuer, NID_subject_key_identifier, "hash");
	if (!r)
		r = add_standard(x, issuer, NID_authority_key_identifier, "keyid");
	if (r)
		return trace(r);
	switch (use) {
	case CERTIFICATE_AUTHENTICATION:
		snprintf(upn, sizeof(upn), "otherName:msUPN;UTF8:%s@carte-cps.fr",
			p->professional.id);
		r = add_standard(x, issuer, NID_key_usage, "critical,digitalSignature");
		if (!r)
			r = add_standard(
				x, issuer, NID_ext_key_usage, "clientAuth,msSmartcardLogin");
		if (!r)
			r = add_standard(x, issuer, NID_subject_alt_name, upn);
		return trace(r);
	case CERTIFICATE_SIGNATURE:
		r = add_standard(x, issuer, NID_key_usage, "critical,nonRepudiation");
		if (!r)
			r = add_standard(x, issuer, NID_ext_key_usage, "emailProtection");
		return trace(r);
	case CERTIFICATE_TECHNICAL:
		r = add_standard(x, issuer, NID_key_usage, "critical,digitalSignature");
		if (!r)
			r = add_standard(x, issuer, NID_ext_key_usage, "clientAuth");
		return trace(r);
	}
	return fault(-EINVAL);
}

int certificate_card(const struct profile *p, enum certificate_use use, EVP_PKEY *subject,
	EVP_PKEY *issuer, struct view root, const struct certificate_times *t, struct buf *out)
{
	const unsigned char *at = root.data;
	_cleanup_(x509_put) X509 *ca = d2i_X509(NULL, &at, (long)root.len);
	_cleanup_(x509_put) X509 *x = X509_new();
	int r;

	if (!x || !ca)
		return failed();
	r = set_common(x, subject, t);
	if (!r)
		r = use == CERTIFICATE_TECHNICAL ? set_technical_subject(x, p)
						 : set_subject(x, &p->professional);
	if (r || X509_set_issuer_name(x, X509_get_subject_name(ca)) != 1)
		return r ? trace(r) : failed();
	r = add_usage(x, ca, p, use);
	if (!r)
		r = add_health(x, p, use);
	if (r || X509_sign(x, issuer, EVP_sha256()) <= 0)
		return r ? trace(r) : failed();
	return trace(put_der(x, out));
}

int certificate_put_pem(struct view der, struct buf *out)
{
	const unsigned char *at = der.data;
	_cleanup_(x509_put) X509 *x = d2i_X509(NULL, &at, (long)der.len);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len = 0;

	if (x && bio && PEM_write_bio_X509(bio, x) == 1)
		len = BIO_get_mem_data(bio, &text);
	if (len > 0)
		buf_put(out, text, (size_t)len);
	BIO_free(bio);
	return len > 0 ? trace(buf_check(out)) : failed();
}
