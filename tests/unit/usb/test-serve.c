/* SPDX-License-Identifier: EUPL-1.2 */
/* What the private socket of vitaled-usb tells a watch, whose readers are whose, and how it ends. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/usb/serve-scene.h"

/* -- watches ------------------------------------------------------------------------------- */

static void nothing_is_touched_before_a_watch_has_said_the_rules(void **state)
{
	int fd;

	(void)state;
	start((uid_t)-1, false);
	assert_int_equal(fake_usb.devices[0].claims, 0);
	fd = watch();
	assert_int_equal(fake_usb.devices[0].claims, 1);
	assert_true(fake_usb.devices[0].claimed);
	assert_true(fake_usb.devices[0].machines[0].watched);
	assert_true(silent(fd)); /* nothing is known of the slots: the list is not complete */
	close(fd);
}

static void the_list_is_complete_when_every_slot_is_known(void **state)
{
	struct link_frame f;
	int fd, late;

	(void)state;
	start((uid_t)-1, false);
	fd = watch();
	fake_card(0, 0, false);
	assert_true(silent(fd));
	fake_card(0, 1, true);
	assert_true(silent(fd)); /* its ATR is not */
	fake_answer(0, 1, VIEW(atr));
	f = event(fd, WATCH_OP_CARD_IN, NAME_1);
	assert_int_equal(number(&f, LINK_TAG_EVENTS), 1);
	(void)event(fd, WATCH_OP_LISTED, NULL);
	assert_int_equal(fake_usb.idles, 1);

	late = join_watch(); /* one that comes now is told all at once */
	ask_watch(late, "*=usb", WATCH_SERVICE_ABSENT);
	(void)answer(late, USB_OP_WATCH, USB_DONE);
	(void)event(late, WATCH_OP_READER_IN, NAME_0);
	(void)event(late, WATCH_OP_READER_IN, NAME_1);
	(void)event(late, WATCH_OP_CARD_IN, NAME_1);
	(void)event(late, WATCH_OP_LISTED, NULL);
	assert_true(silent(fd) && silent(late));
	close(fd);
	close(late);
}

static void a_reader_that_says_nothing_does_not_keep_the_list_back_for_ever(void **state)
{
	int fd;

	(void)state;
	start((uid_t)-1, false);
	behind = SERVE_LIST_USEC;
	fd = watch();
	(void)event(fd, WATCH_OP_LISTED, NULL);
	close(fd);
}

static void a_mute_card_is_told_and_told_anew_when_it_speaks(void **state)
{
	struct link_frame f;
	uint8_t mute = 0;
	int fd, user;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_empty();
	fake_card(0, 0, true);
	fake_end(0, 0, SLOT_MUTE);
	f = event(fd, WATCH_OP_CARD_IN, NAME_0);
	assert_int_equal(tlv_find_u8(f.body, LINK_TAG_STATE, &mute), 0);
	assert_int_equal(mute, 1);
	user = attach();
	(void)event(fd, WATCH_OP_CARD_OUT, NAME_0);
	f = event(fd, WATCH_OP_CARD_IN, NAME_0);
	assert_int_equal(tlv_find_u8(f.body, LINK_TAG_STATE, &mute), TLV_ABSENT);
	close(user);
	close(fd);
}

static void a_card_swapped_unseen_is_out_and_in(void **state)
{
	struct link_frame f;
	int fd;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_empty();
	card(fd);
	fake_card(0, 0, true);
	f = event(fd, WATCH_OP_CARD_OUT, NAME_0);
	assert_int_equal(number(&f, LINK_TAG_EVENTS), 3);
	fake_answer(0, 0, VIEW(atr));
	f = event(fd, WATCH_OP_CARD_IN, NAME_0);
	assert_int_equal(number(&f, LINK_TAG_EVENTS), 4);
	fake_card(0, 0, true); /* and once more, while its ATR is read */
	(void)event(fd, WATCH_OP_CARD_OUT, NAME_0);
	fake_card(0, 0, false);
	fake_end(0, 0, SLOT_EMPTY);
	assert_true(silent(fd));
	close(fd);
}

static void a_watch_is_answered_and_looks(void **state)
{
	int fd;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_empty();
	ask(fd, USB_OP_PING, NULL);
	(void)answer(fd, USB_OP_PING, USB_DONE);
	ask_state(fd, USB_OP_LOOK, WATCH_SERVICE_RUNNING);
	(void)answer(fd, USB_OP_LOOK, USB_DONE);
	ask_state(fd, USB_OP_LOOK, 4);
	assert_true(closed(fd));
	close(fd);
}

/* -- whose a reader is --------------------------------------------------------------------- */

static int watch_with(const char *rules, uint8_t pcscd)
{
	int fd = join_watch();

	ask_watch(fd, rules, pcscd);
	(void)answer(fd, USB_OP_WATCH, USB_DONE);
	return fd;
}

static void a_reader_of_pcscd_is_never_touched(void **state)
{
	int fd;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_with("1c34:afd0=pcsc", WATCH_SERVICE_ABSENT);
	assert_int_equal(fake_usb.devices[0].claims, 0);
	(void)event(fd, WATCH_OP_LISTED, NULL);
	ask_state(fd, USB_OP_LOOK, WATCH_SERVICE_STOPPED);
	assert_int_equal(fake_usb.devices[0].claims, 0);
	close(fd);
}

static void rules_that_change_give_a_reader_back(void **state)
{
	int fd, second;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_empty();
	card(fd);
	second = watch_with("*=pcsc", WATCH_SERVICE_RUNNING);
	assert_int_equal(fake_usb.devices[0].releases, 1);
	(void)event(fd, WATCH_OP_CARD_OUT, NAME_0);
	(void)event(fd, WATCH_OP_READER_OUT, NAME_0);
	(void)event(fd, WATCH_OP_READER_OUT, NAME_1);
	(void)event(second, WATCH_OP_LISTED, NULL);
	close(fd);
	close(second);
}

static void auto_waits_for_pcscd_where_there_is_one(void **state)
{
	int fd;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_with("*=auto", WATCH_SERVICE_RUNNING);
	assert_int_equal(fake_usb.devices[0].claims, 0);
	close(fd);
	turn();
	behind = SERVE_GRACE_USEC;
	fake_usb.devices[0].answer = USB_HELD;
	fd = watch_with("*=auto", WATCH_SERVICE_RUNNING);
	turn();
	assert_int_equal(fake_usb.devices[0].claims, 1); /* pcscd's, and not tried again */
	behind = 0;
	fake_usb.devices[0].answer = 0;
	ask_state(fd, USB_OP_LOOK, WATCH_SERVICE_ABSENT); /* but for this */
	assert_int_equal(fake_usb.devices[0].claims, 2);
	assert_true(fake_usb.devices[0].claimed);
	close(fd);
}

static void a_pcscd_that_is_restarted_keeps_its_readers(void **state)
{
	int fd;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_with("*=auto", WATCH_SERVICE_RUNNING);
	behind = SERVE_GRACE_USEC; /* would be over at once, if that were all */
	ask_state(fd, USB_OP_LOOK, WATCH_SERVICE_STOPPED);
	(void)answer(fd, USB_OP_LOOK, USB_DONE);
	turn();
	assert_int_equal(fake_usb.devices[0].claims, 0);
	behind = 0;
	ask_state(fd, USB_OP_LOOK, WATCH_SERVICE_RUNNING);
	(void)answer(fd, USB_OP_LOOK, USB_DONE);
	turn();
	assert_int_equal(fake_usb.devices[0].claims, 0);
	behind = SERVE_STOPPED_USEC; /* one that does not come back */
	ask_state(fd, USB_OP_LOOK, WATCH_SERVICE_STOPPED);
	(void)answer(fd, USB_OP_LOOK, USB_DONE);
	turn();
	assert_true(fake_usb.devices[0].claimed);
	close(fd);
}

static void the_list_waits_for_what_may_still_be_taken(void **state)
{
	int fd;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_with("*=auto", WATCH_SERVICE_RUNNING);
	assert_true(silent(fd)); /* whose the reader is is not known */
	fake_usb.devices[0].answer = USB_HELD;
	behind = SERVE_GRACE_USEC;
	ask_state(fd, USB_OP_LOOK, WATCH_SERVICE_RUNNING);
	(void)answer(fd, USB_OP_LOOK, USB_DONE);
	(void)event(fd, WATCH_OP_LISTED, NULL);
	close(fd);
}

static void auto_takes_at_once_where_there_is_no_pcscd(void **state)
{
	int fd;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_with("*=auto", WATCH_SERVICE_ABSENT);
	assert_true(fake_usb.devices[0].claimed);
	ask_state(
		fd, USB_OP_LOOK, WATCH_SERVICE_RUNNING); /* pcscd comes later: it stays ours */
	assert_true(fake_usb.devices[0].claimed);
	close(fd);
}

static void what_cannot_be_taken_is_tried_again_but_for_what_is_no_reader(void **state)
{
	static const int answers[] = {USB_HELD, USB_DENIED, USB_VANISHED, -ENOMEM};
	int fd;

	(void)state;
	start((uid_t)-1, false);
	behind = SERVE_RETRY_USEC;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		fake_usb.devices[0].answer = answers[i];
		fake_usb.devices[0].claims = 0;
		fd = watch_with("*=usb", WATCH_SERVICE_ABSENT);
		assert_int_equal(fake_usb.devices[0].claims, 2); /* the next pause is longer */
		close(fd);
		turn();
	}
	fake_usb.devices[0].answer = USB_USELESS;
	fake_usb.devices[0].d.refused = DESCRIPTOR_CUT;
	fake_usb.devices[0].claims = 0;
	fd = watch_with("*=usb", WATCH_SERVICE_ABSENT);
	assert_int_equal(fake_usb.devices[0].claims, 1);
	close(fd);
}

/* By rules that give the reader up, and then take it: it is still being let go of. */
static int watch_while_it_leaves(int *ret_other)
{
	int fd;

	start((uid_t)-1, false);
	*ret_other = watch_empty();
	fake_usb.devices[0].lingers = true;
	close(watch_with("*=pcsc", WATCH_SERVICE_ABSENT));
	assert_true(fake_usb.devices[0].closing);
	fd = watch_with("*=usb", WATCH_SERVICE_ABSENT);
	assert_true(fake_usb.devices[0].early >= 1);
	assert_int_equal(fake_usb.devices[0].claims, 1);
	return fd;
}

static void a_reader_is_taken_as_soon_as_it_was_let_go_of(void **state)
{
	int fd, other;

	(void)state;
	fd = watch_while_it_leaves(&other);
	assert_int_equal(fake_usb.devices[0].early, 1);
	assert_true(silent(fd)); /* nobody knows yet whose it is: the list is not complete */
	fake_close(0);
	assert_int_equal(fake_usb.devices[0].claims, 2);
	(void)event(fd, WATCH_OP_READER_IN, NAME_0);
	(void)event(fd, WATCH_OP_READER_IN, NAME_1);
	fake_card(0, 0, false);
	fake_card(0, 1, false);
	(void)event(fd, WATCH_OP_LISTED, NULL);
	close(fd);
	close(other);
}

static void a_reader_that_is_being_let_go_of_is_tried_by_the_same_pause(void **state)
{
	int fd, other;

	(void)state;
	behind = SERVE_RETRY_USEC;
	fd = watch_while_it_leaves(&other);
	turn();
	assert_true(fake_usb.devices[0].early > 3);
	fake_usb.devices[0].answer = USB_HELD;
	fake_close(0);
	turn();
	assert_int_equal(
		fake_usb.devices[0].claims, 3); /* at once, and after the first pause */
	close(fd);
	close(other);
}

static void a_reader_that_is_not_wanted_any_more_stays_let_go_of(void **state)
{
	int fd, other;

	(void)state;
	fd = watch_while_it_leaves(&other);
	close(watch_with("*=pcsc", WATCH_SERVICE_ABSENT));
	fake_close(0);
	turn();
	assert_int_equal(fake_usb.devices[0].claims, 1);
	close(watch_with("*=auto", WATCH_SERVICE_RUNNING)); /* pcscd has its time first */
	assert_int_equal(fake_usb.devices[0].claims, 1);
	close(fd);
	close(other);
}

static void pcscd_has_its_time_though_the_reader_was_let_go_of(void **state)
{
	int fd, other;

	(void)state;
	fd = watch_while_it_leaves(&other);
	close(watch_with("*=auto", WATCH_SERVICE_RUNNING));
	fake_close(0);
	turn();
	assert_int_equal(fake_usb.devices[0].claims, 1);
	close(fd);
	close(other);
}

static void two_readers_alike_are_two(void **state)
{
	int fd;

	(void)state;
	fake_reader(1, 0x1C34, 0xAFD0, 1, true);
	fake_plug(1);
	start((uid_t)-1, false);
	fd = watch();
	(void)event(fd, WATCH_OP_READER_IN, "Doctolib SR [usb 1-2] 00 00");
	assert_true(fake_usb.devices[0].claimed && fake_usb.devices[1].claimed);
	close(fd);
}

static void a_reader_comes_and_leaves(void **state)
{
	struct link_frame f;
	int fd, user;

	(void)state;
	user = start_attached(&fd);
	ask_transmit(user);
	fake_unplug(0);
	(void)answer(user, USB_OP_TRANSMIT, USB_GONE);
	f = event(fd, WATCH_OP_CARD_OUT, NAME_0);
	assert_int_equal(number(&f, LINK_TAG_EVENTS), 3);
	(void)event(fd, WATCH_OP_READER_OUT, NAME_0);
	(void)event(fd, WATCH_OP_READER_OUT, NAME_1);
	/* what the connection asks of its card now */
	ask_transmit(user);
	(void)answer(user, USB_OP_TRANSMIT, USB_GONE);
	ask(user, USB_OP_RESET, NULL);
	(void)answer(user, USB_OP_RESET, USB_GONE);
	ask(user, USB_OP_STATUS, NULL);
	(void)answer(user, USB_OP_STATUS, USB_GONE);
	ask_state(user, USB_OP_DETACH, 1);
	(void)answer(user, USB_OP_DETACH, USB_DONE);
	ask_attach(user, NAME_0);
	(void)answer(user, USB_OP_ATTACH, USB_NO_READER);
	fake_plug(0);
	(void)event(fd, WATCH_OP_READER_IN, NAME_0);
	(void)event(fd, WATCH_OP_READER_IN, NAME_1);
	close(user);
	close(fd);
}

/* -- the end ------------------------------------------------------------------------------- */

static void readers_are_let_go_of_when_nobody_is_there(void **state)
{
	int fd;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_empty();
	behind = SERVE_HOLD_USEC;
	close(fd);
	turn();
	assert_int_equal(fake_usb.devices[0].releases, 1);
	assert_int_equal(sd_event_get_state(ev), SD_EVENT_INITIAL);
	behind = 0;
	fd = watch(); /* and taken again */
	behind = SERVE_IDLE_USEC;
	close(fd);
	turn();
	assert_int_equal(fake_usb.devices[0].releases, 2);
	assert_int_equal(sd_event_get_state(ev), SD_EVENT_FINISHED);
}

static void it_does_not_end_while_a_reader_is_being_let_go_of(void **state)
{
	int fd;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_empty();
	fake_usb.devices[0].lingers = true;
	behind = SERVE_IDLE_USEC;
	close(fd);
	turn();
	assert_int_equal(fake_usb.devices[0].releases, 1);
	assert_int_equal(sd_event_get_state(ev), SD_EVENT_INITIAL);
	fake_close(0);
	turn();
	assert_int_equal(sd_event_get_state(ev), SD_EVENT_FINISHED);
}

static void who_connects_while_a_reader_is_being_let_go_of_has_it_next(void **state)
{
	int fd;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_empty();
	fake_usb.devices[0].lingers = true;
	behind = SERVE_IDLE_USEC;
	close(fd);
	turn();
	behind = 0;
	fd = join_watch();
	ask_watch(fd, "*=usb", WATCH_SERVICE_ABSENT);
	(void)answer(fd, USB_OP_WATCH, USB_DONE);
	fake_close(0);
	(void)event(fd, WATCH_OP_READER_IN, NAME_0);
	assert_int_equal(sd_event_get_state(ev), SD_EVENT_INITIAL);
	close(fd);
}

static void one_that_stays_does_not_end(void **state)
{
	(void)state;
	behind = SERVE_IDLE_USEC;
	start((uid_t)-1, true);
	turn();
	assert_int_equal(sd_event_get_state(ev), SD_EVENT_INITIAL);
}

static void it_ends_with_everything_under_way(void **state)
{
	int fd, user, second;

	(void)state;
	user = start_attached(&fd);
	ask_transmit(user);
	second = join();
	ask_attach(second, NAME_0);
	serve = serve_free(serve);
	assert_true(closed(fd) && closed(user) && closed(second));
	assert_false(fake_usb.made);
	close(second);
	close(user);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nothing_is_touched_before_a_watch_has_said_the_rules),
		CASE(the_list_is_complete_when_every_slot_is_known),
		CASE(a_reader_that_says_nothing_does_not_keep_the_list_back_for_ever),
		CASE(a_mute_card_is_told_and_told_anew_when_it_speaks),
		CASE(a_card_swapped_unseen_is_out_and_in),
		CASE(a_watch_is_answered_and_looks),
		CASE(a_reader_of_pcscd_is_never_touched),
		CASE(rules_that_change_give_a_reader_back),
		CASE(auto_waits_for_pcscd_where_there_is_one),
		CASE(a_pcscd_that_is_restarted_keeps_its_readers),
		CASE(the_list_waits_for_what_may_still_be_taken),
		CASE(auto_takes_at_once_where_there_is_no_pcscd),
		CASE(what_cannot_be_taken_is_tried_again_but_for_what_is_no_reader),
		CASE(a_reader_is_taken_as_soon_as_it_was_let_go_of),
		CASE(a_reader_that_is_being_let_go_of_is_tried_by_the_same_pause),
		CASE(a_reader_that_is_not_wanted_any_more_stays_let_go_of),
		CASE(pcscd_has_its_time_though_the_reader_was_let_go_of),
		CASE(two_readers_alike_are_two),
		CASE(a_reader_comes_and_leaves),
		CASE(readers_are_let_go_of_when_nobody_is_there),
		CASE(it_does_not_end_while_a_reader_is_being_let_go_of),
		CASE(who_connects_while_a_reader_is_being_let_go_of_has_it_next),
		CASE(one_that_stays_does_not_end),
		CASE(it_ends_with_everything_under_way),
	};

	return cmocka_run_group_tests_name("usb-serve", tests, NULL, NULL);
}
