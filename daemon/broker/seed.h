/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The seed of the record's key, where systemd hands it in (LoadCredential=audit.key:...). */
#include "base/secret.h"

/** seed_read() - 32 bytes of $CREDENTIALS_DIRECTORY/audit.key; empty when there is no such file.
 *  Return: 0 or a fault (-EBADMSG: of another size). */
int seed_read(struct secret *ret_seed) _must_check_;
