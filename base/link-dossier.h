/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once

/* What the frames between the broker and vitaled-dossier say; part of base/link-ops.h. Invented. */

enum dossier_op {
	DOSSIER_OP_OPEN =
		1, /* FOLDER, PSEUDONYM, VALUE u8 (1: lay the file out when there is none): opens
	                        its one file, then confines itself -> STATE u8, VERSION u64,
	                        HASH (32, of the state at VERSION), DATA (32, hash of the state before);
	                        computed without a key */
	DOSSIER_OP_KEY, /* twice. First KEY (32) = the people's -> PEOPLE (JSON), nothing else is
	                   answered yet; then KEY (32) = the dossier's, which must open a header of the
	                   same VERSION and HASH -> PEOPLE, from now on contents can be read */
	DOSSIER_OP_CREATE, /* FACTS (JSON: author) -> VERSION, HASH */
	DOSSIER_OP_ROWS, /* FILTER (JSON) -> ROWS (JSON array {id,type,section,author,author-kind,flags,
	                    status}), VALUE u8 (1: there are more), then
	                    ID: they come after it; it was the last that was looked at */
	DOSSIER_OP_LIST, /* IDS (JSON array of released ids), VALUE u8 (1: more ids follow in another
	                    request, nothing is made yet) -> at the last: fd: sealed memfd, JSON */
	DOSSIER_OP_SUMMARY, /* as LIST */
	DOSSIER_OP_READ, /* ID -> fds: pipe to read the content from, sealed memfd with the facts.
	                    Event of the same op at its end: ID, STATE u8 (DONE: sent, or nobody
	                    reads it any more; else it cannot be sent to its end) */
	DOSSIER_OP_ADD, /* fds: content pipe, metadata memfd; FACTS (JSON: author) -> ID, VERSION, HASH */
	DOSSIER_OP_FLAG, /* ID, FLAG, VALUE u8 (1: on), FACTS -> VERSION, HASH */
	DOSSIER_OP_WEIGH, /* fd: metadata memfd; FACTS as of ADD, (ID as of REPLACE) -> ROWS (the one
	                     row that it would make, id ""), VALUE u8 0; nothing changes */
	DOSSIER_OP_REPLACE, /* as ADD, and ID: the active document that the new one replaces
	                       -> ID (the new one's), VERSION, HASH */
	DOSSIER_OP_STATUS, /* ID, STATUS (text: active, archived, deleted), FACTS (JSON: author)
	                       -> VERSION, HASH. deleted: the content is gone, and there is no way back */
	DOSSIER_OP_PEOPLE, /* FACTS (JSON: people_act of doc/store.md) -> PEOPLE, VERSION, HASH */
	DOSSIER_OP_CODE, /* from the people's key on, nothing changes: VALUE u8 (1: the personal code, 2:
	                    the activation code; both: 3), fd: pipe with the digits
	                    -> STATUS (text: personal, activation: which it was), or CODE_WRONG */
	DOSSIER_OP_SET_CODE, /* fd: pipe with the digits of a new personal code, FACTS
	                        -> PEOPLE, VERSION, HASH */
	DOSSIER_OP_ISSUE_CODE, /* FACTS (JSON: people_act activation-code) -> PEOPLE, VERSION, HASH; fd: sealed
	                          memfd with the 8 digits of a new activation code, which replaces
	                          the one before */
	DOSSIER_OP_CLOSE,  /* FACTS (JSON: people_act close) -> PEOPLE, VERSION, HASH */
	DOSSIER_OP_REOPEN, /* FACTS (JSON: people_act reopen) -> PEOPLE, VERSION, HASH */
	DOSSIER_OP_EXPORT, /* IDS, VALUE as LIST; fd: sealed memfd with the history (JSON) in the last
	                      -> fd: pipe to read a ZIP from. Event of the same op at its end: ID, STATE
	                      u8 (DONE: all was written, or the reader has left) */
	DOSSIER_OP_IMPORT, /* fd: sealed memfd with reimbursements (JSON array of metadata), FACTS
	                      (JSON: author, made: the day of the feed, YYYY-MM-DD) -> VALUE u32:
	                      lines that were new, VERSION, HASH */
};

enum dossier_state {
	DOSSIER_STATE_ABSENT = 1,
	DOSSIER_STATE_OPEN,
	DOSSIER_STATE_CLOSED,
};

enum dossier_outcome {
	DOSSIER_DONE = 0,
	DOSSIER_NO_DOCUMENT,
	DOSSIER_WRONG_STATE, /* create on an open one, read on an absent one */
	DOSSIER_INVALID,     /* metadata against the schema: ADVICE names the member */
	DOSSIER_MISMATCH,    /* size or SHA-256 of the content differ from the metadata */
	DOSSIER_TOO_LARGE,
	DOSSIER_DAMAGED, /* a tag does not verify, the file is not a dossier, wrong key */
	DOSSIER_FULL,	 /* disk full or read-only */
	DOSSIER_LATE,	 /* the content did not come in time */
	DOSSIER_FAULT,
	DOSSIER_NEWER, /* the file was written by a later version of this program */
	DOSSIER_CODE_WRONG,
};
