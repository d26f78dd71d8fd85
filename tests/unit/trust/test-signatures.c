/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * daemon/trust/feeders.c: a signature that is not by an anchor's key, or that no key can have made, is a
 * refusal whatever their kinds. It is no fault, with which no import would ever end well.
 */
#include "tests/unit/record/failing.h"
#include "tests/unit/trust/chains.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <openssl/rsa.h>

/* How a certificate is signed that @forged says, when not with PKCS #1 or ECDSA and SHA-256. */
struct signing {
	const EVP_MD *digest, *mgf;
	int salt; /* of RSASSA-PSS; 0: none */
	/* what is put in place of what, once signed; both of one length */
	struct view was, is;
};

static void sign_anew(X509 *cert, EVP_PKEY *key, const struct signing *how)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *padding = NULL;

	assert_int_equal(EVP_DigestSignInit(ctx, &padding, how->digest, NULL, key), 1);
	if (how->salt > 0)
		assert_true(EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) == 1 &&
			    EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, how->salt) == 1 &&
			    EVP_PKEY_CTX_set_rsa_mgf1_md(padding, how->mgf) == 1);
	assert_true(X509_sign_ctx(cert, ctx) > 0);
	EVP_MD_CTX_free(ctx);
}

/* @cert, consumed, with other bytes in it. */
static X509 *damage(X509 *cert, const struct signing *how)
{
	struct buf der = BUF_NULL(8192);
	const unsigned char *at;
	unsigned int found = 0;
	X509 *made;

	forge_der(cert, &der);
	for (size_t i = 0; i + how->was.len <= der.len; i++) {
		if (!view_equal(view_sub(buf_view(&der), i, how->was.len), how->was))
			continue;
		assert_int_equal(view_copy(how->is, der.data + i, how->is.len), 0);
		found++;
	}
	assert_int_equal(found, 2) /* within what is signed, and beside it */;
	at = der.data;
	made = d2i_X509(NULL, &at, (long)der.len);
	assert_non_null(made);
	buf_done(&der);
	X509_free(cert);
	return made;
}

/* A signer by @key, below an authority of this name whose key is @other: nobody known has issued it. */
static void is_no_fault(EVP_PKEY *key, const struct signing *how, EVP_PKEY *other, bool starved)
{
	bool signs_otherwise = EVP_PKEY_get_base_id(other) == EVP_PKEY_ED25519 ||
			       EVP_PKEY_get_base_id(other) == EVP_PKEY_RSA_PSS;
	struct forged_x509 one = pki_authority("FEEDERS", other);
	X509 *own[2] = {NULL}, *authority;

	if (signs_otherwise)
		one.issuer_key = pki.ca_key; /* who signed the authority is not asked */
	authority = forge_x509(&one);
	one = chains_signer(authority, pki.ca_key);
	own[0] = forge_x509(&one);
	sign_anew(own[0], key, how);
	if (how->was.len > 0)
		own[0] = damage(own[0], how);
	chains_believe((X509 *const[]){authority, NULL});
	assert_int_equal(chains_ask(own, NOW_US), TRUST_REVOCATION_UNKNOWN);
	if (starved)
		chains_starve(own, TRUST_REVOCATION_UNKNOWN);
	X509_free(authority);
	X509_free(own[0]);
}

#define CURVES 4U

static void a_key_of_another_curve_has_not_signed(void **state)
{
	static const char *const names[CURVES] = {"P-224", "P-256", "P-384", "P-521"};
	const struct signing how = {.digest = EVP_sha256()};
	EVP_PKEY *keys[CURVES], *others[CURVES];

	(void)state;
	for (size_t i = 0; i < CURVES; i++) {
		keys[i] = EVP_EC_gen(names[i]);
		others[i] = EVP_EC_gen(names[i]);
	}
	for (size_t i = 0; i < CURVES * CURVES; i++)
		is_no_fault(keys[i / CURVES], &how, others[i % CURVES], i == 6 || i == 9);
	for (size_t i = 0; i < CURVES; i++) {
		EVP_PKEY_free(keys[i]);
		EVP_PKEY_free(others[i]);
	}
}

static void a_key_of_another_kind_or_length_has_not_signed(void **state)
{
	const struct signing usual = {.digest = EVP_sha256()}, edwards = {.digest = NULL};
	EVP_PKEY *ed[] = {EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
		EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")};
	EVP_PKEY *ec = forge_ec(), *large = forge_rsa(3072);

	(void)state;
	is_no_fault(ed[0], &edwards, ed[1], true);
	is_no_fault(ed[0], &edwards, ec, true);
	is_no_fault(ec, &usual, ed[0], false);
	is_no_fault(ec, &usual, large, false);
	is_no_fault(ed[0], &edwards, large, false);
	is_no_fault(pki.ca_key, &usual, ec, false);
	is_no_fault(pki.ca_key, &usual, ed[0], false);
	is_no_fault(pki.ca_key, &usual, large, true);
	is_no_fault(large, &usual, pki.stranger_key, false);
	EVP_PKEY_free(ed[0]);
	EVP_PKEY_free(ed[1]);
	EVP_PKEY_free(ec);
	EVP_PKEY_free(large);
}

/* A key for RSASSA-PSS alone, with SHA-512 and a long salt. */
static EVP_PKEY *strict_key(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA_PSS, NULL);
	EVP_PKEY *key = NULL;

	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_true(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) == 1 &&
		    EVP_PKEY_CTX_set_rsa_pss_keygen_md(ctx, EVP_sha512()) == 1 &&
		    EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md(ctx, EVP_sha512()) == 1 &&
		    EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(ctx, 64) == 1);
	assert_int_equal(EVP_PKEY_keygen(ctx, &key), 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void a_signature_by_pss_that_does_not_fit_is_no_fault(void **state)
{
	const struct signing ways[] = {
		{EVP_sha256(), EVP_sha256(), 32, VIEW_NULL, VIEW_NULL},
		{EVP_sha512(), EVP_sha512(), 32, VIEW_NULL, VIEW_NULL},
		{EVP_sha1(), EVP_sha1(), 20, VIEW_NULL, VIEW_NULL},
		/* a salt of less than nothing, parameters that do not decode, an unknown generator of
		 * masks, an unknown digest */
		{EVP_sha256(), EVP_sha256(), 32, VIEW_TEXT("\xa2\x03\x02\x01\x20"),
			VIEW_TEXT("\xa2\x03\x02\x01\x80")},
		{EVP_sha256(), EVP_sha256(), 32, VIEW_TEXT("\xa2\x03\x02\x01\x20"),
			VIEW_TEXT("\xa2\x03\x05\x01\x20")},
		{EVP_sha256(), EVP_sha256(), 32,
			VIEW_TEXT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"),
			VIEW_TEXT("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x09")},
		{EVP_sha256(), EVP_sha1(), 32,
			VIEW_TEXT("\x60\x86\x48\x01\x65\x03\x04\x02\x01"),
			VIEW_TEXT("\x60\x86\x48\x01\x65\x03\x04\x02\x3f")},
	};
	EVP_PKEY *ec = forge_ec(), *large = forge_rsa(3072), *strict = strict_key();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		is_no_fault(pki.ca_key, &ways[i], pki.stranger_key, i == 0 || i == 3);
		is_no_fault(pki.ca_key, &ways[i], large, false);
		is_no_fault(pki.ca_key, &ways[i], strict, i == 0);
		is_no_fault(pki.ca_key, &ways[i], ec, false);
	}
	EVP_PKEY_free(ec);
	EVP_PKEY_free(large);
	EVP_PKEY_free(strict);
}

/* ecdsa-with-SHA256, and with SHA3-256, which OpenSSL 3.0 verifies in no certificate */
#define ECDSA_SHA2 "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"
#define ECDSA_NONE "\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x0a"

static void a_signature_that_nobody_can_verify_is_nobodys(void **state)
{
	const struct signing unknown = {.digest = EVP_sha256(),
		.was = VIEW_TEXT(ECDSA_SHA2),
		.is = VIEW_TEXT(ECDSA_NONE)};
	EVP_PKEY *key = forge_ec();
	struct forged_x509 one = pki_authority("FEEDERS", key);
	X509 *authority = forge_x509(&one), *own[2] = {NULL};
	const ASN1_BIT_STRING *signature;
	struct buf der = BUF_NULL(8192);
	const unsigned char *at;

	(void)state;
	is_no_fault(key, &unknown, key, true);
	chains_believe((X509 *const[]){authority, NULL});
	for (unsigned int i = 0; i < 2; i++) {
		one = chains_signer(authority, key);
		own[0] = forge_x509(&one);
		buf_reset(&der);
		forge_der(own[0], &der);
		X509_get0_signature(&signature, NULL, own[0]);
		/* the signature is no sequence; or the outer of the two names of its algorithm is another */
		at = der.data + der.len - (size_t)ASN1_STRING_length(signature);
		if (i == 0)
			der.data[at - der.data] ^= 1;
		else
			der.data[at - der.data - 4] ^= 1; /* SHA-384 */
		X509_free(own[0]);
		at = der.data;
		own[0] = d2i_X509(NULL, &at, (long)der.len);
		assert_non_null(own[0]);
		assert_int_equal(chains_ask(own, NOW_US), TRUST_REVOCATION_UNKNOWN);
		X509_free(own[0]);
	}
	X509_free(authority);
	EVP_PKEY_free(key);
	buf_done(&der);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_of_another_curve_has_not_signed),
		cmocka_unit_test(a_key_of_another_kind_or_length_has_not_signed),
		cmocka_unit_test(a_signature_by_pss_that_does_not_fit_is_no_fault),
		cmocka_unit_test(a_signature_that_nobody_can_verify_is_nobodys),
	};

	failing_setup();
	return cmocka_run_group_tests(tests, pki_prepare, pki_clean);
}
