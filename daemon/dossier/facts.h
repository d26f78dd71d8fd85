/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What rights are asked by. */
#include "daemon/dossier/dossier.h"

/* what is asked, besides by whom */
struct facts_act {
	enum rights_action action;
	const json_t *row; /* of a document, or NULL */
	bool self;	   /* the act names this very professional */
	bool until;	   /* ... and an end */
	bool coded;	   /* what would be, had the patient's code been given */
};

/** facts_flags() - RIGHTS_FLAG_* of a row; those that are not known are none. */
unsigned int facts_flags(const json_t *row);

/** facts_decide() - rights of this session's professional, now. */
enum rights_decision facts_decide(
	const struct dossier *d, const struct facts_act *act, const char **ret_rule);
