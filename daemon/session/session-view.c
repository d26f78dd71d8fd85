/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What may be seen of a session, and the answers that need no card. Names of people go out as JSON
 * made anew for each caller, who owns and drops it; nothing of the patient is shown before its
 * time or after the end.
 */
#include <errno.h>
#include <string.h>

#include "daemon/session/steps.h"

/*
 * Characters of a whole consultation on one link, for a progress bar: what ./run bench wire counts
 * with the family card of four and its first and its second reading, rounded up. A card of another
 * generation is taken for the first of its kind.
 */
struct expected {
	const char *generation;
	uint32_t first;	 /* the professional's files come from the card */
	uint32_t cached; /* ... from the cache */
	uint32_t held;	 /* ... and the PIN is still verified; of a patient: identity alone */
};

static const struct expected patients[] = {{"vitale-2", 1290, 1290, 900}};
static const struct expected professionals[] = {
	{"cps3", 4040, 1080, 870},
	{"cps4", 3990, 1030, 820},
};

uint32_t session_id(const struct session *s)
{
	return s->id;
}

const char *session_owner(const struct session *s)
{
	return s->owner;
}

uid_t session_uid(const struct session *s)
{
	return s->uid;
}

enum session_state session_state(const struct session *s)
{
	return session_over(s) ? s->ended : state_of(session_where(s));
}

enum vitaled_reason session_reason(const struct session *s)
{
	return s->reason;
}

enum session_mode session_mode(const struct session *s)
{
	return s->mode;
}

unsigned int session_intents(const struct session *s)
{
	return s->intents;
}

enum proof session_proof(const struct session *s)
{
	return s->proof;
}

uint64_t session_expires(const struct session *s)
{
	return s->expires;
}

uint8_t session_pin_tries(const struct session *s)
{
	return s->pin_tries;
}

static const struct expected *expected_of(
	const struct expected *rows, size_t n, const struct card *c)
{
	for (size_t i = 0; c && i < n; i++) {
		if (strcmp(rows[i].generation, c->generation) == 0) {
			return &rows[i];
		}
	}
	return &rows[0];
}

static uint32_t expected_professional(const struct session *s)
{
	const struct expected *e =
		expected_of(professionals, ARRAY_LEN(professionals), s->professional_side.card);

	if (s->life && professional_pin_held(s->life) && s->pin_asked == 0) {
		return e->held;
	}
	return s->life && professional_cached(s->life) ? e->cached : e->first;
}

void session_progress(const struct session *s, uint32_t *ret_done, uint32_t *ret_expected)
{
	const struct expected *e =
		expected_of(patients, ARRAY_LEN(patients), s->patient_side.card);
	uint32_t done = s->patient_side.characters + s->professional_side.characters;
	uint32_t patient = s->mode == SESSION_MODE_IDENTITY ? e->held : e->first;
	uint32_t expected = s->alone ? 0 : patient;

	if (!session_mode_one_card(s->mode)) {
		expected += expected_professional(s);
	}
	*ret_done = done;
	*ret_expected = s->step >= SESSION_STEP_UNLOCKED || done > expected ? done : expected;
}

const char *session_pair(const struct session *s)
{
	return s->pair;
}

const char *session_application_name(const struct session *s)
{
	return s->application_name;
}

const char *session_application_version(const struct session *s)
{
	return s->application_version;
}

const char *session_application(const struct session *s)
{
	return s->application;
}

const char *session_audit_id(const struct session *s)
{
	return s->audit_id;
}

uint64_t session_lifetime(const struct session *s)
{
	return s->lifetime;
}

const uint8_t *session_nonce(const struct session *s)
{
	return s->nonce;
}

const struct session_professional *session_professional(const struct session *s)
{
	return s->professional.certificate.len > 0 ? &s->professional : NULL;
}

bool session_interactive(const struct session *s)
{
	return s->interactive;
}

const struct session_patient *session_patient(const struct session *s)
{
	return s->chosen ? &s->patient : NULL;
}

const char *session_grounds(const struct session *s)
{
	return s->grounds;
}

/* -- people -------------------------------------------------------------------------------------- */

/* The card's digits as YYYY-MM-DD, or as YY-MM-DD where it has no century; lunar months as they
 * are. */
static json_t *date_json(const char *digits)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(16);
	struct view v = view_str(digits);
	size_t year = v.len == 6 ? 2 : 4;

	buf_put_view(&text, view_sub(v, 0, year));
	buf_put_u8(&text, '-');
	buf_put_view(&text, view_sub(v, year, 2));
	buf_put_u8(&text, '-');
	buf_put_view(&text, view_sub(v, year + 2, 2));
	return buf_check(&text) < 0 ? NULL : json_stringn((const char *)text.data, text.len);
}

static int coverage_json(const struct session *s, const struct person *p, json_t *to)
{
	size_t index = (size_t)(p - s->data->people);
	json_t *list = json_array();
	int r = json_set(to, "coverage", list);

	for (size_t i = 0; r == 0 && i < s->data->n_coverages; i++) {
		const struct coverage *c = &s->data->coverages[i];

		if (c->index == index &&
			json_array_append_new(list,
				json_pack("{s:s,s:s,s:s,s:s}", "from", c->from, "to", c->to,
					"ald", c->ald, "situation", c->situation)) < 0) {
			r = fault(-ENOMEM);
		}
	}
	return trace(r);
}

int session_person_json(
	const struct session *s, const struct person *p, bool full, json_t **ret)
{
	_cleanup_json_ json_t *j = json_object();
	int r;

	r = json_set(j, "surname", json_string(p->surname));
	if (r == 0) {
		r = json_set(j, "given", json_string(p->given));
	}
	if (r == 0) {
		r = json_set(j, "birth-date", date_json(p->birth));
	}
	if (r == 0 && p->rank > 0) {
		r = json_set(j, "rank", json_integer(p->rank));
	}
	if (r == 0 && full && p->nir[0] != '\0') {
		r = json_set(j, "nir", json_string(p->nir));
	}
	if (r == 0 && full && p->country[0] != '\0') {
		r = json_set(j, "country", json_string(p->country));
	}
	if (r == 0 && full && s->data->n_coverages > 0) {
		r = coverage_json(s, p, j);
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = j;
	j = NULL;
	return 0;
}

int session_beneficiaries(const struct session *s, json_t **ret)
{
	_cleanup_json_ json_t *list = NULL;
	int r = 0;

	if (session_over(s) || session_suspended(s) || !s->data ||
		s->step < SESSION_STEP_CHOICE) {
		*ret = NULL;
		return 0;
	}
	list = json_array();
	for (size_t i = 0; i < s->data->n_people && r == 0; i++) {
		json_t *person = NULL;

		if (!session_offers(s, &s->data->people[i])) {
			continue;
		}
		r = session_person_json(s, &s->data->people[i], false, &person);
		if (r == 0 && json_array_append_new(list, person) < 0) {
			r = fault(-ENOMEM);
		}
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = list;
	list = NULL;
	return 0;
}

int session_chosen(const struct session *s, json_t **ret)
{
	if (session_over(s) || !s->chosen) {
		*ret = NULL;
		return 0;
	}
	return trace(session_person_json(s, s->chosen, false, ret));
}

int session_patient_json(const struct session *s, json_t **ret)
{
	if (s->step != SESSION_STEP_UNLOCKED || !s->chosen) {
		*ret = NULL;
		return 0;
	}
	return trace(session_person_json(s, s->chosen, true, ret));
}

/* -- room for the upper rooms -------------------------------------------------------------------- */

void session_set_consent(struct session *s, void *consent)
{
	s->consent = consent;
}

void *session_consent(const struct session *s)
{
	return s->consent;
}

void session_set_dossier(struct session *s, void *dossier)
{
	s->dossier = dossier;
}

void *session_dossier(const struct session *s)
{
	return s->dossier;
}

/* -- answers ------------------------------------------------------------------------------------- */

int session_choose(struct session *s, enum session_choice kind, uint32_t index)
{
	if (kind == SESSION_CHOICE_STRUCTURE) {
		return session_choose_structure(s, index);
	}
	return session_choose_person(s, index);
}

void session_choice_failed(struct session *s, enum session_choice kind, enum vitaled_reason r)
{
	bool asked = kind == SESSION_CHOICE_STRUCTURE ? session_choosing_structure(s)
						      : s->step == SESSION_STEP_CHOICE;

	if (asked) {
		session_end(s, r);
	}
}

/* An answer that is due at @at only: go on, or end. */
static void answered(struct session *s, enum session_step at, enum vitaled_reason r)
{
	if (s->step != at) {
		return;
	}
	if (r == VITALED_REASON_NONE) {
		session_post(s, SESSION_EVENT_GO);
	} else {
		session_end(s, r);
	}
}

void session_prepared(struct session *s, enum vitaled_reason r)
{
	answered(s, SESSION_STEP_PREPARE, r);
}

void session_coded(struct session *s, enum vitaled_reason r)
{
	answered(s, SESSION_STEP_CODE, r);
}

/* The signature needs the PIN, whose right other programs' turns have ended. */
void session_consented(struct session *s, enum vitaled_reason r)
{
	if (s->step == SESSION_STEP_CONSENT && r == VITALED_REASON_NONE && s->shared) {
		session_post(s, SESSION_EVENT_RENEW);
		return;
	}
	answered(s, SESSION_STEP_CONSENT, r);
}

void session_granted(struct session *s, enum vitaled_reason r)
{
	answered(s, SESSION_STEP_GRANT, r);
}
