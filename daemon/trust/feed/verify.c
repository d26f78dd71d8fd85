/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Whom a feed comes from. One signer, whose certificate stands in the feed and leads to an anchor of
 * a feeder; signed attributes, so that the signature is over nothing else; a certificate that is
 * meant for signing documents. Each of these is refused by a word of its own, before a byte of the
 * content is looked at. The chain is looked at first without the clock, so that "expired" is
 * said only of a certificate that is otherwise good.
 */
#include "daemon/trust/feed/verify.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/clock.h"
#include "base/link-feed.h"
#include "base/tlv.h"

#define AUTH_LEVEL 2 /* OpenSSL's: 112 bits, so RSA of 2048 and no SHA-1, in the whole chain */
#define CERTS_MAX  8 /* in one feed: signer and a chain of intermediates */

CRYPTO_CLEANUP(EXTENDED_KEY_USAGE, usage_put, EXTENDED_KEY_USAGE_free)
CRYPTO_CLEANUP(ASN1_OBJECT, object_put, ASN1_OBJECT_free)

static void certs_put(STACK_OF(X509) * *list)
{
	sk_X509_pop_free(*list, X509_free);
	*list = NULL;
}

void feed_signed_done(struct feed_signed *s)
{
	CMS_ContentInfo_free(s->cms);
	buf_done(&s->chain);
	*s = FEED_SIGNED_NULL;
}

static int refuse(const char **ret_why, const char *why)
{
	*ret_why = why;
	return trace(crypto_refused(FEED_REFUSED));
}

/* -- its form ------------------------------------------------------------------------------------ */

/* DER is what it would be written as: one feed is one sequence of bytes. Return: 0, a fault or
 * REFUSED. */
static int check_der(CMS_ContentInfo *cms, struct view file, const char **ret_why)
{
	unsigned char *der = NULL;
	int n = i2d_CMS_ContentInfo(cms, &der);
	bool same;

	if (n < 0)
		return refuse(ret_why, "encoding");
	same = view_equal(view_of(der, (size_t)n), file);
	OPENSSL_free(der);
	return same ? 0 : refuse(ret_why, "encoding");
}

/* @ret: taken, whatever is returned. */
static int parse(struct view file, CMS_ContentInfo **ret, const char **ret_why)
{
	const unsigned char *at = file.data;

	*ret = d2i_CMS_ContentInfo(NULL, &at, (long)file.len);
	if (!*ret)
		return refuse(ret_why, "malformed");
	if (at != file.data + file.len)
		return refuse(ret_why, "trailing");
	return trace(check_der(*ret, file, ret_why));
}

/* SignedData over plain data, which stands in it. */
static int take_content(CMS_ContentInfo *cms, struct view *ret, const char **ret_why)
{
	ASN1_OCTET_STRING **content;

	if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed ||
		OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_pkcs7_data)
		return refuse(ret_why, "content-type");
	content = CMS_get0_content(cms);
	if (!content || !*content)
		return refuse(ret_why, "detached");
	*ret = view_of(ASN1_STRING_get0_data(*content), (size_t)ASN1_STRING_length(*content));
	return 0;
}

/* -- the signer ---------------------------------------------------------------------------------- */

static bool digest_strong(const X509_ALGOR *digest)
{
	const ASN1_OBJECT *object = NULL;
	int nid;

	X509_ALGOR_get0(&object, NULL, NULL, digest);
	nid = OBJ_obj2nid(object);
	return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512;
}

static bool key_strong(const EVP_PKEY *key)
{
	switch (key ? EVP_PKEY_get_base_id(key) : NID_undef) {
	case EVP_PKEY_RSA:
		return EVP_PKEY_get_bits(key) >= 2048;
	case EVP_PKEY_EC:
		return EVP_PKEY_get_bits(key) >= 256;
	default:
		return false;
	}
}

/* The one signer and their certificate, borrowed from @cms; @certs: all that stand in it. */
static int take_signer(
	CMS_ContentInfo *cms, STACK_OF(X509) * certs, X509 **ret, const char **ret_why)
{
	STACK_OF(CMS_SignerInfo) *infos = CMS_get0_SignerInfos(cms);
	CMS_SignerInfo *info;
	X509_ALGOR *digest = NULL;
	X509 *signer = NULL;

	if (sk_CMS_SignerInfo_num(infos) != 1)
		return refuse(ret_why, "signers");
	if (sk_X509_num(certs) > CERTS_MAX || CMS_set1_signers_certs(cms, NULL, 0) != 1)
		return refuse(ret_why, "certificate");
	info = sk_CMS_SignerInfo_value(infos, 0);
	CMS_SignerInfo_get0_algs(info, NULL, &signer, &digest, NULL);
	if (!signer)
		return refuse(ret_why, "certificate");
	if (CMS_signed_get_attr_count(info) < 1)
		return refuse(ret_why, "attributes");
	if (!digest_strong(digest) || !key_strong(X509_get0_pubkey(signer)))
		return refuse(ret_why, "weak");
	*ret = signer;
	return 0;
}

/* RFC 9336 id-kp-documentSigning; RFC 5280 emailProtection and anyExtendedKeyUsage, which tools that
 * sign CMS ask for. */
static bool purpose_fits(const ASN1_OBJECT *purpose, const ASN1_OBJECT *documents)
{
	int nid = OBJ_obj2nid(purpose);

	return nid == NID_email_protect || nid == NID_anyExtendedKeyUsage ||
	       OBJ_cmp(purpose, documents) == 0;
}

/* What the certificate is for must be said by it: signing, and if purposes are named, documents. */
static int check_usage(X509 *signer, const char **ret_why)
{
	_cleanup_(object_put) ASN1_OBJECT *documents = OBJ_txt2obj("1.3.6.1.5.5.7.3.36", 1);
	_cleanup_(usage_put) EXTENDED_KEY_USAGE *purposes = NULL;
	uint32_t usage = X509_get_key_usage(signer);
	int critical = 0;
	bool fits;

	if (!documents)
		return crypto_fault();
	if (usage == UINT32_MAX ||
		(usage & (X509v3_KU_DIGITAL_SIGNATURE | X509v3_KU_NON_REPUDIATION)) == 0 ||
		X509_check_ca(signer) != 0)
		return refuse(ret_why, "usage");
	purposes = X509_get_ext_d2i(signer, NID_ext_key_usage, &critical, NULL);
	fits = !purposes && critical == -1;
	for (int i = 0; i < sk_ASN1_OBJECT_num(purposes); i++)
		fits = fits || purpose_fits(sk_ASN1_OBJECT_value(purposes, i), documents);
	return fits ? 0 : refuse(ret_why, "usage");
}

/* -- the chain ----------------------------------------------------------------------------------- */

static const char *chain_word(int error)
{
	switch (error) {
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
	case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
		return "false";
	case X509_V_ERR_CA_MD_TOO_WEAK:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_EE_KEY_TOO_SMALL:
		return "weak";
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return "expired";
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return "not-yet-valid";
	case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
	case X509_V_ERR_INVALID_EXTENSION:
		return "usage";
	default: /* OpenSSL's list is open; all else: the chain does not lead to an anchor */
		return "stranger";
	}
}

/* What the broker asks the revocation lists about. Return: 0, a fault or REFUSED. */
static int put_chain(const STACK_OF(X509) * chain, struct buf *out, const char **ret_why)
{
	for (int i = 0; i < sk_X509_num(chain); i++) {
		unsigned char *der = NULL;
		int n = i2d_X509(sk_X509_value(chain, i), &der);

		if (n < 0)
			return crypto_fault();
		if ((size_t)n > FEED_CHAIN_MAX - out->len) {
			OPENSSL_free(der);
			return refuse(ret_why, "certificate");
		}
		buf_put(out, der, (size_t)n);
		OPENSSL_free(der);
	}
	return trace(buf_check(out));
}

/* From @signer by way of @certs to an anchor of @store; an anchor may be an intermediate, or @signer
 * itself: PARTIAL_CHAIN; one that is no authority issues nothing. @now in seconds, or 0 to leave the
 * clock out. @out: NULL, or gets the chain. Return: 0, a fault or REFUSED. */
static int check_chain(X509_STORE *store, X509 *signer, STACK_OF(X509) * certs, time_t now,
	struct buf *out, const char **ret_why)
{
	_cleanup_(crypto_store_ctx_put) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	X509_VERIFY_PARAM *param;
	int ok;

	if (!ctx || X509_STORE_CTX_init(ctx, store, signer, certs) != 1)
		return crypto_fault();
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_auth_level(param, AUTH_LEVEL);
	(void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	if (now)
		X509_VERIFY_PARAM_set_time(param, now);
	else
		(void)X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME);
	ok = X509_verify_cert(ctx);
	if (ok == 1)
		return out ? trace(put_chain(X509_STORE_CTX_get0_chain(ctx), out, ret_why)) : 0;
	return refuse(ret_why, chain_word(X509_STORE_CTX_get_error(ctx)));
}

static int add_anchor(X509_STORE *store, struct view der)
{
	const unsigned char *at = der.data;
	_cleanup_(crypto_x509_put) X509 *cert = d2i_X509(NULL, &at, (long)der.len);

	return cert && X509_STORE_add_cert(store, cert) == 1 ? 0 : crypto_fault();
}

/* The anchors of nature @n. @ret_any: whether there are. */
static int take_anchors(X509_STORE *store, struct view anchors, enum nature n, bool *ret_any)
{
	struct reader in = reader_of(anchors);
	struct tlv a;
	int r;

	*ret_any = false;
	while ((r = tlv_next(&in, &a)) == 0) {
		struct tlv der;
		uint8_t nature;

		if (tlv_find_u8(a.value, FEED_TAG_NATURE, &nature) != 0 ||
			tlv_find(a.value, FEED_TAG_CERTIFICATE, &der) != 0)
			return fault(-EBADMSG); /* they are the broker's */
		if (nature != n)
			continue;
		r = add_anchor(store, der.value);
		if (r < 0)
			return trace(r);
		*ret_any = true;
	}
	return r == TLV_END ? 0 : fault(-EBADMSG);
}

static int check_nature(X509 *signer, STACK_OF(X509) * certs, struct view anchors,
	enum nature n, time_t now, struct buf *chain, const char **ret_why)
{
	_cleanup_(crypto_store_put) X509_STORE *store = X509_STORE_new();
	bool any;
	int r;

	if (!store)
		return crypto_fault();
	r = take_anchors(store, anchors, n, &any);
	if (r < 0)
		return trace(r);
	if (!any)
		return refuse(ret_why, "stranger");
	r = check_chain(store, signer, certs, 0, NULL, ret_why);
	return r != 0 ? trace(r)
		      : trace(check_chain(store, signer, certs, now, chain, ret_why));
}

/* The first nature whose anchors know the signer decides. */
static int find_nature(X509 *signer, STACK_OF(X509) * certs, struct view anchors, time_t now,
	struct feed_signed *s, const char **ret_why)
{
	int r = FEED_REFUSED;

	for (enum nature n = NATURE_REAL; n < NATURE_COUNT; n++) {
		r = check_nature(signer, certs, anchors, n, now, &s->chain, ret_why);
		if (r == 0)
			s->nature = n;
		if (r <= 0 || strcmp(*ret_why, "stranger") != 0)
			return trace(r);
	}
	return r;
}

static int take_name(X509 *signer, char *ret, size_t size, const char **ret_why)
{
	X509_NAME *subject = X509_get_subject_name(signer);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *text = NULL;
	int n, r;

	if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return refuse(ret_why, "certificate");
	n = ASN1_STRING_to_UTF8(
		&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	if (n < 0)
		return refuse(ret_why, "certificate");
	r = view_copy_str(view_of(text, (size_t)n), ret, size);
	OPENSSL_free(text);
	return r == 0 && json_text_fits(ret, FEED_NAME) ? 0 : refuse(ret_why, "certificate");
}

/* -- all of it ----------------------------------------------------------------------------------- */

static int verify(CMS_ContentInfo *cms, struct view anchors, uint64_t now,
	struct feed_signed *s, const char **ret_why)
{
	_cleanup_(certs_put) STACK_OF(X509) *certs = CMS_get1_certs(cms);
	time_t seconds = (time_t)(now / USEC_PER_SEC);
	X509 *signer = NULL;
	int r;

	ERR_clear_error();
	r = take_signer(cms, certs, &signer, ret_why);
	if (r == 0)
		r = find_nature(signer, certs, anchors, seconds ? seconds : 1, s, ret_why);
	if (r == 0)
		r = check_usage(signer, ret_why);
	if (r == 0)
		r = take_name(signer, s->signer, sizeof(s->signer), ret_why);
	if (r != 0)
		return trace(r);
	/* attributes, digest and signature; who signed was judged above */
	if (CMS_verify(cms, NULL, NULL, NULL, NULL, CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY) !=
		1)
		return refuse(ret_why, "false");
	return 0;
}

int feed_verify(struct view file, struct view anchors, uint64_t now, struct feed_signed *ret,
	const char **ret_why)
{
	_cleanup_(feed_signed_done) struct feed_signed s = FEED_SIGNED_NULL;
	int r;

	r = parse(file, &s.cms, ret_why);
	if (r == 0)
		r = take_content(s.cms, &s.content, ret_why);
	if (r == 0)
		r = verify(s.cms, anchors, now, &s, ret_why);
	if (r != 0)
		return trace(r);
	*ret = s;
	s = FEED_SIGNED_NULL;
	return 0;
}
