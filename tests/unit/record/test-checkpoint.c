/* SPDX-License-Identifier: EUPL-1.2 */
/* Signed notes: our own round trip, the key of RFC 8032's first test vector, and hostile texts. */
#include "base/hex.h"
#include "record/checkpoint.h"
#include "tests/unit/record/failing.h"

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

#define ORIGIN "vitaled.example/record"
#define ROOT   "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg="
#define SIGNED "\n\xe2\x80\x94 " ORIGIN " "
#define HEAD   ORIGIN "\n8\n" ROOT "\n"

/* RFC 8032 §7.1 test 1: seed and public key */
static const uint8_t seed[] = {0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
	0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70,
	0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
static const uint8_t public[] = {0x01, 0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5,
	0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23,
	0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a};

static char *vkey, *note;
static struct checkpoint head = {.origin = ORIGIN, .size = 8};

static int prepare(void **state)
{
	struct buf k = BUF_NULL(1024), n = BUF_NULL(1024), root = BUF_NULL(32);

	(void)state;
	assert_int_equal(base64_decode(&root, view_str(ROOT)), 0);
	assert_int_equal(view_copy(buf_view(&root), head.root, sizeof(head.root)), 0);
	assert_int_equal(checkpoint_vkey(ORIGIN, VIEW(seed), &k), 0);
	assert_int_equal(checkpoint_sign(&head, VIEW(seed), &n), 0);
	vkey = buf_take_str(&k);
	note = buf_take_str(&n);
	buf_done(&root);
	return 0;
}

static int clean(void **state)
{
	(void)state;
	free(vkey);
	free(note);
	return 0;
}

static int verify(const char *text, const char *key)
{
	struct checkpoint c;

	return checkpoint_verify(view_str(text), key, &c);
}

/* -- keys --------------------------------------------------------------------------------------- */

static void a_vkey_is_name_id_and_public_key(void **state)
{
	struct buf expected = BUF_NULL(256);

	(void)state;
	/* id: printf 'vitaled.example/record\n\x01<public>' | sha256sum */
	buf_put_str(&expected, ORIGIN "+");
	assert_memory_equal(vkey, expected.data, expected.len);
	assert_int_equal(strlen(vkey), strlen(ORIGIN) + 1 + 8 + 1 + 44);
	buf_reset(&expected);
	base64_encode(&expected, VIEW(public));
	assert_memory_equal(vkey + strlen(ORIGIN) + 10, expected.data, expected.len);
	buf_done(&expected);
}

static void a_vkey_becomes_pem_for_openssl(void **state)
{
	struct buf pem = BUF_NULL(1024);
	char *text;

	(void)state;
	assert_int_equal(checkpoint_vkey_pem(vkey, &pem), 0);
	text = buf_take_str(&pem);
	assert_string_equal(text,
		"-----BEGIN PUBLIC KEY-----\n"
		"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
		"-----END PUBLIC KEY-----\n");
	free(text);
	assert_int_equal(checkpoint_vkey_pem("nothing", &pem), CHECKPOINT_MALFORMED);
}

static void a_vkey_of_another_form_is_malformed(void **state)
{
	static const char *const bad[] = {
		"",
		"name",
		"name+",
		"+00000000+AQID",
		"na me+00000000+AQID",
		"name+00000000",
		"name+0000000+AQID",
		"name+0000000g+AQID",
		"name+000000000+AQID",
		"name+00000000+",
		"name+00000000+!",
		"name+00000000+AQID",
	};
	char *other = strdup(vkey);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(verify(note, bad[i]), CHECKPOINT_MALFORMED);
	other[strlen(ORIGIN) + 1] = other[strlen(ORIGIN) + 1] == '0' ? '1' : '0'; /* its id */
	assert_int_equal(verify(note, other), CHECKPOINT_MALFORMED);
	free(other);
	other = strdup(vkey);
	other[strlen(ORIGIN) + 11] = 'g'; /* its algorithm */
	assert_int_equal(verify(note, other), CHECKPOINT_MALFORMED);
	free(other);
}

/* An algorithm that is not Ed25519, under the id that belongs to it. */
static void a_key_of_another_algorithm_is_malformed(void **state)
{
	uint8_t data[33] = {0x02};
	struct buf k = BUF_NULL(256);
	char *text;

	(void)state;
	buf_put_str(&k, "name+"
			"99999999+");
	base64_encode(&k, VIEW(data));
	text = buf_take_str(&k);
	assert_int_equal(verify(note, text), CHECKPOINT_MALFORMED);
	free(text);
}

/* -- notes -------------------------------------------------------------------------------------- */

static void a_signed_checkpoint_is_three_lines_and_a_signature(void **state)
{
	struct checkpoint c;

	(void)state;
	assert_memory_equal(note, HEAD SIGNED, strlen(HEAD SIGNED));
	assert_int_equal(strlen(note), strlen(HEAD SIGNED) + 92 + 1);
	assert_int_equal(checkpoint_parse(view_str(note), &c), 0);
	assert_string_equal(c.origin, ORIGIN);
	assert_int_equal(c.size, 8);
	assert_memory_equal(c.root, head.root, sizeof(c.root));
	assert_int_equal(checkpoint_verify(view_str(note), vkey, &c), 0);
	assert_int_equal(c.size, 8);
}

static void the_size_may_be_nothing_or_the_largest_number(void **state)
{
	static const uint64_t sizes[] = {0, 1, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct checkpoint c = head, got;
		struct buf n = BUF_NULL(1024);

		c.size = sizes[i];
		assert_int_equal(checkpoint_sign(&c, VIEW(seed), &n), 0);
		assert_int_equal(checkpoint_verify(buf_view(&n), vkey, &got), 0);
		assert_true(got.size == sizes[i]);
		buf_done(&n);
	}
}

static void any_changed_bit_is_found(void **state)
{
	size_t len = strlen(note);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			struct checkpoint c;

			note[i] = (char)(note[i] ^ 1 << bit);
			assert_true(checkpoint_verify(view_of(note, len), vkey, &c) > 0);
			note[i] = (char)(note[i] ^ 1 << bit);
		}
	}
	for (size_t i = 0; i < len; i++) {
		struct checkpoint c;

		assert_int_equal(
			checkpoint_verify(view_of(note, i), vkey, &c), CHECKPOINT_MALFORMED);
	}
}

static void a_false_signature_is_told_from_another_key(void **state)
{
	char *other = strdup(note), *name;

	(void)state;
	other[strlen(ORIGIN) + 1] = '9'; /* the size */
	assert_int_equal(verify(other, vkey), CHECKPOINT_FALSE);
	free(other);
	other = strdup(note);
	other[strlen(HEAD SIGNED)] = other[strlen(HEAD SIGNED)] == 'A' ? 'B' : 'A'; /* key id */
	assert_int_equal(verify(other, vkey), CHECKPOINT_OTHER_KEY);
	name = strstr(other, "\x94 " ORIGIN);
	name[2] = 'V'; /* another's name */
	assert_int_equal(verify(other, vkey), CHECKPOINT_OTHER_KEY);
	free(other);
	other = strdup(note);
	other[0] = 'V'; /* another log signed by our name */
	assert_int_equal(verify(other, vkey), CHECKPOINT_OTHER_KEY);
	free(other);
	assert_int_equal(verify(HEAD SIGNED "AAAA\n", vkey), CHECKPOINT_OTHER_KEY);
	assert_int_equal(verify(HEAD SIGNED "!\n", vkey), CHECKPOINT_OTHER_KEY);
}

static void extension_lines_and_witnesses_are_passed_over(void **state)
{
	struct buf n = BUF_NULL(4096);
	struct checkpoint c;

	(void)state;
	buf_put_str(&n, HEAD "\n\xe2\x80\x94 witness.example/w1 AAAAAAAA\n");
	buf_put_str(&n, note + strlen(HEAD) + 1);
	assert_int_equal(checkpoint_verify(buf_view(&n), vkey, &c), 0);
	buf_reset(&n);
	buf_put_str(&n, ORIGIN "\n8\n" ROOT "\nextension line\nanother\n");
	buf_put_str(&n, note + strlen(HEAD));
	assert_int_equal(checkpoint_parse(buf_view(&n), &c), 0);
	assert_int_equal(checkpoint_verify(buf_view(&n), vkey, &c), CHECKPOINT_FALSE);
	buf_done(&n);
}

static void the_first_signature_by_the_key_counts(void **state)
{
	const char *mine = note + strlen(HEAD) + 1;
	struct buf n = BUF_NULL(4096);
	struct checkpoint c;

	(void)state;
	buf_put_str(&n, note);
	buf_put_str(&n, mine);
	assert_int_equal(checkpoint_verify(buf_view(&n), vkey, &c), 0); /* twice the same */
	n.data[n.len - 10] = n.data[n.len - 10] == 'A' ? 'B' : 'A';
	assert_int_equal(checkpoint_verify(buf_view(&n), vkey, &c), 0);
	n.data[strlen(note) - 10] = n.data[n.len - 10];
	assert_int_equal(checkpoint_verify(buf_view(&n), vkey, &c), CHECKPOINT_FALSE);
	buf_done(&n);
}

static void texts_that_are_no_checkpoint_are_malformed(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		ORIGIN,
		ORIGIN "\n",
		ORIGIN "\n8\n",
		"\n8\n" ROOT "\n" SIGNED "AAAA\n",
		"a b\n8\n" ROOT "\n" SIGNED "AAAA\n",
		"a+b\n8\n" ROOT "\n" SIGNED "AAAA\n",
		ORIGIN "\n\n" ROOT "\n" SIGNED "AAAA\n",
		ORIGIN "\n08\n" ROOT "\n" SIGNED "AAAA\n",
		ORIGIN "\n-8\n" ROOT "\n" SIGNED "AAAA\n",
		ORIGIN "\n8a\n" ROOT "\n" SIGNED "AAAA\n",
		ORIGIN "\n18446744073709551616\n" ROOT "\n" SIGNED "AAAA\n",
		ORIGIN "\n99999999999999999999\n" ROOT "\n" SIGNED "AAAA\n",
		ORIGIN "\n184467440737095516150\n" ROOT "\n" SIGNED "AAAA\n",
		ORIGIN "\n8\nAAAA\n" SIGNED "AAAA\n",
		ORIGIN "\n8\n!\n" SIGNED "AAAA\n",
		ORIGIN "\n8\n\n" SIGNED "AAAA\n",
		HEAD,
		HEAD "\n",
		HEAD "extension",
		HEAD "exten\tsion\n" SIGNED "AAAA\n",
		HEAD SIGNED "AAAA",
		HEAD SIGNED "\n",
		HEAD SIGNED "AA AA\n",
		HEAD "\n\xe2\x80\x94 " ORIGIN "\n",
		HEAD "\n\xe2\x80\x94  AAAA\n",
		HEAD "\n-- " ORIGIN " AAAA\n",
		HEAD SIGNED "AAAA\n\n",
		HEAD SIGNED "AAAA\nmore\n",
		HEAD SIGNED "AAAA\nmore",
	};
	struct checkpoint c;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(checkpoint_parse(view_str(bad[i]), &c), CHECKPOINT_MALFORMED);
		assert_int_equal(verify(bad[i], vkey), CHECKPOINT_MALFORMED);
	}
}

static void names_and_notes_have_their_limits(void **state)
{
	struct buf n = BUF_NULL(65536);
	struct checkpoint c;

	(void)state;
	for (int i = 0; i < 128; i++)
		buf_put_u8(&n, 'o');
	buf_put_str(&n, "\n8\n" ROOT "\n" SIGNED "AAAA\n");
	assert_int_equal(checkpoint_parse(buf_view(&n), &c), CHECKPOINT_MALFORMED);
	assert_int_equal(
		checkpoint_parse(view_sub(buf_view(&n), 1, n.len), &c), 0); /* 127 fit */
	buf_reset(&n);
	buf_put_str(&n, HEAD);
	for (int i = 0; i < 16000; i++)
		buf_put_u8(&n, 'x');
	buf_put_str(&n, "\n" SIGNED "AAAA\n");
	assert_int_equal(checkpoint_parse(buf_view(&n), &c), 0);
	for (int i = 0; i < 200; i++)
		buf_put_str(&n, &SIGNED[1]);
	assert_int_equal(checkpoint_parse(buf_view(&n), &c), CHECKPOINT_MALFORMED);
	buf_done(&n);
}

/* -- own faults --------------------------------------------------------------------------------- */

static void a_seed_or_name_of_another_form_is_a_fault(void **state)
{
	struct checkpoint c = head;
	struct buf out = BUF_NULL(1024), small = BUF_NULL(4);

	(void)state;
	assert_int_equal(checkpoint_vkey(ORIGIN, view_of(seed, 31), &out), -EINVAL);
	assert_int_equal(checkpoint_vkey("a b", VIEW(seed), &out), -EINVAL);
	assert_int_equal(checkpoint_vkey(ORIGIN, VIEW(seed), &small), -EMSGSIZE);
	assert_int_equal(checkpoint_sign(&c, VIEW_NULL, &out), -EINVAL);
	assert_int_equal(checkpoint_sign(&c, VIEW(seed), &small), -EMSGSIZE);
	c.origin[0] = '\0';
	assert_int_equal(checkpoint_sign(&c, VIEW(seed), &out), -EINVAL);
	buf_done(&out);
	buf_done(&small);
}

static int use_all(const char *text)
{
	struct buf out = BUF_NULL(4096);
	struct checkpoint c;
	int r;

	r = checkpoint_vkey(ORIGIN, VIEW(seed), &out);
	if (r == 0)
		r = checkpoint_sign(&head, VIEW(seed), &out);
	if (r == 0)
		r = checkpoint_vkey_pem(vkey, &out);
	if (r == 0)
		r = checkpoint_verify(view_str(text), vkey, &c);
	buf_done(&out);
	return r;
}

static void memory_that_runs_out_never_makes_a_signature_good(void **state)
{
	char *forged = strdup(note);
	bool refused = true;
	unsigned int n = 0;

	(void)state;
	forged[strlen(ORIGIN) + 1] = '9';
	for (; refused; n++) {
		int r;

		failing_arm(n, false);
		r = use_all(note);
		refused = failing_off();
		assert_true(refused || r == 0);
		failing_arm(n, true);
		r = use_all(note);
		assert_true(failing_off() == refused);
		assert_true(r == 0 || refused);
		failing_arm(n, false);
		r = use_all(forged);
		(void)failing_off();
		assert_true(r != 0);
	}
	assert_true(n > 30);
	free(forged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vkey_is_name_id_and_public_key),
		cmocka_unit_test(a_vkey_becomes_pem_for_openssl),
		cmocka_unit_test(a_vkey_of_another_form_is_malformed),
		cmocka_unit_test(a_key_of_another_algorithm_is_malformed),
		cmocka_unit_test(a_signed_checkpoint_is_three_lines_and_a_signature),
		cmocka_unit_test(the_size_may_be_nothing_or_the_largest_number),
		cmocka_unit_test(any_changed_bit_is_found),
		cmocka_unit_test(a_false_signature_is_told_from_another_key),
		cmocka_unit_test(extension_lines_and_witnesses_are_passed_over),
		cmocka_unit_test(the_first_signature_by_the_key_counts),
		cmocka_unit_test(texts_that_are_no_checkpoint_are_malformed),
		cmocka_unit_test(names_and_notes_have_their_limits),
		cmocka_unit_test(a_seed_or_name_of_another_form_is_a_fault),
		cmocka_unit_test(memory_that_runs_out_never_makes_a_signature_good),
	};

	failing_setup();
	return cmocka_run_group_tests(tests, prepare, clean);
}
