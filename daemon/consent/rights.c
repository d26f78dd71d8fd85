/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The one place that decides who may do what. Deciding reads the tables (rights-load.c) and the facts
 * and nothing else. What no table names (a sector, a profession, a card) is refused.
 *
 * The rules are asked in this order, the first that refuses names the refusal:
 *   forbidden-sector, (mode identity: done), role-forbidden, (emergencies:) mode, regulation, rate,
 *   mode, blocked, opposed, no-consent, proof, intent, role-forbidden or mode (cell of the matrix),
 *   not-author, masked, document-type.
 */
#include <string.h>

#include "daemon/consent/rights-inside.h"

/* what an allowed request answers */
static const char *const role_rules[ROLE_COUNT] = {
	"professional", "doctor", "treating-doctor", "occupational"};

/* -- words ----------------------------------------------------------------------------------- */

static const struct {
	enum rights_flag flag;
	const char *word;
} flag_words[] = {
	{RIGHTS_FLAG_MASQUE_PS, "masque_ps"},
	{RIGHTS_FLAG_INVISIBLE_PATIENT, "invisible_patient"},
	{RIGHTS_FLAG_INVISIBLE_REPRESENTANTS_LEGAUX, "invisible_representants_legaux"},
};

const char *rights_flag_word(enum rights_flag f)
{
	for (size_t i = 0; i < ARRAY_LEN(flag_words); i++) {
		if (flag_words[i].flag == f) {
			return flag_words[i].word;
		}
	}
	return NULL;
}

unsigned int rights_flag_of(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(flag_words); i++) {
		if (strcmp(flag_words[i].word, word) == 0) {
			return flag_words[i].flag;
		}
	}
	return 0;
}

/* Index of @word in @words, or @n. */
size_t rights_word(const char *const *words, size_t n, const char *word)
{
	size_t i = 0;

	while (word && i < n && strcmp(words[i], word) != 0) {
		i++;
	}
	return word ? i : n;
}

const char *rights_profession_label(const struct rights *r, uint8_t profession)
{
	const char *label = r->professions[profession].label;

	return label ? label : "";
}

/* -- deciding -------------------------------------------------------------------------------- */

static enum access sector_access(const struct rights *r, const char *code)
{
	for (size_t i = 0; i < r->n_sectors; i++) {
		if (strcmp(r->sectors[i].code, code) == 0) {
			return r->sectors[i].access;
		}
	}
	return ACCESS_NEVER;
}

static enum access access_of(const struct rights *r, const struct rights_facts *f)
{
	/* without a PIN, as for an identity, no structure is known */
	if (f->mode == SESSION_MODE_IDENTITY && f->sector[0] == '\0') {
		return ACCESS_CARE;
	}
	return sector_access(r, f->sector);
}

static bool is_occupational(const struct rights *r, const struct rights_facts *f)
{
	return access_of(r, f) == ACCESS_OCCUPATIONAL ||
	       rights_word(r->specialities, r->n_specialities, f->speciality) <
		       r->n_specialities;
}

static enum role role_of(const struct rights *r, const struct rights_facts *f)
{
	enum role role = r->professions[f->profession].role;

	if (is_occupational(r, f)) {
		return ROLE_OCCUPATIONAL;
	}
	if (role != ROLE_DOCTOR || r->cards[f->card_type] == CARD_USE_PS) {
		return ROLE_PS;
	}
	return f->treating_doctor ? ROLE_TREATING : ROLE_DOCTOR;
}

static enum column column_of(const struct rights_facts *f)
{
	switch (f->mode) {
	case SESSION_MODE_BRIS_DE_GLACE:
		return COLUMN_BRIS_DE_GLACE;
	case SESSION_MODE_CENTRE_15:
		return COLUMN_CENTRE_15;
	case SESSION_MODE_NORMAL:
	case SESSION_MODE_IDENTITY: /* has been answered before */
	case SESSION_MODE_COUNT:
		break;
	}
	return COLUMN_NORMAL;
}

/* May this professional open an emergency at all? */
static const char *deny_emergency(const struct rights *r, const struct rights_facts *f)
{
	if (!session_mode_emergency(f->mode)) {
		return NULL;
	}
	if (is_occupational(r, f)) {
		return "mode";
	}
	if (f->mode == SESSION_MODE_CENTRE_15) {
		return f->regulation ? NULL : "regulation";
	}
	return f->action == RIGHTS_ACTION_OPEN && f->emergencies >= f->emergencies_max ? "rate"
										       : NULL;
}

/* Is this a professional who cares for people? */
static const char *deny_person(const struct rights *r, const struct rights_facts *f)
{
	if (access_of(r, f) == ACCESS_NEVER) {
		return "forbidden-sector";
	}
	if (f->mode == SESSION_MODE_IDENTITY) {
		return NULL;
	}
	if (r->cards[f->card_type] == CARD_USE_NONE || !r->professions[f->profession].label) {
		return "role-forbidden";
	}
	return deny_emergency(r, f);
}

/* Have the cards proved enough? Without the patient's there is nothing to prove: an emergency only. */
static bool is_proved(const struct rights_facts *f)
{
	if (f->absent) {
		return session_mode_emergency(f->mode) && f->required != PROOF_LOCKED;
	}
	return f->proof >= f->required;
}

/* Does this session open the dossier at all, and for that? */
static const char *deny_session(const struct rights *r, const struct rights_facts *f)
{
	unsigned int intent = r->actions[f->action].intent;

	if (f->mode == SESSION_MODE_IDENTITY) {
		return "mode";
	}
	if (f->blocked) {
		return "blocked";
	}
	if (session_mode_emergency(f->mode) && f->opposed) {
		return "opposed";
	}
	if (!f->consented && (!f->authorised || session_mode_emergency(f->mode))) {
		return "no-consent";
	}
	if (!is_proved(f)) {
		return "proof";
	}
	if ((f->intents & intent) != intent) {
		return "intent";
	}
	return NULL;
}

static const char *deny_cell(enum cell cell, bool author, const char *other, const char *never)
{
	switch (cell) {
	case CELL_YES:
		return NULL;
	case CELL_OWN:
		return author ? NULL : other;
	case CELL_NO:
		break;
	}
	return never;
}

static bool type_listed(const json_t *types, const char *type)
{
	if (!types || !type) {
		return true;
	}
	for (size_t i = 0; i < json_array_size(types); i++) {
		if (strcmp(json_string_value(json_array_get(types, i)), type) == 0) {
			return true;
		}
	}
	return false;
}

/* The matrix. */
static const char *deny_action(
	const struct rights *r, const struct rights_facts *f, enum role role)
{
	bool emergency = session_mode_emergency(f->mode);
	const struct cells *c = &r->actions[f->action].columns[column_of(f)];
	const char *rule = deny_cell(
		c->plain[role], f->author, "not-author", emergency ? "mode" : "role-forbidden");

	if (rule) {
		return rule;
	}
	if (f->flags & RIGHTS_FLAG_MASQUE_PS) {
		rule = deny_cell(c->masked[role], f->author, "masked",
			emergency ? "masked" : "role-forbidden");
		if (rule) {
			return rule;
		}
	}
	/* one's own documents stay readable whatever their type; what is added is one's own too */
	if ((!f->author || f->action == RIGHTS_ACTION_ADD) &&
		!type_listed(r->professions[f->profession].types, f->type)) {
		return "document-type";
	}
	return NULL;
}

static const char *deny(const struct rights *r, const struct rights_facts *f)
{
	const char *rule = deny_person(r, f);

	if (rule || f->action == RIGHTS_ACTION_OPEN) {
		return rule;
	}
	rule = deny_session(r, f);
	if (rule) {
		return rule;
	}
	return deny_action(r, f, role_of(r, f));
}

static const char *allow(const struct rights *r, const struct rights_facts *f)
{
	if (f->mode == SESSION_MODE_IDENTITY) {
		return "identity";
	}
	return f->author ? "author" : role_rules[role_of(r, f)];
}

enum rights_decision rights_decide(
	const struct rights *r, const struct rights_facts *f, const char **ret_rule)
{
	const char *rule = deny(r, f);

	*ret_rule = rule ? rule : allow(r, f);
	return rule ? RIGHTS_DENY : RIGHTS_ALLOW;
}
