/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The life of a dossier in the broker, with the real vitaled-dossier behind it: prepared, unlocked,
 * created, locked, killed; and the keys.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "daemon/dossier/inside.h"
#include "daemon/limits.h"
#include "tests/unit/dossier/bed.h"
#include "tests/unit/dossier/faults.h"

/* -- life --------------------------------------------------------------------------------------- */

static void pseudonym_is_an_hmac_that_survives_a_restart(void **state)
{
	struct bed *b = *state;
	char one[65];
	char two[65];
	char other[65];

	assert_int_equal(dossier_pseudonym(b->all, "2550699999999", NATURE_REAL, one), 0);
	assert_int_equal(dossier_pseudonym(b->all, "2550699999998", NATURE_REAL, other), 0);
	assert_string_not_equal(one, other);
	bed_stop(b);
	assert_int_equal(bed_start(b), 0);
	assert_int_equal(dossier_pseudonym(b->all, "2550699999999", NATURE_REAL, two), 0);
	assert_string_equal(one, two);
	assert_true(dossier_pseudonym(b->all, "255069999999912", NATURE_REAL, two) < 0);
	assert_true(dossier_pseudonym(b->all, "25506999999x9", NATURE_REAL, two) < 0);
	assert_int_equal(dossier_pseudonym(b->all, "255062A999999", NATURE_REAL, two), 0);
}

/* HMAC-SHA256, computed here apart from the room, of the pseudonym key and the whole name. */
static void expected(const struct bed *b, const char *name, char ret_hex[65])
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(65);
	unsigned char hash[32];
	unsigned char key[32];
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/pseudonym.key", b->state);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fread(key, 1, sizeof(key), f), sizeof(key));
	fclose(f);
	assert_non_null(HMAC(EVP_sha256(), key, sizeof(key), (const unsigned char *)name,
		strlen(name), hash, NULL));
	hex_encode(&hex, VIEW(hash));
	assert_int_equal(view_copy_str(buf_view(&hex), ret_hex, 65), 0);
}

static void each_nature_has_pseudonyms_of_its_own(void **state)
{
	static const struct {
		enum nature nature;
		const char *name;
	} natures[] = {
		{NATURE_REAL, "1:2550699999999"},
		{NATURE_UNKNOWN, "1:2550699999999"}, /* a real Vitale */
		{NATURE_TEST, "test:1:2550699999999"},
		{NATURE_SIMULATED, "simulated:1:2550699999999"},
	};
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(natures); i++) {
		char wanted[65];
		char got[65];

		expected(b, natures[i].name, wanted);
		assert_int_equal(
			dossier_pseudonym(b->all, "2550699999999", natures[i].nature, got), 0);
		assert_string_equal(got, wanted);
	}
}

static void simulated_card_does_not_open_the_dossier_of_a_real_one(void **state)
{
	struct bed *b = *state;

	assert_int_equal(
		dossier_pseudonym(b->all, "2550699999999", NATURE_REAL, b->s.patient.pseudonym),
		0);
	b->s.patient.nature = NATURE_REAL;
	b->config.required[NATURE_REAL] = PROOF_MUTUAL;
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	assert_int_equal(bed_unlock(b), VITALED_REASON_NONE);
	assert_int_equal(bed_create(b).reason, VITALED_REASON_NONE);
	bed_lock(b);
	fake_session(&b->s);
	b->s.intents = SESSION_INTENT_CONSULT;
	assert_int_equal(dossier_pseudonym(b->all, "2550699999999", NATURE_SIMULATED,
				 b->s.patient.pseudonym),
		0);
	assert_int_equal(bed_prepare(b), VITALED_REASON_NO_DOSSIER);
}

static void card_of_unknown_nature_needs_the_proof_of_real_cards(void **state)
{
	_cleanup_json_ json_t *rows = NULL;
	struct bed *b = *state;
	struct reply r = bed_reply();

	b->config.required[NATURE_UNKNOWN] = PROOF_LOCKED;
	b->config.required[NATURE_REAL] = PROOF_READ;
	bed_created(b);
	b->s.patient.nature = NATURE_UNKNOWN;
	b->s.proof = PROOF_READ;
	rows = bed_list(b, NULL);
	assert_int_equal(json_array_size(rows), 0);
	b->config.required[NATURE_REAL] = PROOF_LOCKED;
	dossier_list(&b->s, NULL, bed_done_fn, &r);
	bed_wait(b, &r);
	assert_int_equal(r.reason, VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(r.rule, "proof");
}

static void absent_dossier_without_create_is_no_dossier_and_leaves_no_file(void **state)
{
	struct bed *b = *state;

	b->s.intents = SESSION_INTENT_CONSULT;
	assert_int_equal(bed_prepare(b), VITALED_REASON_NO_DOSSIER);
	assert_int_equal(bed_files(b, ""), 0);
}

static void absent_dossier_that_is_not_created_leaves_no_file(void **state)
{
	struct bed *b = *state;

	bed_open(b, BED_ALL);
	assert_string_equal(dossier_state_of(&b->s), "absent");
	assert_int_equal(bed_files(b, ".dossier"), 1);
	bed_lock(b);
	assert_int_equal(bed_files(b, ""), 0);
	assert_null(dossier_state_of(&b->s));
}

static void broker_that_was_killed_leaves_files_that_the_next_start_sweeps(void **state)
{
	struct bed *b = *state;
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/dossiers/01", b->state);
	assert_int_equal(mkdir(path, 0700), 0);
	bed_path(b, ".dossier", path, sizeof(path));
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	(void)snprintf(
		path, sizeof(path), "%s/dossiers/pending/%s", b->state, b->s.patient.pseudonym);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	bed_stop(b);
	assert_int_equal(bed_start(b), 0);
	assert_int_equal(bed_files(b, ""), 0);
}

static void sweep_keeps_a_store_that_has_a_key(void **state)
{
	struct bed *b = *state;
	char path[256];
	FILE *f;

	bed_created(b);
	bed_stop(b);
	(void)snprintf(
		path, sizeof(path), "%s/dossiers/pending/%s", b->state, b->s.patient.pseudonym);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(bed_start(b), 0);
	assert_int_equal(bed_files(b, ".dossier"), 1);
	assert_int_equal(access(path, F_OK), -1);
	bed_open(b, SESSION_INTENT_CONSULT);
	assert_string_equal(dossier_state_of(&b->s), "open");
}

static void created_dossier_is_open_and_stays(void **state)
{
	struct bed *b = *state;
	struct stat st;
	char path[256];

	bed_created(b);
	assert_string_equal(dossier_state_of(&b->s), "open");
	assert_true(b->s.changed >= 2);
	assert_int_equal(bed_create(b).reason, VITALED_REASON_WRONG_STATE);
	assert_int_equal(fake_audit_count("dossier-created", "started"), 1);
	assert_int_equal(fake_audit_count("dossier-created", "ok"), 1);
	bed_path(b, ".key", path, sizeof(path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, 60);
	bed_path(b, ".dossier", path, sizeof(path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	bed_open(b, SESSION_INTENT_CONSULT);
	assert_string_equal(dossier_state_of(&b->s), "open");
	assert_int_equal(bed_files(b, ".new"), 0);
}

static void locked_dossier_answers_nothing(void **state)
{
	struct bed *b = *state;
	struct reply r = bed_reply();

	bed_created(b);
	bed_lock(b);
	dossier_summary(&b->s, bed_done_fn, &r);
	assert_true(r.done);
	assert_int_equal(r.reason, VITALED_REASON_WRONG_STATE);
}

static void lock_ends_waiting_calls_once(void **state)
{
	struct bed *b = *state;
	struct reply a = bed_reply();
	struct reply c = bed_reply();
	struct reply gone = bed_reply();

	bed_created(b);
	dossier_summary(&b->s, bed_done_fn, &a);
	dossier_summary(&b->s, bed_done_fn, &gone);
	dossier_history(&b->s, NULL, bed_done_fn, &c);
	dossier_forget(&b->s, &gone);
	bed_lock(b);
	assert_int_equal(a.times, 1);
	assert_int_equal(a.reason, VITALED_REASON_WRONG_STATE);
	assert_int_equal(c.times, 1);
	assert_int_equal(gone.times, 0);
	bed_turn(b, 50);
	assert_int_equal(a.times, 1);
}

static void too_many_calls_are_refused(void **state)
{
	struct bed *b = *state;
	struct reply r[LIMIT_DOSSIER_CALLS + 1];

	bed_created(b);
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		r[i] = bed_reply();
		dossier_summary(&b->s, bed_done_fn, &r[i]);
	}
	assert_int_equal(r[LIMIT_DOSSIER_CALLS].reason, VITALED_REASON_LIMITS_EXCEEDED);
	for (size_t i = 0; i < LIMIT_DOSSIER_CALLS; i++) {
		bed_wait(b, &r[i]);
		assert_int_equal(r[i].reason, VITALED_REASON_NONE);
		close(r[i].fds[0]);
	}
}

static void patient_without_own_number_has_no_dossier(void **state)
{
	struct bed *b = *state;

	b->s.patient.pseudonym[0] = '\0';
	assert_int_equal(bed_prepare(b), VITALED_REASON_NO_OWN_IDENTITY);
}

static void second_session_on_one_dossier_is_busy(void **state)
{
	struct bed *b = *state;
	static struct session other;

	bed_created(b);
	fake_session(&other);
	other.all = b->all;
	dossier_prepare(b->all, &other);
	assert_true(other.prepared);
	assert_int_equal(other.prepared_reason, VITALED_REASON_BUSY);
}

static void unlock_without_consent_is_refused(void **state)
{
	struct bed *b = *state;

	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	dossier_unlock(b->all, &b->s);
	assert_int_equal(b->s.end_reason, VITALED_REASON_CONSENT_REFUSED);
}

static void missing_program_is_child_failed(void **state)
{
	struct bed *b = *state;

	(void)snprintf(b->config.children, sizeof(b->config.children), "/nowhere");
	assert_int_equal(bed_prepare(b), VITALED_REASON_CHILD_FAILED);
	assert_int_equal(bed_files(b, ""), 0);
}

static void killed_process_ends_the_session(void **state)
{
	struct bed *b = *state;
	struct dossier *d;

	bed_created(b);
	d = session_dossier(&b->s);
	assert_int_equal(kill(child_pid(d->child), SIGKILL), 0);
	bed_run(b, &b->s.ended);
	assert_int_equal(b->s.end_reason, VITALED_REASON_CHILD_FAILED);
	assert_non_null(fake_audit_last("child-failed"));
}

static void killed_process_ends_a_waiting_call_with_the_cause(void **state)
{
	struct bed *b = *state;
	struct reply r = bed_reply();
	struct dossier *d;

	bed_created(b);
	d = session_dossier(&b->s);
	assert_int_equal(kill(child_pid(d->child), SIGSTOP), 0);
	dossier_summary(&b->s, bed_done_fn, &r);
	assert_int_equal(kill(child_pid(d->child), SIGKILL), 0);
	bed_wait(b, &r);
	assert_int_equal(r.reason, VITALED_REASON_CHILD_FAILED);
	assert_int_equal(b->s.end_reason, VITALED_REASON_CHILD_FAILED);
}

/* -- keys --------------------------------------------------------------------------------------- */

#define OTHER_KEY "0123456789abcdef0123456789abcdef"

/* A path in the state folder, until the next call. */
static const char *at(const struct bed *b, const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", b->state, name);
	return path;
}

static void read_key(const char *path, char ret[33])
{
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_int_equal(fread(ret, 1, 33, f), 32);
	fclose(f);
	ret[32] = '\0';
}

static void write_key(const char *path, const char *key)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, key, 32), 32);
	assert_int_equal(close(fd), 0);
}

static void lost_master_key_is_not_replaced(void **state)
{
	struct bed *b = *state;
	char path[256];

	bed_stop(b);
	(void)snprintf(path, sizeof(path), "%s/dossier.key", b->state);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bed_start(b), -ENOKEY);
}

static void master_key_open_to_others_or_short_is_refused(void **state)
{
	struct bed *b = *state;
	char path[256];

	bed_stop(b);
	(void)snprintf(path, sizeof(path), "%s/pseudonym.key", b->state);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(bed_start(b), -EPERM);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, 31), 0);
	assert_int_equal(bed_start(b), -EBADMSG);
}

static void master_key_comes_from_the_credential(void **state)
{
	struct bed *b = *state;
	char before[33];

	bed_stop(b);
	read_key(at(b, "dossier.key"), before);
	assert_int_equal(unlink(at(b, "dossier.key")), 0);
	assert_int_equal(mkdir(at(b, "credentials"), 0700), 0);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", at(b, "credentials"), 1), 0);
	assert_int_equal(bed_start(b), -ENOKEY);
	write_key(at(b, "credentials/dossier.key"), before);
	assert_int_equal(bed_start(b), 0);
	bed_stop(b);
	write_key(at(b, "dossier.key"), before); /* a file beside it may stay */
	assert_int_equal(bed_start(b), 0);
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

/* With the credential @name, which holds OTHER_KEY: what dossiers_new() says. */
static int start_with_another(struct bed *b, const char *name)
{
	char path[256];
	int r;

	(void)snprintf(path, sizeof(path), "%s/credentials", b->state);
	assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", path, 1), 0);
	(void)snprintf(path, sizeof(path), "%s/credentials/%s", b->state, name);
	write_key(path, OTHER_KEY);
	r = bed_start(b);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	return r;
}

static void another_key_than_before_is_refused_wherever_it_comes_from(void **state)
{
	static const struct {
		const char *name;
		int outcome;
	} rows[] = {{"dossier.key", DOSSIERS_OTHER_KEY},
		{"pseudonym.key", DOSSIERS_OTHER_PSEUDONYM_KEY}};

	struct bed *b = *state;

	bed_stop(b);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char path[256], kept[33];

		(void)snprintf(path, sizeof(path), "%s/%s", b->state, rows[i].name);
		read_key(path, kept);
		assert_int_equal(start_with_another(b, rows[i].name), rows[i].outcome);
		assert_int_equal(unlink(path), 0); /* and when the old one has gone */
		assert_int_equal(start_with_another(b, rows[i].name), rows[i].outcome);
		write_key(path, OTHER_KEY); /* and in its place */
		assert_int_equal(bed_start(b), rows[i].outcome);
		write_key(path, kept);
		assert_int_equal(bed_start(b), 0);
		bed_stop(b);
	}
	assert_int_equal(bed_start(b), 0);
}

static void the_check_value_is_an_hmac_over_the_name(void **state)
{
	static const char name[] = "vitaled key check 1\0dossier.key";
	struct bed *b = *state;
	unsigned char hash[32];
	struct stat st;
	char key[33], value[33];

	read_key(at(b, "dossier.key"), key);
	read_key(at(b, "dossier.key.check"), value);
	assert_non_null(HMAC(EVP_sha256(), key, 32, (const unsigned char *)name,
		sizeof(name) - 1, hash, NULL));
	assert_memory_equal(value, hash, sizeof(hash));
	assert_int_equal(stat(at(b, "pseudonym.key.check"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(st.st_size, 32);
}

static void a_check_value_that_is_lost_is_made_anew_and_a_short_one_refused(void **state)
{
	struct bed *b = *state;
	char before[33], after[33], away[256];

	(void)snprintf(away, sizeof(away), "%s/away", b->state);
	bed_stop(b);
	read_key(at(b, "dossier.key.check"), before);
	assert_int_equal(unlink(at(b, "dossier.key.check")), 0);
	assert_int_equal(bed_start(b), 0);
	bed_stop(b);
	read_key(at(b, "dossier.key.check"), after);
	assert_memory_equal(before, after, 32);
	assert_int_equal(truncate(at(b, "dossier.key.check"), 31), 0);
	assert_int_equal(bed_start(b), -EBADMSG);
	assert_int_equal(unlink(at(b, "dossier.key")), 0);
	assert_int_equal(rename(at(b, "dossiers"), away), 0);
	assert_int_equal(bed_start(b), -ENOKEY); /* it was in use here */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(pseudonym_is_an_hmac_that_survives_a_restart),
		T(each_nature_has_pseudonyms_of_its_own),
		T(simulated_card_does_not_open_the_dossier_of_a_real_one),
		T(card_of_unknown_nature_needs_the_proof_of_real_cards),
		T(absent_dossier_without_create_is_no_dossier_and_leaves_no_file),
		T(absent_dossier_that_is_not_created_leaves_no_file),
		T(broker_that_was_killed_leaves_files_that_the_next_start_sweeps),
		T(sweep_keeps_a_store_that_has_a_key),
		T(created_dossier_is_open_and_stays),
		T(locked_dossier_answers_nothing),
		T(lock_ends_waiting_calls_once),
		T(too_many_calls_are_refused),
		T(patient_without_own_number_has_no_dossier),
		T(second_session_on_one_dossier_is_busy),
		T(unlock_without_consent_is_refused),
		T(missing_program_is_child_failed),
		T(killed_process_ends_the_session),
		T(killed_process_ends_a_waiting_call_with_the_cause),
		T(lost_master_key_is_not_replaced),
		T(master_key_open_to_others_or_short_is_refused),
		T(master_key_comes_from_the_credential),
		T(another_key_than_before_is_refused_wherever_it_comes_from),
		T(the_check_value_is_an_hmac_over_the_name),
		T(a_check_value_that_is_lost_is_made_anew_and_a_short_one_refused),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
