/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The commands of vitale-sim's control socket, as text. A line is for the control socket, save
 *
 *   > N hex     a datagram of the reader peer N         + N    N milliseconds squared go by
 *   * N         N comes (again) as a reader             - N    N hangs up
 *   < anything  for the second control peer             = text what a file to replay has
 *
 * What must hold: every answer line is "ok", "error", "plug" or "unplug".
 */
#include <assert.h>
#include <string.h>

#include "base/hex.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/sim-scene.h"
#include "tests/fuzz/sim-world.h"

#define CONTROL 6U /* places of the peers */
#define SECOND	7U
#define BEGUN	8U /* peers that are there from the start */
#define LINE	512U

static struct reader script;
static unsigned begun;
static bool line_begins[WORLD_PEERS];
static uint8_t said[LINE];

static struct view next_line(void)
{
	const uint8_t *end = script.left > 0 ? memchr(script.data, '\n', script.left) : NULL;
	size_t len = end ? (size_t)(end - script.data) + 1 : script.left;

	return reader_take(&script, len);
}

static struct view say_bytes(struct view v)
{
	size_t n = v.len < LINE ? v.len : LINE;

	bytes_copy(said, LINE, v.data, n);
	return view_of(said, n);
}

static struct view say_hex(struct view text)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(LINE);

	while (text.len > 0 && (view_last(text, 1).data[0] == '\n')) {
		text.len--;
	}
	return hex_decode(&bytes, text) == 0 && buf_check(&bytes) == 0
		       ? say_bytes(buf_view(&bytes))
		       : say_bytes(text);
}

/* A line that is none of the control socket. */
static struct world_step other(uint8_t kind, struct reader rest)
{
	struct world_step s = {.op = WORLD_WAIT, .arg = 0};

	(void)reader_u8(&rest);
	s.arg = (uint8_t)(reader_u8(&rest) - '0');
	switch (kind) {
	case '>':
		s.op = WORLD_SAY;
		s.arg %= CONTROL;
		(void)reader_u8(&rest);
		s.bytes = say_hex(reader_rest(&rest));
		break;
	case '+':
		s.arg = (uint8_t)(s.arg * 10);
		break;
	case '*':
		s.op = WORLD_READER;
		break;
	case '-':
		s.op = WORLD_LEAVE;
		break;
	case '=':
		files_put("file", reader_rest(&rest), false);
		break;
	}
	return s;
}

bool world_next(struct world_step *ret)
{
	struct view line;
	struct reader r;
	uint8_t kind;

	if (begun < BEGUN) {
		*ret = (struct world_step){.op = begun < CONTROL ? WORLD_READER : WORLD_CONTROL,
			.arg = (uint8_t)begun};
		begun++;
		return true;
	}
	line = next_line();
	r = reader_of(line);
	kind = reader_u8(&r);
	if (line.len == 0) {
		return false;
	}
	if (strchr(">+*-=", kind)) {
		*ret = other(kind, r);
	} else {
		*ret = (struct world_step){.op = WORLD_SAY,
			.arg = kind == '<' ? SECOND : CONTROL,
			.bytes = say_bytes(kind == '<' ? reader_rest(&r) : line)};
	}
	return true;
}

void world_heard(unsigned peer, bool control, struct view bytes)
{
	struct reader r = reader_of(bytes);

	while (control && r.left > 0) {
		uint8_t c = reader_u8(&r);

		assert(!line_begins[peer] || c == 'o' || c == 'e' || c == 'p' || c == 'u');
		line_begins[peer] = c == '\n';
	}
}

void target_run(struct view in)
{
	struct server_options o = {.readers = "2,1+1", .keypads = 1};
	const char *const cards[] = {"cps3-gp", "vitale-family"};

	script = reader_of(in);
	begun = 0;
	for (size_t i = 0; i < WORLD_PEERS; i++) {
		line_begins[i] = true;
	}
	world_run(o, cards, ARRAY_LEN(cards));
}
