/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What callers make us hold, counted in one place: for each connection, for each user (all
 * connections of a uid together) and in all. The numbers, with their reasons, stand in
 * daemon/limits.h. Pure but for the memory of the users.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"

enum quota {
	QUOTA_CALLS,  /* calls that wait: for credentials, polkit, people, cards, a dossier */
	QUOTA_CHECKS, /* of them those that polkit is asked about */
	QUOTA_DESCRIPTORS, /* that waiting calls brought, and our duplicates */
	QUOTA_BYTES,	   /* of the messages of waiting calls */
	QUOTA_AGENTS,
	QUOTA_UNREAD, /* descriptors of replies that were not taken and closed yet */
};

#define QUOTA_KINDS 6U

struct quota_load {
	uint32_t of[QUOTA_KINDS];
};

/** struct quota_user - one uid that has connections. */
struct quota_user {
	struct quota_user *next;
	uid_t uid;
	uint32_t n_connections;
	struct quota_load load;
};

struct quotas { /* embedded; zeroed at start */
	struct quota_user *users;
	struct quota_user unknown; /* callers whose uid the bus has not told yet */
	struct quota_load load;
};

/** quota_user_ref() - the user of one more connection. Return: NULL without memory. */
struct quota_user *quota_user_ref(struct quotas *q, uid_t uid);
/** quota_user_unref() - one connection less; the last one's user goes. Takes NULL. Return: NULL. */
struct quota_user *quota_user_unref(struct quotas *q, struct quota_user *u);

/**
 * quota_take() - @n more of @kind for a connection with load @c of user @u
 * @u: NULL: not known yet; then less fits, and little in all
 *
 * Return: whether it fits; nothing is counted when it does not.
 */
bool quota_take(struct quotas *q, struct quota_user *u, struct quota_load *c, enum quota kind,
	uint32_t n) _must_check_;
bool quota_fits(const struct quotas *q, const struct quota_user *u, const struct quota_load *c,
	enum quota kind, uint32_t n);
/** quota_give() - what was taken; never more than that. */
void quota_give(struct quotas *q, struct quota_user *u, struct quota_load *c, enum quota kind,
	uint32_t n);
const char *quota_word(enum quota kind); /* as LimitsExceeded names it */
