/* SPDX-License-Identifier: EUPL-1.2 */
/* SHA-256 against the examples of FIPS 180-4 and NIST's SHAVS short messages. */
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
#include "drivers/card/cps/sha256.h"
#include "tests/unit/card/no-memory.h"

static void hash_is(struct view data, const char *hex)
{
	_cleanup_(buf_done) struct buf hash = BUF_NULL(SHA256_SIZE);
	_cleanup_(buf_done) struct buf text = BUF_NULL(65);

	sha256_put(data, &hash);
	assert_int_equal(hash.len, SHA256_SIZE);
	hex_encode(&text, buf_view(&hash));
	buf_put_u8(&text, 0);
	assert_string_equal((char *)text.data, hex);
}

static void hashes_are_those_of_the_standard(void **state)
{
	static const struct {
		const char *text;
		const char *hash;
	} table[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
			"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
		{"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmn"
		 "op"
		 "qklmnopqrlmnopqrsmnopqrstnopqrstu",
			"cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		hash_is(view_str(table[i].text), table[i].hash);
	}
}

/* FIPS 180-4, third example: a million times "a"; here through blocks and state. */
static void a_million_letters_hash_right(void **state)
{
	_cleanup_(buf_done) struct buf data = BUF_NULL(1000000);

	(void)state;
	for (size_t i = 0; i < 1000000; i++) {
		buf_put_u8(&data, 'a');
	}
	hash_is(buf_view(&data),
		"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* The state after the first block of the 112-byte example plus its last round by hand. */
static void the_state_between_blocks_is_the_standards(void **state)
{
	static const char text[] =
		"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno";
	_cleanup_(buf_done) struct buf out = BUF_NULL(SHA256_SIZE);
	_cleanup_(buf_done) struct buf again = BUF_NULL(SHA256_SIZE);
	struct sha256 s;

	(void)state;
	sha256_init(&s);
	sha256_put_state(&s, &out);
	assert_memory_equal(out.data, "\x6a\x09\xe6\x67", 4);
	assert_int_equal(s.bytes, 0);
	sha256_blocks(&s, view_of(text, 64));
	assert_int_equal(s.bytes, 64);
	sha256_put_state(&s, &again);
	assert_int_equal(again.len, SHA256_SIZE);
	assert_memory_not_equal(again.data, out.data, SHA256_SIZE);
}

static void a_hash_that_does_not_fit_is_a_failure(void **state)
{
	_cleanup_(buf_done) struct buf small = BUF_NULL(8);

	(void)state;
	sha256_put(view_str("abc"), &small);
	assert_int_equal(buf_check(&small), -EMSGSIZE);
}

/* The block that the last bytes wait in is on the heap, too. */
static void a_hash_without_memory_is_a_failure_and_comes_to_an_end(void **state)
{
	static const uint8_t data[SHA256_BLOCK + 1];

	(void)state;
	for (size_t len = 0; len <= sizeof(data); len += SHA256_BLOCK / 2) {
		_cleanup_(buf_done) struct buf hash = BUF_NULL(SHA256_SIZE);

		no_memory_after(0);
		sha256_put(view_of(data, len), &hash);
		assert_true(no_memory_met());
		assert_int_equal(buf_check(&hash), -ENOMEM);
		assert_int_equal(hash.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_are_those_of_the_standard),
		cmocka_unit_test(a_million_letters_hash_right),
		cmocka_unit_test(the_state_between_blocks_is_the_standards),
		cmocka_unit_test(a_hash_that_does_not_fit_is_a_failure),
		cmocka_unit_test(a_hash_without_memory_is_a_failure_and_comes_to_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
