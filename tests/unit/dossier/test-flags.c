/* SPDX-License-Identifier: EUPL-1.2 */
/* A flag that comes or goes with a content is asked for as one that is set by itself. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/dossier/inside.h"
#include "daemon/limits.h"
#include "tests/unit/dossier/bed.h"
#include "tests/unit/dossier/faults.h"

#define WITH(flags)                                                                            \
	"{\"format\":1,\"type\":\"letter\",\"title\":\"R\",\"date\":\"2026-11-21\","           \
	"\"mime\":\"text/plain\",\"flags\":" flags "}"
#define MASKED WITH("[\"masque_ps\"]")
#define PLAIN  WITH("[]")
#define CLERK  "3B0000001/7" /* an employee of the structure */

static void open_as_clerk(struct bed *b)
{
	bed_lock(b);
	fake_session(&b->s);
	bed_become(b, CLERK, 0, "SA07");
	b->s.professional.person.card_type = 2;
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	assert_int_equal(bed_unlock(b), VITALED_REASON_NONE);
}

static const json_t *told_flags(const char *event)
{
	return json_object_get(json_object_get(fake_audit_last(event), "details"), "flags");
}

static void an_employee_hides_and_shows_nothing_by_what_they_put_in(void **state)
{
	struct bed *b = *state;
	struct reply added;
	struct reply r;

	bed_created(b);
	open_as_clerk(b);
	r = bed_add(b, MASKED, VIEW_TEXT("x"));
	assert_int_equal(r.reason, VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(r.rule, "role-forbidden");
	assert_int_equal(fake_audit_count("document-added", "started"), 0);
	added = bed_add(b, PLAIN, VIEW_TEXT("x"));
	assert_int_equal(added.reason, VITALED_REASON_NONE);
	assert_null(told_flags("document-added"));
	r = bed_replace(b, added.id, MASKED, VIEW_TEXT("y"));
	assert_string_equal(r.rule, "role-forbidden");
	assert_string_equal(json_get_str(fake_audit_last("denied"), "document"), added.id);
	assert_int_equal(fake_audit_count("document-replaced", "started"), 0);
	assert_int_equal(
		bed_replace(b, added.id, PLAIN, VIEW_TEXT("y")).reason, VITALED_REASON_NONE);
}

/* What their structure put in is an employee's own to replace, and no flag of it. */
static void a_replacement_takes_no_flag_away_that_its_author_may_not(void **state)
{
	struct bed *b = *state;
	struct reply added;
	struct reply r;

	bed_created(b);
	bed_open_as(b, BED_ALL, "3B0000001/8", 10, "SA07");
	added = bed_add(b, MASKED, VIEW_TEXT("x"));
	assert_int_equal(added.reason, VITALED_REASON_NONE);
	open_as_clerk(b);
	r = bed_replace(b, added.id, PLAIN, VIEW_TEXT("y"));
	assert_int_equal(r.reason, VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(r.rule, "role-forbidden");
	assert_int_equal(fake_audit_count("document-replaced", "started"), 0);
	/* one that says nothing of flags changes none */
	assert_int_equal(
		bed_replace(b, added.id, BED_NOTE, VIEW_TEXT("y")).reason, VITALED_REASON_NONE);
	assert_null(told_flags("document-replaced"));
}

static void what_an_author_hides_or_shows_by_a_content_is_recorded(void **state)
{
	struct bed *b = *state;
	struct reply added;
	struct reply new;

	bed_created(b);
	added = bed_add(b, WITH("[\"masque_ps\",\"invisible_patient\"]"), VIEW_TEXT("x"));
	assert_int_equal(added.reason, VITALED_REASON_NONE);
	assert_int_equal(json_array_size(told_flags("document-added")), 2);
	new = bed_replace(b, added.id, PLAIN, VIEW_TEXT("y"));
	assert_int_equal(new.reason, VITALED_REASON_NONE);
	assert_true(json_is_array(told_flags("document-replaced")));
	assert_int_equal(json_array_size(told_flags("document-replaced")), 0);
	assert_string_equal(
		json_get_str(json_object_get(fake_audit_last("document-replaced"), "details"),
			"replaced-by"),
		new.id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(an_employee_hides_and_shows_nothing_by_what_they_put_in),
		T(a_replacement_takes_no_flag_away_that_its_author_may_not),
		T(what_an_author_hides_or_shows_by_a_content_is_recorded),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
