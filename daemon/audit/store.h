/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The one SQLite file of the record, as statements with a name. Of this room only. Everything is
 * run by one connection that holds the file alone; a fault carries what the disk said: -ENOSPC,
 * -EROFS, -EBADMSG (damaged, or not ours), -ENOMEM, -EBUSY, else -EIO.
 */
#include <sqlite3.h>

#include "record/merkle.h"

/* One entry in bytes: members are bounded by the bus, details hold a hash or two; what is larger
 * is a mistake of ours, and is refused. */
#define STORE_ENTRY_MAX 65536U
#define STORE_PAGE	4096U /* bytes of a page of the file */

enum store_statement {
	STORE_BEGIN_WRITE,
	STORE_BEGIN_READ,
	STORE_COMMIT,
	STORE_ROLLBACK,
	STORE_PUT_ENTRY,
	STORE_PUT_NODE,
	STORE_PUT_CHECKPOINT,
	STORE_PUT_MARK,
	STORE_CLEAR_NODES,
	STORE_FORGET_ENTRY,
	STORE_GET_ENTRY,
	STORE_GET_MARK,
	STORE_GET_NODE,
	STORE_FIRST_ENTRY,
	STORE_LAST_ENTRY,
	STORE_LAST_LEAF,
	STORE_LAST_CHECKPOINT,
	STORE_NEXT_CHECKPOINT,
	STORE_EACH_ENTRY,
	STORE_EACH_LEAF,
	STORE_EACH_OF_PERSON,
	STORE_VERSION_OF_PERSON,
	STORE_PAGES,
	STORE_PAGES_FREE,
	STORE_STATEMENT_COUNT
};

/* numbers that are kept beside the entries */
enum store_mark {
	STORE_MARK_PRUNED, /* index of the newest "pruned" entry that names a first and a last one */
	STORE_MARK_SENT, /* entries below were handed on */
};

struct store {
	sqlite3 *db;
	sqlite3_stmt *statements[STORE_STATEMENT_COUNT];
	sqlite3_io_methods methods;	/* of the file, once it keeps its room (store-room.c) */
	sqlite3_io_methods log_methods; /* of the write-ahead log, likewise */
	int log;	    /* the write-ahead log, once it keeps its room; 0: not */
	uint64_t log_bytes; /* that it shall have in advance; 0: none */
	bool log_kept;	    /* and has */
};

enum store_outcome {
	STORE_NONE = 1, /* there is no such row */
	STORE_STOP,	/* of a store_row_fn: enough */
};

/** @text: borrowed for the call. Return: 0, a fault, or STORE_STOP. */
typedef int (*store_row_fn)(void *user, uint64_t index, struct view text);

/** store_exists() - whether there is an audit.sqlite with something in it below @dirfd. */
bool store_exists(int dirfd);
/** store_open() - open or lay out audit.sqlite in @folder (also open as @dirfd).
 *  @ret_fresh: whether it was laid out now. @ret_s must be closed also after a fault. */
int store_open(
	const char *folder, int dirfd, struct store *ret_s, bool *ret_fresh) _must_check_;
void store_close(struct store *s);

/** store_begin() - begin writing (or reading); one that a failure left open is rolled back. */
int store_begin(struct store *s, bool write) _must_check_;
int store_commit(struct store *s) _must_check_;
void store_rollback(struct store *s);

int store_put_entry(struct store *s, uint64_t index, struct view text) _must_check_;
int store_put_checkpoint(struct store *s, uint64_t size, struct view note) _must_check_;
/** store_put_mark(), store_get_mark() - Return: 0, a fault, or STORE_NONE. */
int store_put_mark(struct store *s, enum store_mark mark, uint64_t value) _must_check_;
int store_get_mark(struct store *s, enum store_mark mark, uint64_t *ret) _must_check_;
/** store_clear_nodes() - all but the leaves below @kept. */
int store_clear_nodes(struct store *s, uint64_t kept) _must_check_;
/** store_forget_entry() - its content; its leaf stays. */
int store_forget_entry(struct store *s, uint64_t index) _must_check_;
/* These two are a merkle_store_fn and a merkle_fetch_fn; @user is the struct store. A node that is
 * not there is the fault -EBADMSG. */
int store_put_node(void *user, unsigned int level, uint64_t index,
	const uint8_t hash[MERKLE_HASH]) _must_check_;
int store_get_node(void *user, unsigned int level, uint64_t index,
	uint8_t ret_hash[MERKLE_HASH]) _must_check_;

/** store_find_node() - as store_get_node(), but STORE_NONE when it is not there or is no hash. */
int store_find_node(struct store *s, unsigned int level, uint64_t index,
	uint8_t ret_hash[MERKLE_HASH]) _must_check_;

/* 0, a fault, or STORE_NONE. @text and @note are appended to. */
int store_get_entry(struct store *s, uint64_t index, struct buf *text) _must_check_;
int store_first_entry(struct store *s, uint64_t *ret_index) _must_check_; /* none: 0 */
int store_last_entry(struct store *s, uint64_t *ret_index, struct buf *text) _must_check_;
int store_last_leaf(struct store *s, uint64_t *ret_index) _must_check_;
int store_last_checkpoint(struct store *s, uint64_t *ret_size, struct buf *note) _must_check_;
/** store_next_checkpoint() - the smallest one of at least @from entries. */
int store_next_checkpoint(
	struct store *s, uint64_t from, uint64_t *ret_size, struct buf *note) _must_check_;
/** store_version_of() - newest entry of @pseudonym that names a dossier's hash. */
int store_version_of(struct store *s, const char *pseudonym, struct buf *text) _must_check_;

/** store_each_entry() - from @from on, oldest first. */
int store_each_entry(struct store *s, uint64_t from, store_row_fn row, void *user) _must_check_;
/** store_each_leaf() - hashes of leaves from @from on, in order. */
int store_each_leaf(struct store *s, uint64_t from, store_row_fn row, void *user) _must_check_;
/** store_next_leaf() - the leaf behind the last one; store_first_leaf() says where that begins and
 *  store_end_leaves() that nobody asks any more. Return: 0, a fault or STORE_NONE (also: no hash). */
int store_next_leaf(
	struct store *s, uint64_t *ret_index, uint8_t ret_hash[MERKLE_HASH]) _must_check_;
int store_first_leaf(struct store *s, uint64_t from) _must_check_;
void store_end_leaves(struct store *s);

struct store_wanted {				       /* NULL: whatever it is */
	const char *pseudonym, *professional, *events; /* a JSON array of their words */
	int64_t limit, below; /* -1: none; entries before this number, 0: all */
};

/** store_each_of() - those of a pseudonym, newest first. */
int store_each_of(struct store *s, const struct store_wanted *wanted, store_row_fn row,
	void *user) _must_check_;

/* -- store-room.c ------------------------------------------------------------------------------- */

/** store_keep_room() - have the file @room bytes, and a little more, larger than what is in it, and the log @log
 *  bytes long (0: as before); never give either back, nor one when the other fails. Return: 0, -ENOSPC, a fault. */
int store_keep_room(struct store *s, uint64_t room, uint64_t log) _must_check_;
/** store_log_kept() - whether the log has its bytes, if it shall have any. */
bool store_log_kept(const struct store *s);
/** store_adopt_log() - a log that was kept and wiped stays one, also when the opening is refused. */
void store_adopt_log(struct store *s);
/** store_room() - bytes that the file has and that hold nothing. */
int store_room(struct store *s, uint64_t *ret) _must_check_;
/** store_empty_log() - move the log into the file; @scrub: and leave nothing in it (zeros, where it keeps
 *  its bytes). Return: whether all of it is there, so that it begins anew. */
bool store_empty_log(struct store *s, bool scrub);
bool store_full(int dirfd); /* no other file can be made there for lack of room */
/** store_wipe_log() - after the file was closed with an empty log: nothing in it reads as a log. */
void store_wipe_log(struct store *s);
