/* SPDX-License-Identifier: EUPL-1.2 */
/* State, verify, change and unblock of a PIN, by pipe and by keypad, on both generations. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>
#include <unistd.h>

#include "base/tlv.h"
#include "drivers/card/cps/cps.h"
#include "tests/unit/card/model.h"

static struct model m;
static struct card c;
static struct buf body = {.max = 1024};

static void begin(void (*make)(struct model *m))
{
	make(&m);
	model_card(&m, &c);
	model_forget_lines(&m);
}

static void end(void)
{
	card_done(&c);
	model_done(&m);
	buf_done(&body);
}

typedef int (*act_fn)(struct card *card, const struct card_entry *e, struct buf *out);

/* One act; nothing of a code may be left in the secret, and the tries must be those. */
static void act(
	act_fn fn, const char *first, const char *second, bool last, int outcome, int tries)
{
	struct card_entry e = {
		.fds = {first ? model_pipe(first) : -1, second ? model_pipe(second) : -1},
		.keypad = !first,
		.last_try = last};
	uint8_t said = 0;
	int r;

	buf_reset(&body);
	r = fn(&c, &e, &body);
	if (r != outcome) {
		fail_msg("%s %s: outcome %d, expected %d", first, second, r, outcome);
	}
	assert_int_equal(tlv_find_u8(buf_view(&body), LINK_TAG_TRIES, &said),
		tries < 0 ? TLV_ABSENT : 0);
	assert_int_equal(said, tries < 0 ? 0 : tries);
	for (size_t i = 0; i < c.command.size; i++) {
		assert_int_equal(c.command.data[i], 0);
	}
	if (first) {
		close(e.fds[0]);
	}
	if (second) {
		close(e.fds[1]);
	}
}

static void verify(const char *pin, bool last, int outcome, int tries)
{
	act(c.driver->verify, pin, NULL, last, outcome, tries);
	assert_int_equal(c.verified, outcome == CARD_DONE);
}

static bool carries_code(const struct model_line *l)
{
	uint8_t ins = l->command[1];

	return l->len > 5 && (ins == 0x20 || ins == 0x24 || ins == 0x2C);
}

/* Every command with a code went once, and what followed the last is at least as long as
 * each. */
static void codes_are_forgotten(size_t n)
{
	size_t longest = 0; /* of an act, until it was followed */
	size_t found = 0;

	for (size_t i = 0; i < m.n_lines; i++) {
		const struct model_line *l = &m.lines[i];

		if (carries_code(l)) {
			longest = l->len > longest ? l->len : longest;
			found++;
		} else if (l->command[1] == APDU_SELECT && longest > 0) {
			assert_true(l->len >= longest);
			longest = 0;
		}
	}
	assert_int_equal(found, n);
	assert_int_equal(longest, 0);
}

static void (*const makes[])(struct model *m) = {model_cps3, model_cps4};

/* -- verify -------------------------------------------------------------------------------- */

static void a_right_pin_is_sent_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		begin(makes[i]);
		assert_int_equal(cps_may_use_key(&c), CARD_DENIED);
		verify("1234", false, CARD_DONE, 3);
		codes_are_forgotten(1);
		assert_true(card_has_rights(&c));
		assert_int_equal(cps_may_use_key(&c), 0);
		assert_int_equal(c.ef, 0xD120); /* where the activities begin */
		end();
	}
}

static void pin_wrong_leaves_two_tries(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		begin(makes[i]);
		verify("9999", false, CARD_PIN_WRONG, 2);
		codes_are_forgotten(1);
		assert_false(card_has_rights(&c));
		verify("9998", false, CARD_PIN_WRONG, 1);
		verify("1234", false, CARD_PIN_LAST, 1);
		codes_are_forgotten(2);
		verify("9998", true, CARD_PIN_BLOCKED, 0);
		codes_are_forgotten(3);
		verify("1234", true, CARD_PIN_BLOCKED, 0);
		codes_are_forgotten(3);
		end();
	}
}

static void what_is_no_pin_is_never_sent(void **state)
{
	static const char *const codes[] = {
		"", "123", "12345", "123a", "/234", "1234\n", "12:4"};

	(void)state;
	begin(model_cps3);
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		verify(codes[i], true, CARD_PIN_REFUSED, -1);
	}
	assert_int_equal(m.n_lines, 0);
	end();
}

static void a_pipe_that_is_none_is_a_fault(void **state)
{
	struct card_entry e = {.fds = {-1, -1}};

	(void)state;
	begin(model_cps3);
	close(0);
	e.fds[0] = 0;
	assert_true(c.driver->verify(&c, &e, &body) != 0);
	assert_int_equal(m.n_lines, 0);
	end();
}

static void a_verify_whose_answer_got_lost_is_not_sent_again(void **state)
{
	(void)state;
	begin(model_cps3);
	model_rule(&m, "0020000104", "mute");
	verify("1234", false, CARD_MUTE, -1);
	codes_are_forgotten(1);
	assert_true(card_has_rights(&c)); /* it may have been right */
	assert_false(c.tries_known);
	model_rule(&m, "0020000104", "6300");
	verify("1234", false, CARD_PIN_WRONG, -1);
	model_rule(&m, "0020000104", "6C04");
	verify("1234", false, CARD_BROKEN, -1);
	codes_are_forgotten(3);
	end();
}

static void a_card_that_leaves_after_a_right_pin_is_gone(void **state)
{
	(void)state;
	begin(model_cps3);
	model_rule(&m, "00A4090C06", "gone");
	verify("1234", false, CARD_GONE, 3);
	end();
	begin(model_cps3);
	model_rule(&m, "00A4090C06", "fault");
	act(c.driver->verify, "9999", NULL, false, CARD_PIN_WRONG, 2);
	model_rule(&m, "00A4090C06", "6F00");
	verify("1234", false, CARD_DONE, 3);
	end();
}

static void on_a_shared_connection_the_tries_are_asked_each_time(void **state)
{
	(void)state;
	begin(model_cps3);
	verify("9999", false, CARD_PIN_WRONG, 2);
	m.tries = 1; /* another program tried */
	c.exclusive = false;
	verify("1234", false, CARD_PIN_LAST, 1);
	codes_are_forgotten(1);
	end();
}

/* -- change and unblock -------------------------------------------------------------------- */

static void a_pin_is_changed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		begin(makes[i]);
		act(c.driver->change_pin, "9999", "4321", false, CARD_PIN_WRONG, 2);
		assert_string_equal(m.pin_now, "1234");
		act(c.driver->change_pin, "1234", "4321", false, CARD_DONE, 3);
		assert_string_equal(m.pin_now, "4321");
		assert_false(c.verified);
		codes_are_forgotten(i == 0 ? 2 : 3);
		m.tries = 1;
		c.tries_known = false;
		m.verified = false;
		act(c.driver->change_pin, "4321", "0000", false, CARD_PIN_LAST, 1);
		act(c.driver->change_pin, "4321", "0000", true, CARD_DONE, 3);
		assert_string_equal(m.pin_now, "0000");
		end();
	}
}

static void what_is_no_new_pin_is_never_sent(void **state)
{
	static const struct {
		const char *old;
		const char *new;
	} table[] = {{"1234", "123"}, {"1234", "12345"}, {"1234", ""}, {"1234", "12b4"},
		{"123", "1234"}, {"12345", "1234"}, {"", ""}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		begin(makes[i]);
		for (size_t k = 0; k < ARRAY_LEN(table); k++) {
			act(c.driver->change_pin, table[k].old, table[k].new, true,
				CARD_PIN_REFUSED, -1);
		}
		act(c.driver->unblock_pin, "1234567", "1234", true, CARD_PIN_REFUSED, -1);
		act(c.driver->unblock_pin, "123456789", "1234", true, CARD_PIN_REFUSED, -1);
		act(c.driver->unblock_pin, "12345678", "12345", true, CARD_PIN_REFUSED, -1);
		assert_int_equal(m.n_lines, 0);
		end();
	}
}

static void a_new_pin_that_the_card_does_not_take_is_refused(void **state)
{
	static const char *const words[] = {"6A80", "6700", "6985"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		begin(model_cps3);
		model_rule(&m, "0024", words[i]);
		act(c.driver->change_pin, "1234", "0000", false, CARD_PIN_REFUSED, -1);
		end();
		begin(model_cps4);
		model_rule(&m, "0124", words[i]);
		act(c.driver->change_pin, "1234", "0000", false, CARD_PIN_REFUSED, 3);
		act(c.driver->unblock_pin, "12345678", "0000", false, CARD_PIN_REFUSED, 10);
		end();
	}
	begin(model_cps4);
	model_rule(&m, "0124", "63C2"); /* says it otherwise */
	act(c.driver->change_pin, "1234", "0000", false, CARD_PIN_REFUSED, 3);
	model_rule(&m, "0124", "6982");
	act(c.driver->change_pin, "1234", "0000", false, CARD_DENIED, 3);
	end();
}

static void a_blocked_pin_is_unblocked_by_the_puk(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		begin(makes[i]);
		m.tries = 0;
		verify("1234", true, CARD_PIN_BLOCKED, 0);
		act(c.driver->unblock_pin, "00000000", "4321", false, CARD_PIN_WRONG, 9);
		assert_false(card_has_rights(&c));
		act(c.driver->unblock_pin, "12345678", "4321", false, CARD_DONE, 10);
		codes_are_forgotten(3);
		assert_true(card_has_rights(&c)); /* the card shall be reset when we leave */
		assert_int_equal(m.tries, 3);
		verify("4321", false, CARD_DONE, 3);
		end();
	}
}

static void the_puk_is_spared_as_the_pin_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		begin(makes[i]);
		m.puk_tries = 1;
		act(c.driver->unblock_pin, "12345678", "4321", false, CARD_PIN_LAST, 1);
		act(c.driver->unblock_pin, "00000000", "4321", true, CARD_PIN_BLOCKED, 0);
		act(c.driver->unblock_pin, "12345678", "4321", true, CARD_PIN_BLOCKED, 0);
		codes_are_forgotten(1);
		end();
	}
	begin(model_cps3);
	m.puk_uses = 1; /* the last of its life */
	act(c.driver->unblock_pin, "12345678", "4321", false, CARD_PIN_LAST, 10);
	act(c.driver->unblock_pin, "12345678", "4321", true, CARD_DONE, 10);
	act(c.driver->unblock_pin, "12345678", "4321", true, CARD_PIN_BLOCKED, 10);
	end();
	begin(model_cps4);
	model_rule(&m, "0120000200", "6A88");
	act(c.driver->unblock_pin, "12345678", "4321", true, CARD_ABSENT, -1);
	codes_are_forgotten(0);
	end();
}

/* What is left of an act that ends in the middle: pin.c says it. */
static void a_card_torn_out_in_between_is_left_as_documented(void **state)
{
	(void)state;
	begin(model_cps4);
	m.tries = 0;
	model_rule(&m, "0124", "gone");
	act(c.driver->unblock_pin, "12345678", "4321", false, CARD_GONE, 10);
	assert_int_equal(m.tries, 3);
	assert_string_equal(m.pin_now, "1234");
	end();
	begin(model_cps4);
	m.tries = 0;
	model_rule(&m, "012C", "gone");
	act(c.driver->unblock_pin, "12345678", "4321", false, CARD_GONE, 10);
	assert_int_equal(m.tries, 0);
	assert_int_equal(model_sent(&m, "0124"), 0);
	end();
	begin(model_cps3);
	m.tries = 0;
	model_rule(&m, "002C", "gone");
	act(c.driver->unblock_pin, "12345678", "4321", false, CARD_GONE, 10);
	assert_int_equal(m.tries, 0);
	assert_int_equal(m.puk_uses, 99);
	end();
	begin(model_cps4);
	model_rule(&m, "0124", "gone");
	act(c.driver->change_pin, "1234", "4321", false, CARD_GONE, 3);
	assert_string_equal(m.pin_now, "1234");
	end();
}

static void with_t1_a_command_without_data_has_four_bytes(void **state)
{
	(void)state;
	begin(model_cps4);
	m.base.protocol = TRANSPORT_T1;
	m.tries = 0;
	act(c.driver->unblock_pin, "12345678", "4321", false, CARD_DONE, 10);
	for (size_t i = 0; i < m.n_lines; i++) {
		assert_int_equal(
			m.lines[i].len, m.lines[i].command[1] == 0x2C ? 4 : m.lines[i].len);
	}
	assert_int_equal(model_sent(&m, "012C0381"), 1);
	end();
}

/* -- keypad -------------------------------------------------------------------------------- */

static size_t typed(void)
{
	size_t n = 0;

	for (size_t i = 0; i < m.n_lines; i++) {
		n += m.lines[i].keypad ? 1 : 0;
	}
	return n;
}

static void a_keypad_gives_every_code(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		begin(makes[i]);
		m.base.pinpad = TRANSPORT_PINPAD_VERIFY | TRANSPORT_PINPAD_MODIFY;
		m.keys = "12341234432112345678000000009999";
		act(c.driver->verify, NULL, NULL, false, CARD_DONE, 3);
		act(c.driver->change_pin, NULL, NULL, false, CARD_DONE, 3);
		assert_string_equal(m.pin_now, "4321");
		act(c.driver->unblock_pin, NULL, NULL, false, CARD_DONE, 10);
		assert_string_equal(m.pin_now, "0000");
		act(c.driver->verify, NULL, NULL, false, CARD_DONE, 3);
		act(c.driver->verify, NULL, NULL, false, CARD_PIN_WRONG, 2);
		assert_int_equal(typed(), i == 0 ? 6 : 7);
		codes_are_forgotten(typed());
		end();
	}
}

static void a_keypad_is_not_asked_for_what_it_cannot(void **state)
{
	static const uint8_t can[] = {0, TRANSPORT_PINPAD_MODIFY, TRANSPORT_PINPAD_VERIFY};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(can); i++) {
		begin(model_cps4);
		m.base.pinpad = can[i];
		m.keys = "1234";
		act(c.driver->change_pin, NULL, NULL, false, CARD_ABSENT, -1);
		act(c.driver->unblock_pin, NULL, NULL, false, CARD_ABSENT, -1);
		assert_int_equal(m.n_lines, 0);
		act(c.driver->verify, NULL, NULL, false,
			can[i] & TRANSPORT_PINPAD_VERIFY ? CARD_DONE : CARD_ABSENT,
			can[i] & TRANSPORT_PINPAD_VERIFY ? 3 : -1);
		end();
	}
}

static void a_person_may_cancel_at_each_entry(void **state)
{
	(void)state;
	begin(model_cps4);
	m.base.pinpad = TRANSPORT_PINPAD_VERIFY | TRANSPORT_PINPAD_MODIFY;
	act(c.driver->verify, NULL, NULL, false, CARD_CANCELLED, -1);
	assert_false(card_has_rights(&c));
	assert_int_equal(typed(), 0);
	m.tries = 0;
	model_rule(&m, "0124", "cancelled");
	m.keys = "12345678FFFF";
	act(c.driver->unblock_pin, NULL, NULL, false, CARD_CANCELLED, 10);
	assert_int_equal(m.tries, 3);
	assert_string_equal(m.pin_now, "1234"); /* the old one, to be tried again */
	model_rule(&m, "0120000104", "late");
	m.keys = "1234";
	act(c.driver->verify, NULL, NULL, false, CARD_LATE, -1);
	end();
}

static void the_last_try_on_a_keypad_needs_a_confirmation_too(void **state)
{
	(void)state;
	begin(model_cps3);
	m.base.pinpad = TRANSPORT_PINPAD_VERIFY;
	m.keys = "1234";
	m.tries = 1;
	act(c.driver->verify, NULL, NULL, false, CARD_PIN_LAST, 1);
	assert_int_equal(typed(), 0);
	act(c.driver->verify, NULL, NULL, true, CARD_DONE, 3);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_right_pin_is_sent_once),
		cmocka_unit_test(pin_wrong_leaves_two_tries),
		cmocka_unit_test(what_is_no_pin_is_never_sent),
		cmocka_unit_test(a_pipe_that_is_none_is_a_fault),
		cmocka_unit_test(a_verify_whose_answer_got_lost_is_not_sent_again),
		cmocka_unit_test(a_card_that_leaves_after_a_right_pin_is_gone),
		cmocka_unit_test(on_a_shared_connection_the_tries_are_asked_each_time),
		cmocka_unit_test(a_pin_is_changed),
		cmocka_unit_test(what_is_no_new_pin_is_never_sent),
		cmocka_unit_test(a_new_pin_that_the_card_does_not_take_is_refused),
		cmocka_unit_test(a_blocked_pin_is_unblocked_by_the_puk),
		cmocka_unit_test(the_puk_is_spared_as_the_pin_is),
		cmocka_unit_test(a_card_torn_out_in_between_is_left_as_documented),
		cmocka_unit_test(with_t1_a_command_without_data_has_four_bytes),
		cmocka_unit_test(a_keypad_gives_every_code),
		cmocka_unit_test(a_keypad_is_not_asked_for_what_it_cannot),
		cmocka_unit_test(a_person_may_cancel_at_each_entry),
		cmocka_unit_test(the_last_try_on_a_keypad_needs_a_confirmation_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
