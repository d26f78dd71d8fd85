/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Every byte of an export passes here, so the inner loops read through a cursor of their own, which
 * is a reader whose bounds the compiler sees; nothing is looked at before it is known to be inside.
 * Text is read sixteen bytes at a time while there are so many.
 */
#include "client/export-scan.h"

#include <endian.h>
#include <string.h>

#define DEPTH_MAX  8U
#define DIGITS_MAX 18U

struct cursor {
	const uint8_t *at;
	const uint8_t *end;
};

static inline struct cursor cursor_of(struct view v)
{
	return (struct cursor){.at = v.data, .end = v.len > 0 ? v.data + v.len : v.data};
}

/* The byte here, or 0, which no token holds. */
static inline uint8_t peek(const struct cursor *c)
{
	return c->at < c->end ? *c->at : 0;
}

static inline uint8_t next(struct cursor *c)
{
	return c->at < c->end ? *c->at++ : 0;
}

static inline size_t gone(const struct cursor *c, const uint8_t *from)
{
	return (size_t)(c->at - from);
}

/* -- sixteen bytes at a time ----------------------------------------------------------------- */

typedef uint8_t block __attribute__((vector_size(16)));
typedef int8_t block_mask __attribute__((vector_size(16))); /* -1 where it holds, else 0 */
typedef uint64_t block_halves __attribute__((vector_size(16)));
typedef block block_anywhere __attribute__((aligned(1), may_alias));

#define BLOCK sizeof(block)

static inline bool has_block(const struct cursor *c)
{
	return (size_t)(c->end - c->at) >= BLOCK;
}

static inline block block_at(const uint8_t *at)
{
	return *(const block_anywhere *)(const void *)at;
}

/* The place of the first byte for which it holds; BLOCK: there is none. */
static inline size_t first_in(block_mask m)
{
	const block_halves h = (block_halves)m;

	if (h[0] != 0) {
		return (size_t)__builtin_ctzll(le64toh(h[0])) / 8;
	}
	return h[1] != 0 ? 8 + (size_t)__builtin_ctzll(le64toh(h[1])) / 8 : BLOCK;
}

/* Whether all are printable ASCII, of which backslashes are when they are @escaped. */
static inline bool is_printable(struct view text, bool escaped)
{
	struct cursor c = cursor_of(text);
	block_mask other = {0};

	for (; has_block(&c); c.at += BLOCK) {
		block b = block_at(c.at);

		other |= (b < 0x20) | (b > 0x7e);
		if (!escaped) {
			other |= b == '\\';
		}
	}
	while (c.at < c.end && *c.at >= 0x20 && *c.at < 0x7f && (escaped || *c.at != '\\')) {
		c.at++;
	}
	return c.at == c.end && first_in(other) == BLOCK;
}

/* To the next quote, or the end. */
static inline void skip_text(struct cursor *c)
{
	while (has_block(c)) {
		size_t n = first_in(block_at(c->at) == '"');

		c->at += n;
		if (n < BLOCK) {
			return;
		}
	}
	while (c->at < c->end && *c->at != '"') {
		c->at++;
	}
}

/* To the next quote or backslash or the end, and copy what is passed; @to: with as much room as is left
 * in @c. Return: behind it. */
static inline uint8_t *copy_text(struct cursor *c, uint8_t *to)
{
	while (has_block(c)) {
		block b = block_at(c->at);
		size_t n = first_in((b == '"') | (b == '\\'));

		*(block_anywhere *)(void *)to = b;
		c->at += n;
		to += n;
		if (n < BLOCK) {
			return to;
		}
	}
	while (c->at < c->end && *c->at != '"' && *c->at != '\\') {
		*to++ = *c->at++;
	}
	return to;
}

/* -- tokens ---------------------------------------------------------------------------------- */

void scan_blanks(struct reader *r)
{
	struct cursor c = cursor_of(view_of(r->data, r->left));

	while (peek(&c) == ' ' || peek(&c) == '\n' || peek(&c) == '\r' || peek(&c) == '\t') {
		(void)next(&c);
	}
	(void)reader_take(r, gone(&c, r->data));
}

bool scan_take(struct reader *r, char c)
{
	scan_blanks(r);
	if (r->left == 0 || r->data[0] != (uint8_t)c) {
		return false;
	}
	(void)reader_u8(r);
	return true;
}

bool scan_null(struct reader *r)
{
	const struct view word = VIEW_TEXT("null");

	scan_blanks(r);
	if (!view_equal(view_sub(view_of(r->data, r->left), 0, word.len), word)) {
		return false;
	}
	(void)reader_take(r, word.len);
	return true;
}

struct view scan_string(struct reader *r)
{
	struct cursor c;
	uint8_t byte;

	scan_blanks(r);
	c = cursor_of(view_of(r->data, r->left));
	if (next(&c) != '"') {
		return VIEW_NULL;
	}
	while (c.at < c.end) {
		byte = next(&c);
		if (byte == '"') {
			return reader_take(r, gone(&c, r->data));
		}
		if (byte == '\\') {
			(void)next(&c);
		}
	}
	return VIEW_NULL;
}

/* RFC 4648 §4, one more than the value: 0 is none. A table, because guessing costs more than reading. */
static const uint8_t digits[256] = {['A'] = 1,
	['B'] = 2,
	['C'] = 3,
	['D'] = 4,
	['E'] = 5,
	['F'] = 6,
	['G'] = 7,
	['H'] = 8,
	['I'] = 9,
	['J'] = 10,
	['K'] = 11,
	['L'] = 12,
	['M'] = 13,
	['N'] = 14,
	['O'] = 15,
	['P'] = 16,
	['Q'] = 17,
	['R'] = 18,
	['S'] = 19,
	['T'] = 20,
	['U'] = 21,
	['V'] = 22,
	['W'] = 23,
	['X'] = 24,
	['Y'] = 25,
	['Z'] = 26,
	['a'] = 27,
	['b'] = 28,
	['c'] = 29,
	['d'] = 30,
	['e'] = 31,
	['f'] = 32,
	['g'] = 33,
	['h'] = 34,
	['i'] = 35,
	['j'] = 36,
	['k'] = 37,
	['l'] = 38,
	['m'] = 39,
	['n'] = 40,
	['o'] = 41,
	['p'] = 42,
	['q'] = 43,
	['r'] = 44,
	['s'] = 45,
	['t'] = 46,
	['u'] = 47,
	['v'] = 48,
	['w'] = 49,
	['x'] = 50,
	['y'] = 51,
	['z'] = 52,
	['0'] = 53,
	['1'] = 54,
	['2'] = 55,
	['3'] = 56,
	['4'] = 57,
	['5'] = 58,
	['6'] = 59,
	['7'] = 60,
	['8'] = 61,
	['9'] = 62,
	['+'] = 63,
	['/'] = 64};

bool scan_hash(struct reader *r, uint8_t ret[MERKLE_HASH])
{
	uint8_t hash[MERKLE_HASH];
	uint32_t bits = 0;
	unsigned int n = 0;
	struct cursor c;

	scan_blanks(r);
	c = cursor_of(view_of(r->data, r->left));
	if (next(&c) != '"') {
		return false;
	}
	for (size_t i = 0; i < sizeof(hash); n -= 8) {
		while (n < 8) {
			uint32_t value = digits[next(&c)];

			if (value == 0) {
				return false;
			}
			bits = bits << 6 | (value - 1);
			n += 6;
		}
		hash[i++] = (uint8_t)(bits >> (n - 8));
	}
	if ((bits & 3) != 0 || next(&c) != '=' || next(&c) != '"') {
		return false;
	}
	(void)reader_take(r, gone(&c, r->data));
	bytes_copy(ret, MERKLE_HASH, hash, sizeof(hash));
	return true;
}

bool scan_plain(struct reader *r, uint8_t *room, size_t size, size_t *ret_len)
{
	struct cursor c;
	uint8_t *to = room;

	scan_blanks(r);
	/* never more bytes than there is room for */
	c = cursor_of(view_of(r->data, r->left < size ? r->left : size));
	if (next(&c) != '"') {
		return false;
	}
	for (;;) {
		uint8_t byte;

		to = copy_text(&c, to); /* there is room: each was one byte in @c at least */
		byte = next(&c);
		if (byte == '"') {
			break;
		}
		if (byte != '\\') { /* the end too */
			return false;
		}
		byte = next(&c);
		if (byte != '"' && byte != '\\') {
			return false;
		}
		*to++ = byte;
	}
	if (!is_printable((struct view){.data = room, .len = (size_t)(to - room)}, true)) {
		return false;
	}
	(void)reader_take(r, gone(&c, r->data));
	*ret_len = (size_t)(to - room);
	return true;
}

/* -- the canonical form ---------------------------------------------------------------------- */

struct level {
	bool object;
	bool keyed; /* there was a member before */
	struct view key;
};

struct form {
	struct cursor c;
	struct level levels[DEPTH_MAX];
	unsigned int depth;
	enum scan_member member; /* whose value comes */
	struct scan_entry entry;
};

#define NAME(lit)                                                                              \
	{                                                                                      \
		.data = (const uint8_t *)(lit), .len = sizeof(lit) - 1                         \
	}

static const struct view members[SCAN_MEMBERS] = {
	[SCAN_BOOT_ID] = NAME("boot-id"),
	[SCAN_BOOT_TIME] = NAME("boot-time"),
	[SCAN_EVENT] = NAME("event"),
	[SCAN_FORMAT] = NAME("format"),
	[SCAN_SEQUENCE] = NAME("sequence"),
	[SCAN_TIME] = NAME("time"),
};

/* No two of one length. */
static const enum scan_member by_length[] = {
	[sizeof("boot-id") - 1] = SCAN_BOOT_ID,
	[sizeof("boot-time") - 1] = SCAN_BOOT_TIME,
	[sizeof("event") - 1] = SCAN_EVENT,
	[sizeof("format") - 1] = SCAN_FORMAT,
	[sizeof("sequence") - 1] = SCAN_SEQUENCE,
	[sizeof("time") - 1] = SCAN_TIME,
};

bool scan_is_text(enum scan_member member)
{
	return member == SCAN_BOOT_ID || member == SCAN_EVENT;
}

const char *scan_member_name(enum scan_member member)
{
	return (const char *)members[member].data;
}

static enum scan_member member_of(struct view key)
{
	enum scan_member m = key.len < ARRAY_LEN(by_length) ? by_length[key.len] : SCAN_NONE;

	return m != SCAN_NONE && view_equal(key, members[m]) ? m : SCAN_NONE;
}

static bool form_string(struct form *f, struct view *ret)
{
	const uint8_t *start;

	if (next(&f->c) != '"') {
		return false;
	}
	start = f->c.at;
	skip_text(&f->c);
	*ret = (struct view){.data = start, .len = gone(&f->c, start)};
	return next(&f->c) == '"';
}

/* A string as a value. */
static bool form_text(struct form *f)
{
	struct view text;

	if (!form_string(f, &text)) {
		return false;
	}
	f->entry.has[f->member] |= scan_is_text(f->member);
	if (f->member == SCAN_BOOT_ID) {
		f->entry.boot_id = text;
	}
	return true;
}

static bool form_number(struct form *f)
{
	bool minus = peek(&f->c) == '-';
	int64_t value = 0;
	unsigned int n = 0;

	f->c.at += minus ? 1 : 0;
	for (; peek(&f->c) >= '0' && peek(&f->c) <= '9'; n++) {
		if (n == DIGITS_MAX || (n == 1 && value == 0)) {
			return false;
		}
		value = value * 10 + (next(&f->c) - '0');
	}
	if (n == 0 || (minus && value == 0)) {
		return false;
	}
	f->entry.has[f->member] |= !scan_is_text(f->member);
	f->entry.numbers[f->member] = minus ? -value : value;
	return true;
}

static bool form_word(struct form *f)
{
	const struct view words[] = {VIEW_TEXT("true"), VIEW_TEXT("false"), VIEW_TEXT("null")};
	const struct view rest = view_of(f->c.at, (size_t)(f->c.end - f->c.at));

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (view_equal(view_sub(rest, 0, words[i].len), words[i])) {
			f->c.at += words[i].len;
			return true;
		}
	}
	return false;
}

/* @a < @b by bytes, which is by UTF-16 units as long as both are ASCII */
static bool before(struct view a, struct view b)
{
	int order;

	if (a.len > 0 && b.len > 0 && a.data[0] != b.data[0]) {
		return a.data[0] < b.data[0];
	}
	order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
	return order < 0 || (order == 0 && a.len < b.len);
}

/* A member's name and its colon. */
static bool form_key(struct form *f)
{
	struct level *l = &f->levels[f->depth - 1];
	struct view key;

	if (!form_string(f, &key) || next(&f->c) != ':' || (l->keyed && !before(l->key, key))) {
		return false;
	}
	l->keyed = true;
	l->key = key;
	f->member = f->depth == 1 ? member_of(key) : SCAN_NONE;
	return true;
}

/* Into an object or a list; @ret_inside: there is something in it. */
static bool form_open(struct form *f, bool *ret_inside)
{
	bool object = next(&f->c) == '{';

	if (peek(&f->c) == (object ? '}' : ']')) {
		(void)next(&f->c);
		return true;
	}
	if (f->depth == DEPTH_MAX) {
		return false;
	}
	f->levels[f->depth++] = (struct level){.object = object};
	*ret_inside = true;
	return !object || form_key(f);
}

static bool form_value(struct form *f, bool *ret_inside)
{
	*ret_inside = false;
	switch (peek(&f->c)) {
	case '{':
	case '[':
		return form_open(f, ret_inside);
	case '"':
		return form_text(f);
	case 't':
	case 'f':
	case 'n':
		return form_word(f);
	default:
		return form_number(f);
	}
}

/* Behind a value: out of what ends here, and to the next one. Return: false when all is over. */
static bool form_next(struct form *f, bool *ret_good)
{
	while (f->depth > 0 && peek(&f->c) == (f->levels[f->depth - 1].object ? '}' : ']')) {
		(void)next(&f->c);
		f->depth--;
	}
	if (f->depth == 0) {
		*ret_good = f->c.at == f->c.end;
		return false;
	}
	*ret_good = next(&f->c) == ',' && (!f->levels[f->depth - 1].object || form_key(f));
	return *ret_good;
}

bool scan_canonical(struct view text, struct scan_entry *ret)
{
	struct form f = {.c = cursor_of(text)};
	bool inside = false;
	bool good = peek(&f.c) == '{' && is_printable(text, false);

	do {
		good = good && form_value(&f, &inside);
		f.member = inside && f.depth == 1 ? f.member : SCAN_NONE;
	} while (good && (inside || form_next(&f, &good)));
	if (good) {
		*ret = f.entry;
	}
	return good;
}
