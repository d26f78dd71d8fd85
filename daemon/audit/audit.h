/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The record: an append-only list of events in SQLite (WAL, synchronous=FULL), hashed into the
 * RFC 6962 tree of record/merkle.h. An entry is RFC 8785 JSON; append returns after the commit.
 * Nothing is released before its entry is durable; when that fails the caller refuses
 * (VITALED_REASON_AUDIT_UNAVAILABLE). Never content, title, PIN, NIR or name of a patient.
 */
#include "base/json.h"
#include "daemon/audit/events.h"
#include "record/checkpoint.h"

const char *audit_event_word(enum audit_event e);

/** struct audit_entry - NULL members are left out of the JSON. All borrowed. */
struct audit_entry {
	enum audit_event event;
	const char *session;	  /* "session/N" + "@" + boot id prefix: unique */
	const char *outcome;	  /* "ok" or a reason's word */
	int64_t caller_uid;	  /* -1: none */
	const char *caller;	  /* unique bus name */
	const char *application;  /* "name version" */
	const char *professional; /* national id */
	const char *structure;
	const char *pseudonym; /* 64 hex digits */
	const char *mode;
	const char *document;	  /* document id */
	int64_t dossier_version;  /* -1: none */
	const char *dossier_hash; /* 64 hex digits */
	const char *rule;	  /* denials: name of the rule */
	const json_t *details;	  /* event-specific members, an object; or NULL */
};

#define AUDIT_ENTRY_NULL ((struct audit_entry){.caller_uid = -1, .dossier_version = -1})

struct audit;

/**
 * audit_open() - open or create the record
 * @folder: private state folder; holds audit.sqlite and, when @seed is empty, audit.key (0600, made)
 * @origin: name of the log, e.g. "vitaled.example/record"
 * @seed:   Ed25519 seed (32 bytes) from a credential, or VIEW_NULL
 *
 * Return: 0, AUDIT_OTHER_ORIGIN, AUDIT_OTHER_KEY or a fault (-ENOSPC, -EROFS, -EBADMSG for a damaged
 * file, ...).
 */
int audit_open(const char *folder, const char *origin, struct view seed,
	struct audit **ret_a) _must_check_;
struct audit *audit_free(struct audit *a);
/** audit_origin() - the origin that the record in @folder, which is not open, was made with. */
int audit_origin(const char *folder, char ret[CHECKPOINT_ORIGIN_MAX]) _must_check_;

enum audit_outcome {
	AUDIT_UNAVAILABLE = 1, /* nothing was written; the cause is in audit_cause() */
	AUDIT_NO_ENTRY,	       /* index beyond the record */
	AUDIT_OTHER_ORIGIN,    /* it was made by our key with another origin */
	AUDIT_OTHER_KEY,       /* another key signed it, or audit.key is not the credential's */
	AUDIT_ENOUGH,	       /* of an audit_row_fn */
};

/** audit_append() - durable when 0 is returned. @ret_index may be NULL. Return: 0 or AUDIT_UNAVAILABLE. */
int audit_append(
	struct audit *a, const struct audit_entry *e, uint64_t *ret_index) _must_check_;
/** audit_on_append() - @appended (NULL: nobody) runs after each audit_append() that succeeded. */
void audit_on_append(struct audit *a, void (*appended)(void *user), void *user);
const char *audit_cause(const struct audit *a); /* text for the log: "disk full", ... */
void audit_head(const struct audit *a, uint64_t *ret_size, uint8_t ret_root[MERKLE_HASH]);
/** audit_checkpoint() - sign and keep a checkpoint of now; the note's text appended to @out.
 *  Return: 0 or AUDIT_UNAVAILABLE. */
int audit_checkpoint(struct audit *a, struct buf *out) _must_check_;
/** audit_note() - the newest checkpoint that is kept, a C2SP note; borrowed until the next one.
 *  @ret_size: the entries that it covers; may be NULL. */
const char *audit_note(const struct audit *a, uint64_t *ret_size);
/** audit_on_checkpoint() - @made (NULL: nobody) runs after each checkpoint that is a new one. */
void audit_on_checkpoint(struct audit *a, void (*made)(void *user), void *user);
/** audit_consistency() - that the tree of the first @old entries is the beginning of the one of
 *  audit_note(): RFC 6962 §2.1.2, hashes appended to @ret_path. Return: 0, a fault, AUDIT_NO_ENTRY
 *  when the note covers fewer than @old. */
int audit_consistency(struct audit *a, uint64_t old, struct buf *ret_path) _must_check_;
/** audit_vkey() - borrowed. */
const char *audit_vkey(const struct audit *a);
/** audit_proof() - canonical bytes of entry @index (none when it was pruned) and its path in the tree
 *  of now. */
int audit_proof(struct audit *a, uint64_t index, struct buf *ret_entry,
	struct buf *ret_path) _must_check_;
/** audit_export() - JSON array file: {"format":1,"origin","vkey","checkpoint","entries":[text or null
 *  (pruned)...],"leaves":[base64...]}
 *  written to @fd, entries as the exact canonical texts (JSON strings), streamed. A checkpoint is
 *  made for it. @fd: a file or memfd (a pipe that is not read would stall the loop).
 *  Return: 0, a fault or AUDIT_UNAVAILABLE. */
int audit_export(struct audit *a, int fd) _must_check_;

typedef int (*audit_row_fn)(void *user, uint64_t index, const json_t *entry);
/** audit_history() - entries with @pseudonym, newest first, at most @limit. A negative answer of
 *  @row stops and is passed on; AUDIT_ENOUGH stops. */
int audit_history(struct audit *a, const char *pseudonym, unsigned int limit, audit_row_fn row,
	void *user) _must_check_;

/** struct audit_wanted - of the entries with @pseudonym; what is NULL is whatever it is. */
struct audit_wanted {
	const char *pseudonym;
	const char *professional;
	const enum audit_event *events; /* one of these */
	size_t n_events;
	uint64_t below; /* only entries before this number; 0: all */
};

/** audit_find() - as audit_history(), without a limit: @row says when it is enough. */
int audit_find(struct audit *a, const struct audit_wanted *wanted, audit_row_fn row,
	void *user) _must_check_;
/** audit_last_version() - dossier version and hash of the newest entry that names one for
 *  @pseudonym. Return: 0 or AUDIT_NO_ENTRY. */
int audit_last_version(struct audit *a, const char *pseudonym, uint64_t *ret_version,
	uint8_t ret_hash[32]) _must_check_;
/** audit_verify() - recompute all from the entries. Return: 0, a fault, or AUDIT_NO_ENTRY with
 *  @ret_bad = index of the first bad entry. */
int audit_verify(struct audit *a, uint64_t *ret_bad) _must_check_;
