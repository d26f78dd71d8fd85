/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Arguments of a command: options "--name value", "--name=value", "-x value", flags "--name", and
 * the rest in order; "--" ends the options. A line of text is cut into such arguments by
 * args_split(). Everything is borrowed from what was given.
 */
#include "base/buf.h"

#define ARGS_OPTIONS_MAX 16U
#define ARGS_WORDS_MAX	 64U

struct args_option {
	const char *name;  /* without the dashes */
	char letter;	   /* or 0 */
	const char *value; /* placeholder of its value, e.g. "FILE"; NULL: a flag */
};

struct args {
	const struct args_option *options;
	size_t n_options;
	const char *values[ARGS_OPTIONS_MAX]; /* by option; a given flag is "" */
	const char *words[ARGS_WORDS_MAX];    /* the rest */
	size_t n_words;
	const char *bad; /* the argument that was refused */
};

enum args_outcome {
	ARGS_UNKNOWN = 1, /* no such option */
	ARGS_NO_VALUE,	  /* its value is missing */
	ARGS_NOT_A_VALUE, /* a flag was given one */
	ARGS_TWICE,	  /* given more than once */
	ARGS_MANY,	  /* more words than fit */
};

/**
 * args_parse() - sort @argv into options and words
 * @options:   borrowed by @ret
 * @stop_at_word: the options end at the first word (for commands with commands behind them)
 * @ret:       always filled as far as it came; bad is set on an outcome
 *
 * Return: 0 or an outcome.
 */
int args_parse(const struct args_option *options, size_t n_options, bool stop_at_word,
	size_t argc, const char *const *argv, struct args *ret) _must_check_;
/** args_value() - of option @name, NULL when it was not given ("" for a flag). */
const char *args_value(const struct args *a, const char *name);
bool args_flag(const struct args *a, const char *name);
/** args_explain() - one translated sentence for @outcome; static storage or catalogue. */
const char *args_explain(int outcome);

/** struct line - a text cut into words, which lie in @text. */
struct line {
	char *text;
	const char *words[ARGS_WORDS_MAX];
	size_t n;
};

enum line_outcome {
	LINE_QUOTE = 1, /* a quote does not end */
	LINE_MANY,	/* too many words */
};

/**
 * args_split() - cut a command line as a shell does: blanks, 'x', "x", and \x
 * @ret: the caller ends it with line_done(). Return: 0, a fault, or an outcome of line_outcome.
 */
int args_split(const char *text, struct line *ret) _must_check_;
void line_done(struct line *l); /* wipes */

/** args_u32() - decimal number. Return: 0 or ARGS_NO_VALUE. */
int args_u32(const char *text, uint32_t *ret) _must_check_;
