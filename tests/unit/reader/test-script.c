/* SPDX-License-Identifier: EUPL-1.2 */
/* The replayed dialogue itself: a wrong script must not pass for a good card. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>

#include "drivers/reader/script.h"

static void texts_that_are_no_dialogue_are_refused(void **state)
{
	static const char *const bad[] = {
		"> 00 A",
		"> 0G",
		"> ?0",
		"> 0?",
		"atr 3B zz",
		"protocol 2",
		"protocol",
		"! never",
		"pinpad verify x",
		"keys 0G",
		"status never",
		"lock",
		"hello",
		"< 90 00\n- x",
	};
	struct transport *t = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(script_new(view_str(bad[i]), &t), -EINVAL);
	}
	assert_null(t);
}

static void a_line_has_room_for_an_answer_and_no_more(void **state)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(2000);
	struct transport *t = NULL;

	(void)state;
	buf_put_str(&text, "< ");
	for (size_t i = 0; i < 300; i++) {
		buf_put_str(&text, "00");
	}
	assert_int_equal(script_new(buf_view(&text), &t), 0);
	transport_free(t);
	buf_put_str(&text, "00");
	assert_int_equal(script_new(buf_view(&text), &t), -EINVAL);
}

static void a_dialogue_is_followed_line_by_line(void **state)
{
	_cleanup_(buf_done) struct buf answer = BUF_NULL(300);
	struct transport *t = NULL;

	(void)state;
	assert_int_equal(script_new(view_str("# head\nATR 3b 01 # tail\nprotocol 1\n\n"
					     "> 00 ?? 02\n< 90 00\nreset\natr 3B 02\n> 01\n"
					     "! mute"),
				 &t),
		0);
	assert_int_equal(t->ops->open(t, "any", true, 0), 0);
	assert_int_equal(t->protocol, TRANSPORT_T1);
	assert_true(view_equal(transport_atr(t), VIEW_TEXT("\x3b\x01")));
	assert_int_equal(t->ops->status(t), 0);
	assert_int_equal(t->ops->lock(t, 0), 0);
	assert_int_equal(t->ops->transmit(t, VIEW_TEXT("\0\xAA\2"), 0, &answer), 0);
	assert_true(view_equal(buf_view(&answer), VIEW_TEXT("\x90\0")));
	assert_int_equal(t->ops->unlock(t), 0);
	assert_false(script_finished(t));
	assert_int_equal(t->ops->reset(t, 0), 0);
	assert_true(view_equal(transport_atr(t), VIEW_TEXT("\x3b\x02")));
	assert_int_equal(t->ops->transmit(t, VIEW_TEXT("\1"), 0, &answer), TRANSPORT_MUTE);
	assert_true(script_finished(t));
	t->ops->close(t, true);
	assert_int_equal(script_closed(t), 2);
	assert_int_equal(t->ops->status(t), TRANSPORT_GONE);
	t->ops->close(t, false);
	assert_int_equal(script_closed(t), 1);
	transport_free(t);
	transport_free(NULL);
}

static void a_step_from_the_path_fails_for_good(void **state)
{
	static const char *const dialogues[] = {
		"> 01\n< 90 00",    /* another command */
		"> 02 03\n< 90 00", /* a longer one */
		"< 90 00",	    /* an answer first */
		"> 02\n> 03",	    /* no answer */
		"",		    /* nothing at all */
	};
	_cleanup_(buf_done) struct buf answer = BUF_NULL(300);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialogues); i++) {
		struct transport *t = NULL;

		assert_int_equal(script_new(view_str(dialogues[i]), &t), 0);
		assert_int_equal(t->ops->open(t, "any", false, 0), 0);
		assert_int_equal(t->ops->transmit(t, VIEW_TEXT("\2"), 0, &answer), -EPROTO);
		assert_false(script_finished(t));
		transport_free(t);
	}
}

static void open_and_reset_end_as_the_script_says(void **state)
{
	struct transport *t = NULL;

	(void)state;
	assert_int_equal(
		script_new(view_str("! busy\natr 3B\ngone-on-reset\nreset\n! fault\n> 01"), &t),
		0);
	assert_int_equal(t->ops->open(t, "any", false, 0), TRANSPORT_BUSY);
	assert_int_equal(t->ops->open(t, "any", false, 0), 0);
	assert_int_equal(t->ops->reset(t, 0), TRANSPORT_GONE);
	assert_int_equal(t->ops->reset(t, 0), -EIO);
	assert_int_equal(t->ops->reset(t, 0), -EPROTO);
	transport_free(t);
}

static void an_atr_is_bounded(void **state)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(2000);
	struct transport *t = NULL;

	(void)state;
	buf_put_str(&text, "atr ");
	for (size_t i = 0; i < TRANSPORT_ATR_MAX + 1; i++) {
		buf_put_str(&text, "3B");
	}
	assert_int_equal(script_new(buf_view(&text), &t), 0);
	assert_int_equal(t->ops->open(t, "any", false, 0), -EPROTO);
	transport_free(t);
}

static void a_keypad_line_is_answered_through_the_keypad_alone(void **state)
{
	static const struct transport_pin pin = {.command = {(const uint8_t *)"\x01\x02", 2}};
	static const struct transport_pin change = {
		.command = {(const uint8_t *)"\x01", 1}, .new_digits = 4};
	_cleanup_(buf_done) struct buf answer = BUF_NULL(300);
	struct transport *t = NULL;

	(void)state;
	assert_int_equal(script_new(view_str("atr 3B\npinpad verify\n"
					     "keys 01 ??\n< 9000\nkeys 0102\n! cancelled\n"
					     "keys 0102\n! late\nkeys 0102\n! refused\n"
					     "keys 0102\n! no-pinpad\nkeys 0102\n< 90"),
				 &t),
		0);
	assert_int_equal(t->ops->open(t, "any", true, 0), 0);
	assert_int_equal(t->pinpad, TRANSPORT_PINPAD_VERIFY);
	assert_int_equal(t->ops->secure(t, &change, 0, &answer), TRANSPORT_NO_PINPAD);
	assert_int_equal(t->ops->secure(t, &pin, 0, &answer), 0);
	assert_true(view_equal(buf_view(&answer), VIEW_TEXT("\x90\0")));
	assert_int_equal(t->ops->secure(t, &pin, 0, &answer), TRANSPORT_CANCELLED);
	assert_int_equal(t->ops->secure(t, &pin, 0, &answer), TRANSPORT_LATE);
	assert_int_equal(t->ops->secure(t, &pin, 0, &answer), TRANSPORT_REFUSED);
	assert_int_equal(t->ops->secure(t, &pin, 0, &answer), TRANSPORT_NO_PINPAD);
	/* the same bytes sent as a command are another thing */
	assert_int_equal(t->ops->transmit(t, VIEW_TEXT("\x01\x02"), 0, &answer), -EPROTO);
	transport_free(t);
	assert_int_equal(script_new(view_str("pinpad modify verify\nkeys 01\n< 6983"), &t), 0);
	assert_int_equal(t->ops->open(t, "any", true, 0), 0);
	assert_int_equal(t->pinpad, TRANSPORT_PINPAD_VERIFY | TRANSPORT_PINPAD_MODIFY);
	assert_int_equal(t->ops->secure(t, &change, 0, &answer), 0);
	assert_true(script_finished(t));
	transport_free(t);
}

static void what_others_did_is_told_when_somebody_asks(void **state)
{
	struct transport *t = NULL;

	(void)state;
	assert_int_equal(script_new(view_str("atr 3B\nlock touched\nlock busy\nstatus gone\n"
					     "status fault"),
				 &t),
		0);
	assert_int_equal(t->ops->open(t, "any", false, 0), 0);
	assert_int_equal(t->ops->status(t), 0); /* it is not asked for that yet */
	assert_int_equal(t->ops->lock(t, 0), TRANSPORT_TOUCHED);
	assert_int_equal(t->ops->lock(t, 0), TRANSPORT_BUSY);
	assert_int_equal(t->ops->lock(t, 0), 0);
	assert_int_equal(t->ops->status(t), TRANSPORT_GONE);
	assert_int_equal(t->ops->status(t), -EIO);
	assert_int_equal(t->ops->status(t), 0);
	assert_true(script_finished(t));
	transport_free(t);
}

static void answers_from_bytes_come_whatever_is_asked(void **state)
{
	static const uint8_t bytes[] = {2, 0x90, 0, 0, 0xFF, 0, 3, 1, 2, 3, 9, 1, 2};
	_cleanup_(buf_done) struct buf answer = BUF_NULL(300);
	_cleanup_(buf_done) struct buf small = BUF_NULL(1);
	struct transport *t = NULL;

	(void)state;
	assert_int_equal(
		script_new_answers(VIEW(bytes), VIEW_TEXT("\x3b"), TRANSPORT_T1, &t), 0);
	assert_int_equal(t->ops->open(t, "any", true, 0), 0);
	assert_int_equal(t->protocol, TRANSPORT_T1);
	assert_int_equal(t->atr_len, 1);
	assert_int_equal(t->ops->transmit(t, VIEW_NULL, 0, &answer), 0);
	assert_int_equal(answer.len, 2);
	assert_int_equal(t->ops->reset(t, 0), 0);
	assert_int_equal(t->ops->transmit(t, VIEW_NULL, 0, &answer), 0); /* empty */
	assert_int_equal(t->ops->transmit(t, VIEW_NULL, 0, &answer), 0); /* long form */
	assert_int_equal(answer.len, 5);
	assert_int_equal(t->ops->transmit(t, VIEW_NULL, 0, &small), TRANSPORT_BROKEN); /* cut */
	assert_int_equal(t->ops->transmit(t, VIEW_NULL, 0, &answer), TRANSPORT_GONE);
	assert_int_equal(t->ops->reset(t, 0), TRANSPORT_GONE);
	transport_free(t);
	assert_int_equal(
		script_new_answers(VIEW_TEXT("\xff\1"), VIEW(bytes), TRANSPORT_T0, &t), 0);
	buf_reset(&answer);
	assert_int_equal(t->ops->transmit(t, VIEW_NULL, 0, &answer), 0);
	assert_int_equal(answer.len, 0);
	transport_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_that_are_no_dialogue_are_refused),
		cmocka_unit_test(a_line_has_room_for_an_answer_and_no_more),
		cmocka_unit_test(a_dialogue_is_followed_line_by_line),
		cmocka_unit_test(a_step_from_the_path_fails_for_good),
		cmocka_unit_test(open_and_reset_end_as_the_script_says),
		cmocka_unit_test(an_atr_is_bounded),
		cmocka_unit_test(a_keypad_line_is_answered_through_the_keypad_alone),
		cmocka_unit_test(what_others_did_is_told_when_somebody_asks),
		cmocka_unit_test(answers_from_bytes_come_whatever_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
