/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The record as one JSON file, written in steps: a record of years is gigabytes, and the loop must go on
 * meanwhile. What it holds is fixed by the checkpoint at its beginning: entries that come later are
 * not in it, and nothing is pruned until it is done. Each step is one read of a range by number.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hex.h"
#include "daemon/audit/state.h"

#define NOTE_MAX   1024U
#define WRITE_SIZE 65536U /* bytes gathered before a write */
#define ROWS	   512U	  /* of one step */

enum phase {
	PHASE_ENTRIES,
	PHASE_LEAVES,
	PHASE_DONE,
};

struct audit_export {
	struct audit *audit;
	int fd;
	struct buf gathered;
	enum phase phase;
	uint64_t size; /* of the checkpoint */
	uint64_t next; /* entry or leaf that must come */
	uint64_t end;  /* of this step */
};

static int flush(struct audit_export *x)
{
	struct view left = buf_view(&x->gathered);
	int r = buf_check(&x->gathered);

	if (r < 0)
		return trace(r);
	while (left.len > 0) {
		ssize_t n = write(x->fd, left.data, left.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fault(n < 0 ? -errno : -EIO);
		left = view_last(left, left.len - (size_t)n);
	}
	buf_reset(&x->gathered);
	return 0;
}

static int flush_full(struct audit_export *x)
{
	return x->gathered.len >= WRITE_SIZE ? trace(flush(x)) : 0;
}

/* @text as a JSON string. */
static int put_string(struct audit_export *x, struct view text)
{
	_cleanup_json_ json_t *string = json_stringn((const char *)text.data, text.len);

	if (!string)
		return fault(-EBADMSG);
	return trace(json_canonical(string, &x->gathered));
}

/* The same of visible ASCII, which an entry is but for the names that callers gave. */
static int put_text(struct audit_export *x, struct view text)
{
	const size_t start = x->gathered.len;
	uint8_t *from = buf_extend(&x->gathered, 2 * text.len + 2);
	uint8_t *to = from;

	if (!from)
		return trace(buf_check(&x->gathered));
	*to++ = '"';
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.data[i];

		if (c < 0x20 || c >= 0x7f) {
			buf_truncate(&x->gathered, start);
			return trace(put_string(x, text));
		}
		if (c == '"' || c == '\\')
			*to++ = '\\';
		*to++ = c;
	}
	*to++ = '"';
	buf_truncate(&x->gathered, start + (size_t)(to - from));
	return 0;
}

/* What stands before the next one. */
static void put_comma(struct audit_export *x)
{
	buf_put_str(&x->gathered, x->next++ == 0 ? "\n" : ",\n");
}

static int put_head(struct audit_export *x, struct view note)
{
	const struct audit *a = x->audit;

	const struct {
		const char *before;
		struct view text;
	} members[] = {
		{"{\"format\":1,\n\"origin\":", view_str(a->origin)},
		{",\n\"vkey\":", view_str(a->vkey)},
		{",\n\"checkpoint\":", note},
	};

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		int r;

		buf_put_str(&x->gathered, members[i].before);
		r = put_string(x, members[i].text);
		if (r < 0)
			return trace(r);
	}
	buf_put_str(&x->gathered, ",\n\"entries\":[");
	return 0;
}

/* -- entries ------------------------------------------------------------------------------------ */

static int entry_row(void *user, uint64_t index, struct view text)
{
	struct audit_export *x = user;
	int r;

	if (index >= x->end)
		return STORE_STOP;
	if (index != x->next)
		return fault(-EBADMSG);
	put_comma(x);
	r = put_text(x, text);
	return r == 0 ? trace(flush_full(x)) : trace(r);
}

/* Pruned ones are null. */
static int put_entries(struct audit_export *x)
{
	struct audit *a = x->audit;
	int r = 0;

	while (r == 0 && x->next < x->end && x->next < a->first) {
		put_comma(x);
		buf_put_str(&x->gathered, "null");
		r = flush_full(x);
	}
	if (r == 0 && x->next < x->end)
		r = store_each_entry(&a->store, x->next, entry_row, x);
	return trace(r);
}

/* -- leaves ------------------------------------------------------------------------------------- */

/* The leaves as the tree has them: with them a reader can name the very entry that was changed. */
static int leaf_row(void *user, uint64_t index, struct view hash)
{
	struct audit_export *x = user;

	if (index >= x->end)
		return STORE_STOP;
	if (index != x->next || hash.len != MERKLE_HASH)
		return fault(-EBADMSG);
	put_comma(x);
	buf_put_str(&x->gathered, "\"");
	base64_encode(&x->gathered, hash);
	buf_put_str(&x->gathered, "\"");
	return trace(flush_full(x));
}

static int put_rows(struct audit_export *x)
{
	struct store *s = &x->audit->store;
	int r;

	x->end = x->size - x->next > ROWS ? x->next + ROWS : x->size;
	r = store_begin(s, false);
	if (r == 0 && x->next < x->end)
		r = x->phase == PHASE_ENTRIES ? put_entries(x)
					      : store_each_leaf(s, x->next, leaf_row, x);
	store_rollback(s);
	if (r == 0 && x->next != x->end)
		r = fault(-EBADMSG); /* some are missing */
	return trace(r);
}

/* -- steps -------------------------------------------------------------------------------------- */

int audit_export_new(struct audit *a, int fd, struct audit_export **ret)
{
	_cleanup_(buf_done) struct buf note = BUF_NULL(NOTE_MAX);
	struct audit_export *x;
	int r = audit_checkpoint(a, &note);

	if (r != 0)
		return trace(r);
	x = calloc(1, sizeof(*x));
	if (!x)
		return fault(-ENOMEM);
	*x = (struct audit_export){.audit = a,
		.fd = fd,
		.gathered = BUF_NULL(8 * (size_t)STORE_ENTRY_MAX),
		.size = a->tree.size};
	a->exports++;
	r = put_head(x, buf_view(&note));
	if (r < 0) {
		audit_export_free(x);
		return trace(r);
	}
	*ret = x;
	return 0;
}

struct audit_export *audit_export_free(struct audit_export *x)
{
	if (!x)
		return NULL;
	x->audit->exports--;
	buf_done(&x->gathered);
	free(x);
	return NULL;
}

int audit_export_step(struct audit_export *x, bool *ret_more)
{
	int r = put_rows(x);

	if (r < 0)
		return trace(r);
	if (x->next == x->size) {
		x->next = 0;
		buf_put_str(&x->gathered,
			x->phase == PHASE_ENTRIES ? "\n],\n\"leaves\":[" : "\n]}\n");
		x->phase = x->phase == PHASE_ENTRIES ? PHASE_LEAVES : PHASE_DONE;
	}
	*ret_more = x->phase != PHASE_DONE;
	return x->phase == PHASE_DONE ? trace(flush(x)) : 0;
}

static void export_put(struct audit_export **x)
{
	*x = audit_export_free(*x);
}

int audit_export(struct audit *a, int fd)
{
	_cleanup_(export_put) struct audit_export *x = NULL;
	bool more = true;
	int r = audit_export_new(a, fd, &x);

	while (r == 0 && more)
		r = audit_export_step(x, &more);
	return trace(r);
}
