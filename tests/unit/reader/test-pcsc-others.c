/* SPDX-License-Identifier: EUPL-1.2 */
/* The PC/SC transport: resets, other programs, and the reader's keypad. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>

#include "base/clock.h"
#include "tests/unit/reader/fake-pcsc.h"

static const LONG good = SCARD_S_SUCCESS;

static void a_reset_learns_the_card_anew(void **state)
{
	struct transport *t = open_transport();

	(void)state;
	fake.atr_len = 7;
	fake.protocol = SCARD_PROTOCOL_T1;
	fake.reconnect[0] = SCARD_E_SHARING_VIOLATION;
	assert_int_equal(t->ops->reset(t, soon()), 0);
	assert_int_equal(fake.reconnected_how[0], SCARD_RESET_CARD);
	assert_int_equal(fake.reconnects, 2);
	assert_int_equal(t->atr_len, 7);
	assert_int_equal(t->protocol, TRANSPORT_T1);
	fake.reconnect[2] = SCARD_W_REMOVED_CARD;
	assert_int_equal(t->ops->reset(t, soon()), TRANSPORT_GONE);
	fake.reconnect[3] = SCARD_E_SHARING_VIOLATION;
	assert_int_equal(t->ops->reset(t, clock_monotonic()), TRANSPORT_BUSY);
	/* a card that was out is not taken up again, nor one that was exchanged meanwhile */
	fake.status[fake.looks] = SCARD_W_REMOVED_CARD;
	assert_int_equal(t->ops->reset(t, soon()), TRANSPORT_GONE);
	assert_int_equal(fake.reconnects, 4);
	fake.state_after = SCARD_PRESENT | SCARD_POWERED | 9U << 16;
	assert_int_equal(t->ops->reset(t, soon()), TRANSPORT_GONE);
	transport_free(t);
}

static void absences_and_resets_are_seen_however_short(void **state)
{
	static const struct {
		LONG code;
		DWORD state;
		int r;
	} table[] = {
		{SCARD_S_SUCCESS, SCARD_PRESENT | 7U << 16, 0},
		{SCARD_S_SUCCESS, SCARD_PRESENT | SCARD_POWERED | 7U << 16, 0},
		{SCARD_S_SUCCESS, SCARD_ABSENT | 7U << 16, TRANSPORT_GONE},
		/* out and in again: the counter alone would tell */
		{SCARD_S_SUCCESS, SCARD_PRESENT | 9U << 16, TRANSPORT_GONE},
		{SCARD_W_REMOVED_CARD, SCARD_PRESENT | 9U << 16, TRANSPORT_GONE},
		{SCARD_W_RESET_CARD, SCARD_PRESENT | 7U << 16, TRANSPORT_GONE},
		{SCARD_E_SHARING_VIOLATION, 0, TRANSPORT_BUSY},
		{SCARD_E_NO_SERVICE, 0, TRANSPORT_NO_SERVICE},
		{SCARD_F_INTERNAL_ERROR, 0, -EIO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct transport *t = open_transport();

		fake.status[fake.looks] = table[i].code;
		fake.state = table[i].state;
		assert_int_equal(t->ops->status(t), table[i].r);
		transport_free(t);
	}
}

static void a_lock_keeps_others_out_until_unlock(void **state)
{
	struct transport *t = open_transport();

	(void)state;
	assert_int_equal(t->ops->lock(t, soon()), 0);
	assert_int_equal(t->ops->unlock(t), 0);
	assert_int_equal(fake.ends, 1);
	fake.begin[1] = SCARD_E_SHARING_VIOLATION;
	assert_int_equal(t->ops->lock(t, clock_monotonic()), TRANSPORT_BUSY);
	/* another program is in a transaction, and then not any more */
	fake.status[fake.looks] = SCARD_E_SHARING_VIOLATION;
	assert_int_equal(t->ops->lock(t, clock_monotonic()), TRANSPORT_BUSY);
	fake.looks = 0;
	fake.begins = 0;
	fake.status[0] = fake.status[1] = SCARD_E_SHARING_VIOLATION;
	fake.begin[1] = good;
	assert_int_equal(t->ops->lock(t, soon()), 0);
	assert_int_equal(fake.begins, 1);
	fake.end = SCARD_W_RESET_CARD;
	assert_int_equal(t->ops->unlock(t), TRANSPORT_GONE);
	transport_free(t);
}

/* What the looks before and after SCardBeginTransaction may say. */
static void a_lock_tells_what_others_did(void **state)
{
	static const struct {
		LONG looks[4];
		LONG begin;
		DWORD state_after;
		int r;
		unsigned reconnects;
		DWORD last_how;
		unsigned ends;
	} table[] = {
		{.r = 0},
		{.looks = {SCARD_W_RESET_CARD}, .r = TRANSPORT_TOUCHED, .reconnects = 1},
		/* between the look and the begin, and while we waited in it */
		{.begin = SCARD_W_RESET_CARD,
			.looks = {0, SCARD_W_RESET_CARD},
			.r = TRANSPORT_TOUCHED,
			.reconnects = 1},
		{.looks = {0, SCARD_W_RESET_CARD}, .r = TRANSPORT_TOUCHED, .reconnects = 1},
		/* it lost its power too: a reset of our own */
		{.looks = {SCARD_W_RESET_CARD},
			.state_after = SCARD_PRESENT | 7U << 16,
			.r = TRANSPORT_TOUCHED,
			.reconnects = 2,
			.last_how = SCARD_RESET_CARD},
		/* it is another one */
		{.looks = {SCARD_W_RESET_CARD},
			.state_after = SCARD_PRESENT | SCARD_POWERED | 9U << 16,
			.r = TRANSPORT_GONE,
			.reconnects = 1},
		{.looks = {SCARD_W_REMOVED_CARD}, .r = TRANSPORT_GONE},
		{.looks = {0, SCARD_W_REMOVED_CARD}, .r = TRANSPORT_GONE, .ends = 1},
		{.begin = SCARD_W_REMOVED_CARD, .r = TRANSPORT_GONE},
		{.looks = {SCARD_E_NO_SERVICE}, .r = TRANSPORT_NO_SERVICE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct transport *t = open_transport();

		for (size_t k = 0; k < 4; k++) {
			fake.status[fake.looks + k] = table[i].looks[k];
		}
		fake.begin[0] = table[i].begin;
		fake.state_after = table[i].state_after;
		if (t->ops->lock(t, soon()) != table[i].r) {
			fail_msg("row %zu", i);
		}
		assert_int_equal(fake.reconnects, table[i].reconnects);
		assert_int_equal(fake.ends, table[i].ends);
		if (table[i].reconnects > 0) {
			assert_int_equal(fake.reconnected_how[0], SCARD_LEAVE_CARD);
			assert_int_equal(fake.reconnected_how[table[i].reconnects - 1],
				table[i].last_how ? table[i].last_how : SCARD_LEAVE_CARD);
		}
		transport_free(t);
	}
	for (size_t i = 0; i < 2; i++) { /* the connection cannot be taken up again */
		struct transport *t = open_transport();

		fake.status[fake.looks] = SCARD_W_RESET_CARD;
		fake.reconnect[i] = SCARD_E_NO_SMARTCARD;
		fake.state_after = SCARD_PRESENT | 7U << 16;
		assert_int_equal(t->ops->lock(t, soon()), TRANSPORT_GONE);
		transport_free(t);
	}
}

#define FEATURES                                                                               \
	"\x18\x06\x04\x42\x33\x00\x06\x07\x04\x42\x33\x00\x07"                                 \
	"\x0A\x04\x42\x33\x00\x0A\x12\x04\x42\x33\x00\x12"

static void the_keypad_is_found_out_when_connecting(void **state)
{
	static const struct {
		LONG control[3];
		const char *controls[3];
		unsigned controlled;
		uint8_t pinpad;
	} table[] = {
		{.controlled = 1}, /* an empty list */
		{.control = {SCARD_E_UNSUPPORTED_FEATURE}, .controlled = 1},
		{.controls = {"\x03\x06\x04\x42"}, .controlled = 1},
		{.controls = {"\x06\x06\x04\x42\x33\x00\x06"},
			.controlled = 1,
			.pinpad = TRANSPORT_PINPAD_VERIFY},
		{.controls = {FEATURES, "\x04\0\0\2\0", "\x03\7\1\3"},
			.controlled = 3,
			.pinpad = TRANSPORT_PINPAD_VERIFY | TRANSPORT_PINPAD_MODIFY},
		{.controls = {FEATURES},
			.control = {0, SCARD_F_COMM_ERROR, SCARD_E_TIMEOUT},
			.controlled = 3,
			.pinpad = TRANSPORT_PINPAD_VERIFY | TRANSPORT_PINPAD_MODIFY},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct transport *t;

		fake_reset();
		for (size_t k = 0; k < 3; k++) {
			fake.control[k] = table[i].control[k];
			fake.controls[k] = table[i].controls[k];
		}
		t = new_transport();
		assert_int_equal(t->ops->open(t, "Reader 00 00", true, soon()), 0);
		assert_int_equal(fake.controlled, table[i].controlled);
		assert_int_equal(t->pinpad, table[i].pinpad);
		transport_free(t);
	}
}

static void a_code_is_typed_on_the_reader_once(void **state)
{
	static const uint8_t command[] = {0, 0x20, 0, 1, 4, 0xFF, 0xFF, 0xFF, 0xFF};
	static const struct transport_pin pin = {
		.command = {command, sizeof(command)}, .digits = 4};

	static const struct {
		LONG code;
		const char *answer;
		LONG status;
		int r;
	} table[] = {
		{good, "\x02\x90\x00", good, 0},
		{good, "\x02\x63\xC2", good, 0},
		{good, "\x02\x64\x00", good, TRANSPORT_LATE},
		{good, "\x02\x64\x01", good, TRANSPORT_CANCELLED},
		{good, "\x02\x64\x03", good, TRANSPORT_REFUSED},
		{good, "\x02\x6B\x80", good, TRANSPORT_NO_PINPAD},
		{SCARD_E_UNSUPPORTED_FEATURE, NULL, good, TRANSPORT_NO_PINPAD},
		{SCARD_E_NOT_TRANSACTED, NULL, good, TRANSPORT_MUTE},
		{SCARD_E_NOT_TRANSACTED, NULL, SCARD_W_REMOVED_CARD, TRANSPORT_GONE},
		{SCARD_W_REMOVED_CARD, NULL, good, TRANSPORT_GONE},
		{SCARD_F_UNKNOWN_ERROR, NULL, good, -EIO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		_cleanup_(buf_done) struct buf answer = BUF_NULL(300);
		struct transport *t;

		fake_reset();
		fake.controls[0] = "\x06\x06\x04\x42\x33\x00\x06";
		t = new_transport();
		assert_int_equal(t->ops->open(t, "Reader 00 00", true, soon()), 0);
		fake.control[1] = table[i].code;
		fake.controls[1] = table[i].answer;
		fake.status[fake.looks] = table[i].status;
		assert_int_equal(t->ops->secure(t, &pin, soon(), &answer), table[i].r);
		assert_int_equal(fake.controlled, 2);
		assert_int_equal(fake.sent_code, 0x42330006);
		assert_int_equal(fake.sent_len, 19 + sizeof(command));
		assert_int_equal(answer.len, table[i].r == 0 ? 2 : 0);
		transport_free(t);
	}
}

static void a_busy_keypad_is_asked_again_and_one_that_is_not_there_never(void **state)
{
	static const uint8_t command[] = {0, 0x20, 0, 1, 4, 0xFF, 0xFF, 0xFF, 0xFF};
	static const struct transport_pin pin = {
		.command = {command, sizeof(command)}, .digits = 4};
	_cleanup_(buf_done) struct buf answer = BUF_NULL(300);
	struct transport *t = open_transport();

	(void)state;
	assert_int_equal(t->ops->secure(t, &pin, soon(), &answer), TRANSPORT_NO_PINPAD);
	assert_int_equal(fake.controlled, 1);
	transport_free(t);

	fake_reset();
	fake.controls[0] = "\x06\x06\x04\x42\x33\x00\x06";
	fake.control[1] = SCARD_E_SHARING_VIOLATION;
	fake.controls[2] = "\x02\x90\x00";
	t = new_transport();
	assert_int_equal(t->ops->open(t, "Reader 00 00", true, soon()), 0);
	assert_int_equal(t->ops->secure(t, &pin, soon(), &answer), 0);
	assert_int_equal(fake.controlled, 3);
	transport_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reset_learns_the_card_anew),
		cmocka_unit_test(absences_and_resets_are_seen_however_short),
		cmocka_unit_test(a_lock_keeps_others_out_until_unlock),
		cmocka_unit_test(a_lock_tells_what_others_did),
		cmocka_unit_test(the_keypad_is_found_out_when_connecting),
		cmocka_unit_test(a_code_is_typed_on_the_reader_once),
		cmocka_unit_test(a_busy_keypad_is_asked_again_and_one_that_is_not_there_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
