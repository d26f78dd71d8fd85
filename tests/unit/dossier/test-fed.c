/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Reimbursements that come while a dossier is open, closed or gone, and whose doing a call is: the
 * feed's reader is left out, everything behind it is real.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <openssl/x509.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "daemon/dossier/files.h"
#include "daemon/dossier/import-inside.h"
#include "tests/unit/dossier/codes-bed.h"
#include "tests/unit/dossier/faults.h"

#define CODE "2718"
#define LINES                                                                                  \
	"[{\"format\":1,\"type\":\"reimbursement\",\"title\":\"Soin\",\"date\":"               \
	"\"2026-11-01\",\"mime\":\"text/plain\",\"size\":0,\"sha256\":"                        \
	"\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\","                \
	"\"entry\":{\"kind\":\"reimbursement\",\"id\":\"a\",\"act\":\"medicine\","             \
	"\"quantity\":1,\"amount\":300,\"reimbursed\":195,\"performer\":\"889900000038\"}}]"

/* -- one person of a feed ------------------------------------------------------------------------- */

static bool ended;

static int on_turn(sd_event_source *source, void *user)
{
	struct import *im = user;

	(void)source;
	if (im->then == IMPORT_DOSSIER) {
		import_dossier(im);
	} else {
		ended = true;
	}
	return 0;
}

/* Somebody of whom no list speaks signed it. */
static void put_signer(struct buf *out)
{
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
	buf_put(out, der, (size_t)n);
	OPENSSL_free(der);
	X509_free(cert);
	EVP_PKEY_free(key);
}

/* Their lines are at hand. */
static void feed(struct bed *b, struct import *im)
{
	struct trust *trust = NULL;

	*im = (struct import){.all = b->all, .uid = 1234, .n = 1, .lines = 1};
	ended = false;
	assert_int_equal(trust_new("/nowhere", &trust, NULL), 0);
	im->trust = trust;
	im->chain = BUF_NULL(4096);
	put_signer(&im->chain);
	im->facts = json_pack("{s:{s:s,s:s,s:s},s:s}", "author", "kind", "insurer", "id",
		"Caisse", "name", "Caisse", "made", "2026-11-20");
	assert_non_null(im->facts);
	bytes_copy(im->pseudonym, sizeof(im->pseudonym), b->s.patient.pseudonym, 65);
	assert_int_equal(json_memfd_text(VIEW_TEXT(LINES), "lines", &im->fd), 0);
	assert_true(sd_event_add_defer(b->ev, &im->turn, on_turn, im) >= 0);
	assert_true(sd_event_source_set_enabled(im->turn, SD_EVENT_OFF) >= 0);
}

static void feed_done(struct import *im)
{
	assert_int_equal(im->fd, -1);
	assert_null(im->d);
	sd_event_source_disable_unref(im->turn);
	json_decref(im->facts);
	buf_done(&im->chain);
	trust_free((struct trust *)(uintptr_t)im->trust);
}

static struct reply close_it(struct bed *b)
{
	struct reply r = bed_reply();
	int fd;

	assert_int_equal(json_memfd_text(VIEW_TEXT("why"), "reason", &fd), 0);
	dossier_close(&b->s, fd, bed_done_fn, &r);
	close(fd);
	bed_wait(b, &r);
	return r;
}

static struct reply history(struct bed *b)
{
	struct reply r = bed_reply();

	dossier_history(&b->s, NULL, bed_done_fn, &r);
	bed_wait(b, &r);
	if (r.fds[0] >= 0) {
		close(r.fds[0]);
	}
	return r;
}

static void alone(struct bed *b)
{
	TYPE(CODE);
	codes_open_alone(b);
}

/* -- closed --------------------------------------------------------------------------------------- */

static void feed_passes_over_a_dossier_that_was_closed_in_an_open_session(void **state)
{
	struct bed *b = *state;
	struct import im;

	codes_personal(b, CODE);
	alone(b);
	assert_int_equal(close_it(b).reason, VITALED_REASON_NONE);
	feed(b, &im);
	import_dossier(&im);
	bed_run(b, &ended);
	assert_int_equal(im.attempts, 0);
	assert_int_equal(im.absent, 1);
	assert_int_equal(im.failed, 0);
	assert_int_equal(fake_audit_count("imported", "started"), 0);
	assert_false(b->s.ended);
	feed_done(&im);
}

static void what_is_in_a_closed_dossier_is_its_patients_alone(void **state)
{
	struct bed *b = *state;

	codes_personal(b, CODE);
	alone(b);
	assert_int_equal(close_it(b).reason, VITALED_REASON_NONE);
	assert_int_equal(history(b).reason, VITALED_REASON_NONE);
	bed_open(b, SESSION_INTENT_CREATE | SESSION_INTENT_CONSULT);
	assert_string_equal(dossier_state_of(&b->s), "closed");
	assert_int_equal(history(b).reason, VITALED_REASON_WRONG_STATE);
	assert_int_equal(codes_call(b, dossier_export).reason, VITALED_REASON_WRONG_STATE);
	assert_int_equal(codes_call(b, dossier_reopen).reason, VITALED_REASON_NONE);
}

/* -- open ----------------------------------------------------------------------------------------- */

static void feed_is_nobodys_doing_who_sits_before_the_screen(void **state)
{
	struct bed *b = *state;
	const struct dossier *d;
	struct reply r = bed_reply();
	unsigned int inputs;
	struct import im;

	d = session_dossier(&b->s);
	inputs = b->s.inputs;
	feed(b, &im);
	import_dossier(&im);
	assert_int_equal(d->n_calls, 1);
	assert_false(dossier_busy(&b->s));
	bed_run(b, &ended);
	assert_int_equal(im.added, 1);
	assert_int_equal(b->s.inputs, inputs);
	feed_done(&im);
	/* a call that waits behind one is */
	feed(b, &im);
	import_dossier(&im);
	dossier_summary(&b->s, bed_done_fn, &r);
	assert_int_equal(d->n_calls, 2);
	assert_true(dossier_busy(&b->s));
	bed_wait(b, &r);
	close(r.fds[0]);
	assert_true(ended);
	assert_int_equal(b->s.inputs, inputs + 1);
	feed_done(&im);
}

/* Where no timer can be made for it the session ends with the input. */
static void session_may_end_with_the_input_that_a_call_is(void **state)
{
	struct bed *b = *state;
	struct reply one = bed_reply();
	struct reply two = bed_reply();

	b->s.input_ends = true;
	dossier_summary(&b->s, bed_done_fn, &one);
	dossier_summary(&b->s, bed_done_fn, &two);
	bed_wait(b, &one);
	assert_int_equal(one.reason, VITALED_REASON_NONE);
	assert_true(b->s.ended);
	assert_true(two.done);
	close(one.fds[0]);
	assert_int_equal(two.reason, VITALED_REASON_WRONG_STATE);
	assert_null(b->all->first);
}

/* -- gone ----------------------------------------------------------------------------------------- */

static void dossier_that_was_erased_meanwhile_is_absent_and_not_damaged(void **state)
{
	struct bed *b = *state;
	struct import im;

	bed_lock(b);
	feed(b, &im);
	assert_int_equal(files_erase(b->all->folder, im.pseudonym), 0);
	import_dossier(&im);
	bed_run(b, &ended);
	assert_int_equal(im.absent, 1);
	assert_int_equal(im.failed, 0);
	assert_null(fake_audit_last("store-rejected"));
	feed_done(&im);
}

static void dossier_that_nobody_has_open_is_fed_by_a_process_of_its_own(void **state)
{
	struct bed *b = *state;
	struct import im;

	bed_lock(b);
	feed(b, &im);
	import_dossier(&im);
	bed_run(b, &ended);
	assert_int_equal(im.added, 1);
	assert_int_equal(fake_audit_count("imported", "ok"), 1);
	feed_done(&im);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, codes_bed_setup, bed_teardown)
	const struct CMUnitTest tests[] = {
		T(feed_passes_over_a_dossier_that_was_closed_in_an_open_session),
		T(what_is_in_a_closed_dossier_is_its_patients_alone),
		T(feed_is_nobodys_doing_who_sits_before_the_screen),
		T(session_may_end_with_the_input_that_a_call_is),
		T(dossier_that_was_erased_meanwhile_is_absent_and_not_damaged),
		T(dossier_that_nobody_has_open_is_fed_by_a_process_of_its_own),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
