/* SPDX-License-Identifier: EUPL-1.2 */
/* Turning the loop of the desk until something has come of it, and looking at what that was. */
#include "tests/unit/session/desk.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/unit/session/recorded.h"

/* -- turning ------------------------------------------------------------------------------------- */

bool desk_run(bool (*done)(void *user), void *user, unsigned int ms)
{
	uint64_t until = clock_monotonic() + ms * USEC_PER_MS;

	while (!done(user)) {
		if (clock_monotonic() > until) {
			return false;
		}
		assert_true(sd_event_run(desk.ev, 10 * USEC_PER_MS) >= 0);
	}
	return true;
}

static bool never(void *user)
{
	(void)user;
	return false;
}

void desk_settle(unsigned int ms)
{
	(void)desk_run(never, NULL, ms);
}

static bool said(void *user)
{
	const char *words = *(const char *const *)user;
	size_t n = strlen(words);
	struct view log = buf_view(&desk.log);

	for (size_t i = 0; i + n <= log.len; i++) {
		if (view_equal(view_sub(log, i, n), view_of(words, n))) {
			return true;
		}
	}
	return false;
}

void desk_hear(const char *words)
{
	if (!desk_run(said, &words, 15000)) {
		fail_msg("waited for '%s', heard '%.*s'", words, (int)desk.log.len,
			(const char *)desk.log.data);
	}
}

void desk_forget(void)
{
	buf_reset(&desk.log);
}

static bool recognised(void *user)
{
	const struct desk_card *p = user;
	const struct card_reader *r = desk_reader(p->reader);

	return r && r->card && r->card->recognised;
}

struct card *desk_present(struct desk_card *p)
{
	static const char hello_said[] = "service";

	desk_hear(hello_said);
	desk_in(p);
	assert_true(desk_run(recognised, p, 15000));
	return desk_reader(p->reader)->card;
}

struct card_reader *desk_reader(const char *name)
{
	struct card_reader *r;

	for (size_t i = 0; (r = cards_reader(desk.cards, i)) != NULL; i++) {
		if (strcmp(r->name, name) == 0) {
			return r;
		}
	}
	return NULL;
}

/* -- the record ---------------------------------------------------------------------------------- */

unsigned int desk_recorded(enum audit_event e, const char *outcome)
{
	return recorded_in(desk.audit, e, outcome);
}
