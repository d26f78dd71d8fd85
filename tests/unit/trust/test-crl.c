/* SPDX-License-Identifier: EUPL-1.2 */
/* daemon/trust/crl/crl.h: real lists, every kind that is refused, damage at every byte. */
#include "daemon/trust/crl/crl.h"
#include "tests/unit/record/failing.h"
#include "tests/unit/trust/lists.h"
#include "tests/unit/trust/pki.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/limits.h"

static const char *const serials[] = {
	"4660", "1", "0x80000000000000000000000000000000000000ff", "1", NULL};
static struct buf authorities;

static struct forged_list good(void)
{
	return (struct forged_list){.issuer = pki.ca,
		.key = pki.ca_key,
		.from = NOW - 3600,
		.until = NOW + 86400,
		.number = "300",
		.serials = serials};
}

static int prepare(void **state)
{
	int r = pki_prepare(state);

	authorities = BUF_NULL(65536);
	forge_der(pki.root, &authorities);
	forge_der(pki.test_root, &authorities);
	forge_der(pki.ca, &authorities);
	return r;
}

static int clean(void **state)
{
	buf_done(&authorities);
	return pki_clean(state);
}

static int read_list(const struct forged_list *f, struct crl *ret)
{
	struct buf der = BUF_NULL(65536);
	int r;

	forge_list_der(f, &der);
	r = crl_read(buf_view(&der), buf_view(&authorities), ret);
	buf_done(&der);
	return r;
}

/* crl_read() of @f; nothing is given back unless it is taken. */
static int judge(const struct forged_list *f)
{
	struct crl c = CRL_NULL;
	int r = read_list(f, &c);

	assert_true(r == 0 || !c.serials);
	crl_done(&c);
	return r;
}

/* The same under other authorities than ours. */
static int read_with(const struct forged_list *f, struct view others)
{
	struct buf der = BUF_NULL(65536);
	struct crl c = CRL_NULL;
	int r;

	forge_list_der(f, &der);
	r = crl_read(buf_view(&der), others, &c);
	buf_done(&der);
	crl_done(&c);
	return r;
}

static void check_good(const struct crl *c)
{
	uint8_t id[ISSUER_ID], n[ISSUER_SERIAL] = {0};

	assert_int_equal(issuer_id(pki.ca, id), 0);
	assert_memory_equal(c->issuer, id, sizeof(id));
	assert_int_equal(c->this_update, NOW - 3600);
	assert_int_equal(c->next_update, NOW + 86400);
	assert_true(c->numbered);
	n[18] = 1;
	n[19] = 0x2c;
	assert_memory_equal(c->number, n, sizeof(n)); /* 300 */
	assert_string_equal(c->point, "");
	assert_int_equal(c->n, 3); /* sorted, each once */
	n[18] = 0;
	n[19] = 1;
	assert_memory_equal(c->serials[0], n, sizeof(n));
	n[18] = 0x12;
	n[19] = 0x34;
	assert_memory_equal(c->serials[1], n, sizeof(n));
	memset(n, 0, sizeof(n));
	n[0] = 0x80;
	n[19] = 0xff;
	assert_memory_equal(c->serials[2], n, sizeof(n)); /* 20 bytes, the first bit set */
}

static void a_list_is_read_in_der_and_in_pem(void **state)
{
	struct forged_list f = good();
	struct buf text = BUF_NULL(65536);
	struct crl c;

	(void)state;
	assert_int_equal(read_list(&f, &c), CRL_DONE);
	check_good(&c);
	crl_done(&c);
	assert_null(c.serials);
	buf_put_str(&text, "Issuer: somebody\n\n");
	forge_list_pem(&f, &text);
	assert_int_equal(crl_read(buf_view(&text), buf_view(&authorities), &c), CRL_DONE);
	check_good(&c);
	crl_done(&c);
	forge_list_pem(&f, &text);
	assert_int_equal(crl_read(buf_view(&text), buf_view(&authorities), &c), CRL_SEVERAL);
	buf_done(&text);
}

static void an_empty_list_and_an_old_one_are_lists(void **state)
{
	struct forged_list f = good();
	struct crl c;

	(void)state;
	f.serials = NULL;
	f.until = 0;
	f.number = NULL;
	assert_int_equal(read_list(&f, &c), CRL_DONE);
	assert_int_equal(c.n, 0);
	assert_int_equal(c.next_update, 0);
	assert_false(c.numbered);
	crl_done(&c);
	f = good();
	f.old = true;
	f.number = NULL;
	assert_int_equal(judge(&f), CRL_DONE);
}

static void kinds_that_are_not_complete_are_named(void **state)
{
	static const struct {
		const char *point;
		int outcome;
		const char *uri;
	} points[] = {
		{"critical,onlyuser:TRUE", CRL_DONE, ""},
		{"fullname:URI:http://x/a.crl", CRL_DONE, "http://x/a.crl"},
		{"critical,fullname:URI:http://x/a.crl,onlyuser:TRUE", CRL_DONE,
			"http://x/a.crl"},
		{"critical,onlyCA:TRUE", CRL_PARTIAL, NULL},
		{"critical,onlyAA:TRUE", CRL_PARTIAL, NULL},
		{"critical,onlysomereasons:keyCompromise", CRL_PARTIAL, NULL},
		{"critical,indirectCRL:TRUE", CRL_INDIRECT, NULL},
		{"critical,fullname:DNS:example.org", CRL_PARTIAL, NULL},
		{"critical,fullname:URI:with a blank", CRL_PARTIAL, NULL},
		{"critical,fullname:URI:with\x7f", CRL_PARTIAL, NULL},
		{"critical,DER:3006a004a0028600", CRL_PARTIAL, NULL}, /* an empty URI */
		{"critical,DER:3004a002a000", CRL_PARTIAL, NULL},     /* no name at all */
		/* a name relative to the issuer's */
		{"critical,DER:300fa00da10b3009060355040313024142", CRL_PARTIAL, NULL},
		{"critical,DER:30048402ffff", CRL_MALFORMED, NULL}, /* a BOOLEAN of two bytes */
	};
	struct forged_list f = good();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		struct crl c = CRL_NULL;

		f.point = points[i].point;
		assert_int_equal(read_list(&f, &c), points[i].outcome);
		if (points[i].outcome == CRL_DONE)
			assert_string_equal(c.point, points[i].uri);
		crl_done(&c);
	}
	f = good();
	f.delta = "299";
	assert_int_equal(judge(&f), CRL_DELTA);
	f = good();
	f.extension = "1.2.3.4";
	assert_int_equal(judge(&f), CRL_UNSUPPORTED);
	f = good();
	f.entry = "1.2.3.4";
	assert_int_equal(judge(&f), CRL_UNSUPPORTED);
	f.entry = "2.5.29.29"; /* certificate issuer: of somebody else */
	assert_int_equal(judge(&f), CRL_INDIRECT);
}

static void a_point_too_long_to_keep_is_named(void **state)
{
	struct forged_list f = good();
	char point[400] = "fullname:URI:";
	struct crl c = CRL_NULL;

	(void)state;
	memset(point + 13, 'x', CRL_POINT_MAX);
	f.point = point;
	assert_int_equal(read_list(&f, &c), CRL_DONE);
	assert_int_equal(strlen(c.point), CRL_POINT_MAX);
	crl_done(&c);
	point[13 + CRL_POINT_MAX] = 'x';
	assert_int_equal(judge(&f), CRL_PARTIAL);
}

static void only_an_authority_of_ours_is_believed(void **state)
{
	EVP_PKEY *small = forge_rsa(1024), *edwards = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	struct forged_list f = good();
	struct forged_x509 a = pki_authority("VITALED WEAK", small);
	X509 *weak = forge_x509(&a), *silent, *other;
	struct buf more = BUF_NULL(65536);

	(void)state;
	f.key = pki.stranger_key;
	assert_int_equal(judge(&f), CRL_FALSE); /* its name, another's key */
	f.issuer = pki.stranger;
	assert_int_equal(judge(&f), CRL_FALSE);
	f.issuer = pki.test_root;
	assert_int_equal(judge(&f), CRL_DONE);
	f = good();
	f.issuer = weak;
	f.key = small;
	assert_int_equal(judge(&f), CRL_STRANGER);
	forge_der(weak, &authorities);
	assert_int_equal(judge(&f), CRL_WEAK); /* its key */
	f = good();
	f.digest = "SHA1";
	assert_int_equal(judge(&f), CRL_WEAK);
	a = pki_authority("VITALED SIMULATED PERSONS", edwards); /* a key that we do not know */
	a.issuer = pki.root;
	a.issuer_key = pki.root_key;
	other = forge_x509(&a);
	forge_der(other, &more);
	f = good();
	assert_int_equal(read_with(&f, buf_view(&more)), CRL_WEAK);
	buf_reset(&more);
	a = pki_authority("VITALED SILENT", pki.ca_key);
	a.usage = "critical,keyCertSign"; /* signs no lists */
	silent = forge_x509(&a);
	forge_der(silent, &more);
	buf_put_str(&more, "what is no certificate ends the row");
	f = good();
	f.issuer = silent;
	assert_int_equal(read_with(&f, buf_view(&more)), CRL_FALSE);
	assert_int_equal(read_with(&f, VIEW_NULL), CRL_STRANGER);
	assert_int_equal(read_with(&f, VIEW_TEXT("none")), CRL_STRANGER);
	buf_done(&more);
	X509_free(weak);
	X509_free(silent);
	X509_free(other);
	EVP_PKEY_free(small);
	EVP_PKEY_free(edwards);
}

static void a_list_of_an_elliptic_authority_is_read(void **state)
{
	struct forged_x509 a = pki_authority("VITALED ELLIPTIC", pki.cvc_root);
	struct forged_list f = good();
	struct crl c;

	(void)state;
	f.issuer = forge_x509(&a);
	f.key = pki.cvc_root;
	f.digest = "SHA384";
	forge_der(f.issuer, &authorities);
	assert_int_equal(read_list(&f, &c), CRL_DONE);
	crl_done(&c);
	f.digest = "SHA512";
	assert_int_equal(judge(&f), CRL_DONE);
	X509_free(f.issuer);
}

static void times_and_numbers_must_make_sense(void **state)
{
	static const char *const negative[] = {"-5", NULL};
	static const char *const longer[] = {
		"0x010000000000000000000000000000000000000000", NULL};
	struct forged_list f = good();

	(void)state;
	f.until = f.from - 1;
	assert_int_equal(judge(&f), CRL_MALFORMED);
	f = good();
	f.from = -86400;
	assert_int_equal(judge(&f), CRL_MALFORMED);
	f = good();
	f.number = "-1";
	assert_int_equal(judge(&f), CRL_MALFORMED);
	f = good();
	f.serials = negative;
	assert_int_equal(judge(&f), CRL_MALFORMED);
	f.serials = longer;
	assert_int_equal(judge(&f), CRL_MALFORMED);
	f = good();
	f.until = (time_t)253402300799; /* the last second of 9999 */
	assert_int_equal(judge(&f), CRL_DONE);
}

static void what_is_no_list_is_malformed(void **state)
{
	static const char *const texts[] = {"", "0", "x", "-----BEGIN X509 CRL-----\n",
		"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
		"-----BEGIN X509 CRL-----\nProc-Type: 4,ENCRYPTED\n"
		"DEK-Info: AES-128-CBC,00000000000000000000000000000000\n\nAAAA\n"
		"-----END X509 CRL-----\n"};
	struct buf cert = BUF_NULL(8192);
	struct crl c = CRL_NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_int_equal(crl_read(view_str(texts[i]), buf_view(&authorities), &c),
			CRL_MALFORMED);
	forge_der(pki.ca, &cert);
	assert_int_equal(crl_read(buf_view(&cert), buf_view(&authorities), &c), CRL_MALFORMED);
	buf_done(&cert);
	assert_int_equal(crl_read(view_of(texts, (size_t)LIMIT_CRL_BYTES + 1),
				 buf_view(&authorities), &c),
		CRL_LARGE); /* not looked at */
}

static void a_list_cut_or_changed_at_any_byte_is_refused(void **state)
{
	struct forged_list f = good();
	struct buf der = BUF_NULL(65536);
	struct crl c = CRL_NULL;

	(void)state;
	forge_list_der(&f, &der);
	for (size_t i = 0; i < der.len; i++) {
		int r = crl_read(view_of(der.data, i), buf_view(&authorities), &c);

		assert_int_equal(r, CRL_MALFORMED);
		der.data[i] ^= (uint8_t)(1U << (i % 8));
		r = crl_read(buf_view(&der), buf_view(&authorities), &c);
		assert_true(r == CRL_MALFORMED || r == CRL_STRANGER || r == CRL_FALSE ||
			    r == CRL_WEAK);
		der.data[i] ^= (uint8_t)(1U << (i % 8));
	}
	buf_put_u8(&der, 0);
	assert_int_equal(crl_read(buf_view(&der), buf_view(&authorities), &c), CRL_MALFORMED);
	buf_done(&der);
}

static void a_huge_list_is_sorted(void **state)
{
	struct buf der = BUF_NULL(LIMIT_CRL_BYTES);
	struct forged_list f = good();
	struct crl c;

	(void)state;
	f.serials = NULL;
	f.many = 20000;
	forge_list_der(&f, &der);
	assert_int_equal(crl_read(buf_view(&der), buf_view(&authorities), &c), CRL_DONE);
	buf_done(&der);
	assert_int_equal(c.n, 20000);
	for (uint32_t i = 1; i < c.n; i++)
		assert_true(memcmp(c.serials[i - 1], c.serials[i], ISSUER_SERIAL) < 0);
	crl_done(&c);
}

static void memory_that_runs_out_is_a_fault_and_never_a_list(void **state)
{
	struct buf der = BUF_NULL(65536), pem = BUF_NULL(65536), two = BUF_NULL(65536);
	struct forged_list f = good();
	bool met = true;

	(void)state;
	forge_der(pki.root, &two); /* one that is passed over, one that signed */
	forge_der(pki.ca, &two);
	f.point = "fullname:URI:http://x/a.crl";
	forge_list_der(&f, &der);
	forge_list_pem(&f, &pem);
	for (unsigned int n = 0; met; n++) {
		struct crl c = CRL_NULL;
		bool met_too;
		int r;

		failing_arm(n, false);
		r = crl_read(buf_view(&der), buf_view(&two), &c);
		met = failing_off();
		assert_true(r == 0 || met);
		crl_done(&c);
		failing_arm(n, false);
		r = crl_read(buf_view(&pem), buf_view(&two), &c);
		met_too = failing_off();
		assert_true(r == 0 || met_too);
		met = met || met_too;
		crl_done(&c);
	}
	buf_done(&der);
	buf_done(&pem);
	buf_done(&two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_read_in_der_and_in_pem),
		cmocka_unit_test(an_empty_list_and_an_old_one_are_lists),
		cmocka_unit_test(kinds_that_are_not_complete_are_named),
		cmocka_unit_test(a_point_too_long_to_keep_is_named),
		cmocka_unit_test(only_an_authority_of_ours_is_believed),
		cmocka_unit_test(a_list_of_an_elliptic_authority_is_read),
		cmocka_unit_test(times_and_numbers_must_make_sense),
		cmocka_unit_test(what_is_no_list_is_malformed),
		cmocka_unit_test(a_list_cut_or_changed_at_any_byte_is_refused),
		cmocka_unit_test(a_huge_list_is_sorted),
		cmocka_unit_test(memory_that_runs_out_is_a_fault_and_never_a_list),
	};

	failing_setup();
	return cmocka_run_group_tests(tests, prepare, clean);
}
