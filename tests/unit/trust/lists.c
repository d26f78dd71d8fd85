/* SPDX-License-Identifier: EUPL-1.2 */
/* Makes revocation lists with OpenSSL alone; whatever fails here is a broken test and stops it. */
#include "tests/unit/trust/lists.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

static void need(bool ok, const char *what)
{
	if (!ok) {
		(void)fprintf(stderr, "lists: %s\n", what);
		abort();
	}
}

/* NULL as value: an extension that nobody knows, @name its OID. */
static X509_EXTENSION *extension(int nid, const char *name, const char *value)
{
	ASN1_OCTET_STRING *octets;
	ASN1_OBJECT *object;
	X509_EXTENSION *e;
	X509V3_CTX ctx;

	if (value) {
		X509V3_set_ctx(&ctx, NULL, NULL, NULL, NULL, 0);
		e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	} else {
		octets = ASN1_OCTET_STRING_new();
		need(octets && ASN1_OCTET_STRING_set(octets, (const uint8_t *)"\5\0", 2), name);
		object = OBJ_txt2obj(name, 1);
		e = X509_EXTENSION_create_by_OBJ(NULL, object, 1, octets);
		ASN1_OBJECT_free(object);
		ASN1_OCTET_STRING_free(octets);
	}
	need(e, name);
	return e;
}

static void put(X509_CRL *list, int nid, const char *name, const char *value)
{
	X509_EXTENSION *e = extension(nid, name, value);

	need(X509_CRL_add_ext(list, e, -1) == 1, name);
	X509_EXTENSION_free(e);
}

static void put_number(X509_CRL *list, int nid, const char *text, int critical)
{
	ASN1_INTEGER *n = s2i_ASN1_INTEGER(NULL, text);

	need(n && X509_CRL_add1_ext_i2d(list, nid, n, critical, 0) == 1, text);
	ASN1_INTEGER_free(n);
}

static void put_entry(X509_CRL *list, const struct forged_list *f, ASN1_INTEGER *serial)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_TIME *when = ASN1_TIME_set(NULL, f->from);

	need(entry && when && X509_REVOKED_set_serialNumber(entry, serial) == 1 &&
			X509_REVOKED_set_revocationDate(entry, when) == 1,
		"entry");
	if (f->entry) {
		X509_EXTENSION *e = extension(NID_undef, f->entry, NULL);

		need(X509_REVOKED_add_ext(entry, e, -1) == 1, "entry's extension");
		X509_EXTENSION_free(e);
	} else if (!f->old && !f->many) {
		ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();

		need(ASN1_ENUMERATED_set(reason, CRL_REASON_KEY_COMPROMISE) == 1 &&
				X509_REVOKED_add1_ext_i2d(
					entry, NID_crl_reason, reason, 0, 0) == 1,
			"reason");
		ASN1_ENUMERATED_free(reason);
	}
	need(X509_CRL_add0_revoked(list, entry) == 1, "entry");
	ASN1_TIME_free(when);
}

static void put_entries(X509_CRL *list, const struct forged_list *f)
{
	ASN1_INTEGER *serial;

	for (const char *const *s = f->serials; s && *s; s++) {
		serial = s2i_ASN1_INTEGER(NULL, *s);
		need(serial, *s);
		put_entry(list, f, serial);
		ASN1_INTEGER_free(serial);
	}
	serial = ASN1_INTEGER_new();
	for (unsigned int i = f->many; i > 0; i--) { /* descending: the reader has to sort */
		need(ASN1_INTEGER_set(serial, (long)(1000 + i - 1)) == 1, "number");
		put_entry(list, f, serial);
	}
	ASN1_INTEGER_free(serial);
}

X509_CRL *forge_list(const struct forged_list *f)
{
	X509_CRL *list = X509_CRL_new();
	ASN1_TIME *from = ASN1_TIME_set(NULL, f->from), *until = NULL;

	need(list && from && X509_CRL_set_version(list, f->old ? 0 : X509_CRL_VERSION_2) == 1 &&
			X509_CRL_set_issuer_name(list, X509_get_subject_name(f->issuer)) == 1 &&
			X509_CRL_set1_lastUpdate(list, from) == 1,
		"list");
	if (f->until) {
		until = ASN1_TIME_set(NULL, f->until);
		need(until && X509_CRL_set1_nextUpdate(list, until) == 1, "nextUpdate");
	}
	if (f->number)
		put_number(list, NID_crl_number, f->number, 0);
	if (f->delta)
		put_number(list, NID_delta_crl, f->delta, 1);
	if (f->point)
		put(list, NID_issuing_distribution_point, "point", f->point);
	if (f->extension)
		put(list, NID_undef, f->extension, NULL);
	put_entries(list, f);
	need(X509_CRL_sign(
		     list, f->key, EVP_get_digestbyname(f->digest ? f->digest : "SHA256")) > 0,
		"signature");
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	return list;
}

void forge_list_der(const struct forged_list *f, struct buf *out)
{
	X509_CRL *list = forge_list(f);
	unsigned char *der = NULL;
	int len = i2d_X509_CRL(list, &der);

	need(len > 0, "DER");
	buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
	X509_CRL_free(list);
}

void forge_list_pem(const struct forged_list *f, struct buf *out)
{
	X509_CRL *list = forge_list(f);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len;

	need(bio && PEM_write_bio_X509_CRL(bio, list) == 1, "PEM");
	len = BIO_get_mem_data(bio, &text);
	buf_put(out, text, (size_t)len);
	BIO_free_all(bio);
	X509_CRL_free(list);
}
