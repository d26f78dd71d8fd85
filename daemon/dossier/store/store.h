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
 * dossier's file).
 */
int store_open(
	struct store *s, const char *folder, const char *pseudonym, bool make) _must_check_;
/** store_load() - read state and version and compute the hash. Return: 0, fault, DOSSIER_DAMAGED. */
int store_load(struct store *s) _must_check_;
void store_done(struct store *s); /* wipes the keys, closes */

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
/** store_commit() - seal and write the header of the next version. On any other return than 0
 *  nothing has changed. */
int store_commit(struct store *s) _must_check_;
void store_rollback(struct store *s);
/** store_create() - the dossier's row with @people (JSON), version 1, when committed. */
int store_create(struct store *s, struct view people) _must_check_;

/* -- documents --------------------------------------------------------------------------------- */
/** store_next_seq() - Return: 0, a fault, or DOSSIER_TOO_LARGE (STORE_DOCUMENTS reached). */
int store_next_seq(struct store *s, int64_t *ret_seq) _must_check_;
/** store_put() - insert @d under the version that the commit will make. */
int store_put(struct store *s, const struct store_document *d) _must_check_;
/** store_replace() - write @d's record anew, idem. */
int store_replace(struct store *s, const struct store_document *d) _must_check_;
/** store_get() - @ret_d (initialised) is filled. Return: 0, a fault, NO_DOCUMENT, DAMAGED. */
int store_get(struct store *s, const char *id, struct store_document *ret_d) _must_check_;
/** store_next() - the document with the least seq above @d's, in place of @d (seq 0: the first).
 *  Return: 0, a fault, NO_DOCUMENT (no more), DAMAGED. */
int store_next(struct store *s, struct store_document *d) _must_check_;

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
/** store_get_chunk() - checked, in @ret (reset before). Return: 0, a fault or DOSSIER_DAMAGED. */
int store_get_chunk(struct store *s, const struct store_content *c, uint32_t number, bool last,
	struct buf *ret) _must_check_;
