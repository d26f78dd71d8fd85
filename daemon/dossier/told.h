/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Whoever must hear of emergencies hears of them at the next visit. */
#include "daemon/dossier/inside.h"

/** told_begin() - @d is about to be unlocked: ask that the patient, or the treating doctor, be
 *  told of emergencies that they were not told of (dossier_ops.inform). Return: 0 or a fault:
 *  the record. */
int told_begin(struct dossier *d) _must_check_;
