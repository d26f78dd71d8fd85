/* SPDX-License-Identifier: EUPL-1.2 */
/* Readers that break, alone or with others of their device: who goes on, and what is tried anew when. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/usb/serve-scene.h"

/* -- the journal --------------------------------------------------------------------------- */

static char said[16][128]; /* what it was told of readers that broke, left or were refused */
static unsigned n_said;

void __wrap_log_msg(int priority, const char *name, const char *fmt, ...) _printf_(3, 4);

void __wrap_log_msg(int priority, const char *name, const char *fmt, ...)
{
	va_list ap;
	int n;

	(void)priority;
	if (strcmp(name, "reader-broken") != 0 && strcmp(name, "reader-left") != 0 &&
		strcmp(name, "reader-refused") != 0) {
		return;
	}
	assert_true(n_said < ARRAY_LEN(said));
	n = snprintf(said[n_said], sizeof(said[0]), "%s: ", name);
	va_start(ap, fmt);
	(void)vsnprintf(said[n_said] + n, sizeof(said[0]) - (size_t)n, fmt, ap);
	va_end(ap);
	n_said++;
}

static void assert_says(const char *what)
{
	assert_int_equal(n_said, 1);
	assert_string_equal(said[0], what);
	n_said = 0;
}

static int setup(void **state)
{
	n_said = 0;
	return scene_setup(state);
}

#define CASE_OF(name) cmocka_unit_test_setup_teardown(name, setup, scene_teardown)

/* -- one reader ---------------------------------------------------------------------------- */

static void a_broken_reader_is_told_and_tried_later(void **state)
{
	int fd, user, waits;

	(void)state;
	user = start_attached(&fd);
	waits = join();
	ask_attach(waits, NAME_0);
	behind = SERVE_BROKEN_USEC;
	fake_break(0, "reader-lied");
	(void)answer(waits, USB_OP_ATTACH, USB_GONE);
	(void)event(fd, WATCH_OP_CARD_OUT, NAME_0);
	(void)event(fd, WATCH_OP_READER_OUT, NAME_0);
	(void)event(fd, WATCH_OP_READER_OUT, NAME_1);
	turn();
	(void)event(fd, WATCH_OP_READER_IN, NAME_0);
	assert_true(fake_usb.devices[0].claimed);
	close(waits);
	close(user);
	close(fd);
}

/* -- two in a device ----------------------------------------------------------------------- */

/* One device of two readers, a card in each, known; the first one's has a user. */
static int start_two(int *ret_user)
{
	int fd;

	fake_reader(0, 0x1C34, 0xAFD0, 1, true);
	fake_interfaces(0, 2);
	start((uid_t)-1, false);
	fd = join_watch();
	ask_watch(fd, "*=usb", WATCH_SERVICE_ABSENT);
	(void)answer(fd, USB_OP_WATCH, USB_DONE);
	(void)event(fd, WATCH_OP_READER_IN, NAME_0);
	(void)event(fd, WATCH_OP_READER_IN, NAME_NEXT);
	card(fd);
	fake_card(0, FAKE_NEXT, true);
	fake_answer(0, FAKE_NEXT, VIEW(atr));
	(void)event(fd, WATCH_OP_CARD_IN, NAME_NEXT);
	(void)event(fd, WATCH_OP_LISTED, NULL);
	*ret_user = attach();
	return fd;
}

static void of_two_readers_in_a_device_one_breaks_alone(void **state)
{
	int fd, user, waits, again;

	(void)state;
	fd = start_two(&user);
	waits = join();
	ask_attach(waits, NAME_NEXT);
	fake_break_one(0, 1, "reader-lied");
	(void)answer(waits, USB_OP_ATTACH, USB_GONE);
	(void)event(fd, WATCH_OP_CARD_OUT, NAME_NEXT);
	(void)event(fd, WATCH_OP_READER_OUT, NAME_NEXT);
	ask_attach(waits, NAME_NEXT);
	(void)answer(waits, USB_OP_ATTACH, USB_NO_READER);
	ask_transmit(user); /* the other goes on */
	fake_answer(0, 0, VIEW(atr));
	(void)answer(user, USB_OP_TRANSMIT, USB_DONE);
	again = join_watch(); /* and is all that a new watch hears of */
	ask_watch(again, "*=usb", WATCH_SERVICE_ABSENT);
	(void)answer(again, USB_OP_WATCH, USB_DONE);
	(void)event(again, WATCH_OP_READER_IN, NAME_0);
	(void)event(again, WATCH_OP_CARD_IN, NAME_0);
	(void)event(again, WATCH_OP_LISTED, NULL);
	assert_true(silent(fd));
	assert_int_equal(fake_usb.devices[0].releases, 0);
	fake_break_one(0, 0, "reader-mute"); /* now it is the whole device */
	(void)event(fd, WATCH_OP_CARD_OUT, NAME_0);
	(void)event(fd, WATCH_OP_READER_OUT, NAME_0);
	assert_true(silent(fd));
	close(again);
	close(waits);
	close(user);
	close(fd);
}

static void a_device_of_which_one_reader_broke_is_left_to_who_uses_the_other(void **state)
{
	int fd, user;

	(void)state;
	fd = start_two(&user);
	behind = SERVE_BROKEN_USEC;
	fake_break_one(0, 1, "reader-lied");
	behind = 0;
	turn(); /* it would be tried now */
	assert_int_equal(fake_usb.devices[0].releases, 0);
	ask_transmit(user);
	fake_answer(0, 0, VIEW(atr));
	(void)answer(user, USB_OP_TRANSMIT, USB_DONE);
	close(user);
	close(fd);
}

static void one_that_nobody_uses_is_taken_anew(void **state)
{
	int fd, user;

	(void)state;
	fd = start_two(&user);
	close(user);
	turn();
	fake_end(0, 0, SLOT_DONE); /* its card is off */
	behind = SERVE_BROKEN_USEC;
	fake_break_one(0, 1, "reader-lied");
	behind = 0; /* at once when it is let go of, without another pause */
	(void)event(fd, WATCH_OP_CARD_OUT, NAME_NEXT);
	(void)event(fd, WATCH_OP_READER_OUT, NAME_NEXT);
	turn();
	(void)event(fd, WATCH_OP_CARD_OUT, NAME_0);
	(void)event(fd, WATCH_OP_READER_OUT, NAME_0);
	(void)event(fd, WATCH_OP_READER_IN, NAME_0);
	(void)event(fd, WATCH_OP_READER_IN, NAME_NEXT);
	assert_int_equal(fake_usb.devices[0].releases, 1);
	assert_int_equal(fake_usb.devices[0].claims, 2);
	close(fd);
}

static void the_pause_is_not_doubled_by_who_uses_the_other(void **state)
{
	int fd, user;

	(void)state;
	fd = start_two(&user);
	behind =
		SERVE_BROKEN_USEC; /* the first pause is always over at once, a longer one never */
	fake_break_one(0, 1, "reader-lied");
	turn();
	turn();
	assert_int_equal(fake_usb.devices[0].releases, 0);
	close(user);
	turn();
	fake_end(0, 0, SLOT_DONE); /* its card is off */
	turn();
	assert_int_equal(fake_usb.devices[0].releases, 1);
	assert_int_equal(fake_usb.devices[0].claims, 2);
	fake_break_one(0, 1, "reader-lied"); /* but by an attempt that did not help */
	turn();
	assert_int_equal(fake_usb.devices[0].releases, 1);
	close(fd);
}

static void who_waits_for_the_other_uses_it(void **state)
{
	int fd, user, waits;

	(void)state;
	fd = start_two(&user);
	fake_usb.refuses = -ENOMEM; /* the power of the last one's card does not go */
	close(user);
	turn();
	waits = join();
	ask_attach(waits, NAME_0);
	assert_true(silent(waits));
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_NONE);
	behind = SERVE_BROKEN_USEC;
	fake_break_one(0, 1, "reader-lied");
	turn();
	assert_int_equal(fake_usb.devices[0].releases, 0);
	close(waits);
	turn();
	assert_int_equal(fake_usb.devices[0].releases, 1);
	close(fd);
}

static void a_job_in_the_other_is_waited_for(void **state)
{
	int fd, user;

	(void)state;
	fd = start_two(&user);
	close(user);
	turn();
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_OFF); /* of one who left */
	behind = SERVE_BROKEN_USEC;
	fake_break_one(0, 1, "reader-lied");
	turn();
	assert_int_equal(fake_usb.devices[0].releases, 0);
	fake_card(0, 0, true); /* and a card that was just put in */
	fake_end(0, 0, SLOT_DONE);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_POWER);
	turn();
	assert_int_equal(fake_usb.devices[0].releases, 0);
	fake_answer(0, 0, VIEW(atr));
	turn();
	assert_int_equal(fake_usb.devices[0].releases, 1);
	close(fd);
}

static void a_device_taken_anew_waits_until_it_is_let_go_of(void **state)
{
	int fd, user;

	(void)state;
	fd = start_two(&user);
	close(user);
	turn();
	fake_end(0, 0, SLOT_DONE);
	fake_usb.devices[0].lingers = true;
	behind = SERVE_BROKEN_USEC;
	fake_break_one(0, 1, "reader-lied");
	turn();
	assert_int_equal(fake_usb.devices[0].releases, 1);
	behind = 0;
	turn();
	assert_true(fake_usb.devices[0].early > 0);
	assert_int_equal(fake_usb.devices[0].claims, 1);
	fake_close(0);
	assert_int_equal(fake_usb.devices[0].claims, 2);
	assert_true(fake_usb.devices[0].claimed);
	close(fd);
}

/* -- one that breaks again and again ------------------------------------------------------- */

/* Two readers that nobody uses. */
static int start_idle(void)
{
	int user;
	int fd = start_two(&user);

	close(user);
	turn();
	fake_end(0, 0, SLOT_DONE);
	return fd;
}

/* The @n-th pause in a row is over, and none that is longer. */
static void pause_of(unsigned n)
{
	behind = SERVE_BROKEN_USEC;
	while (--n > 0) {
		behind *= 2;
	}
}

/* Reader @i breaks so often in a row as it is tried anew; the next pause has begun. */
static void break_often(size_t i)
{
	unsigned before = fake_usb.devices[0].claims;

	for (unsigned n = 1; n <= SERVE_ANEW_MAX; n++) {
		pause_of(n);
		fake_break_one(0, i, "reader-lied");
		pause_of(n + 1);
		turn();
		assert_int_equal(fake_usb.devices[0].claims, before + n);
	}
}

/* ... and once more. */
static void wear_out(size_t i)
{
	unsigned before;

	break_often(i);
	before = fake_usb.devices[0].claims;
	fake_break_one(0, i, "reader-lied");
	turn();
	assert_int_equal(fake_usb.devices[0].claims, before);
}

static void one_that_breaks_ever_again_costs_the_other_no_more(void **state)
{
	int fd, second, user;

	(void)state;
	fd = start_idle();
	wear_out(1);
	assert_true(fake_usb.devices[0].claimed);
	assert_false(fake_usb.devices[0].machines[0].broken);
	second = join_watch();
	ask_watch(second, "*=usb", WATCH_SERVICE_ABSENT); /* the same rules */
	(void)answer(second, USB_OP_WATCH, USB_DONE);
	turn();
	fake_card(0, 0, true);
	fake_answer(0, 0, VIEW(atr));
	user = attach(); /* the good one works */
	assert_int_equal(fake_usb.devices[0].claims, 1 + SERVE_ANEW_MAX);
	close(user);
	close(second);
	close(fd);
}

static void a_device_of_which_all_broke_is_always_tried_again(void **state)
{
	int fd;

	(void)state;
	fd = start_idle();
	wear_out(1);
	fake_break_one(0, 0, "reader-mute");
	pause_of(SERVE_ANEW_MAX + 2);
	turn();
	assert_int_equal(fake_usb.devices[0].claims, 2 + SERVE_ANEW_MAX);
	fake_break_one(0, 1, "reader-lied"); /* which helped the good one */
	turn();
	assert_int_equal(fake_usb.devices[0].claims, 2 + SERVE_ANEW_MAX);
	close(fd);
}

static void a_reader_alone_in_its_device_is_always_tried_again(void **state)
{
	int fd;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_empty();
	for (unsigned n = 1; n <= SERVE_ANEW_MAX + 2; n++) {
		pause_of(n);
		fake_break(0, "reader-lied");
		pause_of(n + 1);
		turn();
		assert_int_equal(fake_usb.devices[0].claims, 1 + n);
	}
	close(fd);
}

/* Rules that do not want the readers, and then do. */
static void give_back_and_take(void)
{
	int a = join_watch(), b = join_watch();

	ask_watch(a, "*=pcsc", WATCH_SERVICE_ABSENT);
	ask_watch(b, "*=usb", WATCH_SERVICE_ABSENT);
	assert_true(fake_usb.devices[0].claimed);
	close(a);
	close(b);
	turn();
}

static void a_reader_that_was_given_back_and_taken_has_not_failed(void **state)
{
	int fd;

	(void)state;
	fd = start_idle();
	pause_of(1);
	give_back_and_take();
	fake_break(0, "reader-lied");
	pause_of(2);
	turn();
	assert_int_equal(fake_usb.devices[0].claims, 3);
	give_back_and_take();
	fake_break(0, "reader-lied"); /* the second time in a row */
	turn();
	assert_int_equal(fake_usb.devices[0].claims, 5);
	close(fd);
}

static void other_rules_give_it_another_chance(void **state)
{
	int fd, second;

	(void)state;
	fd = start_idle();
	wear_out(1);
	pause_of(SERVE_ANEW_MAX + 2);
	second = join_watch();
	ask_watch(second, "1c34:afd0=usb", WATCH_SERVICE_ABSENT);
	turn();
	assert_int_equal(fake_usb.devices[0].claims, 2 + SERVE_ANEW_MAX);
	fake_break_one(0, 1, "reader-lied"); /* and not only one */
	turn();
	assert_int_equal(fake_usb.devices[0].claims, 3 + SERVE_ANEW_MAX);
	close(second);
	close(fd);
}

static void other_rules_disturb_no_reader_that_is_whole(void **state)
{
	int fd, second;

	(void)state;
	fd = start_idle();
	behind = SERVE_BROKEN_USEC;
	second = join_watch();
	ask_watch(second, "1c34:afd0=usb", WATCH_SERVICE_ABSENT);
	turn();
	assert_int_equal(fake_usb.devices[0].releases, 0);
	close(second);
	close(fd);
}

static void a_new_plug_gives_it_another_chance(void **state)
{
	int fd;

	(void)state;
	fd = start_idle();
	wear_out(1);
	fake_unplug(0);
	behind = 0;
	fake_plug(0);
	assert_int_equal(fake_usb.devices[0].claims, 2 + SERVE_ANEW_MAX);
	fake_usb.devices[0].claims = 0;
	wear_out(1);
	close(fd);
}

static void one_that_served_long_begins_anew(void **state)
{
	int fd;

	(void)state;
	fd = start_idle();
	break_often(1);
	fake_break(0, "reader-lied");
	behind += SERVE_GOOD_USEC; /* all of it is taken then */
	turn();
	assert_int_equal(fake_usb.devices[0].claims, 2 + SERVE_ANEW_MAX);
	behind -= SERVE_GOOD_USEC; /* and has served so long now */
	n_said = 0;
	fake_break_one(0, 1, "reader-lied");
	assert_says(
		"reader-broken: 1c34:afd0 at 1-1, interface 1: reader-lied"); /* anew, too */
	turn();
	assert_int_equal(fake_usb.devices[0].claims, 3 + SERVE_ANEW_MAX);
	close(fd);
}

/* -- what is said -------------------------------------------------------------------------- */

static void each_interface_that_breaks_is_named(void **state)
{
	int fd;

	(void)state;
	fd = start_idle();
	pause_of(1);
	fake_break_one(0, 1, "reader-lied");
	assert_says("reader-broken: 1c34:afd0 at 1-1, interface 1: reader-lied");
	fake_break_one(0, 0, "reader-lied");
	assert_says("reader-broken: 1c34:afd0 at 1-1, interface 0: reader-lied");
	pause_of(2);
	turn();
	assert_int_equal(fake_usb.devices[0].claims, 2);
	fake_break_one(0, 0, "reader-lied"); /* two that break are one attempt that failed */
	fake_break_one(0, 1, "reader-lied");
	assert_int_equal(n_said, 0); /* which is no news */
	pause_of(3);
	turn();
	assert_int_equal(fake_usb.devices[0].claims, 3);
	fake_break_one(0, 1, "reader-mute");
	assert_says("reader-broken: 1c34:afd0 at 1-1, interface 1: reader-mute");
	fake_break_one(0, 1, "reader-mute");
	assert_int_equal(n_said, 0);
	close(fd);
}

static void a_device_that_leaves_is_named_once(void **state)
{
	int fd;

	(void)state;
	fd = start_idle();
	fake_unplug(0);
	assert_says("reader-left: 1c34:afd0 at 1-1");
	close(fd);
}

static void what_was_said_of_the_device_makes_its_interfaces_news(void **state)
{
	int fd;

	(void)state;
	fd = start_idle();
	pause_of(1);
	fake_usb.devices[0].answer = USB_VANISHED;
	fake_break(0, "reader-lied");
	assert_int_equal(n_said, 2);
	n_said = 0;
	turn();
	assert_says("reader-left: 1c34:afd0 at 1-1");
	fake_usb.devices[0].answer = 0;
	close(fd);
	turn();
	fd = join_watch();
	ask_watch(fd, "*=usb", WATCH_SERVICE_ABSENT);
	assert_true(fake_usb.devices[0].claimed);
	fake_break_one(0, 1, "reader-lied");
	assert_says("reader-broken: 1c34:afd0 at 1-1, interface 1: reader-lied");
	fake_unplug(0); /* and the other way round */
	assert_says("reader-left: 1c34:afd0 at 1-1");
	close(fd);
}

/* One can have 8 slots and no more (descriptor.h); here they have more, so that few are enough. */
static void what_would_bring_too_many_slots_waits_until_another_leaves(void **state)
{
	int fd;

	(void)state;
	fake_reader(1, 0x1C34, 0xAFD0, 16, true);
	fake_reader(2, 0x1C34, 0xAFD0, SERVE_SLOTS_MAX - 2 - 16, true);
	fake_reader(3, 0x1C34, 0xAFD0, 1, true);
	fake_plug(1);
	fake_plug(2);
	start((uid_t)-1, false);
	fd = join_watch();
	ask_watch(fd, "*=usb", WATCH_SERVICE_ABSENT);
	assert_true(fake_usb.devices[1].claimed && fake_usb.devices[2].claimed);
	behind = SERVE_RETRY_LAST_USEC;
	fake_plug(3);
	turn();
	assert_says("reader-refused: 1c34:afd0 at 1-4: too-many-slots");
	assert_int_equal(fake_usb.devices[3].claims, 0);
	fake_unplug(1);
	assert_says("reader-left: 1c34:afd0 at 1-2");
	turn();
	assert_true(fake_usb.devices[3].claimed);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE_OF(a_broken_reader_is_told_and_tried_later),
		CASE_OF(of_two_readers_in_a_device_one_breaks_alone),
		CASE_OF(a_device_of_which_one_reader_broke_is_left_to_who_uses_the_other),
		CASE_OF(one_that_nobody_uses_is_taken_anew),
		CASE_OF(the_pause_is_not_doubled_by_who_uses_the_other),
		CASE_OF(who_waits_for_the_other_uses_it),
		CASE_OF(a_job_in_the_other_is_waited_for),
		CASE_OF(a_device_taken_anew_waits_until_it_is_let_go_of),
		CASE_OF(one_that_breaks_ever_again_costs_the_other_no_more),
		CASE_OF(a_device_of_which_all_broke_is_always_tried_again),
		CASE_OF(a_reader_alone_in_its_device_is_always_tried_again),
		CASE_OF(a_reader_that_was_given_back_and_taken_has_not_failed),
		CASE_OF(other_rules_give_it_another_chance),
		CASE_OF(other_rules_disturb_no_reader_that_is_whole),
		CASE_OF(a_new_plug_gives_it_another_chance),
		CASE_OF(one_that_served_long_begins_anew),
		CASE_OF(each_interface_that_breaks_is_named),
		CASE_OF(a_device_that_leaves_is_named_once),
		CASE_OF(what_was_said_of_the_device_makes_its_interfaces_news),
		CASE_OF(what_would_bring_too_many_slots_waits_until_another_leaves),
	};

	return cmocka_run_group_tests_name("usb-serve-broken", tests, NULL, NULL);
}
