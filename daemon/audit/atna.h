/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * One entry as the message that leaves the machine: RFC 5424 around a DICOM audit message (PS3.15
 * A.5.1, as IHE ATNA ITI-20 sends it). Of the patient it holds the pseudonym and nothing else.
 */
#include "daemon/audit/audit.h"

#define ATNA_MESSAGE_MAX                                                                       \
	8192U /* bytes: what a syslog daemon takes where nobody said otherwise */

struct atna_source {
	const char *host;    /* this machine's name */
	const char *record;  /* the origin */
	const char *version; /* of this program */
};

enum atna_outcome {
	ATNA_MALFORMED = 1, /* @entry is no entry */
};

/** atna_message() - the message of the canonical text @entry, whose leaf hash is @leaf, appended to
 *  @out. Return: 0, a fault or ATNA_MALFORMED. */
int atna_message(struct view entry, const uint8_t leaf[MERKLE_HASH],
	const struct atna_source *from, struct buf *out) _must_check_;
/** atna_unreadable() - the message in place of that of entry @index, whose text cannot be read: its number
 *  and @leaf, and @wall, us, when that was met. Return: 0 or a fault. */
int atna_unreadable(uint64_t index, const uint8_t leaf[MERKLE_HASH], uint64_t wall,
	const struct atna_source *from, struct buf *out) _must_check_;
/** atna_knows() - whether @event has a DICOM code of its own; else it goes as "Application Activity". */
bool atna_knows(const char *event);
