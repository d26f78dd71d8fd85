/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Who answers in the patient's place, or nobody: what the session's question about consent becomes. The
 * rooms are played; what else ties.c refers to is nowhere (meson.build) and must not be called.
 */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/broker/inside.h"

_Noreturn void ties_nowhere(void);

static struct {
	enum session_mode mode;
	struct session_patient patient;
	bool agreed;
	enum vitaled_reason worth;
	/* what came of it */
	unsigned int asked;
	unsigned int running;
	unsigned int judged; /* dossier_worth_asking(), which records */
	enum vitaled_reason refused;
} world;

_Noreturn void ties_nowhere(void)
{
	abort();
}

enum session_mode session_mode(const struct session *s _unused_)
{
	return world.mode;
}

const struct session_patient *session_patient(const struct session *s _unused_)
{
	return &world.patient;
}

void session_consented(struct session *s _unused_, enum vitaled_reason r)
{
	assert_int_not_equal(r, VITALED_REASON_NONE);
	world.refused = r;
}

bool dossier_agreed(const struct session *s _unused_)
{
	return world.agreed;
}

enum vitaled_reason dossier_worth_asking(struct session *s _unused_)
{
	world.judged++;
	return world.worth;
}

void consent_running(struct consents *cs _unused_, struct session *s _unused_)
{
	world.running++;
}

void consent_ask(struct consents *cs _unused_, struct session *s _unused_)
{
	world.asked++;
}

static void ask(void)
{
	struct broker b = {.path = NULL};

	world.asked = world.running = world.judged = 0;
	world.refused = VITALED_REASON_NONE;
	broker_session_ops.ask_consent(&b, NULL);
}

static void who_is_there_is_asked_unless_all_is_agreed(void **state)
{
	(void)state;
	world.mode = SESSION_MODE_NORMAL;
	world.patient.absent = false;
	world.agreed = false;
	ask();
	assert_int_equal(world.asked, 1);
	assert_int_equal(world.running + world.judged, 0);
	world.agreed = true;
	ask();
	assert_int_equal(world.running, 1);
	assert_int_equal(world.asked + world.judged, 0);
}

static void who_is_away_is_not_asked_and_a_refusal_is_recorded(void **state)
{
	static const enum vitaled_reason why[] = {
		VITALED_REASON_NOT_PERMITTED, VITALED_REASON_AUDIT_UNAVAILABLE};

	(void)state;
	world.mode = SESSION_MODE_NORMAL;
	world.patient.absent = true;
	world.agreed = false;
	for (size_t i = 0; i < ARRAY_LEN(why); i++) {
		world.worth = why[i];
		ask();
		assert_int_equal(world.judged, 1);
		assert_int_equal(world.refused, why[i]);
		assert_int_equal(world.asked + world.running, 0);
	}
	world.worth = VITALED_REASON_NONE;
	ask();
	assert_int_equal(world.running, 1);
	assert_int_equal(world.asked, 0);
	assert_int_equal(world.refused, VITALED_REASON_NONE);
}

static void an_emergency_without_the_card_goes_to_the_consents(void **state)
{
	(void)state;
	world.mode = SESSION_MODE_BRIS_DE_GLACE;
	world.patient.absent = true;
	world.agreed = false;
	ask();
	assert_int_equal(world.asked, 1);
	assert_int_equal(world.running + world.judged, 0);
}

static void lists_that_cannot_be_asked_are_a_line_of_the_journal_each_time(void **state)
{
	int log = memfd_create("log", MFD_CLOEXEC), before = dup(STDERR_FILENO);
	char text[1024] = "";
	const char *again;

	(void)state;
	log_open("test");
	assert_true(log >= 0 && before >= 0 && dup2(log, STDERR_FILENO) >= 0);
	broker_session_ops.failed(NULL, fault(-ENOMEM));
	broker_dossier_ops.failed(NULL, fault(-EIO));
	assert_true(dup2(before, STDERR_FILENO) >= 0);
	assert_true(pread(log, text, sizeof(text) - 1, 0) > 0);
	again = strstr(text, "revocation-unknown: ENOMEM");
	assert_non_null(again);
	assert_non_null(strstr(text, "test-ties.c:"));
	assert_non_null(strstr(again + 1, "revocation-unknown: EIO"));
	close(before);
	close(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_there_is_asked_unless_all_is_agreed),
		cmocka_unit_test(
			lists_that_cannot_be_asked_are_a_line_of_the_journal_each_time),
		cmocka_unit_test(who_is_away_is_not_asked_and_a_refusal_is_recorded),
		cmocka_unit_test(an_emergency_without_the_card_goes_to_the_consents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
