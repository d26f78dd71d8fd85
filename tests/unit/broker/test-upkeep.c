/* SPDX-License-Identifier: EUPL-1.2 */
/* Upkeep: checkpoints only after something new, runs of forgetting, and what clocks that came apart mean.
 * The timer of the clock is an eventfd here, the three clocks are numbers, five minutes are 20 ms, and so
 * is a day while runs are tested. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/audit/keep.h"
#include "daemon/broker/upkeep.h"
#include "daemon/limits.h"

#define TICK	(20 * USEC_PER_MS)
#define DAY	(24ULL * 3600 * USEC_PER_SEC)
#define RUN	(2 * USEC_PER_SEC)
#define PAUSE	(20 * USEC_PER_MS)
#define STARTED (1000 * USEC_PER_SEC)
#define IN_2026 (1767225600ULL * USEC_PER_SEC)

static struct {
	uint64_t wall;
	uint64_t boot;
	uint64_t monotonic;
	int fd;	       /* ours, of the timer */
	bool canceled; /* timerfd_settime() says so once */
	unsigned int settings;
	const char *fails; /* name of the call that does */
	/* the record */
	uint64_t size;
	int checkpoint_result;
	unsigned int checkpoints;
	void (*appended)(void *user);
	void *user;
	uint64_t oldest; /* entry; 0: none */
	uint64_t pruned; /* when a pass was begun last; 0: never */
	unsigned int steps_left;
	int prune_result;
	unsigned int prunes;
	uint64_t before;   /* of the last one */
	unsigned int days; /* that were waited */
	bool short_days;
	unsigned int kept; /* audit_sent_keep() */
	int keep_result;
	unsigned int looks, looks_left; /* ops.keep() */
	/* what was told */
	unsigned int recorded;
	unsigned int set;
	unsigned int slept;
} at;

static sd_event *ev;

/* -- clocks and calls that are played -------------------------------------------------------------- */

uint64_t __wrap_clock_wall(void);
uint64_t __wrap_clock_boottime(void);
uint64_t __wrap_clock_monotonic(void);
int __wrap_timerfd_create(int clock, int flags);
int __wrap_timerfd_settime(
	int fd, int flags, const struct itimerspec *to, struct itimerspec *before);
void *__wrap_calloc(size_t n, size_t size);
void *__real_calloc(size_t n, size_t size);
int __wrap_sd_event_add_io(sd_event *e, sd_event_source **s, int fd, uint32_t events,
	sd_event_io_handler_t callback, void *user);
int __real_sd_event_add_io(sd_event *e, sd_event_source **s, int fd, uint32_t events,
	sd_event_io_handler_t callback, void *user);
int __wrap_sd_event_add_time_relative(sd_event *e, sd_event_source **s, clockid_t clock,
	uint64_t usec, uint64_t accuracy, sd_event_time_handler_t callback, void *user);
int __real_sd_event_add_time_relative(sd_event *e, sd_event_source **s, clockid_t clock,
	uint64_t usec, uint64_t accuracy, sd_event_time_handler_t callback, void *user);
int __wrap_sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec);
int __real_sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec);

static bool fails(const char *name)
{
	return at.fails && strcmp(at.fails, name) == 0;
}

uint64_t __wrap_clock_wall(void)
{
	return at.wall;
}

uint64_t __wrap_clock_boottime(void)
{
	return at.boot;
}

uint64_t __wrap_clock_monotonic(void)
{
	return at.monotonic;
}

int __wrap_timerfd_create(int clock, int flags)
{
	assert_int_equal(clock, CLOCK_REALTIME);
	assert_int_equal(flags, TFD_CLOEXEC | TFD_NONBLOCK);
	errno = EMFILE;
	at.fd = fails("timerfd_create") ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return at.fd;
}

int __wrap_timerfd_settime(
	int fd, int flags, const struct itimerspec *to, struct itimerspec *before)
{
	assert_int_equal(fd, at.fd);
	assert_int_equal(flags, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET);
	assert_true(to->it_value.tv_sec > INT32_MAX && to->it_interval.tv_sec == 0);
	assert_null(before);
	at.settings++;
	errno = at.canceled ? ECANCELED : EINVAL;
	if (at.canceled || fails("timerfd_settime")) {
		at.canceled = false;
		return -1;
	}
	return 0;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails("calloc") ? NULL : __real_calloc(n, size);
}

int __wrap_sd_event_add_io(sd_event *e, sd_event_source **s, int fd, uint32_t events,
	sd_event_io_handler_t callback, void *user)
{
	return fails("add_io") ? -ENOMEM
			       : __real_sd_event_add_io(e, s, fd, events, callback, user);
}

int __wrap_sd_event_add_time_relative(sd_event *e, sd_event_source **s, clockid_t clock,
	uint64_t usec, uint64_t accuracy, sd_event_time_handler_t callback, void *user)
{
	bool prune = clock == CLOCK_BOOTTIME;

	assert_int_equal(usec, prune ? RUN : LIMIT_CHECKPOINT);
	return fails(prune ? "add_prune" : "add_time")
		       ? -ENOMEM
		       : __real_sd_event_add_time_relative(
				 e, s, clock, TICK, accuracy ? accuracy : 1, callback, user);
}

int __wrap_sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec)
{
	assert_true(usec == LIMIT_CHECKPOINT || usec == PAUSE || usec == DAY);
	at.days += usec == DAY;
	if (usec == DAY && !at.short_days) {
		return __real_sd_event_source_set_time_relative(s, usec);
	}
	return fails("set_time")
		       ? -ENOMEM
		       : __real_sd_event_source_set_time_relative(s, usec == PAUSE ? 0 : TICK);
}

/* -- the record ------------------------------------------------------------------------------------ */

void audit_head(const struct audit *a, uint64_t *ret_size, uint8_t ret_root[MERKLE_HASH])
{
	(void)a;
	memset(ret_root, 0, MERKLE_HASH);
	*ret_size = at.size;
}

int audit_checkpoint(struct audit *a, struct buf *out)
{
	(void)a;
	(void)out;
	at.checkpoints++;
	return at.checkpoint_result;
}

int audit_oldest(struct audit *a, uint64_t *ret_wall)
{
	(void)a;
	*ret_wall = at.oldest;
	return at.oldest > 0 ? 0 : AUDIT_NO_ENTRY;
}

uint64_t audit_pruned(const struct audit *a)
{
	(void)a;
	return at.pruned;
}

int audit_prune(struct audit *a, uint64_t before, bool *ret_more)
{
	(void)a;
	at.prunes++;
	at.before = before;
	*ret_more = at.steps_left > 0;
	at.steps_left -= at.steps_left > 0;
	return at.prune_result;
}

int audit_sent_keep(struct audit *a)
{
	(void)a;
	at.kept++;
	return at.keep_result;
}

const char *audit_cause(const struct audit *a)
{
	(void)a;
	return "disk full";
}

void audit_on_append(struct audit *a, void (*appended)(void *user), void *user)
{
	(void)a;
	at.appended = appended;
	at.user = user;
}

static void append(void)
{
	at.size++;
	if (at.appended) {
		at.appended(at.user);
	}
}

/* -- the tests ------------------------------------------------------------------------------------- */

static void on_set(void *user)
{
	assert_ptr_equal(user, &at);
	at.set++;
}

static void on_slept(void *user)
{
	assert_ptr_equal(user, &at);
	at.slept++;
}

static void on_recorded(void *user)
{
	assert_ptr_equal(user, &at);
	at.recorded++;
}

static const struct upkeep_ops ops = {
	.clock_set = on_set, .slept = on_slept, .recorded = on_recorded};

static bool on_keep(void *user)
{
	assert_ptr_equal(user, &at);
	at.looks++;
	at.looks_left -= at.looks_left > 0;
	return at.looks_left > 0;
}

static struct upkeep_ops keeping = {
	.clock_set = on_set, .slept = on_slept, .recorded = on_recorded, .keep = on_keep};
static uint32_t retention;				 /* days */
static struct audit *const record = (struct audit *)&at; /* never looked into */

static int begin(void **state)
{
	const struct upkeep_ops *o = *state ? *state : &ops; /* given with the test, or none */
	struct upkeep *u = NULL;

	memset(&at, 0, sizeof(at));
	at.wall = IN_2026;
	at.boot = at.monotonic = STARTED;
	assert_true(sd_event_new(&ev) >= 0);
	retention = 3 * 366;
	assert_int_equal(upkeep_new(ev, record, &retention, o, &at, &u), 0);
	*state = u;
	return 0;
}

static int finish(void **state)
{
	upkeep_free(*state);
	assert_null(at.appended);
	ev = sd_event_unref(ev);
	return 0;
}

/* Everything there is to do within @usec. */
static void run(uint64_t usec)
{
	while (sd_event_run(ev, usec) > 0) {
	}
}

/* The kernel says that the wall clock was set. */
static void told(void)
{
	const uint64_t one = 1;

	assert_int_equal(write(at.fd, &one, sizeof(one)), (ssize_t)sizeof(one));
	run(0);
}

static void pass(uint64_t usec)
{
	at.wall += usec;
	at.boot += usec;
	at.monotonic += usec;
}

static void a_checkpoint_follows_what_is_new_once(void **state)
{
	(void)state;
	append(); /* the start's own */
	run(5 * TICK);
	assert_int_equal(at.checkpoints, 1);
	run(5 * TICK); /* nothing new: nothing wakes up */
	assert_int_equal(at.checkpoints, 1);
	append();
	append();
	append();
	run(5 * TICK);
	assert_int_equal(at.checkpoints, 2);
}

static void entries_that_go_on_do_not_put_it_off(void **state)
{
	(void)state;
	for (int i = 0; i < 40 && at.checkpoints == 0; i++) {
		append();
		(void)sd_event_run(ev, TICK / 10);
	}
	assert_int_equal(at.checkpoints, 1);
}

static void a_checkpoint_that_fails_is_made_with_the_next_entry(void **state)
{
	(void)state;
	at.checkpoint_result = AUDIT_UNAVAILABLE;
	append();
	run(5 * TICK);
	assert_int_equal(at.checkpoints, 1);
	at.checkpoint_result = 0;
	append();
	run(5 * TICK);
	assert_int_equal(at.checkpoints, 2);
}

static void the_end_makes_one_when_there_is_something_new(void **state)
{
	append();
	*state = upkeep_free(*state);
	assert_int_equal(at.checkpoints, 1);
	append(); /* nobody listens */
	assert_null(upkeep_free(NULL));
}

static void a_clock_that_is_set_is_told_whichever_way(void **state)
{
	static const int64_t steps[] = {3600, -3600, 3, -3, -56LL * 365 * 86400};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(steps); i++) {
		pass(10 * USEC_PER_SEC);
		at.monotonic ^= 1; /* it is read a moment after the other, or so it seems */
		at.wall += (uint64_t)steps[i] * USEC_PER_SEC;
		told();
		assert_int_equal(at.set, i + 1);
	}
	at.wall += USEC_PER_SEC; /* slewed by a second: drift */
	told();
	assert_int_equal(at.set, ARRAY_LEN(steps));
	assert_int_equal(at.slept, 0);
	assert_int_equal(at.settings, 1 + ARRAY_LEN(steps) + 1);
}

static void a_sleep_is_no_clock_that_was_set(void **state)
{
	(void)state;
	pass(10 * USEC_PER_SEC);
	at.wall += 3600 * USEC_PER_SEC;
	at.boot += 3600 * USEC_PER_SEC; /* the monotonic clock stood still */
	told();
	assert_int_equal(at.slept, 1);
	assert_int_equal(at.set, 0);
	told(); /* that it was said twice is nothing new */
	assert_int_equal(at.slept, 1);
	at.boot += 3600 * USEC_PER_SEC; /* asleep again, and the wall clock came back wrong */
	told();
	assert_int_equal(at.slept, 2);
	assert_int_equal(at.set, 1);
}

static void a_timer_that_says_that_it_was_canceled_is_one(void **state)
{
	(void)state;
	at.canceled = true;
	told();
	at.wall += 60 * USEC_PER_SEC;
	told();
	assert_int_equal(at.set, 1);
}

static void a_timer_that_cannot_be_set_again_is_given_up(void **state)
{
	(void)state;
	at.fails = "timerfd_settime";
	at.wall += 60 * USEC_PER_SEC;
	told();
	assert_int_equal(at.set, 1);
	at.wall += 60 * USEC_PER_SEC;
	told();
	assert_int_equal(at.set, 1);
	at.fails = NULL;
}

static void without_its_timer_nothing_breaks(void **state)
{
	(void)state;
	run(5 * TICK); /* the first one is over */
	at.fails = "set_time";
	append();
	run(5 * TICK);
	assert_int_equal(at.checkpoints, 0);
	at.fails = NULL;
	append();
	run(5 * TICK);
	assert_int_equal(at.checkpoints, 1);
}

static void what_cannot_be_made_is_a_fault(void **state)
{
	static const char *const names[] = {"calloc", "timerfd_create", "timerfd_settime",
		"add_io", "add_time", "add_prune"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct upkeep *u = NULL;
		int mine = at.fd;

		at.fails = names[i];
		assert_true(upkeep_new(ev, record, &retention, &ops, &at, &u) < 0);
		assert_null(u);
		at.fails = NULL;
		at.fd = mine;
	}
	append(); /* the one there is still listens */
	assert_non_null(at.appended);
}

/* -- what is too old ------------------------------------------------------------------------------- */

static void each_entry_is_told_and_what_was_sent_is_kept_with_the_checkpoint(void **state)
{
	(void)state;
	append();
	append();
	assert_int_equal(at.recorded, 2);
	run(5 * TICK);
	assert_int_equal(at.kept, 1);
	at.keep_result = AUDIT_UNAVAILABLE; /* it is kept with a later one */
	append();
	run(5 * TICK);
	assert_int_equal(at.kept, 2);
}

static void a_run_goes_on_in_steps_and_the_next_is_a_day_later(void **state)
{
	(void)state;
	at.oldest = at.wall - 3 * 366 * DAY - DAY;
	at.steps_left = 7;
	run(5 * TICK);
	assert_int_equal(at.prunes, 8);
	assert_int_equal(at.before, at.wall - 3 * 366 * DAY);
	assert_int_equal(at.days, 1);
}

static void a_clock_that_is_years_ahead_costs_a_month_a_day(void **state)
{
	(void)state;
	at.wall += 50 * 366 * DAY;
	at.oldest = IN_2026;
	at.short_days = true;
	at.steps_left = 3;
	run(0);
	while (at.days < 1) {
		(void)sd_event_run(ev, TICK);
	}
	assert_int_equal(at.before, IN_2026 + 31 * DAY);
	at.oldest = IN_2026 + 31 * DAY; /* what is left */
	at.steps_left = 3;
	while (at.days < 2) {
		(void)sd_event_run(ev, TICK);
	}
	assert_int_equal(at.before, IN_2026 + 62 * DAY);
	assert_int_equal(at.prunes, 8);
}

/* The pass of before is finished all the same: audit_prune() is asked, for nothing that is newer. */
static void nothing_is_too_old_without_a_retention_or_an_entry(void **state)
{
	static const struct {
		uint32_t retention;
		uint64_t oldest;
		uint64_t wall;
	} rows[] = {{0, 1, IN_2026}, {3 * 366, 0, IN_2026}, {3 * 366, 1, 5}};

	(void)state;
	at.short_days = true;
	for (unsigned int i = 0; i < ARRAY_LEN(rows); i++) {
		retention = rows[i].retention;
		at.oldest = rows[i].oldest;
		at.wall = rows[i].wall;
		at.before = 1;
		while (at.days == i) {
			(void)sd_event_run(ev, TICK);
		}
		assert_int_equal(at.before, 0);
	}
}

/* What was begun is finished at each start, nothing new is begun. */
static void a_start_begins_no_run_when_there_was_one_today(void **state)
{
	static const struct {
		int64_t since; /* hours */
		bool runs;
	} rows[] = {{0, false}, {1, false}, {22, false}, {24, true}, {500, true},
		{-1, true} /* of a clock that was ahead */};

	(void)state;
	at.short_days = true;
	at.oldest = IN_2026 - 4 * 366 * DAY;
	for (unsigned int i = 0; i < ARRAY_LEN(rows); i++) {
		at.pruned = at.wall - (uint64_t)rows[i].since * 3600 * USEC_PER_SEC;
		at.before = 1;
		while (at.days == i) {
			(void)sd_event_run(ev, TICK);
		}
		assert_int_equal(at.before, rows[i].runs ? at.oldest + 31 * DAY : 0);
		assert_int_equal(at.prunes, i + 1);
	}
}

static void what_cannot_be_pruned_is_tried_on_the_next_day(void **state)
{
	(void)state;
	at.oldest = 1;
	at.short_days = true;
	at.steps_left = 5;
	at.prune_result = AUDIT_UNAVAILABLE;
	while (at.days < 2) {
		(void)sd_event_run(ev, TICK);
	}
	assert_int_equal(at.prunes, 2);
}

/* One day's wait is that of the run, the other that of the look. */
static void dossiers_are_looked_for_in_steps_and_again_a_day_later(void **state)
{
	(void)state;
	at.looks_left = 4;
	run(5 * TICK);
	assert_int_equal(at.looks, 4);
	assert_int_equal(at.days, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, finish)
		T(a_checkpoint_follows_what_is_new_once),
		T(entries_that_go_on_do_not_put_it_off),
		T(a_checkpoint_that_fails_is_made_with_the_next_entry),
		T(the_end_makes_one_when_there_is_something_new),
		T(a_clock_that_is_set_is_told_whichever_way),
		T(a_sleep_is_no_clock_that_was_set),
		T(a_timer_that_says_that_it_was_canceled_is_one),
		T(a_timer_that_cannot_be_set_again_is_given_up),
		T(without_its_timer_nothing_breaks),
		T(what_cannot_be_made_is_a_fault),
		T(each_entry_is_told_and_what_was_sent_is_kept_with_the_checkpoint),
		T(a_run_goes_on_in_steps_and_the_next_is_a_day_later),
		T(a_clock_that_is_years_ahead_costs_a_month_a_day),
		T(nothing_is_too_old_without_a_retention_or_an_entry),
		T(a_start_begins_no_run_when_there_was_one_today),
		T(what_cannot_be_pruned_is_tried_on_the_next_day),
		cmocka_unit_test_prestate_setup_teardown(
			dossiers_are_looked_for_in_steps_and_again_a_day_later, begin, finish,
			&keeping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
