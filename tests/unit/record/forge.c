/* SPDX-License-Identifier: EUPL-1.2 */
/* Makes certificates with OpenSSL alone; whatever fails here is a broken test and stops it. */
#include "tests/unit/record/forge.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/tlv.h"
#include "tests/unit/record/keys.h" /* made by make-keys.c */

static void need(bool ok, const char *what)
{
	if (!ok) {
		(void)fprintf(stderr, "forge: %s\n", what);
		abort();
	}
}

EVP_PKEY *forge_ec(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	need(key, "EC key");
	return key;
}

/* Each of the keys of the build once; whoever wants more waits for one. */
static EVP_PKEY *made_before(void)
{
	static size_t next;
	const unsigned char *at;
	EVP_PKEY *key;

	if (next == ARRAY_LEN(keys))
		return NULL;
	at = keys[next++];
	key = d2i_PrivateKey(EVP_PKEY_RSA, NULL, &at, sizeof(keys[0]));
	need(key, "RSA key of the build");
	return key;
}

EVP_PKEY *forge_rsa(unsigned int bits)
{
	EVP_PKEY *key = bits == 2048 ? made_before() : NULL;

	if (!key)
		key = EVP_RSA_gen(bits);
	need(key, "RSA key");
	return key;
}

void forge_point(EVP_PKEY *key, uint8_t ret[65])
{
	size_t len = 0;

	need(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, ret, 65, &len) ==
				1 &&
			len == 65,
		"point");
}

void forge_sign(EVP_PKEY *key, struct view data, uint8_t ret[64])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char der[128];
	const unsigned char *at = der;
	size_t len = sizeof(der);
	ECDSA_SIG *sig;

	need(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL) == 1 &&
			EVP_DigestSign(ctx, der, &len, data.data, data.len) == 1,
		"signature");
	sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
	need(BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret, 32) == 32 &&
			BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret + 32, 32) == 32,
		"r and s");
	ECDSA_SIG_free(sig);
	EVP_MD_CTX_free(ctx);
}

static void put_date(struct buf *out, uint32_t tag, const char *text)
{
	size_t mark = tlv_open(out, tag);

	for (; *text; text++)
		buf_put_u8(out, (uint8_t)(*text - '0'));
	tlv_close(out, mark);
}

/* One of the domain parameters, from OpenSSL's own table and not from ours. */
static void put_number(struct buf *out, uint32_t tag, const BIGNUM *n, int len)
{
	uint8_t bytes[32];

	need(BN_bn2binpad(n, bytes, len) == len, "parameter");
	tlv_put(out, tag, view_of(bytes, (size_t)len));
}

static void put_parameters(struct buf *out, bool after)
{
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	BIGNUM *p = BN_new(), *a = BN_new(), *b = BN_new();
	uint8_t g[65];

	need(EC_GROUP_get_curve(group, p, a, b, NULL) == 1, "curve");
	need(EC_POINT_point2oct(group, EC_GROUP_get0_generator(group),
		     POINT_CONVERSION_UNCOMPRESSED, g, sizeof(g), NULL) == sizeof(g),
		"generator");
	if (after) {
		put_number(out, 0x87, EC_GROUP_get0_cofactor(group), 1);
	} else {
		put_number(out, 0x81, p, 32);
		put_number(out, 0x82, a, 32);
		put_number(out, 0x83, b, 32);
		tlv_put(out, 0x84, VIEW(g));
		put_number(out, 0x85, EC_GROUP_get0_order(group), 32);
	}
	BN_free(p);
	BN_free(a);
	BN_free(b);
	EC_GROUP_free(group);
}

void forge_cvc(const struct forged_cvc *f, struct buf *out)
{
	static const uint8_t ecdsa[] = {
		0x04, 0x00, 0x7f, 0x00, 0x07, 0x02, 0x02, 0x02, 0x02, 0x03};
	static const uint8_t role[] = {0x88, 0x37, 0x56, 0x01};
	size_t all = tlv_open(out, 0x7f21), start = out->len, body = tlv_open(out, 0x7f4e),
	       inner;
	uint8_t point[65], signature[64];

	forge_point(f->key, point);
	tlv_put_u8(out, 0x5f29, 0);
	tlv_put_str(out, 0x42, f->car);
	inner = tlv_open(out, 0x7f49);
	tlv_put(out, 0x06, VIEW(ecdsa));
	if (f->parameters)
		put_parameters(out, false);
	tlv_put(out, 0x86, VIEW(point));
	if (f->parameters)
		put_parameters(out, true);
	tlv_close(out, inner);
	tlv_put_str(out, 0x5f20, f->chr);
	inner = tlv_open(out, 0x7f4c);
	tlv_put(out, 0x06, VIEW(role));
	tlv_put_u8(out, 0x53, f->role);
	tlv_close(out, inner);
	put_date(out, 0x5f25, f->from);
	put_date(out, 0x5f24, f->until);
	tlv_close(out, body);
	forge_sign(f->signer, view_of(out->data + start, out->len - start), signature);
	tlv_put(out, 0x5f37, VIEW(signature));
	tlv_close(out, all);
	need(!out->failed, "certificate");
}

/* -- X.509 -------------------------------------------------------------------------------------- */

static void put_name(X509_NAME *name, int nid, const char *text, int set)
{
	if (text)
		need(X509_NAME_add_entry_by_NID(name, nid,
			     *text ? MBSTRING_UTF8 : V_ASN1_UTF8STRING,
			     (const unsigned char *)text, -1, -1, set) == 1,
			"name");
}

static void put_known(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	need(e && X509_add_ext(cert, e, -1) == 1, value);
	X509_EXTENSION_free(e);
}

static void put_raw(X509 *cert, const struct forged_extension *x)
{
	struct buf der = BUF_NULL(16384);
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *oid = OBJ_txt2obj(x->oid, 1);
	X509_EXTENSION *e;

	need(hex_decode(&der, view_str(x->hex)) == 0 && !der.failed, x->oid);
	need(ASN1_OCTET_STRING_set(value, der.data, (int)der.len) == 1, x->oid);
	e = X509_EXTENSION_create_by_OBJ(NULL, oid, x->critical, value);
	need(e && X509_add_ext(cert, e, -1) == 1, x->oid);
	X509_EXTENSION_free(e);
	ASN1_OBJECT_free(oid);
	ASN1_OCTET_STRING_free(value);
	buf_done(&der);
}

X509 *forge_x509(const struct forged_x509 *f)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	uint32_t serial = 0;

	need(RAND_bytes((unsigned char *)&serial, sizeof(serial)) == 1, "serial");
	need(X509_set_version(cert, X509_VERSION_3) == 1 &&
			ASN1_INTEGER_set(X509_get_serialNumber(cert), (long)(serial >> 1)) ==
				1 &&
			ASN1_TIME_set(X509_getm_notBefore(cert), f->from) &&
			ASN1_TIME_set(X509_getm_notAfter(cert), f->until) &&
			X509_set_pubkey(cert, f->key) == 1,
		"fields");
	put_name(name, NID_countryName, "FR", 0);
	put_name(name, NID_organizationName, f->organisation, 0);
	/* one multi-valued RDN: GN + CN + SN, as the real ones have it */
	put_name(name, NID_givenName, f->given, 0);
	put_name(name, NID_commonName, f->cn, f->given ? -1 : 0);
	put_name(name, NID_surname, f->surname, -1);
	if (f->twice)
		put_name(name, NID_commonName, f->cn, 0);
	need(X509_set_issuer_name(cert, f->issuer ? X509_get_subject_name(f->issuer) : name) ==
			1,
		"issuer");
	if (f->constraints)
		put_known(cert, NID_basic_constraints, f->constraints);
	else if (f->ca)
		put_known(cert, NID_basic_constraints, "critical,CA:TRUE");
	if (f->usage)
		put_known(cert, NID_key_usage, f->usage);
	for (const struct forged_extension *x = f->extensions; x && x->oid; x++)
		put_raw(cert, x);
	need(X509_sign(cert, f->issuer_key ? f->issuer_key : f->key, EVP_sha256()) > 0,
		"signing");
	return cert;
}

void forge_der(X509 *cert, struct buf *out)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);

	need(len > 0, "DER");
	buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
}

void forge_pem(X509 *cert, const char *path)
{
	BIO *file = BIO_new_file(path, "a");

	need(file && PEM_write_bio_X509(file, cert) == 1, path);
	BIO_free_all(file);
}

void forge_cms(
	X509 *cert, EVP_PKEY *key, struct view content, unsigned int flags, struct buf *out)
{
	BIO *in = BIO_new_mem_buf(content.data, (int)content.len);
	CMS_ContentInfo *cms = CMS_sign(cert, key, NULL, in, CMS_BINARY | flags);
	unsigned char *der = NULL;
	int len;

	need(cms, "CMS");
	len = i2d_CMS_ContentInfo(cms, &der);
	need(len > 0, "CMS in DER");
	buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free_all(in);
}

void forge_file(const char *path, struct view content)
{
	FILE *f = fopen(path, "wb");

	need(f && fwrite(content.data, 1, content.len, f) == content.len && fclose(f) == 0,
		path);
}

void forge_folder(char ret_path[32])
{
	need(snprintf(ret_path, 32, "/tmp/vitaled-XXXXXX") < 32 && mkdtemp(ret_path), "folder");
}

void forge_remove(const char *folder)
{
	need(forge_shell("rm -r \"$D\"", folder) == 0, folder);
}

int forge_shell(const char *command, const char *folder)
{
	char sh[] = "/bin/sh", c[] = "-c", *text = strdup(command);
	char *argv[] = {sh, c, text, NULL};
	int status = -1;
	pid_t pid;

	need(setenv("D", folder, 1) == 0, "environment");
	need(posix_spawn(&pid, sh, NULL, NULL, argv, environ) == 0, command);
	need(waitpid(pid, &status, 0) == pid, command);
	free(text);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
