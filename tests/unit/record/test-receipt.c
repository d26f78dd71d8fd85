/* SPDX-License-Identifier: EUPL-1.2 */
/* Receipts with each part bent in turn; the part at fault is the one that is named. */
#include "base/clock.h"
#include "record/checkpoint.h"
#include "record/receipt.h"
#include "tests/unit/record/failing.h"
#include "tests/unit/record/receipt-world.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <stdlib.h>

static void judged(json_t *whole, int outcome, const char *where)
{
	struct receipt_anchors a = world_known();
	const char *at = "";

	assert_int_equal(world_judge(whole, &a, &at), outcome);
	assert_string_equal(at, where);
}

/* -- good ones ---------------------------------------------------------------------------------- */

static void a_whole_receipt_verifies(void **state)
{
	struct made m = world_usual();
	struct receipt_anchors a = world_known();
	json_t *whole = world_make(&m);
	struct receipt r;
	const char *at = "nothing";

	(void)state;
	assert_int_equal(world_parse(whole, &r), 0);
	assert_int_equal(receipt_verify(&r, &a, &at), 0);
	assert_string_equal(at, "nothing");
	assert_int_equal(receipt_verify(&r, &a, NULL), 0);
	a.vkey = NULL; /* the one in the receipt */
	assert_int_equal(receipt_verify(&r, &a, &at), 0);
	receipt_done(&r);
	receipt_done(&r); /* harmless */
	json_decref(whole);
}

static void a_receipt_of_a_kiosk_has_no_professional(void **state)
{
	struct made m = world_usual();
	struct receipt_anchors a = world_known();
	const char *at;

	(void)state;
	json_object_set_new(m.statement, "professional", json_null());
	m.kiosk = true;
	a.x509_file = NULL;
	assert_int_equal(world_judge(world_make(&m), &a, &at), 0);
}

static void a_receipt_without_a_card_that_signs_says_so(void **state)
{
	static const char *const words[] = {"none", "read"};
	struct receipt_anchors a = world_known();
	const char *at;

	(void)state;
	a.cvc_root_key = VIEW_NULL;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		struct made m = world_usual();

		json_object_set_new(json_object_get(m.statement, "patient"), "proof",
			json_string(words[i]));
		m.proof = words[i];
		m.alone = true;
		assert_int_equal(world_judge(world_make(&m), &a, &at), 0);
	}
}

static void a_receipt_that_nobody_signed_is_none(void **state)
{
	struct made m = world_usual();

	(void)state;
	json_object_set_new(m.statement, "professional", json_null());
	json_object_set_new(
		json_object_get(m.statement, "patient"), "proof", json_string("none"));
	m.proof = "none";
	m.kiosk = true;
	m.alone = true;
	judged(world_make(&m), RECEIPT_PATIENT, "patient (nobody signed)");
}

static void a_receipt_stays_good_after_the_cards_expired(void **state)
{
	/* judged at the statement's own time: two years before and after it is another matter */
	struct made m = world_usual();

	(void)state;
	json_object_set_new(
		m.statement, "time", json_integer((NOW + 2 * YEAR) * (json_int_t)USEC_PER_SEC));
	judged(world_make(&m), RECEIPT_PROFESSIONAL, "professional.cms");
	m = world_usual();
	json_object_set_new(
		m.statement, "time", json_integer((NOW - YEAR / 2) * (json_int_t)USEC_PER_SEC));
	judged(world_make(&m), 0, "parsing");
}

/* -- the statement ------------------------------------------------------------------------------ */

static void a_statement_that_is_not_canonical_is_named(void **state)
{
	struct made m = world_usual();

	(void)state;
	m.statement_text = VIEW_TEXT("{\"time\":1, \"patient\":{\"proof\":\"mutual\"}}");
	judged(world_make(&m), RECEIPT_STATEMENT, "statement");
	m = world_usual();
	m.statement_text = VIEW_TEXT("{\"time\":1.5}");
	judged(world_make(&m), RECEIPT_MALFORMED, "parsing"); /* a real number */
	m = world_usual();
	json_object_del(m.statement, "time");
	judged(world_make(&m), RECEIPT_STATEMENT, "statement.time");
}

static void a_receipt_cannot_claim_another_proof(void **state)
{
	struct made m = world_usual();

	(void)state;
	m.proof = "active";
	judged(world_make(&m), RECEIPT_STATEMENT, "statement.patient.proof");
	m = world_usual();
	json_object_del(m.statement, "patient");
	judged(world_make(&m), RECEIPT_STATEMENT, "statement.patient.proof");
}

/* -- the professional --------------------------------------------------------------------------- */

static void a_professional_must_be_there_exactly_when_the_statement_says_so(void **state)
{
	struct made m = world_usual();
	struct receipt_anchors a = world_known();
	const char *at;

	(void)state;
	m.kiosk = true;
	judged(world_make(&m), RECEIPT_PROFESSIONAL, "professional");
	m = world_usual();
	json_object_set_new(m.statement, "professional", json_null());
	judged(world_make(&m), RECEIPT_PROFESSIONAL, "professional");
	m = world_usual();
	a.x509_file = NULL;
	assert_int_equal(world_judge(world_make(&m), &a, &at), RECEIPT_PROFESSIONAL);
	assert_string_equal(at, "professional (no anchors)");
}

static void a_signature_of_another_professional_is_named(void **state)
{
	struct made m = world_usual();

	(void)state;
	m.signer = world.other; /* no anchor of the checker */
	m.signer_key = world.other_key;
	judged(world_make(&m), RECEIPT_PROFESSIONAL, "professional.cms");
	m = world_usual();
	json_object_set_new(
		json_object_get(m.statement, "professional"), "certificate", json_string("00"));
	judged(world_make(&m), RECEIPT_PROFESSIONAL, "statement.professional.certificate");
	m = world_usual();
	json_object_del(json_object_get(m.statement, "professional"), "certificate");
	judged(world_make(&m), RECEIPT_PROFESSIONAL, "statement.professional.certificate");
}

static void a_signature_must_be_detached(void **state)
{
	struct made m = world_usual();

	(void)state;
	m.cms_flags = 0;
	judged(world_make(&m), RECEIPT_PROFESSIONAL, "professional.cms");
	m = world_usual();
	m.cms_flags = CMS_DETACHED | CMS_NOCERTS;
	judged(world_make(&m), RECEIPT_PROFESSIONAL, "professional.cms");
}

static void a_signature_over_another_statement_is_named(void **state)
{
	struct made m = world_usual(), n = world_usual();
	json_t *whole, *other;

	(void)state;
	json_object_set_new(n.statement, "format", json_integer(2));
	whole = world_make(&m);
	other = world_make(&n);
	json_object_set(whole, "professional", json_object_get(other, "professional"));
	judged(whole, RECEIPT_PROFESSIONAL, "professional.cms");
	json_decref(other);
}

static void bytes_that_are_no_cms_are_named(void **state)
{
	static const char *const texts[] = {"AAAA", "MAA="};
	struct made m;
	json_t *whole;
	struct receipt r;
	struct receipt_anchors a = world_known();
	const char *at;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		m = world_usual();
		whole = world_make(&m);
		json_object_set_new(
			json_object_get(whole, "professional"), "cms", json_string(texts[i]));
		judged(whole, RECEIPT_PROFESSIONAL, "professional.cms");
	}
	m = world_usual();
	whole = world_make(&m);
	assert_int_equal(world_parse(whole, &r), 0);
	buf_put_u8(&r.cms, 0); /* something after it */
	assert_int_equal(receipt_verify(&r, &a, &at), RECEIPT_PROFESSIONAL);
	receipt_done(&r);
	json_decref(whole);
}

static void anchors_that_cannot_be_read_are_a_fault(void **state)
{
	struct made m = world_usual();
	struct receipt_anchors a = world_known();
	const char *at;

	(void)state;
	a.x509_file = "/tmp/there-is-no-such-file";
	assert_int_equal(world_judge(world_make(&m), &a, &at), -EIO);
}

/* -- the patient -------------------------------------------------------------------------------- */

static void a_card_certificate_must_be_a_patients_of_the_known_root(void **state)
{
	static const struct {
		const char *chr;
		const char *until;
		uint8_t role;
		bool stranger;
	} cards[] = {
		{"FRV1234567800001", "291231", 0x00, true},  /* another root */
		{"FRP1234567800001", "291231", 0x00, false}, /* no patient's name */
		{"FRV1234567800001", "291231", 0x0a, false}, /* no patient's role */
		{"FRV1234567800001", "241231", 0x00, false}, /* expired */
		{"FRV1234567900001", "291231", 0x00, false}, /* another card */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cards); i++) {
		struct buf cvc = BUF_NULL(CVC_MAX);
		struct made m = world_usual();

		world_cvc(cards[i].chr, cards[i].role, cards[i].until,
			cards[i].stranger ? world.cvc_card : world.cvc_root, &cvc);
		m.cvc = buf_view(&cvc);
		judged(world_make(&m), RECEIPT_PATIENT, "patient.certificate");
		buf_done(&cvc);
	}
}

static void a_card_without_a_known_root_is_no_proof(void **state)
{
	struct made m = world_usual();
	struct receipt_anchors a = world_known();
	const char *at;

	(void)state;
	a.cvc_root_key = VIEW_NULL;
	assert_int_equal(world_judge(world_make(&m), &a, &at), RECEIPT_PATIENT);
	assert_string_equal(at, "patient.certificate");
	m = world_usual();
	m.cvc = VIEW_TEXT("no certificate");
	judged(world_make(&m), RECEIPT_PATIENT, "patient.certificate");
}

static void a_serial_that_the_statement_does_not_name_is_not_compared(void **state)
{
	struct made m = world_usual();

	(void)state;
	json_object_del(json_object_get(m.statement, "patient"), "serial");
	judged(world_make(&m), 0, "parsing");
}

static void a_presence_signature_of_another_key_or_statement_is_named(void **state)
{
	struct made m = world_usual(), n = world_usual();
	json_t *whole, *other, *patient;

	(void)state;
	m.presence_key = world.cvc_root;
	judged(world_make(&m), RECEIPT_PATIENT, "patient.signature");
	m = world_usual();
	json_object_set_new(n.statement, "format", json_integer(2));
	whole = world_make(&m);
	other = world_make(&n);
	json_object_set(whole, "patient", json_object_get(other, "patient"));
	judged(whole, RECEIPT_PATIENT, "patient.signature");
	json_decref(other);
	m = world_usual();
	whole = world_make(&m);
	patient = json_object_get(whole, "patient");
	json_object_set_new(patient, "signature", json_string("AAAA"));
	judged(whole, RECEIPT_PATIENT, "patient.signature");
}

static void a_proof_and_its_signature_go_together(void **state)
{
	struct made m = world_usual();
	json_t *whole;

	(void)state;
	m.alone = true;
	judged(world_make(&m), RECEIPT_PATIENT, "patient");
	m = world_usual();
	json_object_set_new(
		json_object_get(m.statement, "patient"), "proof", json_string("read"));
	m.proof = "read";
	judged(world_make(&m), RECEIPT_PATIENT, "patient");
	m = world_usual();
	whole = world_make(&m);
	json_object_set_new(json_object_get(whole, "patient"), "signature", json_null());
	judged(whole, RECEIPT_PATIENT, "patient");
}

/* -- the record --------------------------------------------------------------------------------- */

static void an_entry_that_does_not_hold_the_statement_is_named(void **state)
{
	static const char *const entries[] = {
		"no JSON",
		"{}",
		"{\"details\":{}, \"sequence\":5}",
		"{\"details\":{\"statement-sha256\":5},\"sequence\":5}",
	};
	struct made m = world_usual();

	(void)state;
	m.entry_hash = "00";
	judged(world_make(&m), RECEIPT_AUDIT, "audit.entry");
	for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
		m = world_usual();
		m.entry_text = entries[i];
		judged(world_make(&m), RECEIPT_AUDIT, "audit.entry");
	}
}

/* Member @name of "audit" replaced. */
static void audit_with(const char *name, json_t *value, const char *where)
{
	struct made m = world_usual();
	json_t *whole = world_make(&m);

	json_object_set_new(json_object_get(whole, "audit"), name, value);
	judged(whole, RECEIPT_AUDIT, where);
}

static void an_inclusion_that_does_not_hold_is_named(void **state)
{
	json_t *path = json_array();

	(void)state;
	audit_with("index", json_integer(4), "audit.entry"); /* its sequence says 5 */
	audit_with("entry", json_string("!"), "audit.entry");
	audit_with("path", json_array(), "audit.path");
	audit_with("path", json_pack("[i]", 1), "audit.path");
	audit_with("path", json_pack("[s]", "AAAA"), "audit.path");
	audit_with("path", json_pack("[s]", "!"), "audit.path");
	for (int i = 0; i < 65; i++)
		json_array_append_new(
			path, json_string("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
	audit_with("path", path, "audit.path");
}

static void a_checkpoint_must_be_of_the_known_record(void **state)
{
	static const uint8_t other[32] = {8};
	struct buf vkey = BUF_NULL(1024);
	struct receipt_anchors a = world_known();
	struct made m = world_usual();
	const char *at;
	char *text;

	(void)state;
	audit_with("checkpoint", json_string("x"), "audit.checkpoint");
	assert_int_equal(checkpoint_vkey(ORIGIN, VIEW(other), &vkey), 0);
	text = buf_take_str(&vkey);
	a.vkey = text;
	assert_int_equal(world_judge(world_make(&m), &a, &at), RECEIPT_AUDIT);
	assert_string_equal(at, "audit.checkpoint");
	free(text);
}

static void an_entry_beyond_the_checkpoint_is_named(void **state)
{
	struct buf note = BUF_NULL(1024);
	struct checkpoint c = {.origin = ORIGIN, .size = 5};
	char *text;

	(void)state;
	assert_int_equal(checkpoint_sign(&c, VIEW(world_seed), &note), 0);
	text = buf_take_str(&note);
	audit_with("checkpoint", json_string(text), "audit.path");
	free(text);
}

/* -- form --------------------------------------------------------------------------------------- */

static void a_receipt_of_another_form_is_malformed(void **state)
{
	static const struct {
		const char *in; /* NULL: at the top */
		const char *member;
		const char *value; /* JSON, NULL: left out */
	} changes[] = {
		{NULL, "format", "2"},
		{NULL, "format", NULL},
		{NULL, "statement", NULL},
		{NULL, "statement", "1"},
		{NULL, "statement", "\"!\""},
		{NULL, "statement", "\"AAAA\""},
		{NULL, "statement", "\"W10=\""}, /* [] */
		{NULL, "professional", NULL},
		{NULL, "professional", "{}"},
		{NULL, "patient", NULL},
		{NULL, "audit", NULL},
		{"professional", "cms", "\"!\""},
		{"professional", "cms", "null"},
		{"patient", "proof", NULL},
		{"patient", "proof", "\"weak\""},
		{"patient", "certificate", NULL},
		{"patient", "certificate", "\"!\""},
		{"patient", "signature", "1"},
		{"audit", "index", "-1"},
		{"audit", "entry", "null"},
		{"audit", "checkpoint", "null"},
		{"audit", "vkey", "null"},
		{"audit", "path", "null"},
		{"audit", "path", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct made m = world_usual();
		json_t *whole = world_make(&m);
		json_t *in = changes[i].in ? json_object_get(whole, changes[i].in) : whole;

		if (changes[i].value)
			json_object_set_new(in, changes[i].member,
				json_loads(changes[i].value, JSON_DECODE_ANY, NULL));
		else
			json_object_del(in, changes[i].member);
		judged(whole, RECEIPT_MALFORMED, "parsing");
	}
}

static void a_text_that_is_no_receipt_is_malformed(void **state)
{
	struct buf huge = BUF_NULL(2 * RECEIPT_MAX);
	struct receipt r;

	(void)state;
	assert_int_equal(receipt_parse(VIEW_NULL, &r), RECEIPT_MALFORMED);
	assert_int_equal(receipt_parse(VIEW_TEXT("{"), &r), RECEIPT_MALFORMED);
	assert_int_equal(receipt_parse(VIEW_TEXT("[]"), &r), RECEIPT_MALFORMED);
	assert_non_null(buf_extend(&huge, RECEIPT_MAX + 1));
	assert_int_equal(receipt_parse(buf_view(&huge), &r), RECEIPT_MALFORMED);
	buf_done(&huge);
}

/* -- memory ------------------------------------------------------------------------------------- */

static void memory_that_runs_out_never_makes_a_receipt_good(void **state)
{
	struct made m = world_usual(), n = world_usual();
	struct receipt_anchors a = world_known();
	json_t *good = world_make(&m), *bad;
	struct buf text = BUF_NULL(RECEIPT_MAX), forged = BUF_NULL(RECEIPT_MAX);
	bool met = true;
	unsigned int i = 0;

	(void)state;
	n.presence_key = world.cvc_root;
	bad = world_make(&n);
	assert_int_equal(json_canonical(good, &text), 0);
	assert_int_equal(json_canonical(bad, &forged), 0);
	for (; met; i += 1 + i / 64) { /* every one at first, then sparser */
		struct receipt r;
		const char *at;
		int k;

		failing_arm(i, false);
		k = receipt_parse(buf_view(&text), &r);
		if (k == 0) {
			k = receipt_verify(&r, &a, &at);
			receipt_done(&r);
		}
		met = failing_off();
		assert_true(met || k == 0);
		failing_arm(i, false);
		k = receipt_parse(buf_view(&forged), &r);
		if (k == 0) {
			k = receipt_verify(&r, &a, &at);
			receipt_done(&r);
		}
		(void)failing_off();
		assert_true(k != 0);
	}
	assert_true(i > 200);
	buf_done(&text);
	buf_done(&forged);
	json_decref(good);
	json_decref(bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_receipt_verifies),
		cmocka_unit_test(a_receipt_of_a_kiosk_has_no_professional),
		cmocka_unit_test(a_receipt_without_a_card_that_signs_says_so),
		cmocka_unit_test(a_receipt_that_nobody_signed_is_none),
		cmocka_unit_test(a_receipt_stays_good_after_the_cards_expired),
		cmocka_unit_test(a_statement_that_is_not_canonical_is_named),
		cmocka_unit_test(a_receipt_cannot_claim_another_proof),
		cmocka_unit_test(
			a_professional_must_be_there_exactly_when_the_statement_says_so),
		cmocka_unit_test(a_signature_of_another_professional_is_named),
		cmocka_unit_test(a_signature_must_be_detached),
		cmocka_unit_test(a_signature_over_another_statement_is_named),
		cmocka_unit_test(bytes_that_are_no_cms_are_named),
		cmocka_unit_test(anchors_that_cannot_be_read_are_a_fault),
		cmocka_unit_test(a_card_certificate_must_be_a_patients_of_the_known_root),
		cmocka_unit_test(a_card_without_a_known_root_is_no_proof),
		cmocka_unit_test(a_serial_that_the_statement_does_not_name_is_not_compared),
		cmocka_unit_test(a_presence_signature_of_another_key_or_statement_is_named),
		cmocka_unit_test(a_proof_and_its_signature_go_together),
		cmocka_unit_test(an_entry_that_does_not_hold_the_statement_is_named),
		cmocka_unit_test(an_inclusion_that_does_not_hold_is_named),
		cmocka_unit_test(a_checkpoint_must_be_of_the_known_record),
		cmocka_unit_test(an_entry_beyond_the_checkpoint_is_named),
		cmocka_unit_test(a_receipt_of_another_form_is_malformed),
		cmocka_unit_test(a_text_that_is_no_receipt_is_malformed),
		cmocka_unit_test(memory_that_runs_out_never_makes_a_receipt_good),
	};

	failing_setup();
	json_setup();
	return cmocka_run_group_tests(tests, world_prepare, world_clean);
}
