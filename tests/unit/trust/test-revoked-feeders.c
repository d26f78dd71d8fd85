/* SPDX-License-Identifier: EUPL-1.2 */
/* daemon/trust/revocation.h: lists of feeders' authorities, and that no side's list counts for the other. */
#include "daemon/trust/anchors.h"
#include "daemon/trust/crl/crl.h"
#include "daemon/trust/feeders.h"
#include "daemon/trust/revocation.h"
#include "tests/unit/record/failing.h"
#include "tests/unit/trust/chains.h"
#include "tests/unit/trust/handed.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <string.h>

static X509 *card;
static struct buf card_der;
static char card_serial[64], ca_serial[64];

static int prepare(void **state)
{
	int r = pki_prepare(state);
	struct forged_x509 f = pki_doctor();

	card = forge_x509(&f);
	card_der = BUF_NULL(8192);
	forge_der(card, &card_der);
	handed_serial(card, card_serial);
	handed_serial(pki.ca, ca_serial);
	return r;
}

static int clean(void **state)
{
	X509_free(card);
	buf_done(&card_der);
	return pki_clean(state);
}

/* Every test begins without lists and without feeders. */
static int anew(void **state)
{
	(void)state;
	trust_free(pki.trust);
	pki.trust = NULL;
	return trust_new(pki.folder, &pki.trust, NULL);
}

static enum trust_revocation ask(void)
{
	enum trust_revocation answer = TRUST_REVOCATION_UNKNOWN;

	assert_int_equal(trust_revocation(pki.trust, buf_view(&card_der), NOW_US, &answer), 0);
	return answer;
}

struct feeders {
	EVP_PKEY *root_key, *ca_key;
	X509 *root, *ca, *signer;
	char serial[64], ca_serial[64];
};

static struct feeders make_feeders(void)
{
	struct feeders f = {.root_key = forge_ec(), .ca_key = forge_ec()};
	/* its name is that of an authority of cards: a name is nobody's */
	struct forged_x509 one = pki_authority("VITALED SIMULATED PERSONS", f.root_key);

	f.root = forge_x509(&one);
	one = pki_authority("FEEDERS BELOW", f.ca_key);
	one.issuer = f.root;
	one.issuer_key = f.root_key;
	f.ca = forge_x509(&one);
	one = chains_signer(f.ca, f.ca_key);
	f.signer = forge_x509(&one);
	handed_serial(f.signer, f.serial);
	handed_serial(f.ca, f.ca_serial);
	return f;
}

static void free_feeders(struct feeders *f)
{
	X509_free(f->root);
	X509_free(f->ca);
	X509_free(f->signer);
	EVP_PKEY_free(f->root_key);
	EVP_PKEY_free(f->ca_key);
}

static void a_feeder_is_asked_of_as_a_card_is(void **state)
{
	struct feeders f = make_feeders();
	X509 *const chain[] = {f.signer, f.ca, NULL};
	const char *const with[] = {f.serial, NULL}, *const above[] = {f.ca_serial, NULL};
	struct forged_list l = handed_list(f.ca, f.ca_key, NULL);

	(void)state;
	chains_believe((X509 *const[]){f.root, f.ca, NULL});
	assert_int_equal(chains_ask(chain, NOW_US), TRUST_REVOCATION_UNKNOWN); /* no list */
	assert_int_equal(handed_in(&l, US(l.from) - 1), REVOCATION_EARLY);
	assert_int_equal(handed_in(&l, NOW_US), 0);
	assert_int_equal(chains_ask(chain, NOW_US), TRUST_REVOCATION_GOOD);
	assert_int_equal(chains_ask(chain, US(l.until) + 1), TRUST_REVOCATION_UNKNOWN);
	l.serials = with;
	l.number = "301";
	assert_int_equal(handed_in(&l, NOW_US), 0);
	assert_int_equal(chains_ask(chain, NOW_US), TRUST_REVOCATION_REVOKED);
	assert_int_equal(chains_ask(chain, US(l.until) + 1), TRUST_REVOCATION_REVOKED);
	chains_believe(
		(X509 *const[]){NULL}); /* what is known to be revoked is not forgotten */
	assert_int_equal(chains_ask(chain, NOW_US), TRUST_REVOCATION_REVOKED);
	chains_believe((X509 *const[]){f.root, f.ca, NULL});
	l.serials = NULL;
	l.number = "302";
	assert_int_equal(handed_in(&l, NOW_US), 0);
	assert_int_equal(chains_ask(chain, NOW_US), TRUST_REVOCATION_GOOD);
	l = handed_list(f.root, f.root_key, above); /* an anchor that is above the last one */
	assert_int_equal(handed_in(&l, NOW_US), 0);
	assert_int_equal(chains_ask(chain, NOW_US), TRUST_REVOCATION_REVOKED);
	free_feeders(&f);
}

static void neither_side_revokes_the_others(void **state)
{
	struct feeders f = make_feeders();
	const char *const with[] = {card_serial, f.serial, ca_serial, f.ca_serial, NULL};
	X509 *const chain[] = {f.signer, f.ca, f.root, NULL};
	/* what no feed can have: one whom an authority of cards issued */
	struct forged_x509 one = chains_signer(pki.ca, pki.ca_key);
	X509 *crossed = forge_x509(&one);
	X509 *const cross[] = {crossed, pki.ca, NULL};
	char crossed_serial[64];
	const char *const crossed_with[] = {crossed_serial, NULL};
	struct forged_list l = handed_list(f.ca, f.ca_key, with);

	(void)state;
	handed_serial(crossed, crossed_serial);
	chains_believe((X509 *const[]){f.root, f.ca, NULL});
	assert_int_equal(handed_in(&l, NOW_US), 0); /* all numbers, of both sides */
	l = handed_list(f.root, f.root_key, with);  /* its name is the card's issuer's */
	assert_int_equal(handed_in(&l, NOW_US), 0);
	assert_int_equal(ask(), TRUST_REVOCATION_UNKNOWN); /* nor do they make it good */
	assert_int_equal(chains_ask(chain, NOW_US), TRUST_REVOCATION_REVOKED);
	trust_free(pki.trust);
	pki.trust = NULL;
	assert_int_equal(trust_new(pki.folder, &pki.trust, NULL), 0);
	chains_believe((X509 *const[]){f.root, f.ca, NULL});
	l = handed_list(pki.ca, pki.ca_key, with);
	assert_int_equal(handed_in(&l, NOW_US), 0);
	l = handed_list(pki.root, pki.root_key, with);
	assert_int_equal(handed_in(&l, NOW_US), 0);
	assert_int_equal(ask(), TRUST_REVOCATION_REVOKED);
	assert_int_equal(chains_ask(chain, NOW_US), TRUST_REVOCATION_UNKNOWN);
	l = handed_list(pki.ca, pki.ca_key, crossed_with);
	l.number = "301";
	assert_int_equal(handed_in(&l, NOW_US), 0);
	assert_int_equal(chains_ask(cross, NOW_US), TRUST_REVOCATION_UNKNOWN);
	X509_free(crossed);
	free_feeders(&f);
}

static void a_signer_who_is_the_anchor_has_no_list_of_its_own(void **state)
{
	struct feeders f = make_feeders();
	struct forged_x509 one = chains_signer(NULL, f.ca_key);
	const char *const with[] = {f.serial, NULL};
	struct forged_list l = handed_list(f.ca, f.ca_key, with);
	struct buf authorities = BUF_NULL(65536), der = BUF_NULL(65536);
	struct crl c;
	X509 *own;

	(void)state;
	one.key = f.ca_key;
	own = forge_x509(&one);
	chains_believe(
		(X509 *const[]){own, f.signer, NULL}); /* two signers, and no authority */
	assert_int_equal(
		chains_ask((X509 *const[]){own, NULL}, NOW_US), TRUST_REVOCATION_UNKNOWN);
	assert_int_equal(
		chains_ask((X509 *const[]){f.signer, NULL}, NOW_US), TRUST_REVOCATION_UNKNOWN);
	forge_list_der(&l, &der);
	assert_int_equal(revocation_authorities(pki.trust, &authorities), 0);
	assert_int_equal(crl_read(buf_view(&der), buf_view(&authorities), &c), CRL_STRANGER);
	chains_believe(
		(X509 *const[]){f.ca, own, f.signer, NULL}); /* with its authority beside it */
	assert_int_equal(handed_in(&l, NOW_US), 0);
	assert_int_equal(
		chains_ask((X509 *const[]){f.signer, NULL}, NOW_US), TRUST_REVOCATION_REVOKED);
	X509_free(own);
	buf_done(&der);
	buf_done(&authorities);
	free_feeders(&f);
}

static void what_is_no_chain_and_what_are_no_anchors_is_refused(void **state)
{
	enum trust_revocation answer = TRUST_REVOCATION_GOOD;
	struct buf long_chain = BUF_NULL(65536), anchors = BUF_NULL(65536);
	X509 *const root[] = {pki.stranger, NULL};

	(void)state;
	assert_int_equal(
		revocation_feeder(pki.trust, VIEW_NULL, NOW_US, &answer), TRUST_MALFORMED);
	assert_int_equal(
		revocation_feeder(pki.trust, VIEW_TEXT("0"), NOW_US, &answer), TRUST_MALFORMED);
	for (unsigned int i = 0; i < 17; i++)
		forge_der(pki.root, &long_chain);
	assert_int_equal(revocation_feeder(pki.trust, buf_view(&long_chain), NOW_US, &answer),
		TRUST_MALFORMED);
	assert_int_equal(answer, TRUST_REVOCATION_GOOD);
	chains_believe(root);
	assert_true(feeders_trust(pki.trust, VIEW_TEXT("\xE0")) < 0);
	chains_anchor(&anchors, NATURE_COUNT, pki.root);
	assert_true(feeders_trust(pki.trust, buf_view(&anchors)) < 0);
	buf_reset(&anchors);
	for (unsigned int i = 0; i < 193; i++)
		chains_anchor(&anchors, NATURE_REAL, pki.root);
	assert_true(feeders_trust(pki.trust, buf_view(&anchors)) < 0);
	assert_int_equal(pki.trust->n_feeders, 1); /* those from before */
	buf_done(&anchors);
	buf_done(&long_chain);
}

/* As many lists of @issuer as a side has room for, one with all the numbers of a side but one. */
static void fill(X509 *issuer)
{
	struct revocation_head h = {.this_update = NOW_US - 1, .next_update = NOW_US + 1};
	uint8_t one[ISSUER_SERIAL] = {1};
	struct revocation *l = NULL;

	assert_int_equal(issuer_id(issuer, h.issuer), 0);
	for (unsigned int i = 0; i < LIMIT_CRL_FILES; i++) {
		assert_true(snprintf(h.point, sizeof(h.point), "%u", i) > 0);
		h.count = i == 0 ? 1 : 0;
		assert_int_equal(revocation_begin(pki.trust, &h, NOW_US, &l), 0);
		assert_int_equal(revocation_add(l, view_of(one, h.count * sizeof(one))), 0);
		assert_int_equal(revocation_put(pki.trust, l), 0);
	}
	h.point[0] = 'x';
	assert_int_equal(revocation_begin(pki.trust, &h, NOW_US, &l), REVOCATION_FULL);
	assert_true(snprintf(h.point, sizeof(h.point), "1") > 0);
	h.count = LIMIT_CRL_ENTRIES;
	assert_int_equal(revocation_begin(pki.trust, &h, NOW_US, &l), REVOCATION_FULL);
}

static void no_side_fills_the_room_of_the_other(void **state)
{
	struct feeders f = make_feeders();
	X509 *const anchors[] = {f.root, NULL};
	X509 *const issuers[][2] = {{f.root, pki.ca}, {pki.ca, f.root}};

	for (size_t i = 0; i < ARRAY_LEN(issuers); i++) {
		assert_int_equal(anew(state), 0);
		chains_believe(anchors);
		fill(issuers[i][0]);
		fill(issuers[i][1]);
	}
	free_feeders(&f);
}

struct seen {
	char text[512];
};

static void see(void *user, const struct revocation_state *s)
{
	static const char *const words[] = {"none", "expired", "current"};
	struct seen *seen = user;
	size_t n = strlen(seen->text);

	assert_true(snprintf(seen->text + n, sizeof(seen->text) - n, "%s%s %s: %s\n",
			    s->feeders ? "feeders " : "", nature_word(s->nature), s->authority,
			    words[s->lists]) > 0);
}

static void sees(uint64_t now, const char *text)
{
	struct seen seen = {{0}};

	assert_int_equal(revocation_each(pki.trust, now, see, &seen), 0);
	assert_string_equal(seen.text, text);
}

static void authorities_of_feeders_are_told_after_them(void **state)
{
	struct feeders f = make_feeders();
	struct forged_x509 again = pki_authority("FEEDERS BELOW", f.ca_key);
	struct forged_list l = handed_list(f.ca, f.ca_key, NULL);
	X509 *renewed;

	(void)state;
	again.issuer = f.root;
	again.issuer_key = f.root_key;
	renewed = forge_x509(&again);
	chains_believe((X509 *const[]){
		f.root, f.ca, f.signer, NULL}); /* its root issues authorities */
	sees(NOW_US, "test VITALED TEST ROOT: none\n"
		     "simulated VITALED SIMULATED PERSONS: none\n"
		     "feeders simulated FEEDERS BELOW: none\n");
	chains_believe((X509 *const[]){f.ca, renewed, NULL});
	assert_int_equal(handed_in(&l, NOW_US), 0);
	sees(NOW_US, "test VITALED TEST ROOT: none\n"
		     "simulated VITALED SIMULATED PERSONS: none\n"
		     "feeders simulated FEEDERS BELOW: current\n"
		     "feeders simulated FEEDERS BELOW: current\n");
	X509_free(renewed);
	free_feeders(&f);
}

/* Without an authority key identifier the signature alone tells two of one name apart. */
static void an_anchor_of_the_same_name_is_passed_over(void **state)
{
	struct feeders f = make_feeders();
	struct forged_x509 one = chains_signer(pki.stranger, pki.stranger_key);
	EVP_PKEY *keys[] = {forge_ec(), pki.ca_key};
	X509 *of_rsa = forge_x509(&one);

	for (unsigned int i = 0; i < 4; i++) {
		EVP_PKEY *key = i % 2 == 0 ? f.ca_key : pki.stranger_key;
		X509 *own[] = {i % 2 == 0 ? f.signer : of_rsa, NULL};
		X509 *above = i % 2 == 0 ? f.ca : pki.stranger;
		char serial[64];
		const char *const with[] = {serial, NULL};
		struct forged_list l = handed_list(above, key, with);
		X509 *other;

		assert_int_equal(anew(state), 0);
		handed_serial(own[0], serial);
		one = pki_authority(i % 2 == 0 ? "FEEDERS BELOW" : "VITALED SIMULATED PERSONS",
			keys[i / 2]);
		other = forge_x509(&one);
		chains_believe((X509 *const[]){other, above, NULL});
		assert_int_equal(handed_in(&l, NOW_US), 0);
		assert_int_equal(chains_ask(own, NOW_US), TRUST_REVOCATION_REVOKED);
		if (i == 0 || i == 3) /* two of one kind */
			chains_starve(own, TRUST_REVOCATION_REVOKED);
		chains_believe((X509 *const[]){other, NULL}); /* nobody who has issued it */
		assert_int_equal(chains_ask(own, NOW_US), TRUST_REVOCATION_UNKNOWN);
		X509_free(other);
	}
	X509_free(of_rsa);
	EVP_PKEY_free(keys[0]);
	free_feeders(&f);
}

static void an_anchor_whose_key_is_not_there_is_no_reason_to_believe(void **state)
{
	struct feeders f = make_feeders();
	X509 *broken = pki_keyless(f.ca);
	enum trust_revocation answer = TRUST_REVOCATION_REVOKED;
	struct buf chain = BUF_NULL(8192), anchors = BUF_NULL(8192);

	(void)state;
	chains_believe((X509 *const[]){f.ca, NULL});
	forge_der(f.signer, &chain);
	chains_anchor(&anchors, NATURE_SIMULATED, broken);
	assert_true(feeders_trust(pki.trust, buf_view(&anchors)) < 0);
	assert_int_equal(pki.trust->n_feeders, 1); /* those from before */
	X509_free(pki.trust->feeders[0].cert);
	pki.trust->feeders[0].cert = broken;
	assert_true(revocation_feeder(pki.trust, buf_view(&chain), NOW_US, &answer) < 0);
	assert_int_equal(answer, TRUST_REVOCATION_REVOKED); /* untouched */
	buf_done(&anchors);
	buf_done(&chain);
	free_feeders(&f);
}

static void memory_that_runs_out_changes_no_answer(void **state)
{
	struct feeders f = make_feeders();
	X509 *const chain[] = {f.signer, f.ca, NULL}, *const own[] = {f.signer, NULL};
	const char *const with[] = {f.serial, NULL}, *const above[] = {f.ca_serial, NULL};
	struct forged_list l = handed_list(f.ca, f.ca_key, NULL);

	chains_believe((X509 *const[]){f.root, f.ca, NULL});
	assert_int_equal(handed_in(&l, NOW_US), 0);
	chains_starve(chain, TRUST_REVOCATION_GOOD);
	l = handed_list(f.root, f.root_key, above); /* of an anchor above the last */
	assert_int_equal(handed_in(&l, NOW_US), 0);
	chains_starve(chain, TRUST_REVOCATION_REVOKED);
	assert_int_equal(anew(state), 0);
	chains_believe(
		(X509 *const[]){f.signer, f.ca, NULL}); /* the signer is an anchor itself */
	l = handed_list(f.ca, f.ca_key, with);
	assert_int_equal(handed_in(&l, NOW_US), 0);
	chains_starve(own, TRUST_REVOCATION_REVOKED);
	free_feeders(&f);
}

static void memory_that_runs_out_never_tells_good(void **state)
{
	struct feeders f = make_feeders();
	const char *const with[] = {f.serial, NULL};
	struct forged_list l = handed_list(f.ca, f.ca_key, with);
	struct buf chain = BUF_NULL(65536), anchors = BUF_NULL(65536);
	bool met = true;

	(void)state;
	chains_anchor(&anchors, NATURE_REAL, f.root);
	chains_anchor(&anchors, NATURE_REAL, f.ca);
	assert_int_equal(feeders_trust(pki.trust, buf_view(&anchors)), 0);
	assert_int_equal(handed_in(&l, NOW_US), 0);
	forge_der(f.signer, &chain);
	forge_der(f.ca, &chain);
	for (unsigned int n = 0; met; n++) {
		enum trust_revocation answer = TRUST_REVOCATION_UNKNOWN;
		struct buf out = BUF_NULL(65536);
		struct seen seen = {{0}};
		int r;

		failing_arm(n, false);
		r = revocation_feeder(pki.trust, buf_view(&chain), NOW_US, &answer);
		met = failing_off();
		assert_true(r < 0 || (r == 0 && answer == TRUST_REVOCATION_REVOKED));
		failing_arm(n, false);
		r = feeders_trust(pki.trust, buf_view(&anchors));
		met = failing_off() || met;
		assert_true(r <= 0);
		assert_int_equal(pki.trust->n_feeders, 2);
		failing_arm(n, false);
		r = revocation_authorities(pki.trust, &out);
		met = failing_off() || met;
		assert_true(r == 0 || (r < 0 && out.len == 0));
		buf_done(&out);
		failing_arm(n, false);
		r = revocation_each(pki.trust, NOW_US, see, &seen);
		met = failing_off() || met;
		assert_true(r <= 0);
	}
	assert_int_equal(chains_ask((X509 *const[]){f.signer, f.ca, NULL}, NOW_US),
		TRUST_REVOCATION_REVOKED);
	buf_done(&chain);
	buf_done(&anchors);
	free_feeders(&f);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup(test, anew)
	const struct CMUnitTest tests[] = {
		T(a_feeder_is_asked_of_as_a_card_is),
		T(neither_side_revokes_the_others),
		T(a_signer_who_is_the_anchor_has_no_list_of_its_own),
		T(what_is_no_chain_and_what_are_no_anchors_is_refused),
		T(no_side_fills_the_room_of_the_other),
		T(authorities_of_feeders_are_told_after_them),
		T(an_anchor_of_the_same_name_is_passed_over),
		T(an_anchor_whose_key_is_not_there_is_no_reason_to_believe),
		T(memory_that_runs_out_never_tells_good),
		T(memory_that_runs_out_changes_no_answer),
	};

	failing_setup();
	return cmocka_run_group_tests(tests, prepare, clean);
}
