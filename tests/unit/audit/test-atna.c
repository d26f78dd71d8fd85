/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Messages for a site's log: each event has its DICOM code, nothing of the patient but the pseudonym is in
 * them, and whatever callers put into their names stays one value of well-formed XML (Python's expat reads
 * it) within what a syslog daemon takes.
 */
#include "daemon/audit/atna.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/audit/entry.h"
#include "tests/unit/audit/scene.h"
#include "tests/unit/record/failing.h"
#include "tests/unit/record/forge.h"

static const struct atna_source from = {
	.host = "desk-3", .record = "vitaled.example/record", .version = "0.1.0"};
static const uint8_t leaf[MERKLE_HASH] = {1, 2, 3};

static struct entry_place place = {
	.sequence = 12, .wall = SCENE_WALL, .boot = 5, .boot_id = "0123456789abcdef"};

static char *message_of(const struct audit_entry *e, const struct atna_source *source)
{
	struct buf text = BUF_NULL(65536), m = BUF_NULL(ATNA_MESSAGE_MAX);
	char *said;

	assert_int_equal(entry_text(e, &place, &text), 0);
	assert_int_equal(atna_message(buf_view(&text), leaf, source, &m), 0);
	buf_done(&text);
	said = buf_take_str(&m);
	assert_non_null(said);
	return said;
}

/* The XML of @message is well formed, and @expression over its root r is true. */
static void python_agrees(const char *message, const char *expression)
{
	char path[64];
	FILE *f;

	scene_path(path, "message");
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(message, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(setenv("EXPRESSION", expression, 1), 0);
	assert_int_equal(
		forge_shell("python3 -c 'import os, base64, xml.etree.ElementTree as E\n"
			    "text = open(os.environ[\"D\"] + \"/message\", "
			    "encoding=\"utf-8\").read()\n"
			    "head, xml = text.split(chr(0xfeff), 1)\n"
			    "r = E.fromstring(xml)\n"
			    "assert eval(os.environ[\"EXPRESSION\"]), text'",
			scene_folder),
		0);
}

static struct audit_entry whole(void)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;

	e.event = AUDIT_EVENT_DOCUMENT_READ;
	e.session = "session/1@0123";
	e.outcome = "ok";
	e.caller_uid = 1000;
	e.caller = ":1.7";
	e.application = "App 1.0";
	e.professional = "899700000001";
	e.structure = "10B0127189";
	e.pseudonym = SCENE_PERSON;
	e.mode = "normal";
	e.document = "5c0a2b5e-8a51-4bd6-a1a5-3f6b7f3e2f11";
	e.dossier_version = 3;
	e.dossier_hash = SCENE_HASH;
	return e;
}

static void a_reading_says_who_read_what_of_whom(void **state)
{
	struct audit_entry e = whole();
	char *m = message_of(&e, &from);

	(void)state;
	assert_ptr_equal(
		strstr(m, "<85>1 2025-11-24T16:00:00.000000Z desk-3 vitaled - IHE+RFC-3881"
			  " [meta sequenceId=\"13\"] \xef\xbb\xbf<?xml "),
		m);
	python_agrees(m,
		"r.tag == 'AuditMessage' and [c.tag for c in r] =="
		" ['EventIdentification'] + ['ActiveParticipant'] * 3 +"
		" ['AuditSourceIdentification'] + ['ParticipantObjectIdentification'] * 3");
	python_agrees(m, "r[0].attrib == {'EventActionCode': 'R', 'EventOutcomeIndicator': '0',"
			 " 'EventDateTime': '2025-11-24T16:00:00.000000Z'} and"
			 " r[0][0].attrib == {'csd-code': '110110', 'codeSystemName': 'DCM',"
			 " 'originalText': 'Patient Record'} and"
			 " r[0].find('EventTypeCode').get('csd-code') == 'document-read'");
	python_agrees(m,
		"r[1].attrib == {'UserID': '899700000001', 'UserIsRequestor': 'true'}"
		" and r[2].get('UserName') == 'App 1.0' and"
		" [p.get('UserIsRequestor') for p in r[1:4]] == ['true', 'false', 'false']");
	python_agrees(m, "r[4].get('AuditSourceID') == 'vitaled.example/record' and"
			 " r[4].get('AuditEnterpriseSiteID') == '10B0127189'");
	python_agrees(m, "r[5].get('ParticipantObjectID') == '" SCENE_PERSON "' and"
			 " r[5].get('ParticipantObjectTypeCode') == '1' and"
			 " r[6].get('ParticipantObjectID')[:8] == '5c0a2b5e' and"
			 " r[7].get('ParticipantObjectID') == 'vitaled.example/record#12'");
	python_agrees(m, "{d.get('type'): base64.b64decode(d.get('value')) for d in"
			 " r[7].findall('ParticipantObjectDetail')} =="
			 " {'leaf': bytes([1, 2, 3]) + bytes(29), 'session': b'session/1@0123',"
			 " 'mode': b'normal', 'dossier-hash': b'" SCENE_HASH "'}");
	free(m);
}

static void every_event_has_a_code_of_its_own_kind(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < AUDIT_EVENT_COUNT; i++) {
		struct audit_entry e = AUDIT_ENTRY_NULL;
		char *m, want[128];

		e.event = (enum audit_event)i;
		m = message_of(&e, &from);
		assert_true(snprintf(want, sizeof(want), "<EventTypeCode csd-code=\"%s\"",
				    audit_event_word(e.event)) < (int)sizeof(want));
		assert_non_null(strstr(m, want));
		assert_true(atna_knows(audit_event_word(e.event)));
		assert_non_null(strstr(m, "UserID=\"vitaled\""));
		assert_non_null(strstr(m, "UserIsRequestor=\"true\"")); /* somebody always is */
		free(m);
	}
	assert_false(atna_knows("something-new"));
}

static void an_event_of_a_newer_version_goes_as_an_application_s(void **state)
{
	struct buf m = BUF_NULL(ATNA_MESSAGE_MAX);

	(void)state;
	assert_int_equal(atna_message(VIEW_TEXT("{\"event\":\"teleported\",\"time\":1,"
						"\"sequence\":4294967295}"),
				 leaf, &from, &m),
		0);
	buf_put_u8(&m, 0);
	assert_non_null(strstr((const char *)m.data, "110100"));
	assert_non_null(strstr((const char *)m.data, "\"teleported\""));
	assert_non_null(strstr((const char *)m.data, "sequenceId=\"2\"")); /* RFC 5424 7.3.1 */
	buf_done(&m);
}

static void outcomes_are_good_minor_or_serious(void **state)
{
	static const struct {
		enum audit_event event;
		const char *outcome;
		const char *says;
	} rows[] = {
		{AUDIT_EVENT_PIN, "ok", "Indicator=\"0\""},
		{AUDIT_EVENT_PIN, NULL, "Indicator=\"0\""},
		{AUDIT_EVENT_PIN, "pin-wrong", "Indicator=\"4\""},
		{AUDIT_EVENT_CONSENT, "refused", "Indicator=\"0\""},
		{AUDIT_EVENT_SESSION_ENDED, "card-removed", "Indicator=\"0\""},
		{AUDIT_EVENT_DENIED, "not-permitted", "Indicator=\"8\""},
		{AUDIT_EVENT_STORE_REJECTED, "store-unavailable", "Indicator=\"8\""},
		{AUDIT_EVENT_CHILD_FAILED, NULL, "Indicator=\"8\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct audit_entry e = AUDIT_ENTRY_NULL;
		char *m;

		e.event = rows[i].event;
		e.outcome = rows[i].outcome;
		m = message_of(&e, &from);
		assert_non_null(strstr(m, rows[i].says));
		assert_int_equal(
			strncmp(m, "<85>", 4) == 0, strstr(m, "Indicator=\"0\"") != NULL);
		free(m);
	}
}

/* Names come from callers: markup, quotes, control characters, what XML has no place for, and length. */
static void no_name_breaks_the_message(void **state)
{
	struct audit_entry e = whole();
	char *m;

	(void)state;
	e.application =
		"\"><x y='&amp;\x01\n\t\x7f\xef\xbf\xbe\xef\xbf\xbf\xc3\xa9\xf0\x9f\x98\x80";
	m = message_of(&e, &from);
	python_agrees(m, "r[2].get('UserName') == '\"><x y=\\'&amp;' + '?' * 6 + chr(233) + "
			 "chr(0x1f600)");
	assert_null(strchr(m, '\n'));
	free(m);
}

static void the_longest_message_is_one_that_a_daemon_takes(void **state)
{
	static char quotes[2000], accents[2001], host[300];
	struct audit_entry e = whole();
	struct atna_source longest = {.host = host, .record = quotes, .version = "0.1.0"};
	char *m;

	(void)state;
	memset(quotes, '"', sizeof(quotes) - 1);
	memset(host, 'h', sizeof(host) - 1);
	for (size_t i = 0; i + 2 < sizeof(accents); i += 2) {
		accents[i] = '\xc3';
		accents[i + 1] = '\xa9';
	}
	quotes[400] = '\0'; /* the longest origin has 127 */
	e.session = e.outcome = e.caller = e.application = e.professional = quotes;
	e.structure = e.mode = e.document = e.rule = accents;
	m = message_of(&e, &longest);
	assert_true(strlen(m) < ATNA_MESSAGE_MAX);
	python_agrees(m, "r[1].get('UserID') == '\"' * 32 and"
			 " r[4].get('AuditEnterpriseSiteID') == chr(233) * 96 and"
			 " head.split()[2] == 'h' * 64");
	free(m);
	longest.host = "";
	m = message_of(&e, &longest);
	assert_non_null(strstr(m, "Z - vitaled - "));
	free(m);
	longest.host = "d\xc3\xa9sk 1";
	m = message_of(&e, &longest);
	assert_non_null(strstr(m, "Z d??sk?1 vitaled - "));
	free(m);
}

static void what_is_no_entry_makes_no_message(void **state)
{
	static const char *const texts[] = {"", "{", "[]", "{}", "{\"event\":\"pin\"}",
		"{\"event\":\"pin\",\"time\":1}", "{\"event\":\"pin\",\"sequence\":1}",
		"{\"event\":\"pin\",\"time\":-1,\"sequence\":1}",
		"{\"event\":7,\"time\":1,\"sequence\":1}"};
	struct buf m = BUF_NULL(ATNA_MESSAGE_MAX);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_int_equal(
			atna_message(view_str(texts[i]), leaf, &from, &m), ATNA_MALFORMED);
		assert_int_equal(m.len, 0);
	}
	buf_done(&m);
}

static void an_entry_that_cannot_be_read_goes_as_an_alarm_with_number_and_leaf(void **state)
{
	struct buf m = BUF_NULL(ATNA_MESSAGE_MAX);
	char *text;

	(void)state;
	assert_int_equal(atna_unreadable(41, leaf, 1767225600000000ULL, &from, &m), 0);
	text = buf_take_str(&m);
	assert_non_null(text);
	assert_int_equal(strncmp(text, "<84>1 2026-01-01T00:00:00", 25), 0);
	assert_non_null(strstr(text, "sequenceId=\"42\""));
	assert_non_null(strstr(text, "csd-code=\"110113\""));
	assert_non_null(strstr(text, "csd-code=\"unreadable\""));
	assert_non_null(strstr(text, "EventOutcomeIndicator=\"8\""));
	assert_non_null(strstr(text, "#41\""));
	assert_non_null(strstr(text, "<ParticipantObjectDetail type=\"leaf\""));
	free(text);
}

static void memory_that_runs_out_makes_no_message(void **state)
{
	struct buf text = BUF_NULL(65536);
	struct audit_entry e = whole();
	bool met = true;
	unsigned int n = 0;

	(void)state;
	assert_int_equal(entry_text(&e, &place, &text), 0);
	for (; met; n++) {
		struct buf m = BUF_NULL(ATNA_MESSAGE_MAX);
		int r;

		failing_arm(n, false);
		r = atna_message(buf_view(&text), leaf, &from, &m);
		met = failing_off();
		assert_true(met ? r < 0 : r == 0);
		buf_done(&m);
	}
	assert_true(n > 10);
	buf_done(&text);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)
	const struct CMUnitTest tests[] = {
		T(a_reading_says_who_read_what_of_whom),
		T(every_event_has_a_code_of_its_own_kind),
		T(an_event_of_a_newer_version_goes_as_an_application_s),
		T(outcomes_are_good_minor_or_serious),
		T(no_name_breaks_the_message),
		T(the_longest_message_is_one_that_a_daemon_takes),
		T(what_is_no_entry_makes_no_message),
		T(an_entry_that_cannot_be_read_goes_as_an_alarm_with_number_and_leaf),
		T(memory_that_runs_out_makes_no_message),
	};

	failing_setup();
	json_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
