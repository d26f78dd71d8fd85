/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Which anchors of feeders a reading of lists is made with: those that lie there, or an import's. */
#include "base/buf.h"
#include "daemon/config.h"
#include "daemon/limits.h"
#include "daemon/trust/trust.h"

struct crl_feeders {
	struct buf taken; /* of the last reading; struct trust believes them */
	struct buf held;  /* of an import, which none others replace meanwhile */
	bool holding;
	bool missed; /* others lie there, when they were last looked at */
};

#define CRL_FEEDERS_NULL                                                                       \
	((struct crl_feeders){                                                                 \
		.taken = BUF_NULL(LIMIT_FEED_ANCHORS), .held = BUF_NULL(LIMIT_FEED_ANCHORS)})

void crl_feeders_done(struct crl_feeders *f);
/** crl_feeders_take() - @t believes them from now on. Anchors that are none leave those from before: no
 *  feed is taken meanwhile, and the import says why. Return: whether there are others now than before. */
bool crl_feeders_take(struct crl_feeders *f, const struct config *config, struct trust *t);
/** crl_feeders_hold() - from now on @anchors (copied) are taken. Return: 0 or a fault: none are held. */
int crl_feeders_hold(struct crl_feeders *f, struct view anchors) _must_check_;
/** crl_feeders_held() - whether those that are held have been taken. */
bool crl_feeders_held(const struct crl_feeders *f);
/** crl_feeders_release() - Return: whether others than those that were held lay there when they
 *  were last looked at. */
bool crl_feeders_release(struct crl_feeders *f);
/** crl_feeders_news() - @anchors lie there now. Return: whether they are to be taken. */
bool crl_feeders_news(struct crl_feeders *f, struct view anchors);
