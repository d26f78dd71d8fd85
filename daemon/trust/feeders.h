/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Whose feeds of reimbursements are believed: every *.pem in <folder>/feeder/{real,test,simulated}/
 * is an X.509 root (self-signed), an intermediate, or the certificate of a signer, which is then that
 * one alone. They are looked at for each feed, and are never anchors of cards, nor lead to one or from
 * one: who issues cards does not say what was reimbursed, nor the other way round.
 */
#include "daemon/trust/trust.h"

enum feeders_outcome {
	FEEDERS_BAD = 1, /* a file is no anchor, related to a card's, or under two natures */
};

/**
 * feeders_read() - the anchors below @folder as vitaled-feed takes them (base/link-feed.h), appended
 * to @out; none when there are none
 * @t:        the anchors of cards
 * @ret_name: 256 bytes: unless it is 0, "nature/file" or "nature/", printable
 *
 * Return: 0, a fault or BAD.
 */
int feeders_read(const char *folder, const struct trust *t, struct buf *out,
	char ret_name[256]) _must_check_;

/**
 * feeders_trust() - whose revocation lists are believed of feeders, and of nobody else, from now on: the
 * authorities among @anchors (of feeders_read()). Lists that were taken stay.
 *
 * Return: 0 or a fault, and then it is those from before.
 */
int feeders_trust(struct trust *t, struct view anchors) _must_check_;

/** feeders_each() - when each of @anchors (of feeders_read()) ends, signers too. Return: 0 or a fault. */
int feeders_each(struct view anchors, trust_anchor_fn each, void *user) _must_check_;
