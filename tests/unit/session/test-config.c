/* SPDX-License-Identifier: EUPL-1.2 */
/* The configuration: defaults, every key, and everything that must stop the start. */
#include "daemon/config.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/config/values.h"

static struct config c;

/* inih as it is, as it may fail, and as it may have been built: with room for longer lines */
static enum {
	INIH,
	INIH_FAILS,
	INIH_LONG,
} inih;

int __real_ini_parse_stream(ini_reader reader, void *stream, ini_handler handler, void *user);
int __wrap_ini_parse_stream(ini_reader reader, void *stream, ini_handler handler, void *user);

int __wrap_ini_parse_stream(ini_reader reader, void *stream, ini_handler handler, void *user)
{
	char line[1024];

	switch (inih) {
	case INIH:
		return __real_ini_parse_stream(reader, stream, handler, user);
	case INIH_FAILS:
		return -2;
	case INIH_LONG:
		while (reader(line, sizeof(line), stream)) {
		}
		return 0;
	}
	return -1;
}

static int load(const char *text, char **where)
{
	char path[] = "/tmp/config-XXXXXX";
	int fd = mkstemp(path);
	int r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	r = config_load(path, &c, where);
	assert_int_equal(unlink(path), 0);
	return r;
}

static void an_empty_file_gives_the_defaults(void **state)
{
	char *where = NULL;

	(void)state;
	assert_int_equal(load("", &where), 0);
	assert_null(where);
	assert_string_equal(c.state, "/var/lib/vitaled");
	assert_string_equal(c.anchors, "/etc/vitaled/anchors");
	assert_string_equal(c.consent_language, "fr");
	assert_int_equal(c.required[NATURE_REAL], PROOF_LOCKED);
	assert_int_equal(c.required[NATURE_TEST], PROOF_MUTUAL);
	assert_int_equal(c.required[NATURE_SIMULATED], PROOF_MUTUAL);
	assert_int_equal(c.pin_lifetime, 4 * 3600);
	assert_int_equal(c.pin_idle, 1800);
	assert_int_equal(c.n_pairs, 0);
	assert_int_equal(c.n_agents, 0);
	assert_string_equal(c.pcsc_socket, "");
	assert_true(c.professional_cache);
	assert_string_equal(c.crl, "/etc/vitaled/crl");
	assert_string_equal(c.regulation, "");
	assert_int_equal(c.emergencies, 5);
	assert_int_equal(c.n_readers, 0);
	assert_string_equal(c.syslog, "");
	assert_true(c.outbox);
	assert_int_equal(c.retention, 3 * 366); /* days */
}

static void the_shipped_file_says_the_defaults(void **state)
{
	static struct config defaults;
	char *where = NULL;

	(void)state;
	assert_int_equal(load("", &where), 0);
	defaults = c;
	memset(&c, 0xff, sizeof(c));
	assert_int_equal(config_load(TEST_CONFIG, &c, &where), 0);
	assert_memory_equal(&c, &defaults, sizeof(c));
}

static void every_key_is_taken(void **state)
{
	char *where = NULL;

	(void)state;
	assert_int_equal(
		load("[paths]\nstate = /s\nanchors = /a\nchildren = /c\ndata = /d\n"
		     "wordings = /w\npcsc-socket = /p\n[record]\norigin = o/r\n"
		     "workstation = desk 1\nretention = 5 y\nsyslog = /y\noutbox = no\n"
		     "[proof]\nreal = read\ntest = active\nsimulated = locked\n"
		     "[pin]\nlifetime = 0\nidle = 90 s\n[consent]\nlanguage = en\n"
		     "[emergency]\nregulation-structures = 1A 2B\nper-hour = 0\n"
		     "[cards]\nprofessional-cache = no\ncrl = /l\n"
		     "[reader A]\nrole = patient\nsharing = transactions\n"
		     "[reader B*]\nrole = professional\n"
		     "[pair counter 1]\npatient-reader = A\nprofessional-reader = B\n"
		     "[pair counter 2]\npatient-reader = C\n"
		     "[agent x]\ncapability = patient-display\npair = counter 1\n"
		     "user = root\n[agent y]\ncapability = pin\nuser = 1234\n",
			&where),
		0);
	assert_string_equal(c.state, "/s");
	assert_string_equal(c.anchors, "/a");
	assert_string_equal(c.children, "/c");
	assert_string_equal(c.data, "/d");
	assert_string_equal(c.consent_folder, "/w");
	assert_string_equal(c.pcsc_socket, "/p");
	assert_string_equal(c.origin, "o/r");
	assert_string_equal(c.workstation, "desk 1");
	assert_int_equal(c.retention, 5 * 366);
	assert_string_equal(c.syslog, "/y");
	assert_false(c.outbox);
	assert_int_equal(c.required[NATURE_REAL], PROOF_READ);
	assert_int_equal(c.required[NATURE_TEST], PROOF_ACTIVE);
	assert_int_equal(c.required[NATURE_SIMULATED], PROOF_LOCKED);
	assert_int_equal(c.pin_lifetime, 0);
	assert_int_equal(c.pin_idle, 90);
	assert_string_equal(c.consent_language, "en");
	assert_string_equal(c.regulation, "1A 2B");
	assert_int_equal(c.emergencies, 0);
	assert_int_equal(c.n_pairs, 2);
	assert_string_equal(c.pairs[0].name, "counter 1");
	assert_string_equal(c.pairs[0].professional_reader, "B");
	assert_string_equal(c.pairs[1].patient_reader, "C");
	assert_string_equal(c.pairs[1].professional_reader, "");
	assert_false(c.professional_cache);
	assert_string_equal(c.crl, "/l");
	assert_int_equal(c.n_readers, 2);
	assert_string_equal(c.readers[0].name, "A");
	assert_int_equal(c.readers[0].role, CONFIG_ROLE_PATIENT);
	assert_int_equal(c.readers[0].sharing, CARD_SHARE_TRANSACTIONS);
	assert_string_equal(c.readers[1].name, "B*");
	assert_int_equal(c.readers[1].role, CONFIG_ROLE_PROFESSIONAL);
	assert_int_equal(c.readers[1].sharing, CARD_SHARE_EXCLUSIVE);
	assert_int_equal(c.n_agents, 2);
	assert_string_equal(c.agents[0].capability, "patient-display");
	assert_string_equal(c.agents[0].pair, "counter 1");
	assert_int_equal(c.agents[0].uid, 0);
	assert_int_equal(c.agents[1].uid, 1234);
}

static void times_have_units(void **state)
{
	static const struct {
		const char *text;
		uint32_t seconds;
	} rows[] = {{"90", 90}, {"90s", 90}, {"30 min", 1800}, {"4 h", 14400}};

	char text[64];
	char *where = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(
			snprintf(text, sizeof(text), "[pin]\nidle = %s\n", rows[i].text) > 0);
		assert_int_equal(load(text, &where), 0);
		assert_int_equal(c.pin_idle, rows[i].seconds);
	}
}

static void the_section_that_fits_best_counts_for_a_reader(void **state)
{
	static const struct {
		const char *name;
		enum config_role role;
		enum card_share sharing;
	} rows[] = {
		{"PC Twin [CCID Interface] (AB) 00 00", CONFIG_ROLE_PATIENT,
			CARD_SHARE_EXCLUSIVE},
		{"PC Twin [CCID Interface] (AB) 00 01", CONFIG_ROLE_PROFESSIONAL,
			CARD_SHARE_TRANSACTIONS},
		{"PC Twin", CONFIG_ROLE_PROFESSIONAL, CARD_SHARE_TRANSACTIONS},
		{"PC Twi", CONFIG_ROLE_ANY, CARD_SHARE_TRANSACTIONS},
		{"Q", CONFIG_ROLE_ANY, CARD_SHARE_EXCLUSIVE},
		{"", CONFIG_ROLE_ANY, CARD_SHARE_EXCLUSIVE},
		{"PC Twin [CCID Interface] (AB) 00 00 and a name that is longer than fifty",
			CONFIG_ROLE_PATIENT, CARD_SHARE_TRANSACTIONS},
	};

	char *where = NULL;

	(void)state;
	assert_int_equal(load("\xEF\xBB\xBF [reader P*]\nsharing = transactions\n"
			      "[reader PC Twin [CCID Interface] (AB) 00 00] ; left\n"
			      "role = patient\n"
			      "[reader PC Twin*]\nrole = professional\nsharing = transactions\n"
			      "[reader PC Twin [CCID Interface] (AB) 00 00 and a name that is "
			      "longer than fifty]\r\nrole = patient\r\nsharing = "
			      "transactions\n",
				 &where),
		0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct config_reader *r = config_reader(&c, rows[i].name);

		assert_int_equal(r->role, rows[i].role);
		assert_int_equal(r->sharing, rows[i].sharing);
	}
	assert_int_equal(load("[reader *]\nrole = patient\n", &where), 0);
	assert_int_equal(config_reader(&c, "any one")->role, CONFIG_ROLE_PATIENT);
}

/* One long text behind a key. */
static const char *long_line(const char *head)
{
	static char text[400];
	size_t n = strlen(head);

	assert_int_equal(view_copy_str(view_str(head), text, sizeof(text)), 0);
	memset(text + n, 'x', 160);
	text[n + 160] = '\0';
	return text;
}

static const char *longest_section(void)
{
	static char text[600];

	memset(text, 'x', sizeof(text));
	text[0] = '[';
	text[sizeof(text) - 3] = ']';
	text[sizeof(text) - 2] = '\n';
	text[sizeof(text) - 1] = '\0';
	return text;
}

static void refused(const char *text, const char *with)
{
	char *where = NULL;

	assert_int_equal(load(text, &where), CONFIG_INVALID);
	if (!strstr(where, with)) {
		fail_msg("'%s' instead of '%s'", where, with);
	}
	free(where);
}

static void what_is_not_understood_stops_the_start_and_is_named(void **state)
{
	static const struct {
		const char *text;
		const char *where; /* line and key */
	} rows[] = {
		{"[paths]\nstatte = /s\n", ":2: [paths] statte"},
		{"[path]\nstate = /s\n", ":2: [path] state"},
		{"\n[paths]\nstate = relative\n", ":3: [paths] state"},
		{"[proof]\nreal = none\n", ":2: [proof] real"},
		{"[proof]\nreal = yes\n", ":2: [proof] real"},
		{"[proof]\nunknown = read\n", ":2: [proof] unknown"},
		{"[emergency]\nper-hour = 101\n", ":2: [emergency] per-hour"},
		{"[emergency]\nper-hour = 5 h\n", ":2: [emergency] per-hour"},
		{"[emergency]\nper-hour = few\n", ":2: [emergency] per-hour"},
		{"[pin]\nidle = soon\n", ":2: [pin] idle"},
		{"[pin]\nidle = 1 h\n 2 h\n", ":3: [pin] idle has two values"},
		{"[pin]\nidle = 1 h\nidle = 2 h\n", ":3: [pin] idle has two values"},
		{"[pin]\nidle = 4 days\n", ":2: [pin] idle"},
		{"[pin]\nidle = 99999999999999999999\n", ":2: [pin] idle"},
		{"[pin]\nidle = 9999999 h\n", ":2: [pin] idle"},
		{"[pair]\npatient-reader = A\n", ":2: [pair] patient-reader"},
		{"[pair ]\npatient-reader = A\n", ":2: [pair ] patient-reader"},
		{"[pair x]\nreader = A\n", ":2: [pair x] reader"},
		{"[agent x]\ncapability = all\nuser = 1\n", ":2: [agent x] capability"},
		{"[agent x]\ncapability = pin\nuser = nobody-here\n", ":3: [agent x] user"},
		{"[agent x]\ncapability = pin\n", ":1: [agent x] needs capability"},
		{"[agent x]\nuser = 1\n", ":1: [agent x] needs capability"},
		{"[agent 0123456789012345678901234567890123]\nuser = 1\n",
			":2: [agent 0123456789012345678901234567890123] user"},
		{"[paths\n", ":1: not understood"},
		{"[reader A [CCID] 00\nrole = any\n", ":1: not understood"},
		{"[]\n[paths]\nstate\n", ":3: not understood"},
		{"[reader A]\nrole = both\n", ":2: [reader A] role"},
		{"[reader A]\nsharing = shared\n", ":2: [reader A] sharing"},
		{"[reader A]\nname = B\n", ":2: [reader A] name"},
		{"[reader A*B]\nrole = any\n", ":2: [reader A*B] role"},
		{"[cards]\nprofessional-cache = maybe\n", ":2: [cards] professional-cache"},
		{"[cards]\nprofessional-cache = 1\n", ":2: [cards] professional-cache"},
		{"[cards]\ncrl = here\n", ":2: [cards] crl"},
		{"[pair x]\n", ":1: [pair x] is not known or has no key"},
		{"[pair x]\n[paths]\n\n[agent y]\n", ":2: [pair x] is not known or"},
		{"[reader x]\n# role = any\n", ":2: [reader x] is not known or"},
		{"[agent x]\n", ":1: [agent x] is not known or has no key"},
		{"[pathz]\n[paths]\n", ":2: [pathz] is not known"},
		{"[pair x]\npatient-reader = A\nprofessional-reader = A\n",
			":1: [pair x] names one reader twice"},
		{"[reader A]\nrole = professional\n[pair x]\npatient-reader = A\n",
			":3: [pair x] has a patient-reader that is for professionals"},
		{"[reader A*]\nrole = patient\n[pair x]\nprofessional-reader = AB\n",
			":3: [pair x] has a professional-reader that is for patients"},
	};

	char *where = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		refused(rows[i].text, rows[i].where);
	}
	assert_int_equal(load(long_line("[record]\norigin = "), &where), CONFIG_INVALID);
	free(where);
	where = NULL;
	assert_int_equal(load(long_line("[record]\nworkstation = "), &where), CONFIG_INVALID);
	free(where);
	where = NULL;
	assert_int_equal(
		load(long_line("[reader 0123456789 0123456789 0123456789 0123456789"), &where),
		CONFIG_INVALID);
	assert_non_null(strstr(where, ":1: [] has a line that is too long"));
	free(where);
}

static void pairs_of_agents_and_remarks_are_not_guessed(void **state)
{
	static const struct {
		const char *text;
		const char *where; /* line and key */
	} rows[] = {
		{"\n[agent d]\ncapability = patient-display\nuser = 1\n",
			":2: [agent d] needs the pair that the display stands at"},
		{"[agent d]\ncapability = patient-display\nuser = 1\npair = counter\n",
			":1: [agent d] names a pair that there is not"},
		{"[pair a]\npatient-reader = A\n[agent d]\ncapability = pin\nuser = 1\n"
		 "pair = default\n",
			":3: [agent d] names a pair that there is not"},
		{"[consent]\nlanguage = fr # French\n",
			":2: [consent] language: no # in a value"},
		{"[record]\norigin = # none\n", ":2: [record] origin: no # in a value"},
		{"[record]\nworkstation = a\t#1\n",
			":2: [record] workstation: no # in a value"},
		{"[pair a]\npatient-reader = A #\tleft\n",
			":2: [pair a] patient-reader: no # in a value"},
		{"[pair a]\npatient-reader = A # left\n",
			":2: [pair a] patient-reader: no # in a value"},
		{"[pair a]\nprofessional-reader = A #\n",
			":2: [pair a] professional-reader: no # in a value"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		refused(rows[i].text, rows[i].where);
	}
}

static void remarks_stand_on_lines_of_their_own_or_follow_a_semicolon(void **state)
{
	char *where = NULL;

	(void)state;
	assert_int_equal(
		load("# one\n; two\n[consent] ; three\n # four\nlanguage = en ; # five\n"
		     " # six\n[record]\norigin = a#b/r\n[pair #1]\n"
		     "patient-reader = Reader #2 00 00 ; seven\n",
			&where),
		0);
	assert_string_equal(c.consent_language, "en");
	assert_string_equal(c.origin, "a#b/r");
	assert_string_equal(c.pairs[0].name, "#1");
	assert_string_equal(c.pairs[0].patient_reader, "Reader #2 00 00");
}

static void an_agent_may_name_any_pair_that_there_is(void **state)
{
	static const char agent[] =
		"[agent d]\ncapability = patient-display\nuser = 1\npair = ";
	char text[256];
	char *where = NULL;

	(void)state;
	(void)snprintf(text, sizeof(text), "%sdefault\n", agent);
	assert_int_equal(load(text, &where), 0);
	assert_true(config_has_pair(&c, "default"));
	assert_false(config_has_pair(&c, "counter"));
	(void)snprintf(
		text, sizeof(text), "%scounter\n[pair counter]\npatient-reader = A\n", agent);
	assert_int_equal(load(text, &where), 0); /* also one that comes after it */
	assert_string_equal(c.agents[0].pair, "counter");
	assert_false(config_has_pair(&c, "default"));
	assert_true(config_has_pair(&c, "counter"));
}

static void too_many_sections_stop_the_start(void **state)
{
	struct buf text = BUF_NULL(8192);
	char *where = NULL;
	char *all;

	(void)state;
	for (unsigned int i = 0; i <= CONFIG_PAIRS_MAX; i++) {
		buf_printf(&text, "[pair p%u]\npatient-reader = A\n", i);
	}
	all = buf_take_str(&text);
	assert_int_equal(load(all, &where), CONFIG_INVALID);
	free(all);
	free(where);
	where = NULL;
	for (unsigned int i = 0; i <= CONFIG_READERS_MAX; i++) {
		buf_printf(&text, "[reader r%u]\nrole = any\n", i);
	}
	all = buf_take_str(&text);
	assert_int_equal(load(all, &where), CONFIG_INVALID);
	free(all);
	free(where);
	where = NULL;
	for (unsigned int i = 0; i <= CONFIG_AGENTS_MAX; i++) {
		buf_printf(&text, "[agent a%u]\ncapability = pin\nuser = 1\n", i);
	}
	all = buf_take_str(&text);
	assert_int_equal(load(all, &where), CONFIG_INVALID);
	free(all);
	free(where);
}

static void a_named_file_must_be_there_and_the_default_one_need_not(void **state)
{
	char *where = NULL;

	(void)state;
	assert_int_equal(config_load("/nowhere/vitaled.conf", &c, &where), -ENOENT);
	assert_int_equal(config_load("/tmp", &c, &where), -EIO); /* opens, and cannot be read */
	assert_null(where);
	if (access("/etc/vitaled/vitaled.conf", F_OK) < 0) {
		assert_int_equal(config_load(NULL, &c, &where), 0);
	}
}

static void an_inih_of_other_limits_is_no_way_in(void **state)
{
	char *where = NULL;

	(void)state;
	inih = INIH_FAILS;
	assert_int_equal(load("", &where), -EIO);
	assert_null(where);
	inih = INIH_LONG;
	assert_int_equal(load(longest_section(), &where), CONFIG_INVALID);
	assert_non_null(strstr(where, ":1: not understood"));
	free(where);
	inih = INIH;
}

/* No line of a file is longer than these places are today. */
static void a_text_longer_than_its_place_is_not_taken(void **state)
{
	char place[5];

	(void)state;
	assert_true(config_take_path(place, sizeof(place), "/abc"));
	assert_string_equal(place, "/abc");
	assert_false(config_take_path(place, sizeof(place), "/abcd"));
	assert_false(config_take_path(place, sizeof(place), "abc"));
	assert_string_equal(place, "/abc");
}

static void proofs_have_words(void **state)
{
	(void)state;
	assert_string_equal(proof_word(PROOF_NONE), "none");
	assert_string_equal(proof_word(PROOF_READ), "read");
	assert_string_equal(proof_word(PROOF_ACTIVE), "active");
	assert_string_equal(proof_word(PROOF_MUTUAL), "mutual");
	assert_string_equal(proof_word(PROOF_LOCKED), "locked");
	assert_string_equal(proof_word((enum proof)99), "none");
}

/* -- a new one in a running service ---------------------------------------------------------------- */

static const char *adopted(struct config *to, const char *text)
{
	static char named[512];
	struct buf restart = BUF_NULL(sizeof(named) - 1);
	char *where = NULL;

	assert_int_equal(load(text, &where), 0);
	config_adopt(to, &c, &restart);
	assert_int_equal(buf_check(&restart), 0);
	assert_int_equal(view_copy_str(buf_view(&restart), named, sizeof(named)), 0);
	buf_done(&restart);
	return named;
}

static void what_may_change_is_taken_over(void **state)
{
	static struct config to;
	char *where = NULL;

	(void)state;
	assert_int_equal(load("", &where), 0);
	to = c;
	assert_string_equal(
		adopted(&to, "[proof]\nreal = read\n[pin]\nlifetime = 0\nidle = 5 min\n"
			     "[record]\nworkstation = desk 7\n[consent]\nlanguage = en\n"
			     "[pair counter]\npatient-reader = A\n[reader A]\nrole = patient\n"
			     "[agent one]\ncapability = pin\nuser = 7\n"),
		"");
	assert_int_equal(to.required[NATURE_REAL], PROOF_READ);
	assert_int_equal(to.pin_lifetime, 0);
	assert_int_equal(to.pin_idle, 300);
	assert_string_equal(to.workstation, "desk 7");
	assert_string_equal(to.consent_language, "en");
	assert_int_equal(to.n_pairs, 1);
	assert_string_equal(to.pairs[0].patient_reader, "A");
	assert_int_equal(config_reader(&to, "A")->role, CONFIG_ROLE_PATIENT);
	assert_int_equal(to.n_agents, 1);
	assert_int_equal(to.agents[0].uid, 7);
	assert_string_equal(adopted(&to, ""), ""); /* and back */
	assert_int_equal(to.n_pairs + to.n_agents + to.n_readers, 0);
	assert_int_equal(to.required[NATURE_REAL], PROOF_LOCKED);
	assert_string_equal(to.workstation, "");
}

static void another_origin_waits_for_no_restart_but_with_a_new_folder(void **state)
{
	static struct config to;
	char *where = NULL;

	(void)state;
	assert_int_equal(load("[paths]\nstate = /a\n", &where), 0);
	to = c;
	assert_string_equal(adopted(&to, "[paths]\nstate = /a\n[record]\norigin = b\n"), "");
	assert_true(config_other_origin(&to, &c));
	assert_string_equal(to.origin, "vitaled.local/record");
	assert_string_equal(adopted(&to, "[paths]\nstate = /b\n[record]\norigin = b\n"),
		"[paths] state, [record] origin");
	assert_false(config_other_origin(&to, &c));
}

static void what_needs_a_restart_is_named_and_stays(void **state)
{
	static struct config to;
	char *where = NULL;

	(void)state;
	/* what stands behind the end of a text is no difference */
	assert_int_equal(
		load("[paths]\nstate = /long/long/long\n[paths]\nstate = /a\n", &where), 0);
	to = c;
	assert_string_equal(adopted(&to, "[paths]\nstate = /a\n"), "");
	assert_string_equal(
		adopted(&to, "[paths]\nstate = /b\nanchors = /b\nchildren = /b\ndata = /b\n"
			     "wordings = /b\npcsc-socket = /b\n[record]\norigin = b\n"
			     "[cards]\nprofessional-cache = no\ncrl = /b\n[pin]\nidle = 7\n"),
		"[paths] state, [paths] anchors, [paths] children, [paths] data, [paths] "
		"wordings, "
		"[paths] pcsc-socket, [record] origin, [cards] professional-cache, [cards] "
		"crl");
	assert_string_equal(to.state, "/a");
	assert_string_equal(to.anchors, "/etc/vitaled/anchors");
	assert_string_equal(to.origin, "vitaled.local/record");
	assert_string_equal(to.crl, "/etc/vitaled/crl");
	assert_true(to.professional_cache);
	assert_int_equal(to.pin_idle, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_gives_the_defaults),
		cmocka_unit_test(the_shipped_file_says_the_defaults),
		cmocka_unit_test(every_key_is_taken),
		cmocka_unit_test(times_have_units),
		cmocka_unit_test(the_section_that_fits_best_counts_for_a_reader),
		cmocka_unit_test(what_is_not_understood_stops_the_start_and_is_named),
		cmocka_unit_test(pairs_of_agents_and_remarks_are_not_guessed),
		cmocka_unit_test(remarks_stand_on_lines_of_their_own_or_follow_a_semicolon),
		cmocka_unit_test(an_agent_may_name_any_pair_that_there_is),
		cmocka_unit_test(too_many_sections_stop_the_start),
		cmocka_unit_test(a_named_file_must_be_there_and_the_default_one_need_not),
		cmocka_unit_test(an_inih_of_other_limits_is_no_way_in),
		cmocka_unit_test(a_text_longer_than_its_place_is_not_taken),
		cmocka_unit_test(proofs_have_words),
		cmocka_unit_test(what_may_change_is_taken_over),
		cmocka_unit_test(another_origin_waits_for_no_restart_but_with_a_new_folder),
		cmocka_unit_test(what_needs_a_restart_is_named_and_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
