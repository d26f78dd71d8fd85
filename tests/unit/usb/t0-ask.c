/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One exchange a line on standard input, what drivers/usb/t0.c says to it on standard output: for
 * t0_model.py, which knows T=0 from the standard alone.
 *
 *   LEVEL WHOLE COMMAND [BROUGHT ...]     c or b; t or a; hexadecimal, "-": nothing
 *   S EXPECT SENT ... then D ANSWER (done), X (broken), or W (still waiting when the line ends)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "drivers/usb/t0.h"

#define BYTES_MAX 1024U

/* The next word of @at, which it moves on; empty at the end. */
static struct view word(struct view *at)
{
	size_t n = 0;
	struct view found;

	while (n < at->len && at->data[n] != ' ' && at->data[n] != '\n') {
		n++;
	}
	found = view_sub(*at, 0, n);
	*at = view_sub(*at, n + 1, at->len);
	return found;
}

static bool is(struct view v, const char *text)
{
	return view_equal(v, view_str(text));
}

static bool bytes_of(struct view text, struct buf *b)
{
	buf_reset(b);
	return is(text, "-") || hex_decode(b, text) == 0;
}

/* Whether @r was a step that goes on. */
static bool tell(struct t0 *t, int r, struct buf *sent, struct buf *out)
{
	if (r == T0_SEND) {
		buf_printf(out, "S %zu ", t->expect);
		hex_encode(out, buf_view(sent));
		buf_put_str(out, sent->len > 0 ? " " : "- ");
		buf_reset(sent);
		return true;
	}
	if (r == T0_DONE) {
		buf_put_str(out, "D ");
		hex_encode(out, buf_view(&t->answer));
	} else {
		buf_put_str(out, r == T0_BROKEN ? "X" : "fault");
	}
	return false;
}

/* Whether the line was an exchange. */
static bool answer(struct t0 *t, struct view line, struct buf *out)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(BYTES_MAX), sent = BUF_NULL(BYTES_MAX);
	enum t0_level level = is(word(&line), "c") ? T0_CHARACTERS : T0_BLOCKS;
	enum t0_whole whole = is(word(&line), "t") ? T0_TPDU : T0_APDU;
	bool on;

	if (!bytes_of(word(&line), &bytes)) {
		return false;
	}
	t0_done(t);
	t0_init(t, level);
	on = tell(t, t0_begin(t, buf_view(&bytes), whole, &sent), &sent, out);
	while (on && line.len > 0) {
		if (!bytes_of(word(&line), &bytes)) {
			return false;
		}
		on = tell(t, t0_next(t, buf_view(&bytes), &sent), &sent, out);
	}
	buf_put_str(out, on ? "W\n" : "\n");
	return buf_check(out) == 0;
}

int main(void)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(1U << 20);
	struct t0 t;
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	bool good = true;

	t0_init(&t, T0_CHARACTERS);
	while (good && (n = getline(&line, &size, stdin)) >= 0) {
		buf_reset(&out);
		good = answer(&t, view_of(line, (size_t)n), &out) &&
		       fwrite(out.data, 1, out.len, stdout) == out.len;
	}
	t0_done(&t);
	free(line);
	return good && fflush(stdout) == 0 ? 0 : 1;
}
