/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The code tables. A file is checked whole before anything of it is kept: members by name, texts by
 * their characters, days, and that no day gives a code two labels. What is kept is the JSON itself,
 * whose texts the sorted entries borrow; struct codes owns both. Answers are binary searches.
 */
#include "base/codes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"

#define ALWAYS 99999999U /* after every day */
#define SUFFIX ".json"

enum numbers {
	NUMBERS_NONE = 0,
	NUMBERS_DECIMAL,
	NUMBERS_HEX,
};

struct entry {
	const char *code;
	const char *label; /* or NULL */
	uint32_t from;	   /* YYYYMMDD */
	uint32_t until;	   /* included */
};

struct table {
	json_t *file; /* holds the texts */
	const char *name;
	enum numbers numbers;
	struct entry *entries; /* by code, then by day */
	size_t n;
};

struct codes {
	struct table tables[CODES_TABLES_MAX]; /* by name */
	size_t n;
};

/* -- words ------------------------------------------------------------------------------------ */

static bool is_plain(const char *text, size_t max)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++) {
		if ((uint8_t)text[i] < 0x20 || text[i] == 0x7f) {
			return false;
		}
	}
	return n > 0 && n <= max;
}

static bool is_code(const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++) {
		bool digit = text[i] >= '0' && text[i] <= '9';
		bool upper = text[i] >= 'A' && text[i] <= 'Z';

		if (!digit && !upper && text[i] != '-') {
			return false;
		}
	}
	return n > 0 && n <= CODES_CODE_MAX;
}

/* Two or four digits of @r; more than 9999 when they are none. */
static uint32_t take_digits(struct reader *r, unsigned int n)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < n; i++) {
		uint8_t c = reader_u8(r);

		value = c >= '0' && c <= '9' && value <= 9999 ? value * 10 + (c - '0') : 10000;
	}
	return value;
}

/* "YYYY-MM-DD". A day that its month does not have is let pass: it is only compared. */
static bool take_day(const char *text, uint32_t *ret)
{
	struct reader r = reader_of(view_str(text));
	uint32_t year = take_digits(&r, 4);
	bool dash = reader_u8(&r) == '-';
	uint32_t month = take_digits(&r, 2);
	bool dash2 = reader_u8(&r) == '-';
	uint32_t day = take_digits(&r, 2);

	if (!dash || !dash2 || r.failed || r.left > 0 || year > 9999 || month - 1 > 11 ||
		day - 1 > 30) {
		return false;
	}
	*ret = year * 10000 + month * 100 + day;
	return true;
}

uint32_t codes_day(uint64_t wall)
{
	time_t seconds = (time_t)(wall / USEC_PER_SEC);
	struct tm t;

	if (!gmtime_r(&seconds, &t) || t.tm_year > 9999 - 1900) {
		return ALWAYS;
	}
	return (uint32_t)(t.tm_year + 1900) * 10000 + (uint32_t)(t.tm_mon + 1) * 100 +
	       (uint32_t)t.tm_mday;
}

/* -- one table --------------------------------------------------------------------------------- */

/* A text that may be absent: @ret is left alone then. */
static bool take_text(const json_t *j, const char *name, size_t max, const char **ret)
{
	const char *text = json_get_str(j, name);

	if (!text) {
		return !json_object_get(j, name);
	}
	*ret = text;
	return is_plain(text, max);
}

static bool take_entry_day(const json_t *j, const char *name, uint32_t *ret)
{
	const char *text = json_get_str(j, name);

	return text ? take_day(text, ret) : !json_object_get(j, name);
}

static bool only_known(const json_t *j, const char *const *names, size_t n)
{
	size_t known = 0;

	for (size_t i = 0; i < n; i++) {
		known += json_object_get(j, names[i]) ? 1 : 0;
	}
	return json_object_size(j) == known;
}

static bool take_entry(const json_t *j, struct entry *ret)
{
	static const char *const names[] = {"code", "label", "from", "until"};
	struct entry e = {.until = ALWAYS};

	e.code = json_get_str(j, "code");
	if (!e.code || !is_code(e.code) || !only_known(j, names, ARRAY_LEN(names)) ||
		!take_text(j, "label", CODES_LABEL_MAX, &e.label) ||
		!take_entry_day(j, "from", &e.from) || !take_entry_day(j, "until", &e.until)) {
		return false;
	}
	*ret = e;
	return e.from <= e.until;
}

static int by_code(const void *a, const void *b)
{
	const struct entry *x = a;
	const struct entry *y = b;
	int r = strcmp(x->code, y->code);

	return r != 0 ? r : (x->from > y->from) - (x->from < y->from);
}

/* Whether no day gives a code two meanings. */
static bool days_apart(const struct table *t)
{
	for (size_t i = 1; i < t->n; i++) {
		if (strcmp(t->entries[i - 1].code, t->entries[i].code) == 0 &&
			t->entries[i - 1].until >= t->entries[i].from) {
			return false;
		}
	}
	return true;
}

static bool take_numbers(const json_t *j, enum numbers *ret)
{
	const char *word = json_get_str(j, "numbers");

	if (!word) {
		return !json_object_get(j, "numbers");
	}
	*ret = strcmp(word, "hex") == 0 ? NUMBERS_HEX : NUMBERS_DECIMAL;
	return *ret == NUMBERS_HEX || strcmp(word, "decimal") == 0;
}

static bool take_head(const json_t *j, struct table *t)
{
	static const char *const names[] = {
		"table", "oid", "title", "source", "release", "numbers", "entries"};
	const char *release = json_get_str(j, "release");
	const char *text = NULL;
	uint32_t day;

	t->name = json_get_str(j, "table");
	return t->name && is_code(t->name) && only_known(j, names, ARRAY_LEN(names)) &&
	       release && take_day(release, &day) &&
	       take_text(j, "title", CODES_LABEL_MAX, &text) && text &&
	       take_text(j, "oid", CODES_LABEL_MAX, &text) && take_numbers(j, &t->numbers) &&
	       json_get_str(j, "source") && is_plain(json_get_str(j, "source"), 1024) &&
	       json_is_array(json_object_get(j, "entries"));
}

static void table_done(struct table *t)
{
	json_put(&t->file);
	free(t->entries);
	t->entries = NULL;
}

/* Return: 0, a fault, DAMAGED or LARGE. */
static int table_read(struct table *t)
{
	const json_t *entries = json_object_get(t->file, "entries");
	size_t n = json_array_size(entries);

	if (!take_head(t->file, t)) {
		return CODES_DAMAGED;
	}
	if (n > CODES_ENTRIES_MAX) {
		return CODES_LARGE;
	}
	t->entries = calloc(n + 1, sizeof(*t->entries));
	if (!t->entries) {
		return fault(-ENOMEM);
	}
	for (; t->n < n; t->n++) {
		if (!take_entry(json_array_get(entries, t->n), &t->entries[t->n])) {
			return CODES_DAMAGED;
		}
	}
	qsort(t->entries, t->n, sizeof(*t->entries), by_code);
	return days_apart(t) ? 0 : CODES_DAMAGED;
}

/* -- all of them ------------------------------------------------------------------------------- */

struct codes *codes_new(void)
{
	return calloc(1, sizeof(struct codes));
}

struct codes *codes_free(struct codes *c)
{
	for (size_t i = 0; c && i < c->n; i++) {
		table_done(&c->tables[i]);
	}
	free(c);
	return NULL;
}

static void codes_put(struct codes **c)
{
	*c = codes_free(*c);
}

static const struct table *find_table(const struct codes *c, const char *name)
{
	for (size_t i = 0; c && i < c->n; i++) {
		if (strcmp(c->tables[i].name, name) == 0) {
			return &c->tables[i];
		}
	}
	return NULL;
}

/* The tables stay in the order of their names. */
static void insert(struct codes *c, const struct table *t)
{
	size_t at = c->n++;

	for (; at > 0 && strcmp(c->tables[at - 1].name, t->name) > 0; at--) {
		c->tables[at] = c->tables[at - 1];
	}
	c->tables[at] = *t;
}

int codes_add(struct codes *c, struct view text, const char *name)
{
	_cleanup_(table_done) struct table t = {0};
	int r;

	if (text.len > CODES_FILE_MAX || c->n >= CODES_TABLES_MAX) {
		return CODES_LARGE;
	}
	r = json_parse(text, &t.file);
	if (r != 0) {
		return r < 0 ? trace(r) : CODES_DAMAGED;
	}
	r = table_read(&t);
	if (r != 0) {
		return trace(r);
	}
	if (find_table(c, t.name) || (name && strcmp(name, t.name) != 0)) {
		return CODES_DAMAGED;
	}
	insert(c, &t);
	t = (struct table){0};
	return 0;
}

/* -- the folder -------------------------------------------------------------------------------- */

static void fd_put(int *fd)
{
	if (*fd >= 0) {
		(void)close(*fd);
	}
}

static void dir_put(DIR **d)
{
	if (*d) {
		(void)closedir(*d);
	}
}

/* Return: 0, a fault, DAMAGED (no regular file) or LARGE. */
static int read_file(int folder, const char *name, struct buf *out)
{
	_cleanup_(fd_put) int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t piece[1024];
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0) {
		return fault(-errno);
	}
	if (!S_ISREG(st.st_mode)) {
		return CODES_DAMAGED;
	}
	do {
		n = read(fd, piece, sizeof(piece));
		if (n < 0) {
			return fault(-errno);
		}
		if (out->len + (size_t)n > CODES_FILE_MAX) {
			return CODES_LARGE;
		}
		buf_put(out, piece, (size_t)n);
	} while (n > 0);
	return trace(buf_check(out));
}

static int load_file(struct codes *c, int folder, const char *file)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(CODES_FILE_MAX);
	char name[CODES_CODE_MAX + 1];
	size_t len = strlen(file) - strlen(SUFFIX);
	int r;

	if (view_copy_str(view_of(file, len), name, sizeof(name)) != 0) {
		return CODES_DAMAGED; /* no table has such a name */
	}
	r = read_file(folder, file, &text);
	return trace(r != 0 ? r : codes_add(c, buf_view(&text), name));
}

static bool is_table(const char *file)
{
	return file[0] != '.' &&
	       view_equal(view_last(view_str(file), strlen(SUFFIX)), VIEW_TEXT(SUFFIX));
}

/* Return: 0, a fault or an outcome; @ret_bad as in codes_load(). */
static int load_all(struct codes *c, DIR *dir, char **ret_bad)
{
	struct dirent *e;
	int r = 0;

	while (r == 0) {
		errno = 0;
		e = readdir(dir);
		if (!e) {
			return errno ? fault(-errno) : 0;
		}
		if (!is_table(e->d_name)) {
			continue;
		}
		r = load_file(c, dirfd(dir), e->d_name);
		if (r > 0 && ret_bad) {
			*ret_bad = strdup(e->d_name);
		}
	}
	return trace(r);
}

int codes_load(const char *folder, struct codes **ret_c, char **ret_bad)
{
	_cleanup_(codes_put) struct codes *c = codes_new();
	_cleanup_(dir_put) DIR *dir = NULL;
	int r;

	if (ret_bad) {
		*ret_bad = NULL;
	}
	if (!c) {
		return fault(-ENOMEM);
	}
	dir = opendir(folder);
	if (!dir) {
		return errno == ENOENT ? CODES_ABSENT : fault(-errno);
	}
	r = load_all(c, dir, ret_bad);
	if (r != 0) {
		return trace(r);
	}
	if (c->n == 0) {
		return CODES_ABSENT;
	}
	*ret_c = c;
	c = NULL;
	return 0;
}

/* -- answers ----------------------------------------------------------------------------------- */

/* The first entry of @t whose code is not before @code. */
static size_t lower_bound(const struct table *t, const char *code)
{
	size_t low = 0;
	size_t high = t->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(t->entries[middle].code, code) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

const char *codes_label(
	const struct codes *c, const char *table, const char *code, uint32_t day)
{
	const struct table *t = find_table(c, table);

	for (size_t i = t ? lower_bound(t, code) : 0; t && i < t->n; i++) {
		const struct entry *e = &t->entries[i];

		if (strcmp(e->code, code) != 0) {
			return NULL;
		}
		if (day == 0 || (e->from <= day && day <= e->until)) {
			return e->label;
		}
	}
	return NULL;
}

const char *codes_label_number(
	const struct codes *c, const char *table, uint8_t number, uint32_t day)
{
	const struct table *t = find_table(c, table);
	char code[4];

	if (!t || t->numbers == NUMBERS_NONE) {
		return NULL;
	}
	(void)snprintf(code, sizeof(code), t->numbers == NUMBERS_HEX ? "%02X" : "%02u",
		(unsigned int)number);
	return codes_label(c, table, code, day);
}

bool codes_known(const struct codes *c, const char *table, const char *code)
{
	const struct table *t = find_table(c, table);
	size_t at = t ? lower_bound(t, code) : 0;

	return t && at < t->n && strcmp(t->entries[at].code, code) == 0;
}

bool codes_about(const struct codes *c, size_t i, struct codes_about *ret)
{
	const struct table *t = c && i < c->n ? &c->tables[i] : NULL;
	const char *oid = t ? json_get_str(t->file, "oid") : NULL;

	if (!t) {
		return false;
	}
	*ret = (struct codes_about){.table = t->name,
		.oid = oid ? oid : "",
		.title = json_get_str(t->file, "title"),
		.source = json_get_str(t->file, "source"),
		.release = json_get_str(t->file, "release"),
		.n_entries = t->n};
	return true;
}
