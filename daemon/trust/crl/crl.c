/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Reading a revocation list with OpenSSL. Nothing of it is looked at closely before its signature
 * has verified under an authority that the broker believes, but for what names that authority. Kind
 * and scope are judged by the letter of RFC 5280: what this program does not know how to apply
 * completely is named and left alone, so that "not revoked" is never said too early.
 */
#include "daemon/trust/crl/crl.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/limits.h"

#define DER_SEQUENCE 0x30
#define RSA_BITS     2048
#define EC_BITS	     256

CRYPTO_CLEANUP(X509_CRL, x509_crl_put, X509_CRL_free)
CRYPTO_CLEANUP(ISSUING_DIST_POINT, idp_put, ISSUING_DIST_POINT_free)
CRYPTO_CLEANUP(ASN1_INTEGER, integer_put, ASN1_INTEGER_free)
CRYPTO_CLEANUP(ASN1_TIME, time_put, ASN1_TIME_free)

void crl_done(struct crl *c)
{
	free(c->serials);
	*c = CRL_NULL;
}

/* -- the file ----------------------------------------------------------------------------------- */

/* OpenSSL would ask the terminal. */
static int no_password(char *to, int size, int writing, void *user)
{
	(void)to;
	(void)size;
	(void)writing;
	(void)user;
	return -1;
}

static int parse_der(struct view file, X509_CRL **ret)
{
	const unsigned char *at = file.data;
	X509_CRL *list = d2i_X509_CRL(NULL, &at, (long)file.len);

	if (!list)
		return trace(crypto_refused(CRL_MALFORMED));
	if (at != file.data + file.len) {
		X509_CRL_free(list);
		return CRL_MALFORMED;
	}
	*ret = list;
	return 0;
}

static int parse_pem(struct view file, X509_CRL **ret)
{
	_cleanup_(crypto_bio_put) BIO *bio = BIO_new_mem_buf(file.data, (int)file.len);
	_cleanup_(x509_crl_put) X509_CRL *list = NULL, *second = NULL;

	if (!bio)
		return crypto_fault();
	list = PEM_read_bio_X509_CRL(bio, NULL, no_password, NULL);
	if (!list)
		return trace(crypto_refused(CRL_MALFORMED));
	second = PEM_read_bio_X509_CRL(bio, NULL, no_password, NULL);
	if (second)
		return CRL_SEVERAL;
	ERR_clear_error(); /* the end of the text */
	*ret = list;
	list = NULL;
	return 0;
}

/* -- the signature ------------------------------------------------------------------------------ */

static bool digest_strong(int nid)
{
	return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512;
}

static bool key_strong(const EVP_PKEY *key)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		return EVP_PKEY_get_bits(key) >= RSA_BITS;
	case EVP_PKEY_EC:
		return EVP_PKEY_get_bits(key) >= EC_BITS;
	default:
		return false;
	}
}

/* Whether @authority signed @list. Return: 0, a fault, FALSE or WEAK. */
static int check_signature(X509_CRL *list, X509 *authority)
{
	EVP_PKEY *key = X509_get0_pubkey(authority);
	int digest = NID_undef;

	if (!key || (X509_get_key_usage(authority) & KU_CRL_SIGN) == 0)
		return trace(crypto_refused(CRL_FALSE));
	if (OBJ_find_sigid_algs(X509_CRL_get_signature_nid(list), &digest, NULL) != 1 ||
		!digest_strong(digest) || !key_strong(key))
		return trace(crypto_refused(CRL_WEAK));
	return X509_CRL_verify(list, key) == 1 ? 0 : trace(crypto_refused(CRL_FALSE));
}

/* The authority of @authorities that signed @list: @ret_id. Return: 0, a fault, STRANGER, FALSE or
 * WEAK. */
static int find_signer(X509_CRL *list, struct view authorities, uint8_t ret_id[ISSUER_ID])
{
	const unsigned char *at = authorities.data, *end = at + authorities.len;
	int answer = CRL_STRANGER;

	while (at < end) {
		_cleanup_(crypto_x509_put) X509 *one = d2i_X509(NULL, &at, (long)(end - at));
		int r;

		if (!one)
			return trace(crypto_refused(answer));
		if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(one)) != 0)
			continue;
		r = check_signature(list, one);
		if (r == 0)
			r = issuer_id(one, ret_id);
		if (r <= 0)
			return trace(r);
		answer = r;
	}
	return answer;
}

/* -- kind and scope ----------------------------------------------------------------------------- */

static bool is_known(const X509_EXTENSION *e, const int *known, size_t n)
{
	int nid = OBJ_obj2nid(X509_EXTENSION_get_object((X509_EXTENSION *)(uintptr_t)e));
	bool found = X509_EXTENSION_get_critical(e) == 0;

	for (size_t i = 0; i < n && !found; i++)
		found = nid == known[i];
	return found;
}

static int check_extensions(const X509_CRL *list)
{
	static const int known[] = {
		NID_authority_key_identifier, NID_crl_number, NID_issuing_distribution_point};

	if (X509_CRL_get_ext_by_NID(list, NID_delta_crl, -1) >= 0)
		return CRL_DELTA;
	for (int i = 0; i < X509_CRL_get_ext_count(list); i++) {
		if (!is_known(X509_CRL_get_ext(list, i), known, ARRAY_LEN(known)))
			return CRL_UNSUPPORTED;
	}
	return 0;
}

/* The one extension @nid. Return: 0 with @ret or NULL, a fault or MALFORMED (broken, or twice). */
static int take_extension(const X509_CRL *list, int nid, void **ret)
{
	int critical = 0;
	void *value = X509_CRL_get_ext_d2i(list, nid, &critical, NULL);

	if (!value && critical != -1)
		return trace(crypto_refused(CRL_MALFORMED));
	*ret = value;
	return 0;
}

static int take_uri(const ASN1_STRING *s, char *to, size_t size)
{
	struct view v = view_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
	struct reader r = reader_of(v);

	while (r.left > 0) {
		uint8_t c = reader_u8(&r);

		if (c <= 0x20 || c >= 0x7f)
			return CRL_PARTIAL;
	}
	return v.len == 0 || view_copy_str(v, to, size) != 0 ? CRL_PARTIAL : 0;
}

static int take_point(const DIST_POINT_NAME *point, struct crl *c)
{
	const GENERAL_NAMES *names = point->type == 0 ? point->name.fullname : NULL;

	for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_URI)
			return take_uri(
				name->d.uniformResourceIdentifier, c->point, sizeof(c->point));
	}
	return CRL_PARTIAL;
}

/* §5.2.5. A list of end entities' certificates alone is complete for cards. */
static int take_scope(const X509_CRL *list, struct crl *c)
{
	_cleanup_(idp_put) ISSUING_DIST_POINT *idp = NULL;
	void *value;
	int r = take_extension(list, NID_issuing_distribution_point, &value);

	if (r != 0)
		return trace(r);
	idp = value;
	if (!idp)
		return 0;
	if (idp->indirectCRL > 0)
		return CRL_INDIRECT;
	if (idp->onlyCA > 0 || idp->onlyattr > 0 || idp->onlysomereasons)
		return CRL_PARTIAL;
	return idp->distpoint ? take_point(idp->distpoint, c) : 0;
}

static int take_number(const X509_CRL *list, struct crl *c)
{
	_cleanup_(integer_put) ASN1_INTEGER *number = NULL;
	void *value;
	int r = take_extension(list, NID_crl_number, &value);

	if (r != 0)
		return trace(r);
	number = value;
	if (!number)
		return 0;
	c->numbered = true;
	return issuer_serial(number, c->number) == 0 ? 0 : CRL_MALFORMED;
}

/* -- times -------------------------------------------------------------------------------------- */

/* By OpenSSL's calendar: that of the C library wants to open the time zone's file first. */
static int take_time(const ASN1_TIME *t, uint64_t *ret)
{
	_cleanup_(time_put) ASN1_TIME *epoch = ASN1_TIME_new();
	int days = 0, seconds = 0;

	if (!epoch || ASN1_TIME_set_string(epoch, "19700101000000Z") != 1)
		return crypto_fault();
	if (ASN1_TIME_diff(&days, &seconds, epoch, t) != 1)
		return trace(crypto_refused(CRL_MALFORMED));
	if (days < 1)
		return CRL_MALFORMED;
	*ret = (uint64_t)days * 86400 + (uint64_t)seconds;
	return 0;
}

static int take_times(const X509_CRL *list, struct crl *c)
{
	const ASN1_TIME *next = X509_CRL_get0_nextUpdate(list);
	int r = take_time(X509_CRL_get0_lastUpdate(list), &c->this_update);

	if (r == 0 && next)
		r = take_time(next, &c->next_update);
	if (r != 0)
		return trace(r);
	return next && c->next_update < c->this_update ? CRL_MALFORMED : 0;
}

/* -- the numbers -------------------------------------------------------------------------------- */

static int by_serial(const void *a, const void *b)
{
	return memcmp(a, b, ISSUER_SERIAL);
}

static int take_entry(const X509_REVOKED *entry, uint8_t ret[ISSUER_SERIAL])
{
	static const int known[] = {
		NID_crl_reason, NID_invalidity_date, NID_hold_instruction_code};

	if (X509_REVOKED_get_ext_by_NID(entry, NID_certificate_issuer, -1) >= 0)
		return CRL_INDIRECT;
	for (int i = 0; i < X509_REVOKED_get_ext_count(entry); i++) {
		if (!is_known(X509_REVOKED_get_ext(entry, i), known, ARRAY_LEN(known)))
			return CRL_UNSUPPORTED;
	}
	return issuer_serial(X509_REVOKED_get0_serialNumber(entry), ret) == 0 ? 0
									      : CRL_MALFORMED;
}

/* Sorted, each once: a number that stands there twice is as revoked as one that stands there once. */
static void sort(struct crl *c)
{
	uint32_t n = 0;

	qsort(c->serials, c->n, ISSUER_SERIAL, by_serial);
	for (uint32_t i = 0; i < c->n; i++) {
		if (n > 0 && by_serial(c->serials[n - 1], c->serials[i]) == 0)
			continue;
		if (n != i)
			bytes_copy(c->serials[n], ISSUER_SERIAL, c->serials[i], ISSUER_SERIAL);
		n++;
	}
	c->n = n;
}

static int take_entries(X509_CRL *list, struct crl *c)
{
	const STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(list);
	int n = entries ? sk_X509_REVOKED_num(entries) : 0;

	if ((unsigned int)n > LIMIT_CRL_ENTRIES)
		return CRL_LARGE;
	c->serials = calloc((size_t)n + 1, ISSUER_SERIAL);
	if (!c->serials)
		return fault(-ENOMEM);
	for (int i = 0; i < n; i++) {
		int r = take_entry(sk_X509_REVOKED_value(entries, i), c->serials[i]);

		if (r != 0)
			return trace(r);
	}
	c->n = (uint32_t)n;
	sort(c);
	return 0;
}

/* -- all of it ---------------------------------------------------------------------------------- */

static int take_list(X509_CRL *list, struct crl *c)
{
	int r = check_extensions(list);

	if (r == 0)
		r = take_scope(list, c);
	if (r == 0)
		r = take_number(list, c);
	if (r == 0)
		r = take_times(list, c);
	if (r == 0)
		r = take_entries(list, c);
	return trace(r);
}

int crl_read(struct view file, struct view authorities, struct crl *ret)
{
	_cleanup_(x509_crl_put) X509_CRL *list = NULL;
	_cleanup_(crl_done) struct crl c = CRL_NULL;
	bool der;
	int r;

	if (file.len == 0 || file.len > LIMIT_CRL_BYTES)
		return file.len == 0 ? CRL_MALFORMED : CRL_LARGE;
	der = *file.data == DER_SEQUENCE;
	r = der ? parse_der(file, &list) : parse_pem(file, &list);
	if (r == 0)
		r = find_signer(list, authorities, c.issuer);
	if (r == 0)
		r = take_list(list, &c);
	if (r != 0)
		return trace(r);
	*ret = c;
	c = CRL_NULL;
	return 0;
}
