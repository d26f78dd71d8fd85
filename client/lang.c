/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Choice of the language. gettext looks a catalogue up only when setlocale() succeeded with
 * something else than "C"; a machine without generated locales is given C.UTF-8 and LANGUAGE, which
 * has the same effect on messages and on nothing else.
 */
#include "client/lang.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* LC_ALL, LC_MESSAGES, LANG: the order of POSIX.1-2017 §8.2 */
static const char *wanted(void)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = getenv(names[i]);

		if (value && value[0] != '\0') {
			return value;
		}
	}
	return "C";
}

static bool is_plain(const char *locale)
{
	return strcmp(locale, "C") == 0 || strcmp(locale, "POSIX") == 0 ||
	       strncmp(locale, "C.", 2) == 0;
}

void lang_setup(void)
{
	const char *folder = getenv("VITALED_LOCALEDIR");
	const char *locale = wanted();

	if (!setlocale(LC_ALL, "") && !is_plain(locale) && setlocale(LC_ALL, "C.UTF-8")) {
		(void)setenv("LANGUAGE", locale, 0);
	}
	/* numbers in what we print are for programs too */
	(void)setlocale(LC_NUMERIC, "C");
	(void)bindtextdomain("vitaled", folder && folder[0] ? folder : VITALED_LOCALEDIR);
	(void)bind_textdomain_codeset("vitaled", "UTF-8");
	(void)textdomain("vitaled");
}

bool lang_yes(const char *answer)
{
	static const char *const words[] = {"o", "oui", "y", "yes"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcasecmp(answer, words[i]) == 0) {
			return true;
		}
	}
	return false;
}

bool lang_no(const char *answer)
{
	static const char *const words[] = {"n", "non", "no"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcasecmp(answer, words[i]) == 0) {
			return true;
		}
	}
	return false;
}
