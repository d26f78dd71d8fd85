/* SPDX-License-Identifier: EUPL-1.2 */
/* Every name has its sentences, in English and in French. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/lang.h"
#include "client/messages.h"

/* the message is there, and in French it is another text */
static void assert_both(const char *english, bool french)
{
	assert_non_null(english);
	assert_true(strlen(english) > 5);
	if (french && strcmp(gettext(english), english) == 0) {
		fail_msg("no French for: %s", english);
	}
}

static void assert_message(const struct message *m, bool french)
{
	assert_non_null(m);
	assert_both(m->person, french);
	assert_both(m->technician, french);
	assert_both(m->remedy, french);
}

static void every_error_and_reason_has_three_sentences(void **state)
{
	bool french = *state != NULL;

	for (int i = VITALED_REASON_NONE + 1; i < VITALED_REASON_COUNT; i++) {
		enum vitaled_reason r = (enum vitaled_reason)i;

		assert_message(message_of(r), french);
		assert_ptr_equal(message_of_word(vitaled_reason_word(r)), message_of(r));
	}
}

static void every_bus_error_finds_its_sentences(void **state)
{
	static const char *const names[] = {"ServiceUnknown", "NameHasNoOwner", "NoServer",
		"NoReply", "Timeout", "Disconnected", "FileNotFound", "AccessDenied",
		"UnknownMethod", "UnknownObject", "Spawn.ServiceNotFound"};
	bool french = *state != NULL;

#define X(id, bus, word)                                                                       \
	assert_ptr_equal(                                                                      \
		message_of_error("org.vitaled1.Error." bus), message_of(VITALED_REASON_##id));
	VITALED_ERRORS(X)
#undef X
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char name[128];

		(void)snprintf(name, sizeof(name), "org.freedesktop.DBus.Error.%s", names[i]);
		assert_message(message_of_error(name), french);
		assert_ptr_not_equal(message_of_error(name), message_of(VITALED_REASON_FAILED));
	}
}

static void an_unknown_name_is_a_failure_and_never_another_error(void **state _unused_)
{
	static const char *const names[] = {"", "x", "org.vitaled1.Error.",
		"org.vitaled1.Error.New", "org.freedesktop.DBus.Error.",
		"org.freedesktop.DBus.Error.New", "org.example.ServiceUnknown", "."};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_ptr_equal(message_of_error(names[i]), message_of(VITALED_REASON_FAILED));
	}
	assert_null(message_of_word("new-reason"));
	assert_null(message_of_word(""));
	assert_ptr_equal(message_of(VITALED_REASON_NONE), message_of(VITALED_REASON_FAILED));
	assert_ptr_equal(message_of(VITALED_REASON_COUNT), message_of(VITALED_REASON_FAILED));
}

static void exit_codes_follow_the_kind_of_error(void **state _unused_)
{
	static const struct {
		enum vitaled_reason reason;
		enum ctl_exit code;
	} rows[] = {
		{VITALED_REASON_CONSENT_REFUSED, CTL_REFUSED},
		{VITALED_REASON_NOT_PERMITTED, CTL_REFUSED},
		{VITALED_REASON_FORBIDDEN_SECTOR, CTL_REFUSED},
		{VITALED_REASON_NO_READER, CTL_CARDS},
		{VITALED_REASON_PATIENT_CARD_REMOVED, CTL_CARDS},
		{VITALED_REASON_PROOF_FAILED, CTL_CARDS},
		{VITALED_REASON_PIN_BLOCKED, CTL_PIN},
		{VITALED_REASON_PIN_WRONG, CTL_PIN},
		{VITALED_REASON_AUDIT_UNAVAILABLE, CTL_STORE},
		{VITALED_REASON_STORE_UNAVAILABLE, CTL_STORE},
		{VITALED_REASON_INVALID_ARGUMENT, CTL_USAGE},
		{VITALED_REASON_BUSY, CTL_LATER},
		{VITALED_REASON_NO_AGENT, CTL_LATER},
		{VITALED_REASON_FAILED, CTL_FAILED},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(message_of(rows[i].reason)->exit, rows[i].code);
	}
	assert_int_equal(message_of_error("org.freedesktop.DBus.Error.ServiceUnknown")->exit,
		CTL_NO_SERVICE);
}

static void the_words_of_closed_sets_are_worded(void **state)
{
	static const char *const states[] = {"queued", "waiting-for-cards", "reading",
		"waiting-for-pin", "authenticating", "waiting-for-choice",
		"waiting-for-consent", "unlocked", "suspended", "refused", "locked", "failed"};
	static const char *const kinds[] = {
		"vitale", "cps", "cpf", "cpe", "cpa", "unsupported", "mute"};
	static const char *const acts[] = {"consult", "feed", "create", "authorise",
		"treating-doctor", "oppose", "close", "code"};
	bool french = *state != NULL;

	for (size_t i = 0; i < ARRAY_LEN(states); i++) {
		assert_true(strlen(message_state(states[i])) > 3);
		assert_true(!french || strcmp(message_state(states[i]), states[i]) != 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		assert_true(strcmp(message_kind(kinds[i]), kinds[i]) != 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		assert_true(strcmp(message_act(acts[i]), acts[i]) != 0);
	}
	assert_true(strcmp(message_proof("mutual"), "mutual") != 0);
	assert_true(strcmp(message_nature("simulated"), "simulated") != 0);
	assert_true(strcmp(message_mode("centre_15"), "centre_15") != 0);
	assert_true(strcmp(message_inform("ended"), "ended") != 0);
	assert_true(strcmp(message_label("birth-date"), "birth-date") != 0);
}

static void words_that_are_not_known_are_shown_as_they_came(void **state _unused_)
{
	assert_string_equal(message_state("new"), "new");
	assert_string_equal(message_proof("new"), "new");
	assert_string_equal(message_nature("new"), "new");
	assert_string_equal(message_kind("new"), "new");
	assert_string_equal(message_mode("new"), "new");
	assert_string_equal(message_entry("new"), "new");
	assert_string_equal(message_label("new"), "new");
	assert_string_equal(message_advice("new"), "new");
	assert_string_equal(message_act("new"), "new");
	assert_string_equal(message_inform("new"), "new");
	assert_string_equal(message_helper("new"), "new");
}

static void every_finding_has_three_sentences(void **state)
{
	bool french = *state != NULL;

	for (int i = 0; i < VITALED_FINDING_COUNT; i++) {
		enum vitaled_finding f = (enum vitaled_finding)i;

		assert_message(message_finding_of(f), french);
		assert_ptr_equal(
			message_finding(vitaled_finding_word(f)), message_finding_of(f));
		assert_null(message_of_word(vitaled_finding_word(f)));
	}
	assert_null(message_finding("new"));
	assert_null(message_finding(""));
	assert_null(message_finding_of(VITALED_FINDING_COUNT));
	assert_int_equal(message_finding("filter-logs")->exit, CTL_OK);
}

static void every_rule_has_three_sentences(void **state)
{
	bool french = *state != NULL;
	size_t n = 0;

	for (const char *rule; (rule = message_rule_name(n)); n++) {
		assert_message(message_rule(rule), french);
		assert_int_equal(message_rule(rule)->exit, CTL_REFUSED);
	}
	assert_true(n >= 20);
	assert_null(message_rule("of-tomorrow"));
	assert_null(message_rule(""));
}

static void yes_and_no_are_understood_in_both_languages(void **state _unused_)
{
	static const char *const yes[] = {"o", "O", "oui", "y", "Yes"};
	static const char *const no[] = {"n", "N", "non", "no"};
	static const char *const neither[] = {"", "yo", "1", "ja", "o ", "ye"};

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		assert_true(lang_yes(yes[i]) && !lang_no(yes[i]));
	}
	for (size_t i = 0; i < ARRAY_LEN(no); i++) {
		assert_true(lang_no(no[i]) && !lang_yes(no[i]));
	}
	for (size_t i = 0; i < ARRAY_LEN(neither); i++) {
		assert_true(!lang_no(neither[i]) && !lang_yes(neither[i]));
	}
}

static int run(const char *language, bool french)
{
	void *state = french ? &state : NULL;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(every_error_and_reason_has_three_sentences, state),
		cmocka_unit_test_prestate(every_bus_error_finds_its_sentences, state),
		cmocka_unit_test_prestate(
			an_unknown_name_is_a_failure_and_never_another_error, state),
		cmocka_unit_test_prestate(exit_codes_follow_the_kind_of_error, state),
		cmocka_unit_test_prestate(the_words_of_closed_sets_are_worded, state),
		cmocka_unit_test_prestate(
			words_that_are_not_known_are_shown_as_they_came, state),
		cmocka_unit_test_prestate(every_finding_has_three_sentences, state),
		cmocka_unit_test_prestate(every_rule_has_three_sentences, state),
		cmocka_unit_test_prestate(yes_and_no_are_understood_in_both_languages, state),
	};

	(void)unsetenv("LANGUAGE");
	(void)unsetenv("LC_ALL");
	(void)setenv("LANG", language, 1);
	lang_setup();
	return cmocka_run_group_tests_name(language, tests, NULL, NULL);
}

/* French by a locale that this machine may not have: its files are not needed for the messages. */
int main(void)
{
	int failed = run("C", false);

	return failed + run("fr_FR.UTF-8", true);
}
