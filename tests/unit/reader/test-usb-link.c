/* SPDX-License-Identifier: EUPL-1.2 */
/* The transport over vitaled-usb against one that follows a script (usb-peer.h). Where something is late
 * time runs faster. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/tlv.h"
#include "tests/unit/reader/usb-peer.h"

static uint64_t soon(void)
{
	return clock_monotonic() + 3 * USEC_PER_SEC;
}

static int open_it(struct transport *t)
{
	return t->ops->open(t, READER, true, soon());
}

static const uint8_t read_binary[] = {0x00, 0xB0, 0x00, 0x00, 0x00};
static const uint8_t verify[] = {0x00, 0x20, 0x00, 0x01, 0x04, 0xFF, 0xFF, 0xFF, 0xFF};
static const struct transport_pin pin = {.command = {verify, sizeof(verify)},
	.digits = 4,
	.new_digits = 0,
	.old_at = 0,
	.new_at = 9};

static int transmit(struct transport *t, struct buf *answer)
{
	return t->ops->transmit(t, VIEW(read_binary), soon(), answer);
}

/* -- tests ------------------------------------------------------------------------------------------- */

static void a_card_is_opened_used_reset_and_let_go(void **state)
{
	_cleanup_(buf_done) struct buf answer = BUF_NULL(512);
	struct tlv t1;
	char name[TRANSPORT_NAME_MAX];
	struct transport *t =
		BEGIN({.op = USB_OP_ATTACH}, {.op = USB_OP_TRANSMIT}, {.op = USB_OP_STATUS},
			{.op = USB_OP_RESET}, {.op = USB_OP_STATUS}, {.op = USB_OP_DETACH});

	(void)state;
	assert_int_equal(open_it(t), 0);
	assert_int_equal(t->protocol, TRANSPORT_T1);
	assert_int_equal(t->pinpad, TRANSPORT_PINPAD_VERIFY | TRANSPORT_PINPAD_MODIFY);
	assert_int_equal(t->atr_len, 10);
	assert_int_equal(
		tlv_find_str(buf_view(&peer.last), LINK_TAG_READER, name, sizeof(name)), 0);
	assert_string_equal(name, READER);
	assert_int_equal(transmit(t, &answer), 0);
	assert_int_equal(tlv_find(buf_view(&peer.last), LINK_TAG_DATA, &t1), 0);
	assert_true(view_equal(t1.value, VIEW(read_binary)));
	assert_int_equal(answer.len, 4);
	assert_int_equal(answer.data[2], 0x90);
	assert_int_equal(t->ops->lock(t, soon()), 0);
	assert_int_equal(t->ops->unlock(t), 0);
	assert_int_equal(t->ops->reset(t, soon()), 0);
	assert_int_equal(t->ops->status(t), 0);
	t->ops->close(t, true);
	t->ops->close(t, true); /* nothing more to do */
	assert_int_equal(t->ops->status(t), TRANSPORT_GONE);
	assert_int_equal(t->ops->unlock(t), TRANSPORT_GONE);
	assert_int_equal(t->ops->reset(t, soon()), TRANSPORT_GONE);
	assert_int_equal(transmit(t, &answer), TRANSPORT_GONE);
	peer_end(t, 6);
}

/* A card that was open is let go of when another is opened, and at the end, without a reset. */
static void what_is_open_is_closed_before_another_is_opened(void **state)
{
	struct transport *t = BEGIN({.op = USB_OP_ATTACH}, {.op = USB_OP_DETACH},
		{.op = USB_OP_ATTACH}, {.op = USB_OP_DETACH});

	(void)state;
	assert_int_equal(open_it(t), 0);
	assert_int_equal(open_it(t), 0);
	peer_end(t, 4);
}

static void a_code_is_typed_on_the_keypad(void **state)
{
	static const uint8_t wanted[] = {4, 0, 0, 9};
	_cleanup_(buf_done) struct buf answer = BUF_NULL(512);
	struct tlv keypad;
	struct transport *t =
		BEGIN({.op = USB_OP_ATTACH}, {.op = USB_OP_SECURE}, {.op = USB_OP_DETACH});

	(void)state;
	assert_int_equal(open_it(t), 0);
	assert_int_equal(t->ops->secure(t, &pin, soon(), &answer), 0);
	assert_int_equal(tlv_find(buf_view(&peer.last), LINK_TAG_KEYPAD, &keypad), 0);
	assert_true(view_equal(keypad.value, VIEW(wanted)));
	assert_int_equal(answer.len, 4);
	peer_end(t, 3);
}

static void every_outcome_has_its_own_word(void **state)
{
	static const struct {
		uint8_t said;
		int opening, command, keypad;
	} rows[] = {
		{USB_GONE, TRANSPORT_GONE, TRANSPORT_GONE, TRANSPORT_GONE},
		{USB_BUSY, TRANSPORT_BUSY, TRANSPORT_BUSY, TRANSPORT_BUSY},
		{USB_NO_READER, TRANSPORT_NO_READER, TRANSPORT_NO_READER, TRANSPORT_NO_READER},
		{USB_BROKEN, TRANSPORT_BROKEN, TRANSPORT_BROKEN, TRANSPORT_BROKEN},
		{USB_CANCELLED, -EPROTO, -EPROTO, TRANSPORT_CANCELLED},
		{USB_LATE, -EPROTO, -EPROTO, TRANSPORT_LATE},
		{USB_REFUSED, -EPROTO, -EPROTO, TRANSPORT_REFUSED},
		{USB_NO_PINPAD, -EPROTO, -EPROTO, TRANSPORT_NO_PINPAD},
		{USB_LIED + 1, -EPROTO, -EPROTO, -EPROTO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(buf_done) struct buf answer = BUF_NULL(512);
		struct transport *t = BEGIN({.op = USB_OP_ATTACH, .outcome = rows[i].said});

		assert_int_equal(t->ops->open(t, READER, true, 0), rows[i].opening);
		peer_end(t, 1);
		t = BEGIN({.op = USB_OP_ATTACH},
			{.op = USB_OP_TRANSMIT, .outcome = rows[i].said},
			{.op = rows[i].command < 0 ? 0 : USB_OP_DETACH});
		assert_int_equal(open_it(t), 0);
		assert_int_equal(transmit(t, &answer), rows[i].command);
		peer_end(t, rows[i].command < 0 ? 2 : 3);
		t = BEGIN({.op = USB_OP_ATTACH}, {.op = USB_OP_SECURE, .outcome = rows[i].said},
			{.op = rows[i].keypad < 0 ? 0 : USB_OP_DETACH});
		assert_int_equal(open_it(t), 0);
		assert_int_equal(t->ops->secure(t, &pin, soon(), &answer), rows[i].keypad);
		peer_end(t, rows[i].keypad < 0 ? 2 : 3);
		assert_int_equal(answer.len, 0);
	}
}

static void a_silent_card_is_asked_for_again_at_opening(void **state)
{
	struct transport *t = BEGIN({.op = USB_OP_ATTACH, .outcome = USB_MUTE},
		{.op = USB_OP_ATTACH, .outcome = USB_LIED}, {.op = USB_OP_ATTACH},
		{.op = USB_OP_DETACH});

	(void)state;
	assert_int_equal(open_it(t), 0);
	peer_end(t, 4);
	t = BEGIN({.op = USB_OP_ATTACH, .outcome = USB_MUTE},
		{.op = USB_OP_ATTACH, .outcome = USB_MUTE},
		{.op = USB_OP_ATTACH, .outcome = USB_MUTE},
		{.op = USB_OP_ATTACH, .outcome = USB_MUTE},
		{.op = USB_OP_ATTACH, .outcome = USB_MUTE});
	/* a machine that is slow asks less often */
	assert_int_equal(open_it(t), TRANSPORT_MUTE);
	peer_end(t, peer.done);
}

/* The person is not told that the card is broken. */
static void a_reader_that_fails_is_not_a_mute_card(void **state)
{
	_cleanup_(buf_done) struct buf answer = BUF_NULL(512);
	struct transport *t =
		BEGIN({.op = USB_OP_ATTACH}, {.op = USB_OP_TRANSMIT, .outcome = USB_LIED},
			{.op = USB_OP_SECURE, .outcome = USB_LIED},
			{.op = USB_OP_TRANSMIT, .outcome = USB_FAILED}, {.op = USB_OP_DETACH});

	(void)state;
	assert_int_equal(open_it(t), 0);
	assert_int_equal(transmit(t, &answer), TRANSPORT_LIED);
	assert_int_equal(t->ops->secure(t, &pin, soon(), &answer), TRANSPORT_LIED);
	assert_int_equal(transmit(t, &answer), TRANSPORT_FAILED);
	peer_end(t, 5);
	t = BEGIN({.op = USB_OP_ATTACH, .outcome = USB_FAILED});
	assert_int_equal(open_it(t), TRANSPORT_FAILED); /* the reader is asked no more */
	peer_end(t, 1);
}

static void a_busy_slot_is_waited_for_until_the_deadline(void **state)
{
	struct transport *t = BEGIN({.op = USB_OP_ATTACH, .outcome = USB_BUSY},
		{.op = USB_OP_ATTACH, .outcome = USB_BUSY}, {.op = USB_OP_ATTACH},
		{.op = USB_OP_DETACH});

	(void)state;
	assert_int_equal(
		t->ops->open(t, READER, true, clock_monotonic() + 60 * USEC_PER_SEC), 0);
	peer_end(t, 4);
}

/* The reader knows only that nothing came back; that the card left is told a little later. */
static void a_silent_card_may_have_left(void **state)
{
	static const struct {
		uint8_t status;
		const char *hex;
		int r;
	} rows[] = {
		{USB_GONE, NULL, TRANSPORT_GONE},
		{USB_DONE, "C40400000008", TRANSPORT_GONE}, /* it was out in between */
		{USB_NO_READER, NULL, TRANSPORT_NO_READER},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(buf_done) struct buf answer = BUF_NULL(512);
		struct transport *t = BEGIN({.op = USB_OP_ATTACH},
			{.op = USB_OP_TRANSMIT, .outcome = USB_MUTE},
			{.op = USB_OP_STATUS, .outcome = rows[i].status, .hex = rows[i].hex},
			{.op = USB_OP_DETACH});

		assert_int_equal(open_it(t), 0);
		assert_int_equal(transmit(t, &answer), rows[i].r);
		peer_end(t, 4);
	}
}

/* A slow answer to STATUS: the 450 ms are over when it comes. */
static void a_silent_card_that_stays_is_mute(void **state)
{
	_cleanup_(buf_done) struct buf answer = BUF_NULL(512);
	struct transport *t =
		BEGIN({.op = USB_OP_ATTACH}, {.op = USB_OP_TRANSMIT, .outcome = USB_MUTE},
			{.op = USB_OP_STATUS, .how = SLOWLY}, {.op = USB_OP_DETACH});

	(void)state;
	assert_int_equal(open_it(t), 0);
	faster = 10;
	assert_int_equal(transmit(t, &answer), TRANSPORT_MUTE);
	faster = 1;
	peer_end(t, 4);
}

static void another_card_after_a_reset_is_gone(void **state)
{
	struct transport *t = BEGIN({.op = USB_OP_ATTACH},
		{.op = USB_OP_RESET, .hex = "C3023B00DF4E0100C40400000009"},
		{.op = USB_OP_DETACH});

	(void)state;
	assert_int_equal(open_it(t), 0);
	assert_int_equal(t->ops->reset(t, soon()), TRANSPORT_GONE);
	peer_end(t, 3);
	t = BEGIN({.op = USB_OP_ATTACH}, {.op = USB_OP_RESET, .outcome = USB_MUTE},
		{.op = USB_OP_DETACH});
	assert_int_equal(open_it(t), 0);
	assert_int_equal(t->ops->reset(t, soon()), TRANSPORT_MUTE);
	peer_end(t, 3);
}

static void bodies_that_are_none_are_faults(void **state)
{
	static const struct {
		uint8_t op;
		const char *hex;
		int r;
	} rows[] = {
		{USB_OP_ATTACH, "", -EPROTO},
		{USB_OP_ATTACH, "C300DF4E0100DF2A0100C40400000007", -EPROTO},
		{USB_OP_ATTACH, "C3023B00DF4E0102DF2A0100C40400000007", -EPROTO},
		{USB_OP_ATTACH, "C3023B00DF2A0100C40400000007", -EPROTO},
		{USB_OP_ATTACH, "C3023B00DF4E0100DF2A0100C403000007", -EPROTO},
		{USB_OP_ATTACH, "C3023B00DF4E0100C40400000007", -EPROTO},
		{USB_OP_ATTACH, "C3023B00DF4E0100DF2A0104C40400000007", -EPROTO},
		{USB_OP_ATTACH,
			"C3220000000000000000000000000000000000000000000000000000000000000000"
			"0000DF4E0100DF2A0100C40400000007",
			-EPROTO},
		{USB_OP_STATUS, "", -EPROTO},
		{USB_OP_RESET, "", -EPROTO},
		{USB_OP_TRANSMIT, "", -EPROTO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(buf_done) struct buf answer = BUF_NULL(512);
		bool opening = rows[i].op == USB_OP_ATTACH;
		struct transport *t =
			BEGIN({.op = USB_OP_ATTACH, .hex = opening ? rows[i].hex : NULL},
				{.op = opening ? 0 : rows[i].op, .hex = rows[i].hex});
		int r = open_it(t);

		if (rows[i].op == USB_OP_STATUS) {
			r = t->ops->status(t);
		} else if (rows[i].op == USB_OP_RESET) {
			r = t->ops->reset(t, soon());
		} else if (!opening) {
			r = transmit(t, &answer);
		}
		assert_int_equal(r, rows[i].r);
		/* nobody serves any more */
		assert_int_equal(t->ops->status(t), TRANSPORT_NO_SERVICE);
		assert_int_equal(t->ops->reset(t, soon()), TRANSPORT_NO_SERVICE);
		assert_int_equal(transmit(t, &answer), TRANSPORT_NO_SERVICE);
		assert_int_equal(open_it(t), TRANSPORT_NO_SERVICE);
		peer_end(t, opening ? 1 : 2);
	}
}

static void an_answer_that_is_too_long_is_broken(void **state)
{
	static char hex[2 * 300 + 16];
	_cleanup_(buf_done) struct buf answer = BUF_NULL(512);
	struct transport *t;

	(void)state;
	(void)snprintf(hex, sizeof(hex), "DF2182010A%0532d", 0); /* 266 bytes */
	t = BEGIN({.op = USB_OP_ATTACH}, {.op = USB_OP_TRANSMIT, .hex = hex},
		{.op = USB_OP_TRANSMIT}, {.op = USB_OP_DETACH});
	assert_int_equal(open_it(t), 0);
	assert_int_equal(transmit(t, &answer), TRANSPORT_BROKEN);
	assert_int_equal(answer.len, 0);
	assert_int_equal(transmit(t, &answer), 0);
	peer_end(t, 4);
}

static void frames_that_are_none_are_faults(void **state)
{
	static const enum how ways[] = {
		TALKS_NONSENSE, OTHER_OP, OTHER_SEQ, AN_EVENT, WITH_A_FILE};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct transport *t = BEGIN({.op = USB_OP_ATTACH, .how = ways[i]});

		assert_int_equal(open_it(t), -EPROTO);
		assert_int_equal(open_it(t), TRANSPORT_NO_SERVICE);
		peer_end(t, 1);
	}
}

static void a_service_that_goes_is_no_service(void **state)
{
	_cleanup_(buf_done) struct buf answer = BUF_NULL(512);
	struct transport *t =
		BEGIN({.op = USB_OP_ATTACH}, {.op = USB_OP_TRANSMIT, .how = HANGS_UP});

	(void)state;
	assert_int_equal(open_it(t), 0);
	assert_int_equal(transmit(t, &answer), TRANSPORT_NO_SERVICE);
	assert_int_equal(t->ops->status(t), TRANSPORT_NO_SERVICE);
	assert_int_equal(t->ops->unlock(t), TRANSPORT_GONE);
	t->ops->close(t, true);
	peer_end(t, 2);
	t = BEGIN({.op = USB_OP_ATTACH, .how = ANSWERS_AND_GOES});
	assert_int_equal(open_it(t), 0);
	peer_join();
	assert_int_equal(transmit(t, &answer), TRANSPORT_NO_SERVICE);
	peer_end(t, 1);
	t = BEGIN({.op = USB_OP_ATTACH}, {.op = USB_OP_DETACH, .how = HANGS_UP});
	assert_int_equal(open_it(t), 0);
	t->ops->close(t, true);
	assert_int_equal(open_it(t), TRANSPORT_NO_SERVICE);
	peer_end(t, 2);
}

static void a_late_answer_is_ended_and_the_next_one_is_good(void **state)
{
	_cleanup_(buf_done) struct buf answer = BUF_NULL(512);
	struct transport *t = BEGIN({.op = USB_OP_ATTACH},
		{.op = USB_OP_TRANSMIT, .how = SILENT, .outcome = USB_CANCELLED},
		{.op = USB_OP_STATUS, .outcome = USB_GONE}, {.op = USB_OP_TRANSMIT},
		{.op = USB_OP_DETACH});

	(void)state;
	assert_int_equal(open_it(t), 0);
	faster = 4;
	assert_int_equal(transmit(t, &answer), TRANSPORT_GONE); /* as STATUS says then */
	assert_int_equal(transmit(t, &answer), 0);
	faster = 1;
	peer_end(t, 5);
}

/* The answer and the ABORT cross: what was done is taken back by hanging up. */
static void what_is_done_when_it_is_aborted_is_taken_back(void **state)
{
	_cleanup_(buf_done) struct buf answer = BUF_NULL(512);
	struct transport *t = BEGIN({.op = USB_OP_ATTACH, .how = SILENT});

	(void)state;
	faster = 4;
	assert_int_equal(open_it(t), TRANSPORT_MUTE);
	assert_int_equal(open_it(t), TRANSPORT_NO_SERVICE);
	faster = 1;
	peer_end(t, 1);
	t = BEGIN({.op = USB_OP_ATTACH}, {.op = USB_OP_TRANSMIT, .how = SILENT});
	assert_int_equal(open_it(t), 0);
	faster = 4;
	assert_int_equal(transmit(t, &answer), TRANSPORT_MUTE);
	assert_int_equal(transmit(t, &answer), TRANSPORT_NO_SERVICE);
	faster = 1;
	peer_end(t, 2);
}

/* The old one, the new one and that again. */
static void a_person_has_time_for_each_code(void **state)
{
	static const struct transport_pin change = {.command = {verify, sizeof(verify)},
		.digits = 4,
		.new_digits = 4,
		.old_at = 0,
		.new_at = 4};
	struct transport_pin first = change;
	_cleanup_(buf_done) struct buf answer = BUF_NULL(512);
	struct transport *t = BEGIN({.op = USB_OP_ATTACH}, {.op = USB_OP_SECURE},
		{.op = USB_OP_SECURE}, {.op = USB_OP_SECURE}, {.op = USB_OP_DETACH});

	(void)state;
	first.old_at = 0xFF;
	assert_int_equal(open_it(t), 0);
	longest = 0;
	assert_int_equal(t->ops->secure(t, &pin, soon(), &answer), 0);
	assert_in_range(longest, 30 * USEC_PER_SEC, 40 * USEC_PER_SEC);
	assert_int_equal(t->ops->secure(t, &first, soon(), &answer), 0);
	assert_in_range(longest, 60 * USEC_PER_SEC, 70 * USEC_PER_SEC);
	assert_int_equal(t->ops->secure(t, &change, soon(), &answer), 0);
	assert_in_range(longest, 90 * USEC_PER_SEC, 98 * USEC_PER_SEC);
	peer_end(t, 5);
}

static void a_service_that_does_not_even_abort_is_given_up(void **state)
{
	_cleanup_(buf_done) struct buf answer = BUF_NULL(512);
	struct transport *t =
		BEGIN({.op = USB_OP_ATTACH}, {.op = USB_OP_TRANSMIT, .how = DEAD_SILENT});

	(void)state;
	assert_int_equal(open_it(t), 0);
	faster = 4;
	assert_int_equal(transmit(t, &answer), TRANSPORT_MUTE);
	assert_int_equal(transmit(t, &answer), TRANSPORT_NO_SERVICE);
	faster = 1;
	peer_end(t, 2);
}

static void without_a_socket_there_is_a_transport_that_says_so(void **state)
{
	static char lengthy[200];
	static const char *const paths[] = {"", "/nowhere/at/all", lengthy, NULL};

	(void)state;
	memset(lengthy, 'x', sizeof(lengthy) - 1);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct transport *t = NULL;
		int fd = -2;

		if (paths[i]) {
			setenv(LINK_USB_ENVIRONMENT, paths[i], 1);
		} else if (access(LINK_USB_SOCKET, F_OK) == 0) {
			continue; /* this machine has one */
		} else {
			unsetenv(LINK_USB_ENVIRONMENT);
		}
		assert_int_equal(usb_link_new(&t, &fd), 0);
		assert_int_equal(fd, -1);
		assert_int_equal(open_it(t), TRANSPORT_NO_SERVICE);
		t->ops->close(t, false);
		transport_free(t);
	}
}

static void what_the_system_does_not_give_is_a_fault(void **state)
{
	struct transport *t = NULL;
	int fd;

	(void)state;
	setenv(LINK_USB_ENVIRONMENT, "/nowhere/at/all", 1);
	no_memory = true;
	assert_int_equal(usb_link_new(&t, &fd), -ENOMEM);
	no_memory = false;
	no_socket = true;
	assert_int_equal(usb_link_new(&t, &fd), -EMFILE);
	no_socket = false;
	assert_null(t);
}

/* A command longer than any of ours does not even leave. */
static void a_command_that_does_not_fit_is_a_fault(void **state)
{
	static const uint8_t lengthy[600];
	_cleanup_(buf_done) struct buf answer = BUF_NULL(512);
	struct transport *t = BEGIN({.op = USB_OP_ATTACH});

	(void)state;
	assert_int_equal(open_it(t), 0);
	assert_int_equal(t->ops->transmit(t, VIEW(lengthy), soon(), &answer), -EMSGSIZE);
	peer_end(t, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_card_is_opened_used_reset_and_let_go),
		cmocka_unit_test(what_is_open_is_closed_before_another_is_opened),
		cmocka_unit_test(a_code_is_typed_on_the_keypad),
		cmocka_unit_test(every_outcome_has_its_own_word),
		cmocka_unit_test(a_silent_card_is_asked_for_again_at_opening),
		cmocka_unit_test(a_reader_that_fails_is_not_a_mute_card),
		cmocka_unit_test(a_busy_slot_is_waited_for_until_the_deadline),
		cmocka_unit_test(a_silent_card_may_have_left),
		cmocka_unit_test(a_silent_card_that_stays_is_mute),
		cmocka_unit_test(another_card_after_a_reset_is_gone),
		cmocka_unit_test(bodies_that_are_none_are_faults),
		cmocka_unit_test(an_answer_that_is_too_long_is_broken),
		cmocka_unit_test(frames_that_are_none_are_faults),
		cmocka_unit_test(a_service_that_goes_is_no_service),
		cmocka_unit_test(a_late_answer_is_ended_and_the_next_one_is_good),
		cmocka_unit_test(what_is_done_when_it_is_aborted_is_taken_back),
		cmocka_unit_test(a_person_has_time_for_each_code),
		cmocka_unit_test(a_service_that_does_not_even_abort_is_given_up),
		cmocka_unit_test(without_a_socket_there_is_a_transport_that_says_so),
		cmocka_unit_test(what_the_system_does_not_give_is_a_fault),
		cmocka_unit_test(a_command_that_does_not_fit_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
