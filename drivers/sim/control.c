/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The control socket: one command a line, one answer line "ok ..." or "error ...". The table of
 * commands below is the documentation of their names and arguments; what they mean is in
 * README.md. Faults are in control-fault.c.
 */
#include "drivers/sim/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "drivers/sim/os-card.h"
#include "drivers/sim/reader-link.h"

enum {
	HANG_UP = 1,
};

bool control_number(const char *text, uint64_t *ret)
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

void control_error(const struct request *q, const char *what)
{
	buf_reset(q->out);
	buf_printf(q->out, "error %s", what);
}

void control_report(const struct request *q, int r)
{
	if (r == 0)
		buf_put_str(q->out, "ok");
	else if (r == SLOT_FULL)
		control_error(q, "a card is in");
	else if (r == SLOT_NO_CARD)
		control_error(q, "no card is in");
	else if (r == SLOT_ABSENT)
		control_error(q, "no such card or file");
	else if (r == SLOT_INVALID)
		control_error(q, "not a card or transcript of this program");
	else
		control_error(q, "failed");
}

bool control_on_off(const struct request *q, const char *word, bool *ret)
{
	bool on = strcmp(word, "on") == 0;

	if (!on && strcmp(word, "off") != 0) {
		control_error(q, "on or off");
		return false;
	}
	*ret = on;
	return true;
}

/* -- cards --------------------------------------------------------------------------------- */

static void run_insert(const struct request *q)
{
	control_report(q, slot_insert(q->slot, q->word[0]));
}

static void run_remove(const struct request *q)
{
	slot_remove(q->slot);
	control_report(q, 0);
}

static void run_replace(const struct request *q)
{
	slot_remove(q->slot);
	control_report(q, slot_insert(q->slot, q->word[0]));
}

static void run_swap(const struct request *q)
{
	static const char *const names[] = {"seen", "quiet", "live"};
	enum slot_swap how = SLOT_SWAP_SEEN;

	for (size_t i = 0; q->word[1] && i < ARRAY_LEN(names); i++)
		if (strcmp(q->word[1], names[i]) == 0)
			how = (enum slot_swap)i;
	if (q->word[1] && strcmp(q->word[1], names[how]) != 0) {
		control_error(q, "seen, quiet or live");
		return;
	}
	if (how != SLOT_SWAP_SEEN) /* what is under way is with a card that is gone */
		reader_port_cut(q->server, q->slot->index, READER_STATUS_MUTE);
	control_report(q, slot_swap(q->slot, q->word[0], how));
}

static void run_bounce(const struct request *q)
{
	uint64_t ms;

	if (control_number(q->word[0], &ms))
		control_report(q, slot_bounce(q->slot, ms * 1000));
	else
		control_error(q, "a number of milliseconds is needed");
}

static void run_record(const struct request *q)
{
	bool off = strcmp(q->word[0], "off") == 0;

	control_report(q, slot_record(q->slot, off ? NULL : q->word[0]));
}

static void run_replay(const struct request *q)
{
	control_report(q, slot_replay(q->slot, q->word[0]));
}

/* -- counters ------------------------------------------------------------------------------ */

static void run_count(const struct request *q)
{
	buf_printf(q->out, "ok %llu %llu %llu", (unsigned long long)q->slot->tpdus,
		(unsigned long long)q->slot->characters, (unsigned long long)q->slot->link_us);
}

static void run_count_reset(const struct request *q)
{
	q->slot->tpdus = q->slot->characters = q->slot->link_us = 0;
	control_report(q, 0);
}

static void run_counters(const struct request *q)
{
	const struct card *c = q->slot->card;

	if (!c || !profile_is_cps(c->state->profile)) {
		control_error(q, "no card with codes is in");
		return;
	}
	buf_printf(q->out, "ok pin %u puk %u %u", c->state->pin.tries, c->state->puk.tries,
		c->state->puk.uses);
}

static void run_list(const struct request *q)
{
	buf_put_str(q->out, "ok");
	for (size_t i = 0; i < q->server->n_slots; i++) {
		const struct slot *s = &q->server->slots[i];

		buf_printf(q->out, " %zu=%s", i, s->present ? s->name : "-");
	}
}

/* -- keypad -------------------------------------------------------------------------------- */

static void run_keypad_type(const struct request *q)
{
	for (size_t i = 1; i <= KEYPAD_CODES_MAX && q->word[i]; i++) {
		int r = keypad_type(&q->slot->keypad, q->word[i]);

		if (r) {
			control_error(q, r == KEYPAD_FULL ? "too many codes"
							  : "a code is 1 to 12 digits");
			return;
		}
	}
	control_report(q, reader_port_keys(q->server, q->slot->index));
}

static void run_keypad_answer(const struct request *q)
{
	struct keypad *k = &q->slot->keypad;

	if (strcmp(q->word[0], "cancel") == 0) {
		k->answer = KEYPAD_ANSWER_CANCEL;
	} else if (strcmp(q->word[0], "late") == 0) {
		k->answer = KEYPAD_ANSWER_LATE;
	} else if (strcmp(q->word[0], "wait") == 0) { /* as long as bTimerOut lasts */
		wipe(k->codes, sizeof(k->codes));
		k->typed = 0;
		k->answer = KEYPAD_ANSWER_NONE;
	} else {
		control_error(q, "type, cancel, late or wait");
		return;
	}
	control_report(q, reader_port_keys(q->server, q->slot->index));
}

static void run_keypad(const struct request *q)
{
	const struct keypad *k = &q->slot->keypad;

	if (!k->fitted)
		control_error(q, "no keypad");
	else if (!q->word[0] && !k->asking)
		buf_put_str(q->out, "ok idle");
	else if (!q->word[0])
		buf_printf(q->out, "ok asking %s %u", k->entry.modify ? "modify" : "verify",
			keypad_missing(k));
	else if (strcmp(q->word[0], "type") == 0 && q->word[1])
		run_keypad_type(q);
	else
		run_keypad_answer(q);
}

/* -- readers ------------------------------------------------------------------------------- */

static void run_readers(const struct request *q)
{
	buf_put_str(q->out, "ok");
	for (unsigned i = 0; i < q->server->n_readers; i++) {
		const struct server_reader *r = &q->server->readers[i];

		buf_printf(q->out, " %u=%u:%u:%s", i, r->device, r->slots,
			r->plugged ? "plugged" : "unplugged");
	}
}

static void run_unplug(const struct request *q)
{
	uint64_t n = 0;

	if (q->word[0] && (!control_number(q->word[0], &n) || n == 0)) {
		control_error(q, "a number of commands is needed");
		return;
	}
	if (n > 0)
		q->server->readers[q->reader].unplug = (unsigned)n;
	else
		readers_set(q->server, q->reader, false);
	control_report(q, 0);
}

static void run_plug(const struct request *q)
{
	readers_set(q->server, q->reader, true);
	control_report(q, 0);
}

static void run_blocking(const struct request *q)
{
	if (control_on_off(q, q->word[0], &q->server->readers[q->reader].blocking))
		control_report(q, 0);
}

static void run_follow(const struct request *q)
{
	if (q->word[0] && strcmp(q->word[0], "cards") != 0) {
		control_error(q, "cards, or nothing");
		return;
	}
	q->peer->follows = q->word[0] ? SERVER_FOLLOW_CARDS : SERVER_FOLLOW_READERS;
	run_readers(q);
}

void control_follow(struct server *s, enum server_follow what, const char *line)
{
	for (size_t i = 0; i < SERVER_PEERS_MAX; i++) {
		const struct server_peer *p = &s->peers[i];

		if (p->kind == SERVER_PEER_CONTROL && p->follows == what &&
			send(p->fd, line, strlen(line), MSG_NOSIGNAL) < 0)
			shutdown(p->fd, SHUT_RDWR);
	}
}

void control_follow_card(struct server *s, const struct slot *slot)
{
	char line[STATE_NAME + 64];

	(void)snprintf(line, sizeof(line), "%s %u %s %llu\n", slot->present ? "in" : "out",
		slot->index, slot->present ? slot->name : "-",
		(unsigned long long)clock_monotonic());
	control_follow(s, SERVER_FOLLOW_CARDS, line);
}

static void run_quit(const struct request *q)
{
	q->server->quit = true;
	control_report(q, 0);
}

/* -- the table ----------------------------------------------------------------------------- */

enum subject {
	NOTHING,
	A_SLOT,	  /* the first word is a slot */
	A_READER, /* the first word is a reader */
};

static void run_help(const struct request *q);

static const struct {
	const char *name;
	enum subject subject;
	unsigned words, optional; /* after the slot or reader */
	void (*run)(const struct request *q);
	const char *usage;
} commands[] = {
	{"insert", A_SLOT, 1, 0, run_insert, "insert SLOT NAME"},
	{"remove", A_SLOT, 0, 0, run_remove, "remove SLOT"},
	{"replace", A_SLOT, 1, 0, run_replace, "replace SLOT NAME"},
	{"swap", A_SLOT, 1, 1, run_swap, "swap SLOT NAME [seen|quiet|live]"},
	{"bounce", A_SLOT, 1, 0, run_bounce, "bounce SLOT MS"},
	{"upside-down", A_SLOT, 1, 0, fault_upside_down, "upside-down SLOT NAME"},
	{"tear", A_SLOT, 1, 0, fault_tear, "tear SLOT N"},
	{"tear-insert", A_SLOT, 2, 1, fault_tear, "tear-insert SLOT N NAME [MS]"},
	{"mute", A_SLOT, 1, 0, fault_mute, "mute SLOT on|off"},
	{"mute-atr", A_SLOT, 1, 0, fault_mute_atr, "mute-atr SLOT on|off"},
	{"glitch", A_SLOT, 1, 0, fault_glitch, "glitch SLOT N|off"},
	{"hang", A_SLOT, 1, 0, fault_hang, "hang SLOT on|off"},
	{"wtx", A_SLOT, 1, 0, fault_wtx, "wtx SLOT on|off"},
	{"stuck", A_SLOT, 1, 0, fault_stuck, "stuck SLOT SECONDS|off"},
	{"delay", A_SLOT, 1, 0, fault_delay, "delay SLOT MS"},
	{"yes", A_SLOT, 1, 0, fault_yes, "yes SLOT on|off"},
	{"loop61", A_SLOT, 0, 1, fault_loop61, "loop61 SLOT [on|off]"},
	{"loop6c", A_SLOT, 0, 1, fault_loop6c, "loop6c SLOT [on|off]"},
	{"procedure", A_SLOT, 1, 0, fault_procedure, "procedure SLOT one|sw1|empty|off"},
	{"truncate", A_SLOT, 1, 0, fault_truncate, "truncate SLOT N|off"},
	{"overlong", A_SLOT, 1, 0, fault_overlong, "overlong SLOT N|off"},
	{"garbage", A_SLOT, 1, 0, fault_garbage, "garbage SLOT SEED|off"},
	{"flip", A_SLOT, 1, 1, fault_flip, "flip SLOT N|off [BIT]"},
	{"normal", A_SLOT, 0, 0, fault_normal, "normal SLOT"},
	{"faults", A_SLOT, 0, 0, fault_list, "faults SLOT"},
	{"keypad", A_SLOT, 0, 4, run_keypad,
		"keypad SLOT [type CODE [CODE [CODE]]|cancel|late|wait]"},
	{"record", A_SLOT, 1, 0, run_record, "record SLOT FILE|off"},
	{"replay", A_SLOT, 1, 0, run_replay, "replay SLOT FILE"},
	{"count", A_SLOT, 0, 0, run_count, "count SLOT"},
	{"count-reset", A_SLOT, 0, 0, run_count_reset, "count-reset SLOT"},
	{"counters", A_SLOT, 0, 0, run_counters, "counters SLOT"},
	{"unplug", A_READER, 0, 1, run_unplug, "unplug READER [N]"},
	{"plug", A_READER, 0, 0, run_plug, "plug READER"},
	{"blocking", A_READER, 1, 0, run_blocking, "blocking READER on|off"},
	{"readers", NOTHING, 0, 0, run_readers, "readers"},
	{"follow", NOTHING, 0, 1, run_follow, "follow [cards]"},
	{"list", NOTHING, 0, 0, run_list, "list"},
	{"help", NOTHING, 0, 0, run_help, "help"},
	{"quit", NOTHING, 0, 0, run_quit, "quit"},
};

static void run_help(const struct request *q)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		buf_printf(q->out, "%s %s", i == 0 ? "ok" : ";", commands[i].usage);
}

void control_usage(FILE *to, const char *indent)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		fprintf(to, "%s%s\n", indent, commands[i].usage);
}

/* Words of @line into @q. Return: how many, or REQUEST_WORDS + 3 when there are more. */
static unsigned split(char *line, const char **ret_words)
{
	unsigned n = 0;
	char *save = NULL;

	for (char *w = strtok_r(line, " \t\r", &save); w; w = strtok_r(NULL, " \t\r", &save)) {
		if (n == REQUEST_WORDS + 2)
			return REQUEST_WORDS + 3;
		ret_words[n++] = w;
	}
	return n;
}

/* The slot or reader that the first word names. Return: whether there is such a one. */
static bool take_subject(struct request *q, enum subject subject, const char *word)
{
	uint64_t n = 0;

	switch (subject) {
	case NOTHING:
		return true;
	case A_SLOT:
		if (!word || !control_number(word, &n) || n >= q->server->n_slots)
			return false;
		q->slot = &q->server->slots[n];
		return true;
	case A_READER:
		if (!word || !control_number(word, &n) || n >= q->server->n_readers)
			return false;
		q->reader = (unsigned)n;
		return true;
	}
	return false;
}

static void run_line(struct server *s, struct server_peer *p, char *line, struct buf *out)
{
	struct request q = {.server = s, .peer = p, .out = out};
	const char *words[REQUEST_WORDS + 3] = {0};
	unsigned n = split(line, words), first;

	for (size_t i = 0; n > 0 && i < ARRAY_LEN(commands); i++) {
		if (strcmp(words[0], commands[i].name) != 0)
			continue;
		first = commands[i].subject == NOTHING ? 1 : 2;
		if (n < first + commands[i].words ||
			n > first + commands[i].words + commands[i].optional ||
			!take_subject(&q, commands[i].subject, words[1])) {
			buf_printf(out, "error usage: %s", commands[i].usage);
			return;
		}
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
		run_line(s, p, text, &out);
	wipe(text, sizeof(text)); /* codes may be in it */
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
	wipe(bytes, sizeof(bytes));
	if (buf_check(&p->line))
		return HANG_UP;
	return answer_lines(s, p);
}
