/* SPDX-License-Identifier: EUPL-1.2 */
/* Leases over sessions that the test plays: every way to begin, to end, and to be refused. */
#include "base/clock.h"
#include "daemon/limits.h"
#include "daemon/session/lease.h"
#include "tests/unit/session/desk.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <string.h>

#define FREED_MAX 8U

static struct {
	struct leases *all;
	int lend; /* what the sessions answer */
	void (*freed[FREED_MAX])(void *user);
	void *freed_user[FREED_MAX];
	unsigned int asked;
	unsigned int returned;
	unsigned int added;
	unsigned int removed;
	unsigned int done;
	unsigned int done_well;
	struct lease *lease; /* of the last done */
	enum vitaled_reason why;
} t;

/* -- sessions, played ------------------------------------------------------------------------------ */

int sessions_reader_lend(struct sessions *all, struct card_reader *r, uid_t uid,
	void (*freed)(void *user), void *user)
{
	assert_null(all);
	assert_false(r->lent);
	assert_true(uid >= 1000);
	if (t.lend == 0) {
		assert_true(t.asked < FREED_MAX);
		t.freed[t.asked] = freed;
		t.freed_user[t.asked++] = user;
	}
	return t.lend;
}

void sessions_reader_returned(struct sessions *all, struct card_reader *r)
{
	assert_null(all);
	assert_false(r->lent); /* ours before it is told */
	t.returned++;
}

static void free_now(unsigned int i)
{
	void (*freed)(void *user) = t.freed[i];

	assert_non_null(freed);
	t.freed[i] = NULL;
	freed(t.freed_user[i]);
}

/* -- the rooms above --------------------------------------------------------------------------------- */

static void on_added(void *user, struct lease *l)
{
	assert_ptr_equal(user, &t);
	assert_true(lease_reader(l)->lent);
	assert_ptr_equal(leases_by_id(t.all, lease_id(l)), l);
	t.added++;
}

static void on_removed(void *user, struct lease *l)
{
	assert_ptr_equal(user, &t);
	assert_string_equal(lease_owner(l), ":1.7");
	assert_null(leases_by_id(t.all, lease_id(l)));
	t.removed++;
}

static const struct lease_ops ops = {.added = on_added, .removed = on_removed};

static void on_done(void *user, struct lease *l, enum vitaled_reason why)
{
	assert_ptr_equal(user, &t);
	assert_int_equal(
		t.added, l ? t.done_well + 1 : t.done_well); /* added was called before */
	t.done_well += l ? 1 : 0;
	t.done++;
	t.lease = l;
	t.why = why;
}

static int setup(void **state)
{
	int r = desk_setup(state);

	memset(&t, 0, sizeof(t));
	assert_int_equal(
		leases_new(desk.ev, desk.cards, NULL, desk.audit, &ops, &t, &t.all), 0);
	desk_hear("service reader+ reader+ reader+ service");
	return r;
}

static int teardown(void **state)
{
	t.all = leases_free(t.all);
	return desk_teardown(state);
}

static int start(const char *reader, uid_t uid, uint32_t seconds)
{
	return lease_start(t.all, desk_reader(reader), ":1.7", uid, seconds, on_done, &t);
}

static struct lease *lent(const char *reader)
{
	unsigned int i = t.asked;

	t.lease = NULL;
	assert_int_equal(start(reader, 1000, 60), 0);
	free_now(i);
	assert_non_null(t.lease);
	return t.lease;
}

static bool ended(void *user)
{
	(void)user;
	return t.removed > 0;
}

static void assert_record(const char *returned)
{
	assert_int_equal(desk_recorded(AUDIT_EVENT_CARD_LENT, "ok"), 1);
	assert_int_equal(desk_recorded(AUDIT_EVENT_CARD_RETURNED, NULL), 1);
	assert_int_equal(desk_recorded(AUDIT_EVENT_CARD_RETURNED, returned), 1);
}

/* -- tests ------------------------------------------------------------------------------------------- */

static void a_slot_is_lent_when_it_is_free_and_returned(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "cps", "cps4");
	struct card *c = desk_present(p);
	struct lease *l;

	(void)state;
	assert_int_equal(start(DESK_A, 1000, 60), 0);
	assert_int_equal(desk_recorded(AUDIT_EVENT_CARD_LENT, "ok"), 1); /* before it is free */
	assert_int_equal(t.done, 0);
	assert_false(c->reader->lent);
	assert_null(leases_next(t.all, NULL)); /* nothing to be seen yet */
	assert_null(leases_by_id(t.all, 1));
	free_now(0);
	assert_int_equal(t.done, 1);
	assert_int_equal(t.why, VITALED_REASON_NONE);
	l = t.lease;
	assert_ptr_equal(lease_reader(l), c->reader);
	assert_string_equal(lease_owner(l), ":1.7");
	assert_ptr_equal(leases_next(t.all, NULL), l);
	assert_null(leases_next(t.all, l));
	assert_true(c->reader->lent);
	assert_int_equal(cards_claim(desk.cards, c, 1000, &t), -EBUSY);
	assert_int_equal(t.returned, 0);
	lease_return(l);
	assert_int_equal(t.removed, 1);
	assert_int_equal(t.returned, 1);
	assert_false(c->reader->lent);
	assert_null(leases_next(t.all, NULL));
	assert_record("ok");
	desk_forget();
	desk_hear("cps"); /* recognised anew */
}

static void what_may_not_be_lent_is_refused(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "cps", "cps4");
	struct card *c = desk_present(p);

	(void)state;
	assert_int_equal(start(DESK_A, 1000, 0), LEASE_RANGE);
	assert_int_equal(start(DESK_A, 1000, 121), LEASE_RANGE);
	assert_int_equal(start(DESK_A, 1000, UINT32_MAX), LEASE_RANGE);
	desk_reader(DESK_A)->served = READER_DRIVER_USB;
	assert_int_equal(start(DESK_A, 1000, 60), LEASE_DRIVER);
	desk_reader(DESK_A)->served = READER_DRIVER_PCSC;
	t.lend = SESSIONS_LEND_BUSY;
	assert_int_equal(start(DESK_A, 1000, 60), LEASE_BUSY);
	t.lend = -ENOMEM;
	assert_int_equal(start(DESK_A, 1000, 60), -ENOMEM);
	t.lend = 0;
	c->job = true; /* a PIN is being changed */
	assert_int_equal(start(DESK_A, 1000, 60), LEASE_BUSY);
	c->job = false;
	assert_int_equal(start(DESK_A, 1000, 120), 0);
	assert_int_equal(start(DESK_A, 1001, 60), LEASE_BUSY); /* asked for already */
	free_now(0);
	assert_int_equal(start(DESK_A, 1001, 60), LEASE_BUSY);
	desk_event(WATCH_OP_READER_OUT, DESK_B, 0);
	desk_hear("reader-");
	assert_int_equal(start(DESK_B, 1000, 60), LEASE_BUSY);
	assert_int_equal(t.done, 1);
	assert_int_equal(desk_recorded(AUDIT_EVENT_CARD_LENT, NULL), 1);
}

static void one_user_may_borrow_so_many_slots(void **state)
{
	static const char *const names[] = {"R 00", "R 01", "R 02", "R 03", "R 04"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		desk_event(WATCH_OP_READER_IN, names[i], 0);
	}
	desk_settle(100);
	for (size_t i = 0; i < LIMIT_LEASES_UID; i++) {
		assert_int_equal(start(names[i], 1000, 60), 0); /* asked for: counts as well */
	}
	assert_int_equal(start(names[LIMIT_LEASES_UID], 1000, 60), LEASE_LIMIT);
	assert_int_equal(start(names[LIMIT_LEASES_UID], 1001, 60), 0);
	for (unsigned int i = 0; i <= LIMIT_LEASES_UID; i++) {
		free_now(i);
	}
	assert_int_equal(t.added, LIMIT_LEASES_UID + 1);
}

static void nothing_is_lent_that_the_record_does_not_take(void **state)
{
	(void)state;
	desk_audit_fails = 1;
	assert_int_equal(start(DESK_A, 1000, 60), LEASE_AUDIT);
	assert_int_equal(start(DESK_A, 1000, 60), LEASE_BUSY); /* until it has been freed */
	desk_audit_fails = 0;
	free_now(0);
	assert_int_equal(t.done, 0);
	assert_int_equal(t.returned, 1);
	assert_int_equal(desk_recorded(AUDIT_EVENT_CARD_LENT, NULL), 0);
	assert_int_equal(desk_recorded(AUDIT_EVENT_CARD_RETURNED, NULL), 0);
	/* and a return that it does not take is one all the same */
	lent(DESK_A);
	desk_audit_fails = 1;
	lease_return(t.lease);
	assert_int_equal(t.returned, 2);
	assert_false(desk_reader(DESK_A)->lent);
}

static void a_lease_ends_with_its_time_even_over_sleep(void **state)
{
	(void)state;
	world_hurry = 1000;
	assert_int_equal(start(DESK_A, 1000, 120), 0);
	free_now(0);
	assert_int_equal(world_clock_long, CLOCK_BOOTTIME);
	assert_true(desk_run(ended, NULL, 5000));
	assert_int_equal(t.returned, 1);
	assert_record("timeout");
}

static void a_lease_ends_with_its_owner(void **state)
{
	(void)state;
	lent(DESK_A);
	leases_owner_gone(t.all, ":1.8");
	assert_int_equal(t.removed, 0);
	leases_owner_gone(t.all, ":1.7");
	assert_int_equal(t.removed, 1);
	assert_int_equal(t.returned, 1);
	assert_record("owner-gone");
}

static void an_owner_who_goes_before_the_slot_is_free_gets_nothing(void **state)
{
	(void)state;
	assert_int_equal(start(DESK_A, 1000, 60), 0);
	leases_owner_gone(t.all, ":1.7");
	assert_int_equal(t.done, 0);
	free_now(0);
	assert_int_equal(t.done, 1);
	assert_null(t.lease);
	assert_int_equal(t.why, VITALED_REASON_OWNER_GONE);
	assert_int_equal(t.added, 0);
	assert_int_equal(t.returned, 1);
	assert_record("owner-gone");
}

static void a_call_that_is_forgotten_is_not_answered(void **state)
{
	int other;

	(void)state;
	assert_int_equal(start(DESK_A, 1000, 60), 0);
	leases_forget(t.all, &other);
	leases_forget(t.all, &t);
	free_now(0);
	assert_int_equal(t.done, 0);
	assert_int_equal(t.returned, 1);
	assert_false(desk_reader(DESK_A)->lent);
	lent(DESK_A);
	leases_forget(t.all, &t); /* it has been answered: it stays */
	assert_true(desk_reader(DESK_A)->lent);
}

static void a_slot_that_is_not_free_after_all_is_given_back(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "cps", "cps4");
	struct card *c = desk_present(p);

	(void)state;
	assert_int_equal(start(DESK_A, 1000, 60), 0);
	assert_int_equal(cards_claim(desk.cards, c, 1000, &t), 0);
	free_now(0);
	assert_null(t.lease);
	assert_int_equal(t.why, VITALED_REASON_BUSY);
	assert_false(c->reader->lent);
	assert_non_null(c->child);
	assert_record("busy");
}

static void a_reader_that_is_unplugged_ends_its_leases(void **state)
{
	(void)state;
	lent(DESK_A);
	desk_event(WATCH_OP_READER_OUT, DESK_A, 0);
	assert_true(desk_run(ended, NULL, 5000));
	assert_record("no-reader");
	assert_false(desk_reader(DESK_A)->lent);
	/* while it is asked for */
	assert_int_equal(start(DESK_B, 1000, 60), 0);
	desk_forget();
	desk_event(WATCH_OP_READER_OUT, DESK_B, 0);
	desk_hear("reader-");
	free_now(1);
	assert_null(t.lease);
	assert_int_equal(t.why, VITALED_REASON_NO_READER);
}

static void a_card_may_be_exchanged_while_its_slot_is_lent(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "cps", "cps4");

	(void)state;
	(void)desk_present(p);
	lent(DESK_A);
	desk_forget();
	desk_out(p);
	desk_in(p);
	desk_hear("card- card+");
	assert_int_equal(t.removed, 0);
	assert_true(desk_reader(DESK_A)->lent);
}

static void all_end_with_the_room(void **state)
{
	(void)state;
	lent(DESK_A);
	assert_int_equal(start(DESK_B, 1000, 60), 0);
	t.all = leases_free(t.all);
	assert_int_equal(t.removed, 1);
	assert_int_equal(t.returned, 2);
	assert_int_equal(t.done, 1);
	assert_int_equal(desk_recorded(AUDIT_EVENT_CARD_RETURNED, "released"), 2);
	free_now(1); /* the sessions go later */
	assert_int_equal(t.done, 1);
	assert_null(leases_free(NULL));
}

/* Each call of the room fails once: the lease is there whole or it is not, and nothing stays. */
static void any_call_may_fail(void **state)
{
	unsigned int n = 0;
	int r;

	(void)state;
	do {
		memory_arm(++n);
		t.lease = NULL;
		t.asked = 0;
		r = start(DESK_A, 1000, 60);
		if (t.asked > 0) {
			free_now(0);
		}
		memory_pause();
		memory_arm(0);
		assert_true(r <= 0 || r == LEASE_AUDIT);
		assert_int_equal(desk_reader(DESK_A)->lent, t.lease != NULL);
		memory_resume();
	} while (!t.lease);
	assert_true(n > 3);
	assert_non_null(t.lease);
	t.all = leases_free(t.all);
	for (n = 1, r = -ENOMEM; r < 0; n++) {
		memory_arm(n);
		r = leases_new(desk.ev, desk.cards, NULL, desk.audit, &ops, &t, &t.all);
		memory_arm(0);
	}
	assert_int_equal(n, 3);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_slot_is_lent_when_it_is_free_and_returned),
		T(what_may_not_be_lent_is_refused),
		T(one_user_may_borrow_so_many_slots),
		T(nothing_is_lent_that_the_record_does_not_take),
		T(a_lease_ends_with_its_time_even_over_sleep),
		T(a_lease_ends_with_its_owner),
		T(an_owner_who_goes_before_the_slot_is_free_gets_nothing),
		T(a_call_that_is_forgotten_is_not_answered),
		T(a_slot_that_is_not_free_after_all_is_given_back),
		T(a_reader_that_is_unplugged_ends_its_leases),
		T(a_card_may_be_exchanged_while_its_slot_is_lent),
		T(all_end_with_the_room),
		T(any_call_may_fail),
	};

	return cmocka_run_group_tests(tests, desk_group_setup, NULL);
}
