/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the broker and vitaled-feed say to each other over base/link.h. Invented for this project.
 * One feed at a time: READ, then NEXT for each person, and LINES of those who have a dossier.
 */
#include "base/link.h"

enum feed_op {
	FEED_OP_READ =
		1, /* NOW u64 (wall clock, us; 0: never set), fds: the feed (a regular file), memfd
	              with the anchors (ANCHOR{NATURE u8, CERTIFICATE DER} ...) -> NATURE u8,
	              FEEDER, MADE, HASH (SHA-256 of the feed), COUNT u32 (lines), PERSONS u32,
	              CHAIN. What was read before is forgotten. INVALID: WHY */
	FEED_OP_NEXT,  /* -> NUMBER (13 characters), COUNT u32 (lines of this person); after the
	                  last: nothing */
	FEED_OP_LINES, /* of the person of the last NEXT -> fd: sealed memfd, JSON array of the
	                  metadata that their lines become (doc/feed.md) */
};

enum feed_outcome {
	FEED_DONE = 0,
	FEED_INVALID, /* WHY: a word, or "line N: member" */
	FEED_LARGE,   /* above LIMIT_FEED_BYTES */
	FEED_NO_FILE, /* no regular file, or it was cut while it was read */
	FEED_FAULT,
	FEED_OUTCOMES
};

enum feed_tag {
	FEED_TAG_NATURE = 0xC0,
	FEED_TAG_FEEDER = 0xC1, /* text: CN of the signer */
	FEED_TAG_HASH = 0xC2,
	FEED_TAG_COUNT = 0xC3,
	FEED_TAG_PERSONS = 0xC4,
	FEED_TAG_NUMBER = 0xC5,
	FEED_TAG_WHY = 0xC6,
	FEED_TAG_NOW = 0xC7,
	FEED_TAG_CERTIFICATE = 0xC8,
	FEED_TAG_MADE = 0xC9, /* text: the header's day, YYYY-MM-DD */
	FEED_TAG_CHAIN =
		0xCA, /* DER, one after the other: the signer's certificate, then who issued
	                           it, to the anchor; FEED_CHAIN_MAX bytes */
	FEED_TAG_ANCHOR = 0xE0, /* constructed */
};

#define FEED_CHAIN_MAX 32768U /* nine certificates of 3600 bytes; below LINK_MAX_FRAME */
