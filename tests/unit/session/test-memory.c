/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Whole sessions while one call fails: memory, processes, timers, randomness. Whatever fails, and
 * wherever, the session unlocks properly or ends with a reason, and nothing crashes or stays.
 */
#include "base/clock.h"
#include "tests/unit/session/memory.h"
#include "tests/unit/session/played.h"
#include "tests/unit/session/world.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

static struct forged_card *vitale_made; /* once for a story: only the rooms are new each time */
static struct forged_card *cps_made;
static struct played *vitale;
static struct played *cps;

static void put_in(void)
{
	size_t mark;

	vitale = play_vitale(READER_A, vitale_made);
	play_person(vitale, "DUPONT", "ALICE", "19800714", "280075632100123", 1);
	play_person(vitale, "DUPONT", "BRUNO", "19780322", "178035632100145", 1);
	mark = tlv_open(&vitale->coverage, LINK_TAG_COVERAGE);
	tlv_put_u8(&vitale->coverage, LINK_TAG_INDEX, 0);
	tlv_close(&vitale->coverage, mark);
	cps = play_cps(READER_B, cps_made);
	play_activity(cps, 1, "CABINET A", "10000001", "SA07");
	play_activity(cps, 2, "CABINET B", "10000002", "SA07");
}

static bool settled(void *user)
{
	enum session_state st = session_state(user);

	return st == SESSION_STATE_UNLOCKED || session_state_ended(st);
}

/* Everything that an owner asks of an unlocked session. */
static void look(struct session *s)
{
	struct buf receipt = BUF_NULL(RECEIPT_MAX);
	json_t *j = NULL;

	if (session_patient_json(s, &j) == 0) {
		json_put(&j);
	}
	if (session_beneficiaries(s, &j) == 0) {
		json_put(&j);
	}
	if (session_chosen(s, &j) == 0) {
		json_put(&j);
	}
	if (consent_receipt(world.consents, s, &receipt) == 0) {
		assert_int_not_equal(session_mode(s), SESSION_MODE_IDENTITY);
	}
	buf_done(&receipt);
}

static void one_session(enum session_mode mode)
{
	struct session_options o = {.mode = mode, .application = "app"};
	json_t *wanted = NULL;
	struct session *s = NULL;

	memory_pause();
	if (mode != SESSION_MODE_IDENTITY) {
		wanted = json_pack(
			"{s:s,s:s}", "nir", "2800756321001", "birth-date", "1980-07-14");
	}
	o.reason = session_mode_emergency(mode) ? "Patiente inconsciente" : NULL;
	o.patient = wanted;
	memory_resume();
	if (session_open(world.all, ":1.7", 1000, &o, &s) == 0) {
		(void)world_run(settled, s, 1500);
		if (session_state(s) == SESSION_STATE_UNLOCKED) {
			look(s);
		} else if (session_state_ended(session_state(s))) {
			assert_int_not_equal(session_reason(s), VITALED_REASON_NONE);
		}
		session_release(s);
	}
	json_put(&wanted);
}

/* -- a slot that is lent ------------------------------------------------------------------------- */

static void count(void *user)
{
	++*(unsigned int *)user;
}

static void told(void *user, struct session *s, enum vitaled_reason r)
{
	(void)s;
	(void)r;
	count(user);
}

static bool counted(void *user)
{
	return *(unsigned int *)user > 0;
}

static bool back(void *user)
{
	return session_state(user) != SESSION_STATE_SUSPENDED;
}

static void lend(struct session *s, struct card_reader *r)
{
	unsigned int freed = 0;

	if (!r || sessions_reader_lend(world.all, r, 1000, count, &freed) != 0) {
		return;
	}
	(void)world_run(counted, &freed, 1500);
	assert_int_equal(freed, 1);
	cards_lend(world.cards, r, true);
	cards_lend(world.cards, r, false);
	sessions_reader_returned(world.all, r);
	(void)world_run(back, s, 1500);
}

/* A session whose coverage is asked for and whose two slots are lent, one after the other. */
static void lent_session(void)
{
	const struct session_options o = {.mode = SESSION_MODE_NORMAL, .structure = "10000001"};
	unsigned int answers = 0;
	struct session *s = NULL;

	if (session_open(world.all, ":1.7", 1000, &o, &s) != 0) {
		return;
	}
	(void)world_run(settled, s, 1500);
	session_coverage_start(s, told, &answers);
	(void)world_run(counted, &answers, 1500);
	lend(s, cards_reader(world.cards, 0));
	lend(s, cards_reader(world.cards, 1));
	session_release(s);
	assert_int_equal(answers, 1); /* at the latest when the object goes */
}

/* -- the n-th call ------------------------------------------------------------------------------- */

enum story {
	CONSULTATION = 0,
	IDENTITY,
	LENT,
	EMERGENCY, /* without the patient's card */
};

/* The world as in any other test, with the n-th call of the rooms failing. */
static unsigned int whole(enum story story, unsigned int nth)
{
	static const enum session_mode modes[] = {
		[CONSULTATION] = SESSION_MODE_NORMAL,
		[IDENTITY] = SESSION_MODE_IDENTITY,
		[EMERGENCY] = SESSION_MODE_BRIS_DE_GLACE,
	};

	unsigned int n;

	memory_pause();
	assert_int_equal(world_setup(NULL), 0);
	world.choice = 0;
	world.config.professional_cache = true;
	world_restart();
	put_in();
	vitale->in = story != EMERGENCY;
	cps->in = true;
	memory_arm(nth);
	memory_resume();
	if (story == LENT) {
		lent_session();
	} else {
		one_session(modes[story]);
	}
	memory_pause();
	n = memory_count();
	memory_arm(0);
	assert_int_equal(world_teardown(NULL), 0);
	memory_resume();
	return n;
}

/* How many of the calls are tried: all when VITALED_SOAK is set. */
static unsigned int stride(void)
{
	return getenv("VITALED_SOAK") ? 1 : 10;
}

static void every_call_that_fails(enum story story)
{
	unsigned int step = stride();
	unsigned int first = 1 + (unsigned int)(clock_wall() / 1000) % step;
	unsigned int all;

	vitale_made = pki_card("simulated", 'V', FORGED_GOOD);
	cps_made = pki_card("simulated", 'P', FORGED_GOOD);
	all = whole(story, 0);
	assert_true(all > 100);
	print_message("%u calls, every %u-th from %u\n", all, step, first);
	for (unsigned int n = first; n <= all; n += step) {
		(void)whole(story, n);
	}
	pki_forget_cards();
}

static void a_consultation_bears_any_call_that_fails(void **state)
{
	(void)state;
	every_call_that_fails(CONSULTATION);
}

static void an_identity_bears_any_call_that_fails(void **state)
{
	(void)state;
	every_call_that_fails(IDENTITY);
}

static void an_emergency_bears_any_call_that_fails(void **state)
{
	(void)state;
	every_call_that_fails(EMERGENCY);
}

static void a_suspension_bears_any_call_that_fails(void **state)
{
	(void)state;
	every_call_that_fails(LENT);
}

static void the_rooms_open_whole_or_not_at_all(void **state)
{
	unsigned int n = 0;
	bool opened = false;

	(void)state;
	memory_pause();
	assert_int_equal(world_setup(NULL), 0);
	while (!opened) {
		struct cards *cards = NULL;
		struct sessions *all = NULL;
		struct consents *consents = NULL;

		memory_arm(++n);
		memory_resume();
		opened = cards_new(world.ev, &world.config, &cards) == 0 &&
			 world_rooms(cards, &consents, &all) == 0;
		memory_pause();
		memory_arm(0);
		sessions_free(all);
		consents_free(consents);
		cards_free(cards);
	}
	assert_true(n > 10);
	assert_int_equal(world_teardown(NULL), 0);
	memory_resume();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rooms_open_whole_or_not_at_all),
		cmocka_unit_test(an_identity_bears_any_call_that_fails),
		cmocka_unit_test(a_consultation_bears_any_call_that_fails),
		cmocka_unit_test(an_emergency_bears_any_call_that_fails),
		cmocka_unit_test(a_suspension_bears_any_call_that_fails),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
