/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What stands behind struct audit; of this room only. */
#include "base/secret.h"
#include "daemon/audit/entry.h"
#include "daemon/audit/keep.h"
#include "daemon/audit/store.h"

struct audit {
	struct store store;
	struct merkle tree; /* of what is committed, never ahead of it */
	uint8_t root[MERKLE_HASH];
	char origin[CHECKPOINT_ORIGIN_MAX];
	char *vkey;
	struct secret seed;
	uint64_t checkpointed;	 /* size of the newest checkpoint kept */
	char *note;		 /* its text */
	struct entry_place last; /* of the newest entry; boot_id empty: there is none */
	char boot_id[33];
	const char *cause;  /* of the last AUDIT_UNAVAILABLE */
	uint64_t opened;    /* size when it was opened */
	uint64_t first;	    /* entries below were pruned: their leaves are left */
	uint64_t prune_to;  /* those below are about to be; first: none */
	uint64_t pruned_at; /* wall clock, us, of the newest entry that says so; 0: none does */
	uint64_t sent;	    /* entries below were handed on; AUDIT_NEVER: nobody does */
	uint64_t sent_kept; /* what the file says of it; AUDIT_NEVER: nothing */
	uint64_t reserve;   /* bytes of room for emergencies and refusals; 0: none is kept */
	unsigned int exports; /* that are being written: nothing is pruned meanwhile */
	void (*appended)(void *user);
	void *user;
	void (*made)(void *user); /* a checkpoint */
	void *made_user;
};

/* who may write on a disk that is full */
enum audit_class {
	AUDIT_CLASS_OTHER,
	AUDIT_CLASS_REFUSAL,
	AUDIT_CLASS_EMERGENCY,
};

/* one transaction that is being made */
struct writing {
	struct merkle next;
	struct entry_place now;
	char *note; /* a checkpoint of it that is put as well; NULL: none */
};

typedef int (*audit_fill_fn)(struct audit *a, struct writing *w, const void *what);

/** audit_write() - run @fill in one transaction, which is durable when 0 is returned. Return: 0 or
 *  AUDIT_UNAVAILABLE. */
int audit_write(struct audit *a, enum audit_class class, audit_fill_fn fill,
	const void *what) _must_check_;
/** audit_put_entry() - one entry, in audit_write(). */
int audit_put_entry(
	struct audit *a, struct writing *w, const struct audit_entry *e) _must_check_;
/** audit_put_jump() - the clock-jump that stands before it, when there was one. */
int audit_put_jump(struct audit *a, struct writing *w) _must_check_;
/** audit_put_checkpoint() - of all that is put so far, in audit_write(), as the last thing. */
int audit_put_checkpoint(struct audit *a, struct writing *w) _must_check_;
int audit_unavailable(struct audit *a, int r);
/** audit_make_checkpoint() - audit_checkpoint() as 0 or a fault. */
int audit_make_checkpoint(struct audit *a, struct buf *out) _must_check_;

/** prune_last() - the last of those that the "pruned" entry @by tells of, and when it was written
 *  (wall clock, us). Return: 0, a fault or STORE_NONE when it is no such entry. */
int prune_last(
	struct audit *a, uint64_t by, uint64_t *ret_last, uint64_t *ret_wall) _must_check_;

enum audit_class reserve_class(const struct audit_entry *e);
/** reserve_admit() - whether an entry of @class may take room now. Return: 0 or -ENOSPC. */
int reserve_admit(struct audit *a, enum audit_class class) _must_check_;
/** reserve_low() - whether the reserve is being used and cannot be had back now. */
bool reserve_low(struct audit *a);
/** reserve_helps() - after fault @r: whether the log was emptied, so that another try is worth it. */
bool reserve_helps(struct audit *a, int r);
