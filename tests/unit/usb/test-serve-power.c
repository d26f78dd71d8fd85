/* SPDX-License-Identifier: EUPL-1.2 */
/* Nobody has a card of vitaled-usb with what the last one left in it: its power goes in between. */
#include <errno.h>
#include <unistd.h>

#include "tests/unit/usb/serve-scene.h"

static void a_card_whose_power_cannot_be_taken_is_nobody_s(void **state)
{
	int fd, user, next;

	(void)state;
	user = start_attached(&fd);
	fake_usb.refuses = -ENOMEM;
	close(user);
	turn();
	next = join();
	ask_attach(next, NAME_0);
	assert_true(silent(next));
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_NONE);
	fake_usb.refuses = 0;
	close(fd);
	fd = join(); /* what comes next tries again */
	ask_attach(fd, NAME_0);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_OFF);
	fake_end(0, 0, SLOT_DONE);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_POWER);
	close(next);
	close(fd);
}

static void a_connection_that_ends_takes_the_power_away(void **state)
{
	int fd, user;

	(void)state;
	user = start_attached(&fd);
	close(user);
	turn();
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_OFF);
	fake_end(0, 0, SLOT_DONE);
	user = attach();
	ask_transmit(user);
	close(user);
	turn();
	assert_int_equal(fake_usb.aborts, 1); /* a command that runs is ended first */
	fake_end(0, 0, SLOT_CANCELLED);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_OFF);
	fake_end(0, 0, SLOT_DONE);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_NONE);
	close(fd);
}

static void a_card_that_another_left_is_reset_first(void **state)
{
	int fd, first, second;

	(void)state;
	first = start_attached(&fd);
	ask_state(first, USB_OP_DETACH, 0);
	(void)answer(first, USB_OP_DETACH, USB_DONE);
	assert_int_equal(
		fake_slot(0, 0)->job, SLOT_JOB_NONE); /* its power goes when it stays idle */
	ask_attach(first, NAME_0);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_POWER); /* and its rights, for itself */
	fake_answer(0, 0, VIEW(atr));
	(void)answer(first, USB_OP_ATTACH, USB_DONE);
	ask_state(first, USB_OP_DETACH, 0);
	(void)answer(first, USB_OP_DETACH, USB_DONE);
	second = join();
	ask_attach(second, NAME_0);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_OFF); /* a reset is not enough */
	fake_end(0, 0, SLOT_DONE);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_POWER);
	fake_answer(0, 0, VIEW(atr));
	(void)answer(second, USB_OP_ATTACH, USB_DONE);
	close(second);
	close(first);
	close(fd);
}

/* A card that the first of the two has left, and the second wants. */
static int start_handing_over(int *ret_watch, int *ret_first)
{
	int second;

	start((uid_t)-1, false);
	*ret_watch = watch_empty();
	card(*ret_watch);
	*ret_first = attach();
	ask_state(*ret_first, USB_OP_DETACH, 0);
	(void)answer(*ret_first, USB_OP_DETACH, USB_DONE);
	second = join();
	ask_attach(second, NAME_0);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_OFF);
	return second;
}

static void who_has_a_card_that_came_meanwhile_is_its_user(void **state)
{
	int fd, first, second;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_empty();
	card(fd);
	first = join();
	ask_attach(first, NAME_0);
	fake_card(0, 0, true); /* swapped while its power comes */
	fake_answer(0, 0, VIEW(atr));
	(void)answer(first, USB_OP_ATTACH, USB_DONE);
	fake_answer(0, 0, VIEW(atr)); /* which is read anew for all */
	ask_state(first, USB_OP_DETACH, 0);
	(void)answer(first, USB_OP_DETACH, USB_DONE);
	second = join();
	ask_attach(second, NAME_0);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_OFF);
	close(second);
	close(first);
	close(fd);
}

static void nobody_has_a_card_that_kept_the_last_one_s_power(void **state)
{
	int fd, first, second;

	(void)state;
	second = start_handing_over(&fd, &first);
	fake_usb.keeps_power = true;
	fake_end(0, 0, SLOT_DONE);
	(void)answer(second, USB_OP_ATTACH, USB_BROKEN);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_OFF); /* once more */
	fake_end(0, 0, SLOT_DONE);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_NONE); /* and not for ever */
	ask_attach(first, NAME_0); /* the last one neither: it counts as off */
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_OFF);
	fake_usb.keeps_power = false;
	fake_end(0, 0, SLOT_DONE);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_POWER);
	fake_answer(0, 0, VIEW(atr));
	(void)answer(first, USB_OP_ATTACH, USB_DONE);
	close(second);
	close(first);
	close(fd);
}

static void a_power_off_that_ends_in_nothing_is_the_answer(void **state)
{
	int fd, first, second;

	(void)state;
	second = start_handing_over(&fd, &first);
	fake_end(0, 0, SLOT_MUTE);
	(void)answer(second, USB_OP_ATTACH, USB_MUTE);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_OFF);
	fake_end(0, 0, SLOT_MUTE);
	ask_attach(second, NAME_0);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_OFF);
	seq--;
	ask(second, USB_OP_ABORT, NULL);
	fake_slot(0, 0)->hot = false; /* but it is not wanted any more */
	fake_end(0, 0, SLOT_CANCELLED);
	(void)answer(second, USB_OP_ATTACH, USB_CANCELLED);
	close(second);
	close(first);
	close(fd);
}

static void a_card_that_came_meanwhile_has_nothing_of_the_last_one(void **state)
{
	int fd, first, second;

	(void)state;
	second = start_handing_over(&fd, &first);
	fake_card(0, 0, true); /* swapped; what the reader says then is of the other */
	fake_usb.keeps_power = true;
	fake_end(0, 0, SLOT_DONE);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_POWER);
	fake_answer(0, 0, VIEW(atr));
	(void)answer(second, USB_OP_ATTACH, USB_DONE);
	close(second);
	close(first);
	close(fd);
}

static void a_power_off_that_failed_is_made_up_for_before_the_next_one(void **state)
{
	static const enum slot_end ends[] = {SLOT_DONE, SLOT_MUTE, SLOT_LIED};

	int fd, user;

	(void)state;
	user = start_attached(&fd);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		fake_usb.keeps_power = true;
		ask_state(user, USB_OP_DETACH, 1);
		fake_end(0, 0, ends[i]);
		(void)answer(user, USB_OP_DETACH, USB_DONE);
		ask_attach(user, NAME_0); /* who asked for it has a card without rights, too */
		assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_OFF);
		fake_usb.keeps_power = false;
		fake_end(0, 0, SLOT_DONE);
		assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_POWER);
		fake_answer(0, 0, VIEW(atr));
		(void)answer(user, USB_OP_ATTACH, USB_DONE);
	}
	fake_usb.keeps_power = true;
	close(user);
	turn();
	fake_end(0, 0, SLOT_DONE);
	user = join();
	ask_attach(user, NAME_0);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_OFF);
	close(user);
	close(fd);
}

static void a_card_that_may_have_power_by_the_reader_s_word_is_off_before_it_is_given_back(
	void **state)
{
	int fd, user;

	(void)state;
	user = start_attached(&fd);
	fake_slot(0, 0)->active = false; /* a command that nobody answered */
	ask_state(user, USB_OP_DETACH, 1);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_OFF);
	assert_true(silent(user));
	fake_end(0, 0, SLOT_DONE);
	(void)answer(user, USB_OP_DETACH, USB_DONE);
	ask_attach(user, NAME_0);
	fake_answer(0, 0, VIEW(atr));
	(void)answer(user, USB_OP_ATTACH, USB_DONE);
	fake_slot(0, 0)->active = fake_slot(0, 0)->hot = false; /* the reader was reset */
	ask_state(user, USB_OP_DETACH, 1);
	(void)answer(user, USB_OP_DETACH, USB_DONE); /* there is nothing to wait for */
	close(user);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_card_whose_power_cannot_be_taken_is_nobody_s),
		CASE(a_connection_that_ends_takes_the_power_away),
		CASE(a_card_that_another_left_is_reset_first),
		CASE(who_has_a_card_that_came_meanwhile_is_its_user),
		CASE(nobody_has_a_card_that_kept_the_last_one_s_power),
		CASE(a_power_off_that_ends_in_nothing_is_the_answer),
		CASE(a_card_that_came_meanwhile_has_nothing_of_the_last_one),
		CASE(a_power_off_that_failed_is_made_up_for_before_the_next_one),
		CASE(a_card_that_may_have_power_by_the_reader_s_word_is_off_before_it_is_given_back),
	};

	return cmocka_run_group_tests_name("usb-serve-power", tests, NULL, NULL);
}
