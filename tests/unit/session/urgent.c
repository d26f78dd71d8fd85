/* SPDX-License-Identifier: EUPL-1.2 */
/* Emergencies and their neighbours: see urgent.h. */
#include "tests/unit/session/urgent.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

struct played *vitale;
struct played *cps;

int urgent_setup(void **state)
{
	int r = world_setup(state);

	usual_cards(&vitale, &cps);
	vitale->in = true;
	cps->in = true;
	return r;
}

struct session *open_as(
	enum session_mode mode, const char *patient, bool wait, const char *owner, uid_t uid)
{
	struct session_options o = {
		.mode = mode, .reason = "Patiente inconsciente", .wait = wait};
	_cleanup_json_ json_t *j = NULL;
	struct session *s = NULL;

	if (patient) {
		assert_int_equal(json_parse(view_str(patient), &j), 0);
		o.patient = j;
	}
	if (!session_mode_emergency(mode)) {
		o.reason = NULL;
	}
	assert_int_equal(session_open(world.all, owner, uid, &o, &s), 0);
	return s;
}

struct session *emergency(const char *patient)
{
	return open_as(SESSION_MODE_BRIS_DE_GLACE, patient, false, ":1.8", 1000);
}

struct session *opened(const char *patient)
{
	struct session *s = emergency(patient);

	world_reach(s, ST(UNLOCKED));
	return s;
}

struct session *unlock(void)
{
	struct session *s = world_session(SESSION_MODE_NORMAL);

	world_reach(s, ST(UNLOCKED));
	return s;
}

static void freed(void *user)
{
	++*(unsigned int *)user;
}

static bool is_freed(void *user)
{
	return *(unsigned int *)user > 0;
}

void lend(const struct played *p)
{
	struct card_reader *r = usual_slot(p);
	unsigned int n = 0;

	assert_int_equal(sessions_reader_lend(world.all, r, 1000, freed, &n), 0);
	assert_true(world_run(is_freed, &n, 10000));
	cards_lend(world.cards, r, true);
}

void give_back(const struct played *p)
{
	struct card_reader *r = usual_slot(p);

	cards_lend(world.cards, r, false);
	sessions_reader_returned(world.all, r);
}
