/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Revocation lists of the test authority, on OpenSSL. A list goes on where the one before ended:
 * its entries stay, its number grows. What was read or made here is freed here; only DER leaves.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "drivers/sim/certificate.h"

static int failed(void)
{
	ERR_clear_error();
	return fault(-EIO);
}

static void x509_put(X509 **x)
{
	X509_free(*x);
}

static void crl_put(X509_CRL **l)
{
	X509_CRL_free(*l);
}

static void time_put(ASN1_TIME **t)
{
	ASN1_TIME_free(*t);
}

static void number_put(ASN1_INTEGER **n)
{
	ASN1_INTEGER_free(*n);
}

/* One entry more: the reason is what a lost card gets (RFC 5280 §5.3.1: keyCompromise). */
static int add_entry(X509_CRL *list, X509 *revoked, ASN1_TIME *when)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_ENUMERATED *reason = ASN1_ENUMERATED_new();
	int ok;

	ok = entry && reason && ASN1_ENUMERATED_set(reason, CRL_REASON_KEY_COMPROMISE) == 1 &&
	     X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked)) == 1 &&
	     X509_REVOKED_set_revocationDate(entry, when) == 1 &&
	     X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, reason, 0, 0) == 1 &&
	     X509_CRL_add0_revoked(list, entry) == 1;
	ASN1_ENUMERATED_free(reason);
	if (ok)
		return 0;
	X509_REVOKED_free(entry);
	return failed();
}

/* Entries and number of the list before; @ret_number is 0 for none. */
static int go_on(X509_CRL *list, struct view previous, int64_t *ret_number)
{
	const unsigned char *at = previous.data;
	_cleanup_(crl_put) X509_CRL *before = NULL;
	_cleanup_(number_put) ASN1_INTEGER *number = NULL;
	STACK_OF(X509_REVOKED) * entries;

	*ret_number = 0;
	if (previous.len == 0)
		return 0;
	before = d2i_X509_CRL(NULL, &at, (long)previous.len);
	if (!before)
		return failed();
	number = X509_CRL_get_ext_d2i(before, NID_crl_number, NULL, NULL);
	if (!number || ASN1_INTEGER_get_int64(ret_number, number) != 1)
		return failed();
	entries = X509_CRL_get_REVOKED(before);
	for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
		X509_REVOKED *copy = X509_REVOKED_dup(sk_X509_REVOKED_value(entries, i));

		if (!copy || X509_CRL_add0_revoked(list, copy) != 1) {
			X509_REVOKED_free(copy);
			return failed();
		}
	}
	return 0;
}

/* cRLNumber and authorityKeyIdentifier, which RFC 5280 §5.2 wants */
static int add_extensions(X509_CRL *list, X509 *ca, int64_t n)
{
	_cleanup_(number_put) ASN1_INTEGER *number = ASN1_INTEGER_new();
	X509_EXTENSION *extension;
	X509V3_CTX ctx;
	int ok;

	if (!number || ASN1_INTEGER_set_int64(number, n) != 1 ||
		X509_CRL_add1_ext_i2d(list, NID_crl_number, number, 0, 0) != 1)
		return failed();
	X509V3_set_ctx(&ctx, ca, NULL, NULL, list, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid");
	ok = extension && X509_CRL_add_ext(list, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return ok ? 0 : failed();
}

static int put_der(X509_CRL *list, struct buf *out)
{
	uint8_t *der = NULL;
	int len = i2d_X509_CRL(list, &der);

	if (len <= 0)
		return failed();
	buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
	return trace(buf_check(out));
}

int certificate_crl(EVP_PKEY *issuer, struct view root, struct view previous,
	struct view revoked, const struct certificate_times *t, struct buf *out)
{
	const unsigned char *ca_at = root.data, *card_at = revoked.data;
	_cleanup_(x509_put) X509 *ca = d2i_X509(NULL, &ca_at, (long)root.len);
	_cleanup_(x509_put) X509 *card = d2i_X509(NULL, &card_at, (long)revoked.len);
	_cleanup_(crl_put) X509_CRL *list = X509_CRL_new();
	_cleanup_(time_put) ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)t->from);
	_cleanup_(time_put) ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)t->until);
	int64_t number;
	int r;

	if (!ca || !card || !list || !from || !until ||
		X509_CRL_set_version(list, X509_CRL_VERSION_2) != 1 ||
		X509_CRL_set_issuer_name(list, X509_get_subject_name(ca)) != 1 ||
		X509_CRL_set1_lastUpdate(list, from) != 1 ||
		X509_CRL_set1_nextUpdate(list, until) != 1)
		return failed();
	r = go_on(list, previous, &number);
	if (!r)
		r = add_entry(list, card, from);
	if (!r)
		r = add_extensions(list, ca, number + 1);
	if (r)
		return trace(r);
	if (X509_CRL_sort(list) != 1 || X509_CRL_sign(list, issuer, EVP_sha256()) <= 0)
		return failed();
	return trace(put_der(list, out));
}
