/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Lines of a feed, checked by tables: for each member whether it must be there and what checks it.
 * A line is parsed when it is checked and again when it is handed over, so that only an index of
 * them is kept. Nothing here recurses on input; depth is json_parse()'s.
 */
#include "daemon/trust/feed/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/limits.h"

/* SHA-256 of no bytes: a reimbursement has no content */
#define SHA256_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* Return: whether the value is as doc/feed.md wants it. */
typedef bool (*check_fn)(const json_t *value);

struct member {
	const char *name;
	check_fn check;
	bool required;
};

void feed_lines_done(struct feed_lines *f)
{
	if (f->lines) {
		wipe(f->lines, (size_t)f->n * sizeof(*f->lines));
	}
	free(f->lines);
	*f = FEED_LINES_NULL;
}

/* -- values ---------------------------------------------------------------------------------- */

static unsigned int digits(struct reader *in, size_t n)
{
	unsigned int v = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = reader_u8(in);

		in->failed |= c < '0' || c > '9';
		v = v * 10 + (unsigned int)(c - '0');
	}
	return v;
}

static unsigned int days_of(unsigned int year, unsigned int month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

/* A day of the Gregorian calendar from 1850 on: nobody who is fed was born before. */
static bool day(const json_t *value)
{
	struct reader in = reader_of(view_str(json_string_value(value)));
	unsigned int year = digits(&in, 4);
	bool dashes = reader_u8(&in) == '-';
	unsigned int month = digits(&in, 2);
	unsigned int d;

	dashes = reader_u8(&in) == '-' && dashes;
	d = digits(&in, 2);
	if (in.failed || in.left > 0 || !dashes || month < 1 || month > 12) {
		return false;
	}
	return year >= 1850 && year < 2200 && d >= 1 && d <= days_of(year, month);
}

/* What identifies somebody or something: no blanks, nothing that a path or a line could misread. */
static bool token(const json_t *value, size_t max)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789._/-";
	size_t n = json_string_length(value);

	return json_is_string(value) && n >= 1 && n <= max &&
	       strspn(json_string_value(value), plain) == n;
}

static bool id(const json_t *value)
{
	return token(value, FEED_ID);
}

static bool code(const json_t *value)
{
	return token(value, 32);
}

static bool text(const json_t *value)
{
	return json_text_fits(json_string_value(value), FEED_NAME);
}

static bool whole(const json_t *value, json_int_t min, json_int_t max)
{
	return json_is_integer(value) && json_integer_value(value) >= min &&
	       json_integer_value(value) <= max;
}

static bool format(const json_t *value)
{
	return whole(value, 1, 1);
}

static bool count(const json_t *value)
{
	return whole(value, 1, LIMIT_FEED_LINES);
}

static bool quantity(const json_t *value)
{
	return whole(value, 1, 9999);
}

/* cents: a million euros is more than any single act */
static bool cents(const json_t *value)
{
	return whole(value, 0, 100000000);
}

static bool profession(const json_t *value)
{
	return whole(value, 1, 255);
}

static bool kind(const json_t *value)
{
	static const char *const words[] = {"consultation", "act", "medicine", "device",
		"analysis", "imaging", "stay", "transport", "other"};
	const char *word = json_string_value(value);
	bool known = false;

	for (size_t i = 0; word && i < ARRAY_LEN(words); i++) {
		known = known || strcmp(words[i], word) == 0;
	}
	return known;
}

/* INSEE: sex, year, month, department (2A and 2B of Corsica), commune and rank; without the key. */
static bool nir(const json_t *value)
{
	struct reader in = reader_of(view_str(json_string_value(value)));
	uint8_t sex = reader_u8(&in);
	uint8_t first, second;

	(void)digits(&in, 4);
	first = reader_u8(&in);
	second = reader_u8(&in);
	(void)digits(&in, 6);
	if (in.failed || in.left > 0 || sex < '1' || sex > '8' || sex == '5' || sex == '6') {
		return false;
	}
	if (first == '2' && (second == 'A' || second == 'B')) {
		return true;
	}
	return first >= '0' && first <= '9' && second >= '0' && second <= '9';
}

/* -- objects --------------------------------------------------------------------------------- */

static const struct member header[] = {
	{"format", format, true},
	{"feeder", text, true},
	{"made", day, true},
	{"lines", count, true},
};

static const struct member line[] = {
	{"id", id, true},
	{"nir", nir, true},
	{"birth", day, true},
	{"date", day, true},
	{"kind", kind, true},
	{"code", code, false},
	{"label", text, true},
	{"quantity", quantity, true},
	{"amount", cents, true},
	{"reimbursed", cents, true},
	{"performer", id, true},
	{"profession", profession, false},
	{"prescriber", id, false},
};

/* Every member known and right, every required one there. Return: NULL, or what is wrong. */
static const char *wrong_member(const json_t *j, const struct member *members, size_t n)
{
	size_t known = 0;

	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_object_get(j, members[i].name);

		if (value ? !members[i].check(value) : members[i].required) {
			return members[i].name;
		}
		known += value != NULL;
	}
	return known == json_object_size(j) ? NULL : "unknown";
}

/* Parse @v as an object of these @members. Return: 0, a fault, or WRONG with @ret_member. */
static int read_object(struct view v, const struct member *members, size_t n, json_t **ret,
	const char **ret_member)
{
	_cleanup_json_ json_t *j = NULL;
	int r;

	if (v.len > LIMIT_FEED_LINE) {
		*ret_member = "size";
		return FEED_LINES_WRONG;
	}
	r = json_parse(v, &j);
	if (r < 0) {
		return trace(r);
	}
	*ret_member = r > 0 || !json_is_object(j) ? "json" : wrong_member(j, members, n);
	if (*ret_member) {
		return FEED_LINES_WRONG;
	}
	*ret = json_incref(j);
	return 0;
}

/* Days as text compare as days do. */
static bool later(const json_t *j, const char *name, const char *than)
{
	return strcmp(json_get_str(j, name), than) > 0;
}

/* Year and month of birth stand in digits 2 to 5; a month that is none (lunar, unknown) says nothing. */
static bool birth_agrees(const json_t *j)
{
	struct reader number = reader_of(view_str(json_get_str(j, "nir")));
	struct reader birth = reader_of(view_str(json_get_str(j, "birth")));
	unsigned int year, month;

	(void)reader_u8(&number);
	year = digits(&number, 2);
	month = digits(&number, 2);
	(void)digits(&birth, 2);
	if (digits(&birth, 2) != year) {
		return false;
	}
	(void)reader_u8(&birth);
	return month < 1 || month > 12 || digits(&birth, 2) == month;
}

/* What no member can say alone. Return: NULL, or what is wrong. */
static const char *wrong_together(const json_t *j, const char *made)
{
	if (!birth_agrees(j)) {
		return "birth";
	}
	if (later(j, "date", made) || later(j, "birth", json_get_str(j, "date"))) {
		return "date";
	}
	if (json_integer_value(json_object_get(j, "reimbursed")) >
		json_integer_value(json_object_get(j, "amount"))) {
		return "reimbursed";
	}
	return NULL;
}

/* -- the text ---------------------------------------------------------------------------------- */

struct walk {
	struct reader in;
	uint32_t line; /* of what next_line() gave last */
	uint32_t wanted;
	const char *made; /* the header's day */
	struct feed_where *where;
};

/* Up to the next line feed, which the last line may lack. Return: whether there was one more. */
static bool next_line(struct walk *w, struct view *ret)
{
	const uint8_t *end;
	size_t n;

	if (w->in.left == 0) {
		return false;
	}
	end = memchr(w->in.data, '\n', w->in.left);
	n = end ? (size_t)(end - w->in.data) : w->in.left;
	*ret = reader_take(&w->in, n);
	if (end) {
		(void)reader_u8(&w->in);
	}
	w->line++;
	return true;
}

static int wrong(struct walk *w, uint32_t at, const char *member)
{
	*w->where = (struct feed_where){.line = at, .member = member};
	return FEED_LINES_WRONG;
}

static int read_header(struct walk *w, const char *latest, struct feed_lines *f)
{
	_cleanup_json_ json_t *j = NULL;
	struct view v = VIEW_NULL;
	const char *member = NULL;
	int r;

	(void)next_line(w, &v);
	r = read_object(v, header, ARRAY_LEN(header), &j, &member);
	if (r != 0) {
		return r < 0 ? trace(r) : wrong(w, 1, member);
	}
	if (latest && later(j, "made", latest)) {
		return wrong(w, 1, "made");
	}
	w->wanted = (uint32_t)json_integer_value(json_object_get(j, "lines"));
	w->made = f->made;
	r = view_copy_str(view_str(json_get_str(j, "made")), f->made, sizeof(f->made));
	if (r == 0) {
		r = view_copy_str(
			view_str(json_get_str(j, "feeder")), f->feeder, sizeof(f->feeder));
	}
	return trace(r);
}

static int read_line(struct walk *w, struct view v, struct feed_line *to)
{
	_cleanup_json_ json_t *j = NULL;
	const char *member = NULL;
	int r;

	r = read_object(v, line, ARRAY_LEN(line), &j, &member);
	if (r == 0) {
		member = wrong_together(j, w->made);
	}
	if (r < 0 || member) {
		return r < 0 ? trace(r) : wrong(w, w->line, member);
	}
	to->line = w->line;
	to->text = v;
	r = view_copy_str(view_str(json_get_str(j, "nir")), to->number, sizeof(to->number));
	if (r == 0) {
		r = view_copy_str(view_str(json_get_str(j, "id")), to->id, sizeof(to->id));
	}
	return trace(r);
}

static int read_lines(struct walk *w, struct feed_lines *f)
{
	struct view v;
	int r;

	f->lines = calloc(w->wanted, sizeof(*f->lines));
	if (!f->lines) {
		return fault(-ENOMEM);
	}
	while (next_line(w, &v)) {
		if (f->n == w->wanted) {
			return wrong(w, 1, "lines");
		}
		r = read_line(w, v, &f->lines[f->n]);
		if (r != 0) {
			return trace(r);
		}
		f->n++;
	}
	return f->n == w->wanted ? 0 : wrong(w, 1, "lines");
}

/* -- the index --------------------------------------------------------------------------------- */

static int by_line(const struct feed_line *a, const struct feed_line *b)
{
	return (a->line > b->line) - (a->line < b->line);
}

static int by_id(const void *pa, const void *pb)
{
	const struct feed_line *a = pa;
	const struct feed_line *b = pb;
	int order = strcmp(a->id, b->id);

	return order ? order : by_line(a, b);
}

static int by_person(const void *pa, const void *pb)
{
	const struct feed_line *a = pa;
	const struct feed_line *b = pb;
	int order = strcmp(a->number, b->number);

	return order ? order : by_line(a, b);
}

/* The first line whose id stood in one before it is named. */
static int check_ids(struct walk *w, struct feed_lines *f)
{
	uint32_t first = 0;

	qsort(f->lines, f->n, sizeof(*f->lines), by_id);
	for (uint32_t i = 1; i < f->n; i++) {
		const struct feed_line *l = &f->lines[i];

		if (strcmp(l->id, f->lines[i - 1].id) == 0 && (!first || l->line < first)) {
			first = l->line;
		}
	}
	return first ? wrong(w, first, "id") : 0;
}

uint32_t feed_lines_person(const struct feed_lines *f, uint32_t at)
{
	uint32_t n = 0;

	while (at + n < f->n && strcmp(f->lines[at + n].number, f->lines[at].number) == 0) {
		n++;
	}
	return n;
}

static int check_persons(struct walk *w, struct feed_lines *f)
{
	qsort(f->lines, f->n, sizeof(*f->lines), by_person);
	for (uint32_t at = 0; at < f->n; f->persons++) {
		uint32_t n = feed_lines_person(f, at);

		if (n > LIMIT_FEED_PERSON) {
			return wrong(w, f->lines[at + LIMIT_FEED_PERSON].line, "nir");
		}
		at += n;
	}
	return 0;
}

int feed_lines_read(struct view content, const char *latest, struct feed_lines *ret,
	struct feed_where *ret_where)
{
	_cleanup_(feed_lines_done) struct feed_lines f = FEED_LINES_NULL;
	struct walk w = {.in = reader_of(content), .where = ret_where};
	int r;

	r = read_header(&w, latest, &f);
	if (r == 0) {
		r = read_lines(&w, &f);
	}
	if (r == 0) {
		r = check_ids(&w, &f);
	}
	if (r == 0) {
		r = check_persons(&w, &f);
	}
	if (r != 0) {
		return trace(r);
	}
	*ret = f;
	f = FEED_LINES_NULL;
	return 0;
}

/* -- what is handed over ----------------------------------------------------------------------- */

static int copy(json_t *to, const char *name, const json_t *from, const char *member)
{
	json_t *value = json_object_get(from, member);

	return value ? trace(json_set(to, name, json_incref(value))) : 0;
}

static int entry_of(const json_t *j, json_t **ret)
{
	static const char *const same[] = {"id", "code", "quantity", "amount", "reimbursed",
		"performer", "profession", "prescriber"};
	_cleanup_json_ json_t *entry = json_pack("{s:s}", "kind", "reimbursement");
	int r = copy(entry, "act", j, "kind");

	for (size_t i = 0; i < ARRAY_LEN(same) && r == 0; i++) {
		r = copy(entry, same[i], j, same[i]);
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(entry);
	return 0;
}

static int metadata_of(const json_t *j, json_t **ret)
{
	_cleanup_json_ json_t *metadata =
		json_pack("{s:i, s:s, s:s, s:i, s:s}", "format", 1, "type", "reimbursement",
			"mime", "text/plain", "size", 0, "sha256", SHA256_EMPTY);
	json_t *entry = NULL;
	int r = entry_of(j, &entry);

	if (r == 0) {
		r = json_set(metadata, "entry", entry);
	}
	if (r == 0) {
		r = copy(metadata, "title", j, "label");
	}
	if (r == 0) {
		r = copy(metadata, "date", j, "date");
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(metadata);
	return 0;
}

int feed_lines_metadata(const struct feed_lines *f, uint32_t at, uint32_t n, json_t **ret)
{
	_cleanup_json_ json_t *list = json_array();

	for (uint32_t i = 0; i < n; i++) {
		_cleanup_json_ json_t *j = NULL;
		json_t *metadata = NULL;
		int r = json_parse(f->lines[at + i].text, &j);

		if (r == 0) {
			r = metadata_of(j, &metadata);
		}
		if (r != 0) {
			return r < 0 ? trace(r) : fault(-EBADMSG);
		}
		if (json_array_append_new(list, metadata) < 0) {
			return fault(-ENOMEM);
		}
	}
	*ret = json_incref(list);
	return list ? 0 : fault(-ENOMEM);
}
