/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The facts that rights are decided by: the professional's card and structure, what was consented,
 * what the cards proved, what the dossier says about this professional, and a document's row. Nothing
 * is decided here; that asking the patient would be in vain is recorded.
 */
#include <string.h>

#include "base/clock.h"
#include "daemon/dossier/inside.h"

#define G02_CPE 2U /* card of a structure's employee */

/* -- deciding ----------------------------------------------------------------------------------- */

/* Whether the configuration's list, with blanks between, has @structure. */
static bool is_listed(const char *list, const char *structure)
{
	size_t len = strlen(structure);

	while (len > 0 && list[0] != '\0') {
		size_t n = strcspn(list, " ");

		if (n == len && strncmp(list, structure, n) == 0) {
			return true;
		}
		list += n;
		list += strspn(list, " ");
	}
	return false;
}

static struct rights_facts facts_of(
	const struct config *config, const struct session *s, enum rights_action action)
{
	const struct session_professional *p = session_professional(s);
	const struct session_patient *patient = session_patient(s);
	struct rights_facts f = {
		.action = action,
		.mode = session_mode(s),
		.intents = session_intents(s),
		.card_type = UINT8_MAX, /* no card is in no table */
		.speciality = "",
		.sector = "",
		.proof = session_proof(s),
		.required = PROOF_LOCKED,
		.absent = patient && patient->absent,
		.holder = patient && patient->holder,
		.representative = patient && patient->represented,
		.age = patient && patient->minor ? RIGHTS_AGE_MINOR : RIGHTS_AGE_ADULT,
		.emergencies = session_emergencies(s),
		.emergencies_max = config->emergencies,
	};

	if (p) {
		f.card_type = p->person.card_type;
		f.profession = p->person.profession;
		f.speciality = p->speciality;
		f.sector = p->chosen ? p->chosen->sector : "";
		f.regulation = p->chosen && is_listed(config->regulation, p->chosen->structure);
	}
	return f;
}

enum vitaled_reason dossier_admit(struct dossiers *ds, struct session *s, const char **ret_rule)
{
	struct rights_facts f = facts_of(ds->config, s, RIGHTS_ACTION_OPEN);

	if (rights_decide(ds->rights, &f, ret_rule) == RIGHTS_ALLOW) {
		dossier_expect(ds);
		return VITALED_REASON_NONE;
	}
	if (strcmp(*ret_rule, "forbidden-sector") == 0) {
		return VITALED_REASON_FORBIDDEN_SECTOR;
	}
	if (strcmp(*ret_rule, "rate") == 0) {
		return VITALED_REASON_LIMITS_EXCEEDED;
	}
	return VITALED_REASON_ROLE_FORBIDDEN;
}

unsigned int facts_flags(const json_t *row)
{
	unsigned int flags = 0;
	json_t *flag;
	size_t i;

	json_array_foreach(json_object_get(row, "flags"), i, flag)
	{
		const char *word = json_string_value(flag);

		flags |= rights_flag_of(word ? word : "");
	}
	return flags;
}

/* A kind that is not known is nobody's: no professional's own, and no patient's. */
static uint8_t kind_of(const json_t *row)
{
	static const char *const words[RIGHTS_AUTHOR_COUNT] = {
		"professional", "patient", "device", "structure", "insurer"};
	const char *kind = json_get_str(row, "author-kind");
	uint8_t i = 0;

	while (kind && i < RIGHTS_AUTHOR_COUNT && strcmp(words[i], kind) != 0) {
		i++;
	}
	return i;
}

/* What an employee puts in is their structure's (M526, notes 4 and 9), whose number stands before the
 * slash of their own. */
static bool is_author(const struct trust_person *p, const char *author)
{
	const char *slash = p->card_type == G02_CPE ? strchr(p->national_id, '/') : NULL;

	if (slash) {
		size_t n = (size_t)(slash - p->national_id) + 1;

		return strncmp(author, p->national_id, n) == 0;
	}
	return strcmp(author, p->national_id) == 0;
}

static void add_row_facts(const struct dossier *d, const json_t *row, struct rights_facts *f)
{
	const struct session_professional *p = session_professional(d->session);
	const char *author = json_get_str(row, "author");

	f->type = json_get_str(row, "type");
	f->flags = facts_flags(row);
	f->author_kind = kind_of(row);
	f->author = f->author_kind == RIGHTS_AUTHOR_PROFESSIONAL && p && author &&
		    is_author(&p->person, author);
}

static void add_people_facts(const struct dossier *d, struct rights_facts *f)
{
	const struct session_patient *patient = session_patient(d->session);
	int64_t now = (int64_t)clock_wall();

	f->authorised = people_authorised(d, &f->authorised_told);
	f->fed_today = d->fed_since <= now && now < d->fed_until;
	f->fed_told = d->fed_told;
	f->blocked = d->blocked;
	f->treating_doctor = d->treating;
	f->opposed = d->opposed;
	f->masked_allowed = d->masked_allowed;
	f->code = d->coded;
	if (patient) {
		f->required = config_required(d->all->config, patient->nature);
	}
	if (f->mode == SESSION_MODE_PATIENT && f->required != PROOF_LOCKED) {
		f->required = PROOF_ACTIVE; /* alone no card can prove more, and less is none */
	}
}

enum rights_decision facts_decide(
	const struct dossier *d, const struct facts_act *act, const char **ret_rule)
{
	struct rights_facts f = facts_of(d->all->config, d->session, act->action);

	add_people_facts(d, &f);
	f.consented = consent_given(d->session) && !consent_is_running(d->session);
	f.self = act->self;
	f.has_until = act->until;
	f.code = f.code || act->coded;
	if (act->row) {
		add_row_facts(d, act->row, &f);
	}
	return rights_decide(d->all->rights, &f, ret_rule);
}

/* one for each intent, in the order of their bits */
static const enum rights_action intended[SESSION_INTENTS] = {RIGHTS_ACTION_LIST,
	RIGHTS_ACTION_ADD, RIGHTS_ACTION_CREATE, RIGHTS_ACTION_AUTHORISE,
	RIGHTS_ACTION_TREATING_DOCTOR_TAKE, RIGHTS_ACTION_OPPOSE, RIGHTS_ACTION_CLOSE,
	RIGHTS_ACTION_ACTIVATION_CODE};

/* What would be decided about the intent @i, before anybody has been asked. */
static enum rights_decision decide_ahead(
	const struct dossier *d, size_t i, bool consented, const char **ret_rule)
{
	struct rights_facts f = facts_of(d->all->config, d->session, intended[i]);

	add_people_facts(d, &f);
	f.consented = consented;
	f.self = true;
	f.has_until = true;
	f.code = true;	      /* it is asked for where it is needed */
	f.proof = f.required; /* what the cards prove comes with the signatures */
	return rights_decide(d->all->rights, &f, ret_rule);
}

/* All that is intended, without asking anybody. */
static bool is_agreed(const struct dossier *d, const char **ret_rule)
{
	unsigned int intents = session_intents(d->session);

	*ret_rule = "intent";
	for (size_t i = 0; i < ARRAY_LEN(intended); i++) {
		if ((intents & 1U << i) &&
			decide_ahead(d, i, false, ret_rule) != RIGHTS_ALLOW) {
			return false;
		}
	}
	return intents != 0;
}

bool dossier_agreed(const struct session *s)
{
	const struct dossier *d = session_dossier(s);
	const char *rule;

	return d && is_agreed(d, &rule);
}

/* Whether consent to what is intended would open anything. */
static bool is_worth_asking(const struct dossier *d, const char **ret_rule)
{
	/* a consultation without the patient's card: there is nobody to ask */
	if (session_mode(d->session) == SESSION_MODE_NORMAL &&
		session_patient(d->session)->absent) {
		return is_agreed(d, ret_rule);
	}
	*ret_rule = "intent";
	for (size_t i = 0; i < ARRAY_LEN(intended); i++) {
		const char *rule;

		if (decide_ahead(d, i, true, &rule) == RIGHTS_ALLOW) {
			*ret_rule = rule;
			return true;
		}
		/* the first that tells more than that something else is intended */
		if (strcmp(*ret_rule, "intent") == 0) {
			*ret_rule = rule;
		}
	}
	return false;
}

enum vitaled_reason dossier_worth_asking(struct session *s)
{
	struct dossier *d = session_dossier(s);
	const char *rule;

	if (is_worth_asking(d, &rule)) {
		return VITALED_REASON_NONE;
	}
	if (record_entry(d, AUDIT_EVENT_DENIED,
		    vitaled_reason_word(VITALED_REASON_NOT_PERMITTED), NULL, rule, NULL) != 0) {
		return VITALED_REASON_AUDIT_UNAVAILABLE;
	}
	return VITALED_REASON_NOT_PERMITTED;
}
