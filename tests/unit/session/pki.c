/* SPDX-License-Identifier: EUPL-1.2 */
/* Forged authorities and cards; all keys are made at the start and shared. */
#include "tests/unit/session/pki.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/hex.h"

#define YEAR	  ((time_t)365 * 86400)
#define CARDS_MAX 99U

struct authority {
	const char *nature;
	const char *car;
	EVP_PKEY *cvc;
	EVP_PKEY *rsa;
	X509 *root;
};

static struct {
	struct authority authorities[4];
	EVP_PKEY *professional; /* RSA of all professionals: made once, it is slow */
	EVP_PKEY *renewed;	/* ... of a card that got another one */
	struct forged_card cards[CARDS_MAX];
	size_t n_cards;
} pki = {.authorities = {
		 {.nature = "simulated", .car = "FRVDSIMROOT00001"},
		 {.nature = "test", .car = "FRVDTESTRO000001"},
		 {.nature = "real", .car = "FRVDREALRO000001"},
		 {.nature = "stranger", .car = "FRVDSIMROOT00001"},
	 }};

static struct authority *authority_of(const char *nature)
{
	for (size_t i = 0; i < ARRAY_LEN(pki.authorities); i++) {
		if (strcmp(pki.authorities[i].nature, nature) == 0) {
			return &pki.authorities[i];
		}
	}
	fail_msg("no authority %s", nature);
	return NULL;
}

static void authority_make(struct authority *a, const char *folder)
{
	struct buf cvc = BUF_NULL(1024);
	struct forged_cvc c = {
		.car = a->car,
		.chr = a->car,
		.from = "200101",
		.until = "391231",
		.role = 0xff,
		.parameters = true,
	};
	struct forged_x509 f = {
		.cn = a->nature,
		.surname = "authority",
		.organisation = "VITALED",
		.usage = "critical,keyCertSign,cRLSign",
		.ca = true,
		.from = time(NULL) - 10 * YEAR,
		.until = time(NULL) + 10 * YEAR,
	};
	char path[256];

	a->cvc = forge_ec();
	a->rsa = forge_rsa(2048);
	c.key = a->cvc;
	c.signer = a->cvc;
	f.key = a->rsa;
	f.issuer_key = a->rsa;
	a->root = forge_x509(&f);
	if (strcmp(a->nature, "stranger") == 0) {
		return;
	}
	assert_true(snprintf(path, sizeof(path), "%s/%s", folder, a->nature) > 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(snprintf(path, sizeof(path), "%s/%s/root.cvcert", folder, a->nature) > 0);
	forge_cvc(&c, &cvc);
	forge_file(path, buf_view(&cvc));
	buf_done(&cvc);
	assert_true(snprintf(path, sizeof(path), "%s/%s/root.pem", folder, a->nature) > 0);
	forge_pem(a->root, path);
}

void pki_open(const char *folder)
{
	for (size_t i = 0; i < ARRAY_LEN(pki.authorities); i++) {
		authority_make(&pki.authorities[i], folder);
	}
	pki.professional = forge_rsa(2048);
}

void pki_forget_cards(void)
{
	for (size_t i = 0; i < pki.n_cards; i++) {
		EVP_PKEY_free(pki.cards[i].key);
		buf_done(&pki.cards[i].cvc);
		buf_done(&pki.cards[i].sig);
		buf_done(&pki.cards[i].aut);
	}
	pki.n_cards = 0;
}

void pki_close(void)
{
	pki_forget_cards();
	for (size_t i = 0; i < ARRAY_LEN(pki.authorities); i++) {
		EVP_PKEY_free(pki.authorities[i].cvc);
		EVP_PKEY_free(pki.authorities[i].rsa);
		X509_free(pki.authorities[i].root);
	}
	EVP_PKEY_free(pki.professional);
	EVP_PKEY_free(pki.renewed);
	pki.professional = NULL;
	pki.renewed = NULL;
}

static void make_role(struct forged_card *c, const struct authority *a, char letter,
	const char *digits, enum forged_fault fault)
{
	const struct authority *signer =
		fault == FORGED_STRANGER ? authority_of("stranger") : a;
	char chr[17];
	struct forged_cvc f = {
		.car = a->car,
		.chr = chr,
		.from = "240101",
		.until = fault == FORGED_EXPIRED ? "250101" : "391231",
		.role = letter == 'V' ? 0 : 10,
		.key = c->key,
		.signer = signer->cvc,
	};

	assert_int_equal(snprintf(chr, sizeof(chr), "FR%c%s00001", letter,
				 fault == FORGED_OTHER_CHR ? "99999999" : digits),
		16);
	if (fault == FORGED_OTHER_ROLE) {
		f.role = letter == 'V' ? 10 : 21;
	}
	forge_cvc(&f, &c->cvc);
}

/* "8025000001/0" and the 9 digits of the chip, as a PrintableString in hexadecimal. */
static void card_number(unsigned int chip, char ret_hex[64])
{
	struct buf der = BUF_NULL(64);
	struct buf hex = BUF_NULL(64);
	char text[24];

	assert_int_equal(snprintf(text, sizeof(text), "8025000001/0%09u", chip), 21);
	buf_put_u8(&der, 0x13);
	buf_put_u8(&der, 21);
	buf_put_str(&der, text);
	hex_encode(&hex, buf_view(&der));
	assert_int_equal(view_copy_str(buf_view(&hex), ret_hex, 64), 0);
	buf_done(&der);
	buf_done(&hex);
}

static void make_x509(const struct authority *a, const char *cn, const char *usage,
	EVP_PKEY *key, enum forged_fault fault, unsigned int chip, struct buf *out)
{
	char number[64];
	const struct forged_extension profile[] = {
		{"1.2.250.1.71.1.2.2", "020100", false},
		{"1.2.250.1.71.1.2.3", number, false},
		{"1.2.250.1.71.1.2.5", "040180", false},
		{"1.2.250.1.71.1.2.7", "02010a", false},
		{fault == FORGED_NO_SPECIALITY ? NULL : "1.2.250.1.71.4.2.5", "1304534d3236",
			false},
		{NULL, NULL, false},
	};
	const struct authority *issuer =
		fault == FORGED_X509_STRANGER ? authority_of("stranger") : a;
	struct forged_x509 f = {
		.cn = cn,
		.surname = "MARTIN",
		.given = "CLAUDE",
		.organisation = "CABINET",
		.usage = usage,
		.from = time(NULL) - YEAR,
		.until = fault == FORGED_X509_EXPIRED ? time(NULL) - 86400 : time(NULL) + YEAR,
		.key = key,
		.issuer = issuer->root,
		.issuer_key = issuer->rsa,
		.extensions = profile,
	};
	X509 *cert;

	card_number(chip, number);
	cert = forge_x509(&f);
	forge_der(cert, out);
	X509_free(cert);
}

static struct forged_card *make_card(
	const char *nature, char letter, enum forged_fault fault, uint8_t number, EVP_PKEY *rsa)
{
	static const uint8_t head[] = {0x80, 0x25, 0x00, 0x00, 0x01};
	static const char somebody[] = "899700000456";
	struct authority *a = authority_of(nature);
	struct forged_card *c = &pki.cards[pki.n_cards++];
	char digits[9];
	unsigned int sig = fault == FORGED_OTHER_CARD ? number + 1U : number;
	unsigned int aut = fault == FORGED_TWO_CARDS ? number + 1U : sig;

	assert_true(pki.n_cards < CARDS_MAX);
	*c = (struct forged_card){
		.cvc = BUF_NULL(1024), .sig = BUF_NULL(8192), .aut = BUF_NULL(8192)};
	c->key = forge_ec();
	bytes_copy(c->serial, sizeof(c->serial), head, sizeof(head));
	/* 8025000001 0000000NN F */
	c->serial[8] = number / 10 % 10;
	c->serial[9] = (uint8_t)((number % 10) << 4 | 0x0f);
	assert_int_equal(snprintf(digits, sizeof(digits), "%08u", (unsigned int)number), 8);
	make_role(c, a, letter, digits, fault);
	if (letter == 'P') {
		c->rsa = rsa;
		make_x509(a, fault == FORGED_SOMEBODY ? somebody : "899700000123",
			"critical,nonRepudiation", rsa, fault, sig, &c->sig);
		make_x509(a,
			fault == FORGED_TWO_PEOPLE || fault == FORGED_SOMEBODY ? somebody
									       : "899700000123",
			"critical,digitalSignature", rsa, FORGED_GOOD, aut, &c->aut);
	}
	return c;
}

struct forged_card *pki_card(const char *nature, char letter, enum forged_fault fault)
{
	return make_card(nature, letter, fault, (uint8_t)(pki.n_cards + 1), pki.professional);
}

struct forged_card *pki_renew(
	const struct forged_card *old, const char *nature, enum forged_fault fault, bool signs)
{
	uint8_t number = (uint8_t)(old->serial[8] * 10 + (old->serial[9] >> 4));
	struct forged_card *c;

	if (!signs) {
		return make_card(nature, 'P', fault, number, old->rsa);
	}
	if (!pki.renewed) {
		pki.renewed = forge_rsa(2048);
	}
	c = make_card(nature, 'P', fault, number, pki.renewed);
	EVP_PKEY_free(c->key);
	EVP_PKEY_up_ref(old->key);
	c->key = old->key;
	buf_reset(&c->cvc);
	buf_put_view(&c->cvc, buf_view(&old->cvc));
	return c;
}
