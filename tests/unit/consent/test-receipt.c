/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Receipts of whole sessions: of the patient alone, of who was helped or represented, and with what was
 * done since. The record's part is made with entries as the dossier's room appends them.
 */
#include "base/hex.h"
#include "base/link-ops.h"
#include "daemon/limits.h"
#include "record/cvc.h"
#include "record/receipt-page.h"
#include "tests/unit/session/played.h"
#include "tests/unit/session/world.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define R(name)	 VITALED_REASON_##name
#define ST(name) SESSION_STATE_##name

#define EVA   "\xc3\x88ve d'Arc"
#define CHLOE "{\"nir\":\"2150156321001\",\"birth-date\":\"2015-01-02\"}"

static struct played *vitale;
static struct played *cps;

static int setup(void **state)
{
	int r = world_setup(state);

	vitale = play_vitale(READER_A, pki_card("simulated", 'V', FORGED_GOOD));
	play_person(vitale, "DUPONT", "ALICE", "19800714", "280075632100123", 0);
	cps = play_cps(READER_B, pki_card("simulated", 'P', FORGED_GOOD));
	play_activity(cps, 1, "CABINET A", "10000001", "SA07");
	vitale->in = true;
	cps->in = true;
	return r;
}

static struct session *session_as(enum session_mode mode, const char *patient)
{
	_cleanup_json_ json_t *who = NULL;
	struct session_options o = {.mode = mode, .application = "LGC"};

	if (patient) {
		assert_int_equal(json_parse(view_str(patient), &who), 0);
		o.patient = who;
	}
	return world_open(&o);
}

static struct session *unlock_as(enum session_mode mode, const char *patient)
{
	struct session *s = session_as(mode, patient);

	world_reach(s, ST(UNLOCKED));
	return s;
}

static struct session *unlock(void)
{
	return unlock_as(SESSION_MODE_NORMAL, NULL);
}

static void receipt_of(struct session *s, struct receipt *ret)
{
	struct buf text = BUF_NULL(RECEIPT_MAX);

	assert_int_equal(consent_receipt(world.consents, s, &text), 0);
	assert_true(text.len < LIMIT_JSON_FD);
	assert_int_equal(receipt_parse(buf_view(&text), ret), 0);
	buf_done(&text);
}

static const json_t *at(const json_t *j, const char *name)
{
	const json_t *value = json_object_get(j, name);

	assert_non_null(value);
	return value;
}

static const char *str(const json_t *j, const char *name)
{
	const char *text = json_get_str(j, name);

	assert_non_null(text);
	return text;
}

static void root_key(uint8_t point[CVC_POINT])
{
	uint8_t bytes[1024];
	char path[512];
	struct cvc c;
	ssize_t n;
	int fd;

	assert_true(snprintf(path, sizeof(path), "%s/simulated/root.cvcert",
			    world.config.anchors) > 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, bytes, sizeof(bytes));
	close(fd);
	assert_true(n > 0);
	assert_int_equal(cvc_parse(view_of(bytes, (size_t)n), &c), 0);
	bytes_copy(point, CVC_POINT, c.point, sizeof(c.point));
}

/* With every anchor of this world. */
static void verifies(const struct receipt *r)
{
	struct receipt_anchors anchors = {.vkey = audit_vkey(world.audit)};
	uint8_t point[CVC_POINT];
	const char *where = "";
	char path[512];

	assert_true(snprintf(path, sizeof(path), "%s/simulated/root.pem",
			    world.config.anchors) > 0);
	root_key(point);
	anchors.x509_file = path;
	anchors.cvc_root_key = VIEW(point);
	if (receipt_verify(r, &anchors, &where) != 0)
		fail_msg("does not verify: %s", where);
}

/* The entry of the consent in the record. */
static json_t *entry_of(const struct receipt *r)
{
	struct buf entry = BUF_NULL(65536);
	json_t *j = NULL;

	assert_int_equal(
		base64_decode(&entry, view_str(str(at(r->whole, "audit"), "entry"))), 0);
	assert_int_equal(json_parse(buf_view(&entry), &j), 0);
	buf_done(&entry);
	return j;
}

/* -- who answered -------------------------------------------------------------------------------- */

static void the_patient_alone_signs_and_no_professional_does(void **state)
{
	struct session *s;
	struct receipt r;
	json_t *entry;

	(void)state;
	cps->in = false;
	s = unlock_as(SESSION_MODE_PATIENT, NULL);
	receipt_of(s, &r);
	verifies(&r);
	assert_true(json_is_null(at(r.whole, "professional")));
	assert_true(json_is_null(at(r.parsed, "professional")));
	assert_true(json_is_null(at(r.parsed, "text")));
	assert_true(json_is_null(at(r.parsed, "agent")));
	assert_true(json_is_null(at(at(r.parsed, "patient"), "representative")));
	assert_int_equal(json_array_size(at(r.parsed, "acts")), 1);
	assert_string_equal(
		json_string_value(json_array_get(at(r.parsed, "acts"), 0)), "patient");
	assert_string_equal(str(r.parsed, "decision"), "given");
	assert_string_equal(str(r.parsed, "form"), "code");
	assert_string_equal(str(at(r.parsed, "patient"), "proof"), "active");
	assert_string_equal(str(at(r.whole, "patient"), "proof"), "active");
	assert_int_equal(world.asked[ASK_CONSENT], 0);
	entry = entry_of(&r);
	assert_string_equal(str(entry, "event"), "consent");
	assert_string_equal(str(at(entry, "details"), "form"), "code");
	assert_null(json_object_get(at(entry, "details"), "agent"));
	json_decref(entry);
	receipt_done(&r);
}

static void a_minor_alone_is_represented_by_the_card_s_holder(void **state)
{
	const json_t *by;
	struct receipt r;

	(void)state;
	cps->in = false;
	play_person(vitale, "DUPONT", "CHLOE", "20150102", "215015632100145", 1);
	receipt_of(unlock_as(SESSION_MODE_PATIENT, CHLOE), &r);
	verifies(&r);
	by = at(at(r.parsed, "patient"), "representative");
	assert_true(json_is_null(at(by, "name")));
	assert_string_equal(str(by, "quality"), "holder");
	receipt_done(&r);
}

static void helped(enum consent_form form)
{
	world.consent.form = CONSENT_FORM_SCREEN;
	world.consent.helped = form;
	world.consent.helper = EVA;
	world.consent.quality = "relative";
}

static void who_helped_is_stated_and_their_name_is_not_in_the_record(void **state)
{
	const json_t *details;
	struct receipt r;
	json_t *entry;

	(void)state;
	helped(CONSENT_FORM_ASSISTED);
	receipt_of(unlock(), &r);
	verifies(&r);
	assert_string_equal(str(r.parsed, "form"), "assisted");
	assert_string_equal(str(at(r.parsed, "assisted-by"), "name"), EVA);
	assert_string_equal(str(at(r.parsed, "assisted-by"), "quality"), "relative");
	assert_true(json_is_null(at(at(r.parsed, "patient"), "representative")));
	/* the way it was asked shows in the agent */
	assert_string_equal(str(at(r.parsed, "agent"), "capability"), "patient-display");
	entry = entry_of(&r);
	details = at(entry, "details");
	assert_string_equal(str(details, "form"), "assisted");
	assert_string_equal(str(details, "helper"), "relative");
	assert_string_equal(str(at(details, "agent"), "capability"), "patient-display");
	json_decref(entry);
	receipt_done(&r);
	assert_false(json_get_bool(world.request, "minor"));
}

static void a_representative_answers_for_a_minor(void **state)
{
	struct receipt r;

	(void)state;
	play_person(vitale, "DUPONT", "CHLOE", "20150102", "215015632100145", 1);
	helped(CONSENT_FORM_REPRESENTATIVE);
	world.consent.quality = "parent";
	receipt_of(unlock_as(SESSION_MODE_NORMAL, CHLOE), &r);
	verifies(&r);
	assert_string_equal(str(r.parsed, "form"), "representative");
	assert_true(json_is_null(at(r.parsed, "assisted-by")));
	assert_string_equal(str(at(at(r.parsed, "patient"), "representative"), "name"), EVA);
	assert_string_equal(
		str(at(at(r.parsed, "patient"), "representative"), "quality"), "parent");
	receipt_done(&r);
	assert_true(json_get_bool(world.request, "minor"));
}

static void nobody_answers_for_who_may_be_an_adult(void **state)
{
	(void)state; /* CHLOE, of a card that does not say in which century */
	play_person(vitale, "DUPONT", "CHLOE", "150102", "215015632100145", 1);
	helped(CONSENT_FORM_REPRESENTATIVE);
	world.consent.quality = "parent";
	world_end(session_as(SESSION_MODE_NORMAL, CHLOE), ST(FAILED), R(INVALID_ARGUMENT));
	assert_false(json_get_bool(world.request, "minor"));
	assert_int_equal(world_recorded(AUDIT_EVENT_CONSENT, "ok"), 0);
}

static void nobody_answers_for_an_adult(void **state)
{
	struct session *s;

	(void)state;
	helped(CONSENT_FORM_REPRESENTATIVE);
	s = world_session(SESSION_MODE_NORMAL);
	world_end(s, ST(FAILED), R(INVALID_ARGUMENT));
	assert_int_equal(world_recorded(AUDIT_EVENT_CONSENT, "invalid-argument"), 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_CONSENT, "ok"), 0);
	assert_false(consent_given(s));
}

static void a_name_that_is_too_long_is_no_consent(void **state)
{
	static char name[300];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	helped(CONSENT_FORM_ASSISTED);
	world.consent.helper = name;
	world_end(world_session(SESSION_MODE_NORMAL), ST(FAILED), R(FAILED));
}

static void without_a_card_that_signs_the_patient_alone_signs_nothing(void **state)
{
	struct session *s;

	(void)state;
	cps->in = false;
	vitale->misdeed[CARD_OP_INTERNAL_AUTHENTICATE] = PLAY_FALSE;
	s = world_session(SESSION_MODE_PATIENT);
	world_end(s, ST(FAILED), R(PROOF_FAILED));
	assert_int_equal(world_recorded(AUDIT_EVENT_CONSENT, "ok"), 0);
}

/* -- what was done ------------------------------------------------------------------------------- */

static void did(struct session *s, enum audit_event event, const json_t *details)
{
	struct audit_entry e = session_audit(s, event);

	e.outcome = "ok";
	e.document = "0190aaaa-0000-7000-8000-000000000001";
	e.details = details;
	assert_int_equal(audit_append(world.audit, &e, NULL), 0);
}

static const char *event_of(const struct receipt *r, size_t i, char ret[64])
{
	json_t *entry = NULL;

	assert_int_equal(receipt_act(r, i, &entry), 0);
	assert_int_equal(view_copy_str(view_str(str(entry, "event")), ret, 64), 0);
	json_decref(entry);
	return ret;
}

static void what_the_session_did_is_in_its_receipt(void **state)
{
	static const char *const events[] = {
		"proof", "unlocked", "document-read", "document-added", "receipt"};
	struct session *s = unlock();
	struct audit_entry other = session_audit(s, AUDIT_EVENT_DOCUMENT_READ);
	struct receipt r;
	char word[64];

	(void)state;
	did(s, AUDIT_EVENT_DOCUMENT_READ, NULL);
	other.session = "session/99@0000"; /* another's */
	assert_int_equal(audit_append(world.audit, &other, NULL), 0);
	other = session_audit(s, AUDIT_EVENT_DOCUMENT_READ);
	other.pseudonym = "00000000000000000000000000000000"
			  "00000000000000000000000000000000"; /* another dossier's */
	assert_int_equal(audit_append(world.audit, &other, NULL), 0);
	did(s, AUDIT_EVENT_DOCUMENT_ADDED, NULL);
	receipt_of(s, &r);
	verifies(&r);
	assert_int_equal(receipt_acts(&r), ARRAY_LEN(events));
	assert_int_equal(receipt_omitted(&r), 0);
	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		assert_string_equal(event_of(&r, i, word), events[i]);
	}
	receipt_done(&r);
	session_end(s, R(RELEASED));
	receipt_of(s, &r); /* also after the end, with its end */
	verifies(&r);
	assert_true(receipt_acts(&r) >= ARRAY_LEN(events));
	receipt_done(&r);
}

static void of_many_acts_the_newest_are_kept_and_the_others_counted(void **state)
{
	struct session *s = unlock();
	struct receipt r;
	char word[64];

	(void)state;
	for (unsigned int i = 0; i < LIMIT_RECEIPT_ACTS + 5; i++) {
		did(s, AUDIT_EVENT_DOCUMENT_READ, NULL);
	}
	receipt_of(s, &r); /* and proof and unlocked before, and the receipt itself */
	verifies(&r);
	assert_int_equal(receipt_acts(&r), LIMIT_RECEIPT_ACTS);
	assert_int_equal(receipt_omitted(&r), 8);
	assert_string_equal(event_of(&r, LIMIT_RECEIPT_ACTS - 1, word), "receipt");
	assert_string_equal(event_of(&r, 0, word), "document-read");
	receipt_done(&r);
}

static void acts_with_much_to_say_are_kept_as_far_as_there_is_room(void **state)
{
	enum {
		N = 40
	};

	_cleanup_json_ json_t *details = json_object();
	struct session *s = unlock();
	static char words[30001];
	struct receipt r;

	(void)state;
	memset(words, 'w', sizeof(words) - 1);
	assert_int_equal(json_set(details, "much", json_string(words)), 0);
	for (unsigned int i = 0; i < N; i++) {
		did(s, AUDIT_EVENT_DOCUMENT_READ, details);
	}
	receipt_of(s, &r);
	verifies(&r);
	assert_true(receipt_acts(&r) > 5 && receipt_acts(&r) < N);
	assert_int_equal(receipt_acts(&r) + receipt_omitted(&r), N + 3);
	receipt_done(&r);
}

/* -- the page ------------------------------------------------------------------------------------ */

static void the_page_is_in_the_configured_language_and_recorded_too(void **state)
{
	static const char *const languages[][2] = {
		{"fr", "RE\xc3\x87U\n"}, {"en", "RECEIPT\n"}};
	struct session *s = unlock();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(languages); i++) {
		struct buf text = BUF_NULL(RECEIPT_PAGE_MAX);

		assert_int_equal(
			view_copy_str(view_str(languages[i][0]), world.config.consent_language,
				sizeof(world.config.consent_language)),
			0);
		assert_int_equal(consent_receipt_page(world.consents, s, &text), 0);
		assert_true(view_equal(view_sub(buf_view(&text), 0, strlen(languages[i][1])),
			view_str(languages[i][1])));
		buf_done(&text);
	}
	assert_int_equal(world_recorded(AUDIT_EVENT_RECEIPT, "ok"), 2);
}

static void where_nothing_was_signed_there_is_no_page(void **state)
{
	struct buf text = BUF_NULL(RECEIPT_PAGE_MAX);
	struct session *s;

	(void)state;
	world.consent.decision = CONSENT_REFUSED;
	s = world_session(SESSION_MODE_NORMAL);
	world_end(s, ST(REFUSED), R(CONSENT_REFUSED));
	assert_int_equal(consent_receipt_page(world.consents, s, &text), CONSENT_NO_RECEIPT);
	world.consent.decision = CONSENT_GIVEN;
	s = unlock();
	world_audit_fails = 1;
	assert_true(consent_receipt_page(world.consents, s, &text) < 0);
	world_audit_fails = 0;
	buf_done(&text);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(the_patient_alone_signs_and_no_professional_does),
		T(a_minor_alone_is_represented_by_the_card_s_holder),
		T(who_helped_is_stated_and_their_name_is_not_in_the_record),
		T(a_representative_answers_for_a_minor),
		T(nobody_answers_for_an_adult),
		T(nobody_answers_for_who_may_be_an_adult),
		T(a_name_that_is_too_long_is_no_consent),
		T(without_a_card_that_signs_the_patient_alone_signs_nothing),
		T(what_the_session_did_is_in_its_receipt),
		T(of_many_acts_the_newest_are_kept_and_the_others_counted),
		T(acts_with_much_to_say_are_kept_as_far_as_there_is_room),
		T(the_page_is_in_the_configured_language_and_recorded_too),
		T(where_nothing_was_signed_there_is_no_page),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
