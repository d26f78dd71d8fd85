/* SPDX-License-Identifier: EUPL-1.2 */
/* The APDU engine: cases, 61XX and 6CXX, chaining, bounds, counting. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "drivers/card/apdu.h"
#include "drivers/reader/script.h"

/* -- pure ------------------------------------------------------------------------------------------ */

static void an_answer_ends_in_a_status_word(void **state)
{
	static const struct {
		const char *answer;
		size_t le;
		int r;
		size_t len;
		uint16_t sw;
	} table[] = {
		{"9000", 0, 0, 0, 0x9000},
		{"6A82", 0, 0, 0, 0x6A82},
		{"01029000", 2, 0, 2, 0x9000},
		{"0102036282", 256, 0, 3, 0x6282},
		{"9FFF", 0, 0, 0, 0x9FFF},
		{"", 256, CARD_BROKEN, 0, 0},
		{"90", 256, CARD_BROKEN, 0, 0},
		{"019000", 0, CARD_BROKEN, 0, 0},
		{"0102039000", 2, CARD_BROKEN, 0, 0},
		{"0000", 256, CARD_BROKEN, 0, 0},
		{"A000", 256, CARD_BROKEN, 0, 0},
		{"6000", 256, CARD_BROKEN, 0, 0},
		{"8FFF", 256, CARD_BROKEN, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		_cleanup_(buf_done) struct buf raw = BUF_NULL(16);
		struct view data;
		uint16_t sw;

		assert_int_equal(hex_decode(&raw, view_str(table[i].answer)), 0);
		assert_int_equal(
			apdu_parse(buf_view(&raw), table[i].le, &data, &sw), table[i].r);
		if (table[i].r == 0) {
			assert_int_equal(data.len, table[i].len);
			assert_int_equal(sw, table[i].sw);
		}
	}
}

static void the_four_cases_are_built_as_each_protocol_wants(void **state)
{
	static const struct {
		const char *data;
		size_t le;
		const char *t0;
		const char *t1;
	} table[] = {
		{"", 0, "00a4000c00", "00a4000c"},
		{"", 1, "00a4000c01", "00a4000c01"},
		{"", 256, "00a4000c00", "00a4000c00"},
		{"3f00", 0, "00a4000c023f00", "00a4000c023f00"},
		{"3f00", 64, "00a4000c023f00", "00a4000c023f0040"},
		{"3f00", 256, "00a4000c023f00", "00a4000c023f0000"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		for (unsigned protocol = 0; protocol < 2; protocol++) {
			_cleanup_(buf_done) struct buf data = BUF_NULL(16);
			_cleanup_(buf_done) struct buf out = BUF_NULL(16);
			_cleanup_(buf_done) struct buf hex = BUF_NULL(64);

			assert_int_equal(hex_decode(&data, view_str(table[i].data)), 0);
			apdu_build(&(struct apdu_command){.ins = APDU_SELECT,
					   .p2 = 0x0C,
					   .data = buf_view(&data),
					   .le = table[i].le},
				protocol ? TRANSPORT_T1 : TRANSPORT_T0, &out);
			hex_encode(&hex, buf_view(&out));
			buf_put_u8(&hex, 0);
			assert_string_equal(
				(char *)hex.data, protocol ? table[i].t1 : table[i].t0);
		}
	}
}

/* The counting rule; the examples are lines that were measured. */
static void characters_are_counted_by_the_rule(void **state)
{
	(void)state;
	assert_int_equal(apdu_characters(4, 0, 0x9000), 12); /* VERIFY */
	assert_int_equal(apdu_characters(0, 256, 0x9000), 264);
	assert_int_equal(apdu_characters(0, 0, 0x6CAC), 7);
	assert_int_equal(apdu_characters(13, 0, 0x6125), 21);
	assert_int_equal(apdu_characters(2, 0, 0x6A82), 10); /* the data went all the same */
	assert_int_equal(apdu_characters(2, 0, 0x6D00), 7);
	assert_int_equal(apdu_characters(2, 0, 0x6E00), 7);
	assert_int_equal(apdu_characters(2, 16, 0x9000), 24); /* T=1, by the answer */
}

/* -- exchanges ------------------------------------------------------------------------------------- */

struct talk {
	const char *dialogue;
	const char *data; /* hex */
	size_t le;
	int r;
	uint16_t sw;
	const char *answer; /* hex */
	uint32_t tpdus;
};

static void talk(const struct talk *t)
{
	_cleanup_(buf_done) struct buf data = BUF_NULL(1024);
	_cleanup_(buf_done) struct buf answer = BUF_NULL(600);
	_cleanup_(buf_done) struct buf hex = BUF_NULL(2048);
	struct transport *card = NULL;
	struct apdu a;
	uint16_t sw = 0;
	int r;

	assert_int_equal(hex_decode(&data, view_str(t->data)), 0);
	assert_int_equal(script_new(view_str(t->dialogue), &card), 0);
	assert_int_equal(card->ops->open(card, "x", true, 0), 0);
	apdu_init(&a, card);
	apdu_begin(&a, clock_monotonic() + USEC_PER_SEC);
	r = apdu_exchange(&a,
		&(struct apdu_command){
			.cla = 0x01, .ins = 0x88, .data = buf_view(&data), .le = t->le},
		&answer, &sw);
	if (r != t->r) {
		fail_msg("%s: %d", t->dialogue, r);
	}
	if (r == 0) {
		hex_encode(&hex, buf_view(&answer));
		buf_put_u8(&hex, 0);
		assert_int_equal(sw, t->sw);
		assert_string_equal((char *)hex.data, t->answer);
	} else {
		assert_int_equal(answer.len, 0);
	}
	if (!script_finished(card)) {
		fail_msg("%s: not all used", t->dialogue);
	}
	assert_int_equal(a.tpdus, t->tpdus);
	transport_free(card);
}

static void exchanges_go_to_the_end_of_the_answer(void **state)
{
	static const struct talk table[] = {
		{"> 0188000000\n< 9000\n", "", 0, 0, 0x9000, "", 1},
		{"> 0188000002\n< 0A0B 9000\n", "", 2, 0, 0x9000, "0a0b", 1},
		/* fewer than asked is for the caller to judge */
		{"> 0188000002\n< 0A 9000\n", "", 2, 0, 0x9000, "0a", 1},
		{"> 0188000000\n< 6C01\n> 0188000001\n< 0A 9000\n", "", 256, 0, 0x9000, "0a",
			2},
		{"> 0188000001 FF\n< 6102\n> 01C0000002\n< 0A0B 9000\n", "FF", 2, 0, 0x9000,
			"0a0b", 2},
		{"> 0188000001 FF\n< 6A82\n", "FF", 2, 0, 0x6A82, "", 1},
		/* data that nobody asked for is left where it is */
		{"> 0188000001 FF\n< 6102\n", "FF", 0, 0, 0x6102, "", 1},
		/* GET RESPONSE may be answered 6CXX, each of them once */
		{"> 0188000001 FF\n< 6100\n> 01C0000000\n< 6C01\n> 01C0000001\n< 0A 6101\n"
		 "> 01C0000001\n< 0B 9000\n",
			"FF", 256, 0, 0x9000, "0a0b", 4},
		/* a refusal at the end of a chain of answers is the answer */
		{"> 0188000001 FF\n< 6101\n> 01C0000001\n< 6985\n", "FF", 256, 0, 0x6985, "",
			2},
		/* T=1: the whole APDU, 61XX and 6CXX all the same */
		{"protocol 1\n> 0188000001 FF 02\n< 0A0B 9000\n", "FF", 2, 0, 0x9000, "0a0b",
			1},
		{"protocol 1\n> 0188000001 FF 00\n< 0A 6101\n> 01C0000001\n< 0B 9000\n", "FF",
			256, 0, 0x9000, "0a0b", 2},
		{"protocol 1\n> 0188000002\n< 6C01\n> 0188000001\n< 0A 9000\n", "", 2, 0,
			0x9000, "0a", 2},
		/* 6CXX to a command with data is never answered by sending the data again */
		{"> 0188000001 FF\n< 6C02\n", "FF", 2, 0, 0x6C02, "", 1},
		{"protocol 1\n> 0188000001 FF 02\n< 6C01\n", "FF", 2, 0, 0x6C01, "", 1},
		/* nor to one that wants no answer */
		{"> 0188000000\n< 6C02\n", "", 0, 0, 0x6C02, "", 1},
		/* nor when it announces more than was asked */
		{"> 0188000002\n< 6C03\n", "", 2, 0, 0x6C03, "", 1},
		{"> 0188000001 FF\n< 6102\n> 01C0000002\n< 6C40\n", "FF", 2, 0, 0x6C40, "", 2},
		/* the second 6CXX is the answer */
		{"> 0188000000\n< 6C02\n> 0188000002\n< 6C02\n", "", 256, 0, 0x6C02, "", 2},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		talk(&table[i]);
	}
}

static void answers_that_cannot_be_are_broken(void **state)
{
	static const struct talk table[] = {
		{"> 0188000002\n< 0A0B0C 9000\n", "", 2, CARD_BROKEN, 0, "", 1},
		{"> 0188000002\n< 90\n", "", 2, CARD_BROKEN, 0, "", 1},
		{"> 0188000002\n< \n", "", 2, CARD_BROKEN, 0, "", 1},
		{"> 0188000002\n< 1234\n", "", 2, CARD_BROKEN, 0, "", 1},
		/* T=0: data in the answer to a command with data */
		{"> 0188000001 FF\n< 0A 9000\n", "FF", 2, CARD_BROKEN, 0, "", 1},
		/* more is there than was asked: at once, and after what was asked */
		{"> 0188000001 FF\n< 6103\n", "FF", 2, CARD_BROKEN, 0, "", 1},
		{"> 0188000001 FF\n< 6102\n> 01C0000002\n< 0A0B 6101\n", "FF", 2, CARD_BROKEN,
			0, "", 2},
		{"> 0188000001 FF\n< 6102\n> 01C0000002\n< 0A 6102\n", "FF", 2, CARD_BROKEN, 0,
			"", 2},
		/* promised, fetched, and nothing but another promise */
		{"> 0188000001 FF\n< 6102\n> 01C0000002\n< 6102\n", "FF", 256, CARD_BROKEN, 0,
			"", 2},
		{"protocol 1\n> 0188000001 FF 00\n< 6100\n> 01C0000000\n< 6100\n", "FF", 256,
			CARD_BROKEN, 0, "", 2},
		/* one byte, and words of no class */
		{"> 0188000002\n< 61\n", "", 2, CARD_BROKEN, 0, "", 1},
		{"> 0188000002\n< 6000\n", "", 2, CARD_BROKEN, 0, "", 1},
		{"> 0188000002\n< 0A0B\n", "", 2, CARD_BROKEN, 0, "", 1},
		{"protocol 1\n> 0188000001 FF 02\n< FFFF\n", "FF", 2, CARD_BROKEN, 0, "", 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		talk(&table[i]);
	}
}

static void what_the_transport_says_is_passed_on(void **state)
{
	static const struct talk table[] = {
		{"> 0188000002\n! gone\n", "", 2, CARD_GONE, 0, "", 1},
		{"> 0188000002\n! mute\n", "", 2, CARD_MUTE, 0, "", 1},
		{"> 0188000002\n! busy\n", "", 2, CARD_BUSY, 0, "", 1},
		{"> 0188000002\n! no-service\n", "", 2, CARD_NO_SERVICE, 0, "", 1},
		{"> 0188000002\n! no-reader\n", "", 2, CARD_NO_READER, 0, "", 1},
		{"> 0188000002\n! broken\n", "", 2, CARD_BROKEN, 0, "", 1},
		{"> 0188000002\n! touched\n", "", 2, CARD_GONE, 0, "", 1},
		{"> 0188000002\n! fault\n", "", 2, -EIO, 0, "", 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		talk(&table[i]);
	}
	assert_int_equal(apdu_from_transport(TRANSPORT_FAILED), CARD_FAILED);
	assert_int_equal(apdu_from_transport(TRANSPORT_LIED), CARD_READER_FAILED);
	assert_int_equal(apdu_from_transport(99), CARD_BROKEN);
}

/* 300 bytes: 255 with CLA|10, then 45; the card may stop the chain. */
static void long_data_is_chained(void **state)
{
	_cleanup_(buf_done) struct buf data = BUF_NULL(1024);
	_cleanup_(buf_done) struct buf text = BUF_NULL(8192);
	struct talk t = {.le = 2, .sw = 0x9000, .answer = "0a0b", .tpdus = 3};

	(void)state;
	for (size_t i = 0; i < 300; i++) {
		buf_put_str(&data, "5A");
	}
	buf_put_u8(&data, 0);
	buf_printf(&text,
		"> 11880000FF %.510s\n< 9000\n> 018800002D %.90s\n< 6102\n"
		"> 01C0000002\n< 0A0B 9000\n%c",
		(char *)data.data, (char *)data.data, 0);
	t.dialogue = (char *)text.data;
	t.data = (char *)data.data;
	talk(&t);

	buf_reset(&text);
	buf_printf(&text, "> 11880000FF %.510s\n< 6884\n%c", (char *)data.data, 0);
	t = (struct talk){.dialogue = (char *)text.data,
		.data = (char *)data.data,
		.le = 2,
		.sw = 0x6884,
		.answer = "",
		.tpdus = 1};
	talk(&t);

	buf_reset(&text);
	buf_printf(&text, "> 11880000FF %.510s\n! gone\n%c", (char *)data.data, 0);
	t = (struct talk){.dialogue = (char *)text.data,
		.data = (char *)data.data,
		.le = 2,
		.r = CARD_GONE,
		.tpdus = 1};
	talk(&t);
}

static void a_passed_deadline_sends_nothing(void **state)
{
	_cleanup_(buf_done) struct buf answer = BUF_NULL(16);
	struct transport *card = NULL;
	struct apdu a;
	uint16_t sw;

	(void)state;
	assert_int_equal(script_new(view_str("> 0020000104 31323334\n< 9000\n"), &card), 0);
	apdu_init(&a, card);
	assert_int_equal(apdu_exchange(&a, &(struct apdu_command){.ins = 0x20}, &answer, &sw),
		CARD_MUTE);
	assert_int_equal(apdu_send_once(&a,
				 VIEW_TEXT("\0\x20\0\1\4"
					   "1234"),
				 &sw),
		CARD_MUTE);
	assert_int_equal(a.tpdus, 0);
	apdu_begin(&a, clock_monotonic() + USEC_PER_SEC);
	assert_int_equal(apdu_send_once(&a,
				 VIEW_TEXT("\0\x20\0\1\4"
					   "1234"),
				 &sw),
		0);
	assert_int_equal(sw, 0x9000);
	assert_int_equal(a.characters, 12);
	assert_true(script_finished(card));
	transport_free(card);
}

static void a_command_sent_once_takes_no_data_and_is_not_repeated(void **state)
{
	static const struct {
		const char *dialogue;
		int r;
		uint16_t sw;
	} table[] = {
		{"> 00200001\n< 63C3\n", 0, 0x63C3},
		{"> 00200001\n< 6C10\n", 0, 0x6C10},
		{"> 00200001\n< 6110\n", 0, 0x6110},
		{"> 00200001\n< 01 9000\n", CARD_BROKEN, 0},
		{"> 00200001\n! mute\n", CARD_MUTE, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct transport *card = NULL;
		struct apdu a;
		uint16_t sw = 0;

		assert_int_equal(script_new(view_str(table[i].dialogue), &card), 0);
		apdu_init(&a, card);
		apdu_begin(&a, clock_monotonic() + USEC_PER_SEC);
		assert_int_equal(apdu_send_once(&a, VIEW_TEXT("\0\x20\0\1"), &sw), table[i].r);
		assert_int_equal(sw, table[i].sw);
		assert_true(script_finished(card));
		transport_free(card);
	}
}

static unsigned looks_before;

static void note_before(void *user)
{
	assert_ptr_equal(user, &looks_before);
	looks_before++;
}

static void the_owner_is_called_before_every_command(void **state)
{
	_cleanup_(buf_done) struct buf answer = BUF_NULL(16);
	struct transport *card = NULL;
	struct apdu a;
	uint16_t sw;

	(void)state;
	assert_int_equal(script_new(view_str("> 0088000001FF\n< 6102\n> 00C0000002\n"
					     "< 0A0B 9000\n> 00200001\n< 63C3\n"),
				 &card),
		0);
	apdu_init(&a, card);
	a.before = note_before;
	a.user = &looks_before;
	looks_before = 0;
	apdu_begin(&a, clock_monotonic() + USEC_PER_SEC);
	assert_int_equal(
		apdu_exchange(&a,
			&(struct apdu_command){.ins = 0x88, .data = VIEW_TEXT("\xFF"), .le = 2},
			&answer, &sw),
		0);
	assert_int_equal(looks_before, 2);
	assert_int_equal(apdu_send_once(&a, VIEW_TEXT("\0\x20\0\1"), &sw), 0);
	assert_int_equal(looks_before, 3);
	apdu_begin(&a, 0); /* behind the deadline there is no command */
	assert_int_equal(apdu_send_once(&a, VIEW_TEXT("\0\x20\0\1"), &sw), CARD_MUTE);
	assert_int_equal(looks_before, 3);
	transport_free(card);
}

static void others_are_waited_for_a_while_within_the_deadline(void **state)
{
	uint64_t now = clock_monotonic();
	struct apdu a;

	(void)state;
	apdu_init(&a, NULL);
	apdu_begin(&a, now + 60 * USEC_PER_SEC);
	assert_in_range(
		apdu_others(&a), now + APDU_OTHERS_USEC, now + APDU_OTHERS_USEC + USEC_PER_SEC);
	apdu_begin(&a, now + USEC_PER_SEC);
	assert_int_equal(apdu_others(&a), now + USEC_PER_SEC);
}

static void a_code_on_the_keypad_is_asked_for_once_and_counted(void **state)
{
	static const struct {
		const char *dialogue;
		int r;
		uint16_t sw;
		uint32_t tpdus;
		uint32_t characters;
	} table[] = {
		{"keys 0020000104FFFFFFFF\n< 9000\n", 0, 0x9000, 1, 12},
		{"keys 0020000104FFFFFFFF\n< 63C2\n", 0, 0x63C2, 1, 12},
		{"keys 0020000104FFFFFFFF\n< 6110\n", 0, 0x6110, 1, 12},
		/* the reader's own word: the card was asked nothing */
		{"keys 0020000104FFFFFFFF\n! cancelled\n", CARD_CANCELLED, 0, 0, 0},
		{"keys 0020000104FFFFFFFF\n! late\n", CARD_LATE, 0, 0, 0},
		{"keys 0020000104FFFFFFFF\n! refused\n", CARD_PIN_REFUSED, 0, 0, 0},
		{"keys 0020000104FFFFFFFF\n! no-pinpad\n", CARD_ABSENT, 0, 0, 0},
		/* the card may have been asked */
		{"keys 0020000104FFFFFFFF\n! mute\n", CARD_MUTE, 0, 1, 0},
		{"keys 0020000104FFFFFFFF\n! gone\n", CARD_GONE, 0, 1, 0},
		{"keys 0020000104FFFFFFFF\n! fault\n", -EIO, 0, 1, 0},
		{"keys 0020000104FFFFFFFF\n< 90\n", CARD_BROKEN, 0, 1, 0},
		{"keys 0020000104FFFFFFFF\n< 01 9000\n", CARD_BROKEN, 0, 1, 0},
	};

	static const uint8_t command[] = {0, 0x20, 0, 1, 4, 0xFF, 0xFF, 0xFF, 0xFF};
	static const struct transport_pin pin = {
		.command = {command, sizeof(command)}, .digits = 4};
	_cleanup_(buf_done) struct buf text = BUF_NULL(256);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct transport *card = NULL;
		struct apdu a;
		uint16_t sw = 0;

		buf_reset(&text);
		buf_put_str(&text, "atr 3B\npinpad verify\n");
		buf_put_str(&text, table[i].dialogue);
		assert_int_equal(script_new(buf_view(&text), &card), 0);
		assert_int_equal(card->ops->open(card, "x", true, 0), 0);
		apdu_init(&a, card);
		apdu_begin(&a, 0);
		assert_int_equal(apdu_secure(&a, &pin, &sw), CARD_MUTE);
		apdu_begin(&a, clock_monotonic() + USEC_PER_SEC);
		assert_int_equal(apdu_secure(&a, &pin, &sw), table[i].r);
		assert_int_equal(sw, table[i].sw);
		assert_int_equal(a.tpdus, table[i].tpdus);
		assert_int_equal(a.characters, table[i].characters);
		assert_true(script_finished(card));
		transport_free(card);
	}
}

/* A reader behind a transport that knows no keypad at all (fuzzing, vitaled-usb). */
static void a_transport_without_keypads_has_none(void **state)
{
	static const struct transport_ops ops = {.secure = NULL};
	static const struct transport_pin pin = {.digits = 4};
	struct transport t = {.ops = &ops};
	struct apdu a;
	uint16_t sw;

	(void)state;
	apdu_init(&a, &t);
	apdu_begin(&a, clock_monotonic() + USEC_PER_SEC);
	assert_int_equal(apdu_secure(&a, &pin, &sw), CARD_ABSENT);
}

/* A card that answers 256 bytes and 6100 for ever: rounds of one exchange, bytes of one request. */
static void rounds_and_bytes_are_bounded(void **state)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(400000);
	_cleanup_(buf_done) struct buf answer = BUF_NULL(APDU_ROUNDS_MAX * APDU_LE_MAX);
	struct apdu_command read = {.ins = APDU_READ_BINARY, .le = APDU_LE_MAX};
	struct transport *card = NULL;
	struct apdu a;
	uint16_t sw;
	unsigned n = 0;
	int r;

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		buf_put_u8(&bytes, 0xFF);
		buf_put_u16(&bytes, 258);
		(void)buf_extend(&bytes, 256);
		buf_put_u16(&bytes, i < APDU_ROUNDS_MAX ? 0x6100 : 0x9000);
	}
	assert_int_equal(buf_check(&bytes), 0);
	assert_int_equal(
		script_new_answers(buf_view(&bytes), VIEW_NULL, TRANSPORT_T0, &card), 0);
	apdu_init(&a, card);
	apdu_begin(&a, clock_monotonic() + 10 * USEC_PER_SEC);
	assert_int_equal(apdu_exchange(&a, &read, &answer, &sw), CARD_BROKEN);
	assert_int_equal(a.tpdus, APDU_ROUNDS_MAX);
	assert_int_equal(answer.len, 0);
	apdu_begin(&a, clock_monotonic() + 10 * USEC_PER_SEC);
	do {
		buf_reset(&answer);
		r = apdu_exchange(&a, &read, &answer, &sw);
		n++;
	} while (r == 0);
	assert_int_equal(r, CARD_BROKEN);
	assert_int_equal(n, APDU_BYTES_MAX / APDU_LE_MAX + 1);
	transport_free(card);
}

static void an_answer_the_caller_has_no_room_for_is_broken(void **state)
{
	_cleanup_(buf_done) struct buf answer = BUF_NULL(4);
	_cleanup_(buf_done) struct buf much = BUF_NULL(8192);
	struct transport *card = NULL;
	struct apdu a;
	uint16_t sw;

	(void)state;
	assert_int_equal(script_new(view_str("> 00B0000005\n< 01020304 05 9000\n"), &card), 0);
	apdu_init(&a, card);
	apdu_begin(&a, clock_monotonic() + USEC_PER_SEC);
	assert_int_equal(
		apdu_exchange(&a, &(struct apdu_command){.ins = APDU_READ_BINARY, .le = 5},
			&answer, &sw),
		CARD_BROKEN);
	(void)buf_extend(&much, APDU_CHAIN_MAX + 1);
	assert_int_equal(apdu_exchange(&a, &(struct apdu_command){.data = buf_view(&much)},
				 &answer, &sw),
		CARD_BROKEN);
	assert_int_equal(
		apdu_exchange(&a, &(struct apdu_command){.le = APDU_LE_MAX + 1}, &answer, &sw),
		CARD_BROKEN);
	assert_int_equal(a.tpdus, 1);
	transport_free(card);
}

/* 400 bytes: more than any buffer of the engine has room for. */
static void an_answer_longer_than_an_answer_can_be_is_broken(void **state)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(1000);
	_cleanup_(buf_done) struct buf answer = BUF_NULL(1000);
	struct transport *card = NULL;
	struct apdu a;
	uint16_t sw;

	(void)state;
	buf_put_u8(&bytes, 0xFF);
	buf_put_u16(&bytes, 400);
	(void)buf_extend(&bytes, 400);
	assert_int_equal(
		script_new_answers(buf_view(&bytes), VIEW_NULL, TRANSPORT_T1, &card), 0);
	apdu_init(&a, card);
	apdu_begin(&a, clock_monotonic() + USEC_PER_SEC);
	assert_int_equal(
		apdu_exchange(&a, &(struct apdu_command){.ins = APDU_READ_BINARY, .le = 256},
			&answer, &sw),
		CARD_BROKEN);
	transport_free(card);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_ends_in_a_status_word),
		cmocka_unit_test(the_four_cases_are_built_as_each_protocol_wants),
		cmocka_unit_test(characters_are_counted_by_the_rule),
		cmocka_unit_test(exchanges_go_to_the_end_of_the_answer),
		cmocka_unit_test(answers_that_cannot_be_are_broken),
		cmocka_unit_test(what_the_transport_says_is_passed_on),
		cmocka_unit_test(long_data_is_chained),
		cmocka_unit_test(a_passed_deadline_sends_nothing),
		cmocka_unit_test(a_command_sent_once_takes_no_data_and_is_not_repeated),
		cmocka_unit_test(the_owner_is_called_before_every_command),
		cmocka_unit_test(others_are_waited_for_a_while_within_the_deadline),
		cmocka_unit_test(a_code_on_the_keypad_is_asked_for_once_and_counted),
		cmocka_unit_test(a_transport_without_keypads_has_none),
		cmocka_unit_test(rounds_and_bytes_are_bounded),
		cmocka_unit_test(an_answer_the_caller_has_no_room_for_is_broken),
		cmocka_unit_test(an_answer_longer_than_an_answer_can_be_is_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
