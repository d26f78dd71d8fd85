/* SPDX-License-Identifier: EUPL-1.2 */
/* daemon/session/crl.h and what its child can do wrong, by a false one; memory that runs out. */
#include "tests/unit/record/failing.h"
#include "tests/unit/session/crl-scene.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>

/* -- the child ---------------------------------------------------------------------------------- */

static void a_child_that_fails_costs_its_file_and_no_other(void **state)
{
	static const struct {
		const char *name, *word;
	} orders[] = {{"a.crl", "crash"}, {"b.crl", "leave"}, {"c.crl", "hang"},
		{"d.crl", "garbage"}, {"e.crl", "outcome"}, {"f.crl", "nohead"},
		{"g.crl", "year"}, {"h.crl", "number"}, {"i.crl", "point"}, {"j.crl", "many"},
		{"k.crl", "die"}, {"l.crl", "descend"}, {"m.crl", "none"}, {"n.crl", "refuse"},
		{"o.crl", "empty"}, {"p.crl", "issuer"}, {"q.crl", "until"},
		{"r.crl", "ascend"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(orders); i++)
		scene_put_order(orders[i].name, orders[i].word);
	scene_start(TEST_FALSE);
	scene_await(1);
	scene_finds(NO_TEST_LIST "crl-expired simulated VITALED SIMULATED PERSONS\n" /* r.crl */
				 "crl-rejected a.crl crashed\n"
				 "crl-rejected b.crl crashed\n"
				 "crl-rejected c.crl late\n"
				 "crl-rejected d.crl crashed\n"
				 "crl-rejected e.crl crashed\n"
				 "crl-rejected f.crl crashed\n"
				 "crl-rejected g.crl crashed\n"
				 "crl-rejected h.crl crashed\n"
				 "crl-rejected i.crl crashed\n"
				 "crl-rejected j.crl crashed\n"
				 "crl-rejected k.crl crashed\n"
				 "crl-rejected l.crl crashed\n"
				 "crl-rejected m.crl crashed\n"
				 "crl-rejected n.crl crashed\n"
				 "crl-rejected o.crl crashed\n"
				 "crl-rejected p.crl crashed\n"
				 "crl-rejected q.crl crashed\n");
}

static void a_reading_may_be_given_up_at_any_moment(void **state)
{
	(void)state;
	scene_put_order("a.crl", "hang");
	scene_start(TEST_FALSE);
	for (unsigned int i = 0; i < 5; i++)
		assert_true(sd_event_run(scene.ev, 10 * USEC_PER_MS) >= 0);
	assert_true(crls_reading(scene.crls));
	assert_null(crls_free(scene.crls));
	scene.crls = NULL;
	assert_null(crls_free(NULL));
}

static void a_list_counts_before_the_rest_is_read(void **state)
{
	(void)state;
	scene_put_order("a.crl", "hang");
	scene_put_order("b.crl", "ascend");
	scene_put_order("c.crl", "hang");
	scene_start(TEST_FALSE);
	while (scene.taken == 0 && scene.changes == 0)
		assert_true(sd_event_run(scene.ev, 20 * USEC_PER_MS) >= 0);
	assert_int_equal(scene.taken, 1);
	assert_int_equal(scene.changes, 0);
	scene_await(1);
	assert_int_equal(scene.taken, 1); /* those that were not taken tell nothing */
	scene_finds(NO_TEST_LIST "crl-expired simulated VITALED SIMULATED PERSONS\n"
				 "crl-rejected a.crl late\n"
				 "crl-rejected c.crl late\n");
}

static void a_list_that_comes_drop_by_drop_is_late_and_the_next_is_read(void **state)
{
	(void)state;
	scene_put_order("a.crl", "drip");
	scene_put_order("b.crl", "ascend");
	scene.pace = USEC_PER_SEC;
	scene_start(TEST_FALSE);
	scene_await(1);
	scene_finds(NO_TEST_LIST "crl-expired simulated VITALED SIMULATED PERSONS\n"
				 "crl-rejected a.crl late\n");
}

static void changes_during_a_reading_are_read_after_it(void **state)
{
	(void)state;
	scene_put_order("a.crl", "hang");
	scene_start(TEST_FALSE);
	for (unsigned int i = 0; i < 5; i++)
		assert_true(sd_event_run(scene.ev, 10 * USEC_PER_MS) >= 0);
	scene_put_order("b.crl", "ascend");
	scene_put_order("a.crl", "crash");
	scene_await(2);
	scene_finds(NO_TEST_LIST "crl-expired simulated VITALED SIMULATED PERSONS\n"
				 "crl-rejected a.crl crashed\n");
}

static void without_the_program_every_file_is_named(void **state)
{
	(void)state;
	scene_put_text("a.crl", "x");
	scene_put_text("b.crl", "x");
	scene_start("/tmp/there-is-no-such-folder");
	scene_await(1);
	scene_finds(NO_LIST "crl-rejected a.crl fault\n"
			    "crl-rejected b.crl fault\n");
}

static void pay_no_heed(void *user)
{
	(void)user;
}

static const struct crls_ops heedless = {
	.taken = pay_no_heed, .changed = pay_no_heed, .read = pay_no_heed};

static void memory_that_runs_out_is_said_or_made_good(void **state)
{
	struct forged_list f = scene_list_of("7", NULL);
	bool met = true;

	(void)state;
	scene_put_list("persons.crl", &f);
	assert_true(snprintf(scene.config.children, sizeof(scene.config.children), "%s",
			    TEST_REAL) > 0);
	for (unsigned int n = 0; met; n++) {
		struct crls *c = NULL;
		int r;

		failing_arm(n, false);
		r = crls_new(scene.ev, &scene.config, pki.trust, &heedless, NULL, &c);
		met = failing_off();
		assert_true(r == 0 ? c != NULL : met && !c);
		crls_free(c);
	}
	scene.hourly = 50 * USEC_PER_MS; /* another attempt, soon */
	for (unsigned int n = 0; n < 300; n += 7) {
		struct crls *c = NULL;

		trust_free(pki.trust);
		pki.trust = NULL;
		assert_int_equal(trust_new(pki.folder, &pki.trust, NULL), 0);
		assert_int_equal(
			crls_new(scene.ev, &scene.config, pki.trust, &heedless, NULL, &c), 0);
		failing_arm(n, false);
		do
			assert_true(sd_event_run(scene.ev, 20 * USEC_PER_MS) >= 0);
		while (crls_reading(c));
		(void)failing_off();
		while (scene_ask() != TRUST_REVOCATION_GOOD)
			assert_true(sd_event_run(scene.ev, 20 * USEC_PER_MS) >= 0);
		crls_free(c);
	}
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_set, scene_strike)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(a_child_that_fails_costs_its_file_and_no_other),
		SCENE(a_reading_may_be_given_up_at_any_moment),
		SCENE(a_list_counts_before_the_rest_is_read),
		SCENE(a_list_that_comes_drop_by_drop_is_late_and_the_next_is_read),
		SCENE(changes_during_a_reading_are_read_after_it),
		SCENE(without_the_program_every_file_is_named),
		SCENE(memory_that_runs_out_is_said_or_made_good),
	};

	failing_setup();
	if (scene_block_sigchld() < 0)
		return 1;
	return cmocka_run_group_tests(tests, scene_prepare, scene_clean);
}
