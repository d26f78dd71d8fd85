/* SPDX-License-Identifier: EUPL-1.2 */
/* Card-verifiable certificates: good ones, and every place in which one can be wrong. */
#include "base/clock.h"
#include "base/hex.h"
#include "base/tlv.h"
#include "record/cvc.h"
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

#define ROOT "FRVDSIMROOT00001"
#define CARD "FRV1234567800001"

/* the objects of a body, in their order */
static const uint32_t tags[] = {0x5f29, 0x42, 0x7f49, 0x5f20, 0x7f4c, 0x5f25, 0x5f24};

static EVP_PKEY *root_key, *card_key;
static struct buf root_cert = {.max = CVC_MAX}, card_cert = {.max = CVC_MAX};
static uint8_t root_point[CVC_POINT], card_point[CVC_POINT];

static struct forged_cvc card(void)
{
	return (struct forged_cvc){.car = ROOT,
		.chr = CARD,
		.from = "240101",
		.until = "291231",
		.role = 0x00,
		.key = card_key,
		.signer = root_key};
}

static struct forged_cvc root(void)
{
	return (struct forged_cvc){.car = ROOT,
		.chr = ROOT,
		.from = "240101",
		.until = "391231",
		.role = 0xff,
		.key = root_key,
		.signer = root_key,
		.parameters = true};
}

static int prepare(void **state)
{
	struct forged_cvc f;

	(void)state;
	root_key = forge_ec();
	card_key = forge_ec();
	forge_point(root_key, root_point);
	forge_point(card_key, card_point);
	f = root();
	forge_cvc(&f, &root_cert);
	f = card();
	forge_cvc(&f, &card_cert);
	return 0;
}

static int clean(void **state)
{
	(void)state;
	EVP_PKEY_free(root_key);
	EVP_PKEY_free(card_key);
	buf_done(&root_cert);
	buf_done(&card_cert);
	return 0;
}

static int parse_forged(const struct forged_cvc *f)
{
	struct buf b = BUF_NULL(CVC_MAX);
	struct cvc c;
	int r;

	forge_cvc(f, &b);
	r = cvc_parse(buf_view(&b), &c);
	buf_done(&b);
	return r;
}

static void a_card_certificate_is_read_and_verified(void **state)
{
	struct cvc c;

	(void)state;
	assert_int_equal(cvc_parse(buf_view(&card_cert), &c), 0);
	assert_string_equal(c.car, ROOT);
	assert_string_equal(c.chr, CARD);
	assert_string_equal(c.from, "240101");
	assert_string_equal(c.until, "291231");
	assert_int_equal(c.role, 0);
	assert_memory_equal(c.point, card_point, CVC_POINT);
	assert_int_equal(c.signature.len, CVC_SIGNATURE);
	assert_int_equal(cvc_verify(&c, root_point), 0);
	assert_int_equal(cvc_verify(&c, card_point), CVC_FALSE);
}

static void a_root_is_read_with_and_without_domain_parameters(void **state)
{
	struct forged_cvc f = root();
	struct cvc c;

	(void)state;
	assert_int_equal(cvc_parse(buf_view(&root_cert), &c), 0);
	assert_int_equal(c.role, 0xff);
	assert_int_equal(cvc_verify(&c, c.point), 0);
	f.parameters = false;
	assert_int_equal(parse_forged(&f), 0);
}

static void a_root_and_a_card_are_never_mistaken(void **state)
{
	struct forged_cvc f = root();

	(void)state;
	f.role = 0x00;
	assert_int_equal(parse_forged(&f), CVC_MALFORMED);
	f = root();
	f.chr = CARD;
	assert_int_equal(parse_forged(&f), CVC_MALFORMED);
	f = card();
	f.parameters = true;
	assert_int_equal(parse_forged(&f), CVC_MALFORMED);
	f = card();
	f.role = 0xff;
	assert_int_equal(parse_forged(&f), CVC_MALFORMED);
}

/* Whatever bit is flipped: either it no longer reads, or it no longer verifies. */
static void any_changed_bit_is_found(void **state)
{
	struct buf *const all[] = {&card_cert, &root_cert};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(all); k++) {
		for (size_t i = 0; i < all[k]->len; i++) {
			uint8_t bit = (uint8_t)(1U << i % 8);
			struct cvc c;
			int r;

			all[k]->data[i] ^= bit;
			r = cvc_parse(buf_view(all[k]), &c);
			if (r == 0)
				r = cvc_verify(&c, root_point);
			assert_true(r > 0);
			all[k]->data[i] ^= bit;
		}
	}
}

static void a_cut_or_longer_certificate_is_malformed(void **state)
{
	struct buf longer = BUF_NULL(2048);
	struct cvc c;

	(void)state;
	for (size_t i = 0; i < card_cert.len; i++)
		assert_int_equal(
			cvc_parse(view_sub(buf_view(&card_cert), 0, i), &c), CVC_MALFORMED);
	buf_put_view(&longer, buf_view(&card_cert));
	buf_put_u8(&longer, 0);
	assert_int_equal(cvc_parse(buf_view(&longer), &c), CVC_MALFORMED);
	while (longer.len <= CVC_MAX)
		buf_put_u8(&longer, 0);
	assert_int_equal(cvc_parse(buf_view(&longer), &c), CVC_MALFORMED);
	buf_done(&longer);
}

static void dates_must_exist(void **state)
{
	static const struct {
		const char *day;
		int outcome;
	} days[] = {
		{"240229", 0},
		{"230228", 0},
		{"991231", 0},
		{"000229", 0},
		{"230229", CVC_MALFORMED},
		{"240230", CVC_MALFORMED},
		{"240431", CVC_MALFORMED},
		{"240100", CVC_MALFORMED},
		{"240132", CVC_MALFORMED},
		{"240001", CVC_MALFORMED},
		{"241301", CVC_MALFORMED},
		{":40101", CVC_MALFORMED},
		{"2:0101", CVC_MALFORMED},
		{"24010", CVC_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(days); i++) {
		struct forged_cvc f = card();

		f.until = days[i].day;
		assert_int_equal(parse_forged(&f), days[i].outcome);
		f = card();
		f.from = days[i].day;
		assert_int_equal(parse_forged(&f), days[i].outcome);
	}
}

static void names_are_sixteen_letters_and_digits(void **state)
{
	static const struct {
		const char *name;
		int outcome;
	} names[] = {
		{"FRPazAZ0900000zz", 0},
		{"FRV123456780000", CVC_MALFORMED},
		{"FRV12345678000011", CVC_MALFORMED},
		{"FRV12345678 0001", CVC_MALFORMED},
		{"FRV12345678/0001", CVC_MALFORMED},
		{"FRV12345678:0001", CVC_MALFORMED},
		{"FRV12345678@0001", CVC_MALFORMED},
		{"FRV12345678[0001", CVC_MALFORMED},
		{"FRV12345678\xc3\xa9"
		 "001",
			CVC_MALFORMED},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct forged_cvc f = card();

		f.chr = names[i].name;
		assert_int_equal(parse_forged(&f), names[i].outcome);
		f = card();
		f.car = names[i].name;
		assert_int_equal(parse_forged(&f), names[i].outcome);
	}
}

static void every_object_has_its_place_once(void **state)
{
	struct tlv whole, body, signature;
	struct reader r = reader_of(buf_view(&card_cert));

	(void)state;
	assert_int_equal(tlv_next(&r, &whole), 0);
	assert_int_equal(tlv_find(whole.value, 0x7f4e, &body), 0);
	assert_int_equal(tlv_find(whole.value, 0x5f37, &signature), 0);
	for (size_t left_out = 0; left_out < ARRAY_LEN(tags); left_out++) {
		for (int twice = 0; twice < 2; twice++) {
			struct buf b = BUF_NULL(CVC_MAX);
			size_t all = tlv_open(&b, 0x7f21), inner = tlv_open(&b, 0x7f4e);
			struct cvc c;

			for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
				struct tlv t;

				assert_int_equal(tlv_find(body.value, tags[i], &t), 0);
				if (i != left_out || twice)
					buf_put_view(&b, t.whole);
				if (i == left_out && twice)
					buf_put_view(&b, t.whole);
			}
			tlv_close(&b, inner);
			buf_put_view(&b, signature.whole);
			tlv_close(&b, all);
			assert_int_equal(cvc_parse(buf_view(&b), &c), CVC_MALFORMED);
			buf_done(&b);
		}
	}
}

static void the_signature_ends_the_certificate(void **state)
{
	struct reader r = reader_of(buf_view(&card_cert));
	struct buf b = BUF_NULL(CVC_MAX);
	struct tlv whole, body, signature;
	struct cvc c;
	size_t mark;

	(void)state;
	assert_int_equal(tlv_next(&r, &whole), 0);
	assert_int_equal(tlv_find(whole.value, 0x7f4e, &body), 0);
	assert_int_equal(tlv_find(whole.value, 0x5f37, &signature), 0);
	mark = tlv_open(&b, 0x7f21);
	buf_put_view(&b, body.whole);
	tlv_close(&b, mark);
	assert_int_equal(cvc_parse(buf_view(&b), &c), CVC_MALFORMED); /* none */
	buf_reset(&b);
	mark = tlv_open(&b, 0x7f21);
	buf_put_view(&b, body.whole);
	buf_put_view(&b, signature.whole);
	buf_put_view(&b, signature.whole);
	tlv_close(&b, mark);
	assert_int_equal(cvc_parse(buf_view(&b), &c), CVC_MALFORMED); /* two */
	buf_reset(&b);
	mark = tlv_open(&b, 0x7f21);
	buf_put_view(&b, signature.whole);
	buf_put_view(&b, body.whole);
	tlv_close(&b, mark);
	assert_int_equal(cvc_parse(buf_view(&b), &c), CVC_MALFORMED); /* swapped */
	buf_reset(&b);
	tlv_put(&b, 0x7f21, VIEW_NULL);
	assert_int_equal(cvc_parse(buf_view(&b), &c), CVC_MALFORMED); /* empty */
	buf_reset(&b);
	tlv_put(&b, 0x7f4e, VIEW_NULL);
	assert_int_equal(cvc_parse(buf_view(&b), &c), CVC_MALFORMED); /* of another kind */
	buf_done(&b);
}

/* Replace byte @at (counted from the end of the value of @tag) and parse. */
static int parse_changed(const struct buf *cert, uint32_t tag, size_t at, uint8_t value)
{
	struct buf b = BUF_NULL(CVC_MAX);
	struct tlv whole, body, t;
	struct reader r;
	struct cvc c;
	int k;

	buf_put_view(&b, buf_view(cert));
	r = reader_of(buf_view(&b));
	assert_int_equal(tlv_next(&r, &whole), 0);
	assert_int_equal(tlv_find(whole.value, 0x7f4e, &body), 0);
	assert_int_equal(tlv_find(body.value, tag, &t), 0);
	b.data[(size_t)(t.value.data - b.data) + at] = value;
	k = cvc_parse(buf_view(&b), &c);
	buf_done(&b);
	return k;
}

static void the_profile_is_the_only_one(void **state)
{
	(void)state;
	assert_int_equal(parse_changed(&card_cert, 0x5f29, 0, 1), CVC_MALFORMED);
	assert_int_equal(parse_changed(&card_cert, 0x7f49, 11, 4), CVC_MALFORMED); /* OID */
	assert_int_equal(parse_changed(&card_cert, 0x7f4c, 5, 2), CVC_MALFORMED); /* role OID */
	assert_int_equal(
		parse_changed(&card_cert, 0x7f4c, 6, 0x54), CVC_MALFORMED);	   /* tag 53 */
	assert_int_equal(parse_changed(&card_cert, 0x7f49, 14, 2), CVC_MALFORMED); /* not 04 */
	assert_int_equal(parse_changed(&card_cert, 0x7f49, 14, 6), CVC_MALFORMED); /* hybrid */
	assert_int_equal(parse_changed(&card_cert, 0x7f49, 30, card_point[16] ^ 1),
		CVC_MALFORMED); /* off the curve */
	/* one byte of each domain parameter: 06 0A .. | 81 20 p | 82 20 a | 83 20 b | 84 41 G | ... */
	assert_int_equal(parse_changed(&root_cert, 0x7f49, 12 + 10, 1), CVC_MALFORMED);
	assert_int_equal(parse_changed(&root_cert, 0x7f49, 12 + 34 + 10, 1), CVC_MALFORMED);
	assert_int_equal(parse_changed(&root_cert, 0x7f49, 12 + 68 + 10, 1), CVC_MALFORMED);
	assert_int_equal(parse_changed(&root_cert, 0x7f49, 12 + 102 + 10, 1), CVC_MALFORMED);
	assert_int_equal(parse_changed(&root_cert, 0x7f49, 12 + 169 + 10, 1), CVC_MALFORMED);
	assert_int_equal(
		parse_changed(&root_cert, 0x7f49, 12 + 203 + 67 + 2, 4), CVC_MALFORMED); /* h */
	assert_int_equal(
		parse_changed(&root_cert, 0x7f49, 12 + 203, 0x88), CVC_MALFORMED); /* no 86 */
}

/* @cert with its value of @tag replaced by that and one more object. */
static int parse_longer(const struct buf *cert, uint32_t tag)
{
	struct reader r = reader_of(buf_view(cert));
	struct tlv whole, body, signature, t;
	struct buf b = BUF_NULL(CVC_MAX);
	size_t all = tlv_open(&b, 0x7f21), inner = tlv_open(&b, 0x7f4e);
	struct cvc c;
	int k;

	assert_int_equal(tlv_next(&r, &whole), 0);
	assert_int_equal(tlv_find(whole.value, 0x7f4e, &body), 0);
	assert_int_equal(tlv_find(whole.value, 0x5f37, &signature), 0);
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		size_t mark = tlv_open(&b, tags[i]);

		assert_int_equal(tlv_find(body.value, tags[i], &t), 0);
		buf_put_view(&b, t.value);
		if (tags[i] == tag)
			tlv_put_u8(&b, 0x87, 1);
		tlv_close(&b, mark);
	}
	if (tag == 0x7f4e)
		tlv_put_u8(&b, 0x87, 1);
	tlv_close(&b, inner);
	buf_put_view(&b, signature.whole);
	tlv_close(&b, all);
	k = cvc_parse(buf_view(&b), &c);
	buf_done(&b);
	return k;
}

static void nothing_follows_where_all_has_been_said(void **state)
{
	(void)state;
	assert_int_equal(parse_longer(&card_cert, 0), 0); /* as it was */
	assert_int_equal(parse_longer(&card_cert, 0x7f49), CVC_MALFORMED);
	assert_int_equal(parse_longer(&root_cert, 0x7f49), CVC_MALFORMED);
	assert_int_equal(parse_longer(&card_cert, 0x7f4c), CVC_MALFORMED);
	assert_int_equal(parse_longer(&card_cert, 0x7f4e), CVC_MALFORMED);
}

static void the_role_is_one_byte_and_ends_its_template(void **state)
{
	static const struct {
		const char *chat;
		int outcome;
	} chats[] = {
		{"0604883756015301"
		 "0a",
			0},
		{"0604883756015302"
		 "0a0a",
			CVC_MALFORMED},
		{"0604883756015300", CVC_MALFORMED},
		{"060488375601", CVC_MALFORMED},
		{"0604883756015301"
		 "0a00",
			CVC_MALFORMED},
		{"", CVC_MALFORMED},
	};

	struct tlv whole, body, signature, t;
	struct reader r = reader_of(buf_view(&card_cert));

	(void)state;
	assert_int_equal(tlv_next(&r, &whole), 0);
	assert_int_equal(tlv_find(whole.value, 0x7f4e, &body), 0);
	assert_int_equal(tlv_find(whole.value, 0x5f37, &signature), 0);
	for (size_t i = 0; i < ARRAY_LEN(chats); i++) {
		struct buf b = BUF_NULL(CVC_MAX), chat = BUF_NULL(64);
		size_t all = tlv_open(&b, 0x7f21), inner = tlv_open(&b, 0x7f4e);
		struct cvc c;

		assert_int_equal(hex_decode(&chat, view_str(chats[i].chat)), 0);
		for (size_t k = 0; k < ARRAY_LEN(tags); k++) {
			assert_int_equal(tlv_find(body.value, tags[k], &t), 0);
			if (tags[k] == 0x7f4c)
				tlv_put(&b, 0x7f4c, buf_view(&chat));
			else
				buf_put_view(&b, t.whole);
		}
		tlv_close(&b, inner);
		buf_put_view(&b, signature.whole);
		tlv_close(&b, all);
		assert_int_equal(cvc_parse(buf_view(&b), &c), chats[i].outcome);
		buf_done(&b);
		buf_done(&chat);
	}
}

static void a_certificate_is_valid_through_its_last_day(void **state)
{
	static const struct {
		uint64_t seconds;
		bool valid;
	} times[] = {
		{1704067199, false}, /* 2023-12-31T23:59:59Z */
		{1704067200, true},  /* 2024-01-01T00:00:00Z */
		{1861919999, true},  /* 2028-12-31T23:59:59Z */
		{1861920000, false}, /* 2029-01-01T00:00:00Z */
		{0, false},	     /* 1970 */
		{4875292800, false}, /* 2124-06-29 */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		assert_int_equal(
			cvc_valid_at("240101", "281231", times[i].seconds * USEC_PER_SEC),
			times[i].valid);
}

static void a_presence_signature_verifies_and_no_other_does(void **state)
{
	static const char data[] = "what the card signs";
	uint8_t sig[CVC_SIGNATURE], off[CVC_POINT];

	(void)state;
	for (int i = 0; i < 64; i++) { /* short r and s come by chance */
		forge_sign(card_key, VIEW_TEXT(data), sig);
		assert_int_equal(
			cvc_check_signature(card_point, VIEW_TEXT(data), VIEW(sig)), 0);
	}
	assert_int_equal(
		cvc_check_signature(root_point, VIEW_TEXT(data), VIEW(sig)), CVC_FALSE);
	assert_int_equal(
		cvc_check_signature(card_point, VIEW_TEXT("other"), VIEW(sig)), CVC_FALSE);
	assert_int_equal(
		cvc_check_signature(card_point, VIEW_TEXT(data), view_of(sig, 63)), CVC_FALSE);
	sig[20] ^= 1;
	assert_int_equal(
		cvc_check_signature(card_point, VIEW_TEXT(data), VIEW(sig)), CVC_FALSE);
	memset(sig, 0, sizeof(sig));
	assert_int_equal(
		cvc_check_signature(card_point, VIEW_TEXT(data), VIEW(sig)), CVC_FALSE);
	memset(sig, 0xff, sizeof(sig));
	assert_int_equal(
		cvc_check_signature(card_point, VIEW_TEXT(data), VIEW(sig)), CVC_FALSE);
	bytes_copy(off, sizeof(off), card_point, sizeof(card_point));
	off[40] ^= 1;
	assert_int_equal(cvc_check_signature(off, VIEW_TEXT(data), VIEW(sig)), CVC_FALSE);
}

static void a_signature_in_der_is_minimal(void **state)
{
	struct buf der = BUF_NULL(128), small = BUF_NULL(8);
	uint8_t sig[CVC_SIGNATURE] = {[31] = 0x7f, [32] = 0x80, [63] = 0x01};

	(void)state;
	assert_int_equal(cvc_signature_der(VIEW(sig), &der), 0);
	assert_int_equal(der.len, 2 + 3 + 2 + 33);
	assert_memory_equal(der.data, "\x30\x26\x02\x01\x7f\x02\x21\x00\x80", 9);
	buf_reset(&der);
	memset(sig, 0, sizeof(sig));
	assert_int_equal(cvc_signature_der(VIEW(sig), &der), 0);
	assert_memory_equal(der.data, "\x30\x06\x02\x01\x00\x02\x01\x00", 8);
	assert_int_equal(cvc_signature_der(view_of(sig, 1), &der), -EINVAL);
	sig[0] = 0x80;
	assert_int_equal(cvc_signature_der(VIEW(sig), &small), -EMSGSIZE);
	buf_done(&der);
	buf_done(&small);
}

static void a_point_becomes_pem_for_openssl(void **state)
{
	struct buf pem = BUF_NULL(1024);
	uint8_t off[CVC_POINT] = {4};

	(void)state;
	assert_int_equal(cvc_point_pem(card_point, &pem), 0);
	assert_memory_equal(pem.data, "-----BEGIN PUBLIC KEY-----\n", 27);
	assert_int_equal(cvc_point_pem(off, &pem), CVC_MALFORMED);
	buf_done(&pem);
}

static int use_all(struct view signature)
{
	struct buf pem = BUF_NULL(1024);
	struct cvc c;
	int r;

	r = cvc_parse(buf_view(&card_cert), &c);
	if (r == 0)
		r = cvc_verify(&c, root_point);
	if (r == 0)
		r = cvc_check_signature(card_point, VIEW_TEXT("data"), signature);
	if (r == 0)
		r = cvc_point_pem(card_point, &pem);
	buf_done(&pem);
	return r;
}

static void memory_that_runs_out_never_makes_a_certificate_good(void **state)
{
	uint8_t sig[CVC_SIGNATURE], forged[CVC_SIGNATURE];
	unsigned int n = 0;
	bool refused = true;

	(void)state;
	forge_sign(card_key, VIEW_TEXT("data"), sig);
	forge_sign(root_key, VIEW_TEXT("data"), forged);
	for (; refused; n++) {
		int r;

		failing_arm(n, false);
		r = use_all(VIEW(sig));
		refused = failing_off();
		assert_true(refused || r == 0);
		failing_arm(n, false);
		r = cvc_check_signature(card_point, VIEW_TEXT("data"), VIEW(forged));
		(void)failing_off();
		assert_true(r != 0);
	}
	assert_true(n > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_card_certificate_is_read_and_verified),
		cmocka_unit_test(a_root_is_read_with_and_without_domain_parameters),
		cmocka_unit_test(a_root_and_a_card_are_never_mistaken),
		cmocka_unit_test(any_changed_bit_is_found),
		cmocka_unit_test(a_cut_or_longer_certificate_is_malformed),
		cmocka_unit_test(dates_must_exist),
		cmocka_unit_test(names_are_sixteen_letters_and_digits),
		cmocka_unit_test(every_object_has_its_place_once),
		cmocka_unit_test(the_signature_ends_the_certificate),
		cmocka_unit_test(the_profile_is_the_only_one),
		cmocka_unit_test(nothing_follows_where_all_has_been_said),
		cmocka_unit_test(the_role_is_one_byte_and_ends_its_template),
		cmocka_unit_test(a_certificate_is_valid_through_its_last_day),
		cmocka_unit_test(a_presence_signature_verifies_and_no_other_does),
		cmocka_unit_test(a_signature_in_der_is_minimal),
		cmocka_unit_test(a_point_becomes_pem_for_openssl),
		cmocka_unit_test(memory_that_runs_out_never_makes_a_certificate_good),
	};

	failing_setup();
	return cmocka_run_group_tests(tests, prepare, clean);
}
