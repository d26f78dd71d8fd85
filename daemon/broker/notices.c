/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One table says which entries of the record a patient would want to hear of, and by which
 * word. Only what was done counts. Of documents it is told that one was added, and not even
 * that where it is hidden from the patient's side: it is a doctor's to announce. What the record keeps
 * of an older entry (kept-from) was told when it happened.
 */
#include "daemon/broker/notices.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/audit/audit.h"
#include "daemon/session/types.h"

#define FORMAT 1

enum shape { /* what else the entry must say */
	SHAPE_ANY = 0,
	SHAPE_ON,      /* details.on */
	SHAPE_OFF,     /* its contrary */
	SHAPE_URGENT,  /* of an emergency */
	SHAPE_REGULAR, /* of any other mode */
	SHAPE_SEEN,    /* no flag that hides it from the patient's side */
	SHAPE_ADDED,   /* details.added is more than nothing */
	SHAPE_BLOCKED, /* the outcome says so: too many tries */
};

static const struct {
	enum audit_event event;
	enum shape shape;
	const char *what;
	bool whom; /* details.id names a professional */
} rows[] = {
	{AUDIT_EVENT_UNLOCKED, SHAPE_URGENT, "emergency", false},
	{AUDIT_EVENT_UNLOCKED, SHAPE_REGULAR, "opened", false},
	{AUDIT_EVENT_DOSSIER_CREATED, SHAPE_ANY, "created", false},
	{AUDIT_EVENT_DOSSIER_CLOSED, SHAPE_ANY, "closed", false},
	{AUDIT_EVENT_DOSSIER_REOPENED, SHAPE_ANY, "reopened", false},
	{AUDIT_EVENT_DOSSIER_EXPORTED, SHAPE_ANY, "exported", false},
	{AUDIT_EVENT_DOSSIER_ERASED, SHAPE_ANY, "erased", false},
	{AUDIT_EVENT_DOCUMENT_ADDED, SHAPE_SEEN, "document-added", false},
	{AUDIT_EVENT_IMPORTED, SHAPE_ADDED, "imported", false},
	{AUDIT_EVENT_AUTHORISED, SHAPE_ANY, "authorised", true},
	{AUDIT_EVENT_REVOKED, SHAPE_ANY, "revoked", true},
	{AUDIT_EVENT_BLOCKED, SHAPE_ON, "blocked", true},
	{AUDIT_EVENT_BLOCKED, SHAPE_OFF, "unblocked", true},
	{AUDIT_EVENT_TREATING_DOCTOR, SHAPE_ON, "treating-doctor", false},
	{AUDIT_EVENT_TREATING_DOCTOR, SHAPE_OFF, "no-treating-doctor", false},
	{AUDIT_EVENT_OPPOSITION, SHAPE_ON, "opposed", false},
	{AUDIT_EVENT_OPPOSITION, SHAPE_OFF, "unopposed", false},
	{AUDIT_EVENT_MASKED_ALLOWED, SHAPE_ON, "masked-allowed", false},
	{AUDIT_EVENT_MASKED_ALLOWED, SHAPE_OFF, "masked-hidden", false},
	{AUDIT_EVENT_CODE_SET, SHAPE_ANY, "code-set", false},
	{AUDIT_EVENT_CODE_ISSUED, SHAPE_ANY, "code-issued", false},
	{AUDIT_EVENT_CODE, SHAPE_BLOCKED, "code-blocked", false},
};

/* -- which --------------------------------------------------------------------------------- */

static bool says(const json_t *entry, const char *name, const char *text)
{
	const char *said = json_get_str(entry, name);

	return said && strcmp(said, text) == 0;
}

static bool is_urgent(const json_t *entry)
{
	return says(entry, "mode", session_mode_word(SESSION_MODE_BRIS_DE_GLACE)) ||
	       says(entry, "mode", session_mode_word(SESSION_MODE_CENTRE_15));
}

static bool is_seen(const json_t *details)
{
	const json_t *flags = json_object_get(details, "flags");

	for (size_t i = 0; i < json_array_size(flags); i++) {
		const char *flag = json_string_value(json_array_get(flags, i));

		if (flag && strncmp(flag, "invisible_", strlen("invisible_")) == 0) {
			return false;
		}
	}
	return true;
}

static bool is_done(const json_t *entry)
{
	return says(entry, "outcome", "ok") || says(entry, "outcome", "recovered");
}

/* One that was found made is a version more: something came, how much nobody knows. */
static bool brings(const json_t *entry, const json_t *details)
{
	int64_t added;

	return says(entry, "outcome", "recovered") ||
	       (is_done(entry) && json_get_int(details, "added", 1, INT64_MAX, &added) == 0);
}

static bool has_shape(const json_t *entry, enum shape shape)
{
	const json_t *details = json_object_get(entry, "details");

	switch (shape) {
	case SHAPE_ANY:
		return is_done(entry);
	case SHAPE_ON:
		return is_done(entry) && json_is_true(json_object_get(details, "on"));
	case SHAPE_OFF:
		return is_done(entry) && json_is_false(json_object_get(details, "on"));
	case SHAPE_URGENT:
		return is_done(entry) && is_urgent(entry);
	case SHAPE_REGULAR:
		return is_done(entry) && !is_urgent(entry);
	case SHAPE_SEEN:
		return is_done(entry) && is_seen(details);
	case SHAPE_ADDED:
		return brings(entry, details);
	case SHAPE_BLOCKED:
		return says(entry, "outcome", vitaled_reason_word(VITALED_REASON_CODE_BLOCKED));
	}
	return false;
}

bool notice_of(const json_t *entry, struct notice *ret_n)
{
	struct notice n = {.pseudonym = json_get_str(entry, "pseudonym")};

	if (!n.pseudonym || json_get_int(entry, "time", 0, INT64_MAX, &n.when) != 0 ||
		json_get_int(entry, "sequence", 0, INT64_MAX, &n.sequence) != 0 ||
		json_object_get(json_object_get(entry, "details"), "kept-from")) {
		return false;
	}
	for (size_t i = 0; i < ARRAY_LEN(rows) && !n.what; i++) {
		if (says(entry, "event", audit_event_word(rows[i].event)) &&
			has_shape(entry, rows[i].shape)) {
			n.what = rows[i].what;
			n.whom = rows[i].whom
					 ? json_get_str(json_object_get(entry, "details"), "id")
					 : NULL;
			n.opening = rows[i].event == AUDIT_EVENT_UNLOCKED;
		}
	}
	if (n.what) {
		*ret_n = n;
	}
	return n.what != NULL;
}

/* -- the message --------------------------------------------------------------------------- */

void notice_name(const struct notice *n, char ret[NOTICE_NAME])
{
	(void)snprintf(ret, NOTICE_NAME, "%016" PRId64 "-%012" PRId64, n->when, n->sequence);
}

int notice_json(const json_t *entry, const struct notice *n, json_t **ret)
{
	static const char *const members[] = {
		"mode", "pseudonym", "professional", "structure", "session"};
	_cleanup_json_ json_t *j = NULL;
	char name[NOTICE_NAME];
	int r = 0;

	notice_name(n, name);
	j = json_pack("{s:i, s:s, s:s, s:I}", "format", FORMAT, "id", name, "what", n->what,
		"when", (json_int_t)n->when);
	if (!j) {
		return fault(-ENOMEM);
	}
	for (size_t i = 0; i < ARRAY_LEN(members) && r == 0; i++) {
		json_t *value = json_object_get(entry, members[i]);

		r = value ? json_set(j, members[i], json_incref(value)) : 0;
	}
	if (r == 0 && n->whom) {
		r = json_set(j, "whom", json_string(n->whom));
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(j);
	return 0;
}
