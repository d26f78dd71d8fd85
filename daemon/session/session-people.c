/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Who is on the patient's card, and which of them this session is about. The person is the one
 * that the caller named, or the only one, or the one that somebody chose; never the first of
 * several. A number belongs to a person only by the rule of mark_own(); without a number of their
 * own there is no dossier. All of it lives in one block that is wiped at the end.
 */
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "daemon/session/steps.h"

#define NUMBER	    13U	   /* NIR or INS without key */
#define ADULT_AFTER 180000 /* 18 years, in YYYYMMDD */

/* -- reading ------------------------------------------------------------------------------------- */

static bool all_digits(const char *text)
{
	return strspn(text, "0123456789") == strlen(text);
}

static bool take_person(struct person *p, struct view value)
{
	uint8_t rank = 0;
	int q;

	if (tlv_find_str(value, LINK_TAG_SURNAME, p->surname, sizeof(p->surname)) != 0 ||
		!read_optional(value, LINK_TAG_GIVEN, p->given, sizeof(p->given)) ||
		tlv_find_str(value, LINK_TAG_BIRTH, p->birth, sizeof(p->birth)) != 0 ||
		!read_optional(value, LINK_TAG_NIR, p->nir, sizeof(p->nir)) ||
		!read_optional(value, LINK_TAG_COUNTRY, p->country, sizeof(p->country))) {
		return false;
	}
	q = tlv_find_u8(value, LINK_TAG_RANK, &rank);
	p->rank = rank;
	return q != TLV_BROKEN && (strlen(p->birth) == 8 || strlen(p->birth) == 6) &&
	       all_digits(p->birth) && (p->nir[0] == '\0' || strlen(p->nir) == NUMBER + 2);
}

static bool take_people(struct patient_data *d, struct view body)
{
	struct reader r = reader_of(body);
	struct tlv t;
	int q;

	while ((q = tlv_next(&r, &t)) == 0) {
		if (t.tag != LINK_TAG_PERSON) {
			continue;
		}
		if (d->n_people == LIMIT_BENEFICIARIES ||
			!take_person(&d->people[d->n_people], t.value)) {
			return false;
		}
		d->n_people++;
	}
	return q == TLV_END && d->n_people > 0;
}

/* -- whose number -------------------------------------------------------------------------------- */

/* YYMMDD: what every card has; some do not know the century. */
static struct view short_birth(const struct person *p)
{
	return view_last(view_str(p->birth), 6);
}

/* Year and month of birth agree with digits 2 to 5 of the number; lunar months never do. */
static bool birth_agrees(const struct person *p)
{
	struct view month = view_sub(short_birth(p), 2, 2);

	if (p->nir[0] == '\0' || strncmp((const char *)month.data, "01", 2) < 0 ||
		strncmp((const char *)month.data, "12", 2) > 0) {
		return false;
	}
	return view_equal(view_sub(view_str(p->nir), 1, 4), view_sub(short_birth(p), 0, 4));
}

static bool same_number(const struct person *a, const struct person *b)
{
	return strncmp(a->nir, b->nir, NUMBER) == 0;
}

/* A number is a person's own when exactly one of its bearers was born when it says. */
static void mark_own(struct patient_data *d)
{
	for (size_t i = 0; i < d->n_people; i++) {
		struct person *p = &d->people[i];
		size_t n = 0;

		for (size_t j = 0; j < d->n_people; j++) {
			n += same_number(p, &d->people[j]) && birth_agrees(&d->people[j]) ? 1
											  : 0;
		}
		p->own = n == 1 && birth_agrees(p);
	}
}

/* -- how old ----------------------------------------------------------------------------------- */

/* Only where there is no doubt, since others may then act for them: a card that does not know the
 * century may mean the older one, a clock that is not set knows nothing, and nobody is yet to be born. */
bool session_is_minor(const struct person *p)
{
	uint64_t at = clock_wall();
	char now[28];
	int64_t numbers[2] = {0, 0};
	const char *dates[] = {p->birth, now};
	int64_t age;

	if (strlen(p->birth) != 8 || at < LIMIT_CLOCK_SET) {
		return false;
	}
	clock_rfc3339(at, now);
	now[10] = '\0'; /* the day */
	for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
		for (const char *c = dates[i]; *c; c++) {
			numbers[i] = *c == '-' ? numbers[i] : numbers[i] * 10 + (*c - '0');
		}
	}
	age = numbers[1] - numbers[0];
	return age >= 0 && age < ADULT_AFTER;
}

/* -- fixing the person --------------------------------------------------------------------------- */

static enum vitaled_reason identify(struct session *s, const struct person *p)
{
	char number[NUMBER + 1];
	int r;

	if (!p->wanted) {
		return VITALED_REASON_OTHER_PATIENT;
	}
	s->chosen = p;
	s->patient.rank = p->rank;
	s->patient.minor = session_is_minor(p);
	s->patient.holder = session_is_holder(s, p);
	s->patient.represented = s->mode == SESSION_MODE_PATIENT && !s->patient.holder;
	if (s->mode == SESSION_MODE_IDENTITY) {
		return VITALED_REASON_NONE;
	}
	if ((s->mode == SESSION_MODE_PATIENT && !p->own) ||
		!session_wanted_number(s, p, number)) {
		return VITALED_REASON_NO_OWN_IDENTITY; /* an INS is a professional's to give */
	}
	r = s->all->ops.pseudonym(
		s->all->user, number, session_nature(s), s->patient.pseudonym);
	wipe(number, sizeof(number));
	if (r == 0) {
		r = rng_fill(s->nonce, sizeof(s->nonce)); /* cards and person are fixed now */
	}
	return r == 0 ? VITALED_REASON_NONE : VITALED_REASON_STORE_UNAVAILABLE;
}

static void fix(struct session *s, const struct person *p)
{
	enum vitaled_reason r = identify(s, p);

	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	} else {
		session_post(s, s->mode == SESSION_MODE_IDENTITY && s->proof == PROOF_READ
					? SESSION_EVENT_READ
					: SESSION_EVENT_GO);
	}
}

/* An adult who is merely listed: theirs is another card. */
static void not_the_holder(struct session *s)
{
	enum vitaled_reason r = VITALED_REASON_NOT_PERMITTED;

	if (session_record(s, AUDIT_EVENT_DENIED, vitaled_reason_word(r), "not-holder", NULL)) {
		session_end(s, r);
	}
}

/* Of @n whom the caller may mean those for whom the card may be used. Return: how many they are. */
static size_t only_offered(struct session *s, size_t n)
{
	struct patient_data *d = s->data;

	for (size_t i = 0; i < d->n_people; i++) {
		struct person *p = &d->people[i];

		if (p->wanted && !session_offers(s, p)) {
			p->wanted = false;
			n--;
		}
	}
	return n;
}

static void choose(struct session *s)
{
	struct patient_data *d = s->data;
	size_t all;
	size_t n;

	mark_own(d);
	all = session_wanted(s);
	n = only_offered(s, all);
	if (n == 0 && all > 0) {
		not_the_holder(s);
	} else if (n == 0) {
		session_end(s, VITALED_REASON_OTHER_PATIENT);
	} else if (n > 1) {
		session_post(s, SESSION_EVENT_ASK);
	} else {
		for (size_t i = 0; i < d->n_people; i++) {
			if (d->people[i].wanted) {
				fix(s, &d->people[i]);
				return;
			}
		}
	}
}

/* That names were read is durable before any of them leaves: to agents, to the owner, in a choice.
 * The entry has their number, not the names. */
static bool record_people(struct session *s)
{
	json_t *details = json_pack("{s:I,s:s}", "count", (json_int_t)s->data->n_people,
		"proof", proof_word(s->proof));

	return session_record(s, AUDIT_EVENT_IDENTITY_READ, "ok", NULL, details);
}

static void on_people(void *user, struct link_frame *answer)
{
	struct session *s = user;

	if (!session_judge(s, &s->patient_side, answer)) {
		return;
	}
	s->data = calloc(1, sizeof(*s->data));
	if (!s->data) {
		session_end(s, VITALED_REASON_FAILED);
	} else if (!take_people(s->data, answer->body)) {
		session_end(s, VITALED_REASON_CARD_BROKEN);
	} else if (record_people(s)) {
		choose(s);
	}
}

/* Nobody's card says who it is: the caller has, and a professional signs for it. What it opens is
 * decided by what was agreed earlier, or by the emergency. */
static void without_card(struct session *s)
{
	enum vitaled_reason r = VITALED_REASON_PROOF_TOO_WEAK;

	s->data = calloc(1, sizeof(*s->data));
	if (!s->data) {
		session_end(s, VITALED_REASON_FAILED);
		return;
	}
	if (session_required(s) != PROOF_LOCKED) {
		r = session_wanted_person(s, &s->data->people[0]);
	}
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
		return;
	}
	s->data->n_people = 1;
	s->patient.absent = true;
	s->patient.nature = session_nature(s);
	mark_own(s->data);
	fix(s, &s->data->people[0]);
}

void session_people(struct session *s)
{
	if (s->alone) {
		without_card(s);
		return;
	}
	session_ask_card(s, &s->patient_side, CARD_OP_READ_PEOPLE, VIEW_NULL, on_people);
}

void session_ask_person(struct session *s)
{
	_cleanup_json_ json_t *choices = NULL;

	if (session_beneficiaries(s, &choices) != 0 || !choices) {
		session_end(s, VITALED_REASON_FAILED);
		return;
	}
	s->all->ops.ask_choice(s->all->user, s, SESSION_CHOICE_BENEFICIARY, choices);
}

/* @index counts what was offered. */
static const struct person *offered(const struct session *s, uint32_t index)
{
	for (size_t i = 0; i < s->data->n_people; i++) {
		const struct person *p = &s->data->people[i];

		if (session_offers(s, p) && index-- == 0) {
			return p;
		}
	}
	return NULL;
}

int session_choose_person(struct session *s, uint32_t index)
{
	const struct person *p;

	if (s->step != SESSION_STEP_CHOICE) {
		return SESSION_CHOOSE_STATE;
	}
	p = offered(s, index);
	if (!p) {
		return SESSION_CHOOSE_RANGE;
	}
	/* agent and owner are both asked: the first answer wins, the other is told to stop */
	s->all->ops.stop_asking(s->all->user, s, VITALED_REASON_CANCELLED);
	fix(s, p);
	return 0;
}
