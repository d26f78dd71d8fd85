/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The facts that rights are decided by: the professional's card and structure, what was consented,
 * what the cards proved, what the dossier says about this professional, and a document's row. Nothing
 * is decided here.
 */
#include <errno.h>
#include <string.h>

#include "base/tlv.h"
#include "daemon/dossier/inside.h"

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

static unsigned int flags_of(const json_t *row)
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

static void add_row_facts(const struct dossier *d, const json_t *row, struct rights_facts *f)
{
	const struct session_professional *p = session_professional(d->session);
	const char *author = json_get_str(row, "author");

	f->type = json_get_str(row, "type");
	f->flags = flags_of(row);
	f->author = p && author && strcmp(author, p->person.national_id) == 0;
}

static void add_people_facts(const struct dossier *d, struct rights_facts *f)
{
	const struct session_patient *patient = session_patient(d->session);

	f->authorised = d->authorised;
	f->blocked = d->blocked;
	f->treating_doctor = d->treating;
	f->opposed = d->opposed;
	if (patient) {
		f->required = config_required(d->all->config, patient->nature);
	}
}

enum rights_decision facts_decide(const struct dossier *d, enum rights_action action,
	const json_t *row, const char **ret_rule)
{
	struct rights_facts f = facts_of(d->all->config, d->session, action);

	add_people_facts(d, &f);
	f.consented = consent_given(d->session);
	if (row) {
		add_row_facts(d, row, &f);
	}
	return rights_decide(d->all->rights, &f, ret_rule);
}

bool facts_worth_asking(const struct dossier *d, const char **ret_rule)
{
	static const enum rights_action actions[] = {
		RIGHTS_ACTION_LIST, RIGHTS_ACTION_ADD, RIGHTS_ACTION_CREATE};

	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		struct rights_facts f = facts_of(d->all->config, d->session, actions[i]);

		add_people_facts(d, &f);
		f.consented = true;
		f.proof = f.required; /* what the cards prove comes with the signatures */
		if (rights_decide(d->all->rights, &f, ret_rule) == RIGHTS_ALLOW) {
			return true;
		}
		if (strcmp(*ret_rule, "intent") != 0) {
			return false;
		}
	}
	return false;
}

/* -- people facts ------------------------------------------------------------------------------- */

static bool names(const json_t *list, const char *id)
{
	json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
	{
		const char *text = json_string_value(row);

		if (text && strcmp(text, id) == 0) {
			return true;
		}
	}
	return false;
}

/* {"authorised": [id...], "blocked": [id...], "treating-doctor": id or null,
 *  "oppositions"?: [mode...]} */
int facts_take_people(struct dossier *d, struct view body)
{
	const struct session_professional *p = session_professional(d->session);
	_cleanup_json_ json_t *people = NULL;
	const char *treating;
	struct tlv t;

	if (!p || tlv_find(body, LINK_TAG_PEOPLE, &t) != 0 ||
		json_parse(t.value, &people) != 0) {
		return fault(-EBADMSG);
	}
	treating = json_get_str(people, "treating-doctor");
	d->authorised = names(json_object_get(people, "authorised"), p->person.national_id);
	d->blocked = names(json_object_get(people, "blocked"), p->person.national_id);
	d->opposed = names(json_object_get(people, "oppositions"),
		session_mode_word(session_mode(d->session)));
	d->treating = treating && strcmp(treating, p->person.national_id) == 0;
	return 0;
}
