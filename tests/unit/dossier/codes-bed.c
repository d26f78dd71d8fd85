/* SPDX-License-Identifier: EUPL-1.2 */
/* Clocks and sessions for the tests of the patient's codes. */
#include "tests/unit/dossier/codes-bed.h"

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <string.h>

/* -- time --------------------------------------------------------------------------------------- */

uint64_t codes_wall;
uint64_t codes_boot;
const char *codes_boot_id = "00000000000000000000000000000001";

uint64_t __wrap_clock_wall(void);
uint64_t __real_clock_wall(void);
uint64_t __wrap_clock_boottime(void);
int __wrap_clock_boot_id(char ret_id[33]);

uint64_t __wrap_clock_wall(void)
{
	return __real_clock_wall() + codes_wall;
}

/* An hour after the boot, at first; it stands still, so that an hour is one to the microsecond. */
uint64_t __wrap_clock_boottime(void)
{
	return HOUR + codes_boot;
}

int __wrap_clock_boot_id(char ret_id[33])
{
	bytes_copy(ret_id, 33, codes_boot_id, 33);
	return 0;
}

void codes_pass(uint64_t usec)
{
	codes_wall += usec;
	codes_boot += usec;
}

/* -- sessions ----------------------------------------------------------------------------------- */

int codes_bed_setup(void **state)
{
	codes_wall = 0;
	codes_boot = 0;
	codes_boot_id = "00000000000000000000000000000001";
	if (bed_setup(state) != 0) {
		return -1;
	}
	bed_created(*state);
	return 0;
}

/* What the patient types next. */
void codes_type(const char *const *codes, size_t n)
{
	fake_people.asked = 0;
	for (size_t i = 0; i < ARRAY_LEN(fake_people.codes); i++) {
		fake_people.codes[i] = i < n ? codes[i] : NULL;
	}
}

void codes_patient(struct bed *b)
{
	bed_lock(b);
	fake_session(&b->s);
	b->s.mode = SESSION_MODE_PATIENT;
	b->s.intents = 0;
	b->s.no_professional = true;
	b->s.proof = PROOF_ACTIVE;
	b->s.patient.holder = true;
	b->s.uid = PATIENT_UID;
	b->s.pair = "kiosk";
}

enum vitaled_reason codes_ask(struct bed *b)
{
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	dossier_ask_code(b->all, &b->s);
	for (int i = 0; !b->s.coded && !b->s.ended; i++) {
		assert_true(i < 20000);
		bed_turn(b, 1);
	}
	return b->s.ended ? b->s.end_reason : b->s.coded_reason;
}

/* A session of the patient alone: what comes of the code. */
enum vitaled_reason codes_alone(struct bed *b)
{
	codes_patient(b);
	return codes_ask(b);
}

void codes_open_alone(struct bed *b)
{
	assert_int_equal(codes_alone(b), VITALED_REASON_NONE);
	assert_int_equal(bed_unlock(b), VITALED_REASON_NONE);
}

struct reply codes_call(struct bed *b, codes_plain_fn fn)
{
	struct reply r = bed_reply();

	fn(&b->s, bed_done_fn, &r);
	bed_wait(b, &r);
	return r;
}

void codes_open_fund(struct bed *b)
{
	bed_lock(b);
	fake_session(&b->s);
	b->s.mode = SESSION_MODE_ADMINISTRATION;
	b->s.intents = SESSION_INTENT_OPPOSE | SESSION_INTENT_CODE;
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	assert_int_equal(bed_unlock(b), VITALED_REASON_NONE);
}

/* A new activation code, in fake_people.shown. */
const char *codes_issue(struct bed *b)
{
	codes_open_fund(b);
	assert_int_equal(
		codes_call(b, dossier_issue_activation_code).reason, VITALED_REASON_NONE);
	assert_int_equal(strlen(fake_people.shown), 8);
	return fake_people.shown;
}

void codes_personal(struct bed *b, const char *code)
{
	char issued[16];

	(void)snprintf(issued, sizeof(issued), "%s", codes_issue(b));
	TYPE(issued, code);
	codes_open_alone(b);
	assert_int_equal(codes_call(b, dossier_set_personal_code).reason, VITALED_REASON_NONE);
	assert_true(fake_people.question.fresh);
}

struct reply codes_oppose(struct bed *b, bool on)
{
	struct reply r = bed_reply();

	dossier_set_opposition(&b->s, OPPOSED, on, bed_done_fn, &r);
	bed_wait(b, &r);
	return r;
}

const char *codes_detail(const char *event, const char *name)
{
	const char *text =
		json_get_str(json_object_get(fake_audit_last(event), "details"), name);

	return text ? text : "";
}
