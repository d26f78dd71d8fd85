/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * JSON. Before jansson sees a foreign byte one scan without recursion refuses what would make it
 * recurse deeply, and reals, and NUL; a lack of memory inside it stops it before it trips over that;
 * what it frees is wiped (json_setup). The canonical form
 * is written by a walk with a stack of its own. Descriptors from outside are believed only when
 * they are memfds that nobody can change any more, and are read by pread: their offset, shared
 * with the other side, is neither used nor moved.
 */
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rng.h"

#define MAX_DEPTH 32U
#define MAX_TEXT                                                                               \
	(16U * 1024 * 1024) /* *invented*: more than any text of ours, far below memory */

#define SPARE_MORE 1024U /* a token's buffer is twice its text at most, and 16 bytes at least */

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

#define SEALS_NEEDED (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static void fd_done(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
}

/* -- memory ---------------------------------------------------------------------------------- */

/* jansson does not tell a lack of memory from an error of the text: what we gave it does. */
static _Thread_local bool memory_ran_out;

/* Its lexer (2.14, lex_save()) goes on when the buffer of a token cannot grow, and then reads behind
 * it. Therefore the first allocation that fails while it parses gets this block, which is as large
 * as that buffer can become, and after that the text ends (next_byte). */
static _Thread_local struct {
	void *data;
	size_t size;
} spare;

static void *noting_malloc(size_t size)
{
	void *data = malloc(size);

	if (!data) {
		memory_ran_out = true;
		if (size <= spare.size) {
			data = spare.data;
			spare.data = NULL;
			spare.size = 0;
		}
	}
	return data;
}

static void wipe_free(void *data)
{
	if (data) {
		wipe(data, malloc_usable_size(data));
		free(data);
	}
}

void json_setup(void)
{
	size_t seed = 0;

	json_set_alloc_funcs(noting_malloc, wipe_free);
	/* now, because jansson would otherwise open /dev/urandom at the first object, which a
	   confined child cannot; a seed of 0 leaves that to jansson */
	if (rng_fill(&seed, sizeof(seed)) < 0) {
		seed = 0;
	}
	json_object_seed(seed);
}

/* -- parsing --------------------------------------------------------------------------------- */

struct scan {
	unsigned depth;
	bool in_string;
	bool escaped;
	uint8_t before; /* the byte before this one */
};

static void scan_string(struct scan *s, uint8_t c)
{
	if (s->escaped) {
		s->escaped = false;
	} else if (c == '\\') {
		s->escaped = true;
	} else if (c == '"') {
		s->in_string = false;
	}
}

/* Outside strings '.' and 'E' only occur in reals, and 'e' behind a digit too. */
static bool scan_plain(struct scan *s, uint8_t c)
{
	bool digit = s->before >= '0' && s->before <= '9';

	switch (c) {
	case '"':
		s->in_string = true;
		return true;
	case '[':
	case '{':
		s->depth++;
		return s->depth <= MAX_DEPTH;
	case ']':
	case '}':
		s->depth -= s->depth > 0 ? 1 : 0;
		return true;
	case '.':
	case 'E':
		return false;
	case 'e':
		return !digit;
	default:
		return true;
	}
}

static bool scan_passes(struct view text)
{
	struct reader r = reader_of(text);
	struct scan s = {0};

	while (r.left > 0) {
		uint8_t c = reader_u8(&r);

		if (c == 0) {
			return false;
		}
		if (s.in_string) {
			scan_string(&s, c);
		} else if (!scan_plain(&s, c)) {
			return false;
		}
		s.before = c;
	}
	return true;
}

/* jansson's source: one byte at a time, so that none of them is on its way when memory runs out. */
static size_t next_byte(void *to, size_t room, void *user)
{
	struct reader *r = user;
	uint8_t c;

	if (memory_ran_out || r->left == 0) {
		return 0;
	}
	c = reader_u8(r);
	bytes_copy(to, room, &c, sizeof(c));
	return sizeof(c);
}

int json_parse(struct view text, json_t **ret)
{
	struct reader r = reader_of(text);
	json_error_t error;
	json_t *j;

	if (text.len == 0 || text.len > MAX_TEXT || !scan_passes(text)) {
		return JSON_INVALID;
	}
	spare.size = 2 * text.len + SPARE_MORE;
	spare.data = calloc(1, spare.size);
	if (!spare.data) {
		spare.size = 0;
		return fault(-ENOMEM);
	}
	memory_ran_out = false;
	j = json_load_callback(next_byte, &r, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	free(spare.data);
	spare.data = NULL;
	spare.size = 0;
	wipe(&error, sizeof(error)); /* it quotes the text */
	if (memory_ran_out) {
		json_decref(j); /* the text ended too early */
		return fault(-ENOMEM);
	}
	if (!j) {
		return JSON_INVALID;
	}
	*ret = j;
	return 0;
}

/* -- canonical form, RFC 8785 ---------------------------------------------------------------- */

struct member {
	struct view name;
	json_t *value;
};

struct level {
	const json_t *node;	/* an object or an array */
	struct member *members; /* of an object, sorted; owned */
	size_t n;
	size_t next;
};

struct walk {
	struct level levels[MAX_DEPTH];
	size_t depth;
	struct buf *out;
};

/* UTF-8 sorts as UTF-16 does but for U+E000..U+FFFF (EE, EF), which go behind the surrogates of
 * what is above (F0..F4); RFC 8785 §3.2.3. */
static int utf16_rank(uint8_t byte)
{
	return byte == 0xEE || byte == 0xEF ? byte + 0x10 : byte;
}

static int member_compare(const void *pa, const void *pb)
{
	struct reader a = reader_of(((const struct member *)pa)->name);
	struct reader b = reader_of(((const struct member *)pb)->name);

	while (a.left > 0 && b.left > 0) {
		int order = utf16_rank(reader_u8(&a)) - utf16_rank(reader_u8(&b));

		if (order != 0) {
			return order;
		}
	}
	return (a.left > 0) - (b.left > 0);
}

static void put_escaped(struct buf *out, uint8_t c)
{
	static const char shorts[] = "btn_fr"; /* 08..0D; 0B has none */

	if (c == '"' || c == '\\') {
		buf_put_u8(out, '\\');
		buf_put_u8(out, c);
	} else if (c >= 0x08 && c <= 0x0D && c != 0x0B) {
		buf_put_u8(out, '\\');
		buf_put_u8(out, (uint8_t)shorts[c - 0x08]);
	} else if (c < 0x20) {
		buf_printf(out, "\\u%04x", c);
	} else {
		buf_put_u8(out, c);
	}
}

static void put_string(struct buf *out, struct view text)
{
	struct reader r = reader_of(text);

	buf_put_u8(out, '"');
	while (r.left > 0) {
		put_escaped(out, reader_u8(&r));
	}
	buf_put_u8(out, '"');
}

/* jansson's iterator wants an object that it could change; it does not change it. */
static json_t *for_iteration(const json_t *object)
{
	union {
		const json_t *in;
		json_t *out;
	} u = {.in = object};

	return u.out;
}

static int sort_members(struct level *l)
{
	json_t *object = for_iteration(l->node);
	void *at;

	if (l->n == 0) {
		return 0;
	}
	l->members = calloc(l->n, sizeof(*l->members));
	if (!l->members) {
		return fault(-ENOMEM);
	}
	at = json_object_iter(object);
	for (size_t i = 0; i < l->n; i++) {
		l->members[i].name =
			view_of(json_object_iter_key(at), json_object_iter_key_len(at));
		l->members[i].value = json_object_iter_value(at);
		at = json_object_iter_next(object, at);
	}
	qsort(l->members, l->n, sizeof(*l->members), member_compare);
	return 0;
}

static int walk_open(struct walk *w, const json_t *node)
{
	struct level *l;

	if (w->depth == MAX_DEPTH) {
		return JSON_INVALID;
	}
	l = &w->levels[w->depth++];
	*l = (struct level){.node = node};
	if (json_typeof(node) == JSON_ARRAY) {
		buf_put_u8(w->out, '[');
		l->n = json_array_size(node);
		return 0;
	}
	buf_put_u8(w->out, '{');
	l->n = json_object_size(node);
	return trace(sort_members(l));
}

static int put_value(struct walk *w, const json_t *j)
{
	if (!j) {
		return fault(-EINVAL);
	}
	switch (json_typeof(j)) {
	case JSON_OBJECT:
	case JSON_ARRAY:
		return walk_open(w, j);
	case JSON_STRING:
		put_string(w->out, view_of(json_string_value(j), json_string_length(j)));
		return 0;
	case JSON_INTEGER:
		buf_printf(w->out, "%" JSON_INTEGER_FORMAT, json_integer_value(j));
		return 0;
	case JSON_REAL:
		return JSON_INVALID;
	case JSON_TRUE:
		buf_put_str(w->out, "true");
		return 0;
	case JSON_FALSE:
		buf_put_str(w->out, "false");
		return 0;
	case JSON_NULL:
		buf_put_str(w->out, "null");
		return 0;
	}
	return fault(-EINVAL);
}

static void walk_close(struct walk *w)
{
	struct level *l = &w->levels[w->depth - 1];

	buf_put_u8(w->out, json_typeof(l->node) == JSON_ARRAY ? ']' : '}');
	free(l->members);
	w->depth--;
}

static int walk_step(struct walk *w)
{
	struct level *l = &w->levels[w->depth - 1];
	size_t i = l->next++;

	if (i == l->n) {
		walk_close(w);
		return 0;
	}
	if (i > 0) {
		buf_put_u8(w->out, ',');
	}
	if (!l->members) {
		return put_value(w, json_array_get(l->node, i));
	}
	put_string(w->out, l->members[i].name);
	buf_put_u8(w->out, ':');
	return put_value(w, l->members[i].value);
}

int json_canonical(const json_t *j, struct buf *out)
{
	struct walk w = {.out = out};
	size_t start = out->len;
	int r;

	r = put_value(&w, j);
	while (r == 0 && w.depth > 0 && !out->failed) {
		r = walk_step(&w);
	}
	while (w.depth > 0) {
		free(w.levels[--w.depth].members);
	}
	if (r == 0) {
		r = buf_check(out);
	}
	if (r != 0) {
		buf_truncate(out, start);
	}
	return trace(r);
}

static int put_dumped(const char *text, size_t len, void *user)
{
	struct buf *out = user;

	buf_put(out, text, len);
	return out->failed ? -1 : 0;
}

int json_pretty(const json_t *j, struct buf *out)
{
	size_t start = out->len;
	int r;

	memory_ran_out = false;
	if (json_dump_callback(j, put_dumped, out, JSON_INDENT(2) | JSON_ENCODE_ANY) == 0) {
		return trace(buf_check(out));
	}
	r = buf_check(out);
	buf_truncate(out, start);
	return r < 0 ? trace(r) : fault(memory_ran_out ? -ENOMEM : -EINVAL);
}

/* -- members --------------------------------------------------------------------------------- */

const char *json_get_str(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

int json_get_int(const json_t *object, const char *name, int64_t min, int64_t max, int64_t *ret)
{
	const json_t *j = json_object_get(object, name);
	int64_t v = json_integer_value(j);

	if (!json_is_integer(j) || v < min || v > max) {
		return JSON_MISSING;
	}
	*ret = v;
	return 0;
}

bool json_get_bool(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

bool json_text_fits(const char *text, size_t max)
{
	struct reader in = reader_of(view_str(text));
	uint8_t before = 0;
	size_t n = 0;

	while (in.left > 0) {
		uint8_t c = reader_u8(&in);

		/* C1, U+0080 to U+009F, are C2 80 to C2 9F */
		if (c < 0x20 || c == 0x7F || (before == 0xC2 && c < 0xA0)) {
			return false;
		}
		n += (c & 0xC0) != 0x80; /* not a continuation byte */
		before = c;
	}
	return n >= 1 && n <= max;
}

int json_set(json_t *object, const char *name, json_t *value)
{
	return json_object_set_new(object, name, value) < 0 ? fault(-ENOMEM) : 0;
}

/* -- sealed memfds --------------------------------------------------------------------------- */

/* The size of a memfd that cannot change any more, and holds 1..@max bytes. */
static bool sealed_size(int fd, size_t max, size_t *ret_size)
{
	struct stat st;
	int seals;

	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & SEALS_NEEDED) != SEALS_NEEDED) {
		return false;
	}
	if (fstat(fd, &st) < 0 || st.st_size <= 0 || (uintmax_t)st.st_size > max) {
		return false;
	}
	*ret_size = (size_t)st.st_size;
	return true;
}

int json_read_text(int fd, size_t max, struct buf *out)
{
	size_t size;
	size_t done = 0;
	uint8_t *to;

	if (!sealed_size(fd, max, &size)) {
		return JSON_INVALID;
	}
	to = buf_extend(out, size);
	if (!to) {
		return trace(buf_check(out));
	}
	while (done < size) {
		ssize_t n = pread(fd, to + done, size - done, (off_t)done);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return JSON_INVALID; /* not open for reading, or no memfd of ours to read */
		}
		done += (size_t)n;
	}
	return 0;
}

int json_read_fd(int fd, size_t max, json_t **ret)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(max);
	int r = json_read_text(fd, max, &text);

	return r != 0 ? trace(r) : trace(json_parse(buf_view(&text), ret));
}

static int memfd_new(const char *name)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd;

	fd = memfd_create(name, flags | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL) {
		fd = memfd_create(name, flags);
	}
	return fd < 0 ? fault(-errno) : fd;
}

static int write_all(int fd, struct view v)
{
	off_t at = 0;

	while (v.len > 0) {
		ssize_t n = pwrite(fd, v.data, v.len, at);

		if (n < 0 && errno != EINTR) {
			return fault(-errno);
		}
		if (n > 0) {
			at += n;
			v = view_last(v, v.len - (size_t)n);
		}
	}
	return 0;
}

int json_memfd_text(struct view text, const char *name, int *ret_fd)
{
	_cleanup_(fd_done) int fd = memfd_new(name);
	int r;

	if (fd < 0) {
		return trace(fd);
	}
	r = write_all(fd, text);
	if (r < 0) {
		return trace(r);
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | SEALS_NEEDED) < 0) {
		return fault(-errno);
	}
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int json_memfd(const json_t *j, const char *name, int *ret_fd)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(MAX_TEXT);
	int r = json_canonical(j, &text);

	return r != 0 ? trace(r) : trace(json_memfd_text(buf_view(&text), name, ret_fd));
}
