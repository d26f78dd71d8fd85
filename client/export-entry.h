/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * One entry of an exported record, by itself and behind the one before it.
 */
#include "base/buf.h"

#define ENTRY_BOOT_MAX 64U /* bytes of a boot's identifier */

/** struct entry_boot - identifier and time of the boot of the last entry; zero: there was none */
struct entry_boot {
	uint8_t id[ENTRY_BOOT_MAX];
	size_t len;
	int64_t time; /* us */
	bool known;
};

enum entry_outcome {
	ENTRY_BAD = 1, /* not canonical, not the one that belongs here, or older than @boot */
};

/**
 * entry_check() - whether @text is the entry @index as the record writes it (doc/audit.md): canonical
 * (RFC 8785), with format, sequence, time, event, boot-id and boot-time, the last one not less than
 * that of an entry of the same boot before it
 * @boot: of the entry before; becomes that of this one
 *
 * Return: 0, a fault or ENTRY_BAD.
 */
int entry_check(struct view text, uint64_t index, struct entry_boot *boot) _must_check_;
