/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What t1.c says to dialogues: a line of standard input is one, a line of standard output is what t1.c
 * said to it. t1_model.py asks.
 *
 *   I IFSC CRC                   a card after its reset; no answer
 *   F IFSD EVENT...              t1_ifsd() and what came
 *   C COMMAND EVENT...           t1_begin() and what came
 *
 * EVENT is a block in hexadecimal, "-" (silence) or "!" (parity). The answer has each block, with "*N" behind
 * it when N times the waiting time is asked for, then how it ended, with the answer behind "done".
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "drivers/usb/t1.h"

static void say_hex(struct view v)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(2U * T1_ANSWER_MAX);

	hex_encode(&text, v);
	assert(buf_check(&text) == 0);
	(void)fwrite(text.data, 1, text.len, stdout);
}

/* Return: whether a further event may follow. */
static bool say(const struct t1 *t, int o, struct buf *out)
{
	static const char *const words[] = {
		[T1_DONE] = "done ",
		[T1_ABORTED] = "aborted",
		[T1_LOST] = "lost",
		[T1_DEAD] = "dead",
	};

	assert(o > 0);
	if (o == T1_SEND) {
		say_hex(buf_view(out));
		if (t->waiting > 1) {
			(void)printf("*%u", t->waiting);
		}
		(void)putchar(' ');
		buf_reset(out);
		return true;
	}
	assert(out->len == 0);
	(void)fputs(words[o], stdout);
	if (o == T1_DONE) {
		say_hex(buf_view(&t->answer));
	}
	return false;
}

static int next(struct t1 *t, const char *word, struct buf *out)
{
	_cleanup_(buf_done) struct buf block = BUF_NULL(2U * T1_BLOCK_MAX);

	if (strcmp(word, "-") == 0) {
		return t1_next(t, T1_SILENCE, VIEW_NULL, out);
	}
	if (strcmp(word, "!") == 0) {
		return t1_next(t, T1_PARITY, VIEW_NULL, out);
	}
	assert(hex_decode(&block, view_str(word)) == 0 && buf_check(&block) == 0);
	return t1_next(t, T1_BLOCK, buf_view(&block), out);
}

static uint8_t number(const char *word)
{
	unsigned n = 0;

	assert(word && sscanf(word, "%u", &n) == 1 && n <= UINT8_MAX);
	return (uint8_t)n;
}

static int begin(struct t1 *t, char kind, const char *word, struct buf *out)
{
	_cleanup_(buf_done) struct buf command = BUF_NULL(T1_COMMAND_MAX);

	if (kind == 'F') {
		return t1_ifsd(t, number(word), out);
	}
	assert(kind == 'C' && word && hex_decode(&command, view_str(word)) == 0);
	return t1_begin(t, buf_view(&command), out);
}

static void play(struct t1 *t, char *line)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(T1_BLOCK_MAX);
	char *rest = NULL;
	const char *kind = strtok_r(line, " \n", &rest);
	const char *word = strtok_r(NULL, " \n", &rest);
	bool open;

	assert(kind && word);
	if (kind[0] == 'I') {
		t1_done(t);
		t1_init(t, number(word), number(strtok_r(NULL, " \n", &rest)) != 0);
		return;
	}
	open = say(t, begin(t, kind[0], word, &out), &out);
	while ((word = strtok_r(NULL, " \n", &rest))) {
		if (!open) {
			(void)fputs(" too many", stdout);
			break;
		}
		open = say(t, next(t, word, &out), &out);
	}
	(void)putchar('\n');
}

int main(void)
{
	struct t1 t;
	char *line = NULL;
	size_t size = 0;

	t1_init(&t, 32, false);
	while (getline(&line, &size, stdin) >= 0) {
		play(&t, line);
	}
	free(line);
	t1_done(&t);
	return fflush(stdout) == 0 ? 0 : 1;
}
