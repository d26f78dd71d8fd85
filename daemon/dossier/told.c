/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * At the next visit: who opens a dossier in a session that is no emergency is the occasion to
 * tell the patient, whose card is there, and the treating doctor, of emergencies that they were
 * not told of. What they were told of stands in the record (`informed`), newest first before
 * what came after it, and is written when their agent has answered: one that is away was not
 * told, and the next visit is another occasion. A second emergency cannot come in between: it
 * takes the dossier from this session (dossier_prepare()). An emergency that nobody could be told of
 * at LOOKED openings after it is left to the history and the messages (doc/telling.md).
 */
#include "daemon/dossier/told.h"

#include <string.h>

#define LOOKED 500U /* entries: some 20 ms */

static const char *const words[] = {
	[DOSSIER_TOLD_PATIENT] = "patient", [DOSSIER_TOLD_DOCTOR] = "treating-doctor"};

static bool says(const json_t *object, const char *name, const char *text)
{
	const char *said = json_get_str(object, name);

	return said && text && strcmp(said, text) == 0;
}

struct search {
	struct dossier_told told;
	const char *self; /* whose own emergencies are no news */
	unsigned int looked;
};

static bool is_emergency(const struct search *search, const json_t *entry)
{
	if (!says(entry, "event", audit_event_word(AUDIT_EVENT_UNLOCKED)) ||
		!says(entry, "outcome", "ok") || says(entry, "professional", search->self)) {
		return false;
	}
	return says(entry, "mode", session_mode_word(SESSION_MODE_BRIS_DE_GLACE)) ||
	       says(entry, "mode", session_mode_word(SESSION_MODE_CENTRE_15));
}

/* Newest first, up to the last time that they were told. */
static int look_at(void *user, uint64_t index, const json_t *entry)
{
	struct search *search = user;
	struct dossier_told *told = &search->told;
	int64_t time;

	(void)index;
	if (search->looked++ >= LOOKED) {
		return AUDIT_ENOUGH;
	}
	if (says(entry, "event", audit_event_word(AUDIT_EVENT_INFORMED))) {
		return says(json_object_get(entry, "details"), "to", words[told->to])
			       ? AUDIT_ENOUGH
			       : 0;
	}
	if (!is_emergency(search, entry) ||
		json_get_int(entry, "time", 0, INT64_MAX, &time) != 0) {
		return 0;
	}
	if (told->count == 0) {
		told->last = time;
		told->mode = says(entry, "mode", session_mode_word(SESSION_MODE_CENTRE_15))
				     ? SESSION_MODE_CENTRE_15
				     : SESSION_MODE_BRIS_DE_GLACE;
	}
	told->since = time;
	told->count++;
	return 0;
}

static int tell(struct dossier *d, enum dossier_told_to to, const char *self)
{
	static const enum audit_event events[] = {AUDIT_EVENT_UNLOCKED, AUDIT_EVENT_INFORMED};
	const struct audit_wanted wanted = {
		.pseudonym = d->pseudonym, .events = events, .n_events = ARRAY_LEN(events)};
	struct search search = {.told = {.to = to}, .self = self};
	int r;

	r = audit_find(d->all->audit, &wanted, look_at, &search);
	if (r < 0 || search.told.count == 0) {
		return trace(r);
	}
	d->told[to] = search.told;
	d->all->ops->inform(d->all->user, d->session, &d->told[to]);
	return 0;
}

int told_begin(struct dossier *d)
{
	const struct session_professional *p = session_professional(d->session);
	const struct session_patient *patient = session_patient(d->session);
	int r = 0;

	if (session_mode_emergency(session_mode(d->session)) ||
		d->state == DOSSIER_STATE_ABSENT) {
		return 0;
	}
	if (patient && !patient->absent) {
		r = tell(d, DOSSIER_TOLD_PATIENT, NULL);
	}
	if (r == 0 && p && d->treating) {
		r = tell(d, DOSSIER_TOLD_DOCTOR, p->person.national_id);
	}
	return trace(r);
}

void dossier_informed(struct session *s, enum dossier_told_to to)
{
	struct dossier *d = session_dossier(s);
	struct dossier_told *told = d ? &d->told[to] : NULL;
	json_t *details;

	if (!told || told->count == 0) {
		return;
	}
	details = json_pack("{s:s,s:I,s:I}", "to", words[to], "count", (json_int_t)told->count,
		"since", (json_int_t)told->since);
	told->count = 0;
	/* what is not recorded is told again at the next visit */
	if (!details || record_entry(d, AUDIT_EVENT_INFORMED, "ok", NULL, NULL, details) != 0) {
		return;
	}
}
