/* SPDX-License-Identifier: EUPL-1.2 */
/* The folder of consent texts: what is read, what is picked, what makes the start fail. */
#include "daemon/consent/wording.h"

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
	assert_string_equal(wordings_pick(&w, "fr")->language, "fr");
	assert_string_equal(wordings_pick(&w, "en")->language, "en");
	assert_non_null(wordings_pick(&w, "de")); /* any rather than none */
	assert_int_equal(strlen(wordings_pick(&w, "fr")->sha256), 64);
	wordings_done(&w);
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
	assert_string_equal(wordings_pick(&w, "fr")->id, "consent-10");
	assert_string_equal(wordings_pick(&w, "fr")->text, "consent-10.fr.txt");
	assert_string_equal(wordings_pick(&w, "en")->id, "consent-11");
	assert_string_equal(wordings_pick(&w, "de")->id, "consent-11");
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
		cmocka_unit_test(the_newest_text_of_a_language_is_picked),
		cmocka_unit_test(what_cannot_be_shown_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
