/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * An import and the revocation lists: it waits for them and not for ever, and where they cannot be asked
 * it ends. The feed is right (yes-feed.c); the dossier and its process are real.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "daemon/dossier/import-inside.h"
#include "daemon/limits.h"
#include "tests/unit/dossier/bed.h"
#include "tests/unit/dossier/faults.h"

#define R(name) VITALED_REASON_##name

/* -- time --------------------------------------------------------------------------------------- */

static bool no_timer;
static unsigned int waits; /* for lists */

int __real_sd_event_add_time_relative(sd_event *ev, sd_event_source **s, clockid_t clock,
	uint64_t usec, uint64_t accuracy, sd_event_time_handler_t fn, void *user);
int __wrap_sd_event_add_time_relative(sd_event *ev, sd_event_source **s, clockid_t clock,
	uint64_t usec, uint64_t accuracy, sd_event_time_handler_t fn, void *user);

/* The wait for lists is a thousandth of itself. */
int __wrap_sd_event_add_time_relative(sd_event *ev, sd_event_source **s, clockid_t clock,
	uint64_t usec, uint64_t accuracy, sd_event_time_handler_t fn, void *user)
{
	if (usec == LIMIT_FEED_LISTS) {
		waits++;
		usec /= 1000;
		if (no_timer) {
			return -ENOMEM;
		}
	}
	return __real_sd_event_add_time_relative(ev, s, clock, usec, accuracy, fn, user);
}

/* -- an import ------------------------------------------------------------------------------------ */

static struct trust *trust;

struct end {
	bool done;
	enum vitaled_reason reason;
	char detail[32];
	uint32_t added;
};

static void on_done(void *user, const struct import_result *result)
{
	struct end *end = user;

	assert_false(end->done);
	end->done = true;
	end->reason = result->reason;
	end->added = result->added;
	(void)snprintf(
		end->detail, sizeof(end->detail), "%s", result->detail ? result->detail : "");
}

static int setup(void **state)
{
	no_timer = false;
	waits = 0;
	fake_crls = (struct fake_crls){0};
	if (bed_setup(state) != 0) {
		return -1;
	}
	bed_created(*state);
	return trust_new("/nowhere", &trust, NULL);
}

static int teardown(void **state)
{
	int r = bed_teardown(state);

	trust = trust_free(trust);
	assert_int_equal(fake_crls.holds, 0);
	return r;
}

/* Somebody of whom no list speaks. */
static struct buf signer(void)
{
	struct buf out = BUF_NULL(4096);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	unsigned char *der = NULL;
	int n;

	assert_int_equal(X509_set_pubkey(cert, key), 1);
	assert_non_null(X509_gmtime_adj(X509_getm_notBefore(cert), 0));
	assert_non_null(X509_gmtime_adj(X509_getm_notAfter(cert), 86400));
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	n = i2d_X509(cert, &der);
	assert_true(n > 0);
	buf_put(&out, der, (size_t)n);
	OPENSSL_free(der);
	X509_free(cert);
	EVP_PKEY_free(key);
	return out;
}

static enum vitaled_reason begin_with(struct bed *b, struct view chain, struct end *end)
{
	struct import_request request = {.believed = VIEW_TEXT("anchors"),
		.uid = 1234,
		.caller = ":1.7",
		.trust = trust};
	enum vitaled_reason reason;

	*end = (struct end){.done = false};
	(void)snprintf(b->config.children, sizeof(b->config.children), "%s", STRANGE);
	assert_int_equal(json_memfd_text(chain, "feed", &request.feed), 0);
	assert_int_equal(json_memfd_text(VIEW_TEXT("anchors"), "a", &request.anchors), 0);
	reason = dossiers_import(b->all, &request, on_done, end);
	close(request.feed);
	close(request.anchors);
	return reason;
}

static void begin(struct bed *b, struct end *end)
{
	struct buf chain = signer();

	assert_int_equal(begin_with(b, buf_view(&chain), end), R(NONE));
	assert_int_equal(fake_crls.holds, 1);
	assert_true(fake_crls.anchors);
	buf_done(&chain);
}

/* It waits for lists, and nothing has been begun. */
static void awaits(struct bed *b)
{
	for (unsigned int i = 0; i < 2000 && waits == 0; i++) {
		bed_turn(b, 5);
	}
	assert_int_equal(waits, 1);
	assert_int_equal(fake_audit_count("imported", "started"), 0);
}

static void ends(struct bed *b, struct end *end, enum vitaled_reason reason, const char *why)
{
	const json_t *entry;
	const char *said;

	bed_run(b, &end->done);
	assert_int_equal(end->reason, reason);
	assert_string_equal(end->detail, why);
	assert_int_equal(fake_crls.holds, 0); /* it has let go before it told */
	entry = fake_audit_last("imported");
	assert_string_equal(json_get_str(entry, "outcome"),
		reason == R(NONE) ? "ok" : vitaled_reason_word(reason));
	said = json_get_str(json_object_get(entry, "details"), "why");
	assert_string_equal(said ? said : "", why);
}

/* -- lists that are read ---------------------------------------------------------------------------- */

static void lists_that_have_been_read_are_not_waited_for(void **state)
{
	struct bed *b = *state;
	struct end end;

	begin(b, &end);
	ends(b, &end, R(NONE), "");
	assert_int_equal(waits, 0);
	assert_int_equal(fake_audit_count("imported", "started"), 1);
}

static void lists_that_are_being_read_are_waited_for_once(void **state)
{
	struct bed *b = *state;
	struct end end;

	fake_crls.reading = true;
	begin(b, &end);
	awaits(b);
	dossiers_lists_read(b->all); /* another reading is due */
	bed_turn(b, 20);
	assert_false(end.done);
	assert_int_equal(waits, 1); /* and the time goes on */
	fake_crls.reading = false;
	dossiers_lists_read(b->all);
	ends(b, &end, R(NONE), "");
	dossiers_lists_read(b->all); /* nobody waits */
}

static void lists_that_are_not_read_in_time_end_it(void **state)
{
	struct bed *b = *state;
	struct end end;

	fake_crls.reading = true;
	begin(b, &end);
	ends(b, &end, R(TIMEOUT), "lists");
	assert_int_equal(waits, 1);
	assert_int_equal(fake_audit_count("imported", "started"), 0);
	fake_crls.reading = false;
	begin(b, &end); /* the next one is not hurt */
	ends(b, &end, R(NONE), "");
}

static void a_reading_that_failed_ends_it(void **state)
{
	struct bed *b = *state;
	struct end end;

	fake_crls.reading = true;
	begin(b, &end);
	awaits(b);
	fake_crls.reading = false;
	fake_crls.failed = true;
	dossiers_lists_read(b->all);
	fake_faults = 0;
	ends(b, &end, R(FAILED), "lists");
	assert_int_equal(fake_faults, 1); /* the journal says it, once */
	assert_int_equal(fake_audit_count("imported", "started"), 0);
}

static void a_wait_that_cannot_be_measured_ends_it(void **state)
{
	struct bed *b = *state;
	struct end end;

	fake_crls.reading = true;
	no_timer = true;
	fake_faults = 0;
	begin(b, &end);
	ends(b, &end, R(FAILED), "lists");
	assert_int_equal(fake_faults, 1);
}

static void anchors_that_cannot_be_held_begin_none(void **state)
{
	struct bed *b = *state;
	struct end end;

	fake_crls.refuse = true;
	assert_int_equal(begin_with(b, VIEW_TEXT("x"), &end), R(CHILD_FAILED));
	assert_null(b->all->import);
	assert_int_equal(fake_audit_count("imported", "child-failed"), 0);
}

/* -- lists that cannot be asked --------------------------------------------------------------------- */

static void what_is_no_chain_is_the_readers_fault(void **state)
{
	struct bed *b = *state;
	struct end end;

	assert_int_equal(begin_with(b, VIEW_TEXT("none"), &end), R(NONE));
	ends(b, &end, R(CHILD_FAILED), "");
	assert_int_equal(fake_audit_count("imported", "started"), 0);
}

/* An import at the dossier of the bed's session, its lines at hand. */
static struct import *at_a_dossier(struct bed *b, struct end *end)
{
	struct buf chain = signer();
	struct import *im;

	*end = (struct end){.done = false};
	im = calloc(1, sizeof(*im));
	assert_non_null(im);
	im->all = b->all;
	im->uid = 1234;
	im->n = 1;
	im->lines = 1;
	im->trust = trust;
	im->chain = chain;
	im->done = on_done;
	im->user = end;
	im->facts = json_pack("{s:{s:s,s:s,s:s},s:s}", "author", "kind", "insurer", "id",
		"Caisse", "name", "Caisse", "made", "2026-11-20");
	assert_non_null(im->facts);
	bytes_copy(im->pseudonym, sizeof(im->pseudonym), b->s.patient.pseudonym, 65);
	assert_int_equal(json_memfd_text(VIEW_TEXT("[]"), "lines", &im->fd), 0);
	b->all->import = im;
	return im;
}

static void memory_that_runs_out_is_no_answer(void **state)
{
	struct bed *b = *state;
	struct end end;
	struct import *im = at_a_dossier(b, &end);
	unsigned int failed = 0;
	bool met = true;

	for (unsigned int n = 0; met; n++) {
		enum vitaled_reason reason;
		bool before;

		fake_faults = 0;
		before = faults_pause(false);
		faults_arm(FAULTS_MEMORY, n);
		reason = import_judge(im);
		met = faults_off();
		(void)faults_pause(before);
		assert_true(reason == R(NONE) || (met && reason == R(FAILED)));
		assert_int_equal(im->verdict, reason);
		assert_int_equal(fake_faults, reason == R(FAILED) ? 1 : 0);
		failed += reason == R(FAILED);
	}
	assert_true(failed > 0);
	b->all->import = import_free(im);
}

static void without_an_answer_no_further_dossier_is_changed(void **state)
{
	struct bed *b = *state;
	struct end end;
	struct import *im;

	for (unsigned int open = 2; open-- > 0;) {
		if (!open) {
			bed_lock(b); /* a process of its own */
		}
		im = at_a_dossier(b, &end);
		buf_reset(&im->chain);
		import_dossier(im);
		ends(b, &end, R(CHILD_FAILED), "");
		assert_int_equal(end.added, 0);
		assert_null(b->all->import);
		assert_int_equal(fake_audit_count("imported", "started"), 0);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(lists_that_have_been_read_are_not_waited_for),
		T(lists_that_are_being_read_are_waited_for_once),
		T(lists_that_are_not_read_in_time_end_it),
		T(a_reading_that_failed_ends_it),
		T(a_wait_that_cannot_be_measured_ends_it),
		T(anchors_that_cannot_be_held_begin_none),
		T(what_is_no_chain_is_the_readers_fault),
		T(memory_that_runs_out_is_no_answer),
		T(without_an_answer_no_further_dossier_is_changed),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
