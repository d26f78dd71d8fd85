/* SPDX-License-Identifier: EUPL-1.2 */
/* The CMS that is assembled around a card's signature, checked by OpenSSL's own reader. */
#include "base/clock.h"
#include "base/tlv.h"
#include "daemon/consent/cms.h"
#include "tests/unit/record/failing.h"
#include "tests/unit/record/forge.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <string.h>
#include <time.h>

static struct {
	EVP_PKEY *key;
	X509 *cert;
	struct buf der;
} t;

static int setup(void **state)
{
	struct forged_x509 f = {
		.cn = "899700000123",
		.surname = "MARTIN",
		.given = "CLAUDE",
		.organisation = "CABINET",
		.usage = "critical,nonRepudiation",
		.from = time(NULL) - 86400,
		.until = time(NULL) + 86400,
	};

	(void)state;
	t.key = forge_rsa(2048);
	f.key = t.key;
	f.issuer_key = t.key;
	t.cert = forge_x509(&f);
	t.der = BUF_NULL(8192);
	forge_der(t.cert, &t.der);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(t.key);
	X509_free(t.cert);
	buf_done(&t.der);
	return 0;
}

static void rsa_sign(struct view data, struct buf *out)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[256];
	size_t len = sizeof(signature);

	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, t.key), 1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &len, data.data, data.len), 1);
	buf_put(out, signature, len);
	EVP_MD_CTX_free(ctx);
}

/* Return: whether OpenSSL takes it as a signature over @content. */
static bool verifies(const struct buf *der, struct view content)
{
	const unsigned char *p = der->data;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)der->len);
	X509_STORE *store = X509_STORE_new();
	BIO *in = BIO_new_mem_buf(content.data, (int)content.len);
	bool good;

	assert_non_null(cms);
	assert_ptr_equal(p, der->data + der->len); /* nothing behind it */
	assert_int_equal(CMS_is_detached(cms), 1);
	assert_int_equal(X509_STORE_add_cert(store, t.cert), 1);
	assert_int_equal(X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN), 1);
	X509_STORE_set_purpose(store, X509_PURPOSE_ANY);
	good = CMS_verify(cms, NULL, store, in, NULL, CMS_BINARY) == 1;
	BIO_free(in);
	X509_STORE_free(store);
	CMS_ContentInfo_free(cms);
	return good;
}

static void what_is_assembled_is_what_openssl_verifies(void **state)
{
	static const uint64_t times[] = {1764000000000000ULL, 2556000000000000ULL};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(times); i++) { /* UTCTime, GeneralizedTime from 2050 */
		struct buf attributes = BUF_NULL(4096);
		struct buf signature = BUF_NULL(512);
		struct buf der = BUF_NULL(16384);
		struct view content = VIEW_TEXT("{\"a\":1}");

		assert_int_equal(
			cms_attributes(buf_view(&t.der), content, times[i], &attributes), 0);
		rsa_sign(buf_view(&attributes), &signature);
		assert_int_equal(cms_assemble(buf_view(&t.der), buf_view(&attributes),
					 buf_view(&signature), &der),
			0);
		assert_true(verifies(&der, content));
		assert_false(verifies(&der, VIEW_TEXT("{\"a\":2}")));
		buf_done(&attributes);
		buf_done(&signature);
		buf_done(&der);
	}
}

static void the_attributes_are_a_sorted_set_of_four(void **state)
{
	struct buf attributes = BUF_NULL(4096);
	struct view before = VIEW_NULL;
	struct reader r;
	struct tlv set;
	struct tlv one;
	size_t n = 0;

	(void)state;
	assert_int_equal(cms_attributes(buf_view(&t.der), VIEW_TEXT("x"), 1764000000000000ULL,
				 &attributes),
		0);
	assert_int_equal(tlv_find(buf_view(&attributes), 0x31, &set), 0);
	assert_int_equal(set.whole.len, attributes.len);
	r = reader_of(set.value);
	while (tlv_next(&r, &one) == 0) {
		size_t shorter = one.whole.len < before.len ? one.whole.len : before.len;

		assert_int_equal(one.tag, 0x30);
		assert_true(n == 0 || memcmp(before.data, one.whole.data, shorter) < 0);
		before = one.whole;
		n++;
	}
	assert_int_equal(n, 4);
	buf_done(&attributes);
}

static void a_certificate_that_is_none_is_a_fault(void **state)
{
	struct buf attributes = BUF_NULL(4096);
	struct buf small = BUF_NULL(16);
	struct buf der = BUF_NULL(16384);

	(void)state;
	assert_int_equal(cms_attributes(VIEW_TEXT("x"), VIEW_TEXT("x"), 0, &attributes), 0);
	assert_int_equal(
		cms_assemble(VIEW_TEXT("x"), buf_view(&attributes), VIEW_TEXT("s"), &der),
		-EBADMSG);
	assert_true(cms_assemble(buf_view(&t.der), VIEW_TEXT("x"), VIEW_TEXT("s"), &der) < 0);
	assert_int_equal(cms_attributes(VIEW_TEXT("x"), VIEW_TEXT("x"), 0, &small), -EMSGSIZE);
	buf_done(&attributes);
	buf_done(&small);
	buf_done(&der);
}

static void a_place_that_is_too_small_is_a_fault(void **state)
{
	struct buf attributes = BUF_NULL(4096);

	(void)state;
	assert_int_equal(cms_attributes(buf_view(&t.der), VIEW_TEXT("x"), 1764000000000000ULL,
				 &attributes),
		0);
	for (size_t room = 8; room < 1200; room += 97) {
		struct buf der = BUF_NULL(room);

		assert_true(cms_assemble(buf_view(&t.der), buf_view(&attributes),
				    VIEW_TEXT("signature"), &der) < 0);
		buf_done(&der);
	}
	buf_done(&attributes);
}

static void memory_that_runs_out_makes_a_fault_and_no_signature(void **state)
{
	bool refused = true;

	(void)state;
	for (unsigned int n = 0; refused; n++) {
		struct buf attributes = BUF_NULL(4096);
		struct buf der = BUF_NULL(16384);
		int r;

		failing_arm(n, false);
		r = cms_attributes(
			buf_view(&t.der), VIEW_TEXT("x"), 1764000000000000ULL, &attributes);
		if (r == 0)
			r = cms_assemble(buf_view(&t.der), buf_view(&attributes),
				VIEW_TEXT("signature"), &der);
		refused = failing_off();
		assert_true(refused || r == 0);
		assert_true(r <= 0);
		buf_done(&attributes);
		buf_done(&der);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_assembled_is_what_openssl_verifies),
		cmocka_unit_test(the_attributes_are_a_sorted_set_of_four),
		cmocka_unit_test(a_certificate_that_is_none_is_a_fault),
		cmocka_unit_test(a_place_that_is_too_small_is_a_fault),
		cmocka_unit_test(memory_that_runs_out_makes_a_fault_and_no_signature),
	};

	failing_setup();
	return cmocka_run_group_tests(tests, setup, teardown);
}
