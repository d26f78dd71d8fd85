/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Consent in whole sessions: what is asked, stated, signed and recorded; and the receipt, checked
 * by the room record/ and by the openssl program alone.
 */
#include "base/clock.h"
#include "base/hex.h"
#include "daemon/consent/statement.h"
#include "record/crypto.h"
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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define R(name)	 VITALED_REASON_##name
#define ST(name) SESSION_STATE_##name

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

static struct session *unlock(void)
{
	const struct session_options o = {.application = "LGC",
		.application_version = "7.1",
		.intents =
			SESSION_INTENT_CONSULT | SESSION_INTENT_FEED | SESSION_INTENT_CREATE};
	struct session *s = world_open(&o);

	world_reach(s, ST(UNLOCKED));
	return s;
}

static void receipt_of(struct session *s, struct receipt *ret)
{
	struct buf text = BUF_NULL(RECEIPT_MAX);

	assert_int_equal(consent_receipt(world.consents, s, &text), 0);
	assert_int_equal(receipt_parse(buf_view(&text), ret), 0);
	buf_done(&text);
}

static const char *str(const json_t *j, const char *name)
{
	const char *text = json_get_str(j, name);

	assert_non_null(text);
	return text;
}

static const json_t *at(const json_t *j, const char *name)
{
	const json_t *value = json_object_get(j, name);

	assert_non_null(value);
	return value;
}

/* -- the request --------------------------------------------------------------------------------- */

static void the_agent_is_given_what_to_ask(void **state)
{
	const json_t *q;

	(void)state;
	(void)unlock();
	q = world.request;
	assert_int_equal(json_array_size(at(q, "acts")), 3);
	assert_string_equal(str(at(q, "text"), "id"), "consent-3");
	assert_string_equal(str(at(q, "text"), "language"), "fr");
	assert_non_null(strstr(str(at(q, "text"), "wording"), "libre de dire oui ou non"));
	assert_string_equal(str(at(q, "patient"), "surname"), "DUPONT");
	assert_string_equal(str(at(q, "patient"), "birth-date"), "1980-07-14");
	assert_null(json_object_get(at(q, "patient"), "nir"));
	assert_string_equal(str(at(q, "professional"), "surname"), "MARTIN");
	assert_null(json_object_get(at(q, "professional"), "certificate"));
	assert_string_equal(str(q, "structure"), "CABINET A");
	assert_string_equal(str(q, "application"), "LGC 7.1");
}

static struct session *unlock_for(unsigned int intents)
{
	const struct session_options o = {.intents = intents};
	struct session *s = world_open(&o);

	world_reach(s, ST(UNLOCKED));
	return s;
}

static void sha256_hex(const char *text, char ret_hex[65])
{
	struct view v = view_str(text);
	struct buf hex = BUF_NULL(64);
	uint8_t hash[CRYPTO_SHA256];

	assert_int_equal(crypto_sha256(&v, 1, hash), 0);
	hex_encode(&hex, VIEW(hash));
	assert_int_equal(view_copy_str(buf_view(&hex), ret_hex, 65), 0);
	buf_done(&hex);
}

static void each_act_is_asked_in_words_of_its_own_and_stated(void **state)
{
	static const struct {
		unsigned int intents;
		const char *acts[2];
		const char *heads[2]; /* of their sections */
	} rows[] = {
		{SESSION_INTENT_CONSULT, {"consult"}, {"* Lire"}},
		{SESSION_INTENT_FEED, {"feed"}, {"* Ajouter"}},
		{SESSION_INTENT_AUTHORISE, {"authorise"}, {"* Ouvrir"}},
		{SESSION_INTENT_TREATING_DOCTOR, {"treating-doctor"}, {"* Devenir"}},
		{SESSION_INTENT_OPPOSE, {"oppose"}, {"* Interdire"}},
		{SESSION_INTENT_CLOSE, {"close"}, {"* Fermer"}},
		{SESSION_INTENT_CODE, {"code"}, {"* Recevoir"}},
		{SESSION_INTENT_CREATE | SESSION_INTENT_OPPOSE, {"create", "oppose"},
			{"* Cr", "* Interdire"}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct session *s = unlock_for(rows[i].intents);
		size_t n = rows[i].acts[1] ? 2 : 1;
		const char *wording = str(at(world.request, "text"), "wording");
		const char *first = strstr(wording, "* ");
		char hash[65];
		struct receipt r;

		for (size_t k = 0; k < n; k++) {
			assert_ptr_equal(first, strstr(wording, rows[i].heads[k]));
			first = strstr(first + 2, "* ");
		}
		assert_null(first); /* of nothing else */
		sha256_hex(wording, hash);
		assert_string_equal(str(at(world.request, "text"), "sha256"), hash);
		receipt_of(s, &r);
		assert_string_equal(str(at(r.parsed, "text"), "sha256"), hash);
		assert_string_equal(str(at(r.parsed, "text"), "id"), "consent-3");
		assert_int_equal(json_array_size(at(r.parsed, "acts")), n);
		for (size_t k = 0; k < n; k++) {
			assert_string_equal(
				json_string_value(json_array_get(at(r.parsed, "acts"), k)),
				rows[i].acts[k]);
		}
		receipt_done(&r);
		session_release(s);
	}
}

/* The record's entry of the consent, by the receipt: a new reference. */
static json_t *entry_of(struct session *s)
{
	struct buf entry = BUF_NULL(65536);
	struct receipt r;
	json_t *j = NULL;

	receipt_of(s, &r);
	assert_int_equal(
		base64_decode(&entry, view_str(str(at(r.whole, "audit"), "entry"))), 0);
	assert_int_equal(json_parse(buf_view(&entry), &j), 0);
	buf_done(&entry);
	receipt_done(&r);
	return j;
}

static void what_was_told_of_openings_without_the_card_is_known_and_recorded(void **state)
{
	static const struct {
		unsigned int intents;
		unsigned int told;
		const char *acts[2];
	} rows[] = {
		{SESSION_INTENT_CONSULT, 0, {NULL}},
		{SESSION_INTENT_CONSULT | SESSION_INTENT_FEED, SESSION_INTENT_FEED, {"feed"}},
		{SESSION_INTENT_AUTHORISE, SESSION_INTENT_AUTHORISE, {"authorise"}},
		{SESSION_INTENT_FEED | SESSION_INTENT_AUTHORISE,
			SESSION_INTENT_FEED | SESSION_INTENT_AUTHORISE, {"feed", "authorise"}},
	};
	struct session *s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *entry;
		const json_t *acts;

		s = unlock_for(rows[i].intents);
		assert_int_equal(consent_told(s), rows[i].told);
		entry = entry_of(s);
		acts = json_object_get(at(entry, "details"), "without-card");
		assert_int_equal(json_array_size(acts), __builtin_popcount(rows[i].told));
		for (size_t k = 0; k < json_array_size(acts); k++) {
			assert_string_equal(
				json_string_value(json_array_get(acts, k)), rows[i].acts[k]);
		}
		json_decref(entry);
		session_release(s);
	}
	world.agreed = true; /* nobody was asked: nobody was told */
	s = unlock_for(SESSION_INTENT_FEED);
	assert_int_equal(consent_told(s), 0);
	session_release(s);
	world.agreed = false;
}

static void there_is_a_text_for_each_act_and_none_for_others(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < SESSION_INTENTS; i++) {
		assert_true(consent_covers(world.consents, 1U << i));
	}
	assert_true(consent_covers(world.consents, (1U << SESSION_INTENTS) - 1));
	assert_false(consent_covers(world.consents, 1U << SESSION_INTENTS));
}

/* The bus opens no such session; one that came to be is told of nothing and ends. */
static void what_no_text_tells_of_is_not_asked(void **state)
{
	const struct session_options o = {.intents = 1U << SESSION_INTENTS};

	(void)state;
	world_end(world_open(&o), ST(FAILED), R(FAILED));
	assert_int_equal(world_recorded(AUDIT_EVENT_CONSENT, NULL), 0);
}

/* -- the statement ------------------------------------------------------------------------------- */

static void the_statement_says_all_that_the_design_lists_and_no_name_of_the_patient(
	void **state)
{
	static const char *const members[] = {"format", "id", "nonce", "acts", "decision",
		"form", "text", "explained", "assisted-by", "time", "clock", "expires",
		"patient", "professional", "mode", "reason", "application", "agent",
		"workstation", "previous"};
	struct session *s = unlock();
	struct buf text = BUF_NULL(RECEIPT_MAX);
	struct buf nonce = BUF_NULL(64);
	struct receipt r;
	const json_t *j;

	(void)state;
	receipt_of(s, &r);
	j = r.parsed;
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		assert_non_null(json_object_get(j, members[i]));
	}
	assert_int_equal(json_object_size(j), ARRAY_LEN(members));
	hex_encode(&nonce, view_of(session_nonce(s), 16));
	assert_true(view_equal(buf_view(&nonce), view_str(str(j, "nonce"))));
	assert_int_equal(strlen(str(j, "id")), 36);
	assert_string_equal(str(j, "decision"), "given");
	assert_string_equal(str(j, "form"), "oral");
	assert_string_equal(str(at(j, "patient"), "proof"), "mutual");
	assert_string_equal(str(at(j, "patient"), "nature"), "simulated");
	assert_string_equal(str(at(j, "patient"), "age"), "adult");
	assert_true(json_is_null(at(at(j, "patient"), "rank")));
	assert_int_equal(strlen(str(at(j, "patient"), "pseudonym")), 64);
	assert_string_equal(str(at(j, "professional"), "id"), "899700000123");
	assert_string_equal(str(at(j, "professional"), "structure"), "10000001");
	assert_int_equal(strlen(str(at(j, "professional"), "certificate")), 64);
	assert_int_equal(json_integer_value(at(at(j, "agent"), "uid")), 1001);
	assert_int_equal(json_integer_value(at(at(j, "application"), "uid")), 1000);
	assert_string_equal(str(at(j, "application"), "version"), "7.1");
	assert_string_equal(str(at(j, "agent"), "capability"), "professional");
	assert_string_equal(str(j, "workstation"), "desk 1");
	assert_true(json_integer_value(at(at(j, "previous"), "size")) > 0);
	assert_true(json_integer_value(at(j, "expires")) > json_integer_value(at(j, "time")));
	buf_put_view(&text, buf_view(&r.statement));
	buf_put_u8(&text, 0);
	assert_null(strstr((const char *)text.data, "DUPONT"));
	assert_null(strstr((const char *)text.data, "28007563"));
	buf_done(&text);
	buf_done(&nonce);
	receipt_done(&r);
}

static void each_form_and_decision_has_its_word(void **state)
{
	static const struct {
		enum consent_form form;
		const char *word;
	} forms[] = {
		{CONSENT_FORM_ORAL, "oral"},
		{CONSENT_FORM_SCREEN, "screen"},
		{CONSENT_FORM_SCREEN_SHARED, "screen-shared"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct session *s;
		struct receipt r;

		world.consent.form = forms[i].form;
		s = unlock();
		receipt_of(s, &r);
		assert_string_equal(str(r.parsed, "form"), forms[i].word);
		receipt_done(&r);
		session_release(s);
	}
	assert_string_equal(consent_form_word((enum consent_form)9), "oral");
	assert_string_equal(consent_decision_word(CONSENT_GIVEN), "given");
	assert_string_equal(consent_decision_word(CONSENT_REFUSED), "refused");
	assert_string_equal(consent_decision_word(CONSENT_IMPOSSIBLE), "impossible");
	assert_string_equal(consent_decision_word(CONSENT_NOT_NEEDED), "not-needed");
	assert_string_equal(consent_decision_word((enum consent_decision)9), "none");
	assert_string_equal(consent_form_word(CONSENT_FORM_NONE), "");
	assert_string_equal(consent_form_capability(CONSENT_FORM_NONE), "professional");
	assert_string_equal(consent_form_capability(CONSENT_FORM_SCREEN), "patient-display");
}

/* -- the receipt --------------------------------------------------------------------------------- */

static void root_key(uint8_t point[CVC_POINT])
{
	char path[512];
	struct buf text = BUF_NULL(4096);
	uint8_t bytes[1024];
	struct cvc c;
	ssize_t n;
	int fd;

	assert_true(snprintf(path, sizeof(path), "%s/simulated/root.cvcert",
			    world.config.anchors) > 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = read(fd, bytes, sizeof(bytes));
	close(fd);
	assert_true(n > 0);
	buf_put(&text, bytes, (size_t)n);
	assert_int_equal(cvc_parse(buf_view(&text), &c), 0);
	bytes_copy(point, CVC_POINT, c.point, sizeof(c.point));
	buf_done(&text);
}

static void what_was_agreed_earlier_is_stated_and_signed_and_nobody_is_asked(void **state)
{
	struct session *s;
	struct receipt r;
	const json_t *j;

	(void)state;
	world.agreed = true;
	s = unlock();
	assert_null(world.request);
	assert_true(consent_given(s));
	assert_true(consent_is_running(s));
	receipt_of(s, &r);
	j = r.parsed;
	assert_string_equal(str(j, "form"), "running");
	assert_string_equal(str(j, "decision"), "given");
	assert_string_equal(str(at(j, "patient"), "proof"), "mutual");
	assert_true(json_is_null(at(j, "text")));
	assert_true(json_is_false(at(j, "explained")));
	assert_true(json_is_null(at(j, "agent")));
	receipt_done(&r);
	assert_int_equal(world_recorded(AUDIT_EVENT_CONSENT, "ok"), 1);
	session_release(s);
	world.agreed = false;
	s = unlock();
	assert_non_null(world.request);
	assert_false(consent_is_running(s));
	session_release(s);
}

static void a_receipt_verifies_also_after_the_end_until_it_is_released(void **state)
{
	struct session *s = unlock();
	struct receipt_anchors anchors = {.vkey = audit_vkey(world.audit)};
	struct buf text = BUF_NULL(RECEIPT_MAX);
	uint8_t point[CVC_POINT];
	const char *where = NULL;
	char path[512];
	struct receipt r;

	(void)state;
	assert_true(snprintf(path, sizeof(path), "%s/simulated/root.pem",
			    world.config.anchors) > 0);
	root_key(point);
	anchors.x509_file = path;
	anchors.cvc_root_key = VIEW(point);
	for (int i = 0; i < 2; i++) {
		receipt_of(s, &r);
		assert_int_equal(receipt_verify(&r, &anchors, &where), 0);
		receipt_done(&r);
		session_end(s, R(RELEASED));
	}
	assert_false(consent_given(s) && session_consent(s) == NULL);
	assert_true(consent_given(s));
	assert_int_equal(world_recorded(AUDIT_EVENT_RECEIPT, "ok"), 2);
	world_audit_fails = 1; /* what cannot be recorded is not handed out */
	assert_true(consent_receipt(world.consents, s, &text) < 0);
	world_audit_fails = 0;
	buf_done(&text);
}

static void a_session_without_a_signature_has_no_receipt(void **state)
{
	struct buf text = BUF_NULL(RECEIPT_MAX);
	struct session *s;

	(void)state;
	world.consent.decision = CONSENT_REFUSED;
	s = world_session(SESSION_MODE_NORMAL);
	assert_int_equal(consent_receipt(world.consents, s, &text), CONSENT_NO_RECEIPT);
	world_end(s, ST(REFUSED), R(CONSENT_REFUSED));
	assert_int_equal(consent_receipt(world.consents, s, &text), CONSENT_NO_RECEIPT);
	assert_false(consent_given(s));
	cps->misdeed[CARD_OP_SIGN] = PLAY_FALSE;
	world.consent.decision = CONSENT_GIVEN;
	s = world_session(SESSION_MODE_NORMAL);
	world_end(s, ST(FAILED), R(PROOF_FAILED));
	assert_int_equal(consent_receipt(world.consents, s, &text), CONSENT_NO_RECEIPT);
	assert_int_equal(world_recorded(AUDIT_EVENT_CONSENT, "ok"), 0);
}

/* Run openssl with arguments in a folder. Return: its exit status. */
static int openssl(const char *folder, const char *const argv[])
{
	union {
		const char *const *in;
		char *const *out; /* execvp() does not change them */
	} u = {.in = argv};

	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		if (chdir(folder) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0) {
			_exit(127);
		}
		execvp("openssl", u.out);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void openssl_alone_verifies_both_signatures(void **state)
{
	char root[512];
	const char *cms[] = {"openssl", "cms", "-verify", "-inform", "DER", "-in",
		"professional.cms", "-content", "statement.json", "-binary", "-purpose", "any",
		"-CAfile", root, NULL};
	const char *dgst[] = {"openssl", "dgst", "-sha256", "-verify", "presence.pem",
		"-signature", "presence.sig", "presence.bin", NULL};
	struct session *s = unlock();
	char folder[64];
	struct receipt r;
	char path[128];
	int fd;

	(void)state;
	assert_true(snprintf(root, sizeof(root), "%s/simulated/root.pem",
			    world.config.anchors) > 0);
	assert_true(snprintf(folder, sizeof(folder), "%s/out", world.folder) > 0);
	assert_int_equal(mkdir(folder, 0700), 0);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	receipt_of(s, &r);
	assert_int_equal(receipt_extract(&r, fd), 0);
	receipt_done(&r);
	assert_int_equal(openssl(folder, cms), 0);
	assert_int_equal(openssl(folder, dgst), 0);
	/* and not over one byte more */
	assert_true(snprintf(path, sizeof(path), "%s/statement.json", folder) > 0);
	close(fd);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, " ", 1), 1);
	close(fd);
	assert_int_not_equal(openssl(folder, cms), 0);
}

static void the_record_holds_the_hash_of_the_statement(void **state)
{
	struct session *s = unlock();
	struct buf hex = BUF_NULL(128);
	uint8_t hash[CRYPTO_SHA256];
	struct receipt r;
	struct view bytes;
	const json_t *details;
	json_t *j = entry_of(s);

	(void)state;
	receipt_of(s, &r);
	bytes = buf_view(&r.statement);
	assert_int_equal(crypto_sha256(&bytes, 1, hash), 0);
	hex_encode(&hex, VIEW(hash));
	assert_string_equal(str(j, "event"), "consent");
	details = at(j, "details");
	assert_true(view_equal(buf_view(&hex), view_str(str(details, "statement-sha256"))));
	assert_string_equal(str(details, "decision"), "given");
	assert_string_equal(str(details, "form"), "oral");
	assert_int_equal(json_array_size(at(details, "acts")), 3);
	json_decref(j);
	buf_done(&hex);
	receipt_done(&r);
}

static void a_consent_that_cannot_be_recorded_unlocks_nothing(void **state)
{
	struct session *s;

	(void)state;
	session_release(unlock());
	world_audit_fails = 2;
	s = world_session(SESSION_MODE_NORMAL);
	world_end(s, ST(FAILED), R(AUDIT_UNAVAILABLE));
	world_audit_fails = 0;
	assert_false(consent_given(s));
}

static void an_agent_with_too_long_a_name_fails(void **state)
{
	static char name[300];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	world.consent.agent_name = name;
	world_end(world_session(SESSION_MODE_NORMAL), ST(FAILED), R(FAILED));
	world.consent.agent_name = NULL;
	session_release(unlock());
}

static void signing_without_a_consent_fails(void **state)
{
	(void)state;
	world.when[ASK_CONSENT] = ANSWER_NEVER;
	{
		struct session *s = world_session(SESSION_MODE_NORMAL);

		world_reach(s, ST(WAITING_FOR_CONSENT));
		session_consented(s, R(NONE)); /* without consent_answered() */
		world_end(s, ST(FAILED), R(FAILED));
	}
}

static void a_card_that_leaves_while_both_sign_ends_it(void **state)
{
	struct session *s;

	(void)state;
	cps->misdeed[CARD_OP_SIGN] = PLAY_SILENT;
	s = world_session(SESSION_MODE_NORMAL);
	while (cps->asked[CARD_OP_SIGN] == 0) {
		assert_true(sd_event_run(world.ev, 10000) >= 0);
	}
	play_out(vitale);
	world_end(s, ST(FAILED), R(PATIENT_CARD_REMOVED));
	assert_int_equal(world_recorded(AUDIT_EVENT_UNLOCKED, NULL), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(the_agent_is_given_what_to_ask),
		T(each_act_is_asked_in_words_of_its_own_and_stated),
		T(what_was_told_of_openings_without_the_card_is_known_and_recorded),
		T(there_is_a_text_for_each_act_and_none_for_others),
		T(what_no_text_tells_of_is_not_asked),
		T(the_statement_says_all_that_the_design_lists_and_no_name_of_the_patient),
		T(each_form_and_decision_has_its_word),
		T(what_was_agreed_earlier_is_stated_and_signed_and_nobody_is_asked),
		T(a_receipt_verifies_also_after_the_end_until_it_is_released),
		T(a_session_without_a_signature_has_no_receipt),
		T(openssl_alone_verifies_both_signatures),
		T(the_record_holds_the_hash_of_the_statement),
		T(a_consent_that_cannot_be_recorded_unlocks_nothing),
		T(an_agent_with_too_long_a_name_fails),
		T(signing_without_a_consent_fails),
		T(a_card_that_leaves_while_both_sign_ends_it),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
