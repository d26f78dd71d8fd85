/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * A broker in small, for the disk that fails: the record, the keys and the dossiers' processes with
 * the libraries of the real one and in its order (started, change, outcome), without bus, cards and
 * people. What it says, on standard output and in the disk's log (disk.h), is lines:
 *
 *   + KEY VALUE   acknowledged: must be there from now on
 *   ? KEY VALUE   attempted: may be there from now on
 *   - KEY VALUE   refused by name: must not be there
 *   ! WHY         a step was refused; it is tried again
 */
#include <sys/types.h>

#include "base/link-ops.h"
#include "base/link.h"
#include "daemon/audit/audit.h"
#include "daemon/dossier/keys.h"
#include "daemon/dossier/seal.h"

#define DRIVE_ORIGIN "crash.vitaled.example/record"
#define DRIVE_PEOPLE 3U /* who have a dossier */

struct drive {
	char state[256];
	char folder[272];
	struct audit *audit;
	struct keys keys;
	uint64_t random;
};

/** struct person - one dossier in use: its process and what the broker knows of it. */
struct person {
	struct drive *d;
	char pseudonym[65];
	pid_t pid;
	int link; /* -1: not in use */
	struct buf storage;
	struct link_frame answer;
	uint32_t seq;
	uint8_t state; /* enum dossier_state */
	uint64_t version;
	uint8_t hash[SEAL_HASH];
	struct secret key;
	struct buf wrapped;
	bool has_key;
	bool pending;
	bool empty;
	bool unfinished;
	enum audit_event unfinished_event;
};

/* All that return a text return NULL when it is done, else why not. */

void say(const char *fmt, ...) _printf_(1, 2);
void die(const char *fmt, ...) _printf_(1, 2) __attribute__((noreturn));
uint64_t drive_random(struct drive *d, uint64_t below);

/* -- drive-record.c ------------------------------------------------------------------------------- */

const char *drive_start(struct drive *d); /* record, keys, sweep */
void drive_stop(struct drive *d);
const char *record_append(struct drive *d, enum audit_event e, const char *outcome,
	const struct person *p, bool vouched);
const char *record_note(struct drive *d);
const char *record_prune(struct drive *d); /* all that is older than now */
void record_export(struct drive *d, const char *path);
/** record_agrees() - as daemon/dossier/record.c does; ends the program when it rejects. */
void record_agrees(struct person *p, struct view previous);
void pseudonym_of(unsigned int n, char ret[65]);

/* -- drive-dossier.c ------------------------------------------------------------------------------ */

const char *person_open(struct drive *d, unsigned int n, bool make, struct person *p);
void person_close(struct person *p); /* as dossier_lock() does */
/** person_ask() - Return: outcome, or -1 when the process is gone. */
int person_ask(struct person *p, enum dossier_op op, struct buf *body, const int *fds,
	size_t n_fds, struct view content, int feed);
const char *person_create(struct person *p);
/** person_change() - started, @op, outcome. @feed: end of the pipe that @content goes into, or -1. */
const char *person_change(struct person *p, enum audit_event e, enum dossier_op op,
	struct buf *body, const int *fds, size_t n_fds, struct view content, int feed);
/** person_add() - @replaces: id or NULL. The new id in @ret_id. */
const char *person_add(
	struct person *p, struct view content, const char *replaces, char ret_id[37]);
void person_show(struct person *p); /* says all that is in it, every content read to its end */
/** person_status() - of one document, as the rows say it. */
const char *person_status(struct person *p, const char *id, char ret[16]);
const char *person_sha(struct view v, char ret[2 * SEAL_HASH + 1]);
