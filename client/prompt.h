/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Lines from a person or a driving program, read by read() byte by byte into a locked, wiped
 * buffer, so that nothing of a PIN stays in stdio and nothing typed for the next question is taken
 * with this one. On a terminal the echo is off while a secret is typed and always restored.
 */
#include <termios.h>

#include "base/secret.h"

#define PROMPT_MAX 4096U /* bytes of a line */

struct prompt {
	int fd;
	bool tty;
	bool keep;   /* what was typed ahead counts (commands, never answers) */
	bool silent; /* echo is off now */
	bool stale; /* what is there when the next answer is awaited was for another question */
	bool cut;   /* so is what is left of the line that was begun */
	struct termios was; /* the terminal as we found it */
	struct secret line;
};

enum prompt_outcome {
	PROMPT_MORE = 1, /* the line is not complete yet */
	PROMPT_END,	 /* end of file */
	PROMPT_LONG,	 /* the line did not fit; it was skipped up to its end */
};

/*
 * A question that is withdrawn may have been answered already, or half of it. On a terminal
 * prompt_begin() throws away what was typed before; of a pipe, a socket or a file it does so after
 * prompt_withdraw(), up to the end of the line that was begun.
 */
int prompt_init(struct prompt *p, int fd) _must_check_;
void prompt_done(struct prompt *p); /* restores the terminal, wipes */
/** prompt_begin() - a new answer is awaited; on a terminal what was typed before is thrown away,
 *  unless keep is set.
 *  @secret: switch the echo off. */
int prompt_begin(struct prompt *p, bool secret) _must_check_;
/** prompt_read() - when fd is readable. Return: 0 when line holds a line (no newline), a fault, or
 *  an outcome. */
int prompt_read(struct prompt *p) _must_check_;
void prompt_withdraw(struct prompt *p); /* before prompt_end(): nobody waits for this answer */
void prompt_end(struct prompt *p);	/* wipes the line, restores the echo */
/** prompt_text() - the line as NUL-terminated text, borrowed until prompt_end(). */
const char *prompt_text(const struct prompt *p);
