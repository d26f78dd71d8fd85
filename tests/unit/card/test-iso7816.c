/* SPDX-License-Identifier: EUPL-1.2 */
/* Reading files by their own length, and the commands' bytes where no dialogue shows them. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "base/clock.h"
#include "base/hex.h"
#include "drivers/card/iso7816.h"
#include "drivers/card/sw.h"
#include "drivers/reader/script.h"

static struct transport *card_of(const char *dialogue, struct apdu *a)
{
	struct transport *card = NULL;

	assert_int_equal(script_new(view_str(dialogue), &card), 0);
	assert_int_equal(card->ops->open(card, "x", true, 0), 0);
	apdu_init(a, card);
	apdu_begin(a, clock_monotonic() + USEC_PER_SEC);
	return card;
}

struct file {
	const char *dialogue;
	size_t guess;
	int r;
	const char *content; /* hex */
};

static void read_one(const struct file *f, bool many, uint32_t tag)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(ISO7816_FILE_MAX + APDU_LE_MAX);
	_cleanup_(buf_done) struct buf hex = BUF_NULL(4096);
	struct apdu a;
	struct transport *card = card_of(f->dialogue, &a);
	int r;

	struct iso7816_file how = {.guess = f->guess, .tag = tag};

	r = many ? iso7816_read_objects(&a, 0x00, &how, &out)
		 : iso7816_read_object(&a, 0x00, &how, &out);
	if (r != f->r) {
		fail_msg("%s: %d", f->dialogue, r);
	}
	if (r == 0) {
		hex_encode(&hex, buf_view(&out));
		buf_put_u8(&hex, 0);
		assert_string_equal((char *)hex.data, f->content);
	}
	if (!script_finished(card)) {
		fail_msg("%s: not all used", f->dialogue);
	}
	transport_free(card);
}

static void an_object_is_read_to_its_own_length(void **state)
{
	static const struct file table[] = {
		{"> 00B0000004\n< 5A020102 9000\n", 4, 0, "5a020102"},
		/* the guess was too long: 6CXX says how long */
		{"> 00B0000008\n< 6C04\n> 00B0000004\n< 5A020102 9000\n", 8, 0, "5a020102"},
		/* too short: the head says how much more */
		{"> 00B0000002\n< 5A03 9000\n> 00B0000203\n< 010203 9000\n", 2, 0,
			"5a03010203"},
		/* what follows the object is not taken */
		{"> 00B0000008\n< 5A020102 00000000 9000\n", 8, 0, "5a020102"},
		{"> 00B0000000\n< 5A020102 6282\n", ISO7816_WHOLE, 0, "5a020102"},
		{"> 00B0000004\n< 6B00\n", 4, CARD_BROKEN, ""},
		{"> 00B0000004\n< 9000\n", 4, CARD_BROKEN, ""},
		{"> 00B0000004\n< 5A 9000\n", 4, CARD_BROKEN, ""},
		{"> 00B0000004\n< 5A80 9000\n", 4, CARD_BROKEN, ""},
		{"> 00B0000004\n< 00000000 9000\n", 4, CARD_BROKEN, ""},
		{"> 00B0000004\n< 5A050102 9000\n> 00B0000403\n< 03 9000\n", 4, CARD_BROKEN,
			""},
		{"> 00B0000004\n< 5A050102 9000\n> 00B0000403\n< 6B00\n", 4, CARD_BROKEN, ""},
		{"> 00B0000004\n< 5A050102 9000\n> 00B0000403\n< 6982\n", 4, CARD_DENIED, ""},
		{"> 00B0000008\n< 5A0801 6282\n", 8, CARD_BROKEN, ""}, /* cut at once */
		{"> 00B0000004\n< 5A824001 9000\n", 4, CARD_BROKEN, ""},
		{"> 00B0000004\n< 6982\n", 4, CARD_DENIED, ""},
		{"> 00B0000004\n< 6A82\n", 4, CARD_ABSENT, ""},
		{"> 00B0000004\n< 6986\n", 4, CARD_ABSENT, ""},
		{"> 00B0000004\n! gone\n", 4, CARD_GONE, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		read_one(&table[i], false, 0);
	}
}

static void a_file_that_must_begin_with_something_is_another_when_it_does_not(void **state)
{
	static const struct {
		struct file file;
		uint32_t tag;
	} table[] = {
		{{"> 00B0000004\n< 5A020102 9000\n", 4, 0, "5a020102"}, 0x5A},
		{{"> 00B0000004\n< 5B020102 9000\n", 4, CARD_ABSENT, ""}, 0x5A},
		{{"> 00B0000004\n< 7F210201 9000\n> 00B0000401\n< 9000\n", 4, CARD_BROKEN, ""},
			0x7F21},
		{{"> 00B0000004\n< 7F210101 9000\n", 4, 0, "7f210101"}, 0x7F21},
		{{"> 00B0000004\n< 7F 6282\n", 4, CARD_ABSENT, ""}, 0x7F21},
		{{"> 00B0000004\n< 7F22 6282\n", 4, CARD_ABSENT, ""}, 0x7F21},
		{{"> 00B0000004\n< 6B00\n", 4, CARD_ABSENT, ""}, 0x5A},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		read_one(&table[i].file, false, table[i].tag);
	}
}

static void a_file_of_objects_is_read_to_its_end(void **state)
{
	static const struct file table[] = {
		{"> 00B0000000\n< 6C04\n> 00B0000004\n< 65006500 9000\n", 0, 0, "65006500"},
		{"> 00B0000000\n< 65006500 9000\n", 0, 0, "65006500"},
		{"> 00B0000000\n< 6500000000 9000\n", 0, 0, "6500000000"},
		{"> 00B0000000\n< 6B00\n", 0, 0, ""}, /* empty */
		{"> 00B0000000\n< 65 9000\n", 0, CARD_BROKEN, ""},
		{"> 00B0000000\n< 6502 9000\n", 0, CARD_BROKEN, ""},
		{"> 00B0000000\n< 6982\n", 0, CARD_DENIED, ""},
		{"> 00B0000000\n! mute\n", 0, CARD_MUTE, ""},
		/* a size that was learned before: whole objects of it are the file */
		{"> 00B0000004\n< 65006500 9000\n", 4, 0, "65006500"},
		{"> 00B0000004\n< 65006504 9000\n> 00B0000400\n< 01020304 9000\n", 4, 0,
			"6500650401020304"},
		{"> 00B0000004\n< 6C02\n> 00B0000002\n< 6500 9000\n", 4, 0, "6500"},
		{"> 00B0000004\n< 6502 6282\n", 4, CARD_BROKEN, ""},
		{"> 00B0000000\n< 6500 6282\n", 300, 0,
			"6500"}, /* more than one command takes */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		read_one(&table[i], true, 0);
	}
}

/* An object that grows with every block and never ends: the file's bound stops it. */
static void a_file_without_end_is_broken(void **state)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(400000);
	_cleanup_(buf_done) struct buf out = BUF_NULL(65536);
	struct transport *card = NULL;
	struct apdu a;

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		buf_put_u8(&bytes, 0xFF);
		buf_put_u16(&bytes, 258);
		buf_put_u32(&bytes, 0x658200FC);
		(void)buf_extend(&bytes, 252);
		buf_put_u16(&bytes, 0x9000);
	}
	assert_int_equal(
		script_new_answers(buf_view(&bytes), VIEW_NULL, TRANSPORT_T0, &card), 0);
	apdu_init(&a, card);
	apdu_begin(&a, clock_monotonic() + USEC_PER_SEC);
	assert_int_equal(iso7816_read_objects(&a, 0, &(struct iso7816_file){.sfi = 2}, &out),
		CARD_BROKEN);
	assert_int_equal(a.tpdus, ISO7816_FILE_MAX / 256 + 1);
	transport_free(card);
}

/* A card that shrinks its blocks is followed once, not for ever. */
static void blocks_that_shrink_again_are_broken(void **state)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(4000);
	_cleanup_(buf_done) struct buf out = BUF_NULL(65536);
	struct transport *card = NULL;
	struct apdu a;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t n = i == 0 ? 200 : i == 1 ? 100 : 50;

		buf_put_u8(&bytes, (uint8_t)(n + 2));
		buf_put_u32(&bytes, 0x30820400);
		(void)buf_extend(&bytes, n - 4);
		buf_put_u16(&bytes, 0x9000);
	}
	assert_int_equal(
		script_new_answers(buf_view(&bytes), VIEW_NULL, TRANSPORT_T1, &card), 0);
	apdu_init(&a, card);
	apdu_begin(&a, clock_monotonic() + USEC_PER_SEC);
	assert_int_equal(iso7816_read_object(&a, 0, &(struct iso7816_file){.sfi = 0}, &out),
		CARD_BROKEN);
	assert_int_equal(a.tpdus, 3);
	transport_free(card);
}

static void offsets_that_cannot_be_said_are_broken(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(16);
	struct apdu a;
	struct transport *card =
		card_of("> 00B0850701\n< AA 9000\n> 00B07FFF01\n< BB 9000\n", &a);

	(void)state;
	assert_int_equal(iso7816_read(&a, 0, 5, 7, 1, &out), 0);
	assert_int_equal(iso7816_read(&a, 0, 0, 0x7FFF, 1, &out), 0);
	assert_int_equal(iso7816_read(&a, 0, 5, 0x100, 1, &out), CARD_BROKEN);
	assert_int_equal(iso7816_read(&a, 0, 0, 0x8000, 1, &out), CARD_BROKEN);
	assert_int_equal(out.len, 2);
	assert_true(script_finished(card));
	transport_free(card);
}

static void an_old_card_answers_in_its_own_words(void **state)
{
	struct apdu a;
	struct transport *card = card_of("> A0A40000023F00\n< 9F17\n> A0A40000023F00\n< 9404\n"
					 "> A0A40000023F00\n< 6E00\n> A0A40000023F00\n< 9000\n"
					 "> 002C0381 00\n< 9000\n> 002C038100\n< 6982\n",
		&a);

	(void)state;
	assert_int_equal(iso7816_select_old_root(&a), CARD_DONE);
	assert_int_equal(iso7816_select_old_root(&a), CARD_ABSENT);
	assert_int_equal(iso7816_select_old_root(&a), CARD_ABSENT);
	assert_int_equal(iso7816_select_old_root(&a), CARD_DONE);
	assert_int_equal(iso7816_plain(&a, 0, 0x2C, 0x03, 0x81), CARD_DONE);
	assert_int_equal(iso7816_plain(&a, 0, 0x2C, 0x03, 0x81), CARD_DENIED);
	assert_true(script_finished(card));
	transport_free(card);
}

static void faults_of_the_transport_stay_faults(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(600);
	struct apdu a;
	struct transport *card = card_of("> 00A4040C0141\n! fault\n> 00A4090C0141\n< 9000\n"
					 "> 0020000100\n! fault\n> 0020000101\n! fault\n"
					 "> 00C0000000\n! fault\n",
		&a);
	uint8_t tries;

	(void)state;
	assert_true(iso7816_select_name(&a, 0, VIEW_TEXT("A")) < 0);
	assert_int_equal(iso7816_select_path(&a, 0, VIEW_TEXT("A")), 0);
	assert_true(iso7816_verify_state(&a, 0, 1, &tries) < 0);
	assert_true(iso7816_code_once(&a,
			    &(struct iso7816_code){.command = VIEW_TEXT("\0\x20\0\1\1"),
				    .outcome_of = sw_outcome_verify},
			    &tries) < 0);
	assert_true(iso7816_read_object(&a, 0, &(struct iso7816_file){.guess = 1}, &out) <
		    0); /* not what the script expects */
	transport_free(card);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_is_read_to_its_own_length),
		cmocka_unit_test(
			a_file_that_must_begin_with_something_is_another_when_it_does_not),
		cmocka_unit_test(a_file_of_objects_is_read_to_its_end),
		cmocka_unit_test(a_file_without_end_is_broken),
		cmocka_unit_test(blocks_that_shrink_again_are_broken),
		cmocka_unit_test(offsets_that_cannot_be_said_are_broken),
		cmocka_unit_test(an_old_card_answers_in_its_own_words),
		cmocka_unit_test(faults_of_the_transport_stay_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
