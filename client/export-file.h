/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The exported record, checked without the service: every entry is hashed again into the tree of
 * RFC 6962 and the roots are compared with signed checkpoints. The file (doc/audit.md):
 *
 *   {"format":1,"origin":TEXT,"vkey":TEXT,"checkpoint":NOTE,"entries":[TEXT,...],
 *    "leaves":[BASE64,...]}
 *
 * in any order of members; entries are the exact canonical texts as JSON strings, leaves their
 * hashes as the record's tree holds them, which tell the entry that was changed (they may be left
 * out). An entry that was pruned is null; its hash then stands for it. Any size: the file is
 * walked, never parsed as a whole.
 */
#include "base/json.h"
#include "client/export-scan.h"
#include "record/checkpoint.h"

#define EXPORT_ENTRY_MAX SCAN_TEXT_MAX

struct export_file {
	char *origin; /* all owned */
	char *vkey;
	char *checkpoint;
	struct view entries; /* the arrays, borrowed from the text */
	struct view leaves;  /* empty: left out */
	bool formatted;	     /* it says which format it has */
};

enum export_outcome {
	EXPORT_MALFORMED = 1, /* not this format */
	EXPORT_ENTRY,	      /* entry bad_index is out of form, sequence or time */
	EXPORT_KEY,	      /* the file names another key than the one given */
	EXPORT_CHECKPOINT,    /* the file's own checkpoint does not verify */
	EXPORT_OTHER,  /* the checkpoint given does not verify, or is of another record */
	EXPORT_SHORT,  /* fewer entries than a checkpoint covers: cut off */
	EXPORT_LONG,   /* more entries than the file's checkpoint covers */
	EXPORT_TREE,   /* the entries do not lead to a checkpoint's root */
	EXPORT_LEAVES, /* the entries are good, but the leaves listed are not theirs */
	EXPORT_PRUNED, /* entry bad_index is missing, and nothing says that it was pruned */
};

/** export_parse() - the members around the entries. Return: 0, a fault or EXPORT_MALFORMED. */
int export_parse(struct view text, struct export_file *ret) _must_check_;
void export_done(struct export_file *x);

/** export_entry_fn - @text: the entry's canonical bytes; data is NULL when it was pruned.
 *  @behind: bytes of the array that have been read. Anything but 0 ends the walk. */
typedef int (*export_entry_fn)(void *user, uint64_t index, struct view text, size_t behind);
/** export_each() - the entries in order. Return: 0, a fault, EXPORT_MALFORMED, or what @fn said. */
int export_each(const struct export_file *x, export_entry_fn fn, void *user) _must_check_;

/** struct export_result - @progress (or NULL) is called now and then with bytes done and all. */
struct export_result {
	uint64_t size;	 /* entries in the file */
	uint64_t good;	 /* entries from the first on that a verified checkpoint covers */
	uint64_t bad;	 /* EXPORT_ENTRY, EXPORT_PRUNED: its index */
	uint64_t pruned; /* entries of which only the hash is left */
	bool own_key;	 /* the key was taken from the file itself */
	uint64_t given;	 /* size of the checkpoint given, 0: none */
};

typedef void (*export_progress_fn)(void *user, size_t done, size_t all);

/** struct export_against - what an export is held against */
struct export_against {
	struct view note; /* a checkpoint kept elsewhere, or VIEW_NULL */
	const char
		*vkey; /* the record's key as known to the checker; NULL: the one in the file */
	export_progress_fn progress; /* now and then; or NULL */
	void *user;
};

/**
 * export_verify() - recompute everything
 * @ret: filled as far as it came, also on an outcome
 */
int export_verify(const struct export_file *x, const struct export_against *against,
	struct export_result *ret) _must_check_;
const char *export_explain(int outcome);
