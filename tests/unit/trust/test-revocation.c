/* SPDX-License-Identifier: EUPL-1.2 */
/* daemon/trust/revocation.h: what lists say of certificates, which lists are taken, limits. */
#include "daemon/limits.h"
#include "daemon/trust/crl/crl.h"
#include "daemon/trust/revocation.h"
#include "tests/unit/record/failing.h"
#include "tests/unit/trust/handed.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* distributionPoint { fullName { uniformResourceIdentifier http://x/a.crl } } */
#define URI_A "a012a010860e687474703a2f2f782f612e63726c"

static X509 *card, *other_card;
static struct buf card_der, other_der;
static char card_serial[64], ca_serial[64];

static int prepare(void **state)
{
	static const struct forged_extension with_point[] = {
		/* CRL distribution points: for some reasons, without a place, by a relative name, by
		 * other names, and at last http://x/a.crl */
		{"2.5.29.31",
			"3054"
			"3018" URI_A "81020140"
			"3005"
			"a203820178"
			"300f"
			"a00da10b3009060355040313024142"
			"300a"
			"a008a006820178860179"
			"3014" URI_A,
			false},
		{NULL, NULL, false},
	};
	int r = pki_prepare(state);
	struct forged_x509 f = pki_doctor();

	card = forge_x509(&f);
	f.extensions = with_point;
	other_card = forge_x509(&f);
	card_der = BUF_NULL(8192);
	other_der = BUF_NULL(8192);
	forge_der(card, &card_der);
	forge_der(other_card, &other_der);
	handed_serial(card, card_serial);
	handed_serial(pki.ca, ca_serial);
	return r;
}

static int clean(void **state)
{
	X509_free(card);
	X509_free(other_card);
	buf_done(&card_der);
	buf_done(&other_der);
	return pki_clean(state);
}

/* Every test begins without lists. */
static int anew(void **state)
{
	(void)state;
	trust_free(pki.trust);
	pki.trust = NULL;
	return trust_new(pki.folder, &pki.trust, NULL);
}

static enum trust_revocation ask_of(struct view der, uint64_t now)
{
	enum trust_revocation answer = TRUST_REVOCATION_UNKNOWN;

	assert_int_equal(trust_revocation(pki.trust, der, now, &answer), 0);
	return answer;
}

static enum trust_revocation ask_at(uint64_t now)
{
	return ask_of(buf_view(&card_der), now);
}

static enum trust_revocation ask(void)
{
	return ask_at(NOW_US);
}

static void answers_have_words(void **state)
{
	(void)state;
	assert_string_equal(trust_revocation_word(TRUST_REVOCATION_UNKNOWN), "unknown");
	assert_string_equal(trust_revocation_word(TRUST_REVOCATION_GOOD), "good");
	assert_string_equal(trust_revocation_word(TRUST_REVOCATION_REVOKED), "revoked");
}

static void without_a_list_of_its_authority_a_card_is_unknown(void **state)
{
	struct forged_list f = handed_list(pki.test_root, pki.stranger_key, NULL);

	(void)state;
	assert_int_equal(ask(), TRUST_REVOCATION_UNKNOWN);
	assert_int_equal(handed_in(&f, NOW_US), 0);
	assert_int_equal(ask(), TRUST_REVOCATION_UNKNOWN);
	f = handed_list(pki.root, pki.root_key, NULL);
	assert_int_equal(handed_in(&f, NOW_US), 0); /* its authority's is not its own */
	assert_int_equal(ask(), TRUST_REVOCATION_UNKNOWN);
}

static void a_current_list_tells_good_and_revoked(void **state)
{
	const char *const with[] = {"1", card_serial, "99999999999999999999", NULL};
	static const char *const without[] = {"1", "99999999999999999999", NULL};
	struct forged_list f = handed_list(pki.ca, pki.ca_key, without);

	(void)state;
	assert_int_equal(handed_in(&f, NOW_US), 0);
	assert_int_equal(ask(), TRUST_REVOCATION_GOOD);
	f.serials = with;
	f.number = "301";
	assert_int_equal(handed_in(&f, NOW_US), 0);
	assert_int_equal(ask(), TRUST_REVOCATION_REVOKED);
	assert_int_equal(ask_of(buf_view(&other_der), NOW_US), TRUST_REVOCATION_GOOD);
}

/* trust_x509() has taken it before: that it is none now is no answer of any list. */
static void what_does_not_verify_gets_no_answer(void **state)
{
	struct forged_list f = handed_list(pki.ca, pki.ca_key, NULL);
	enum trust_revocation answer = TRUST_REVOCATION_REVOKED;
	struct forged_x509 doctor = pki_doctor();
	struct buf der = BUF_NULL(8192);
	X509 *strange;

	(void)state;
	doctor.issuer_key = pki.stranger_key;
	strange = forge_x509(&doctor);
	forge_der(strange, &der);
	assert_int_equal(handed_in(&f, NOW_US), 0);
	assert_true(trust_revocation(pki.trust, VIEW_TEXT("none"), NOW_US, &answer) < 0);
	assert_true(trust_revocation(pki.trust, buf_view(&der), NOW_US, &answer) < 0);
	assert_int_equal(answer, TRUST_REVOCATION_REVOKED); /* untouched */
	buf_done(&der);
	X509_free(strange);
}

static void a_list_past_its_time_tells_revoked_but_never_good(void **state)
{
	const char *const with[] = {card_serial, NULL};
	struct forged_list f = handed_list(pki.ca, pki.ca_key, NULL);

	(void)state;
	assert_int_equal(handed_in(&f, NOW_US), 0);
	assert_int_equal(ask_at(US(f.until)), TRUST_REVOCATION_GOOD);
	assert_int_equal(ask_at(US(f.until) + 1), TRUST_REVOCATION_UNKNOWN);
	assert_int_equal(
		ask_at(US(f.from - 1)), TRUST_REVOCATION_UNKNOWN); /* the clock went back */
	f.serials = with;
	f.number = "301";
	assert_int_equal(handed_in(&f, NOW_US), 0);
	assert_int_equal(ask_at(US(f.until) + 1), TRUST_REVOCATION_REVOKED);
	f = handed_list(pki.ca, pki.ca_key, NULL);
	f.until = 0; /* it does not say until when */
	f.number = "302";
	assert_int_equal(handed_in(&f, NOW_US), 0);
	assert_int_equal(ask(), TRUST_REVOCATION_UNKNOWN);
}

static void a_revoked_authority_revokes_its_cards(void **state)
{
	const char *const with[] = {ca_serial, NULL};
	struct forged_list f = handed_list(pki.ca, pki.ca_key, NULL);

	(void)state;
	assert_int_equal(handed_in(&f, NOW_US), 0);
	assert_int_equal(ask(), TRUST_REVOCATION_GOOD);
	f = handed_list(pki.root, pki.root_key, with);
	assert_int_equal(handed_in(&f, NOW_US), 0);
	assert_int_equal(ask(), TRUST_REVOCATION_REVOKED);
}

static void an_older_list_never_replaces_a_newer_one(void **state)
{
	const char *const with[] = {card_serial, NULL};
	struct forged_list f = handed_list(pki.ca, pki.ca_key, with);

	(void)state;
	assert_int_equal(handed_in(&f, NOW_US), 0);
	f.serials = NULL;
	f.number = "299"; /* by its number */
	assert_int_equal(handed_in(&f, NOW_US), REVOCATION_OLDER);
	f.number = "301";
	f.from--; /* by its time, whatever its number */
	assert_int_equal(handed_in(&f, NOW_US), REVOCATION_OLDER);
	f.number = NULL;
	assert_int_equal(handed_in(&f, NOW_US), REVOCATION_OLDER);
	assert_int_equal(ask(), TRUST_REVOCATION_REVOKED);
	f.from++; /* as old: the same list again, or its repair */
	assert_int_equal(handed_in(&f, NOW_US), 0);
	f.number = "1"; /* the one held has none to compare */
	assert_int_equal(handed_in(&f, NOW_US), 0);
	assert_int_equal(ask(), TRUST_REVOCATION_GOOD);
}

static void a_list_from_the_future_is_ignored(void **state)
{
	struct forged_list f = handed_list(pki.ca, pki.ca_key, NULL);

	(void)state;
	assert_int_equal(handed_in(&f, US(f.from) - 1), REVOCATION_EARLY);
	assert_int_equal(ask(), TRUST_REVOCATION_UNKNOWN);
	assert_int_equal(handed_in(&f, US(f.from)), 0);
}

static void a_list_for_a_point_is_for_the_cards_that_name_it(void **state)
{
	const char *const with[] = {card_serial, NULL};
	struct forged_list f = handed_list(pki.ca, pki.ca_key, NULL);

	(void)state;
	f.point = "critical,fullname:URI:http://x/a.crl";
	assert_int_equal(handed_in(&f, NOW_US), 0);
	assert_int_equal(ask(), TRUST_REVOCATION_UNKNOWN);
	assert_int_equal(ask_of(buf_view(&other_der), NOW_US), TRUST_REVOCATION_GOOD);
	f.point = "critical,fullname:URI:http://x/b.crl";
	f.serials = with; /* beside the other, and revoked is revoked */
	assert_int_equal(handed_in(&f, NOW_US), 0);
	assert_int_equal(ask(), TRUST_REVOCATION_REVOKED);
	assert_int_equal(ask_of(buf_view(&other_der), NOW_US), TRUST_REVOCATION_GOOD);
}

static void a_card_whose_number_cannot_be_on_a_list_is_unknown(void **state)
{
	struct forged_list f = handed_list(pki.ca, pki.ca_key, NULL);
	struct forged_x509 doctor = pki_doctor();
	X509 *odd = forge_x509(&doctor);
	struct buf der = BUF_NULL(8192);

	(void)state;
	assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(odd), -5), 1);
	assert_true(X509_sign(odd, pki.ca_key, EVP_sha256()) > 0);
	forge_der(odd, &der);
	assert_int_equal(handed_in(&f, NOW_US), 0);
	assert_int_equal(ask_of(buf_view(&der), NOW_US), TRUST_REVOCATION_UNKNOWN);
	buf_done(&der);
	X509_free(odd);
}

/* -- what the child is not believed ------------------------------------------------------------ */

static struct revocation_head head_of_ca(uint32_t count)
{
	struct revocation_head h = {
		.this_update = NOW_US - 1, .next_update = NOW_US + 1, .count = count};

	assert_int_equal(issuer_id(pki.ca, h.issuer), 0);
	return h;
}

static void numbers_must_come_sorted_and_as_many_as_announced(void **state)
{
	static const uint8_t numbers[4][ISSUER_SERIAL] = {{1}, {2}, {2}, {1}};

	static const struct {
		uint32_t announced;
		size_t from, len;
		int outcome;
		bool complete;
	} cases[] = {
		{2, 0, 2 * ISSUER_SERIAL, 0, true},
		{2, 0, ISSUER_SERIAL, 0, false},
		{0, 0, 0, 0, true},
		{1, 0, 2 * ISSUER_SERIAL, REVOCATION_BROKEN, false},
		{2, 1, 2 * ISSUER_SERIAL, REVOCATION_BROKEN, false}, /* twice */
		{2, 2, 2 * ISSUER_SERIAL, REVOCATION_BROKEN, false}, /* descending */
		{2, 0, 2 * ISSUER_SERIAL - 1, REVOCATION_BROKEN, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct revocation_head h = head_of_ca(cases[i].announced);
		struct revocation *l = NULL;

		assert_int_equal(revocation_begin(pki.trust, &h, NOW_US, &l), 0);
		assert_int_equal(
			revocation_add(l, view_of(numbers[cases[i].from], cases[i].len)),
			cases[i].outcome);
		if (cases[i].outcome != 0) {
			assert_null(revocation_free(l));
			continue;
		}
		assert_int_equal(revocation_complete(l), cases[i].complete);
		assert_int_equal(revocation_put(pki.trust, l),
			cases[i].complete ? 0 : REVOCATION_BROKEN);
	}
	assert_null(revocation_free(NULL));
}

static void an_authority_must_be_an_anchor(void **state)
{
	struct revocation_head h = head_of_ca(0);
	struct revocation *l = NULL;

	(void)state;
	h.issuer[0] ^= 1;
	assert_int_equal(revocation_begin(pki.trust, &h, NOW_US, &l), REVOCATION_STRANGER);
	assert_null(l);
}

static void limits_hold_over_all_lists(void **state)
{
	struct revocation_head h = head_of_ca(LIMIT_CRL_ENTRIES + 1);
	struct revocation *l = NULL, *second = NULL;
	uint8_t one[ISSUER_SERIAL] = {1};

	(void)state;
	assert_int_equal(revocation_begin(pki.trust, &h, NOW_US, &l), REVOCATION_FULL);
	h.count = 1;
	assert_int_equal(revocation_begin(pki.trust, &h, NOW_US, &l), 0);
	assert_int_equal(revocation_add(l, VIEW(one)), 0);
	assert_int_equal(revocation_put(pki.trust, l), 0);
	h.count = LIMIT_CRL_ENTRIES; /* in its place: all of them */
	assert_int_equal(revocation_begin(pki.trust, &h, NOW_US, &l), 0);
	assert_null(revocation_free(l));
	h.point[0] = 'b'; /* beside it: one too many */
	assert_int_equal(revocation_begin(pki.trust, &h, NOW_US, &l), REVOCATION_FULL);
	h.count = 0;
	for (unsigned int i = 1; i < LIMIT_CRL_FILES; i++) {
		assert_true(snprintf(h.point, sizeof(h.point), "%u", i) > 0);
		assert_int_equal(revocation_begin(pki.trust, &h, NOW_US, &l), 0);
		if (i == 1)
			assert_int_equal(revocation_begin(pki.trust, &h, NOW_US, &second), 0);
		assert_int_equal(revocation_put(pki.trust, l), 0);
	}
	assert_int_equal(revocation_put(pki.trust, second), 0); /* has its place */
	h.point[0] = 'x';
	assert_int_equal(revocation_begin(pki.trust, &h, NOW_US, &l), REVOCATION_FULL);
}

/* -- findings ----------------------------------------------------------------------------------- */

struct seen {
	char text[512];
};

static void see(void *user, const struct revocation_state *s)
{
	static const char *const words[] = {"none", "expired", "current"};
	struct seen *seen = user;
	size_t n = strlen(seen->text);

	assert_true(snprintf(seen->text + n, sizeof(seen->text) - n, "%s %s: %s\n",
			    nature_word(s->nature), s->authority, words[s->lists]) > 0);
}

static void sees(uint64_t now, const char *text)
{
	struct seen seen = {{0}};

	assert_int_equal(revocation_each(pki.trust, now, see, &seen), 0);
	assert_string_equal(seen.text, text);
}

static void authorities_that_issue_cards_are_told_with_their_lists(void **state)
{
	struct forged_list f = handed_list(pki.ca, pki.ca_key, NULL);

	(void)state;
	sees(NOW_US, "test VITALED TEST ROOT: none\n"
		     "simulated VITALED SIMULATED PERSONS: none\n"); /* not its root */
	assert_int_equal(handed_in(&f, NOW_US), 0);
	sees(NOW_US, "test VITALED TEST ROOT: none\n"
		     "simulated VITALED SIMULATED PERSONS: current\n");
	sees(US(f.until) + 1, "test VITALED TEST ROOT: none\n"
			      "simulated VITALED SIMULATED PERSONS: expired\n");
	f.point = "fullname:URI:http://x/a.crl";
	f.until += 86400;
	assert_int_equal(handed_in(&f, NOW_US), 0);
	sees(US(f.until - 1), "test VITALED TEST ROOT: none\n"
			      "simulated VITALED SIMULATED PERSONS: current\n");
}

static void an_authority_without_a_common_name_is_told_by_all_of_its_name(void **state)
{
	struct forged_x509 f = pki_authority(NULL, pki.stranger_key);
	X509 *authority = forge_x509(&f);
	char folder[32], path[64];

	(void)state;
	forge_folder(folder);
	assert_true(snprintf(path, sizeof(path), "%s/real", folder) > 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(snprintf(path, sizeof(path), "%s/real/a.pem", folder) > 0);
	forge_pem(authority, path);
	trust_free(pki.trust);
	pki.trust = NULL;
	assert_int_equal(trust_new(folder, &pki.trust, NULL), 0);
	sees(NOW_US, "real C = FR, O = VITALED + SN = authority: none\n");
	forge_remove(folder);
	X509_free(authority);
}

static enum trust_revocation lie_beside(enum trust_revocation truth)
{
	return truth == TRUST_REVOCATION_GOOD ? TRUST_REVOCATION_UNKNOWN
					      : TRUST_REVOCATION_GOOD;
}

/* Whatever allocation fails, alone or with all after it: the truth or a fault, and nothing else. */
static void tells_the_truth_or_nothing(struct view der, enum trust_revocation truth)
{
	enum trust_revocation lie = lie_beside(truth);

	for (unsigned int i = 0; i < 2; i++) {
		bool met = true;

		for (unsigned int n = 0; met; n++) {
			enum trust_revocation answer = lie;
			int r;

			failing_arm(n, i == 1);
			r = trust_revocation(pki.trust, der, NOW_US, &answer);
			met = failing_off();
			if (r == 0)
				assert_int_equal(answer, truth);
			else
				assert_true(r < 0 && met && answer == lie);
		}
	}
	assert_int_equal(ask_of(der, NOW_US), truth);
}

static void memory_that_runs_out_changes_no_answer(void **state)
{
	const char *const with[] = {card_serial, NULL}, *const above[] = {ca_serial, NULL};
	struct forged_list f = handed_list(pki.ca, pki.ca_key, with);

	assert_int_equal(handed_in(&f, NOW_US), 0);
	tells_the_truth_or_nothing(buf_view(&card_der), TRUST_REVOCATION_REVOKED);
	assert_int_equal(anew(state), 0);
	f = handed_list(pki.ca, pki.ca_key, NULL);
	f.point = "critical,fullname:URI:http://x/a.crl";
	assert_int_equal(handed_in(&f, NOW_US), 0);
	tells_the_truth_or_nothing(buf_view(&other_der), TRUST_REVOCATION_GOOD);
	tells_the_truth_or_nothing(buf_view(&card_der), TRUST_REVOCATION_UNKNOWN);
	f = handed_list(pki.root, pki.root_key, above); /* and its own list finds it good */
	assert_int_equal(handed_in(&f, NOW_US), 0);
	tells_the_truth_or_nothing(buf_view(&other_der), TRUST_REVOCATION_REVOKED);
}

static void memory_that_runs_out_never_tells_good(void **state)
{
	const char *const with[] = {card_serial, NULL};
	struct forged_list f = handed_list(pki.ca, pki.ca_key, with);
	struct revocation_head h = head_of_ca(0);
	bool met = true;

	(void)state;
	assert_int_equal(handed_in(&f, NOW_US), 0);
	h.this_update = NOW_US;
	for (unsigned int n = 0; met; n++) {
		struct buf out = BUF_NULL(65536);
		struct revocation *l = NULL;
		struct seen seen = {{0}};
		enum trust_revocation answer = TRUST_REVOCATION_UNKNOWN;
		int r;

		failing_arm(n, false);
		r = trust_revocation(pki.trust, buf_view(&card_der), NOW_US, &answer);
		met = failing_off();
		assert_true(r < 0 || (r == 0 && answer == TRUST_REVOCATION_REVOKED));
		failing_arm(n, false);
		r = revocation_begin(pki.trust, &h, NOW_US, &l);
		met = failing_off() || met;
		assert_true(r == 0 ? l != NULL : r < 0 && !l);
		revocation_free(l);
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
	assert_int_equal(ask(), TRUST_REVOCATION_REVOKED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_have_words),
		cmocka_unit_test_setup(without_a_list_of_its_authority_a_card_is_unknown, anew),
		cmocka_unit_test_setup(a_current_list_tells_good_and_revoked, anew),
		cmocka_unit_test_setup(a_list_past_its_time_tells_revoked_but_never_good, anew),
		cmocka_unit_test_setup(a_revoked_authority_revokes_its_cards, anew),
		cmocka_unit_test_setup(an_older_list_never_replaces_a_newer_one, anew),
		cmocka_unit_test_setup(a_list_from_the_future_is_ignored, anew),
		cmocka_unit_test_setup(a_list_for_a_point_is_for_the_cards_that_name_it, anew),
		cmocka_unit_test_setup(
			a_card_whose_number_cannot_be_on_a_list_is_unknown, anew),
		cmocka_unit_test_setup(numbers_must_come_sorted_and_as_many_as_announced, anew),
		cmocka_unit_test_setup(an_authority_must_be_an_anchor, anew),
		cmocka_unit_test_setup(limits_hold_over_all_lists, anew),
		cmocka_unit_test_setup(
			authorities_that_issue_cards_are_told_with_their_lists, anew),
		cmocka_unit_test_setup(
			an_authority_without_a_common_name_is_told_by_all_of_its_name, anew),
		cmocka_unit_test_setup(what_does_not_verify_gets_no_answer, anew),
		cmocka_unit_test_setup(memory_that_runs_out_never_tells_good, anew),
		cmocka_unit_test_setup(memory_that_runs_out_changes_no_answer, anew),
	};

	failing_setup();
	return cmocka_run_group_tests(tests, prepare, clean);
}
