/* SPDX-License-Identifier: EUPL-1.2 */
/* The folder of consent texts: what is read, picked and shown, what makes the start fail. */
#include "daemon/consent/wording.h"
#include "daemon/session/types.h"
#include "tests/unit/record/failing.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALL ((1U << SESSION_INTENTS) - 1)
#define OLD ((unsigned int)SESSION_INTENT_CONSULT | SESSION_INTENT_FEED | SESSION_INTENT_CREATE)

static char folder[32];

static int setup(void **state)
{
	(void)state;
	bytes_copy(
		folder, sizeof(folder), "/tmp/wording-XXXXXX", sizeof("/tmp/wording-XXXXXX"));
	return mkdtemp(folder) ? 0 : -1;
}

static void put(const char *name, const void *text, size_t len)
{
	char path[128];
	int fd;

	assert_true(snprintf(path, sizeof(path), "%s/%s", folder, name) > 0);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	close(fd);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

static void drop(const char *name)
{
	char path[128];

	assert_true(snprintf(path, sizeof(path), "%s/%s", folder, name) > 0);
	assert_int_equal(unlink(path), 0);
}

static void the_shipped_texts_load_in_both_languages(void **state)
{
	struct wordings w;

	(void)state;
	assert_int_equal(wordings_load(TEST_WORDINGS, &w), 0);
	assert_true(w.n >= 2);
	assert_string_equal(wordings_pick(&w, "fr", ALL)->language, "fr");
	assert_string_equal(wordings_pick(&w, "en", ALL)->language, "en");
	assert_non_null(wordings_pick(&w, "de", ALL)); /* any rather than none */
	wordings_done(&w);
}

/* -- what one patient is shown -- */

static json_t *acts_of(unsigned int intents)
{
	json_t *acts = json_array();

	for (unsigned int i = 0; i < SESSION_INTENTS; i++) {
		if (intents & 1U << i) {
			assert_int_equal(json_array_append_new(
						 acts, json_string(session_intent_word(i))),
				0);
		}
	}
	return acts;
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *at = strstr(text, what); at; at = strstr(at + 1, what)) {
		n++;
	}
	return n;
}

static void a_shipped_text_tells_of_the_acts_that_are_asked_and_of_no_other(void **state)
{
	static const struct {
		const char *language;
		const char *act[SESSION_INTENTS]; /* the head of each act's section */
		const char *always[3];
	} rows[] = {
		{"fr",
			{"* Lire votre dossier.", "* Ajouter des documents",
				"* Cr\xc3\xa9"
				"er",
				"* Ouvrir votre dossier plus tard", "* Devenir votre m",
				"* Interdire l'ouverture", "* Fermer votre dossier.",
				"* Recevoir un code d'activation."},
			{"Vous \xc3\xaates libre de dire oui ou non.",
				"Dire non ne change rien", "un re\xc3\xa7u"}},
		{"en",
			{"* Read your record.", "* Add documents", "* Create your record",
				"* Open your record later", "* Become your treating doctor",
				"* Forbid the opening", "* Close your record.",
				"* Receive an activation code."},
			{"You are free to say yes or no.", "Saying no changes nothing",
				"a receipt"}},
	};
	struct wordings w;

	(void)state;
	assert_int_equal(wordings_load(TEST_WORDINGS, &w), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct wording *text = wordings_pick(&w, rows[i].language, ALL);

		for (unsigned int intents = 1; intents <= ALL; intents++) {
			struct wording_shown shown = WORDING_SHOWN_NULL;
			json_t *acts = acts_of(intents);
			const char *shows;

			assert_int_equal(wording_show(text, acts, &shown), 0);
			shows = (const char *)shown.text.data;
			for (size_t k = 0; k < SESSION_INTENTS; k++) {
				assert_int_equal(count(shows, rows[i].act[k]),
					intents & 1U << k ? 1 : 0);
			}
			for (size_t k = 0; k < ARRAY_LEN(rows[i].always); k++) {
				assert_int_equal(count(shows, rows[i].always[k]), 1);
			}
			assert_int_equal(count(shows, "["), 0);
			assert_int_equal(count(shows, "\n\n\n"), 0);
			assert_int_equal(
				count(shows, "\n* "), (size_t)__builtin_popcount(intents));
			wording_shown_done(&shown);
			json_decref(acts);
		}
	}
	wordings_done(&w);
}

static bool says(const char *language, unsigned int intents, const char *what)
{
	struct wording_shown shown = WORDING_SHOWN_NULL;
	json_t *acts = acts_of(intents);
	struct wordings w;
	bool said;

	assert_int_equal(wordings_load(TEST_WORDINGS, &w), 0);
	assert_int_equal(wording_show(wordings_pick(&w, language, ALL), acts, &shown), 0);
	said = count((const char *)shown.text.data, what) > 0;
	wording_shown_done(&shown);
	json_decref(acts);
	wordings_done(&w);
	return said;
}

/* What opens later, and who is there then, is what the patient says yes to. */
static void a_shipped_text_says_what_is_open_without_the_card_and_how_to_stop_it(void **state)
{
	static const struct {
		unsigned int intent;
		const char *french;
		const char *english;
	} rows[] = {
		{SESSION_INTENT_AUTHORISE, "aussi sans votre carte", "also without your card"},
		{SESSION_INTENT_AUTHORISE, "dites-lui d'y mettre fin", "tell them to end it"},
		{SESSION_INTENT_AUTHORISE, "mettez-y fin vous-m", "end it yourself"},
		{SESSION_INTENT_FEED, "jusqu'\xc3\xa0 minuit", "until midnight"},
		{SESSION_INTENT_FEED, "sans votre carte Vitale", "without your Vitale card"},
		{SESSION_INTENT_FEED, "mettez-y fin vous-m", "end it yourself"},
		{SESSION_INTENT_CREATE, "il peut \xc3\xaatre rouvert", "may be opened again"},
		{SESSION_INTENT_CODE, "ne le donnez \xc3\xa0 personne",
			"give the code to nobody"},
		{SESSION_INTENT_CODE, "sept jours, et ailleurs qu'ici",
			"seven days, and anywhere but here"},
		{SESSION_INTENT_CLOSE, "l'administratif seul", "For administration alone"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(says("fr", rows[i].intent, rows[i].french));
		assert_true(says("en", rows[i].intent, rows[i].english));
	}
	assert_false(says("fr", SESSION_INTENT_CONSULT, "sans votre carte"));
	assert_false(says("en", SESSION_INTENT_CONSULT, "without your"));
}

static const struct wording *named(
	const struct wordings *w, const char *id, const char *language)
{
	for (size_t i = 0; i < w->n; i++) {
		if (strcmp(w->all[i].id, id) == 0 &&
			strcmp(w->all[i].language, language) == 0) {
			return &w->all[i];
		}
	}
	return NULL;
}

static void a_text_tells_of_openings_without_the_card_where_its_file_says_so(void **state)
{
	static const char *const languages[] = {"fr", "en"};
	struct wordings w;

	(void)state;
	assert_int_equal(wordings_load(TEST_WORDINGS, &w), 0);
	for (size_t i = 0; i < ARRAY_LEN(languages); i++) {
		assert_int_equal(named(&w, "consent-1", languages[i])->tells, 0);
		assert_int_equal(named(&w, "consent-2", languages[i])->tells, 0);
		assert_int_equal(named(&w, "consent-3", languages[i])->tells,
			SESSION_INTENT_FEED | SESSION_INTENT_AUTHORISE);
	}
	wordings_done(&w);
	/* no number of a file says so */
	put_text("consent-9.fr.txt", "[feed]\nx\n[authorise]\nwithout-card\n");
	put_text("consent-1.fr.txt", "[feed]\nx\n[authorise without-card]\ny\n");
	assert_int_equal(wordings_load(folder, &w), 0);
	assert_int_equal(named(&w, "consent-9", "fr")->tells, 0);
	assert_int_equal(named(&w, "consent-1", "fr")->tells, SESSION_INTENT_AUTHORISE);
	wordings_done(&w);
	put_text("consent-9.fr.txt", "[all without-card]\nx\n");
	assert_int_equal(wordings_load(folder, &w), -EBADMSG);
	drop("consent-1.fr.txt");
	drop("consent-9.fr.txt");
}

static void what_is_shown_has_its_own_hash_and_an_old_text_that_of_its_file(void **state)
{
	struct wording_shown one = WORDING_SHOWN_NULL;
	struct wording_shown two = WORDING_SHOWN_NULL;
	json_t *acts = acts_of(SESSION_INTENT_CONSULT);
	struct wordings w;

	(void)state;
	/* sha256sum says so too */
	put_text("consent-1.fr.txt", "abc");
	put_text("consent-2.fr.txt", "[feed]\nx\n[consult]\nabc");
	assert_int_equal(wordings_load(folder, &w), 0);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(wording_show(&w.all[i], acts, i == 0 ? &one : &two), 0);
	}
	assert_string_equal(
		one.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_string_equal(two.sha256, one.sha256);
	assert_string_equal((const char *)two.text.data, "abc");
	assert_ptr_equal(one.of, &w.all[0]);
	wording_shown_done(&one);
	wording_shown_done(&two);
	assert_null(one.of);
	json_decref(acts);
	wordings_done(&w);
	drop("consent-1.fr.txt");
	drop("consent-2.fr.txt");
}

static void without_memory_nothing_is_shown(void **state)
{
	json_t *acts = acts_of(ALL);
	struct wordings w;
	struct wording_shown whole = WORDING_SHOWN_NULL;
	unsigned int n = 0;
	unsigned int failed = 0;
	char hash[65];
	bool refused;

	(void)state;
	assert_int_equal(wordings_load(TEST_WORDINGS, &w), 0);
	assert_int_equal(wording_show(wordings_pick(&w, "fr", ALL), acts, &whole), 0);
	bytes_copy(hash, sizeof(hash), whole.sha256, sizeof(whole.sha256));
	wording_shown_done(&whole);
	do {
		struct wording_shown shown = WORDING_SHOWN_NULL;
		int r;

		failing_arm(++n, false);
		r = wording_show(wordings_pick(&w, "fr", ALL), acts, &shown);
		refused = failing_off();
		/* OpenSSL does without some of it */
		if (r == 0) {
			assert_string_equal(shown.sha256, hash);
		} else {
			assert_true(refused && r < 0 && !shown.of && !shown.text.data);
		}
		failed += r < 0;
		wording_shown_done(&shown);
	} while (refused);
	assert_true(failed > 1);
	json_decref(acts);
	wordings_done(&w);
}

static void a_text_is_picked_for_what_it_speaks_of(void **state)
{
	struct wordings w;

	(void)state;
	put_text("consent-1.fr.txt", "[all]\n[oppose feed]\nx");
	put_text("consent-2.fr.txt", "[all]\n[consult]\nx");
	put_text("consent-3.fr.txt", "whatever is asked");
	put_text("consent-1.en.txt", "[authorise]\nx");
	assert_int_equal(wordings_load(folder, &w), 0);
	assert_string_equal(wordings_pick(&w, "fr", SESSION_INTENT_CONSULT)->id, "consent-3");
	assert_string_equal(wordings_pick(&w, "fr", SESSION_INTENT_CREATE)->id, "consent-3");
	assert_string_equal(wordings_pick(&w, "fr", SESSION_INTENT_OPPOSE)->id, "consent-1");
	assert_string_equal(
		wordings_pick(&w, "fr", SESSION_INTENT_OPPOSE | SESSION_INTENT_FEED)->id,
		"consent-1");
	assert_string_equal(wordings_pick(&w, "fr", SESSION_INTENT_AUTHORISE)->language, "en");
	assert_null(wordings_pick(&w, "fr", SESSION_INTENT_TREATING_DOCTOR));
	assert_null(wordings_pick(&w, "fr", SESSION_INTENT_OPPOSE | SESSION_INTENT_CONSULT));
	wordings_done(&w);
	drop("consent-1.fr.txt");
	drop("consent-2.fr.txt");
	drop("consent-3.fr.txt");
	drop("consent-1.en.txt");
}

static void a_slip_of_the_pen_in_a_marker_refuses_the_folder(void **state)
{
	static const char *const bad[] = {"[all]\n[consult]\nx\n[authorize]\ny",
		"[all]\n[Feed]\nx", "[all]\n[feed\nx", "[all]\n[feed] \nx", "[all]\n[]\nx",
		"[all]\n[feed  consult]\nx", "[all]\n[ feed]\nx", "[all]\n[feed ]\nx",
		"[export]\nx", "[all]\n[", "[all]\n[feed]\r\nx", "\xEF\xBB\xBF[all]\nx",
		"[all]\r\nx", "\n[all]\nx", " [all]\n", "x\n[treating-doctor]"};
	static const char *const plain[] = {"x\n[authorize]\ny", "[Cabinet du Parc]\nx", "(x)",
		"[", "[]", "[ ]", "x [all]\n", "x\n "};
	struct wordings w;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		put_text("consent-1.fr.txt", bad[i]);
		assert_int_equal(wordings_load(folder, &w), -EBADMSG);
	}
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) { /* without sections: as they are */
		put_text("consent-1.fr.txt", plain[i]);
		assert_int_equal(wordings_load(folder, &w), 0);
		assert_int_equal(w.all[0].covers, 7);
		wordings_done(&w);
	}
	drop("consent-1.fr.txt");
}

static void the_newest_text_of_a_language_is_picked(void **state)
{
	static const char *const names[] = {"consent-9.fr.txt", "consent-10.fr.txt",
		"consent-2.fr.txt", "consent-11.en.txt"};
	struct wordings w;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		put(names[i], names[i], strlen(names[i]));
	}
	put("README", "\xff", 1); /* not ours: left alone */
	put("consent-3.txt", "\xff", 1);
	put("consent-without-a-dot", "\xff", 1);
	put("consent-4.fr.text", "\xff", 1);
	assert_int_equal(wordings_load(folder, &w), 0);
	assert_int_equal(w.n, 4);
	assert_string_equal(wordings_pick(&w, "fr", OLD)->id, "consent-10");
	assert_string_equal(wordings_pick(&w, "fr", OLD)->text, "consent-10.fr.txt");
	assert_string_equal(wordings_pick(&w, "en", OLD)->id, "consent-11");
	assert_string_equal(wordings_pick(&w, "de", OLD)->id, "consent-11");
	wordings_done(&w);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		drop(names[i]);
	}
}

static void what_cannot_be_shown_is_refused(void **state)
{
	static const uint8_t large[WORDING_MAX + 1] = {'x'};
	struct wordings w;

	(void)state;
	assert_int_equal(wordings_load(folder, &w), -ENOENT);
	assert_int_equal(wordings_load("/nowhere", &w), -ENOENT);
	put("consent-1.fr.txt", "\xc3(", 2);
	assert_int_equal(wordings_load(folder, &w), -EBADMSG);
	put("consent-1.fr.txt", "a\0b", 3);
	assert_int_equal(wordings_load(folder, &w), -EBADMSG);
	put("consent-1.fr.txt", "", 0);
	assert_int_equal(wordings_load(folder, &w), -EBADMSG);
	put("consent-1.fr.txt", large, sizeof(large));
	assert_true(wordings_load(folder, &w) < 0);
	drop("consent-1.fr.txt");
	for (unsigned int i = 0; i <= WORDINGS_MAX; i++) {
		char name[32];

		assert_true(snprintf(name, sizeof(name), "consent-%u.fr.txt", i) > 0);
		put(name, "text", 4);
	}
	assert_int_equal(wordings_load(folder, &w), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_shipped_texts_load_in_both_languages),
		cmocka_unit_test(
			a_shipped_text_tells_of_the_acts_that_are_asked_and_of_no_other),
		cmocka_unit_test(
			a_shipped_text_says_what_is_open_without_the_card_and_how_to_stop_it),
		cmocka_unit_test(
			a_text_tells_of_openings_without_the_card_where_its_file_says_so),
		cmocka_unit_test(
			what_is_shown_has_its_own_hash_and_an_old_text_that_of_its_file),
		cmocka_unit_test(without_memory_nothing_is_shown),
		cmocka_unit_test(a_text_is_picked_for_what_it_speaks_of),
		cmocka_unit_test(a_slip_of_the_pen_in_a_marker_refuses_the_folder),
		cmocka_unit_test(the_newest_text_of_a_language_is_picked),
		cmocka_unit_test(what_cannot_be_shown_is_refused),
	};

	failing_setup();
	return cmocka_run_group_tests(tests, setup, NULL);
}
