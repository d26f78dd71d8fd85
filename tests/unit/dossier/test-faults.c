/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The broker's side while memory runs out and system calls fail, one after the other at every place:
 * each question gets exactly one answer, no process and no descriptor stays behind, and the dossier
 * opens again afterwards.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/dossier/bed.h"
#include "tests/unit/dossier/faults.h"

static unsigned int open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(d);
	while (readdir(d)) {
		n++;
	}
	closedir(d);
	return n;
}

static char document[37];

static void close_reply(struct reply *r)
{
	for (size_t i = 0; i < 2; i++) {
		if (r->fds[i] >= 0) {
			close(r->fds[i]);
		}
	}
}

/* What is tried. Return: its reason. */
typedef enum vitaled_reason (*step_fn)(struct bed *b);

static enum vitaled_reason step_list(struct bed *b)
{
	struct reply r = bed_reply();

	(void)faults_pause(false);
	dossier_list(&b->s, NULL, bed_done_fn, &r);
	(void)faults_pause(true);
	bed_wait(b, &r);
	close_reply(&r);
	return r.reason;
}

static enum vitaled_reason step_summary(struct bed *b)
{
	struct reply r = bed_reply();

	(void)faults_pause(false);
	dossier_summary(&b->s, bed_done_fn, &r);
	(void)faults_pause(true);
	bed_wait(b, &r);
	close_reply(&r);
	return r.reason;
}

static enum vitaled_reason step_history(struct bed *b)
{
	_cleanup_json_ json_t *filter = json_pack("{s:i}", "limit", 1);
	struct reply r = bed_reply();

	(void)faults_pause(false);
	dossier_history(&b->s, filter, bed_done_fn, &r);
	(void)faults_pause(true);
	bed_wait(b, &r);
	close_reply(&r);
	return r.reason;
}

static enum vitaled_reason step_read(struct bed *b)
{
	struct reply r = bed_read(b, document);

	close_reply(&r);
	return r.reason;
}

static enum vitaled_reason step_add(struct bed *b)
{
	return bed_add(b, BED_NOTE, VIEW_TEXT("x")).reason;
}

static enum vitaled_reason step_flag(struct bed *b)
{
	static bool on;

	on = !on;
	return bed_visibility(b, document, "masque_ps", on).reason;
}

static enum vitaled_reason step_people(struct bed *b)
{
	struct reply r = bed_reply();

	(void)faults_pause(false);
	dossier_list_professionals(&b->s, bed_done_fn, &r);
	(void)faults_pause(true);
	bed_wait(b, &r);
	close_reply(&r);
	return r.reason;
}

static enum vitaled_reason step_authorise(struct bed *b)
{
	struct reply r = bed_reply();
	int fd;

	assert_int_equal(
		json_memfd_text(VIEW_TEXT("{\"id\":\"899700000001\"}"), "who", &fd), 0);
	(void)faults_pause(false);
	dossier_authorise(&b->s, fd, bed_done_fn, &r);
	(void)faults_pause(true);
	close(fd);
	bed_wait(b, &r);
	return r.reason;
}

static enum vitaled_reason step_treating(struct bed *b)
{
	struct reply r = bed_reply();

	(void)faults_pause(false);
	dossier_set_treating_doctor(&b->s, true, bed_done_fn, &r);
	(void)faults_pause(true);
	bed_wait(b, &r);
	return r.reason;
}

static char one_step[37]; /* a document that is there for one step */

static enum vitaled_reason step_replace(struct bed *b)
{
	return bed_replace(b, one_step, BED_NOTE, VIEW_TEXT("y")).reason;
}

static enum vitaled_reason step_delete(struct bed *b)
{
	return bed_delete(b, one_step).reason;
}

static void renew(struct bed *b, step_fn step)
{
	if (step == step_replace || step == step_delete) {
		struct reply added = bed_add(b, BED_NOTE, VIEW_TEXT("x"));

		bytes_copy(one_step, sizeof(one_step), added.id, sizeof(added.id));
	}
}

#define EVERYTHING (BED_ALL | SESSION_INTENT_AUTHORISE | SESSION_INTENT_TREATING_DOCTOR)

/* A call at every failing place; whatever it came to, the dossier opens and answers again. */
static void every_failure_of(struct bed *b, step_fn step, enum faults_kind kind)
{
	bool met = true;

	for (unsigned int n = 0; met; n++) {
		enum vitaled_reason reason;
		unsigned int before = open_descriptors();

		assert_true(n < 5000);
		renew(b, step);
		faults_arm(kind, n);
		reason = step(b);
		met = faults_off();
		assert_true(met || reason == VITALED_REASON_NONE);
		if (b->s.ended) {
			bed_open(b, EVERYTHING);
		}
		assert_int_equal(open_descriptors(), before);
		while (json_array_size(fake_audit.entries) > 20) {
			(void)json_array_remove(fake_audit.entries, 0);
		}
		renew(b, step);
		assert_int_equal(step(b), VITALED_REASON_NONE);
	}
}

static void each_call_survives_every_failure(void **state)
{
	static const step_fn steps[] = {step_list, step_summary, step_history, step_read,
		step_add, step_flag, step_replace, step_delete, step_people, step_authorise,
		step_treating};
	struct bed *b = *state;
	struct reply added;

	bed_created(b);
	bed_open(b, EVERYTHING);
	added = bed_add(b,
		"{\"format\":1,\"type\":\"health-data\",\"title\":\"T\",\"date\":\"2026-01-"
		"01\","
		"\"mime\":\"a/b\",\"entry\":{\"kind\":\"allergy\",\"substance\":\"x\"}}",
		VIEW_TEXT("x"));
	assert_int_equal(added.reason, VITALED_REASON_NONE);
	bytes_copy(document, sizeof(document), added.id, sizeof(added.id));
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		every_failure_of(b, steps[i], FAULTS_MEMORY);
		every_failure_of(b, steps[i], FAULTS_CALLS);
	}
}

static void opening_with(struct bed *b, enum faults_kind kind)
{
	bool met = true;

	for (unsigned int n = 0; met; n++) {
		enum vitaled_reason reason;

		bed_lock(b);
		fake_session(&b->s);
		faults_arm(kind, n);
		reason = bed_prepare(b);
		if (reason == VITALED_REASON_NONE) {
			reason = bed_unlock(b);
		}
		met = faults_off();
		assert_true(met || reason == VITALED_REASON_NONE);
		bed_lock(b);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no process is left */
	}
}

static void opening_survives_every_failure(void **state)
{
	struct bed *b = *state;

	bed_created(b);
	opening_with(b, FAULTS_MEMORY);
	opening_with(b, FAULTS_CALLS);
	bed_open(b, BED_ALL);
}

/* Create on a state folder without a dossier, each time. */
static void creating_with(struct bed *b, enum faults_kind kind)
{
	bool met = true;

	for (unsigned int n = 0; met; n++) {
		enum vitaled_reason reason;

		bed_lock(b);
		fake_session(&b->s);
		/* a patient of its own for each try */
		b->s.patient.pseudonym[10] = "0123456789abcdef"[n % 16];
		b->s.patient.pseudonym[11] = "0123456789abcdef"[n / 16 % 16];
		b->s.patient.pseudonym[12] = kind == FAULTS_MEMORY ? 'a' : 'b';
		assert_true(n < 256);
		assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
		assert_int_equal(bed_unlock(b), VITALED_REASON_NONE);
		faults_arm(kind, n);
		reason = bed_create(b).reason;
		met = faults_off();
		assert_true(met || reason == VITALED_REASON_NONE);
		if (reason == VITALED_REASON_NONE) {
			assert_string_equal(dossier_state_of(&b->s), "open");
		} else if (!b->s.ended) {
			/* and once more */
			assert_int_equal(bed_create(b).reason, VITALED_REASON_NONE);
		}
	}
	bed_lock(b);
}

static void creating_survives_every_failure(void **state)
{
	creating_with(*state, FAULTS_MEMORY);
	creating_with(*state, FAULTS_CALLS);
}

static void starting_with(struct bed *b, enum faults_kind kind, bool fresh)
{
	bool met = true;

	for (unsigned int n = 0; met; n++) {
		int r;

		bed_stop(b);
		if (fresh) {
			bed_wipe(b);
		}
		faults_arm(kind, n);
		r = bed_start(b);
		met = faults_off();
		assert_true(met || r == 0);
		assert_true(r == 0 || !b->all);
	}
}

static void starting_survives_every_failure(void **state)
{
	struct bed *b = *state;

	starting_with(b, FAULTS_MEMORY, true);
	starting_with(b, FAULTS_CALLS, true);
	starting_with(b, FAULTS_MEMORY, false);
	starting_with(b, FAULTS_CALLS, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(each_call_survives_every_failure),
		T(opening_survives_every_failure),
		T(creating_survives_every_failure),
		T(starting_survives_every_failure),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
