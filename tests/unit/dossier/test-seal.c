/* SPDX-License-Identifier: EUPL-1.2 */
/* Sealing: published vectors, round trips, and every byte that may be changed. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <string.h>

#include "base/hex.h"
#include "daemon/dossier/seal.h"

static void from_hex(struct buf *out, const char *hex)
{
	assert_int_equal(hex_decode(out, view_str(hex)), 0);
}

/* McGrew and Viega, The Galois/Counter Mode of Operation, test case 16 */
static void gcm_of_the_published_vector(void **state)
{
	static const char plain_hex[] =
		"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a31"
		"8a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";
	static const char sealed_hex[] =
		"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb"
		"3da7b08b"
		"1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b";
	_cleanup_(buf_done) struct buf key = BUF_NULL(64), nonce = BUF_NULL(64),
				       aad = BUF_NULL(64);
	_cleanup_(buf_done) struct buf plain = BUF_NULL(128), wanted = BUF_NULL(128);
	_cleanup_(buf_done) struct buf out = BUF_NULL(128), back = BUF_NULL(128);

	(void)state;
	from_hex(&key, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
	from_hex(&nonce, "cafebabefacedbaddecaf888");
	from_hex(&aad, "feedfacedeadbeeffeedfacedeadbeefabaddad2");
	from_hex(&plain, plain_hex);
	from_hex(&wanted, sealed_hex);
	assert_int_equal(seal_put_at(buf_view(&key), buf_view(&nonce), buf_view(&aad),
				 buf_view(&plain), &out),
		0);
	assert_true(view_equal(buf_view(&out), buf_view(&wanted)));
	assert_int_equal(seal_open_at(buf_view(&key), buf_view(&nonce), buf_view(&aad),
				 buf_view(&out), &back),
		0);
	assert_true(view_equal(buf_view(&back), buf_view(&plain)));
}

/* HKDF by its definition (RFC 5869), from the HMAC of RFC 4231, case 2 */
static void hmac_and_hkdf_of_published_vectors(void **state)
{
	static const uint8_t salt[3] = {1, 2, 3};
	static const uint8_t input[SEAL_KEY] = {7};
	_cleanup_(secret_done) struct secret derived = SECRET_NULL;
	_cleanup_(buf_done) struct buf wanted = BUF_NULL(32);
	uint8_t mac[SEAL_HASH];
	uint8_t prk[SEAL_HASH];

	(void)state;
	from_hex(&wanted, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	assert_int_equal(
		seal_hmac(VIEW_TEXT("Jefe"), VIEW_TEXT("what do ya want for nothing?"), mac),
		0);
	assert_memory_equal(mac, wanted.data, SEAL_HASH);
	assert_int_equal(seal_hmac(VIEW(salt), VIEW(input), prk), 0);
	assert_int_equal(seal_hmac(VIEW(prk), VIEW_TEXT("label\0info\x01"), mac), 0);
	assert_int_equal(
		seal_derive(VIEW(input), VIEW(salt), "label", VIEW_TEXT("info"), &derived), 0);
	assert_memory_equal(derived.data, mac, SEAL_KEY);
	assert_int_equal(
		seal_derive(VIEW(salt), VIEW_NULL, "label", VIEW_NULL, &derived), -EINVAL);
}

static void sha256_of_the_published_vector(void **state)
{
	_cleanup_(buf_done) struct buf wanted = BUF_NULL(32);
	uint8_t hash[SEAL_HASH];
	struct seal_digest d;

	(void)state;
	from_hex(&wanted, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(seal_digest_begin(&d), 0);
	assert_int_equal(seal_digest_put(&d, VIEW_TEXT("a")), 0);
	assert_int_equal(seal_digest_put(&d, VIEW_NULL), 0);
	assert_int_equal(seal_digest_put(&d, VIEW_TEXT("bc")), 0);
	assert_int_equal(seal_digest_end(&d, hash), 0);
	assert_memory_equal(hash, wanted.data, SEAL_HASH);
	assert_int_equal(seal_sha256(VIEW_TEXT("abc"), hash), 0);
	assert_memory_equal(hash, wanted.data, SEAL_HASH);
	seal_digest_done(&d);
}

static void changed_bytes_are_never_given_out(void **state)
{
	static const uint8_t key[SEAL_KEY] = {5};
	static const uint8_t other[SEAL_KEY] = {6};
	_cleanup_(buf_done) struct buf sealed = BUF_NULL(128), out = BUF_NULL(128);
	struct view aad = VIEW_TEXT("place");

	(void)state;
	assert_int_equal(seal_put(VIEW(key), aad, VIEW_TEXT("secret"), &sealed), 0);
	assert_int_equal(sealed.len, 12 + 6 + 16);
	for (size_t i = 0; i < sealed.len; i++) {
		for (unsigned int bit = 0; bit < 8; bit++) {
			sealed.data[i] = (uint8_t)(sealed.data[i] ^ (1U << bit));
			assert_int_equal(
				seal_open(VIEW(key), aad, buf_view(&sealed), &out), SEAL_FALSE);
			assert_int_equal(out.len, 0);
			sealed.data[i] = (uint8_t)(sealed.data[i] ^ (1U << bit));
		}
	}
	for (size_t n = 0; n < sealed.len; n++) {
		assert_int_equal(
			seal_open(VIEW(key), aad, view_of(sealed.data, n), &out), SEAL_FALSE);
	}
	assert_int_equal(seal_open(VIEW(other), aad, buf_view(&sealed), &out), SEAL_FALSE);
	assert_int_equal(
		seal_open(VIEW(key), VIEW_TEXT("Place"), buf_view(&sealed), &out), SEAL_FALSE);
	assert_int_equal(seal_open(VIEW(key), VIEW_NULL, buf_view(&sealed), &out), SEAL_FALSE);
	assert_int_equal(seal_open(VIEW(key), aad, buf_view(&sealed), &out), 0);
	assert_true(view_equal(buf_view(&out), VIEW_TEXT("secret")));
}

static void empty_text_is_sealed_too(void **state)
{
	static const uint8_t key[SEAL_KEY] = {5};
	_cleanup_(buf_done) struct buf sealed = BUF_NULL(128), out = BUF_NULL(128);

	(void)state;
	assert_int_equal(seal_put(VIEW(key), VIEW_NULL, VIEW_NULL, &sealed), 0);
	assert_int_equal(sealed.len, 28);
	assert_int_equal(seal_open(VIEW(key), VIEW_NULL, buf_view(&sealed), &out), 0);
	assert_int_equal(out.len, 0);
	sealed.data[27] ^= 1;
	assert_int_equal(seal_open(VIEW(key), VIEW_NULL, buf_view(&sealed), &out), SEAL_FALSE);
}

static void two_seals_of_one_text_differ(void **state)
{
	static const uint8_t key[SEAL_KEY] = {5};
	_cleanup_(buf_done) struct buf one = BUF_NULL(128), two = BUF_NULL(128);

	(void)state;
	assert_int_equal(seal_put(VIEW(key), VIEW_NULL, VIEW_TEXT("x"), &one), 0);
	assert_int_equal(seal_put(VIEW(key), VIEW_NULL, VIEW_TEXT("x"), &two), 0);
	assert_false(view_equal(buf_view(&one), buf_view(&two)));
}

static void sizes_that_do_not_fit_are_a_fault(void **state)
{
	static const uint8_t key[SEAL_KEY] = {5};
	static const uint8_t nonce[SEAL_NONCE] = {0};
	_cleanup_(buf_done) struct buf out = BUF_NULL(20);
	struct view large = view_of(key, (size_t)1024 * 1024 + 17);

	(void)state;
	assert_int_equal(seal_put_at(view_of(key, 16), VIEW(nonce), VIEW_NULL, VIEW_NULL, &out),
		-EINVAL);
	assert_int_equal(seal_put_at(VIEW(key), view_of(nonce, 11), VIEW_NULL, VIEW_NULL, &out),
		-EINVAL);
	assert_int_equal(seal_put_at(VIEW(key), VIEW(nonce), VIEW_NULL, large, &out), -EINVAL);
	assert_int_equal(seal_put_at(VIEW(key), VIEW(nonce), large, VIEW_NULL, &out), -EINVAL);
	assert_int_equal(
		seal_open_at(view_of(key, 16), VIEW(nonce), VIEW_NULL, VIEW(key), &out),
		-EINVAL);
	assert_int_equal(
		seal_open_at(VIEW(key), VIEW(nonce), VIEW_NULL, large, &out), SEAL_FALSE);
	assert_int_equal(
		seal_put_at(VIEW(key), VIEW(nonce), VIEW_NULL, VIEW(key), &out), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gcm_of_the_published_vector),
		cmocka_unit_test(hmac_and_hkdf_of_published_vectors),
		cmocka_unit_test(sha256_of_the_published_vector),
		cmocka_unit_test(changed_bytes_are_never_given_out),
		cmocka_unit_test(empty_text_is_sealed_too),
		cmocka_unit_test(two_seals_of_one_text_differ),
		cmocka_unit_test(sizes_that_do_not_fit_are_a_fault),
	};

	return seal_setup() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
