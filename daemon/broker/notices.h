/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What of the record a patient would want to hear of (doc/telling.md). Pure. */
#include "base/json.h"

#define NOTICE_NAME 48U /* bytes of a name, its end included */

struct notice {
	const char *what;      /* static: "emergency", "authorised", ... */
	const char *pseudonym; /* borrowed from the entry, as all below */
	const char *whom;      /* authorised, blocked, ...: national identifier, or NULL */
	int64_t when;	       /* us, wall clock, of the entry */
	int64_t sequence;
	bool opening; /* what == "emergency", "opened": recorded before it is so */
};

/** notice_of() - Return: whether @entry tells of something; @ret_n set then. */
bool notice_of(const json_t *entry, struct notice *ret_n);
/** notice_json() - the message for the site: who, when, what; nothing of the content, no name
 *  of the patient. Return: 0 or a fault. */
int notice_json(const json_t *entry, const struct notice *n, json_t **ret) _must_check_;
/** notice_name() - "TIME-NUMBER": sorts by time, and no two entries have the same. */
void notice_name(const struct notice *n, char ret[NOTICE_NAME]);
