/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Parsing of arguments. Pure: no environment, no global state (getopt keeps its place in globals
 * and could not serve the commands that `vitalectl open` reads line by line).
 */
#include "client/args.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/lang.h"

static const struct args_option *find_long(
	const struct args *a, const char *name, size_t len, size_t *ret_at)
{
	for (size_t i = 0; i < a->n_options; i++) {
		if (strlen(a->options[i].name) == len &&
			strncmp(a->options[i].name, name, len) == 0) {
			*ret_at = i;
			return &a->options[i];
		}
	}
	return NULL;
}

static const struct args_option *find_letter(const struct args *a, char letter, size_t *ret_at)
{
	for (size_t i = 0; i < a->n_options; i++) {
		if (a->options[i].letter != 0 && a->options[i].letter == letter) {
			*ret_at = i;
			return &a->options[i];
		}
	}
	return NULL;
}

/* One option at argv[*i]; *i is left at the last argument used. */
static int take_option(struct args *a, size_t argc, const char *const *argv, size_t *i)
{
	const char *arg = argv[*i];
	const char *equals = NULL;
	const struct args_option *o;
	size_t at = 0;

	a->bad = arg;
	if (arg[1] == '-') {
		equals = strchr(arg, '=');
		o = find_long(
			a, arg + 2, equals ? (size_t)(equals - arg) - 2 : strlen(arg + 2), &at);
	} else {
		o = arg[2] == '\0' ? find_letter(a, arg[1], &at) : NULL;
	}
	if (!o) {
		return ARGS_UNKNOWN;
	}
	if (a->values[at]) {
		return ARGS_TWICE;
	}
	if (!o->value) {
		a->values[at] = "";
		return equals ? ARGS_NOT_A_VALUE : 0;
	}
	if (equals) {
		a->values[at] = equals + 1;
		return 0;
	}
	if (*i + 1 >= argc) {
		return ARGS_NO_VALUE;
	}
	(*i)++;
	a->values[at] = argv[*i];
	return 0;
}

int args_parse(const struct args_option *options, size_t n_options, bool stop_at_word,
	size_t argc, const char *const *argv, struct args *ret)
{
	bool only_words = false;

	assert(n_options <= ARGS_OPTIONS_MAX);
	*ret = (struct args){.options = options, .n_options = n_options};
	for (size_t i = 0; i < argc; i++) {
		const char *arg = argv[i];

		if (!only_words && strcmp(arg, "--") == 0) {
			only_words = true;
			continue;
		}
		if (!only_words && arg[0] == '-' && arg[1] != '\0') {
			int r = take_option(ret, argc, argv, &i);

			if (r != 0) {
				return r;
			}
			continue;
		}
		if (ret->n_words == ARGS_WORDS_MAX) {
			ret->bad = arg;
			return ARGS_MANY;
		}
		ret->words[ret->n_words++] = arg;
		only_words = only_words || stop_at_word;
	}
	ret->bad = NULL;
	return 0;
}

const char *args_value(const struct args *a, const char *name)
{
	size_t at = 0;

	return find_long(a, name, strlen(name), &at) ? a->values[at] : NULL;
}

bool args_flag(const struct args *a, const char *name)
{
	return args_value(a, name) != NULL;
}

const char *args_explain(int outcome)
{
	switch ((enum args_outcome)outcome) {
	case ARGS_UNKNOWN:
		return _("there is no such option");
	case ARGS_NO_VALUE:
		return _("its value is missing");
	case ARGS_NOT_A_VALUE:
		return _("it takes no value");
	case ARGS_TWICE:
		return _("it was given twice");
	case ARGS_MANY:
		return _("there are too many arguments");
	}
	return "";
}

int args_u32(const char *text, uint32_t *ret)
{
	uint64_t value = 0;

	if (text[0] == '\0') {
		return ARGS_NO_VALUE;
	}
	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9') {
			return ARGS_NO_VALUE;
		}
		value = value * 10 + (uint64_t)(*c - '0');
		if (value > UINT32_MAX) {
			return ARGS_NO_VALUE;
		}
	}
	*ret = (uint32_t)value;
	return 0;
}

/* One word from @from, written without its quotes to @to; both move on. */
static int take_word(const char **from, char **to)
{
	char quote = 0;
	const char *c = *from;
	char *out = *to;

	for (; *c && (quote || !isspace((unsigned char)*c)); c++) {
		if (quote && *c == quote) {
			quote = 0;
		} else if (!quote && (*c == '\'' || *c == '"')) {
			quote = *c;
		} else if (*c == '\\' && quote != '\'' && c[1] != '\0') {
			c++;
			*out++ = *c;
		} else {
			*out++ = *c;
		}
	}
	*out++ = '\0';
	*from = c;
	*to = out;
	return quote ? LINE_QUOTE : 0;
}

int args_split(const char *text, struct line *ret)
{
	struct line l = {0};
	const char *from = text;
	char *to;
	int r = 0;

	/* a word takes at most its own characters and a NUL where the blank was */
	l.text = calloc(1, strlen(text) + 2);
	if (!l.text) {
		return fault(-ENOMEM);
	}
	to = l.text;
	while (r == 0) {
		while (isspace((unsigned char)*from)) {
			from++;
		}
		if (*from == '\0') {
			break;
		}
		if (l.n == ARGS_WORDS_MAX) {
			r = LINE_MANY;
			break;
		}
		l.words[l.n++] = to;
		r = take_word(&from, &to);
	}
	if (r != 0) {
		line_done(&l);
		return r;
	}
	*ret = l;
	return 0;
}

void line_done(struct line *l)
{
	if (l->text) {
		/* the words lie one behind the other; strlen() would stop at the first */
		for (size_t i = l->n; i > 0; i--) {
			char *word = l->text + (l->words[i - 1] - l->text);

			wipe(word, strlen(word));
		}
	}
	free(l->text);
	*l = (struct line){0};
}
