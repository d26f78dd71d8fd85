/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What is configured does not fit what is there: refused by name in the log, not called damage. */
#include "daemon/config.h"

/** refuse_key() - the key @name is not the one that was used here before: with it what is there would be
 *  unreadable, or of two keys. Return: BROKER_MISCONFIGURED. */
int refuse_key(const char *name);
/** refuse_damage() - the fault @r, in the log already, of a record or keys that are there.
 *  Return: BROKER_MISCONFIGURED where no further start mends it (not whole: -EBADMSG; of no length that it can
 *  have: -EFBIG; lost: -ENOKEY; open to others: -EPERM), else @r (a full disk may have room again). */
int refuse_damage(int r) _must_check_;
/** refuse_origin() - the record was made with another origin. Return: BROKER_MISCONFIGURED or a fault. */
int refuse_origin(const struct config *config);
/** refuse_lost_record() - dossiers without a record: it was lost, or restored in part. A new one would
 *  know none of them, and what was done with them would be nowhere.
 *  Return: 0 (there is a record, or no dossier either) or BROKER_MISCONFIGURED. */
int refuse_lost_record(const struct config *config) _must_check_;
