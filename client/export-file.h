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
 * out). Any size: the file is walked, never parsed as a whole.
 */
#include "base/json.h"
#include "record/checkpoint.h"

#define EXPORT_ENTRY_MAX (256U * 1024U) /* bytes of one entry's JSON string */

struct export_file {
	char *origin; /* all owned */
	char *vkey;
	char *checkpoint;
	struct view entries; /* the arrays, borrowed from the text */
	struct view leaves;  /* empty: left out */
};

enum export_outcome {
	EXPORT_MALFORMED = 1, /* not this format */
	EXPORT_ENTRY,	      /* entry bad_index is not canonical, or is out of sequence */
	EXPORT_KEY,	      /* the file names another key than the one given */
	EXPORT_CHECKPOINT,    /* the file's own checkpoint does not verify */
	EXPORT_OTHER,  /* the checkpoint given does not verify, or is of another record */
	EXPORT_SHORT,  /* fewer entries than a checkpoint covers: cut off */
	EXPORT_LONG,   /* more entries than the file's checkpoint covers */
	EXPORT_TREE,   /* the entries do not lead to a checkpoint's root */
	EXPORT_LEAVES, /* the entries are good, but the leaves listed are not theirs */
};

/** export_parse() - the members around the entries. Return: 0, a fault or EXPORT_MALFORMED. */
int export_parse(struct view text, struct export_file *ret) _must_check_;
void export_done(struct export_file *x);

struct export_result {
	uint64_t size;	/* entries in the file */
	uint64_t good;	/* entries from the first on that a verified checkpoint covers */
	uint64_t bad;	/* EXPORT_ENTRY: its index */
	bool own_key;	/* the key was taken from the file itself */
	uint64_t given; /* size of the checkpoint given, 0: none */
};

/**
 * export_verify() - recompute everything
 * @note: a checkpoint kept elsewhere, or VIEW_NULL
 * @vkey: the record's key as known to the checker; NULL: the one in the file
 * @ret:  filled as far as it came, also on an outcome
 */
int export_verify(const struct export_file *x, struct view note, const char *vkey,
	struct export_result *ret) _must_check_;
const char *export_explain(int outcome);
