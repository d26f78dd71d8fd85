/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The Ed25519 seed of the record's checkpoints, where no credential gives it. Of this room only. */
#include "base/secret.h"

/**
 * key_load() - read audit.key below @dirfd, or make it
 * @make: whether a missing one may be made
 *
 * The file is 32 raw bytes, a regular file of ours that nobody else may read (-EPERM otherwise),
 * made complete and synced or not at all. Return: 0 or a fault (-EBADMSG: missing though it may
 * not be made, or of another size).
 */
int key_load(int dirfd, bool make, struct secret *ret_seed) _must_check_;
/** key_exists() - whether there is an audit.key below @dirfd. */
bool key_exists(int dirfd);
