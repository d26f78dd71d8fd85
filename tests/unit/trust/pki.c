/* SPDX-License-Identifier: EUPL-1.2 */
/* The anchors and cards of the tests, made anew for each program. */
#include "tests/unit/trust/pki.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <sys/stat.h>

const struct forged_extension pki_profile[PKI_PROFILE] = {
	{"1.2.250.1.71.1.2.2", "020100", false},
	/* 8025000001/0000012345 */
	{"1.2.250.1.71.1.2.3", "1315383032353030303030312f30303030303132333435", false},
	{"1.2.250.1.71.1.2.5", "040180", false},
	{"1.2.250.1.71.1.2.7", "02010a", false},
	{"1.2.250.1.71.4.2.5", "1304534d3236", false},
	{NULL, NULL, false},
};

struct pki pki;

static void path_of(char path[128], const char *rest)
{
	assert_true(snprintf(path, 128, "%s/%s", pki.folder, rest) < 128);
}

struct forged_x509 pki_authority(const char *cn, EVP_PKEY *key)
{
	return (struct forged_x509){.cn = cn,
		.surname = "authority",
		.organisation = "VITALED",
		.usage = "critical,keyCertSign,cRLSign",
		.ca = true,
		.from = NOW - 10 * YEAR,
		.until = NOW + 10 * YEAR,
		.key = key};
}

struct forged_x509 pki_doctor(void)
{
	return (struct forged_x509){.cn = "899700000123",
		.surname = "MARTIN-L\xc3\x89GER",
		.given = "ZO\xc3\x8b",
		.organisation = "CABINET SIMUL\xc3\x89",
		.usage = USAGE,
		.from = NOW - YEAR,
		.until = NOW + 2 * YEAR,
		.key = pki.card_key,
		.issuer = pki.ca,
		.issuer_key = pki.ca_key,
		.extensions = pki_profile};
}

struct forged_cvc pki_root_cvc(const char *name, EVP_PKEY *key)
{
	return (struct forged_cvc){.car = name,
		.chr = name,
		.from = "200101",
		.until = "391231",
		.role = 0xff,
		.key = key,
		.signer = key,
		.parameters = true};
}

struct forged_cvc pki_card_cvc(void)
{
	return (struct forged_cvc){.car = SIM,
		.chr = "FRP1234567800001",
		.from = "240101",
		.until = "291231",
		.role = 0x0a,
		.key = pki.cvc_card,
		.signer = pki.cvc_root};
}

static void write_cvc(const struct forged_cvc *f, const char *where)
{
	struct buf b = BUF_NULL(CVC_MAX);
	char path[128];

	path_of(path, where);
	forge_cvc(f, &b);
	forge_file(path, buf_view(&b));
	buf_done(&b);
}

static void write_pem(X509 *cert, const char *where)
{
	char path[128];

	path_of(path, where);
	forge_pem(cert, path);
}

static void make_folders(void)
{
	static const char *const natures[] = {"real", "test", "simulated"};
	char path[128];

	forge_folder(pki.folder);
	for (size_t i = 0; i < ARRAY_LEN(natures); i++) {
		path_of(path, natures[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
}

int pki_prepare(void **state)
{
	struct forged_x509 f;
	struct forged_cvc c;

	(void)state;
	pki.root_key = forge_rsa(2048);
	pki.ca_key = forge_rsa(2048);
	pki.card_key = forge_rsa(2048);
	pki.stranger_key = forge_rsa(2048);
	pki.cvc_root = forge_ec();
	pki.cvc_test = forge_ec();
	pki.cvc_card = forge_ec();
	f = pki_authority("VITALED SIMULATED ROOT", pki.root_key);
	pki.root = forge_x509(&f);
	f = pki_authority("VITALED SIMULATED PERSONS", pki.ca_key);
	f.issuer = pki.root;
	f.issuer_key = pki.root_key;
	pki.ca = forge_x509(&f);
	f = pki_authority(
		"VITALED SIMULATED PERSONS", pki.stranger_key); /* same name, other key */
	pki.stranger = forge_x509(&f);
	f = pki_authority("VITALED TEST ROOT", pki.stranger_key);
	pki.test_root = forge_x509(&f);
	make_folders();
	write_pem(pki.root, "simulated/chain.pem");
	write_pem(pki.ca, "simulated/chain.pem");
	write_pem(pki.test_root, "test/root.pem");
	c = pki_root_cvc(SIM, pki.cvc_root);
	write_cvc(&c, "simulated/root.cvcert");
	c = pki_root_cvc(TEST, pki.cvc_test);
	c.until = "231231";
	write_cvc(&c, "test/root.cvcert");
	assert_int_equal(trust_new(pki.folder, &pki.trust, NULL), 0);
	return 0;
}

int pki_clean(void **state)
{
	(void)state;
	trust_free(pki.trust);
	X509_free(pki.root);
	X509_free(pki.ca);
	X509_free(pki.stranger);
	X509_free(pki.test_root);
	EVP_PKEY_free(pki.root_key);
	EVP_PKEY_free(pki.ca_key);
	EVP_PKEY_free(pki.card_key);
	EVP_PKEY_free(pki.stranger_key);
	EVP_PKEY_free(pki.cvc_root);
	EVP_PKEY_free(pki.cvc_test);
	EVP_PKEY_free(pki.cvc_card);
	forge_remove(pki.folder);
	return 0;
}

/* What trust_x509() says of @f at @now. */
int pki_judge_at(const struct forged_x509 *f, time_t now, bool signing, struct trust_person *p)
{
	struct buf der = BUF_NULL(16384);
	X509 *cert = forge_x509(f);
	int r;

	forge_der(cert, &der);
	r = trust_x509(pki.trust, buf_view(&der), (uint64_t)now * USEC_PER_SEC, signing, p);
	buf_done(&der);
	X509_free(cert);
	return r;
}

int pki_judge(const struct forged_x509 *f)
{
	struct trust_person p;

	return pki_judge_at(f, NOW, true, &p);
}

X509 *pki_keyless(X509 *cert)
{
	static const uint8_t bits[] = {0x03, 0x42, 0x00, 0x04};
	struct buf der = BUF_NULL(8192);
	const unsigned char *at;
	size_t i = 0;
	X509 *made;

	forge_der(cert, &der);
	while (!view_equal(view_sub(buf_view(&der), i, sizeof(bits)), VIEW(bits)))
		i++;
	der.data[i + sizeof(bits) + 63] ^= 1;
	at = der.data;
	made = d2i_X509(NULL, &at, (long)der.len);
	assert_non_null(made);
	assert_null(X509_get0_pubkey(made));
	buf_done(&der);
	return made;
}
