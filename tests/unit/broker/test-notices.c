/* SPDX-License-Identifier: EUPL-1.2 */
/* Which entries of the record a patient would want to hear of, and what the site is told of
 * each. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "daemon/audit/audit.h"
#include "daemon/broker/notices.h"

#define PERSON "3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c"

static json_t *entry_of(
	enum audit_event event, const char *mode, const char *outcome, const char *details)
{
	json_t *told = json_loads(details, 0, NULL);
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:o}", "event",
		audit_event_word(event), "mode", mode, "outcome", outcome, "pseudonym", PERSON,
		"time", (json_int_t)1795361627736647, "sequence", (json_int_t)8, "session",
		"session/4@1f0c", "professional", "899700218896", "details", told);

	assert_non_null(j);
	return j;
}

static void what_is_told_is_what_a_patient_would_hear_of(void **state)
{
	static const struct {
		enum audit_event event;
		const char *outcome;
		const char *details;
		const char *what; /* NULL: nothing */
	} cases[] = {
		{AUDIT_EVENT_UNLOCKED, "ok", "{\"proof\":\"mutual\"}", "opened"},
		{AUDIT_EVENT_UNLOCKED, "failed", "{}", NULL},
		{AUDIT_EVENT_DOSSIER_CREATED, "started", "{}", NULL},
		{AUDIT_EVENT_DOSSIER_CREATED, "ok", "{}", "created"},
		{AUDIT_EVENT_DOSSIER_CREATED, "recovered", "{}", "created"},
		{AUDIT_EVENT_DOSSIER_CLOSED, "ok", "{}", "closed"},
		{AUDIT_EVENT_DOSSIER_CLOSED, "ok", "{\"kept-from\":3,\"kept-time\":4}", NULL},
		{AUDIT_EVENT_DOSSIER_REOPENED, "ok", "{}", "reopened"},
		{AUDIT_EVENT_DOSSIER_EXPORTED, "ok", "{\"released\":1}", "exported"},
		{AUDIT_EVENT_DOSSIER_ERASED, "ok", "{}", "erased"},
		{AUDIT_EVENT_DOCUMENT_ADDED, "ok", "{}", "document-added"},
		{AUDIT_EVENT_DOCUMENT_ADDED, "ok", "{\"flags\":[\"masque_ps\"]}",
			"document-added"},
		{AUDIT_EVENT_DOCUMENT_ADDED, "ok",
			"{\"flags\":[\"masque_ps\",\"invisible_patient\"]}", NULL},
		{AUDIT_EVENT_DOCUMENT_ADDED, "ok",
			"{\"flags\":[\"invisible_representants_legaux\"]}", NULL},
		{AUDIT_EVENT_DOCUMENT_ADDED, "invalid-argument", "{}", NULL},
		{AUDIT_EVENT_DOCUMENT_READ, "ok", "{}", NULL},
		{AUDIT_EVENT_IMPORTED, "ok", "{\"lines\":2,\"added\":1}", "imported"},
		{AUDIT_EVENT_IMPORTED, "recovered", "{\"lines\":2}", "imported"},
		{AUDIT_EVENT_IMPORTED, "ok", "{\"lines\":2,\"added\":0}", NULL},
		{AUDIT_EVENT_IMPORTED, "started", "{\"lines\":2,\"added\":1}", NULL},
		{AUDIT_EVENT_AUTHORISED, "ok", "{\"id\":\"8\",\"until\":9}", "authorised"},
		{AUDIT_EVENT_REVOKED, "ok", "{\"id\":\"8\"}", "revoked"},
		{AUDIT_EVENT_BLOCKED, "ok", "{\"id\":\"8\",\"on\":true}", "blocked"},
		{AUDIT_EVENT_BLOCKED, "ok", "{\"id\":\"8\",\"on\":false}", "unblocked"},
		{AUDIT_EVENT_BLOCKED, "ok", "{\"id\":\"8\"}", NULL},
		{AUDIT_EVENT_TREATING_DOCTOR, "ok", "{\"on\":true}", "treating-doctor"},
		{AUDIT_EVENT_TREATING_DOCTOR, "ok", "{\"on\":false}", "no-treating-doctor"},
		{AUDIT_EVENT_OPPOSITION, "ok", "{\"mode\":\"centre_15\",\"on\":true}",
			"opposed"},
		{AUDIT_EVENT_OPPOSITION, "ok", "{\"mode\":\"centre_15\",\"on\":false}",
			"unopposed"},
		{AUDIT_EVENT_MASKED_ALLOWED, "ok", "{\"on\":true}", "masked-allowed"},
		{AUDIT_EVENT_MASKED_ALLOWED, "ok", "{\"on\":false}", "masked-hidden"},
		{AUDIT_EVENT_CODE_SET, "ok", "{}", "code-set"},
		{AUDIT_EVENT_CODE_ISSUED, "ok", "{\"id\":\"0197\",\"until\":9}", "code-issued"},
		{AUDIT_EVENT_CODE, "ok", "{}", NULL},
		{AUDIT_EVENT_CODE, "code-wrong", "{}", NULL},
		{AUDIT_EVENT_CODE, "code-blocked", "{}", "code-blocked"},
		{AUDIT_EVENT_INFORMED, "ok", "{}", NULL},
		{AUDIT_EVENT_DENIED, "not-permitted", "{}", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		_cleanup_json_ json_t *entry =
			entry_of(cases[i].event, "normal", cases[i].outcome, cases[i].details);
		bool names = strstr(cases[i].details, "\"8\"") != NULL;
		_cleanup_json_ json_t *j = NULL;
		struct notice n;

		assert_int_equal(notice_of(entry, &n), cases[i].what != NULL);
		if (!cases[i].what) {
			continue;
		}
		assert_string_equal(n.what, cases[i].what);
		assert_int_equal(n.opening, cases[i].event == AUDIT_EVENT_UNLOCKED);
		assert_int_equal(notice_json(entry, &n, &j), 0);
		assert_int_equal(json_object_size(j), names ? 9 : 8); /* nothing else */
		assert_string_equal(json_get_str(j, "id"), "1795361627736647-000000000008");
		assert_int_equal(json_get_str(j, "whom") != NULL, names);
	}
}

static void an_emergency_is_told_by_its_mode(void **state)
{
	static const char *const modes[] = {"bris_de_glace", "centre_15"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		_cleanup_json_ json_t *entry =
			entry_of(AUDIT_EVENT_UNLOCKED, modes[i], "ok", "{}");
		_cleanup_json_ json_t *j = NULL;
		struct notice n;

		assert_true(notice_of(entry, &n));
		assert_string_equal(n.what, "emergency");
		assert_true(n.opening);
		assert_int_equal(notice_json(entry, &n, &j), 0);
		assert_string_equal(json_get_str(j, "mode"), modes[i]);
		assert_string_equal(json_get_str(j, "pseudonym"), PERSON);
	}
}

static void what_is_no_whole_entry_of_a_dossier_is_none(void **state)
{
	static const char *const members[] = {
		"pseudonym", "time", "sequence", "event", "outcome"};
	struct notice n;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		_cleanup_json_ json_t *entry =
			entry_of(AUDIT_EVENT_CODE_SET, "patient", "ok", "{}");

		assert_true(notice_of(entry, &n));
		assert_int_equal(json_object_del(entry, members[i]), 0);
		assert_false(notice_of(entry, &n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_told_is_what_a_patient_would_hear_of),
		cmocka_unit_test(an_emergency_is_told_by_its_mode),
		cmocka_unit_test(what_is_no_whole_entry_of_a_dossier_is_none),
	};

	json_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
