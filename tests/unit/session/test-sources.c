/* SPDX-License-Identifier: EUPL-1.2 */
/* pcscd and vitaled-usb beside each other: what one loses is not the other's. */
#include "tests/unit/session/desk.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

// clang-format on
/* Both have told of their service and that their list is complete, in whichever order. */
static bool both_told(void *user)
{
	struct reader r = reader_of(buf_view(&desk.log));
	unsigned int n = 0;

	(void)user;
	while (r.left > 0) {
		n += reader_u8(&r) == 'v'
			     ? 1
			     : 0; /* "service", and no other word before a card is in */
	}
	return n >= 4 && desk_reader(DESK_USB) && desk_reader(DESK_B1);
}

static void hear_both(void)
{
	assert_true(desk_run(both_told, NULL, 15000));
}

static bool listed(void *user)
{
	(void)user;
	return desk_reader(DESK_USB) && cards_listed(desk.cards);
}

static bool told_of(void *user)
{
	return desk.looks >= *(const unsigned int *)user;
}

static bool watched(void *user)
{
	return desk.usb_watches >= *(const unsigned int *)user;
}

static bool empty_handed(void *user)
{
	const struct card_reader *r = desk_reader(DESK_USB);

	(void)user;
	return r && !r->present;
}

static void wait_for(bool (*done)(void *user), unsigned int n)
{
	assert_true(desk_run(done, &n, 15000));
}

static void rule(size_t i, const char *which, enum config_usb_driver driver)
{
	struct config_usb *u = &desk.config.usb[i];

	assert_int_equal(view_copy_str(view_str(which), u->which, sizeof(u->which)), 0);
	u->driver = driver;
	desk.config.n_usb = i + 1;
}

/* -- tests ------------------------------------------------------------------------------------------- */

static void each_has_its_readers(void **state)
{
	struct desk_card *p = desk_card(DESK_USB, "cps", "cps4");
	uint8_t driver = 9;
	struct view asked;

	(void)state;
	hear_both();
	assert_string_equal(desk.usb_told, "1 "); /* pcscd runs; no rule */
	assert_string_equal(desk_reader(DESK_USB)->driver, "usb");
	assert_string_equal(desk_reader(DESK_B)->driver, "pcsc");
	(void)desk_present(p);
	asked = buf_view(&p->ops[CARD_OP_OPEN].last);
	assert_int_equal(tlv_find_u8(asked, LINK_TAG_DRIVER, &driver), 0);
	assert_int_equal(driver, READER_DRIVER_USB);
	p = desk_card(DESK_A, "vitale", "vitale-2");
	(void)desk_present(p);
	asked = buf_view(&p->ops[CARD_OP_OPEN].last);
	assert_int_equal(tlv_find_u8(asked, LINK_TAG_DRIVER, &driver), 0);
	assert_int_equal(driver, READER_DRIVER_PCSC);
}

/* There is nobody to share it with. */
static void a_reader_of_vitaled_usb_is_exclusive(void **state)
{
	struct config_reader *any = &desk.config.readers[0];

	(void)state;
	*any = (struct config_reader){.name = "*", .sharing = CARD_SHARE_TRANSACTIONS};
	desk.config.n_readers = 1;
	hear_both();
	assert_int_equal(desk_reader(DESK_A)->sharing, CARD_SHARE_TRANSACTIONS);
	assert_int_equal(desk_reader(DESK_USB)->sharing, CARD_SHARE_EXCLUSIVE);
}

/* Rules go by names, and so do people. */
static void the_names_of_one_are_not_believed_of_the_other(void **state)
{
	(void)state;
	hear_both();
	desk_settle(200);
	desk_forget();
	desk.usb = true; /* vitaled-usb says it */
	desk_event(WATCH_OP_READER_IN, DESK_A, 0);
	desk_event(WATCH_OP_READER_IN, "Kapelse KAP-LINK [usb 1-2]", 0);
	desk_event(WATCH_OP_READER_OUT, DESK_A, 0);
	desk.usb = false;
	desk.pcscd_says = true;
	desk_event(WATCH_OP_READER_IN, "Kapelse KAP-LINK (K1) [usb 1-3] 00 00", 0);
	desk_settle(200);
	assert_int_equal(desk.log.len, 0);
	assert_string_equal(desk_reader(DESK_A)->driver, "simulated");
	assert_true(desk_reader(DESK_A)->present);
}

/* pcscd takes the connection and hangs. */
static void a_pcscd_that_says_nothing_counts_as_stopped(void **state)
{
	(void)state;
	cards_sleep(desk.cards); /* the first watch has not been heard yet */
	desk.pcscd_hangs = true;
	world_hurry = 20; /* 250 ms */
	cards_wake(desk.cards);
	world_hurry = 1;
	wait_for(watched, 1);
	assert_string_equal(desk.usb_told, "2 ");
	wait_for(listed, 0);
	assert_int_equal(cards_service(desk.cards), READER_SERVICE_RUNNING);
}

/* A reader that rattles: the watch ends, and what it told is out. */
static void more_events_than_people_can_cause_end_the_watch(void **state)
{
	(void)state;
	hear_both();
	desk.usb = true;
	for (unsigned int i = 0; i < 300; i++) {
		desk_event(WATCH_OP_CARD_OUT, DESK_USB, 0);
	}
	wait_for(watched, 2);
	wait_for(listed, 0);
	assert_int_equal(desk.watches, 1);
}

static void other_rules_while_asleep_start_nothing(void **state)
{
	(void)state;
	hear_both();
	cards_sleep(desk.cards);
	rule(0, "2947:0101", CONFIG_USB_USB);
	cards_configured(desk.cards);
	desk_settle(200);
	assert_int_equal(desk.usb_watches, 1);
	cards_wake(desk.cards);
	wait_for(watched, 2);
	wait_for(listed, 0);
}

static void what_pcscd_loses_is_not_vitaled_usbs(void **state)
{
	struct desk_card *p = desk_card(DESK_USB, "cps", "cps4");
	struct desk_card *q = desk_card(DESK_A, "vitale", "vitale-2");
	int me;

	(void)state;
	hear_both();
	assert_int_equal(cards_claim(desk.cards, desk_present(p), 1000, &me), 0);
	(void)desk_present(q);
	desk_forget();
	desk_event(WATCH_OP_SERVICE, NULL, WATCH_SERVICE_STOPPED);
	desk_hear("card- reader- reader- reader- service");
	wait_for(told_of, 1);
	assert_int_equal(desk.looked, WATCH_SERVICE_STOPPED);
	assert_true(desk_reader(DESK_USB)->present);
	assert_ptr_equal(desk_reader(DESK_USB)->card->user, &me);
	assert_int_equal(cards_service(desk.cards), READER_SERVICE_RUNNING);
	assert_true(cards_listed(desk.cards));
	desk_forget();
	desk_watch_order('x'); /* and its watch comes again, to a pcscd that runs */
	desk_hear("reader+ reader+ reader+ card+");
	wait_for(told_of, 2);
	assert_int_equal(desk.looked, WATCH_SERVICE_RUNNING);
	assert_int_equal(desk.usb_watches, 1);
	assert_ptr_equal(desk_reader(DESK_USB)->card->user, &me);
}

static void what_vitaled_usb_loses_is_not_pcscds(void **state)
{
	static const char orders[] = {'x', 's', 'm'};
	struct desk_card *p = desk_card(DESK_USB, "cps", "cps4");
	struct desk_card *q = desk_card(DESK_A, "vitale", "vitale-2");
	int me;

	(void)state;
	hear_both();
	(void)desk_present(p);
	assert_int_equal(cards_claim(desk.cards, desk_present(q), 1000, &me), 0);
	desk.usb = true;
	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		desk_forget();
		desk_watch_order(orders[i]);
		desk_hear("card- reader- reader+ card+");
		assert_int_equal(desk.left, CARD_LEFT_WATCH);
		desk_hear("cps");
	}
	desk_forget();
	desk_event(WATCH_OP_SERVICE, NULL, WATCH_SERVICE_STOPPED);
	desk_hear("card- reader- service");
	assert_int_equal(desk.left, CARD_LEFT_SERVICE);
	assert_int_equal(desk.watches, 1);
	assert_ptr_equal(desk_reader(DESK_A)->card->user, &me);
	assert_int_equal(cards_service(desk.cards), READER_SERVICE_RUNNING);
}

/* Without pcscd: as it is there, until vitaled-usb has had a reader, or a rule names one for it. */
static void the_service_is_pcscds_until_a_reader_of_vitaled_usb_counts(void **state)
{
	(void)state;
	desk.usb_empty = true;
	desk.service = WATCH_SERVICE_ABSENT;
	desk_hear("service service service"); /* absent; vitaled-usb runs, is complete */
	assert_string_equal(desk.usb_told, "3 ");
	assert_int_equal(cards_service(desk.cards), READER_SERVICE_ABSENT);
	assert_true(cards_listed(desk.cards));
	rule(0, "*", CONFIG_USB_USB);
	assert_int_equal(cards_service(desk.cards), READER_SERVICE_RUNNING);
	desk.config.n_usb = 0;
	desk.usb = true;
	desk_event(WATCH_OP_READER_IN, DESK_USB, 0);
	desk_hear("reader+ service"); /* its first */
	assert_int_equal(cards_service(desk.cards), READER_SERVICE_RUNNING);
	desk_event(WATCH_OP_READER_OUT, DESK_USB, 0);
	desk_hear("reader-");
	assert_int_equal(cards_service(desk.cards), READER_SERVICE_RUNNING);
	desk_event(WATCH_OP_SERVICE, NULL, WATCH_SERVICE_ABSENT);
	desk_hear("reader- service");
	assert_int_equal(cards_service(desk.cards), READER_SERVICE_ABSENT);
}

/* A reader of pcscd's does not wait for vitaled-usb's list; without one the list is not complete before. */
static void a_list_is_complete_when_nothing_more_is_to_come_at_once(void **state)
{
	(void)state;
	hear_both();
	desk.usb = true;
	desk.quiet = true;
	desk_watch_order('x');
	wait_for(empty_handed, 0);
	assert_true(cards_listed(desk.cards));
	desk.usb = false;
	desk_event(WATCH_OP_READER_OUT, DESK_A, 0);
	desk_event(WATCH_OP_READER_OUT, DESK_B, 0);
	desk_event(WATCH_OP_READER_OUT, DESK_B1, 0);
	desk_hear("reader- reader- reader- reader-");
	assert_false(cards_listed(desk.cards));
}

static void other_rules_start_vitaled_usbs_watch_anew_and_no_other(void **state)
{
	struct desk_card *p = desk_card(DESK_USB, "cps", "cps4");

	(void)state;
	hear_both();
	(void)desk_present(p);
	cards_configured(desk.cards); /* nothing has changed */
	assert_int_equal(desk.usb_watches, 1);
	rule(0, "2947:0101", CONFIG_USB_USB);
	rule(1, "2947:0102:K1", CONFIG_USB_AUTO);
	rule(2, "*", CONFIG_USB_PCSC);
	desk_forget();
	cards_configured(desk.cards);
	desk_hear("card- reader- service");
	wait_for(watched, 2);
	assert_string_equal(desk.usb_told, "1 2947:0101=usb 2947:0102:K1=auto *=pcsc");
	desk_hear("reader+ card+");
	assert_int_equal(desk.watches, 1);
	/* and none that allows it a reader */
	desk.config.usb[0] = desk.config.usb[2];
	desk.config.n_usb = 1;
	desk_forget();
	cards_configured(desk.cards);
	desk_hear("card- reader- service");
	desk_settle(300);
	assert_int_equal(desk.usb_watches, 2);
	assert_true(cards_listed(desk.cards));
	desk.config.n_usb = 0;
	cards_configured(desk.cards);
	wait_for(watched, 3);
	assert_string_equal(desk.usb_told, "1 ");
}

static void asleep_both_are_and_both_wake(void **state)
{
	(void)state;
	hear_both();
	desk_forget();
	cards_sleep(desk.cards);
	desk_hear("reader- reader- reader- reader-");
	assert_false(cards_listed(desk.cards));
	cards_wake(desk.cards);
	wait_for(watched, 2);
	wait_for(listed, 0);
	assert_int_equal(desk.watches, 2);
	assert_int_equal(desk.usb_watches, 2);
}

/* Each source has a guard; that of vitaled-usb falls silent. */
static void a_guard_that_falls_silent_replaces_its_own_watch(void **state)
{
	struct desk_card *p = desk_card(DESK_USB, "cps", "cps4");
	struct desk_card *q = desk_card(DESK_A, "vitale", "vitale-2");

	(void)state;
	hear_both();
	(void)desk_present(p);
	(void)desk_present(q);
	cards_guard(desk.cards, true);
	wait_for(watched, 2);
	desk_settle(100);
	desk_forget();
	world_hurry = 8; /* the silence that is allowed is 750 ms */
	for (unsigned int i = 0; i < 30 && desk.log.len == 0; i++) {
		desk.usb = false;
		desk_event(WATCH_OP_ALIVE, NULL, 0);
		if (i == 0) {
			desk.usb = true;
			desk_event(WATCH_OP_ALIVE, NULL, 0);
		}
		desk_settle(100);
	}
	desk_hear("card- reader- reader+ card+");
	assert_int_equal(desk.left, CARD_LEFT_WATCH);
	assert_int_equal(desk.watches, 2);
	assert_non_null(desk_reader(DESK_A)->card);
	/* what comes back is guarded again */
	wait_for(watched, 4);
	cards_guard(desk.cards, false);
}

static void a_guard_of_vitaled_usb_is_believed_of_its_own_readers_alone(void **state)
{
	struct desk_card *p = desk_card(DESK_USB, "cps", "cps4");
	struct desk_card *q = desk_card(DESK_A, "vitale", "vitale-2");

	(void)state;
	hear_both();
	(void)desk_present(p);
	(void)desk_present(q);
	cards_guard(desk.cards, true);
	wait_for(watched, 2);
	desk_settle(100);
	desk_forget();
	desk.counter = 9;
	desk_event(WATCH_OP_CARD_IN, DESK_USB, 0); /* another one, says the guard */
	desk_hear("card- card+");
	assert_int_equal(desk.left, CARD_LEFT_REPLACED);
	desk_forget();
	desk_event(WATCH_OP_CARD_OUT, DESK_USB, 0); /* and gone: the watch does not say so */
	desk_hear("card- reader- reader+ card+");
	assert_int_equal(desk.left, CARD_LEFT_WATCH);
	assert_non_null(desk_reader(DESK_A)->card);
	assert_int_equal(desk.watches, 2);
}

static void an_atr_that_was_not_told_is_learnt(void **state)
{
	static const uint8_t atr[] = {0x3B, 0x00};
	struct desk_card *p = desk_card(DESK_USB, "cps", "cps4");
	struct card *c;

	(void)state;
	hear_both();
	desk.no_atr = true;
	tlv_put(&p->ops[CARD_OP_OPEN].body, LINK_TAG_ATR, VIEW(atr));
	c = desk_present(p);
	assert_true(view_equal(view_of(c->atr, c->atr_len), VIEW(atr)));
}

static void without_a_socket_there_is_no_second_watch(void **state)
{
	(void)state;
	desk_hear("service reader+ reader+ reader+ service");
	desk_settle(200);
	assert_int_equal(desk.usb_watches, 0);
	cards_configured(desk.cards);
	cards_guard(desk.cards, true);
	cards_guard(desk.cards, false);
	cards_sleep(desk.cards);
	cards_wake(desk.cards);
	desk_settle(200);
	assert_int_equal(desk.usb_watches, 0);
}

/* Everything that a change of rules does fails once: vitaled-usb has its watch or none. */
static void a_change_of_rules_may_fail(void **state)
{
	(void)state;
	hear_both();
	for (unsigned int n = 1; n < 12; n++) {
		rule(0, n % 2 ? "2947:0101" : "2947:0102", CONFIG_USB_USB);
		memory_arm(n);
		cards_configured(desk.cards);
		memory_arm(0);
		desk_settle(50);
	}
	assert_true(desk_reader(DESK_A)->present);
	assert_int_equal(desk.watches, 1);
	desk.config.n_usb = 0;
	cards_configured(desk.cards);
	wait_for(listed, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, desk_setup_usb, desk_teardown)
	const struct CMUnitTest tests[] = {
		T(each_has_its_readers),
		T(a_reader_of_vitaled_usb_is_exclusive),
		T(the_names_of_one_are_not_believed_of_the_other),
		T(a_pcscd_that_says_nothing_counts_as_stopped),
		T(more_events_than_people_can_cause_end_the_watch),
		T(other_rules_while_asleep_start_nothing),
		T(what_pcscd_loses_is_not_vitaled_usbs),
		T(what_vitaled_usb_loses_is_not_pcscds),
		T(the_service_is_pcscds_until_a_reader_of_vitaled_usb_counts),
		T(a_list_is_complete_when_nothing_more_is_to_come_at_once),
		T(other_rules_start_vitaled_usbs_watch_anew_and_no_other),
		T(asleep_both_are_and_both_wake),
		T(a_guard_that_falls_silent_replaces_its_own_watch),
		T(a_guard_of_vitaled_usb_is_believed_of_its_own_readers_alone),
		T(an_atr_that_was_not_told_is_learnt),
		T(a_change_of_rules_may_fail),
		cmocka_unit_test_setup_teardown(
			without_a_socket_there_is_no_second_watch, desk_setup, desk_teardown),
	};

	return cmocka_run_group_tests(tests, desk_group_setup, NULL);
}
