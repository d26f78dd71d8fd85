/* SPDX-License-Identifier: EUPL-1.2 */
/* Turning the world's loop until something is so, and what it must be then. */
#include "tests/unit/session/world.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "base/clock.h"
#include "tests/unit/session/recorded.h"

bool world_run(bool (*done)(void *user), void *user, unsigned int ms)
{
	uint64_t until = clock_monotonic() + ms * USEC_PER_MS;

	while (!done(user)) {
		if (clock_monotonic() > until) {
			return false;
		}
		assert_true(sd_event_run(world.ev, 10 * USEC_PER_MS) >= 0);
	}
	return true;
}

static bool never(void *user)
{
	(void)user;
	return false;
}

void world_settle(unsigned int ms)
{
	(void)world_run(never, NULL, ms);
}

struct session *world_open(const struct session_options *o)
{
	struct session *s = NULL;

	assert_int_equal(session_open(world.all, ":1.7", 1000, o, &s), 0);
	return s;
}

struct session *world_session(enum session_mode mode)
{
	const struct session_options o = {.mode = mode, .application = "app"};

	return world_open(&o);
}

struct waiting {
	struct session *s;
	enum session_state state;
};

static bool reached(void *user)
{
	const struct waiting *w = user;

	return session_state(w->s) == w->state || session_state_ended(session_state(w->s));
}

void world_reach(struct session *s, enum session_state state)
{
	struct waiting w = {.s = s, .state = state};

	if (!world_run(reached, &w, 20000)) {
		fail_msg("still %s instead of %s", session_state_word(session_state(s)),
			session_state_word(state));
	}
	if (session_state(s) != state) {
		fail_msg("%s: %s instead of %s", session_state_word(session_state(s)),
			vitaled_reason_word(session_reason(s)), session_state_word(state));
	}
}

static bool ended(void *user)
{
	return session_state_ended(session_state(user));
}

void world_end(struct session *s, enum session_state state, enum vitaled_reason r)
{
	if (!world_run(ended, s, 20000)) {
		fail_msg("still %s", session_state_word(session_state(s)));
	}
	assert_string_equal(vitaled_reason_word(session_reason(s)), vitaled_reason_word(r));
	assert_string_equal(session_state_word(session_state(s)), session_state_word(state));
	assert_null(session_patient(s));
	assert_null(session_professional(s));
	assert_int_equal(session_expires(s), 0);
}

unsigned int world_recorded(enum audit_event e, const char *outcome)
{
	return recorded_in(world.audit, e, outcome);
}
