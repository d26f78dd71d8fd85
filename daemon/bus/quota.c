/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Three counters are raised for everything that is taken, and all three must have room. Users are a
 * short list: there are as many as uids with connections to us. Those whose uid is not known yet
 * share one account, so that each of them may hold little and none of them can be in anybody's way
 * for longer than the bus needs to say who they are. Where a few users could hold all there is for
 * as long as they like, a reserve is kept for those who hold little.
 */
#include "daemon/bus/quota.h"

#include <assert.h>
#include <stdlib.h>

#include "daemon/limits.h"

static const struct {
	const char *word;
	uint32_t connection;
	uint32_t user;
	uint32_t all;
	uint32_t stranger;  /* a connection whose user is not known yet */
	uint32_t strangers; /* all of them */
	uint32_t reserve;   /* a user who holds no more than this may take past @all, */
	uint32_t most;	    /* up to this */
} rows[QUOTA_KINDS] = {
	[QUOTA_CALLS] = {"calls", LIMIT_CALLS_PEER, LIMIT_CALLS_UID, LIMIT_CALLS_ALL,
		LIMIT_CALLS_STRANGER, UINT32_MAX, 0, 0},
	[QUOTA_CHECKS] = {"checks", LIMIT_CHECKS_PEER, LIMIT_CHECKS_UID, LIMIT_CHECKS_ALL, 0, 0,
		0, 0},
	[QUOTA_DESCRIPTORS] = {"descriptors", LIMIT_FDS_PEER, LIMIT_FDS_UID, LIMIT_FDS_ALL,
		LIMIT_FDS_STRANGER, LIMIT_FDS_STRANGERS, 0, 0},
	[QUOTA_BYTES] = {"bytes", LIMIT_BYTES_PEER, LIMIT_BYTES_UID, LIMIT_BYTES_ALL,
		LIMIT_BYTES_STRANGER, LIMIT_BYTES_ALL, 0, 0},
	[QUOTA_AGENTS] = {"agents", LIMIT_AGENTS_PEER, LIMIT_AGENTS_UID, LIMIT_AGENTS, 0, 0, 0,
		0},
	[QUOTA_UNREAD] = {"unread", LIMIT_UNREAD_PEER, LIMIT_UNREAD_UID, LIMIT_UNREAD_ALL, 0, 0,
		LIMIT_UNREAD_RESERVE, LIMIT_UNREAD_MOST},
};

struct quota_user *quota_user_ref(struct quotas *q, uid_t uid)
{
	struct quota_user *u = q->users;

	while (u && u->uid != uid)
		u = u->next;
	if (!u) {
		u = calloc(1, sizeof(*u));
		if (!u)
			return NULL;
		*u = (struct quota_user){.next = q->users, .uid = uid};
		q->users = u;
	}
	u->n_connections++;
	return u;
}

struct quota_user *quota_user_unref(struct quotas *q, struct quota_user *u)
{
	if (!u || --u->n_connections > 0)
		return NULL;
	for (struct quota_user **at = &q->users; *at; at = &(*at)->next)
		if (*at == u) {
			*at = u->next;
			break;
		}
	free(u);
	return NULL;
}

static bool fits(uint32_t held, uint32_t n, uint32_t limit)
{
	return n <= limit && held <= limit - n;
}

/* in all; who holds little is not shut out by what a few others hold and do not give back */
static bool fits_all(uint32_t all, uint32_t user, uint32_t n, enum quota kind)
{
	return fits(all, n, rows[kind].all) ||
	       (fits(user, n, rows[kind].reserve) && fits(all, n, rows[kind].most));
}

bool quota_fits(const struct quotas *q, const struct quota_user *u, const struct quota_load *c,
	enum quota kind, uint32_t n)
{
	if (!u)
		return fits(c->of[kind], n, rows[kind].stranger) &&
		       fits(q->unknown.load.of[kind], n, rows[kind].strangers);
	return fits(c->of[kind], n, rows[kind].connection) &&
	       fits(u->load.of[kind], n, rows[kind].user) &&
	       fits_all(q->load.of[kind], u->load.of[kind], n, kind);
}

bool quota_take(struct quotas *q, struct quota_user *u, struct quota_load *c, enum quota kind,
	uint32_t n)
{
	struct quota_load *user = u ? &u->load : &q->unknown.load;

	if (!quota_fits(q, u, c, kind, n))
		return false;
	c->of[kind] += n;
	user->of[kind] += n;
	if (u) /* strangers have their own sum, else they would be in the way of those we know */
		q->load.of[kind] += n;
	return true;
}

void quota_give(struct quotas *q, struct quota_user *u, struct quota_load *c, enum quota kind,
	uint32_t n)
{
	struct quota_load *user = u ? &u->load : &q->unknown.load;

	assert(c->of[kind] >= n && user->of[kind] >= n && (!u || q->load.of[kind] >= n));
	c->of[kind] -= n;
	user->of[kind] -= n;
	if (u)
		q->load.of[kind] -= n;
}

const char *quota_word(enum quota kind)
{
	return rows[kind].word;
}
