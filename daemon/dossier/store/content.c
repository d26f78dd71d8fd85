/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Contents in sealed chunks. Each content has a key of its own, from the dossier's key and 32 random
 * bytes that stand in its record, so the nonce of a chunk can be its place: number and whether it is
 * the last. Changed, swapped, moved to another document, dropped at the end: the tag does not verify.
 */
#include <assert.h>

#include "daemon/dossier/store/query.h"
#include "daemon/dossier/store/store.h"

#define CHUNKS_MAX 8192 /* keys set aside for one document; STORE_CONTENT needs 4096 */

int store_content_init(const struct store *s, int64_t seq, const char *id, uint64_t version,
	struct view salt, struct store_content *ret_c)
{
	_cleanup_(buf_done) struct buf info = BUF_NULL(256);
	struct store_content c = {.seq = seq, .version = version, .key = SECRET_NULL};
	int r;

	buf_put_view(&info, store_pseudonym(s));
	buf_put_str(&info, id);
	r = buf_check(&info);
	if (r == 0) {
		r = view_copy_str(view_str(id), c.id, sizeof(c.id));
	}
	if (r == 0) {
		r = seal_derive(view_of(s->key.data, s->key.len), salt, "vitaled content 1",
			buf_view(&info), &c.key);
	}
	if (r < 0) {
		return trace(r);
	}
	*ret_c = c;
	return 0;
}

void store_content_done(struct store_content *c)
{
	secret_done(&c->key);
}

/* The nonce (12) and behind it the associated data of a chunk. */
static int chunk_place(const struct store *s, const struct store_content *c, uint32_t number,
	bool last, struct buf *place)
{
	(void)buf_extend(place, SEAL_NONCE - 5);
	buf_put_u32(place, number);
	buf_put_u8(place, last);
	store_put_place(place, s, "vitaled chunk 1");
	buf_put_str(place, c->id);
	buf_put_u64(place, c->version);
	buf_put_u32(place, number);
	buf_put_u8(place, last);
	return trace(buf_check(place));
}

static int64_t chunk_key(const struct store_content *c, uint32_t number)
{
	assert(number < CHUNKS_MAX);
	return c->seq * CHUNKS_MAX + number;
}

uint32_t store_chunks(uint64_t size)
{
	return size == 0 ? 1 : (uint32_t)((size + STORE_CHUNK - 1) / STORE_CHUNK);
}

int store_count_chunks(struct store *s, int64_t seq, uint32_t *ret_n)
{
	_cleanup_(query_done) struct query q =
		query_of(s->db, "SELECT count(*) FROM chunk WHERE key >= ? AND key < ?");
	int64_t n;
	int r;

	query_bind_int(&q, seq * CHUNKS_MAX);
	query_bind_int(&q, (seq + 1) * CHUNKS_MAX);
	n = query_row(&q) ? query_int(&q) : 0;
	r = query_check(&q);
	if (r == 0) {
		*ret_n = (uint32_t)n;
	}
	return trace(r);
}

int store_drop_content(struct store *s, int64_t seq)
{
	_cleanup_(query_done) struct query q =
		query_of(s->db, "DELETE FROM chunk WHERE key >= ? AND key < ?");

	query_bind_int(&q, seq * CHUNKS_MAX);
	query_bind_int(&q, (seq + 1) * CHUNKS_MAX);
	(void)query_row(&q);
	if (q.rc != SQLITE_OK) {
		return trace(query_check(&q));
	}
	return trace(query_run(s->db, "INSERT OR IGNORE INTO chunk VALUES (0, zeroblob(0))"));
}

int store_remove(struct store *s, int64_t seq)
{
	_cleanup_(query_done) struct query q =
		query_of(s->db, "DELETE FROM document WHERE seq = ?");
	int r = store_drop_content(s, seq);

	if (r != 0) {
		return trace(r);
	}
	query_bind_int(&q, seq);
	(void)query_row(&q);
	return trace(query_check(&q));
}

int store_put_chunk(struct store *s, const struct store_content *c, uint32_t number, bool last,
	struct view plain)
{
	_cleanup_(query_done) struct query q =
		query_of(s->db, "INSERT INTO chunk (key, sealed) VALUES (?, ?)");
	_cleanup_(buf_done) struct buf place = BUF_NULL(256);
	_cleanup_(buf_done) struct buf sealed = BUF_NULL(STORE_CHUNK + SEAL_TAG);
	struct reader in;
	struct view nonce;
	int r;

	r = chunk_place(s, c, number, last, &place);
	if (r < 0) {
		return trace(r);
	}
	in = reader_of(buf_view(&place));
	nonce = reader_take(&in, SEAL_NONCE);
	r = seal_put_at(
		view_of(c->key.data, c->key.len), nonce, reader_rest(&in), plain, &sealed);
	if (r < 0) {
		return trace(r);
	}
	query_bind_int(&q, chunk_key(c, number));
	query_bind_blob(&q, buf_view(&sealed));
	(void)query_row(&q);
	return trace(query_check(&q));
}

int store_get_chunk(struct store *s, const struct store_content *c, uint32_t number, bool last,
	struct buf *ret)
{
	_cleanup_(query_done) struct query q =
		query_of(s->db, "SELECT sealed FROM chunk WHERE key = ?");
	_cleanup_(buf_done) struct buf place = BUF_NULL(256);
	struct view sealed;
	struct reader in;
	struct view nonce;
	int r;

	buf_reset(ret);
	query_bind_int(&q, chunk_key(c, number));
	sealed = query_row(&q) ? query_blob(&q) : VIEW_NULL;
	r = query_check(&q);
	if (r != 0) {
		return trace(r);
	}
	r = chunk_place(s, c, number, last, &place);
	if (r < 0) {
		return trace(r);
	}
	in = reader_of(buf_view(&place));
	nonce = reader_take(&in, SEAL_NONCE);
	r = seal_open_at(
		view_of(c->key.data, c->key.len), nonce, reader_rest(&in), sealed, ret);
	return r == SEAL_FALSE ? DOSSIER_DAMAGED : trace(r);
}
