/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The one place that decides who may do what. Deciding reads the tables (rights-load.c) and the facts
 * and nothing else. What no table names (a sector, a profession, a card) is refused.
 *
 * The rules are asked in this order, the first that refuses names the refusal:
 *   who:       forbidden-sector (the mode identity asks no more), role-forbidden, role-forbidden or mode
 *              (the cell of open), regulation, rate; here open ends
 *   session:   mode (identity), not-holder, blocked, opposed, no-consent, not-told-without-card, proof, code,
 *              intent
 *   act:       role-forbidden or mode (the cell of the action), patients-own, read-only, not-author,
 *              not-self, masked, invisible, document-type, no-end
 */
#include <string.h>

#include "daemon/consent/rights-inside.h"

/* what an allowed request answers */
static const char *const role_rules[ROLE_COUNT] = {"professional", "doctor", "treating-doctor",
	"occupational", "employee", "structure", "agent", "feeder", "patient",
	"representative"};

/* -- words ----------------------------------------------------------------------------------- */

static const char *const action_words[RIGHTS_ACTION_COUNT] = {
	[RIGHTS_ACTION_OPEN] = "open",
	[RIGHTS_ACTION_CREATE] = "create",
	[RIGHTS_ACTION_SUMMARY] = "summary",
	[RIGHTS_ACTION_LIST] = "list",
	[RIGHTS_ACTION_READ] = "read",
	[RIGHTS_ACTION_ADD] = "add",
	[RIGHTS_ACTION_REPLACE] = "replace",
	[RIGHTS_ACTION_ARCHIVE] = "archive",
	[RIGHTS_ACTION_UNARCHIVE] = "unarchive",
	[RIGHTS_ACTION_DELETE] = "delete",
	[RIGHTS_ACTION_MASK] = "mask",
	[RIGHTS_ACTION_UNMASK] = "unmask",
	[RIGHTS_ACTION_SHOW_PATIENT] = "show-patient",
	[RIGHTS_ACTION_HIDE_PATIENT] = "hide-patient",
	[RIGHTS_ACTION_SHOW_REPRESENTATIVES] = "show-representatives",
	[RIGHTS_ACTION_HIDE_REPRESENTATIVES] = "hide-representatives",
	[RIGHTS_ACTION_NOTES] = "notes",
	[RIGHTS_ACTION_HISTORY] = "history",
	[RIGHTS_ACTION_LIST_PROFESSIONALS] = "list-professionals",
	[RIGHTS_ACTION_AUTHORISE] = "authorise",
	[RIGHTS_ACTION_REVOKE] = "revoke",
	[RIGHTS_ACTION_BLOCK] = "block",
	[RIGHTS_ACTION_UNBLOCK] = "unblock",
	[RIGHTS_ACTION_TREATING_DOCTOR_TAKE] = "treating-doctor-take",
	[RIGHTS_ACTION_TREATING_DOCTOR_LEAVE] = "treating-doctor-leave",
	[RIGHTS_ACTION_OPPOSE] = "oppose",
	[RIGHTS_ACTION_UNOPPOSE] = "unoppose",
	[RIGHTS_ACTION_ALLOW_MASKED] = "allow-masked",
	[RIGHTS_ACTION_CLOSE] = "close",
	[RIGHTS_ACTION_REOPEN] = "reopen",
	[RIGHTS_ACTION_EXPORT] = "export",
	[RIGHTS_ACTION_ACTIVATION_CODE] = "activation-code",
	[RIGHTS_ACTION_PERSONAL_CODE] = "personal-code",
	[RIGHTS_ACTION_IMPORT] = "import",
};

const char *rights_action_word(enum rights_action a)
{
	return action_words[a];
}

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

/* -- who acts -------------------------------------------------------------------------------- */

static enum column column_of(enum session_mode mode)
{
	switch (mode) {
	case SESSION_MODE_NORMAL:
		return COLUMN_NORMAL;
	case SESSION_MODE_BRIS_DE_GLACE:
		return COLUMN_BRIS_DE_GLACE;
	case SESSION_MODE_CENTRE_15:
		return COLUMN_CENTRE_15;
	case SESSION_MODE_ADMINISTRATION:
		return COLUMN_ADMINISTRATION;
	case SESSION_MODE_PATIENT:
		return COLUMN_PATIENT;
	case SESSION_MODE_IDENTITY:
	case SESSION_MODE_COUNT:
		break;
	}
	return COLUMN_COUNT;
}

static enum access access_of(const struct rights *r, const struct rights_facts *f)
{
	/* without a PIN, as for an identity, no structure is known */
	if (f->mode == SESSION_MODE_IDENTITY && f->sector[0] == '\0') {
		return ACCESS_CARE;
	}
	for (size_t i = 0; i < r->n_sectors; i++) {
		if (strcmp(r->sectors[i].code, f->sector) == 0) {
			return r->sectors[i].access;
		}
	}
	return ACCESS_NEVER;
}

/* With a card that counts as its profession, or (CARD_USE_PS) as no more than a professional. */
static enum role role_of_profession(
	const struct rights *r, const struct rights_facts *f, enum card_use use)
{
	const struct profession *p = &r->professions[f->profession];

	if (!p->label) {
		return ROLE_COUNT;
	}
	if (access_of(r, f) == ACCESS_OCCUPATIONAL ||
		rights_word(r->specialities, r->n_specialities, f->speciality) <
			r->n_specialities) {
		return ROLE_OCCUPATIONAL;
	}
	if (use == CARD_USE_PS || p->role != ROLE_DOCTOR) {
		return ROLE_PS;
	}
	return f->treating_doctor ? ROLE_TREATING : ROLE_DOCTOR;
}

static enum role role_of_card(const struct rights *r, const struct rights_facts *f)
{
	const struct uses *card = &r->cards[f->card_type];
	enum card_use use =
		f->mode == SESSION_MODE_ADMINISTRATION ? card->administration : card->use;

	switch (use) {
	case CARD_USE_OWN:
	case CARD_USE_PS:
		return role_of_profession(r, f, use);
	case CARD_USE_EMPLOYEE:
		return access_of(r, f) == ACCESS_ADMINISTRATION ? ROLE_AGENT : ROLE_EMPLOYEE;
	case CARD_USE_AGENT:
		return ROLE_AGENT;
	case CARD_USE_NONE:
	case CARD_USE_COUNT:
		break;
	}
	return ROLE_COUNT;
}

static enum role role_of(const struct rights *r, const struct rights_facts *f)
{
	if (f->mode == SESSION_MODE_PATIENT) {
		return f->representative && !f->holder ? ROLE_REPRESENTATIVE : ROLE_HOLDER;
	}
	if (f->feeder) {
		return ROLE_FEEDER;
	}
	return f->indirect ? ROLE_STRUCTURE : role_of_card(r, f);
}

/* Whether @role acts under a structure's sector. */
static bool has_sector(enum role role)
{
	return role != ROLE_FEEDER && role != ROLE_HOLDER && role != ROLE_REPRESENTATIVE;
}

static bool may_be_there(const struct rights *r, const struct rights_facts *f, enum role role)
{
	switch (access_of(r, f)) {
	case ACCESS_CARE:
	case ACCESS_OCCUPATIONAL:
		return true;
	case ACCESS_ADMINISTRATION:
		return f->mode == SESSION_MODE_ADMINISTRATION && role == ROLE_AGENT;
	case ACCESS_NEVER:
	case ACCESS_COUNT:
		break;
	}
	return false;
}

/* What "no" is called: in a consultation it is the role, elsewhere the mode is narrower than that. */
static const char *rule_of_no(const struct rights_facts *f)
{
	return f->mode == SESSION_MODE_NORMAL ? "role-forbidden" : "mode";
}

/* May this emergency begin, or go on? */
static const char *deny_emergency(const struct rights_facts *f)
{
	if (f->mode == SESSION_MODE_CENTRE_15 && !f->regulation) {
		return "regulation";
	}
	if (f->mode == SESSION_MODE_BRIS_DE_GLACE && f->action == RIGHTS_ACTION_OPEN &&
		f->emergencies >= f->emergencies_max) {
		return "rate";
	}
	return NULL;
}

/* Is this somebody who has to do with a dossier in this mode? */
static const char *deny_person(
	const struct rights *r, const struct rights_facts *f, enum role role)
{
	enum column column = column_of(f->mode);

	if (has_sector(role) && !may_be_there(r, f, role)) {
		return "forbidden-sector";
	}
	if (f->mode == SESSION_MODE_IDENTITY) {
		return NULL;
	}
	if (role == ROLE_COUNT) {
		return "role-forbidden";
	}
	/* of an occupational service only its doctors and nurses: ours */
	if (has_sector(role) && role > ROLE_OCCUPATIONAL &&
		access_of(r, f) == ACCESS_OCCUPATIONAL) {
		return "role-forbidden";
	}
	/* who may not open in this mode has nothing to do in it */
	if (column == COLUMN_COUNT ||
		r->actions[RIGHTS_ACTION_OPEN].cells[LAYER_CELLS][column][role] == CELL_NO) {
		return rule_of_no(f);
	}
	return deny_emergency(f);
}

/* -- the session ----------------------------------------------------------------------------- */

/* Is the patient who acts the card's own holder, or a minor on it through its holder? */
static bool holds_the_card(const struct rights_facts *f)
{
	return f->mode != SESSION_MODE_PATIENT || f->holder ||
	       (f->representative && f->age == RIGHTS_AGE_MINOR);
}

/* Is there something from earlier in place of a consent in this session? Of consultations only. */
static bool has_earlier(const struct rights_facts *f, enum consent needed)
{
	if (f->mode != SESSION_MODE_NORMAL || needed == CONSENT_SESSION) {
		return false;
	}
	return f->authorised || (needed == CONSENT_SAME_DAY && f->absent && f->fed_today);
}

/* Does what there is from earlier open without the patient's card, and the patient was never told so? */
static bool is_beyond_told(const struct rights_facts *f, enum consent needed)
{
	if (!f->absent || needed == CONSENT_NONE || !has_earlier(f, needed)) {
		return false;
	}
	return !(f->authorised && f->authorised_told) &&
	       !(needed == CONSENT_SAME_DAY && f->fed_today && f->fed_told);
}

static bool is_agreed(const struct rights_facts *f, enum consent needed)
{
	return needed == CONSENT_NONE || f->consented || has_earlier(f, needed);
}

/* Have the cards proved enough? Without the patient's there is nothing to prove: an emergency, or what
 * an earlier consent opens. */
static bool is_proved(const struct rights_facts *f, enum consent needed)
{
	if (f->required == PROOF_LOCKED) {
		return false;
	}
	if (needed == CONSENT_NONE) {
		return true;
	}
	if (f->absent) {
		return session_mode_emergency(f->mode) || has_earlier(f, needed);
	}
	return f->proof >= f->required &&
	       (f->mode != SESSION_MODE_PATIENT || f->proof >= PROOF_ACTIVE);
}

/* Did the patient agree to it, and to its being done without their card? */
static const char *deny_consent(const struct rights_facts *f, enum consent needed)
{
	if (!is_agreed(f, needed)) {
		return "no-consent";
	}
	return is_beyond_told(f, needed) ? "not-told-without-card" : NULL;
}

/* Does this session open the dossier at all, and for that? */
static const char *deny_session(const struct rights_facts *f, const struct action *a)
{
	bool patient = f->mode == SESSION_MODE_PATIENT;
	const char *rule;

	if (f->mode == SESSION_MODE_IDENTITY) {
		return "mode";
	}
	if (!holds_the_card(f)) {
		return "not-holder";
	}
	if (f->blocked && !patient && !f->feeder) {
		return "blocked";
	}
	if (f->opposed && session_mode_emergency(f->mode)) {
		return "opposed";
	}
	rule = deny_consent(f, a->consent);
	if (rule) {
		return rule;
	}
	if (!is_proved(f, a->consent)) {
		return "proof";
	}
	if ((a->code || patient) && !f->code) {
		return "code";
	}
	return patient || (f->intents & a->intent) == a->intent ? NULL : "intent";
}

/* -- the act --------------------------------------------------------------------------------- */

/* Is the document one's own? The patient's is by its author's kind. */
static bool is_own(const struct rights_facts *f)
{
	return f->mode == SESSION_MODE_PATIENT ? f->author_kind == RIGHTS_AUTHOR_PATIENT
					       : f->author;
}

/* Does a cell that is not "no" hold? */
static bool holds(enum cell cell, const struct rights_facts *f)
{
	switch (cell) {
	case CELL_YES:
		return true;
	case CELL_OWN:
		return is_own(f);
	case CELL_SELF:
		return f->self;
	case CELL_ALLOWED:
		return f->masked_allowed;
	case CELL_NO:
	case CELL_COUNT:
		break;
	}
	return false;
}

/* Whose documents have a layer of their own? LAYER_CELLS: nobody's that this action knows. */
static enum layer layer_of(const struct action *a, uint8_t author_kind)
{
	if (author_kind == RIGHTS_AUTHOR_PATIENT && a->layered[LAYER_PATIENTS]) {
		return LAYER_PATIENTS;
	}
	if (author_kind == RIGHTS_AUTHOR_INSURER && a->layered[LAYER_INSURERS]) {
		return LAYER_INSURERS;
	}
	return LAYER_CELLS;
}

/* The matrix: the action's own cell, then that of the document's author. */
static const char *deny_cell(const struct rights_facts *f, const struct action *a,
	enum column column, enum role role)
{
	enum cell plain = a->cells[LAYER_CELLS][column][role];
	enum layer layer = layer_of(a, f->author_kind);

	if (plain == CELL_NO) {
		return rule_of_no(f);
	}
	if (holds(a->cells[layer][column][role], f)) {
		return NULL;
	}
	if (layer != LAYER_CELLS) {
		return layer == LAYER_PATIENTS ? "patients-own" : "read-only";
	}
	return plain == CELL_OWN ? "not-author" : "not-self";
}

/* What is hidden: from professionals, and from the patient's side. */
static const char *deny_hidden(const struct rights_facts *f, const struct action *a,
	enum column column, enum role role)
{
	bool invisible = (f->flags & RIGHTS_FLAG_INVISIBLE_PATIENT) != 0 ||
			 (role == ROLE_REPRESENTATIVE &&
				 (f->flags & RIGHTS_FLAG_INVISIBLE_REPRESENTANTS_LEGAUX) != 0);

	if ((f->flags & RIGHTS_FLAG_MASQUE_PS) && a->layered[LAYER_MASKED] &&
		!holds(a->cells[LAYER_MASKED][column][role], f)) {
		return "masked";
	}
	return invisible && f->mode == SESSION_MODE_PATIENT ? "invisible" : NULL;
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

/* Documents that are in the dossier as one's own stay readable whatever their type; what is put in is
 * one's own too. */
static bool type_allowed(const struct rights *r, const struct rights_facts *f, enum role role)
{
	bool put_in = f->action == RIGHTS_ACTION_ADD || f->action == RIGHTS_ACTION_REPLACE;

	return role > ROLE_OCCUPATIONAL || (f->author && !put_in) ||
	       type_listed(r->professions[f->profession].types, f->type);
}

static const char *deny_act(
	const struct rights *r, const struct rights_facts *f, enum role role)
{
	const struct action *a = &r->actions[f->action];
	enum column column = column_of(f->mode);
	const char *rule = deny_cell(f, a, column, role);

	if (!rule) {
		rule = deny_hidden(f, a, column, role);
	}
	if (!rule && !type_allowed(r, f, role)) {
		rule = "document-type";
	}
	return rule || !a->until || f->has_until ? rule : "no-end";
}

/* -- deciding -------------------------------------------------------------------------------- */

static const char *deny(const struct rights *r, const struct rights_facts *f, enum role role)
{
	const char *rule = deny_person(r, f, role);

	if (rule || f->action == RIGHTS_ACTION_OPEN) {
		return rule;
	}
	rule = deny_session(f, &r->actions[f->action]);
	return rule ? rule : deny_act(r, f, role);
}

static const char *allow(const struct rights_facts *f, enum role role)
{
	if (f->mode == SESSION_MODE_IDENTITY) {
		return "identity";
	}
	return f->author && f->mode != SESSION_MODE_PATIENT ? "author" : role_rules[role];
}

enum rights_decision rights_decide(
	const struct rights *r, const struct rights_facts *f, const char **ret_rule)
{
	enum role role = role_of(r, f);
	const char *rule = deny(r, f, role);

	*ret_rule = rule ? rule : allow(f, role);
	return rule ? RIGHTS_DENY : RIGHTS_ALLOW;
}
