/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of daemon/trust/crl/crl.h. The input is a list without its signature's truth: an authority
 * made once signs what the input says is to be signed, so that what stands behind the signature is
 * reached. First byte: 0 the rest is a file as it is; 1 the rest is a TBSCertList that is signed and
 * wrapped; 2 the rest stands for the authorities. Of every list that is taken: sorted, each number
 * once, within the limits, its authority ours.
 */
#include <assert.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/tlv.h"
#include "daemon/limits.h"
#include "daemon/trust/crl/crl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static EVP_PKEY *key;
static struct buf authority;
static uint8_t id[ISSUER_ID];

/* sequence { ecdsa-with-SHA256 }, RFC 5758 §3.2 */
static const uint8_t algorithm[] = {
	0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};

static void prepare(void)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	unsigned char *der = NULL;
	int len;

	key = EVP_EC_gen("P-256");
	assert(key && X509_set_version(cert, X509_VERSION_3) == 1);
	assert(X509_NAME_add_entry_by_txt(
		       name, "CN", MBSTRING_ASC, (const unsigned char *)"A", 1, -1, 0) == 1);
	assert(X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, key) == 1);
	assert(X509_gmtime_adj(X509_getm_notBefore(cert), 0) &&
		X509_gmtime_adj(X509_getm_notAfter(cert), 86400));
	assert(X509_sign(cert, key, EVP_sha256()) > 0);
	len = i2d_X509(cert, &der);
	assert(len > 0);
	authority = BUF_NULL(65536);
	buf_put(&authority, der, (size_t)len);
	assert(issuer_id(cert, id) == 0);
	OPENSSL_free(der);
	X509_free(cert);
}

/* CertificateList { @tbs, algorithm, signature over @tbs } */
static void wrap(struct view tbs, struct buf *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[128] = {0};
	size_t len = sizeof(signature) - 1;
	size_t mark = tlv_open(out, 0x30);

	assert(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) == 1);
	assert(EVP_DigestSign(ctx, signature + 1, &len, tbs.data, tbs.len) == 1);
	buf_put_view(out, tbs);
	buf_put(out, algorithm, sizeof(algorithm));
	tlv_put(out, 0x03, view_of(signature, len + 1)); /* no unused bits */
	tlv_close(out, mark);
	EVP_MD_CTX_free(ctx);
	assert(!out->failed);
}

static void check(const struct crl *c)
{
	assert(memcmp(c->issuer, id, sizeof(id)) == 0);
	assert(c->this_update > 0 && (!c->next_update || c->next_update >= c->this_update));
	assert(strlen(c->point) <= CRL_POINT_MAX);
	assert(c->n <= LIMIT_CRL_ENTRIES);
	for (uint32_t i = 1; i < c->n; i++)
		assert(memcmp(c->serials[i - 1], c->serials[i], ISSUER_SERIAL) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(1U << 20);
	struct crl c = CRL_NULL;
	struct view rest, others;
	int r;

	if (!key)
		prepare();
	if (size == 0 || size > 1U << 16)
		return 0;
	rest = view_of(data + 1, size - 1);
	others = data[0] == 2 ? rest : buf_view(&authority);
	if (data[0] == 1)
		wrap(rest, &file);
	else
		buf_put_view(&file, rest);
	r = crl_read(buf_view(&file), others, &c);
	assert(r >= 0 && r < CRL_OUTCOMES);
	if (r == CRL_DONE)
		check(&c);
	else
		assert(!c.serials);
	crl_done(&c);
	return 0;
}
