/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Cards that are not there: a dialogue replayed from text (reader.h draws the grammar), or answers
 * taken from bytes whatever was asked. Both own a copy of the text, or borrow the bytes. Used by
 * the unit tests and the fuzzers; linked into no program.
 */
#include "drivers/reader/script.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ANY	    0x100U  /* "??" in a command */
#define BYTES_MAX   300U    /* of one line */
#define TEXT_MAX    262144U /* of one dialogue */
#define LONG_ANSWER 0xFFU

enum line_kind {
	LINE_NONE, /* a comment, or the end */
	LINE_ATR,
	LINE_PROTOCOL,
	LINE_COMMAND,
	LINE_ANSWER,
	LINE_OUTCOME,
	LINE_PINPAD,
	LINE_KEYS,
	LINE_STATUS,
	LINE_LOCK,
	LINE_RESET,
	LINE_GONE_ON_RESET,
	LINE_BAD,
};

struct line {
	enum line_kind kind;
	uint16_t bytes[BYTES_MAX];
	size_t n;
	int outcome;
};

struct script {
	struct transport base;
	struct reader text;    /* dialogue: what is left of the text */
	struct reader answers; /* bytes: what is left of them */
	char *owned;	       /* dialogue: the text */
	bool failed;
	int closed;
};

static struct script *of(struct transport *t)
{
	return (struct script *)(void *)t; /* base is the first member */
}

static const struct script *of_const(const struct transport *t)
{
	return (const struct script *)(const void *)t;
}

/* -- the text ----------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int outcome;
} outcomes[] = {
	{"gone", TRANSPORT_GONE},
	{"mute", TRANSPORT_MUTE},
	{"busy", TRANSPORT_BUSY},
	{"no-service", TRANSPORT_NO_SERVICE},
	{"no-reader", TRANSPORT_NO_READER},
	{"broken", TRANSPORT_BROKEN},
	{"cancelled", TRANSPORT_CANCELLED},
	{"late", TRANSPORT_LATE},
	{"refused", TRANSPORT_REFUSED},
	{"no-pinpad", TRANSPORT_NO_PINPAD},
	{"touched", TRANSPORT_TOUCHED},
	{"failed", TRANSPORT_FAILED},
	{"lied", TRANSPORT_LIED},
	{"fault", -EIO},
};

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (uint8_t)toupper(c);
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static struct view next_line(struct reader *text)
{
	struct reader ahead = *text;
	size_t len = 0;

	while (ahead.left > 0 && reader_u8(&ahead) != '\n') {
		len++;
	}
	struct view line = reader_take(text, len);

	if (text->left > 0) {
		(void)reader_u8(text);
	}
	return line;
}

/* The word that @r begins with, in lower case. */
static void word(struct reader *r, char *to, size_t size)
{
	size_t n = 0;

	while (r->left > 0) {
		uint8_t c = reader_u8(r);

		if (isspace(c)) {
			break;
		}
		if (n + 1 < size) {
			to[n++] = (char)tolower(c);
		}
	}
	to[n] = '\0';
}

/* Pairs of digits or "??" up to the end of the line or a comment. */
static bool hex_bytes(struct reader *r, struct line *l)
{
	while (r->left > 0) {
		uint8_t c = reader_u8(r);
		uint8_t d;

		if (isspace(c)) {
			continue;
		}
		if (c == '#') {
			return true;
		}
		d = reader_u8(r);
		if (l->n == BYTES_MAX) {
			return false;
		}
		if (c == '?' && d == '?') {
			l->bytes[l->n++] = ANY;
		} else if (digit(c) >= 0 && digit(d) >= 0) {
			l->bytes[l->n++] = (uint16_t)(digit(c) * 16 + digit(d));
		} else {
			return false;
		}
	}
	return true;
}

static bool outcome_word(struct reader *r, struct line *l)
{
	char name[16];

	word(r, name, sizeof(name));
	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
		if (strcmp(outcomes[i].name, name) == 0) {
			l->outcome = outcomes[i].outcome;
			return true;
		}
	}
	return false;
}

/* Words up to the end of the line. */
static bool pinpad_words(struct reader *r, struct line *l)
{
	unsigned can = 0;
	char name[16];

	while (r->left > 0) {
		word(r, name, sizeof(name));
		if (strcmp(name, "verify") == 0) {
			can |= TRANSPORT_PINPAD_VERIFY;
		} else if (strcmp(name, "modify") == 0) {
			can |= TRANSPORT_PINPAD_MODIFY;
		} else {
			return false;
		}
	}
	l->outcome = (int)can;
	return true;
}

static bool protocol_word(struct reader *r, struct line *l)
{
	char name[16];

	word(r, name, sizeof(name));
	l->outcome = name[0] == '1';
	return strcmp(name, "0") == 0 || strcmp(name, "1") == 0;
}

static enum line_kind kind_of(const char *name)
{
	static const struct {
		const char *name;
		enum line_kind kind;
	} kinds[] = {
		{"atr", LINE_ATR},
		{"protocol", LINE_PROTOCOL},
		{">", LINE_COMMAND},
		{"<", LINE_ANSWER},
		{"!", LINE_OUTCOME},
		{"pinpad", LINE_PINPAD},
		{"keys", LINE_KEYS},
		{"status", LINE_STATUS},
		{"lock", LINE_LOCK},
		{"reset", LINE_RESET},
		{"gone-on-reset", LINE_GONE_ON_RESET},
		{"", LINE_NONE},
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].name, name) == 0) {
			return kinds[i].kind;
		}
	}
	return name[0] == '#' ? LINE_NONE : LINE_BAD;
}

static struct line parse_line(struct view text)
{
	struct line l = {.kind = LINE_BAD};
	struct reader r = reader_of(text);
	char name[16];
	bool good = true;

	word(&r, name, sizeof(name));
	l.kind = kind_of(name);
	switch (l.kind) {
	case LINE_ATR:
	case LINE_COMMAND:
	case LINE_ANSWER:
	case LINE_KEYS:
		good = hex_bytes(&r, &l);
		break;
	case LINE_PINPAD:
		good = pinpad_words(&r, &l);
		break;
	case LINE_PROTOCOL:
		good = protocol_word(&r, &l);
		break;
	case LINE_OUTCOME:
	case LINE_STATUS:
	case LINE_LOCK:
		good = outcome_word(&r, &l);
		break;
	case LINE_NONE:
	case LINE_RESET:
	case LINE_GONE_ON_RESET:
	case LINE_BAD:
		break;
	}
	if (!good) {
		l.kind = LINE_BAD;
	}
	return l;
}

/* The next line that says something; LINE_NONE at the end. */
static struct line next(struct reader *text)
{
	struct line l = {.kind = LINE_NONE};

	while (text->left > 0 && l.kind == LINE_NONE) {
		l = parse_line(next_line(text));
	}
	return l;
}

/* -- the table ---------------------------------------------------------------------------------- */

static int wrong(struct script *s)
{
	s->failed = true;
	return fault(-EPROTO);
}

static int outcome_of(const struct line *l)
{
	return l->outcome < 0 ? fault(l->outcome) : l->outcome;
}

static void take_atr(struct script *s, const struct line *l)
{
	for (size_t i = 0; i < l->n; i++) {
		s->base.atr[i] = (uint8_t)l->bytes[i];
	}
	s->base.atr_len = l->n;
}

/* ATR, protocol and keypad lines at the head, and the outcome that open may have. */
static int read_head(struct script *s)
{
	for (;;) {
		struct reader ahead = s->text;
		struct line l = next(&ahead);

		if (l.kind == LINE_ATR) {
			if (l.n > TRANSPORT_ATR_MAX) {
				return wrong(s);
			}
			take_atr(s, &l);
		} else if (l.kind == LINE_PROTOCOL) {
			s->base.protocol = l.outcome ? TRANSPORT_T1 : TRANSPORT_T0;
		} else if (l.kind == LINE_PINPAD) {
			s->base.pinpad = (uint8_t)l.outcome;
		} else if (l.kind == LINE_OUTCOME) {
			s->text = ahead;
			return outcome_of(&l);
		} else {
			return 0;
		}
		s->text = ahead;
	}
}

static int script_open(struct transport *t, _unused_ const char *reader,
	_unused_ bool exclusive, uint64_t deadline)
{
	struct script *s = of(t);

	(void)deadline;
	s->closed = 0;
	return s->owned ? trace(read_head(s)) : 0;
}

static bool same(const struct line *l, struct view command)
{
	struct reader r = reader_of(command);
	bool same = l->n == command.len;

	for (size_t i = 0; same && i < l->n; i++) {
		uint8_t c = reader_u8(&r);

		same = l->bytes[i] == ANY || l->bytes[i] == c;
	}
	return same;
}

/* @kind: how the command must be sent */
static int transmit_text(
	struct script *s, enum line_kind kind, struct view command, struct buf *answer)
{
	struct line l = next(&s->text);

	if (l.kind != kind || !same(&l, command)) {
		return wrong(s);
	}
	l = next(&s->text);
	if (l.kind == LINE_OUTCOME) {
		return outcome_of(&l);
	}
	if (l.kind != LINE_ANSWER) {
		return wrong(s);
	}
	for (size_t i = 0; i < l.n; i++) {
		buf_put_u8(answer, (uint8_t)l.bytes[i]);
	}
	return 0;
}

static int transmit_bytes(struct script *s, struct buf *answer)
{
	size_t len;

	if (s->answers.left == 0) {
		return TRANSPORT_GONE;
	}
	len = reader_u8(&s->answers);
	if (len == LONG_ANSWER) {
		len = reader_u16(&s->answers);
	}
	if (s->answers.failed || len > s->answers.left) {
		len = s->answers.left;
	}
	buf_put_view(answer, reader_take(&s->answers, len));
	return buf_check(answer) < 0 ? TRANSPORT_BROKEN : 0;
}

static int script_transmit(
	struct transport *t, struct view command, uint64_t deadline, struct buf *answer)
{
	struct script *s = of(t);

	(void)deadline;
	return s->owned ? trace(transmit_text(s, LINE_COMMAND, command, answer))
			: transmit_bytes(s, answer);
}

static int script_secure(struct transport *t, const struct transport_pin *pin,
	_unused_ uint64_t deadline, struct buf *answer)
{
	struct script *s = of(t);
	uint8_t needed = pin->new_digits ? TRANSPORT_PINPAD_MODIFY : TRANSPORT_PINPAD_VERIFY;

	if (!(s->base.pinpad & needed)) {
		return TRANSPORT_NO_PINPAD;
	}
	return s->owned ? trace(transmit_text(s, LINE_KEYS, pin->command, answer))
			: transmit_bytes(s, answer);
}

static int script_reset(struct transport *t, uint64_t deadline)
{
	struct script *s = of(t);
	struct line l;

	(void)deadline;
	if (!s->owned) {
		return s->answers.left == 0 ? TRANSPORT_GONE : 0;
	}
	l = next(&s->text);
	if (l.kind == LINE_GONE_ON_RESET) {
		return TRANSPORT_GONE;
	}
	return l.kind == LINE_RESET ? trace(read_head(s)) : wrong(s);
}

/* What the next line says, when it speaks of this: used up. */
static int said(struct script *s, enum line_kind kind)
{
	struct reader ahead = s->text;
	struct line l = next(&ahead);

	if (l.kind != kind) {
		return 0;
	}
	s->text = ahead;
	return outcome_of(&l);
}

static int script_status(struct transport *t)
{
	return of(t)->closed ? TRANSPORT_GONE : trace(said(of(t), LINE_STATUS));
}

static int script_lock(struct transport *t, _unused_ uint64_t deadline)
{
	return trace(said(of(t), LINE_LOCK));
}

static int script_unlock(_unused_ struct transport *t)
{
	return 0;
}

static void script_close(struct transport *t, bool reset)
{
	of(t)->closed = reset ? 2 : 1;
}

static void script_free(struct transport *t)
{
	struct script *s = of(t);

	free(s->owned);
	free(s);
}

static const struct transport_ops script_ops = {
	.open = script_open,
	.transmit = script_transmit,
	.secure = script_secure,
	.reset = script_reset,
	.status = script_status,
	.lock = script_lock,
	.unlock = script_unlock,
	.close = script_close,
	.free = script_free,
};

/* -- making them -------------------------------------------------------------------------------- */

int script_new(struct view text, struct transport **ret_t)
{
	struct script *s = calloc(1, sizeof(*s));
	struct buf copy = BUF_NULL(TEXT_MAX);
	struct reader check;
	struct line l;

	if (!s) {
		return fault(-ENOMEM);
	}
	buf_put_view(&copy, text);
	s->owned = buf_take_str(&copy);
	if (!s->owned) {
		free(s);
		return fault(-ENOMEM);
	}
	s->base.ops = &script_ops;
	s->text = reader_of(view_of(s->owned, text.len));
	check = s->text;
	do {
		l = next(&check);
	} while (l.kind != LINE_NONE && l.kind != LINE_BAD);
	if (l.kind == LINE_BAD) {
		script_free(&s->base);
		return fault(-EINVAL);
	}
	*ret_t = &s->base;
	return 0;
}

int script_new_answers(struct view bytes, struct view atr, enum transport_protocol protocol,
	struct transport **ret_t)
{
	struct script *s = calloc(1, sizeof(*s));

	if (!s) {
		return fault(-ENOMEM);
	}
	s->base.ops = &script_ops;
	s->base.protocol = protocol;
	s->base.atr_len = atr.len < TRANSPORT_ATR_MAX ? atr.len : TRANSPORT_ATR_MAX;
	bytes_copy(s->base.atr, sizeof(s->base.atr), atr.data, s->base.atr_len);
	s->answers = reader_of(bytes);
	*ret_t = &s->base;
	return 0;
}

bool script_finished(const struct transport *t)
{
	const struct script *s = of_const(t);
	struct reader rest = s->text;

	return !s->failed && next(&rest).kind == LINE_NONE;
}

int script_closed(const struct transport *t)
{
	return of_const(t)->closed;
}
