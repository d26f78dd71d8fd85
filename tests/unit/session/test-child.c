/* SPDX-License-Identifier: EUPL-1.2 */
/* Children that answer, hang, lie, crash and leave; every request is answered once or forgotten. */
#include "base/clock.h"
#include "daemon/limits.h"
#include "daemon/session/child.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_WAIT (20ULL * USEC_PER_SEC)

static struct {
	sd_event *ev;
	struct child *c;
	char why[32];
	unsigned int ends;
	unsigned int events;
	char event[16];
	unsigned int answers;
	unsigned int nulls;
	struct buf last;
	uint8_t last_op;
	bool free_in_answer;
	bool free_in_end;
	bool ask_in_answer;
	struct child *other; /* gets what the first one was asked */
	unsigned int offered;
	const char *offered_why;
	int moved;
	unsigned int wire_taken;
	unsigned int wire_free;
} t;

static void on_event(void *user, struct link_frame *event)
{
	assert_ptr_equal(user, &t);
	t.events++;
	assert_int_equal(view_copy_str(event->body, t.event, sizeof(t.event)), 0);
	assert_int_equal(event->op, 77);
}

static void on_ended(void *user, const char *why)
{
	assert_ptr_equal(user, &t);
	t.ends++;
	assert_int_equal(view_copy_str(view_str(why), t.why, sizeof(t.why)), 0);
	if (t.free_in_end) {
		t.c = child_free(t.c);
	}
}

static void on_answer(void *user, struct link_frame *f)
{
	(void)user;
	if (!f) {
		t.nulls++;
	} else {
		t.answers++;
		t.last_op = f->op;
		buf_reset(&t.last);
		buf_put_view(&t.last, f->body);
	}
	if (t.ask_in_answer) {
		t.ask_in_answer = false;
		assert_int_equal(child_request(t.c, 1, VIEW_TEXT("inner"), NULL, 0, LONG_WAIT,
					 on_answer, &t),
			f ? 0 : CHILD_GONE);
	}
	if (t.free_in_answer) {
		t.c = child_free(t.c);
	}
}

/* As who wants the first answer of a child to be asked of another one. */
static bool on_offer(void *user, uint8_t op, struct link_frame *answer, const char *why)
{
	assert_ptr_equal(user, &t);
	assert_true(op > 0);
	assert_true(!answer == (why != NULL));
	t.offered++;
	t.offered_why = why;
	if (!t.other) {
		return true;
	}
	t.moved = child_move(t.c, t.other);
	if (t.moved != 0) {
		return true;
	}
	child_free(t.c);
	t.c = t.other;
	t.other = NULL;
	return false;
}

static void on_wire(void *user, bool taken)
{
	assert_ptr_equal(user, &t);
	t.wire_taken += taken ? 1 : 0;
	t.wire_free += taken ? 0 : 1;
}

static const struct child_ops ops = {.event = on_event, .ended = on_ended};
static const struct child_ops ops_no_events = {.ended = on_ended};
static const struct child_ops ops_offer = {
	.event = on_event, .answer = on_offer, .wire = on_wire, .ended = on_ended};
static char *const env[] = {(char[]){"ONLY=this"}, NULL};

static int setup(void **state)
{
	sigset_t signals;

	(void)state;
	memset(&t, 0, sizeof(t));
	t.last = BUF_NULL(LINK_MAX_FRAME);
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	assert_int_equal(sd_event_new(&t.ev), 0);
	return child_start(t.ev, TEST_CHILD, env, &ops, &t, &t.c);
}

static int teardown(void **state)
{
	siginfo_t si;

	(void)state;
	t.c = child_free(t.c);
	t.other = child_free(t.other);
	t.ev = sd_event_unref(t.ev);
	buf_done(&t.last);
	assert_int_equal(waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT), -1);
	return errno == ECHILD ? 0 : -1;
}

static void turn(unsigned int answers, unsigned int ends)
{
	uint64_t until = clock_monotonic() + LONG_WAIT;

	while (t.answers + t.nulls < answers || t.ends < ends) {
		assert_true(clock_monotonic() < until);
		assert_true(sd_event_run(t.ev, 10000) >= 0);
	}
}

static void ask(uint8_t op, uint64_t timeout)
{
	assert_int_equal(
		child_request(t.c, op, VIEW_TEXT("body"), NULL, 0, timeout, on_answer, &t), 0);
}

static bool last_is(const char *text)
{
	return view_equal(buf_view(&t.last), view_str(text));
}

static void an_answer_comes_once_and_never_from_within_the_request(void **state)
{
	(void)state;
	ask(1, LONG_WAIT);
	assert_int_equal(t.answers, 0);
	turn(1, 0);
	assert_true(last_is("body"));
	assert_int_equal(t.answers, 1);
	assert_int_equal(t.ends, 0);
	assert_true(child_pid(t.c) > 0);
}

static void requests_wait_their_turn(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < LIMIT_CHILD_QUEUE; i++) {
		ask(i % 2 ? 1 : 18, LONG_WAIT);
	}
	assert_int_equal(child_request(t.c, 1, VIEW_NULL, NULL, 0, LONG_WAIT, on_answer, &t),
		CHILD_GONE);
	turn(LIMIT_CHILD_QUEUE, 0);
	assert_int_equal(t.answers, LIMIT_CHILD_QUEUE);
	assert_int_equal(t.last_op, 1);
}

static void a_request_may_be_made_from_within_an_answer(void **state)
{
	(void)state;
	t.ask_in_answer = true;
	ask(1, LONG_WAIT);
	turn(2, 0);
	assert_true(last_is("inner"));
}

static void the_environment_is_only_what_was_given(void **state)
{
	(void)state;
	ask(8, LONG_WAIT);
	turn(1, 0);
	assert_true(last_is("ONLY=this;"));
}

static void a_child_has_four_descriptors_and_no_signal_blocked(void **state)
{
	(void)state;
	ask(16, LONG_WAIT);
	turn(1, 0);
	assert_true(last_is("0 1 2 3 "));
	ask(17, LONG_WAIT);
	turn(2, 0);
	assert_true(last_is("none"));
}

static void descriptors_are_passed_and_stay_the_callers(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], "1234", 4), 4);
	close(ends[1]);
	ask(1, LONG_WAIT); /* so that the second one waits with its duplicate */
	assert_int_equal(
		child_request(t.c, 9, VIEW_NULL, ends, 1, LONG_WAIT, on_answer, &t), 0);
	assert_int_equal(close(ends[0]), 0);
	turn(2, 0);
	assert_true(last_is("1234"));
}

static void a_bad_request_is_a_fault(void **state)
{
	static const uint8_t large[LINK_MAX_FRAME];
	int bad[3] = {-1, -1, -1};

	(void)state;
	assert_true(child_request(t.c, 1, VIEW(large), NULL, 0, LONG_WAIT, on_answer, &t) < 0);
	assert_true(child_request(t.c, 1, VIEW_NULL, bad, 1, LONG_WAIT, on_answer, &t) < 0);
	assert_true(child_request(t.c, 1, VIEW_NULL, bad, 3, LONG_WAIT, on_answer, &t) < 0);
	ask(1, LONG_WAIT);
	turn(1, 0);
}

static void events_come_beside_answers(void **state)
{
	(void)state;
	ask(7, LONG_WAIT);
	turn(1, 0);
	assert_int_equal(t.events, 1);
	assert_string_equal(t.event, "event");
}

static void an_event_that_nobody_wants_is_malformed(void **state)
{
	(void)state;
	t.c = child_free(t.c);
	assert_int_equal(child_start(t.ev, TEST_CHILD, env, &ops_no_events, &t, &t.c), 0);
	ask(7, LONG_WAIT);
	turn(1, 1);
	assert_string_equal(t.why, "malformed");
	assert_int_equal(t.nulls, 1);
}

/* Each of these ends the child, and every waiting request hears it once. */
static void bad_children_end_with_a_word(void **state)
{
	static const struct {
		uint8_t op;
		uint64_t timeout;
		const char *why;
		unsigned int answers;
	} rows[] = {
		{2, 50 * USEC_PER_MS, "deadline", 0},
		{3, LONG_WAIT, "exited", 0},
		{4, LONG_WAIT, "malformed", 0},
		{5, LONG_WAIT, "killed", 0},
		{6, LONG_WAIT, "malformed", 0},
		{10, LONG_WAIT, "hangup", 0},
		{12, LONG_WAIT, "malformed", 0},
		{13, LONG_WAIT, "malformed", 0},
		{14, LONG_WAIT, "hangup", 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ask(rows[i].op, rows[i].timeout);
		ask(1, LONG_WAIT);
		turn(2, 1);
		assert_string_equal(t.why, rows[i].why);
		assert_int_equal(t.answers, 0);
		assert_int_equal(t.nulls, 2);
		assert_int_equal(t.ends, 1);
		assert_int_equal(
			child_request(t.c, 1, VIEW_NULL, NULL, 0, LONG_WAIT, on_answer, &t),
			CHILD_GONE);
		assert_int_equal(teardown(state), 0);
		assert_int_equal(setup(state), 0);
	}
}

static void the_last_words_are_heard_before_the_end(void **state)
{
	(void)state;
	ask(11, LONG_WAIT);
	turn(1, 1);
	assert_int_equal(t.answers, 1);
	assert_int_equal(t.nulls, 0);
	assert_string_equal(t.why, "exited");
}

static void a_second_answer_is_malformed(void **state)
{
	(void)state;
	ask(15, LONG_WAIT);
	turn(1, 1);
	assert_int_equal(t.answers, 1);
	assert_string_equal(t.why, "malformed");
}

static void an_answer_or_the_end_may_free_the_child(void **state)
{
	(void)state;
	t.free_in_answer = true;
	ask(1, LONG_WAIT);
	ask(1, LONG_WAIT);
	turn(1, 0);
	assert_null(t.c);
	assert_int_equal(t.answers, 1);
	assert_int_equal(teardown(state), 0);
	assert_int_equal(setup(state), 0);
	t.free_in_answer = true; /* from within the answer that tells the end */
	ask(3, LONG_WAIT);
	ask(1, LONG_WAIT);
	turn(1, 0);
	assert_null(t.c);
	assert_int_equal(t.nulls, 1);
	assert_int_equal(t.ends, 0);
	assert_int_equal(teardown(state), 0);
	assert_int_equal(setup(state), 0);
	t.free_in_end = true;
	t.ask_in_answer = true; /* while it ends: gone */
	ask(3, LONG_WAIT);
	turn(1, 1);
	assert_null(t.c);
}

static void forgotten_requests_are_not_answered(void **state)
{
	int other;

	(void)state;
	ask(1, LONG_WAIT); /* on the wire: it is answered to nobody */
	ask(1, LONG_WAIT);
	assert_int_equal(
		child_request(t.c, 1, VIEW_TEXT("mine"), NULL, 0, LONG_WAIT, on_answer, &other),
		0);
	ask(1, LONG_WAIT);
	child_forget(t.c, &t);
	turn(1, 0);
	assert_int_equal(t.answers, 1);
	assert_true(last_is("mine"));
	child_forget(t.c, &t); /* nothing waits */
	ask(2, LONG_WAIT);
	child_forget(t.c, &other);
	child_forget(t.c, &t);
	t.c = child_free(t.c);
	assert_int_equal(t.nulls, 0);
	assert_int_equal(t.ends, 0);
}

static void a_program_that_is_not_there_is_a_fault(void **state)
{
	struct child *c = NULL;

	(void)state;
	assert_int_equal(child_start(t.ev, TEST_CHILD "-nowhere", env, &ops, &t, &c), -ENOENT);
	assert_null(c);
	assert_null(child_free(NULL));
}

static void a_frozen_child_that_does_not_read_misses_its_deadline(void **state)
{
	static const uint8_t large[60000];

	(void)state;
	/* it is silent and reads on; a stopped process does not even read */
	assert_int_equal(kill(child_pid(t.c), SIGSTOP), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(child_request(t.c, 2, VIEW(large), NULL, 0, 50 * USEC_PER_MS,
					 on_answer, &t),
			0);
	}
	turn(3, 1);
	assert_string_equal(t.why, "deadline");
	assert_int_equal(t.nulls, 3);
}

static void ask_silence(uint8_t op, uint64_t timeout, uint64_t silence)
{
	child_set_silence(t.c, silence);
	ask(op, timeout);
	child_set_silence(t.c, 0); /* of those to come */
}

static void a_sign_of_life_renews_the_silence_and_not_the_whole(void **state)
{
	(void)state;
	ask_silence(19, LONG_WAIT, 200 * USEC_PER_MS); /* takes 300 ms and more */
	turn(1, 0);
	assert_int_equal(t.events, 10);
	assert_true(last_is("body"));
	ask_silence(20, 200 * USEC_PER_MS, 150 * USEC_PER_MS);
	turn(2, 1);
	assert_string_equal(t.why, "deadline");
	assert_true(t.events < 10 + 12);
	assert_int_equal(teardown(state), 0);
	assert_int_equal(setup(state), 0);
	ask_silence(2, LONG_WAIT, 50 * USEC_PER_MS);
	turn(1, 1);
	assert_string_equal(t.why, "deadline");
}

static bool lives_for(unsigned int ms)
{
	uint64_t until = clock_monotonic() + ms * USEC_PER_MS;

	while (clock_monotonic() < until) {
		assert_true(sd_event_run(t.ev, 10000) >= 0);
	}
	return child_alive(t.c) && t.ends == 0;
}

static void the_time_of_a_held_child_stands_still(void **state)
{
	static const uint64_t silences[] = {0, 50 * USEC_PER_MS};

	for (size_t i = 0; i < ARRAY_LEN(silences); i++) {
		ask_silence(2, 60 * USEC_PER_MS, silences[i]);
		child_hold(t.c, true);
		child_hold(t.c, true);
		assert_true(lives_for(150));
		child_hold(t.c, false);
		child_hold(t.c, false);
		turn(1, 1);
		assert_string_equal(t.why, "deadline");
		child_hold(t.c, true); /* it is over */
		assert_false(child_alive(t.c));
		assert_int_equal(teardown(state), 0);
		assert_int_equal(setup(state), 0);
	}
	/* a request that is made while it is held, and signs of life meanwhile */
	child_hold(t.c, true);
	ask_silence(19, 100 * USEC_PER_MS, 60 * USEC_PER_MS);
	turn(1, 0);
	assert_int_equal(t.events, 10);
	ask(2, 50 * USEC_PER_MS);
	assert_true(lives_for(100));
	child_hold(t.c, false);
	turn(2, 1);
}

static void a_condemned_child_is_killed(void **state)
{
	(void)state;
	assert_true(child_alive(t.c));
	ask(2, LONG_WAIT);
	child_condemn(t.c, "malformed");
	child_condemn(t.c, "else");
	assert_false(child_alive(t.c));
	turn(1, 1);
	assert_string_equal(t.why, "malformed");
	assert_int_equal(t.nulls, 1);
}

static void an_answer_may_be_given_back_and_asked_of_another_child(void **state)
{
	static const struct {
		uint8_t op;
		const char *why; /* NULL: it answered */
	} rows[] = {{1, NULL}, {3, "exited"}, {5, "killed"}, {4, "malformed"}, {2, "deadline"}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		t.c = child_free(t.c);
		assert_int_equal(child_start(t.ev, TEST_CHILD, env, &ops_offer, &t, &t.c), 0);
		assert_int_equal(
			child_start(t.ev, TEST_CHILD, env, &ops_offer, &t, &t.other), 0);
		ask(rows[i].op, 100 * USEC_PER_MS);
		ask(1, LONG_WAIT); /* moves along */
		if (rows[i].why) {
			turn(2, 1); /* the other one fares no better */
			assert_int_equal(t.nulls, 2);
			assert_string_equal(t.offered_why, rows[i].why);
			assert_int_equal(t.offered, 2);
		} else {
			turn(2, 0);
			assert_int_equal(t.answers, 2);
			assert_true(last_is("body")); /* asked in full */
			assert_int_equal(t.offered, 3);
		}
		assert_int_equal(t.moved, 0);
		assert_int_equal(t.wire_taken, t.wire_free);
		assert_int_equal(t.ends, rows[i].why ? 1 : 0);
		assert_int_equal(teardown(state), 0);
		assert_int_equal(setup(state), 0);
	}
}

static void descriptors_that_were_handed_on_cannot_be_asked_again(void **state)
{
	int ends[2];

	(void)state;
	t.c = child_free(t.c);
	assert_int_equal(child_start(t.ev, TEST_CHILD, env, &ops_offer, &t, &t.c), 0);
	assert_int_equal(child_start(t.ev, TEST_CHILD, env, &ops_offer, &t, &t.other), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(
		child_request(t.c, 3, VIEW_NULL, ends, 1, LONG_WAIT, on_answer, &t), 0);
	close(ends[0]);
	close(ends[1]);
	turn(1, 1);
	assert_int_equal(t.moved, CHILD_GONE);
	assert_int_equal(t.nulls, 1);
	assert_non_null(t.other);
}

static void a_child_may_get_another_owner(void **state)
{
	static const struct child_ops first = {.ended = on_ended};
	int other;

	(void)state;
	t.c = child_free(t.c);
	assert_int_equal(child_start(t.ev, TEST_CHILD, env, &first, &other, &t.c), 0);
	child_adopt(t.c, &ops_offer, &t);
	ask(7, LONG_WAIT);
	turn(1, 0);
	assert_int_equal(t.events, 1);
	assert_int_equal(t.wire_taken, 1);
	assert_int_equal(t.wire_free, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(an_answer_comes_once_and_never_from_within_the_request),
		T(requests_wait_their_turn),
		T(a_request_may_be_made_from_within_an_answer),
		T(the_environment_is_only_what_was_given),
		T(a_child_has_four_descriptors_and_no_signal_blocked),
		T(descriptors_are_passed_and_stay_the_callers),
		T(a_bad_request_is_a_fault),
		T(events_come_beside_answers),
		T(an_event_that_nobody_wants_is_malformed),
		T(bad_children_end_with_a_word),
		T(the_last_words_are_heard_before_the_end),
		T(a_second_answer_is_malformed),
		T(an_answer_or_the_end_may_free_the_child),
		T(forgotten_requests_are_not_answered),
		T(a_program_that_is_not_there_is_a_fault),
		T(a_frozen_child_that_does_not_read_misses_its_deadline),
		T(a_sign_of_life_renews_the_silence_and_not_the_whole),
		T(the_time_of_a_held_child_stands_still),
		T(a_condemned_child_is_killed),
		T(an_answer_may_be_given_back_and_asked_of_another_child),
		T(descriptors_that_were_handed_on_cannot_be_asked_again),
		T(a_child_may_get_another_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
