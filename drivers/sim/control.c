/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The control socket: one command a line, one answer line "ok ..." or "error ...". The table of
 * commands below is the documentation of their names and arguments; man page: vitale-sim(1).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "drivers/sim/os-card.h"
#include "drivers/sim/server.h"

enum {
	HANG_UP = 1,
	WORDS_MAX = 4,
};

/** struct request - a command with its words; the first is the slot where there is one. */
struct request {
	struct server *server;
	struct slot *slot;
	const char *word[WORDS_MAX];
	struct buf *out;
};

/* Decimal, at most 9 digits. */
static bool number(const char *text, uint64_t *ret)
{
	uint64_t n = 0;
	size_t len = strlen(text);

	if (len == 0 || len > 9)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (uint64_t)(*text - '0');
	}
	*ret = n;
	return true;
}

static void error(const struct request *q, const char *what)
{
	buf_reset(q->out);
	buf_printf(q->out, "error %s", what);
}

static void report(const struct request *q, int r)
{
	if (r == 0)
		buf_put_str(q->out, "ok");
	else if (r == SLOT_FULL)
		error(q, "a card is in");
	else if (r == SLOT_ABSENT)
		error(q, "no such card or file");
	else if (r == SLOT_INVALID)
		error(q, "not a card or transcript of this program");
	else
		error(q, "failed");
}

static void run_insert(const struct request *q)
{
	report(q, slot_insert(q->slot, q->word[0]));
}

static void run_remove(const struct request *q)
{
	slot_remove(q->slot);
	report(q, 0);
}

static void run_replace(const struct request *q)
{
	slot_remove(q->slot);
	report(q, slot_insert(q->slot, q->word[0]));
}

static void run_tear(const struct request *q)
{
	uint64_t n;

	if (!number(q->word[0], &n) || n == 0) {
		error(q, "a number of commands is needed");
		return;
	}
	if (q->word[1] && !state_name_ok(q->word[1])) {
		error(q, "no such card or file");
		return;
	}
	q->slot->faults.tear = (unsigned)n;
	(void)snprintf(q->slot->faults.tear_insert, sizeof(q->slot->faults.tear_insert), "%s",
		q->word[1] ? q->word[1] : "");
	report(q, 0);
}

static void run_flag(const struct request *q, bool *flag)
{
	bool on = strcmp(q->word[0], "on") == 0;

	if (!on && strcmp(q->word[0], "off") != 0) {
		error(q, "on or off");
		return;
	}
	*flag = on;
	report(q, 0);
}

static void run_mute(const struct request *q)
{
	run_flag(q, &q->slot->faults.mute);
}

static void run_mute_atr(const struct request *q)
{
	run_flag(q, &q->slot->faults.mute_atr);
}

static void run_hang(const struct request *q)
{
	run_flag(q, &q->slot->faults.hang);
	if (!q->slot->faults.hang)
		reader_port_release(q->server, q->slot->index);
}

static void run_yes(const struct request *q)
{
	run_flag(q, &q->slot->faults.yes);
}

static void run_loop61(const struct request *q)
{
	if (!q->word[0])
		q->slot->faults.loop61 = true;
	else
		run_flag(q, &q->slot->faults.loop61);
	if (q->out->len == 0)
		report(q, 0);
}

static void run_record(const struct request *q)
{
	bool off = strcmp(q->word[0], "off") == 0;

	report(q, slot_record(q->slot, off ? NULL : q->word[0]));
}

static void run_replay(const struct request *q)
{
	report(q, slot_replay(q->slot, q->word[0]));
}

/* A number of bytes, or off. */
static void run_truncate(const struct request *q)
{
	bool off = strcmp(q->word[0], "off") == 0;
	uint64_t n = 0;

	if (!off && !number(q->word[0], &n)) {
		error(q, "a number of bytes is needed, or off");
		return;
	}
	q->slot->faults.truncates = !off;
	q->slot->faults.truncate = n;
	report(q, 0);
}

static void run_overlong(const struct request *q)
{
	uint64_t n = 0;

	if (strcmp(q->word[0], "off") != 0 && (!number(q->word[0], &n) || n > 65000)) {
		error(q, "a number of bytes up to 65000 is needed, or off");
		return;
	}
	q->slot->faults.overlong = n;
	report(q, 0);
}

static void run_delay(const struct request *q)
{
	uint64_t n;

	if (!number(q->word[0], &n)) {
		error(q, "a number of milliseconds is needed");
		return;
	}
	q->slot->faults.delay_us = n * 1000;
	report(q, 0);
}

static void run_normal(const struct request *q)
{
	q->slot->faults = (struct slot_faults){0};
	reader_port_release(q->server, q->slot->index);
	report(q, 0);
}

static void run_count(const struct request *q)
{
	buf_printf(q->out, "ok %llu %llu", (unsigned long long)q->slot->tpdus,
		(unsigned long long)q->slot->characters);
}

static void run_count_reset(const struct request *q)
{
	q->slot->tpdus = q->slot->characters = 0;
	report(q, 0);
}

static void run_counters(const struct request *q)
{
	const struct card *c = q->slot->card;

	if (!c || !profile_is_cps(c->state->profile)) {
		error(q, "no card with codes is in");
		return;
	}
	buf_printf(q->out, "ok pin %u puk %u %u", c->state->pin.tries, c->state->puk.tries,
		c->state->puk.uses);
}

static void run_list(const struct request *q)
{
	buf_put_str(q->out, "ok");
	for (size_t i = 0; i < SLOT_COUNT; i++) {
		const struct slot *s = &q->server->slots[i];

		buf_printf(q->out, " %zu=%s", i, s->present ? s->name : "-");
	}
}

static void run_quit(const struct request *q)
{
	q->server->quit = true;
	report(q, 0);
}

static const struct {
	const char *name;
	bool slot;		  /* the first word is a slot: 0 or 1 */
	unsigned words, optional; /* after the slot */
	void (*run)(const struct request *q);
	const char *usage;
} commands[] = {
	{"insert", true, 1, 0, run_insert, "insert SLOT NAME"},
	{"remove", true, 0, 0, run_remove, "remove SLOT"},
	{"replace", true, 1, 0, run_replace, "replace SLOT NAME"},
	{"tear", true, 1, 0, run_tear, "tear SLOT N"},
	{"tear-insert", true, 2, 0, run_tear, "tear-insert SLOT N NAME"},
	{"mute", true, 1, 0, run_mute, "mute SLOT on|off"},
	{"mute-atr", true, 1, 0, run_mute_atr, "mute-atr SLOT on|off"},
	{"hang", true, 1, 0, run_hang, "hang SLOT on|off"},
	{"yes", true, 1, 0, run_yes, "yes SLOT on|off"},
	{"loop61", true, 0, 1, run_loop61, "loop61 SLOT [on|off]"},
	{"record", true, 1, 0, run_record, "record SLOT FILE|off"},
	{"replay", true, 1, 0, run_replay, "replay SLOT FILE"},
	{"truncate", true, 1, 0, run_truncate, "truncate SLOT N|off"},
	{"overlong", true, 1, 0, run_overlong, "overlong SLOT N|off"},
	{"delay", true, 1, 0, run_delay, "delay SLOT MS"},
	{"normal", true, 0, 0, run_normal, "normal SLOT"},
	{"count", true, 0, 0, run_count, "count SLOT"},
	{"count-reset", true, 0, 0, run_count_reset, "count-reset SLOT"},
	{"counters", true, 0, 0, run_counters, "counters SLOT"},
	{"list", false, 0, 0, run_list, "list"},
	{"quit", false, 0, 0, run_quit, "quit"},
};

/* Words of @line into @q. Return: how many, or WORDS_MAX + 1 when there are more. */
static unsigned split(char *line, const char **ret_words)
{
	unsigned n = 0;
	char *save = NULL;

	for (char *w = strtok_r(line, " \t\r", &save); w; w = strtok_r(NULL, " \t\r", &save)) {
		if (n == WORDS_MAX)
			return WORDS_MAX + 1;
		ret_words[n++] = w;
	}
	return n;
}

void control_run(struct server *s, char *line, struct buf *out)
{
	struct request q = {.server = s, .out = out};
	const char *words[WORDS_MAX] = {0};
	unsigned n = split(line, words), first;
	uint64_t slot = 0;

	for (size_t i = 0; n > 0 && i < ARRAY_LEN(commands); i++) {
		if (strcmp(words[0], commands[i].name) != 0)
			continue;
		first = commands[i].slot ? 2 : 1;
		if (n < first + commands[i].words ||
			n > first + commands[i].words + commands[i].optional ||
			(commands[i].slot &&
				(!number(words[1], &slot) || slot >= SLOT_COUNT))) {
			buf_printf(out, "error usage: %s", commands[i].usage);
			return;
		}
		q.slot = &s->slots[slot];
		for (unsigned w = first; w < n; w++)
			q.word[w - first] = words[w];
		commands[i].run(&q);
		return;
	}
	buf_put_str(out, "error unknown command");
}

static int answer_line(struct server *s, struct server_peer *p, struct view line)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(SERVER_LINE_MAX);
	char text[SERVER_LINE_MAX / 4];

	if (view_copy_str(line, text, sizeof(text)))
		buf_put_str(&out, "error too long");
	else
		control_run(s, text, &out);
	buf_put_u8(&out, '\n');
	if (buf_check(&out))
		return HANG_UP;
	return send(p->fd, out.data, out.len, MSG_NOSIGNAL) == (ssize_t)out.len ? 0 : HANG_UP;
}

/* Every complete line is answered; the beginning of the next one stays. */
static int answer_lines(struct server *s, struct server_peer *p)
{
	_cleanup_(buf_done) struct buf rest = BUF_NULL(SERVER_LINE_MAX);
	struct view left = buf_view(&p->line);
	const uint8_t *end;
	int r = 0;

	while (r == 0 && left.len > 0 && (end = memchr(left.data, '\n', left.len))) {
		size_t len = (size_t)(end - left.data);

		r = answer_line(s, p, view_sub(left, 0, len));
		left = view_sub(left, len + 1, left.len);
	}
	buf_put_view(&rest, left);
	buf_reset(&p->line);
	buf_put_view(&p->line, buf_view(&rest));
	return r;
}

int control_receive(struct server *s, struct server_peer *p)
{
	char bytes[512];
	ssize_t n = recv(p->fd, bytes, sizeof(bytes), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return HANG_UP;
	buf_put(&p->line, bytes, (size_t)n);
	if (buf_check(&p->line))
		return HANG_UP;
	return answer_lines(s, p);
}
