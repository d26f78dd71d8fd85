/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Streams. A content begins as its media type says, or is refused at its first chunk. A chunk is sealed and stored when it is full and one more byte has come, so that the
 * last one is known as last; it is read back, opened and checked whole before its first byte goes
 * into the pipe. Whoever stalls for STREAM_STALL is given up by the loop, which reads the deadlines.
 */
#include "daemon/dossier/store/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/rng.h"
#include "daemon/dossier/store/chain.h"
#include "daemon/dossier/store/sniff.h"

#define STEP_READS 16 /* reads or writes of one step, so that no stream keeps the loop */

static bool would_block(void)
{
	return errno == EAGAIN || errno == EINTR;
}

/* -- in -------------------------------------------------------------------------------------- */

static bool is_readable_pipe(int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) &&
	       (flags & O_ACCMODE) == O_RDONLY && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* A random UUID (RFC 9562 §5.4): a time in the id would tell when the document came. */
static int new_id(char ret_id[STORE_ID + 1])
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(64);
	uint8_t raw[16];
	struct reader in;
	int r;

	r = rng_fill(raw, sizeof(raw));
	if (r < 0) {
		return trace(r);
	}
	raw[6] = (uint8_t)((raw[6] & 0x0F) | 0x40);
	raw[8] = (uint8_t)((raw[8] & 0x3F) | 0x80);
	in = reader_of(VIEW(raw));
	hex_encode(&text, reader_take(&in, 4));
	for (size_t i = 0; i < 3; i++) {
		buf_put_u8(&text, '-');
		hex_encode(&text, reader_take(&in, 2));
	}
	buf_put_u8(&text, '-');
	hex_encode(&text, reader_rest(&in));
	r = buf_check(&text);
	return r < 0 ? trace(r) : trace(view_copy_str(buf_view(&text), ret_id, STORE_ID + 1));
}

static int prepare(struct inflow *in, struct store *s)
{
	int r;

	r = store_next_seq(s, &in->document.seq);
	if (r != 0) {
		return trace(r);
	}
	r = new_id(in->document.id);
	if (r == 0) {
		r = rng_fill(in->salt, sizeof(in->salt));
	}
	if (r == 0) {
		r = store_content_init(s, in->document.seq, in->document.id, s->version + 1,
			VIEW(in->salt), &in->content);
	}
	if (r == 0) {
		r = seal_digest_begin(&in->digest);
	}
	return trace(r);
}

int inflow_start(struct inflow *in, struct store *s, int fd, json_t *metadata, json_t *author,
	const char *replaces)
{
	int r;

	*in = INFLOW_NULL;
	in->fd = fd;
	in->deadline = clock_monotonic() + STREAM_STALL;
	in->size = (uint64_t)json_integer_value(json_object_get(metadata, "size"));
	if (!is_readable_pipe(fd)) {
		return DOSSIER_INVALID;
	}
	in->metadata = json_incref(metadata);
	in->author = json_incref(author);
	bytes_copy(in->replaces, sizeof(in->replaces), replaces, strlen(replaces));
	r = store_begin(s);
	return r != 0 ? trace(r) : trace(prepare(in, s));
}

static int flush(struct inflow *in, struct store *s, bool last)
{
	int r;

	if (in->number == 0 && in->size > 0 &&
		!sniff_agrees(json_get_str(in->metadata, "mime"), buf_view(&in->chunk))) {
		return DOSSIER_MISMATCH;
	}
	r = store_put_chunk(s, &in->content, in->number, last, buf_view(&in->chunk));
	if (r == 0) {
		in->number++;
		buf_reset(&in->chunk);
	}
	return trace(r);
}

static int check_sum(struct inflow *in)
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(2 * SEAL_HASH);
	uint8_t hash[SEAL_HASH];
	int r;

	if (in->total != in->size) {
		return DOSSIER_MISMATCH;
	}
	r = seal_digest_end(&in->digest, hash);
	if (r < 0) {
		return trace(r);
	}
	hex_encode(&hex, VIEW(hash));
	return view_equal(buf_view(&hex), view_str(json_get_str(in->metadata, "sha256")))
		       ? 0
		       : DOSSIER_MISMATCH;
}

static int put_record(struct inflow *in, struct store *s)
{
	_cleanup_json_ json_t *record = NULL;
	int r;

	r = document_new(
		in->metadata, in->author, in->content.version, in->salt, in->replaces, &record);
	if (r == 0) {
		r = document_text(record, &in->document.record);
	}
	return r != 0 ? trace(r) : trace(store_put(s, &in->document));
}

static int finish(struct inflow *in, struct store *s)
{
	int r;

	r = check_sum(in);
	if (r == 0) {
		r = flush(in, s, true);
	}
	if (r == 0) {
		r = put_record(in, s);
	}
	if (r == 0 && in->replaces[0]) {
		r = chain_replace(s, in->replaces, in->document.id,
			json_object_get(in->metadata, "flags"));
	}
	return r != 0 ? trace(r) : trace(store_commit(s));
}

static int take(struct inflow *in, struct store *s, struct view got)
{
	int r;

	in->deadline = clock_monotonic() + STREAM_STALL;
	in->total += got.len;
	if (in->total > in->size) {
		return DOSSIER_MISMATCH;
	}
	r = seal_digest_put(&in->digest, got);
	while (r == 0 && got.len > 0) {
		struct view part = view_sub(got, 0, STORE_CHUNK - in->chunk.len);

		if (part.len == 0) {
			r = flush(in, s, false);
			continue;
		}
		buf_put_view(&in->chunk, part);
		r = buf_check(&in->chunk);
		got = view_last(got, got.len - part.len);
	}
	return trace(r);
}

static int step(struct inflow *in, struct store *s, struct buf *block, bool *ret_done)
{
	for (int i = 0; i < STEP_READS; i++) {
		ssize_t n = read(in->fd, block->data, block->len);
		int r;

		if (n < 0) {
			return would_block() ? 0 : fault(-errno);
		}
		if (n == 0) {
			r = finish(in, s);
			*ret_done = r == 0;
			return trace(r);
		}
		r = take(in, s, view_of(block->data, (size_t)n));
		if (r != 0) {
			return trace(r);
		}
	}
	return 0;
}

int inflow_step(struct inflow *in, struct store *s, bool *ret_done)
{
	_cleanup_(buf_done) struct buf block = BUF_NULL(STORE_CHUNK);
	bool done = false;
	int r;

	if (!buf_extend(&block, STORE_CHUNK)) {
		return trace(buf_check(&block));
	}
	r = step(in, s, &block, &done);
	if (r == 0) {
		*ret_done = done;
	}
	return trace(r);
}

void inflow_done(struct inflow *in, struct store *s)
{
	if (in->fd >= 0) {
		store_rollback(s);
		close(in->fd);
	}
	json_put(&in->metadata);
	json_put(&in->author);
	store_document_done(&in->document);
	store_content_done(&in->content);
	seal_digest_done(&in->digest);
	buf_done(&in->chunk);
	*in = INFLOW_NULL;
}

/* -- out ------------------------------------------------------------------------------------- */

static int load_chunk(struct outflow *out, struct store *s)
{
	out->sent = 0;
	return trace(store_get_chunk(
		s, &out->content, out->number, out->number + 1 == out->n, &out->chunk));
}

static int open_content(struct outflow *out, struct store *s, const struct store_document *d,
	const json_t *record)
{
	uint8_t salt[DOCUMENT_SALT];
	uint64_t version;
	uint64_t size;
	uint32_t there;
	int r;

	r = document_content(record, salt, &version, &size);
	if (r != 0) {
		return trace(r);
	}
	out->n = store_chunks(size);
	r = store_count_chunks(s, d->seq, &there);
	if (r != 0 || there != out->n) {
		return r != 0 ? trace(r) : DOSSIER_DAMAGED;
	}
	r = store_content_init(s, d->seq, d->id, version, VIEW(salt), &out->content);
	return r < 0 ? trace(r) : trace(load_chunk(out, s));
}

int outflow_start(struct outflow *out, struct store *s, const struct store_document *d,
	const json_t *record, int *ret_fd)
{
	int ends[2];
	int r;

	*out = OUTFLOW_NULL;
	r = open_content(out, s, d, record);
	if (r == 0 && pipe2(ends, O_CLOEXEC) < 0) {
		r = fault(-errno);
	}
	if (r != 0) {
		outflow_done(out);
		return trace(r);
	}
	out->fd = ends[1];
	out->deadline = clock_monotonic() + STREAM_STALL;
	/* ours alone: the reader's end keeps waiting as readers expect */
	if (fcntl(out->fd, F_SETFL, O_WRONLY | O_NONBLOCK) < 0) {
		r = fault(-errno);
		close(ends[0]);
		outflow_done(out);
		return r;
	}
	*ret_fd = ends[0];
	return 0;
}

/* The next chunk when the one at hand has gone. @ret_done: there is no next. */
static int refill(struct outflow *out, struct store *s, bool *ret_done)
{
	if (out->sent < out->chunk.len) {
		return 0;
	}
	if (out->number + 1 == out->n) {
		*ret_done = true;
		return 0;
	}
	out->number++;
	return trace(load_chunk(out, s));
}

int outflow_step(struct outflow *out, struct store *s, bool *ret_done)
{
	bool done = false;
	int r = 0;

	for (int i = 0; i < STEP_READS && r == 0; i++) {
		struct view left;
		ssize_t n;

		r = refill(out, s, &done);
		if (r != 0 || done) {
			break;
		}
		left = view_last(buf_view(&out->chunk), out->chunk.len - out->sent);
		n = write(out->fd, left.data, left.len);
		if (n < 0 && would_block()) {
			break;
		}
		if (n < 0) {
			done = true; /* EPIPE: nobody reads any more */
			break;
		}
		out->sent += (size_t)n;
		out->deadline = clock_monotonic() + STREAM_STALL;
	}
	if (r == 0) {
		*ret_done = done;
	}
	return trace(r);
}

void outflow_done(struct outflow *out)
{
	if (out->fd >= 0) {
		close(out->fd);
	}
	store_content_done(&out->content);
	buf_done(&out->chunk);
	*out = OUTFLOW_NULL;
}
