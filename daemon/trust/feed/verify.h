/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The signature of a feed: CMS SignedData (RFC 5652) of one signer whom a feeder's anchor vouches for. */
#include "base/link-feed.h"
#include "daemon/trust/feed/lines.h"
#include "daemon/trust/trust.h"
#include "record/crypto.h"

struct feed_signed {
	CMS_ContentInfo *cms;		  /* owned; holds the content */
	struct view content;		  /* borrowed from it */
	enum nature nature;		  /* of the anchor */
	char signer[FEED_NAME * 4U + 1U]; /* CN of the signer's certificate */
	struct buf chain;		  /* DER: that certificate, and up to the anchor */
};

#define FEED_SIGNED_NULL ((struct feed_signed){.chain = BUF_NULL(FEED_CHAIN_MAX)})

enum feed_verify_outcome {
	FEED_REFUSED = 1, /* @ret_why */
};

/**
 * feed_verify() - parse and verify @file
 * @anchors: ANCHOR templates of base/link-feed.h
 * @now:     wall clock, microseconds
 * @ret:     ended by feed_signed_done(); written only on 0
 * @ret_why: static word: malformed, trailing, encoding, content-type, detached, signers,
 *           certificate, attributes, weak, usage, stranger, expired, not-yet-valid, false
 *
 * Return: 0, a fault, or REFUSED.
 */
int feed_verify(struct view file, struct view anchors, uint64_t now, struct feed_signed *ret,
	const char **ret_why) _must_check_;
void feed_signed_done(struct feed_signed *s);
