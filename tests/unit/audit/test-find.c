/* SPDX-License-Identifier: EUPL-1.2 */
/* What is asked for among the entries of one patient is found however far back it stands. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <string.h>

#include "tests/unit/audit/scene.h"

#define ANNE "899700000001"
#define PAUL "899700000002"

static void tell(struct audit *a, enum audit_event event, const char *pseudonym, const char *by)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;

	e.event = event;
	e.outcome = "ok";
	e.pseudonym = pseudonym;
	e.professional = by;
	assert_int_equal(audit_append(a, &e, NULL), 0);
}

struct seen {
	uint64_t indices[16];
	size_t n;
	size_t most;
	int answer; /* of the last that is wanted */
};

static int see(void *user, uint64_t index, const json_t *entry)
{
	struct seen *s = user;

	assert_string_equal(json_get_str(entry, "pseudonym"), SCENE_PERSON);
	assert_true(s->n < ARRAY_LEN(s->indices));
	s->indices[s->n++] = index;
	return s->n == s->most ? s->answer : 0;
}

static struct audit *told(void)
{
	struct audit *a = scene_open();

	tell(a, AUDIT_EVENT_CONSENT, SCENE_PERSON, ANNE);
	tell(a, AUDIT_EVENT_CONSENT, SCENE_OTHER, ANNE);
	tell(a, AUDIT_EVENT_REVOKED, SCENE_PERSON, PAUL);
	for (unsigned int i = 0; i < 150; i++) {
		tell(a, AUDIT_EVENT_DOSSIER_LISTED, SCENE_PERSON, PAUL);
	}
	tell(a, AUDIT_EVENT_DOSSIER_LISTED, SCENE_PERSON, NULL);
	return a;
}

static void an_event_is_found_behind_many_others(void **state)
{
	static const enum audit_event events[] = {AUDIT_EVENT_CONSENT, AUDIT_EVENT_REVOKED};
	struct audit_wanted w = {.pseudonym = SCENE_PERSON, .events = events, .n_events = 2};
	struct audit *a = told();
	struct seen s = {0};

	(void)state;
	assert_int_equal(audit_find(a, &w, see, &s), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.indices[0], 2);
	assert_int_equal(s.indices[1], 0);
	w.professional = ANNE;
	s = (struct seen){0};
	assert_int_equal(audit_find(a, &w, see, &s), 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.indices[0], 0);
	w.n_events = 0;
	s = (struct seen){0};
	assert_int_equal(audit_find(a, &w, see, &s), 0);
	assert_int_equal(s.n, 1);
	w.professional = "";
	s = (struct seen){0};
	assert_int_equal(audit_find(a, &w, see, &s), 0);
	assert_int_equal(s.n, 0);
	audit_free(a);
}

static void the_search_ends_when_it_is_enough(void **state)
{
	const struct audit_wanted w = {.pseudonym = SCENE_PERSON};
	struct audit *a = told();
	struct seen s = {.most = 3, .answer = AUDIT_ENOUGH};

	(void)state;
	assert_int_equal(audit_find(a, &w, see, &s), 0);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.indices[0], 153);
	s = (struct seen){.most = 2, .answer = -ECANCELED};
	assert_int_equal(audit_find(a, &w, see, &s), -ECANCELED);
	assert_int_equal(s.n, 2);
	assert_int_equal(scene_append(a, SCENE_PERSON), 0); /* reading has ended */
	audit_free(a);
}

static void what_was_looked_at_already_is_not_looked_at_again(void **state)
{
	struct audit_wanted w = {.pseudonym = SCENE_PERSON};
	struct audit *a = told();
	unsigned int n = 0;

	(void)state;
	do { /* ten at a time, each below the last of the ones before */
		struct seen s = {.most = 10, .answer = AUDIT_ENOUGH};

		assert_int_equal(audit_find(a, &w, see, &s), 0);
		assert_true(s.n > 0 && (w.below == 0 || s.indices[0] < w.below));
		n += (unsigned int)s.n;
		w.below = s.indices[s.n - 1];
	} while (w.below > 0);
	assert_int_equal(n, 153);
	w.below = 3;
	w.professional = PAUL;
	{
		struct seen s = {0};

		assert_int_equal(audit_find(a, &w, see, &s), 0);
		assert_int_equal(s.n, 1);
		assert_int_equal(s.indices[0], 2);
	}
	audit_free(a);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)
	const struct CMUnitTest tests[] = {
		T(an_event_is_found_behind_many_others),
		T(the_search_ends_when_it_is_enough),
		T(what_was_looked_at_already_is_not_looked_at_again),
	};

	json_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
