/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Personalisation: from profiles to cards. Makes the authorities that the profiles name (once), and
 * for each profile a state file with new keys and certificates, DIR/cards/NAME.json. A profile
 * that is revoked puts its certificates on its authority's list, DIR/crl/AUTHORITY.crl.
 */
#include "drivers/sim/state.h"

/** struct personalise_job - one run of the command. */
struct personalise_job {
	const char *dir;      /* where everything goes; made when absent */
	const char *nature;   /* authority of profiles that name none */
	const char *profiles; /* folder of the profiles that are given by name */
};

enum personalise_outcome {
	PERSONALISE_ABSENT = 1, /* no such profile */
	PERSONALISE_INVALID,	/* @why says what is wrong with it */
	PERSONALISE_AUTHORITY,	/* its authority is none that we make */
};

/** personalise_card() - @profile: a name, or a path that holds a '/'.
 *  Return: 0, a fault, or an outcome. */
int personalise_card(
	const struct personalise_job *job, const char *profile, struct buf *why) _must_check_;
