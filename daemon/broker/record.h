/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The record at the start: whose it is, and room for the day when the disk is full. */
#include "daemon/audit/audit.h"
#include "daemon/config.h"

/** record_open() - @ret_key_file: no credential gave its key. Return: 0, a fault or BROKER_MISCONFIGURED, logged. */
int record_open(
	const struct config *config, struct audit **ret, bool *ret_key_file) _must_check_;
