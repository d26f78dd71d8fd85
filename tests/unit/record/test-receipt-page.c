/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The page of a receipt: what is on it, that nothing leaves its columns or moves a cursor, and what its
 * code says. That the code reads is shown with a scanner of others (tests/integration/test_receipts.py).
 */
#include "record/checkpoint.h"
#include "record/page-qr.h"
#include "record/page-words.h"
#include "record/receipt-page.h"
#include "tests/unit/record/failing.h"
#include "tests/unit/record/receipt-world.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

#define ACT(sequence, more)                                                                    \
	"{\"event\":\"document-read\"," more "\"pseudonym\":\"aa\",\"sequence\":" sequence     \
	",\"session\":\"session/1@0a\",\"time\":1764000001000000}"

#define READ   ACT("6", "\"document\":\"0190aaaa\",\"outcome\":\"ok\",")
#define DENIED ACT("7", "\"outcome\":\"not-permitted\",")

/* A statement with everything that a page can tell of. */
static json_t *told(void)
{
	return json_pack(
		"{s:i, s:s, s:I, s:s, s:[s,s,s], s:s, s:s, s:{s:s,s:s,s:s}, s:{s:s,s:s}, s:s, "
		"s:s,"
		" s:{s:s,s:s,s:s,s:s,s:s,s:s}, s:{s:s,s:s,s:s,s:i,s:s,s:s,s:s}, s:{s:s,s:s},"
		" s:s}",
		"format", 1, "id", "0190f3a1-0000-7000-8000-000000000001", "time",
		(json_int_t)NOW * 1000000, "clock", "synchronised", "acts", "consult", "feed",
		"dance", "decision", "given", "form", "assisted", "text", "id", "consent-3",
		"language", "fr", "sha256", world.certificate, "assisted-by", "name",
		"\xc3\x88ve d'Arc", "quality", "relative", "mode", "bris_de_glace", "reason",
		world.certificate, "patient", "proof", "mutual", "serial", "5678", "pseudonym",
		world.certificate, "generation", "vitale2", "nature", "simulated", "age",
		"minor", "professional", "certificate", world.certificate, "surname", "MARTIN",
		"given", "LO\xc3\x8fS", "profession", 10, "speciality", "SM54", "id",
		"810000000001", "structure", "10000001", "application", "name", "LGC",
		"version", "7.1", "workstation", "desk 1");
}

static struct made full(void)
{
	struct made m = world_usual();

	json_decref(m.statement);
	m.statement = told();
	m.act[0] = READ;
	m.act[1] = DENIED;
	m.omitted = 12;
	return m;
}

/* The page of @m, NUL-terminated. */
static char *page(const struct made *m, bool french)
{
	struct buf out = BUF_NULL(RECEIPT_PAGE_MAX);
	json_t *whole = world_make(m);
	struct receipt r;
	char *text;

	assert_int_equal(world_parse(whole, &r), 0);
	assert_int_equal(receipt_page(&r, french, &out), 0);
	receipt_done(&r);
	json_decref(whole);
	text = buf_take_str(&out);
	assert_non_null(text);
	return text;
}

static void all_fit(const char *text, const char *const *words, size_t n)
{
	size_t column = 0;

	for (size_t i = 0; i < n; i++)
		if (!strstr(text, words[i]))
			fail_msg("not on the page: %s", words[i]);
	for (const char *c = text; *c; c++) {
		if ((*c & 0xC0) != 0x80) /* the first byte of a character */
			column = *c == '\n' ? 0 : column + 1;
		assert_true(column <= RECEIPT_PAGE_COLUMNS);
	}
}

static void everything_is_on_the_page_in_both_languages(void **state)
{
	static const char *const english[] = {"RECEIPT\n",
		"0190f3a1-0000-7000-8000-000000000001", "2025-11-24 16:00:00 UTC\n",
		"agreement given", "the patient, who was helped", "\xc3\x88ve d'Arc (relative)",
		"read the record; add documents; dance", "consent-3.fr.txt, SHA-256",
		"bris de glace (emergency)", "ending in 5678", "vitale2, simulated card",
		"minor", "MARTIN LO\xc3\x8fS", "profession G15 10", "SM54", "810000000001",
		"10000001", "LGC 7.1", "desk 1", "WHAT WAS DONE", "not in this receipt: 12\n",
		"16:00:01       document read 0190aaaa\n",
		"16:00:01       document read [not-permitted]\n", "the professional's card",
		"the Vitale card (it was present", ORIGIN "\n", "5 of 8\n",
		"vitalectl receipt verify", "openssl cms -verify", "openssl dgst -sha256",
		"vitaled:receipt?id=0190f3a1-", "&origin=vitaled.example/r\n", "\xE2\x96\x88"};
	static const char *const french[] = {"RE\xc3\x87U\n", "accord donn\xc3\xa9",
		"\xc3\x88ve d'Arc (proche)", "lire le dossier ; ajouter des documents ; dance",
		"CE QUI A \xc3\x89T\xc3\x89 FAIT", "document lu 0190aaaa\n", "5 sur 8\n",
		"POUR V\xc3\x89RIFIER", "numéro finissant par 5678"};
	struct made m = full();
	char *text = page(&m, false);

	(void)state;
	all_fit(text, english, ARRAY_LEN(english));
	assert_null(strstr(text, "not synchronised"));
	free(text);
	m = full();
	text = page(&m, true);
	all_fit(text, french, ARRAY_LEN(french));
	free(text);
}

static void what_there_is_not_is_not_on_the_page(void **state)
{
	struct made m = full();
	char *text;

	(void)state; /* the patient alone: one signature, nobody else */
	json_object_set_new(m.statement, "professional", json_null());
	json_object_set_new(m.statement, "text", json_null());
	json_object_set_new(m.statement, "reason", json_null());
	json_object_set_new(m.statement, "assisted-by", json_null());
	json_object_set_new(m.statement, "clock", json_string("not-synchronised"));
	json_object_set_new(json_object_get(m.statement, "patient"), "representative",
		json_pack("{s:n, s:s}", "name", "quality", "holder"));
	m.kiosk = true;
	m.act[0] = NULL;
	m.act[1] = NULL;
	text = page(&m, false);
	assert_null(strstr(text, "openssl cms"));
	assert_null(strstr(text, "Helped by"));
	assert_null(strstr(text, "consent-3"));
	assert_non_null(strstr(text, "Represented    holder of the card\n"));
	assert_non_null(strstr(text, "none: the patient alone"));
	assert_non_null(strstr(text, "clock not synchronised"));
	assert_non_null(strstr(text, "Nothing so far."));
	assert_non_null(strstr(text, "openssl dgst"));
	free(text);
	m = full(); /* no card of the patient */
	json_object_set_new(m.statement, "patient", json_pack("{s:s}", "proof", "none"));
	json_object_del(m.statement, "time");
	json_object_del(m.statement, "application");
	m.proof = "none";
	m.alone = true;
	text = page(&m, false);
	assert_null(strstr(text, "openssl dgst"));
	assert_null(strstr(text, "Software"));
	assert_non_null(strstr(text, "Vitale card    not there\n"));
	assert_non_null(strstr(text, "not by the Vitale card"));
	free(text);
}

static void no_text_leaves_its_columns_or_moves_the_cursor(void **state)
{
	static const char *const bad[] = {"a\033[2Jb", "a\nb", "a\tb",
		"a\x7f"
		"b",
		"a\xC2\x85"
		"b",
		"a\xE2\x80\xAE"
		"b",
		"a\xE2\x80\x8F"
		"b",
		"a\xE2\x81\xA6"
		"b"};
	char longest[400];
	struct made m;
	char *text;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		m = full();
		json_object_set_new(json_object_get(m.statement, "professional"), "surname",
			json_string(bad[i]));
		text = page(&m, true);
		assert_non_null(strstr(text, "a\xEF\xBF\xBD"));
		all_fit(text, NULL, 0);
		free(text);
	}
	memset(longest, 'x', sizeof(longest) - 1); /* no blank to break at */
	longest[sizeof(longest) - 1] = '\0';
	m = full();
	json_object_set_new(m.statement, "workstation", json_string(longest));
	text = page(&m, true);
	all_fit(text, NULL, 0);
	assert_non_null(strstr(text, "x\n               x"));
	free(text);
	for (size_t i = 9; i < sizeof(longest) - 1; i += 10)
		longest[i] = ' ';
	m = full();
	json_object_set_new(m.statement, "workstation", json_string(longest));
	text = page(&m, true);
	all_fit(text, NULL, 0);
	assert_non_null(strstr(text, "xxxxxxxxx\n               xxxxxxxxx ")); /* whole words */
	free(text);
}

static int page_of(const struct made *m)
{
	struct buf out = BUF_NULL(RECEIPT_PAGE_MAX);
	json_t *whole = world_make(m);
	struct receipt r;
	int k;

	assert_int_equal(world_parse(whole, &r), 0);
	k = receipt_page(&r, false, &out);
	receipt_done(&r);
	json_decref(whole);
	buf_done(&out);
	return k;
}

static void a_name_of_the_record_is_encoded_and_may_be_too_long(void **state)
{
	struct buf out = BUF_NULL(RECEIPT_PAGE_MAX);
	char origin[CHECKPOINT_ORIGIN_MAX];
	struct made m = full();
	struct receipt r;
	json_t *whole;
	char *text;

	(void)state;
	m.origin = "a&b=c%d#e";
	whole = world_make(&m);
	assert_int_equal(world_parse(whole, &r), 0);
	assert_int_equal(receipt_page_code(&r, &out), 0);
	buf_put_u8(&out, 0);
	assert_non_null(
		strstr((const char *)out.data, "&origin=a%26b%3Dc%25d%23e&size=8&root="));
	buf_done(&out);
	receipt_done(&r);
	json_decref(whole);
	memset(origin, 'o', sizeof(origin) - 1);
	origin[sizeof(origin) - 1] = '\0';
	m = full();
	m.origin = origin;
	text = page(&m, false); /* the longest plain one has its code */
	all_fit(text, NULL, 0);
	free(text);
	memset(origin, '&', sizeof(origin) - 1);
	m = full();
	m.origin = origin;
	assert_int_equal(page_of(&m), RECEIPT_AUDIT);
}

static void what_cannot_be_read_has_no_page(void **state)
{
	struct made m = full();
	struct buf out = BUF_NULL(RECEIPT_PAGE_MAX);
	json_t *whole = world_make(&m);
	struct receipt r;

	(void)state;
	json_object_set_new(json_object_get(whole, "audit"), "checkpoint", json_string("x"));
	assert_int_equal(world_parse(whole, &r), 0);
	assert_int_equal(receipt_page(&r, false, &out), RECEIPT_AUDIT);
	assert_int_equal(receipt_page_code(&r, &out), RECEIPT_AUDIT);
	receipt_done(&r);
	json_decref(whole);
	m = full();
	m.act[0] = "x";
	assert_int_equal(page_of(&m), RECEIPT_AUDIT);
	buf_done(&out);
}

static void without_memory_there_is_no_page(void **state)
{
	struct made m = full();
	json_t *whole = world_make(&m);
	unsigned int n = 0;
	unsigned int failed = 0;
	struct receipt r;
	bool refused;

	(void)state;
	assert_int_equal(world_parse(whole, &r), 0);
	do {
		struct buf out = BUF_NULL(RECEIPT_PAGE_MAX);
		int k;

		failing_arm(++n, true);
		k = receipt_page(&r, true, &out);
		refused = failing_off();
		assert_true(k < 0 || (k == 0 && !refused));
		failed += k < 0;
		buf_done(&out);
	} while (refused);
	assert_true(failed > 10);
	receipt_done(&r);
	json_decref(whole);
}

/* -- the code alone ------------------------------------------------------------------------------ */

static void a_code_is_a_square_with_white_around_it(void **state)
{
	struct buf out = BUF_NULL(65536);
	size_t lines = 0;

	(void)state;
	assert_int_equal(page_qr("A", 80, &out), 0);
	for (size_t i = 0; i < out.len; i++)
		lines += out.data[i] == '\n';
	assert_int_equal(lines, (21 + 8 + 1) / 2); /* version 1, in half blocks */
	assert_memory_equal(out.data, "\n\n    \xE2\x96\x88\xE2\x96\x80", 12);
	buf_reset(&out);
	assert_int_equal(page_qr("A", 28, &out), PAGE_QR_LARGE);
	assert_int_equal(out.len, 0);
	buf_done(&out);
}

static void a_longer_text_is_taken_with_less_spare_bytes(void **state)
{
	struct buf out = BUF_NULL(65536);
	static char text[4000];

	(void)state;
	memset(text, 'a', 400); /* version 13 holds 331 at level M, 425 at L */
	assert_int_equal(page_qr(text, 80, &out), 0);
	memset(text, 'a', 430);
	assert_int_equal(page_qr(text, 80, &out), PAGE_QR_LARGE);
	memset(text, 'a', sizeof(text) - 1); /* none of any size holds it */
	assert_int_equal(page_qr(text, 80, &out), PAGE_QR_LARGE);
	buf_done(&out);
}

static void words_that_are_not_known_stay(void **state)
{
	(void)state;
	assert_string_equal(page_term("dance", true), "dance");
	assert_string_equal(page_act("dance", true), "dance");
	assert_string_equal(page_act("close", false), page_term("close", false));
	assert_string_equal(page_act("code", false), "receive an activation code");
	assert_string_equal(page_act("code", true), "recevoir un code d'activation");
	assert_string_not_equal(
		page_term("code", false), page_act("code", false)); /* the form */
	for (enum page_word w = 0; w < PAGE_WORDS; w++) {
		assert_true(strlen(page_word(w, false)) > 0);
		assert_true(strlen(page_word(w, true)) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_on_the_page_in_both_languages),
		cmocka_unit_test(what_there_is_not_is_not_on_the_page),
		cmocka_unit_test(no_text_leaves_its_columns_or_moves_the_cursor),
		cmocka_unit_test(a_name_of_the_record_is_encoded_and_may_be_too_long),
		cmocka_unit_test(what_cannot_be_read_has_no_page),
		cmocka_unit_test(without_memory_there_is_no_page),
		cmocka_unit_test(a_code_is_a_square_with_white_around_it),
		cmocka_unit_test(a_longer_text_is_taken_with_less_spare_bytes),
		cmocka_unit_test(words_that_are_not_known_stay),
	};

	failing_setup();
	return cmocka_run_group_tests(tests, world_prepare, world_clean);
}
