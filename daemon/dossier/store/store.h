/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The file of one dossier: SQLite holding sealed records only. Its layout, keys and hash stand in
 * doc/store.md. store_open() is the only call that opens anything; all others work on what it
 * opened and are made after the process has confined itself.
 *
 * Positive outcomes are those of enum dossier_outcome (base/link-ops.h).
 */
#include <sqlite3.h>

#include "base/link-ops.h"
#include "daemon/dossier/seal.h"

#define STORE_PSEUDONYM 64U
#define STORE_ID	36U
#define STORE_CHUNK	(64U * 1024U)	       /* plain bytes of a content chunk */
#define STORE_CONTENT	(256U * 1024U * 1024U) /* plain bytes of a document */
#define STORE_RECORD	(256U * 1024U)	       /* plain bytes of a document's record */
#define STORE_DOCUMENTS 100000U		       /* of one dossier */

struct store {
	sqlite3 *db; /* NULL: there is no file, and none is to be made */
	char pseudonym[STORE_PSEUDONYM + 1];
	enum dossier_state state;
	uint64_t version;	     /* 0: absent */
	uint8_t hash[SEAL_HASH];     /* of the state at @version */
	uint8_t previous[SEAL_HASH]; /* of the state before */
	struct secret key;	     /* the dossier's, after store_grant() */
	struct secret records;	     /* derived */
	struct secret people;	     /* derived, or given before */
	bool writing; /* between store_begin() and store_commit() or _rollback() */
	enum dossier_state becoming; /* by the commit; may be set after store_begin() */
	bool reading;		     /* opened on a full disk: this process changes nothing */
};

/** struct store_document - one row; @record holds plain canonical JSON. */
struct store_document {
	int64_t seq;
	char id[STORE_ID + 1];
	uint64_t version; /* of the dossier when the record was last written */
	struct buf record;
};

#define STORE_DOCUMENT_NULL ((struct store_document){.record = BUF_NULL(STORE_RECORD)})

void store_document_done(struct store_document *d);

/** store_id_valid() - 36 characters of a UUID in lower case. */
bool store_id_valid(const char *id);

/**
 * store_open() - open FOLDER/<two hex>/<pseudonym>.dossier, or lay it out when @make; without a
 * file and without @make @s stays without one (absent)
 *
 * Return: 0, a fault, DOSSIER_INVALID (no pseudonym), DOSSIER_FULL, DOSSIER_DAMAGED (not a
 * dossier's file), DOSSIER_NEWER (of a later version of this program).
 */
int store_open(
	struct store *s, const char *folder, const char *pseudonym, bool make) _must_check_;
/** store_load() - read state and version and compute the hash. Return: 0, fault, DOSSIER_DAMAGED. */
int store_load(struct store *s) _must_check_;
void store_done(struct store *s); /* wipes the keys, closes */

/** store_scrub() - what store_drop_content() took is still in the write-ahead log: have it overwritten
 *  there too. Done at opening when it was due; Return: 0, a fault, DOSSIER_FULL or DAMAGED. */
int store_scrub(struct store *s) _must_check_;

/** store_read_people() - the people record under the people's @key alone; "{}" when absent. */
int store_read_people(struct store *s, struct view key, struct buf *ret) _must_check_;
/** store_grant() - take the dossier's key and check version, state and hash against the sealed
 *  header. Return: 0, a fault or DOSSIER_DAMAGED. */
int store_grant(struct store *s, struct view key) _must_check_;

struct view store_pseudonym(const struct store *s); /* borrowed */
/** store_put_place() - label 00 pseudonym: the start of every associated data. */
void store_put_place(struct buf *aad, const struct store *s, const char *label);

/* -- changing: begin, change, commit. Every commit raises the version by one. ------------------ */
int store_begin(struct store *s) _must_check_;
/** store_commit() - seal and write the header of the next version. On an outcome nothing has
 *  changed; after a fault the next opening tells. */
int store_commit(struct store *s) _must_check_;
void store_rollback(struct store *s);
/** store_settle() - outside of a change: one whose rollback failed (no memory) is rolled back now.
 *  Return: 0, a fault or an outcome: what is read would not be what is there. */
int store_settle(struct store *s) _must_check_;
/** store_create() - the dossier's row with @people (JSON), version 1, when committed. */
int store_create(struct store *s, struct view people) _must_check_;
int store_put_people(struct store *s, struct view people) _must_check_;

/* -- documents --------------------------------------------------------------------------------- */
/** store_next_seq() - Return: 0, a fault, or DOSSIER_TOO_LARGE (STORE_DOCUMENTS reached). */
int store_next_seq(struct store *s, int64_t *ret_seq) _must_check_;
/** store_put() - insert @d under the version that the commit will make. */
int store_put(struct store *s, const struct store_document *d) _must_check_;
/** store_replace() - write @d's record anew, idem. */
int store_replace(struct store *s, const struct store_document *d) _must_check_;
/** store_get() - @ret_d (initialised) is filled. Return: 0, a fault, NO_DOCUMENT, DAMAGED. */
int store_get(struct store *s, const char *id, struct store_document *ret_d) _must_check_;
/** store_get_at() - the same by its place. */
int store_get_at(struct store *s, int64_t seq, struct store_document *d) _must_check_;
/** store_each_fn - Return: 0 to go on; what else ends the walk with it (never NO_DOCUMENT). */
typedef int (*store_each_fn)(void *user, const struct store_document *d);

/** store_each() - @each with every document of a seq above @after, in their order.
 *  Return: 0, a fault, DAMAGED, or what @each returned. */
int store_each(struct store *s, int64_t after, store_each_fn each, void *user) _must_check_;

/* -- contents ---------------------------------------------------------------------------------- */
/** struct store_content - what seals the chunks of one content. */
struct store_content {
	int64_t seq;
	char id[STORE_ID + 1];
	uint64_t version;  /* of the dossier when the content came */
	struct secret key; /* derived from the dossier's key and the content's own salt */
};

/** store_content_init() - @salt: 32 random bytes of this content. */
int store_content_init(const struct store *s, int64_t seq, const char *id, uint64_t version,
	struct view salt, struct store_content *ret_c) _must_check_;
void store_content_done(struct store_content *c);
/** store_chunks() - how many chunks a content of @size bytes has: at least one. */
uint32_t store_chunks(uint64_t size);
/** store_count_chunks() - how many chunks the file holds for the document @seq. */
int store_count_chunks(struct store *s, int64_t seq, uint32_t *ret_n) _must_check_;
int store_put_chunk(struct store *s, const struct store_content *c, uint32_t number, bool last,
	struct view plain) _must_check_;
/** store_drop_content() - the chunks of document @seq go; between begin and commit, and when that is
 *  done store_scrub() is due. */
int store_drop_content(struct store *s, int64_t seq) _must_check_;
/** store_remove() - the document @seq and its chunks go, as if they had never been; as above. */
int store_remove(struct store *s, int64_t seq) _must_check_;
/** store_get_chunk() - checked, in @ret (reset before). Return: 0, a fault or DOSSIER_DAMAGED. */
int store_get_chunk(struct store *s, const struct store_content *c, uint32_t number, bool last,
	struct buf *ret) _must_check_;
