/* SPDX-License-Identifier: EUPL-1.2 */
/* Certificates of professionals: the chain, the clock, the profile by the letter, RSA. */
#include "tests/unit/record/failing.h"
#include "tests/unit/trust/pki.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

static void natures_have_words(void **state)
{
	(void)state;
	assert_string_equal(nature_word(NATURE_UNKNOWN), "unknown");
	assert_string_equal(nature_word(NATURE_REAL), "real");
	assert_string_equal(nature_word(NATURE_TEST), "test");
	assert_string_equal(nature_word(NATURE_SIMULATED), "simulated");
}

static void a_professional_is_read_with_a_multi_valued_name(void **state)
{
	struct forged_x509 f = pki_doctor();
	struct trust_person p;

	(void)state;
	assert_int_equal(pki_judge_at(&f, NOW, true, &p), 0);
	assert_int_equal(p.nature, NATURE_SIMULATED);
	assert_string_equal(p.national_id, "899700000123");
	assert_string_equal(p.surname, "MARTIN-L\xc3\x89GER");
	assert_string_equal(p.given, "ZO\xc3\x8b");
	assert_string_equal(p.organisation, "CABINET SIMUL\xc3\x89");
	assert_string_equal(p.card_number, "8025000001/0000012345");
	assert_int_equal(p.card_type, 0);
	assert_int_equal(p.category, 0x80);
	assert_int_equal(p.profession, 10);
	assert_string_equal(p.speciality, "SM26");
}

static void the_sha256_is_that_of_the_der(void **state)
{
	struct forged_x509 f = pki_doctor();
	struct buf der = BUF_NULL(8192);
	X509 *cert = forge_x509(&f);
	struct trust_person p;
	struct view v;
	uint8_t hash[32];

	(void)state;
	forge_der(cert, &der);
	v = buf_view(&der);
	assert_int_equal(crypto_sha256(&v, 1, hash), 0);
	assert_int_equal(trust_x509(pki.trust, v, NOW_US, true, &p), 0);
	assert_memory_equal(hash, p.sha256, sizeof(hash));
	buf_done(&der);
	X509_free(cert);
}

static void a_card_without_a_name_is_read(void **state)
{
	static const struct forged_extension few[] = {
		{"1.2.250.1.71.1.2.2", "020102", false},
		{"1.2.250.1.71.1.2.3", "0c03782f31", false},
		{"1.2.250.1.71.1.2.5", "040180", false},
		{NULL, NULL, false},
	};
	struct forged_x509 f = pki_doctor();
	struct trust_person p;

	(void)state;
	f.surname = NULL;
	f.given = NULL;
	f.organisation = NULL;
	f.cn = "199700001/0000000042";
	f.extensions = few;
	assert_int_equal(pki_judge_at(&f, NOW, true, &p), 0);
	assert_string_equal(p.surname, "");
	assert_string_equal(p.given, "");
	assert_string_equal(p.organisation, "");
	assert_string_equal(p.speciality, "");
	assert_int_equal(p.card_type, 2);
	assert_int_equal(p.profession, 0);
	assert_string_equal(p.card_number, "x/1");
}

/* What trust_x509() reads of a card with these extensions besides category and number. */
static struct trust_person read_with(const struct forged_extension *own, size_t n)
{
	struct forged_extension all[8] = {
		{"1.2.250.1.71.1.2.3", "0c03782f31", false},
		{"1.2.250.1.71.1.2.5", "040180", false},
	};
	struct forged_x509 f = pki_doctor();
	struct trust_person p;

	assert_true(n <= 5);
	for (size_t i = 0; i < n; i++)
		all[2 + i] = own[i];
	f.surname = NULL;
	f.given = NULL;
	f.extensions = all;
	assert_int_equal(pki_judge_at(&f, NOW, true, &p), 0);
	return p;
}

static void every_member_of_the_family_is_read(void **state)
{
	static const struct {
		struct forged_extension own[3];
		uint8_t type, profession, future, responsibility, role;
	} cases[] = {
		/* a director: CDE, head of the structure */
		{{{"1.2.250.1.71.1.2.2", "020102", false},
			 {"1.2.250.1.71.1.2.12", "020101", false}},
			2, 0, 0, 1, CVC_ROLE_STAFF},
		/* a deputy, in the other form of a byte */
		{{{"1.2.250.1.71.1.2.2", "020102", false},
			 {"1.2.250.1.71.1.2.12", "040102", false}},
			2, 0, 0, 2, CVC_ROLE_STAFF},
		/* an agent of a health-insurance fund: CPA */
		{{{"1.2.250.1.71.1.2.2", "020103", false}}, 3, 0, 0, 0, CVC_ROLE_STAFF},
		/* a student of medicine: CPF */
		{{{"1.2.250.1.71.1.2.2", "020101", false},
			 {"1.2.250.1.71.1.2.8", "02010a", false}},
			1, 0, 10, 0, CVC_ROLE_STAFF},
		/* an employed nurse on a CPE */
		{{{"1.2.250.1.71.1.2.2", "020102", false},
			 {"1.2.250.1.71.1.2.7", "02013c", false}},
			2, 60, 0, 0, 60},
		/* no type: CPX */
		{{{"1.2.250.1.71.1.2.7", "02010a", false}}, TRUST_CARD_TYPE_NONE, 10, 0, 0, 10},
		/* a type that no table knows, and forms that nobody has seen: not guessed */
		{{{"1.2.250.1.71.1.2.2", "020107", false},
			 {"1.2.250.1.71.1.2.8", "13023130", false},
			 {"1.2.250.1.71.1.2.12", "0402ffff", false}},
			7, 0, 0, 0, CVC_ROLE_STAFF},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct trust_person p = read_with(cases[i].own, ARRAY_LEN(cases[i].own));

		assert_int_equal(p.card_type, cases[i].type);
		assert_int_equal(p.category, 0x80);
		assert_int_equal(p.profession, cases[i].profession);
		assert_int_equal(p.future_profession, cases[i].future);
		assert_int_equal(p.responsibility, cases[i].responsibility);
		assert_int_equal(trust_role(&p), cases[i].role);
		assert_string_equal(p.surname, "");
	}
}

static void an_expired_card_is_known_all_the_same(void **state)
{
	struct forged_x509 f = pki_doctor();
	struct trust_person p = {0};

	(void)state;
	assert_int_equal(pki_judge_at(&f, NOW + 3 * YEAR, true, &p), TRUST_EXPIRED);
	assert_string_equal(p.national_id, "899700000123");
	assert_int_equal(p.nature, NATURE_SIMULATED);
	assert_int_equal(pki_judge_at(&f, NOW - 2 * YEAR, true, &p), TRUST_EXPIRED);
	assert_int_equal(pki_judge_at(&f, 0, true, &p), TRUST_EXPIRED);
	assert_int_equal(
		pki_judge_at(&f, NOW + 11 * YEAR, true, &p), TRUST_EXPIRED); /* the CA too */
}

static void a_stranger_and_a_forger_are_told_apart(void **state)
{
	struct forged_x509 f = pki_doctor();

	(void)state;
	f.issuer = NULL;
	f.issuer_key = NULL;
	assert_int_equal(pki_judge(&f), TRUST_STRANGER); /* signed by itself */
	f = pki_doctor();
	f.issuer = pki.stranger;
	f.issuer_key = pki.stranger_key;
	assert_int_equal(pki_judge(&f), TRUST_FALSE); /* our authority's name, not its key */
	f = pki_authority("NOBODY KNOWS", pki.card_key);
	f.issuer = NULL;
	assert_int_equal(pki_judge(&f), TRUST_STRANGER);
	f = pki_doctor();
	f.issuer = pki.test_root;
	f.issuer_key = pki.stranger_key;
	assert_int_equal(pki_judge(&f), 0); /* of another nature */
}

static void the_nature_is_that_of_the_anchor(void **state)
{
	struct forged_x509 f = pki_doctor();
	struct trust_person p;

	(void)state;
	f.issuer = pki.test_root;
	f.issuer_key = pki.stranger_key;
	assert_int_equal(pki_judge_at(&f, NOW, true, &p), 0);
	assert_int_equal(p.nature, NATURE_TEST);
}

static void any_changed_byte_of_a_certificate_is_found(void **state)
{
	struct forged_x509 f = pki_doctor();
	struct buf der = BUF_NULL(8192);
	X509 *cert = forge_x509(&f);
	struct trust_person p;

	(void)state;
	forge_der(cert, &der);
	for (size_t i = 0; i < der.len; i += 3) {
		der.data[i] ^= 0x04;
		assert_true(trust_x509(pki.trust, buf_view(&der), NOW_US, true, &p) > 0);
		der.data[i] ^= 0x04;
	}
	assert_int_equal(trust_x509(pki.trust, buf_view(&der), NOW_US, true, &p), 0);
	buf_put_u8(&der, 0);
	assert_int_equal(
		trust_x509(pki.trust, buf_view(&der), NOW_US, true, &p), TRUST_MALFORMED);
	assert_int_equal(
		trust_x509(pki.trust, view_sub(buf_view(&der), 0, 400), NOW_US, true, &p),
		TRUST_MALFORMED);
	assert_int_equal(trust_x509(pki.trust, VIEW_NULL, NOW_US, true, &p), TRUST_MALFORMED);
	buf_done(&der);
	X509_free(cert);
}

static void a_certificate_above_the_limit_is_malformed(void **state)
{
	struct forged_extension big[] = {
		{"1.2.3.4", NULL, false},
		{NULL, NULL, false},
	};
	struct buf hex = BUF_NULL(32768);
	struct forged_x509 f = pki_doctor();

	(void)state;
	buf_put_str(&hex, "04821f40");
	for (int i = 0; i < 8000; i++)
		buf_put_str(&hex, "00");
	buf_put_u8(&hex, 0);
	big[0].hex = (const char *)hex.data;
	f.extensions = big;
	assert_int_equal(pki_judge(&f), TRUST_MALFORMED);
	buf_done(&hex);
}

static void the_key_usage_decides_what_a_certificate_is_for(void **state)
{
	static const struct {
		const char *usage;
		int signing;
		int authenticating;
	} usages[] = {
		{"critical,nonRepudiation", 0, TRUST_MALFORMED},
		{"critical,digitalSignature", TRUST_MALFORMED, 0}, /* an AUT is no SIG */
		{"nonRepudiation,digitalSignature", 0, 0},
		{"critical,digitalSignature,keyEncipherment", TRUST_MALFORMED, 0},
		{"critical,nonRepudiation,keyEncipherment", 0, TRUST_MALFORMED},
		{"critical,keyEncipherment", TRUST_MALFORMED, TRUST_MALFORMED},
		{NULL, TRUST_MALFORMED, TRUST_MALFORMED},
	};
	struct trust_person p;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(usages); i++) {
		struct forged_x509 f = pki_doctor();

		f.usage = usages[i].usage;
		assert_int_equal(pki_judge_at(&f, NOW, true, &p), usages[i].signing);
		assert_int_equal(pki_judge_at(&f, NOW, false, &p), usages[i].authenticating);
	}
}

static void an_authority_is_no_card(void **state)
{
	struct forged_x509 f = pki_doctor();

	(void)state;
	f.ca = true;
	f.usage = "nonRepudiation,digitalSignature,keyCertSign";
	assert_int_equal(pki_judge(&f), TRUST_MALFORMED);
}

static void a_card_cannot_sign_for_another(void **state)
{
	struct forged_x509 f = pki_doctor();
	X509 *card = forge_x509(&f);

	(void)state;
	f = pki_doctor();
	f.cn = "899700000999";
	f.issuer = card;
	f.issuer_key = pki.card_key;
	assert_int_equal(pki_judge(&f), TRUST_STRANGER);
	X509_free(card);
}

static void an_unknown_critical_extension_is_refused(void **state)
{
	struct forged_extension more[PKI_PROFILE + 1] = {
		{"1.2.3.4.5", "0500", true},
	};
	struct forged_x509 f = pki_doctor();

	(void)state;
	bytes_copy(more + 1, sizeof(pki_profile), pki_profile, sizeof(pki_profile));
	f.extensions = more;
	assert_int_equal(pki_judge(&f), TRUST_MALFORMED);
	more[0].critical = false;
	assert_int_equal(pki_judge(&f), 0);
}

/* One extension of the profile replaced. */
static int judge_with(const char *oid, const char *hex)
{
	struct forged_extension all[PKI_PROFILE];
	struct forged_x509 f = pki_doctor();
	size_t n = 0;

	for (size_t i = 0; i < PKI_PROFILE; i++) {
		all[n] = pki_profile[i];
		if (pki_profile[i].oid && strcmp(pki_profile[i].oid, oid) == 0)
			all[n].hex = hex;
		if (!all[n].oid || all[n].hex)
			n++;
	}
	f.extensions = all;
	return pki_judge(&f);
}

static void extensions_are_read_by_the_letter(void **state)
{
	static const struct {
		const char *oid;
		const char *hex;
		int outcome;
	} cases[] = {
		{"1.2.250.1.71.1.2.2", NULL, 0}, /* an old card */
		{"1.2.250.1.71.1.2.2", "020103", 0},
		{"1.2.250.1.71.1.2.2", "02020080", 0},
		{"1.2.250.1.71.1.2.2", "020200ff", 0},
		{"1.2.250.1.71.1.2.2", "0202007f", TRUST_MALFORMED}, /* not the shortest */
		{"1.2.250.1.71.1.2.2", "02020100", TRUST_MALFORMED}, /* above a byte */
		{"1.2.250.1.71.1.2.2", "0203000080", TRUST_MALFORMED},
		{"1.2.250.1.71.1.2.2", "020180", TRUST_MALFORMED}, /* negative */
		{"1.2.250.1.71.1.2.2", "0200", TRUST_MALFORMED},
		{"1.2.250.1.71.1.2.2", "040103", TRUST_MALFORMED},   /* another type */
		{"1.2.250.1.71.1.2.2", "0201", TRUST_MALFORMED},     /* cut */
		{"1.2.250.1.71.1.2.2", "02010300", TRUST_MALFORMED}, /* more after it */
		{"1.2.250.1.71.1.2.2", "", TRUST_MALFORMED},
		{"1.2.250.1.71.1.2.5", NULL, TRUST_MALFORMED},
		{"1.2.250.1.71.1.2.5", "040100", 0},
		{"1.2.250.1.71.1.2.5", "040182", TRUST_MALFORMED}, /* a security module */
		{"1.2.250.1.71.1.2.5", "040183", TRUST_MALFORMED}, /* a software certificate */
		{"1.2.250.1.71.1.2.5", "040102", TRUST_MALFORMED},
		{"1.2.250.1.71.1.2.5", "040103", TRUST_MALFORMED},
		{"1.2.250.1.71.1.2.5", "0401ff", TRUST_MALFORMED},
		{"1.2.250.1.71.1.2.5", "04020080", TRUST_MALFORMED},
		{"1.2.250.1.71.1.2.5", "020100", TRUST_MALFORMED},
		{"1.2.250.1.71.1.2.7", NULL, 0},     /* optional */
		{"1.2.250.1.71.1.2.7", "020163", 0}, /* in no table */
		{"1.2.250.1.71.1.2.7", "0400", TRUST_MALFORMED},
		{"1.2.250.1.71.1.2.3", NULL, TRUST_MALFORMED},
		{"1.2.250.1.71.1.2.3", "1300", TRUST_MALFORMED},
		{"1.2.250.1.71.1.2.3", "020100", TRUST_MALFORMED},
		{"1.2.250.1.71.1.2.3",
			"13033100"
			"31",
			TRUST_MALFORMED},			       /* NUL */
		{"1.2.250.1.71.1.2.3", "13033e7f3e", TRUST_MALFORMED}, /* DEL */
		{"1.2.250.1.71.1.2.3",
			"131f303132333435363738393031323334353637383930313233343536"
			"37383930",
			0}, /* 31 fit */
		{"1.2.250.1.71.1.2.3",
			"1320303132333435363738393031323334353637383930313233343536"
			"3738393031",
			TRUST_MALFORMED},
		{"1.2.250.1.71.4.2.5", NULL, 0},
		{"1.2.250.1.71.4.2.5", "0c03534131", 0},
		{"1.2.250.1.71.4.2.5", "020126", TRUST_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(judge_with(cases[i].oid, cases[i].hex), cases[i].outcome);
}

static void an_extension_or_name_given_twice_is_malformed(void **state)
{
	struct forged_extension more[PKI_PROFILE + 1] = {
		{"1.2.250.1.71.1.2.7", "02010a", false},
	};
	struct forged_x509 f = pki_doctor();

	(void)state;
	bytes_copy(more + 1, sizeof(pki_profile), pki_profile, sizeof(pki_profile));
	f.extensions = more;
	assert_int_equal(pki_judge(&f), TRUST_MALFORMED);
	f = pki_doctor();
	f.twice = true;
	assert_int_equal(pki_judge(&f), TRUST_MALFORMED);
}

static void a_name_must_be_there_fit_and_be_plain(void **state)
{
	char cn[65] = {0};
	struct forged_x509 f = pki_doctor();

	(void)state;
	memset(cn, '8', 63);
	f.cn = cn;
	assert_int_equal(pki_judge(&f), 0);
	cn[63] = '8';
	assert_int_equal(pki_judge(&f), TRUST_MALFORMED);
	f.cn = NULL;
	assert_int_equal(pki_judge(&f), TRUST_MALFORMED);
	f = pki_doctor();
	f.surname = "";
	assert_int_equal(pki_judge(&f), 0); /* as if it were not there */
	f.surname = "A\nB";
	assert_int_equal(pki_judge(&f), TRUST_MALFORMED);
}

/* -- RSA ---------------------------------------------------------------------------------------- */

static void sign_rsa(EVP_PKEY *key, struct view data, struct buf *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = 0;

	assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key, NULL), 1);
	assert_int_equal(EVP_DigestSign(ctx, NULL, &len, data.data, data.len), 1);
	assert_int_equal(
		EVP_DigestSign(ctx, buf_extend(out, len), &len, data.data, data.len), 1);
	buf_truncate(out, len);
	EVP_MD_CTX_free(ctx);
}

static void an_rsa_signature_verifies_and_no_other_does(void **state)
{
	struct buf der = BUF_NULL(8192), sig = BUF_NULL(1024), other = BUF_NULL(8192);
	struct forged_x509 f = pki_doctor();
	X509 *cert = forge_x509(&f), *ec, *weak;
	EVP_PKEY *small = forge_rsa(1024);

	(void)state;
	forge_der(cert, &der);
	sign_rsa(pki.card_key, VIEW_TEXT("data"), &sig);
	assert_int_equal(trust_rsa(buf_view(&der), VIEW_TEXT("data"), buf_view(&sig)), 0);
	assert_int_equal(
		trust_rsa(buf_view(&der), VIEW_TEXT("date"), buf_view(&sig)), TRUST_FALSE);
	assert_int_equal(
		trust_rsa(buf_view(&der), VIEW_TEXT("data"), view_last(buf_view(&sig), 255)),
		TRUST_FALSE);
	assert_int_equal(
		trust_rsa(VIEW_TEXT("x"), VIEW_TEXT("data"), buf_view(&sig)), TRUST_FALSE);
	sig.data[0] ^= 1;
	assert_int_equal(
		trust_rsa(buf_view(&der), VIEW_TEXT("data"), buf_view(&sig)), TRUST_FALSE);
	f.key = pki.cvc_card;
	ec = forge_x509(&f);
	forge_der(ec, &other);
	assert_int_equal(
		trust_rsa(buf_view(&other), VIEW_TEXT("data"), buf_view(&sig)), TRUST_FALSE);
	f.key = small;
	weak = forge_x509(&f);
	buf_reset(&other);
	buf_reset(&sig);
	forge_der(weak, &other);
	sign_rsa(small, VIEW_TEXT("data"), &sig);
	assert_int_equal(
		trust_rsa(buf_view(&other), VIEW_TEXT("data"), buf_view(&sig)), TRUST_FALSE);
	assert_int_equal(pki_judge(&f), TRUST_FALSE); /* and such a chain is not believed */
	buf_done(&der);
	buf_done(&sig);
	buf_done(&other);
	X509_free(cert);
	X509_free(ec);
	X509_free(weak);
	EVP_PKEY_free(small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(natures_have_words),
		cmocka_unit_test(a_professional_is_read_with_a_multi_valued_name),
		cmocka_unit_test(the_sha256_is_that_of_the_der),
		cmocka_unit_test(a_card_without_a_name_is_read),
		cmocka_unit_test(every_member_of_the_family_is_read),
		cmocka_unit_test(an_expired_card_is_known_all_the_same),
		cmocka_unit_test(a_stranger_and_a_forger_are_told_apart),
		cmocka_unit_test(the_nature_is_that_of_the_anchor),
		cmocka_unit_test(any_changed_byte_of_a_certificate_is_found),
		cmocka_unit_test(a_certificate_above_the_limit_is_malformed),
		cmocka_unit_test(the_key_usage_decides_what_a_certificate_is_for),
		cmocka_unit_test(an_authority_is_no_card),
		cmocka_unit_test(a_card_cannot_sign_for_another),
		cmocka_unit_test(an_unknown_critical_extension_is_refused),
		cmocka_unit_test(extensions_are_read_by_the_letter),
		cmocka_unit_test(an_extension_or_name_given_twice_is_malformed),
		cmocka_unit_test(a_name_must_be_there_fit_and_be_plain),
		cmocka_unit_test(an_rsa_signature_verifies_and_no_other_does),
	};

	failing_setup();
	return cmocka_run_group_tests(tests, pki_prepare, pki_clean);
}
