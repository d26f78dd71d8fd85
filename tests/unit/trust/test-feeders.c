/* SPDX-License-Identifier: EUPL-1.2 */
/* The folders of the feeders' anchors (daemon/trust/feeders.h), and that cards have nobody in them. */
#include "base/link-feed.h"
#include "base/tlv.h"
#include "daemon/limits.h"
#include "daemon/trust/feeders.h"
#include "tests/unit/record/failing.h"
#include "tests/unit/trust/pki.h"

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
#include <unistd.h>

static const struct forged_extension none[] = {{NULL, NULL, false}};
/* extKeyUsage, of bytes that are none */
static const struct forged_extension broken[] = {
	{"2.5.29.37", "0500", false}, {NULL, NULL, false}};

static struct forged_x509 signer(EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
	struct forged_x509 f = pki_doctor();

	f.cn = "Caisse";
	f.key = key;
	f.issuer = issuer;
	f.issuer_key = issuer_key;
	f.usage = "critical,digitalSignature";
	f.extensions = none;
	return f;
}

static char folder[32];

static int make_folders(void **state)
{
	char path[128];

	(void)state;
	forge_folder(folder);
	for (const char *const *name = (const char *const[]){"feeder", "feeder/real",
		     "feeder/simulated", NULL};
		*name; name++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, *name);
		if (mkdir(path, 0700) < 0)
			return -1;
	}
	return 0;
}

static int remove_folders(void **state)
{
	(void)state;
	forge_remove(folder);
	return 0;
}

static void put(X509 *cert, const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/feeder/%s", folder, name);
	forge_pem(cert, path);
}

static int gather_beside(const struct trust *cards, size_t *ret_n, char bad[256])
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(LIMIT_FEED_ANCHORS);
	int r = feeders_read(folder, cards, &out, bad);
	struct reader in = reader_of(buf_view(&out));
	struct tlv t;

	for (*ret_n = 0; tlv_next(&in, &t) == 0; (*ret_n)++)
		assert_int_equal(t.tag, FEED_TAG_ANCHOR);
	return r;
}

static int gather(size_t *ret_n, char bad[256])
{
	return gather_beside(pki.trust, ret_n, bad);
}

static void anchors_are_read_by_nature_and_others_are_named(void **state)
{
	_cleanup_(crypto_pkey_put) EVP_PKEY *key = forge_ec();
	struct forged_x509 f = pki_authority("FEEDERS", key);
	_cleanup_(crypto_x509_put) X509 *ca = forge_x509(&f), *leaf = NULL;
	char bad[256], path[128];
	size_t n;

	(void)state;
	assert_int_equal(gather(&n, bad), 0);
	assert_int_equal(n, 0);
	put(ca, "simulated/a.pem");
	assert_int_equal(gather(&n, bad), 0);
	assert_int_equal(n, 1);
	put(ca, "real/b.pem"); /* two natures */
	assert_int_equal(gather(&n, bad), FEEDERS_BAD);
	assert_string_equal(bad, "simulated/a.pem");
	put(pki.root, "real/b.pem"); /* an anchor of cards */
	assert_int_equal(gather(&n, bad), FEEDERS_BAD);
	assert_string_equal(bad, "real/b.pem");
	f = signer(pki.card_key, pki.root, pki.root_key);
	leaf = forge_x509(&f);
	put(leaf, "real/b.pem"); /* by an anchor of cards */
	assert_int_equal(gather(&n, bad), FEEDERS_BAD);
	(void)snprintf(path, sizeof(path), "%s/feeder/real/b.pem", folder);
	forge_file(path, VIEW_TEXT("-----BEGIN CERTIFICATE-----\nx\n"));
	assert_int_equal(gather(&n, bad), FEEDERS_BAD);
	forge_file(path, VIEW_TEXT("nothing"));
	assert_int_equal(gather(&n, bad), FEEDERS_BAD);
	forge_file(path, VIEW_NULL);
	assert_int_equal(gather(&n, bad), FEEDERS_BAD);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/feeder/real/README", folder);
	forge_file(path, VIEW_TEXT("no anchor, and not looked at"));
	assert_int_equal(gather(&n, bad), 0);
}

/* @f as the only anchor, beside those of @cards. */
static void is_refused(const struct trust *cards, const struct forged_x509 *f, bool wanted)
{
	_cleanup_(crypto_x509_put) X509 *cert = forge_x509(f);
	char bad[256], path[128];
	size_t n;

	(void)snprintf(path, sizeof(path), "%s/feeder/simulated/a.pem", folder);
	put(cert, "simulated/a.pem");
	assert_int_equal(gather_beside(cards, &n, bad), wanted ? FEEDERS_BAD : 0);
	assert_int_equal(n, wanted ? 0 : 1);
	assert_int_equal(unlink(path), 0);
}

/* Whatever its name, and whoever has signed it anew. */
static void an_anchor_of_cards_is_known_by_its_key_and_by_what_it_issued(void **state)
{
	_cleanup_(crypto_pkey_put) EVP_PKEY *key = forge_ec(), *other = forge_ec();
	struct forged_x509 f = pki_authority("FEEDERS", key);
	_cleanup_(crypto_x509_put) X509 *ca = forge_x509(&f), *below = NULL;
	struct trust *cards = NULL;
	char path[128];

	(void)state;
	is_refused(pki.trust, &f, false);
	f = pki_authority("VITALED SIMULATED ROOT", pki.root_key);
	f.until += YEAR; /* the same, renewed */
	is_refused(pki.trust, &f, true);
	f = pki_authority("FEEDERS", pki.root_key); /* under another name */
	is_refused(pki.trust, &f, true);
	f = pki_authority("ACROSS", pki.root_key);
	f.issuer = ca; /* by another authority */
	f.issuer_key = key;
	is_refused(pki.trust, &f, true);
	f = pki_authority("FEEDERS OF CARDS", key); /* below an anchor */
	f.issuer = pki.ca;
	f.issuer_key = pki.ca_key;
	is_refused(pki.trust, &f, true);
	f.issuer_key = other; /* which has not signed it */
	is_refused(pki.trust, &f, false);
	/* above an anchor: every card would be a feeder's */
	f = pki_authority("CARDS", other);
	f.issuer = ca;
	f.issuer_key = key;
	below = forge_x509(&f);
	(void)snprintf(path, sizeof(path), "%s/simulated", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/simulated/cards.pem", folder);
	forge_pem(below, path);
	assert_int_equal(trust_new(folder, &cards, NULL), 0);
	f = pki_authority("FEEDERS", key);
	is_refused(cards, &f, true);
	f = pki_authority("OTHERS", pki.card_key);
	is_refused(cards, &f, false);
	trust_free(cards);
}

/* It could be related to anybody's. */
static void an_anchor_without_a_key_is_none(void **state)
{
	_cleanup_(crypto_pkey_put) EVP_PKEY *key = forge_ec(), *above = forge_ec();
	struct forged_x509 f = pki_authority("ABOVE", above);
	_cleanup_(crypto_x509_put) X509 *root = forge_x509(&f), *ca = NULL, *keyless = NULL;
	char bad[256];
	size_t n;

	(void)state;
	f = pki_authority("FEEDERS", key);
	f.issuer = root;
	f.issuer_key = above;
	ca = forge_x509(&f);
	keyless = pki_keyless(ca);
	put(ca, "simulated/a.pem");
	assert_int_equal(gather(&n, bad), 0);
	assert_int_equal(n, 1);
	put(keyless, "simulated/b.pem");
	assert_int_equal(gather(&n, bad), FEEDERS_BAD);
	assert_string_equal(bad, "simulated/b.pem");
}

/* Which is then that one alone: test-feed.c. */
static void a_signers_own_certificate_may_be_an_anchor(void **state)
{
	_cleanup_(crypto_pkey_put) EVP_PKEY *key = forge_ec(), *other = forge_ec();
	struct forged_x509 f = pki_authority("FEEDERS", key);
	_cleanup_(crypto_x509_put) X509 *ca = forge_x509(&f);

	(void)state;
	f = signer(other, ca, key);
	is_refused(pki.trust, &f, false);
	f.extensions = broken; /* nobody knows what it is for */
	is_refused(pki.trust, &f, true);
	f = signer(other, NULL, other); /* by itself alone */
	is_refused(pki.trust, &f, false);
	f.issuer_key = key; /* which is not its own */
	is_refused(pki.trust, &f, true);
	f = signer(other, pki.ca, pki.ca_key); /* by who issues cards */
	is_refused(pki.trust, &f, true);
}

/* Whatever allocation fails, alone or with all after it: it is not taken. */
static void an_anchor_of_cards_is_none_without_memory_either(void **state)
{
	_cleanup_(crypto_pkey_put) EVP_PKEY *key = forge_ec(), *above = forge_ec();
	struct forged_x509 f = pki_authority("CARDS", above);
	_cleanup_(crypto_x509_put) X509 *card = forge_x509(&f), *feeder = NULL;
	struct trust *cards = NULL;
	char bad[256], path[128];
	size_t count;

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/simulated", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/simulated/cards.pem", folder);
	forge_pem(card, path);
	assert_int_equal(trust_new(folder, &cards, NULL), 0);
	for (unsigned int i = 0; i < 6; i++) {
		const struct trust *of = i / 2 == 0 ? pki.trust : cards;
		bool met = true;

		f = pki_authority("FEEDERS", i / 2 == 1 ? above : key); /* its own key */
		if (i / 2 != 1) {
			f.issuer = of == cards ? card : pki.ca;
			f.issuer_key = of == cards ? above : pki.ca_key;
		}
		X509_free(feeder);
		feeder = forge_x509(&f);
		(void)snprintf(path, sizeof(path), "%s/feeder/simulated/a.pem", folder);
		(void)unlink(path);
		put(feeder, "simulated/a.pem");
		for (unsigned int n = 0; met; n++) {
			_cleanup_(buf_done) struct buf out = BUF_NULL(LIMIT_FEED_ANCHORS);
			int r;

			failing_arm(n, i % 2 == 1);
			r = feeders_read(folder, of, &out, bad);
			met = failing_off();
			assert_true(r == FEEDERS_BAD || (met && r < 0));
		}
		assert_int_equal(gather_beside(of, &count, bad), FEEDERS_BAD);
	}
	trust_free(cards);
}

int main(void)
{
#define F(f) cmocka_unit_test_setup_teardown(f, make_folders, remove_folders)
	const struct CMUnitTest tests[] = {
		F(anchors_are_read_by_nature_and_others_are_named),
		F(an_anchor_of_cards_is_known_by_its_key_and_by_what_it_issued),
		F(an_anchor_of_cards_is_none_without_memory_either),
		F(an_anchor_without_a_key_is_none),
		F(a_signers_own_certificate_may_be_an_anchor),
	};

	failing_setup();
	return cmocka_run_group_tests(tests, pki_prepare, pki_clean);
}
