/* SPDX-License-Identifier: EUPL-1.2 */
/* What a connection that has a slot of vitaled-usb may do with its card, and what it may not. */
#include <errno.h>
#include <unistd.h>

#include "tests/unit/usb/serve-scene.h"

/* -- slots --------------------------------------------------------------------------------- */

static void a_card_is_attached_and_works(void **state)
{
	static const uint8_t ok[] = {0x90, 0x00};
	struct link_frame f;
	struct tlv data;
	uint8_t pinpad = 0;
	int fd, user;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_empty();
	card(fd);
	user = join();
	fake_slot(0, 0)->parameters.protocol = 1;
	ask_attach(user, NAME_0);
	fake_answer(0, 0, VIEW(atr));
	f = answer(user, USB_OP_ATTACH, USB_DONE);
	assert_int_equal(tlv_find(f.body, LINK_TAG_ATR, &data), 0);
	assert_true(view_equal(data.value, VIEW(atr)));
	assert_int_equal(tlv_find_u8(f.body, LINK_TAG_PINPAD, &pinpad), 0);
	assert_int_equal(pinpad, CARD_PINPAD_VERIFY | CARD_PINPAD_MODIFY);
	assert_int_equal(tlv_find_u8(f.body, LINK_TAG_PROTOCOL, &pinpad), 0);
	assert_int_equal(pinpad, 1);
	assert_int_equal(number(&f, LINK_TAG_EVENTS), 2);
	ask_transmit(user);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_TRANSMIT);
	assert_int_equal(fake_usb.command.len, 5);
	fake_answer(0, 0, VIEW(ok));
	f = answer(user, USB_OP_TRANSMIT, USB_DONE);
	assert_int_equal(tlv_find(f.body, LINK_TAG_DATA, &data), 0);
	assert_true(view_equal(data.value, VIEW(ok)));
	ask(user, USB_OP_STATUS, NULL);
	f = answer(user, USB_OP_STATUS, USB_DONE);
	assert_int_equal(number(&f, LINK_TAG_EVENTS), 2);
	ask(user, USB_OP_RESET, NULL);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_RESET);
	fake_answer(0, 0, VIEW(atr));
	f = answer(user, USB_OP_RESET, USB_DONE);
	assert_int_equal(tlv_find(f.body, LINK_TAG_PINPAD, &data), TLV_ABSENT);
	ask(user, USB_OP_STATUS, NULL);
	(void)answer(user, USB_OP_STATUS, USB_DONE); /* the reset was its own */
	ask_state(user, USB_OP_DETACH, 1);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_OFF);
	assert_true(silent(user)); /* not before the power is gone */
	fake_end(0, 0, SLOT_DONE);
	(void)answer(user, USB_OP_DETACH, USB_DONE);
	assert_true(silent(fd));
	close(user);
	close(fd);
}

static void every_end_of_a_job_has_its_outcome(void **state)
{
	static const struct {
		enum slot_end end;
		enum usb_outcome outcome;
	} ends[] = {{SLOT_EMPTY, USB_GONE}, {SLOT_MUTE, USB_MUTE}, {SLOT_BROKEN, USB_BROKEN},
		{SLOT_LIED, USB_LIED}, {SLOT_UNPOWERED, USB_GONE},
		/* no keypad was asked */
		{SLOT_CANCELLED, USB_LIED}, {SLOT_LATE, USB_LIED}, {SLOT_REFUSED, USB_LIED},
		{SLOT_NO_KEYPAD, USB_LIED}, {SLOT_UNABLE, USB_BROKEN},
		{SLOT_FAILED, USB_FAILED}, {SLOT_UNPLUGGED, USB_GONE}};

	int fd, user;

	(void)state;
	user = start_attached(&fd);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		ask_transmit(user);
		fake_end(0, 0, ends[i].end);
		(void)answer(user, USB_OP_TRANSMIT, (uint8_t)ends[i].outcome);
		ask(user, USB_OP_RESET, NULL);
		fake_end(0, 0, ends[i].end);
		(void)answer(user, USB_OP_RESET, (uint8_t)ends[i].outcome);
		ask(user, USB_OP_RESET, NULL); /* and works again */
		fake_answer(0, 0, VIEW(atr));
		(void)answer(user, USB_OP_RESET, USB_DONE);
	}
	close(user);
	close(fd);
}

static void only_a_keypad_that_was_asked_has_a_say(void **state)
{
	static const uint8_t command[] = {0x00, 0x20, 0x00, 0x01, 0x04, 0xFF, 0xFF, 0xFF, 0xFF};
	static const uint8_t keypad[] = {4, 0, 0, 0};

	static const struct {
		enum slot_end end;
		enum usb_outcome outcome;
	} ends[] = {{SLOT_CANCELLED, USB_CANCELLED}, {SLOT_LATE, USB_LATE},
		{SLOT_REFUSED, USB_REFUSED}, {SLOT_NO_KEYPAD, USB_NO_PINPAD}};
	_cleanup_(buf_done) struct buf body = BUF_NULL(256);
	int fd, user;

	(void)state;
	user = start_attached(&fd);
	tlv_put(&body, LINK_TAG_DATA, VIEW(command));
	tlv_put(&body, LINK_TAG_KEYPAD, VIEW(keypad));
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		ask(user, USB_OP_SECURE, &body);
		fake_end(0, 0, ends[i].end);
		(void)answer(user, USB_OP_SECURE, (uint8_t)ends[i].outcome);
	}
	ask_state(user, USB_OP_DETACH, 1);
	fake_end(0, 0, SLOT_DONE);
	(void)answer(user, USB_OP_DETACH, USB_DONE);
	ask_attach(user, NAME_0);
	fake_end(0, 0, SLOT_REFUSED);
	(void)answer(user, USB_OP_ATTACH, USB_BROKEN);
	close(user);
	close(fd);
}

static void a_card_that_bounces_while_it_is_read_is_read_anew(void **state)
{
	struct link_frame f;
	uint8_t mute;
	int fd;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_empty();
	fake_card(0, 0, true);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_POWER);
		fake_slot(0, 0)->powers++;
		fake_end(0, 0, SLOT_UNPOWERED);
		assert_true(silent(fd));
	}
	fake_slot(0, 0)->powers++;
	fake_end(0, 0, SLOT_UNPOWERED); /* not for ever */
	f = event(fd, WATCH_OP_CARD_IN, NAME_0);
	assert_int_equal(tlv_find_u8(f.body, LINK_TAG_STATE, &mute), 0);
	close(fd);
}

static void the_keypad_is_told_what_to_complete(void **state)
{
	static const uint8_t command[] = {0x00, 0x20, 0x00, 0x01, 0x04, 0xFF, 0xFF, 0xFF, 0xFF};
	static const uint8_t keypad[] = {4, 5, 6, 7};
	_cleanup_(buf_done) struct buf body = BUF_NULL(256);
	int fd, user;

	(void)state;
	user = start_attached(&fd);
	tlv_put(&body, LINK_TAG_DATA, VIEW(command));
	tlv_put(&body, LINK_TAG_KEYPAD, VIEW(keypad));
	ask(user, USB_OP_SECURE, &body);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_SECURE);
	assert_true(fake_usb.pin.digits == 4 && fake_usb.pin.new_digits == 5 &&
		    fake_usb.pin.old_at == 6 && fake_usb.pin.new_at == 7);
	fake_end(0, 0, SLOT_LATE);
	(void)answer(user, USB_OP_SECURE, USB_LATE);
	fake_usb.refuses = -ENOMEM;
	ask(user, USB_OP_SECURE, &body);
	(void)answer(user, USB_OP_SECURE, USB_FAILED);
	fake_card(0, 0, false);
	ask(user, USB_OP_SECURE, &body);
	(void)answer(user, USB_OP_SECURE, USB_GONE);
	close(user);
	close(fd);
}

static void no_command_reaches_another_card(void **state)
{
	unsigned jobs;
	int fd, user;

	(void)state;
	user = start_attached(&fd);
	fake_card(0, 0, true);	      /* swapped */
	fake_answer(0, 0, VIEW(atr)); /* and known: it has power */
	jobs = fake_usb.jobs;
	ask_transmit(user);
	(void)answer(user, USB_OP_TRANSMIT, USB_GONE);
	ask(user, USB_OP_RESET, NULL);
	(void)answer(user, USB_OP_RESET, USB_GONE);
	ask(user, USB_OP_STATUS, NULL);
	(void)answer(user, USB_OP_STATUS, USB_GONE);
	assert_int_equal(fake_usb.jobs, jobs);
	close(user);
	close(fd);
}

static void a_card_that_lost_its_power_is_gone_until_it_is_reset(void **state)
{
	int fd, user;

	(void)state;
	user = start_attached(&fd);
	fake_slot(0, 0)->powers++;
	ask_transmit(user);
	(void)answer(user, USB_OP_TRANSMIT, USB_GONE);
	ask(user, USB_OP_STATUS, NULL);
	(void)answer(user, USB_OP_STATUS, USB_GONE);
	ask(user, USB_OP_RESET, NULL);
	fake_answer(0, 0, VIEW(atr));
	(void)answer(user, USB_OP_RESET, USB_DONE);
	ask_transmit(user);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_TRANSMIT);
	close(user);
	close(fd);
}

static void a_slot_has_one_user_and_the_next_one_waits(void **state)
{
	int fd, first, second;

	(void)state;
	first = start_attached(&fd);
	second = join();
	ask_attach(second, NAME_0);
	assert_true(silent(second));
	close(first);
	turn();
	fake_end(0, 0, SLOT_DONE); /* off */
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_POWER);
	fake_answer(0, 0, VIEW(atr));
	(void)answer(second, USB_OP_ATTACH, USB_DONE);
	behind = SERVE_WAIT_USEC; /* it waits no longer */
	first = join();
	ask_attach(first, NAME_0);
	(void)answer(first, USB_OP_ATTACH, USB_BUSY);
	close(first);
	close(second);
	close(fd);
}

static void an_attach_that_fails_leaves_the_slot_to_others(void **state)
{
	int fd, user;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_empty();
	user = join();
	ask_attach(user, NAME_0);
	(void)answer(user, USB_OP_ATTACH, USB_GONE); /* no card */
	ask_attach(user, "no such reader");
	(void)answer(user, USB_OP_ATTACH, USB_NO_READER);
	card(fd);
	ask_attach(user, NAME_0);
	fake_end(0, 0, SLOT_MUTE);
	(void)answer(user, USB_OP_ATTACH, USB_MUTE);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_OFF);
	fake_end(0, 0, SLOT_DONE);
	fake_usb.refuses = -ENOMEM;
	ask_attach(user, NAME_0);
	(void)answer(user, USB_OP_ATTACH, USB_FAILED);
	fake_usb.refuses = 0;
	close(user);
	user = attach();
	fake_usb.refuses = -ENOMEM;
	ask_transmit(user);
	(void)answer(user, USB_OP_TRANSMIT, USB_FAILED);
	ask(user, USB_OP_RESET, NULL);
	(void)answer(user, USB_OP_RESET, USB_FAILED);
	ask_state(
		user, USB_OP_DETACH, 1); /* nothing can be sent: it has it back all the same */
	(void)answer(user, USB_OP_DETACH, USB_DONE);
	close(user);
	close(fd);
}

static void an_attach_waits_until_the_card_is_known(void **state)
{
	int fd, user;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_empty();
	fake_card(0, 0, true);
	user = join();
	ask_attach(user, NAME_0);
	assert_true(silent(user));
	fake_answer(0, 0, VIEW(atr));
	(void)event(fd, WATCH_OP_CARD_IN, NAME_0);
	fake_answer(0, 0, VIEW(atr));
	(void)answer(user, USB_OP_ATTACH, USB_DONE);
	/* a card that comes for it while it attaches is told as well */
	fake_card(0, 0, false);
	(void)event(fd, WATCH_OP_CARD_OUT, NAME_0);
	fake_card(0, 0, true);
	ask_state(user, USB_OP_DETACH, 1);
	(void)answer(user, USB_OP_DETACH, USB_DONE);
	fake_answer(0, 0, VIEW(atr));
	(void)event(fd, WATCH_OP_CARD_IN, NAME_0);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_OFF);
	close(user);
	close(fd);
}

static void what_runs_or_waits_is_aborted(void **state)
{
	int fd, user, second;

	(void)state;
	user = start_attached(&fd);
	ask(user, USB_OP_ABORT, NULL); /* nothing runs */
	assert_true(silent(user));
	assert_int_equal(fake_usb.aborts, 0);
	ask_transmit(user);
	seq--; /* an abort has no answer */
	ask(user, USB_OP_ABORT, NULL);
	assert_int_equal(fake_usb.aborts, 1);
	fake_end(0, 0, SLOT_CANCELLED);
	(void)answer(user, USB_OP_TRANSMIT, USB_CANCELLED);
	second = join();
	ask_attach(second, NAME_0);
	seq--;
	ask(second, USB_OP_ABORT, NULL);
	(void)answer(second, USB_OP_ATTACH, USB_CANCELLED);
	close(second);
	close(user);
	close(fd);
}

static void a_reader_without_interrupts_is_asked_for_its_status(void **state)
{
	int fd, user;

	(void)state;
	fake_reader(0, 0x1C34, 0xAFD0, 2, false);
	user = start_attached(&fd);
	ask(user, USB_OP_STATUS, NULL);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_STATUS);
	fake_card(0, 0, false);
	fake_end(0, 0, SLOT_EMPTY);
	(void)answer(user, USB_OP_STATUS, USB_GONE);
	close(user);
	close(fd);
}

static void an_answer_that_no_frame_carries_has_failed(void **state)
{
	static uint8_t lengthy[SLOT_ANSWER_MAX];
	int fd, user;

	(void)state;
	user = start_attached(&fd);
	ask_transmit(user);
	fake_answer(0, 0, VIEW(lengthy));
	(void)answer(user, USB_OP_TRANSMIT, USB_FAILED);
	close(user);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_card_is_attached_and_works),
		CASE(every_end_of_a_job_has_its_outcome),
		CASE(only_a_keypad_that_was_asked_has_a_say),
		CASE(a_card_that_bounces_while_it_is_read_is_read_anew),
		CASE(the_keypad_is_told_what_to_complete),
		CASE(no_command_reaches_another_card),
		CASE(a_card_that_lost_its_power_is_gone_until_it_is_reset),
		CASE(a_slot_has_one_user_and_the_next_one_waits),
		CASE(an_attach_that_fails_leaves_the_slot_to_others),
		CASE(an_attach_waits_until_the_card_is_known),
		CASE(what_runs_or_waits_is_aborted),
		CASE(a_reader_without_interrupts_is_asked_for_its_status),
		CASE(an_answer_that_no_frame_carries_has_failed),
	};

	return cmocka_run_group_tests_name("usb-serve-slots", tests, NULL, NULL);
}
