/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The open file: its state, versions and hash, and the sealed rows. Everything is read and written
 * through struct query. What comes from the file is believed only after its tag has been checked;
 * row counts, order and versions are bound by the hash, which the sealed header holds.
 *
 * The keys belong to struct store and die with store_done(). A change that is not committed leaves
 * nothing behind.
 */
#include "daemon/dossier/store/store.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "daemon/dossier/store/query.h"

struct view store_pseudonym(const struct store *s)
{
	return view_of(s->pseudonym, STORE_PSEUDONYM);
}

static struct view secret_view(const struct secret *k)
{
	return view_of(k->data, k->len);
}

void store_put_place(struct buf *aad, const struct store *s, const char *label)
{
	buf_put_str(aad, label);
	buf_put_u8(aad, 0);
	buf_put_view(aad, store_pseudonym(s));
}

static int damaged_if_false(int r)
{
	return r == SEAL_FALSE ? DOSSIER_DAMAGED : trace(r);
}

void store_document_done(struct store_document *d)
{
	buf_done(&d->record);
}

bool store_id_valid(const char *id)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	for (size_t i = 0; i < STORE_ID; i++) {
		bool hex = (id[i] >= '0' && id[i] <= '9') || (id[i] >= 'a' && id[i] <= 'f');

		if (form[i] == '-' ? id[i] != '-' : !hex) {
			return false;
		}
	}
	return id[STORE_ID] == '\0';
}

void store_done(struct store *s)
{
	secret_done(&s->key);
	secret_done(&s->records);
	secret_done(&s->people);
	(void)sqlite3_close_v2(s->db);
	s->db = NULL;
}

/* -- the hash of a state --------------------------------------------------------------------- */

static int hash_blob(struct seal_digest *d, struct view v)
{
	uint8_t hash[SEAL_HASH];
	int r;

	r = seal_sha256(v, hash);
	return r < 0 ? trace(r) : trace(seal_digest_put(d, VIEW(hash)));
}

static int hash_document(struct seal_digest *d, struct query *q)
{
	int r;

	r = seal_digest_u64(d, (uint64_t)query_int(q));
	if (r == 0) {
		r = seal_digest_put(d, query_text(q));
	}
	if (r == 0) {
		r = seal_digest_u64(d, (uint64_t)query_int(q));
	}
	if (r == 0) {
		r = hash_blob(d, query_blob(q));
	}
	return trace(r);
}

static int hash_documents(struct store *s, struct seal_digest *d)
{
	_cleanup_(query_done) struct query q =
		query_of(s->db, "SELECT seq, id, version, sealed FROM document ORDER BY seq");
	int r = 0;

	while (r == 0 && query_row(&q)) {
		r = hash_document(d, &q);
	}
	return r < 0 ? trace(r) : trace(query_check(&q));
}

static int hash_people(struct store *s, struct seal_digest *d)
{
	_cleanup_(query_done) struct query q = query_of(s->db, "SELECT people FROM dossier");
	int r = 0;

	if (query_row(&q)) {
		r = hash_blob(d, query_blob(&q));
	}
	return r < 0 ? trace(r) : trace(query_check(&q));
}

/* doc/store.md, "Hash". Return: 0, a fault, FULL or DAMAGED. */
static int hash_state(struct store *s, uint64_t version, enum dossier_state state,
	const uint8_t previous[SEAL_HASH], uint8_t ret[SEAL_HASH])
{
	_cleanup_(buf_done) struct buf head = BUF_NULL(256);
	_cleanup_(seal_digest_done) struct seal_digest d = {NULL};
	int r;

	store_put_place(&head, s, "vitaled state 1");
	buf_put_u64(&head, version);
	buf_put_u8(&head, (uint8_t)state);
	buf_put(&head, previous, SEAL_HASH);
	r = buf_check(&head);
	if (r == 0) {
		r = seal_digest_begin(&d);
	}
	if (r == 0) {
		r = seal_digest_put(&d, buf_view(&head));
	}
	if (r == 0) {
		r = hash_people(s, &d);
	}
	if (r == 0) {
		r = hash_documents(s, &d);
	}
	return r != 0 ? trace(r) : trace(seal_digest_end(&d, ret));
}

/* -- loading --------------------------------------------------------------------------------- */

static bool state_of(int64_t number, enum dossier_state *ret)
{
	if (number == DOSSIER_STATE_OPEN || number == DOSSIER_STATE_CLOSED) {
		*ret = number == DOSSIER_STATE_OPEN ? DOSSIER_STATE_OPEN : DOSSIER_STATE_CLOSED;
		return true;
	}
	return false;
}

/* The dossier's row. Return: 0 (see @s->state: absent without one), a fault, FULL, DAMAGED. */
static int load_row(struct store *s)
{
	_cleanup_(query_done) struct query q =
		query_of(s->db, "SELECT version, state, previous FROM dossier");
	int64_t version;
	int64_t state;
	int r;

	if (!query_row(&q)) {
		return trace(query_check(&q));
	}
	version = query_int(&q);
	state = query_int(&q);
	r = view_copy(query_blob(&q), s->previous, sizeof(s->previous));
	if (r < 0 || version < 1 || !state_of(state, &s->state)) {
		return DOSSIER_DAMAGED;
	}
	s->version = (uint64_t)version;
	return trace(query_check(&q));
}

/* A file without a dossier holds no document either. */
static int check_empty(struct store *s)
{
	_cleanup_(query_done) struct query q =
		query_of(s->db, "SELECT EXISTS (SELECT 1 FROM document)"
				" OR EXISTS (SELECT 1 FROM chunk)");
	bool any = query_row(&q) && query_int(&q) != 0;
	int r = query_check(&q);

	return r == 0 && any ? DOSSIER_DAMAGED : trace(r);
}

int store_load(struct store *s)
{
	int r;

	s->state = DOSSIER_STATE_ABSENT;
	s->version = 0;
	memset(s->hash, 0, sizeof(s->hash));
	memset(s->previous, 0, sizeof(s->previous));
	if (!s->db) {
		return 0;
	}
	r = load_row(s);
	if (r != 0) {
		return trace(r);
	}
	if (s->state == DOSSIER_STATE_ABSENT) {
		return trace(check_empty(s));
	}
	return trace(hash_state(s, s->version, s->state, s->previous, s->hash));
}

/* -- keys ------------------------------------------------------------------------------------ */

static int open_people(struct store *s, struct view key, struct buf *ret)
{
	_cleanup_(query_done) struct query q = query_of(s->db, "SELECT people FROM dossier");
	_cleanup_(buf_done) struct buf aad = BUF_NULL(256);
	struct view sealed = query_row(&q) ? query_blob(&q) : VIEW_NULL;
	int r = query_check(&q);

	if (r != 0) {
		return trace(r);
	}
	store_put_place(&aad, s, "vitaled people record 1");
	r = buf_check(&aad);
	if (r < 0) {
		return trace(r);
	}
	return damaged_if_false(seal_open(key, buf_view(&aad), sealed, ret));
}

int store_read_people(struct store *s, struct view key, struct buf *ret)
{
	if (s->state == DOSSIER_STATE_ABSENT) {
		buf_put_str(ret, "{}");
		return trace(buf_check(ret));
	}
	return trace(open_people(s, key, ret));
}

static void put_header(struct buf *b, uint64_t version, enum dossier_state state,
	const uint8_t hash[SEAL_HASH])
{
	buf_put_u64(b, version);
	buf_put_u8(b, (uint8_t)state);
	buf_put(b, hash, SEAL_HASH);
}

/* Does the header, sealed by whoever had the key, say what we have read? */
static int check_header(struct store *s)
{
	_cleanup_(query_done) struct query q = query_of(s->db, "SELECT header FROM dossier");
	_cleanup_(buf_done) struct buf aad = BUF_NULL(256);
	_cleanup_(buf_done) struct buf read = BUF_NULL(256);
	_cleanup_(buf_done) struct buf wanted = BUF_NULL(256);
	struct view sealed = query_row(&q) ? query_blob(&q) : VIEW_NULL;
	int r = query_check(&q);

	if (r != 0) {
		return trace(r);
	}
	store_put_place(&aad, s, "vitaled header 1");
	put_header(&wanted, s->version, s->state, s->hash);
	if (aad.failed || wanted.failed) {
		return fault(-ENOMEM);
	}
	r = seal_open(secret_view(&s->records), buf_view(&aad), sealed, &read);
	if (r == 0 && !view_equal(buf_view(&read), buf_view(&wanted))) {
		r = SEAL_FALSE;
	}
	return damaged_if_false(r);
}

static int take_key(struct store *s, struct view key)
{
	int r;

	secret_done(&s->key);
	r = secret_new(&s->key, SEAL_KEY);
	if (r < 0) {
		return trace(r);
	}
	r = view_copy(key, s->key.data, s->key.size);
	if (r < 0) {
		return trace(r);
	}
	s->key.len = key.len;
	secret_done(&s->records);
	secret_done(&s->people);
	r = seal_derive(key, VIEW_NULL, "vitaled records 1", store_pseudonym(s), &s->records);
	if (r == 0) {
		r = seal_people_key(key, store_pseudonym(s), &s->people);
	}
	return trace(r);
}

int store_grant(struct store *s, struct view key)
{
	int r;

	r = take_key(s, key);
	if (r < 0) {
		return trace(r);
	}
	return s->state == DOSSIER_STATE_ABSENT ? 0 : trace(check_header(s));
}

/* -- changing -------------------------------------------------------------------------------- */

int store_begin(struct store *s)
{
	int r;

	assert(!s->writing);
	/* SQLite still owes its folder a sync, which needs the open() that was given up */
	if (s->reading) {
		return DOSSIER_FULL;
	}
	/* absent becomes open by its first version */
	s->becoming = s->state == DOSSIER_STATE_ABSENT ? DOSSIER_STATE_OPEN : s->state;
	r = query_run(s->db, "BEGIN IMMEDIATE");
	s->writing = r == 0;
	return trace(r);
}

void store_rollback(struct store *s)
{
	if (s->writing) {
		/* SQLite may have rolled back by itself: nothing is left to do then */
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
		s->writing = false;
	}
}

int store_settle(struct store *s)
{
	assert(!s->writing);
	if (!s->db || sqlite3_get_autocommit(s->db)) {
		return 0;
	}
	return trace(query_run(s->db, "ROLLBACK"));
}

static int write_header(struct store *s, uint64_t version, enum dossier_state state,
	const uint8_t hash[SEAL_HASH])
{
	_cleanup_(query_done) struct query q = query_of(
		s->db, "UPDATE dossier SET version = ?, state = ?, previous = ?, header = ?");
	_cleanup_(buf_done) struct buf aad = BUF_NULL(256);
	_cleanup_(buf_done) struct buf plain = BUF_NULL(256);
	_cleanup_(buf_done) struct buf sealed = BUF_NULL(512);
	int r;

	store_put_place(&aad, s, "vitaled header 1");
	put_header(&plain, version, state, hash);
	if (aad.failed || plain.failed) {
		return fault(-ENOMEM);
	}
	r = seal_put(secret_view(&s->records), buf_view(&aad), buf_view(&plain), &sealed);
	if (r < 0) {
		return trace(r);
	}
	query_bind_int(&q, (int64_t)version);
	query_bind_int(&q, state);
	query_bind_blob(&q, VIEW(s->hash));
	query_bind_blob(&q, buf_view(&sealed));
	(void)query_row(&q);
	return trace(query_check(&q));
}

/* A commit whose sync failed is in the log and may be found made at the next opening: it is neither
 * done nor refused, so it is a fault, and the record's last word stays "started". */
static int commit(sqlite3 *db)
{
	int r = query_run(db, "COMMIT");
	int code = sqlite3_extended_errcode(db);

	if (r > 0 && (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC)) {
		return fault(-EIO);
	}
	return trace(r);
}

int store_commit(struct store *s)
{
	enum dossier_state state = s->becoming;
	uint64_t version = s->version + 1;
	uint8_t hash[SEAL_HASH];
	int r;

	assert(s->writing);
	r = hash_state(s, version, state, s->hash, hash);
	if (r == 0) {
		r = write_header(s, version, state, hash);
	}
	if (r == 0) {
		r = commit(s->db);
	}
	if (r != 0) {
		store_rollback(s);
		return trace(r);
	}
	s->writing = false;
	s->state = state;
	s->version = version;
	bytes_copy(s->previous, sizeof(s->previous), s->hash, SEAL_HASH);
	bytes_copy(s->hash, sizeof(s->hash), hash, SEAL_HASH);
	return 0;
}

static int seal_people(struct store *s, struct view people, struct buf *sealed)
{
	_cleanup_(buf_done) struct buf aad = BUF_NULL(256);
	int r;

	store_put_place(&aad, s, "vitaled people record 1");
	r = buf_check(&aad);
	return r < 0 ? trace(r)
		     : trace(seal_put(secret_view(&s->people), buf_view(&aad), people, sealed));
}

int store_create(struct store *s, struct view people)
{
	_cleanup_(query_done) struct query q = query_of(
		s->db, "INSERT INTO dossier VALUES (1, 1, ?, zeroblob(32), ?, zeroblob(1))");
	_cleanup_(buf_done) struct buf sealed = BUF_NULL(STORE_RECORD);
	int r;

	r = seal_people(s, people, &sealed);
	if (r < 0) {
		return trace(r);
	}
	query_bind_int(&q, DOSSIER_STATE_OPEN);
	query_bind_blob(&q, buf_view(&sealed));
	(void)query_row(&q);
	return trace(query_check(&q));
}

int store_put_people(struct store *s, struct view people)
{
	_cleanup_(query_done) struct query q = query_of(s->db, "UPDATE dossier SET people = ?");
	_cleanup_(buf_done) struct buf sealed = BUF_NULL(STORE_RECORD);
	int r;

	r = seal_people(s, people, &sealed);
	if (r < 0) {
		return trace(r);
	}
	query_bind_blob(&q, buf_view(&sealed));
	(void)query_row(&q);
	return trace(query_check(&q));
}

/* -- documents ------------------------------------------------------------------------------- */

int store_next_seq(struct store *s, int64_t *ret_seq)
{
	_cleanup_(query_done) struct query q =
		query_of(s->db, "SELECT coalesce(max(seq), 0) + 1 FROM document");
	int64_t seq = query_row(&q) ? query_int(&q) : 0;
	int r = query_check(&q);

	if (r != 0) {
		return trace(r);
	}
	if (seq < 1 || seq > STORE_DOCUMENTS) {
		return DOSSIER_TOO_LARGE;
	}
	*ret_seq = seq;
	return 0;
}

static int document_place(
	const struct store *s, const char *id, uint64_t version, struct buf *aad)
{
	store_put_place(aad, s, "vitaled document 1");
	buf_put_str(aad, id);
	buf_put_u64(aad, version);
	return trace(buf_check(aad));
}

static int write_document(struct store *s, const struct store_document *d, const char *sql)
{
	_cleanup_(query_done) struct query q = query_of(s->db, sql);
	_cleanup_(buf_done) struct buf aad = BUF_NULL(256);
	_cleanup_(buf_done) struct buf sealed = BUF_NULL(STORE_RECORD + 64U);
	uint64_t version = s->version + 1;
	int r;

	r = document_place(s, d->id, version, &aad);
	if (r == 0) {
		r = seal_put(secret_view(&s->records), buf_view(&aad), buf_view(&d->record),
			&sealed);
	}
	if (r < 0) {
		return trace(r);
	}
	query_bind_int(&q, (int64_t)version);
	query_bind_blob(&q, buf_view(&sealed));
	query_bind_int(&q, d->seq);
	query_bind_text(&q, d->id);
	(void)query_row(&q);
	return trace(query_check(&q));
}

int store_put(struct store *s, const struct store_document *d)
{
	return trace(write_document(
		s, d, "INSERT INTO document (version, sealed, seq, id) VALUES (?, ?, ?, ?)"));
}

int store_replace(struct store *s, const struct store_document *d)
{
	return trace(write_document(
		s, d, "UPDATE document SET version = ?, sealed = ? WHERE seq = ? AND id = ?"));
}

/* The row under @q into @d, which is reset before. */
static int read_document(struct store *s, struct query *q, struct store_document *d)
{
	_cleanup_(buf_done) struct buf aad = BUF_NULL(256);
	struct view sealed;
	int64_t seq;
	int64_t version;
	char id[STORE_ID + 1];
	int r;

	if (!query_row(q)) {
		r = query_check(q);
		return r != 0 ? trace(r) : DOSSIER_NO_DOCUMENT;
	}
	seq = query_int(q);
	r = view_copy_str(query_text(q), id, sizeof(id));
	version = query_int(q);
	sealed = query_blob(q);
	if (r < 0 || !store_id_valid(id) || query_check(q) != 0) {
		return DOSSIER_DAMAGED;
	}
	r = document_place(s, id, (uint64_t)version, &aad);
	if (r < 0) {
		return trace(r);
	}
	buf_reset(&d->record);
	r = seal_open(secret_view(&s->records), buf_view(&aad), sealed, &d->record);
	if (r != 0) {
		return damaged_if_false(r);
	}
	d->seq = seq;
	d->version = (uint64_t)version;
	bytes_copy(d->id, sizeof(d->id), id, sizeof(id));
	return 0;
}

int store_get(struct store *s, const char *id, struct store_document *ret_d)
{
	_cleanup_(query_done) struct query q =
		query_of(s->db, "SELECT seq, id, version, sealed FROM document WHERE id = ?");

	query_bind_text(&q, id);
	return trace(read_document(s, &q, ret_d));
}

int store_get_at(struct store *s, int64_t seq, struct store_document *d)
{
	_cleanup_(query_done) struct query q =
		query_of(s->db, "SELECT seq, id, version, sealed FROM document WHERE seq = ?");

	query_bind_int(&q, seq);
	return trace(read_document(s, &q, d));
}

int store_each(struct store *s, int64_t after, store_each_fn each, void *user)
{
	_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
	_cleanup_(query_done) struct query q =
		query_of(s->db, "SELECT seq, id, version, sealed FROM document WHERE seq > ? "
				"ORDER BY seq");
	int r;

	query_bind_int(&q, after);
	do {
		r = read_document(s, &q, &d);
		if (r == 0) {
			r = each(user, &d);
		}
	} while (r == 0);
	return r == DOSSIER_NO_DOCUMENT ? 0 : trace(r);
}
