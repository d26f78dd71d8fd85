/* SPDX-License-Identifier: EUPL-1.2 */
/* Role certificates of the cards against the roots, and memory that runs out. */
#include "base/hex.h"
#include "tests/unit/record/failing.h"
#include "tests/unit/trust/pki.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

// clang-format on

static int judge_cvc(const struct forged_cvc *f, uint64_t seconds, enum nature *nature)
{
	struct buf b = BUF_NULL(CVC_MAX);
	struct cvc c;
	int r;

	forge_cvc(f, &b);
	r = trust_cvc(pki.trust, buf_view(&b), seconds * USEC_PER_SEC, &c, nature);
	if (r == 0)
		assert_string_equal(c.chr, f->chr);
	buf_done(&b);
	return r;
}

static void a_card_certificate_has_the_nature_of_its_root(void **state)
{
	struct forged_cvc f = pki_card_cvc();
	enum nature n = NATURE_UNKNOWN;

	(void)state;
	assert_int_equal(judge_cvc(&f, NOW, &n), 0);
	assert_int_equal(n, NATURE_SIMULATED);
	f.car = TEST;
	f.signer = pki.cvc_test;
	assert_int_equal(judge_cvc(&f, 1700000000, &n), TRUST_EXPIRED); /* before its own day */
	f.from = "230101";
	assert_int_equal(judge_cvc(&f, 1700000000, &n), 0); /* 2023-11-14 */
	assert_int_equal(n, NATURE_TEST);
	assert_int_equal(judge_cvc(&f, 1710000000, &n), TRUST_EXPIRED); /* the root is */
}

static void a_card_certificate_gets_every_answer(void **state)
{
	struct forged_cvc f = pki_card_cvc(), root = pki_root_cvc(SIM, pki.cvc_root);
	enum nature n = NATURE_REAL;
	struct cvc c;

	(void)state;
	assert_int_equal(judge_cvc(&f, 1600000000, &n), TRUST_EXPIRED);
	assert_int_equal(judge_cvc(&f, 1900000000, &n), TRUST_EXPIRED);
	f.signer = pki.cvc_test;
	assert_int_equal(judge_cvc(&f, NOW, &n), TRUST_FALSE);
	f.car = "FRVDNOBODY000001";
	assert_int_equal(judge_cvc(&f, NOW, &n), TRUST_STRANGER);
	assert_int_equal(judge_cvc(&root, NOW, &n), TRUST_MALFORMED); /* a root is no card */
	assert_int_equal(trust_cvc(pki.trust, VIEW_TEXT("x"), NOW_US, &c, &n), TRUST_MALFORMED);
	assert_int_equal(n, NATURE_REAL); /* untouched */
}

static void a_root_is_found_by_nature_and_name(void **state)
{
	uint8_t point[CVC_POINT];

	(void)state;
	forge_point(pki.cvc_root, point);
	assert_memory_equal(
		trust_cvc_root(pki.trust, NATURE_SIMULATED, SIM), point, sizeof(point));
	assert_null(trust_cvc_root(pki.trust, NATURE_TEST, SIM));
	assert_null(trust_cvc_root(pki.trust, NATURE_UNKNOWN, SIM));
	assert_null(trust_cvc_root(pki.trust, NATURE_SIMULATED, "FR"));
	assert_int_equal(trust_count(pki.trust, NATURE_SIMULATED), 3);
	assert_int_equal(trust_count(pki.trust, NATURE_TEST), 2);
	assert_int_equal(trust_count(pki.trust, NATURE_REAL), 0);
	assert_int_equal(trust_count(pki.trust, NATURE_UNKNOWN), 0);
}

static void a_certificate_matches_the_serial_of_its_card(void **state)
{
	static const struct {
		const char *serial;
		char letter;
		uint8_t role;
		bool matches;
	} cases[] = {
		{"80250000011234567"
		 "8ff",
			'P', 0x0a, true},
		{"12345678", 'P', 0x0a, true},
		{"80250000011234567"
		 "8ff",
			'V', 0x0a, false},
		{"80250000011234567"
		 "8ff",
			'P', CVC_ROLE_PATIENT, false},
		{"12345678", 'P', CVC_ROLE_ROOT, false},
		{"12345678", 'P', CVC_ROLE_STAFF, true},
		{"12345678", 'V', CVC_ROLE_STAFF, false},
		{"80250000011234567"
		 "9ff",
			'P', 0x0a, false},
		{"123456789fff", 'P', 0x0a, false},
		{"2345678f", 'P', 0x0a, false}, /* seven digits */
		{"1234f678", 'P', 0x0a, false}, /* digits after the end */
		{"1234567a", 'P', 0x0a, false},
		{"", 'P', 0x0a, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct cvc c = {.chr = "FRP1234567800001", .role = cases[i].role};
		struct buf serial = BUF_NULL(64);

		assert_int_equal(hex_decode(&serial, view_str(cases[i].serial)), 0);
		assert_int_equal(trust_cvc_matches(&c, buf_view(&serial), cases[i].letter),
			cases[i].matches);
		buf_done(&serial);
	}
}

static void memory_that_runs_out_never_makes_a_stranger_trusted(void **state)
{
	struct buf good = BUF_NULL(8192), bad = BUF_NULL(8192), cvc = BUF_NULL(CVC_MAX);
	struct forged_x509 f = pki_doctor();
	struct forged_cvc fc = pki_card_cvc();
	X509 *cert = forge_x509(&f), *forged;
	bool refused = true;

	(void)state;
	f.issuer = pki.stranger;
	f.issuer_key = pki.stranger_key;
	forged = forge_x509(&f);
	forge_der(cert, &good);
	forge_der(forged, &bad);
	fc.signer = pki.cvc_test;
	forge_cvc(&fc, &cvc);
	for (unsigned int n = 0; refused; n++) {
		enum nature nature;
		struct trust_person p;
		struct cvc c;
		int r;

		failing_arm(n, false);
		r = trust_x509(pki.trust, buf_view(&good), NOW_US, true, &p);
		refused = failing_off();
		assert_true(refused || r == 0);
		failing_arm(n, false);
		r = trust_x509(pki.trust, buf_view(&bad), NOW_US, true, &p);
		(void)failing_off();
		assert_true(r != 0);
		failing_arm(n, false);
		r = trust_rsa(buf_view(&good), VIEW_TEXT("data"), buf_view(&bad));
		(void)failing_off();
		assert_true(r != 0);
		failing_arm(n, false);
		r = trust_cvc(pki.trust, buf_view(&cvc), NOW_US, &c, &nature);
		(void)failing_off();
		assert_true(r != 0);
	}
	buf_done(&good);
	buf_done(&bad);
	buf_done(&cvc);
	X509_free(cert);
	X509_free(forged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_card_certificate_has_the_nature_of_its_root),
		cmocka_unit_test(a_card_certificate_gets_every_answer),
		cmocka_unit_test(a_root_is_found_by_nature_and_name),
		cmocka_unit_test(a_certificate_matches_the_serial_of_its_card),
		cmocka_unit_test(memory_that_runs_out_never_makes_a_stranger_trusted),
	};

	failing_setup();
	return cmocka_run_group_tests(tests, pki_prepare, pki_clean);
}
