/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Writing and reading of transcripts. A code never reaches a file; every line is flushed, so that a
 * test may read while the simulator runs.
 */
#include "drivers/sim/transcript.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"

#define LINE_MAX_CHARS 262144U

static bool carries_code(struct view command)
{
	struct reader r = reader_of(command);
	uint8_t ins;

	reader_u8(&r);
	ins = reader_u8(&r);
	return ins == 0x20 || ins == 0x24 || ins == 0x2C;
}

static void put_hex(FILE *to, struct view bytes, bool command)
{
	bool masked = command && carries_code(bytes);
	struct reader r = reader_of(bytes);

	for (size_t i = 0; r.left > 0; i++) {
		uint8_t b = reader_u8(&r);

		if (masked && i > 4)
			fputs("**", to);
		else
			fprintf(to, "%02x", b);
	}
}

void transcript_put(FILE *to, char kind, struct view bytes)
{
	fprintf(to, "%c ", kind);
	put_hex(to, bytes, kind == '>');
	fputc('\n', to);
	fflush(to);
}

void transcript_trace(
	FILE *to, unsigned slot, struct view command, struct view answer, size_t characters)
{
	fprintf(to, "{\"slot\": %u, \"c\": \"", slot);
	put_hex(to, command, true);
	fputs("\", \"r\": \"", to);
	put_hex(to, answer, false);
	fprintf(to, "\", \"ch\": %zu}\n", characters);
	fflush(to);
}

static int load_line(struct view line, struct atr *atr, bool *has_atr, struct buf *answers)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(65535);
	struct reader r = reader_of(line);
	uint8_t kind = reader_u8(&r), blank = reader_u8(&r);

	if (r.failed || blank != ' ')
		return TRANSCRIPT_INVALID;
	if (kind == '>')
		return 0;
	if (hex_decode(&bytes, reader_rest(&r)) || buf_check(&bytes))
		return TRANSCRIPT_INVALID;
	if (kind == '=') {
		if (!*has_atr && atr_parse(buf_view(&bytes), atr))
			return TRANSCRIPT_INVALID;
		*has_atr = true;
		return 0;
	}
	if (kind != '<')
		return TRANSCRIPT_INVALID;
	buf_put_u16(answers, (uint16_t)bytes.len);
	buf_put_view(answers, buf_view(&bytes));
	return trace(buf_check(answers));
}

int transcript_load(const char *path, struct atr *ret_atr, struct buf *answers)
{
	FILE *from = fopen(path, "re");
	bool has_atr = false;
	char *line = NULL;
	size_t size = 0;
	ssize_t n;
	int r = 0;

	if (!from)
		return errno == ENOENT ? TRANSCRIPT_ABSENT : fault(-errno);
	while (r == 0 && (n = getline(&line, &size, from)) > 0) {
		struct view v = view_of(line, (size_t)n);

		if (view_equal(view_last(v, 1), VIEW_TEXT("\n")))
			v.len--;
		r = v.len > LINE_MAX_CHARS ? TRANSCRIPT_INVALID
					   : load_line(v, ret_atr, &has_atr, answers);
	}
	free(line);
	fclose(from);
	if (r == 0 && !has_atr)
		return TRANSCRIPT_INVALID;
	return r;
}
