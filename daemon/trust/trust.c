/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The questions that the broker asks about a certificate: whose anchor verifies it, is it of the
 * profile, is it valid now. The chain is looked at first without the clock, so that "expired" is
 * said only of a certificate that is otherwise good. Owns nothing but its anchors; the bytes of a
 * card are parsed anew at every question.
 */
#include <errno.h>
#include <openssl/rsa.h>
#include <openssl/x509_vfy.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/hex.h"
#include "daemon/trust/anchors.h"

#define X509_MAX   8192U /* bytes of a certificate: the card's are below 2048 */
#define AUTH_LEVEL 2	 /* OpenSSL's: RSA of 2048 bits and no SHA-1 in the chain */
#define RSA_BITS   2048

int trust_parse(struct view der, X509 **ret)
{
	const unsigned char *at = der.data;
	X509 *cert;

	if (der.len == 0 || der.len > X509_MAX)
		return TRUST_MALFORMED;
	cert = d2i_X509(NULL, &at, (long)der.len);
	if (!cert)
		return trace(crypto_refused(TRUST_MALFORMED));
	if (at != der.data + der.len) {
		X509_free(cert);
		return TRUST_MALFORMED;
	}
	*ret = cert;
	return 0;
}

static enum trust_outcome chain_outcome(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
	case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
	case X509_V_ERR_CA_MD_TOO_WEAK:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_EE_KEY_TOO_SMALL:
		return TRUST_FALSE;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return TRUST_EXPIRED;
	case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
	case X509_V_ERR_INVALID_EXTENSION:
		return TRUST_MALFORMED;
	default: /* OpenSSL's list is open; all else: the chain does not lead to an anchor */
		return TRUST_STRANGER;
	}
}

/* The chain from @cert to an anchor of @of; @now in seconds, or 0 to leave the clock out. @ret_chain:
 * NULL, or gets it. Return: 0, a fault or an outcome of trust_x509(). */
static int check_chain(
	const struct trust_nature *of, X509 *cert, time_t now, STACK_OF(X509) * *ret_chain)
{
	_cleanup_(crypto_store_ctx_put) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	enum trust_outcome outcome;
	int ok, error;

	if (!ctx || X509_STORE_CTX_init(ctx, of->store, cert, NULL) != 1)
		return crypto_fault();
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
	if (now)
		X509_VERIFY_PARAM_set_time(param, now);
	else
		(void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME);
	ok = X509_verify_cert(ctx);
	error = X509_STORE_CTX_get_error(ctx);
	if (ok == 1 && ret_chain) {
		*ret_chain = X509_STORE_CTX_get1_chain(ctx);
		return *ret_chain ? 0 : crypto_fault();
	}
	if (ok == 1)
		return 0;
	if (error == X509_V_ERR_OUT_OF_MEM)
		return crypto_fault();
	outcome = chain_outcome(error);
	return trace(crypto_refused((int)outcome));
}

/* The worst of the answers that say more than "stranger" is kept. */
int trust_chain(
	const struct trust *t, X509 *cert, enum nature *ret, STACK_OF(X509) * *ret_chain)
{
	int answer = TRUST_STRANGER;

	for (enum nature n = NATURE_REAL; n < NATURE_COUNT; n++) {
		int r;

		if (t->of[n].n_x509 == 0)
			continue;
		r = check_chain(&t->of[n], cert, 0, ret_chain);
		if (r == 0)
			*ret = n;
		if (r <= 0)
			return trace(r);
		if (r != TRUST_STRANGER)
			answer = r;
	}
	return answer;
}

int trust_x509(const struct trust *t, struct view der, uint64_t now, bool signing,
	struct trust_person *ret)
{
	_cleanup_(crypto_x509_put) X509 *cert = NULL;
	enum nature nature = NATURE_UNKNOWN;
	struct trust_person p;
	time_t seconds = (time_t)(now / USEC_PER_SEC);
	int r;

	r = trust_parse(der, &cert);
	if (r == 0)
		r = trust_chain(t, cert, &nature, NULL);
	if (r == 0)
		r = person_read(cert, signing, &p);
	if (r != 0)
		return trace(r);
	r = crypto_sha256(&der, 1, p.sha256);
	if (r < 0)
		return trace(r);
	p.nature = nature;
	r = check_chain(&t->of[nature], cert, seconds ? seconds : 1, NULL);
	if (r == 0 || r == TRUST_EXPIRED)
		*ret = p;
	return trace(r);
}

int trust_rsa(struct view der, struct view data, struct view signature)
{
	_cleanup_(crypto_md_ctx_put) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	_cleanup_(crypto_x509_put) X509 *cert = NULL;
	EVP_PKEY_CTX *padding = NULL;
	EVP_PKEY *key;
	int r;

	if (!ctx)
		return crypto_fault();
	r = trust_parse(der, &cert);
	if (r != 0)
		return r < 0 ? trace(r) : TRUST_FALSE;
	key = X509_get0_pubkey(cert);
	if (!key || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA ||
		EVP_PKEY_get_bits(key) < RSA_BITS)
		return trace(crypto_refused(TRUST_FALSE));
	if (EVP_DigestVerifyInit_ex(ctx, &padding, "SHA256", NULL, NULL, key, NULL) != 1 ||
		EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PADDING) != 1)
		return crypto_fault();
	if (EVP_DigestVerify(ctx, signature.data, signature.len, data.data, data.len) != 1)
		return trace(crypto_refused(TRUST_FALSE));
	return 0;
}

/* -- card-verifiable certificates ------------------------------------------------------------- */

static const struct trust_root *find_root(const struct trust_nature *of, const char *car)
{
	for (unsigned int i = 0; i < of->n_roots; i++) {
		if (strcmp(of->roots[i].car, car) == 0)
			return &of->roots[i];
	}
	return NULL;
}

const uint8_t *trust_cvc_root(const struct trust *t, enum nature n, const char *car)
{
	const struct trust_root *root = find_root(&t->of[n], car);

	return root ? root->point : NULL;
}

int trust_cvc(const struct trust *t, struct view certificate, uint64_t now, struct cvc *ret_c,
	enum nature *ret_nature)
{
	const struct trust_root *root = NULL;
	enum nature n;
	struct cvc c;
	int r;

	r = cvc_parse(certificate, &c);
	if (r < 0)
		return trace(r);
	if (r > 0 || strcmp(c.car, c.chr) == 0)
		return TRUST_MALFORMED; /* a root is no card */
	for (n = NATURE_REAL; n < NATURE_COUNT && !root; n++)
		root = find_root(&t->of[n], c.car);
	if (!root)
		return TRUST_STRANGER;
	r = cvc_verify(&c, root->point);
	if (r != 0)
		return r < 0 ? trace(r) : TRUST_FALSE;
	if (!cvc_valid_at(root->from, root->until, now) || !cvc_valid_at(c.from, c.until, now))
		return TRUST_EXPIRED;
	*ret_c = c;
	*ret_nature = n - 1;
	return 0;
}

bool trust_cvc_matches(const struct cvc *c, struct view serial, char letter)
{
	_cleanup_(buf_done) struct buf digits = BUF_NULL(64), name = BUF_NULL(32);

	if (bcd_decode(&digits, serial) != 0 || digits.len < 8)
		return false;
	buf_put_str(&name, "FR");
	buf_put_u8(&name, (uint8_t)letter);
	buf_put_view(&name, view_last(buf_view(&digits), 8));
	buf_put_str(&name, "00001");
	return !digits.failed && !name.failed &&
	       view_equal(buf_view(&name), view_str(c->chr)) &&
	       (letter == 'V') == (c->role == CVC_ROLE_PATIENT) && c->role != CVC_ROLE_ROOT;
}

uint8_t trust_role(const struct trust_person *p)
{
	return p->profession ? p->profession : CVC_ROLE_STAFF;
}
