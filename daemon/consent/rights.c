/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The one place that decides who may do what. The tables come from three dated data files and are
 * checked strictly when they are read: a member, word or code that is not known makes the whole
 * file be refused, and every action must be there once. Deciding reads these tables and the facts
 * and nothing else. What no table names (a sector, a profession, a card) is refused.
 *
 * The rules are asked in this order, the first that refuses names the refusal:
 *   forbidden-sector, (mode identity: done), role-forbidden, mode, blocked, no-consent, proof,
 *   intent, role-forbidden (cell of the matrix), not-author, masked, document-type.
 */
#include "daemon/consent/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX	 (256U * 1024U) /* bytes of one data file */
#define SECTORS_MAX	 128U
#define SPECIALITIES_MAX 16U
#define CODES		 256U /* G02 and G15 are one byte here */

enum role {
	ROLE_PS = 0,
	ROLE_DOCTOR,
	ROLE_TREATING,
	ROLE_OCCUPATIONAL,
	ROLE_COUNT,
};

static const char *const role_words[ROLE_COUNT] = {
	"ps", "doctor", "treating-doctor", "occupational"};

/* what an allowed request answers */
static const char *const role_rules[ROLE_COUNT] = {
	"professional", "doctor", "treating-doctor", "occupational"};

enum cell {
	CELL_NO = 0,
	CELL_YES,
	CELL_OWN,
};

#define CELL_COUNT 3U

static const char *const cell_words[CELL_COUNT] = {"no", "yes", "own"};

enum access {
	ACCESS_NEVER = 0,
	ACCESS_CARE,
	ACCESS_OCCUPATIONAL,
	ACCESS_COUNT,
};

static const char *const access_words[ACCESS_COUNT] = {"never", "care", "occupational"};

enum card_use {
	CARD_USE_NONE = 0,
	CARD_USE_OWN, /* the profession on the card */
	CARD_USE_PS,  /* never more than a professional */
	CARD_USE_COUNT,
};

static const char *const card_use_words[CARD_USE_COUNT] = {"none", "own", "ps"};

static const char *const action_words[RIGHTS_ACTION_COUNT] = {"open", "create", "summary",
	"list", "read", "add", "mask", "unmask", "show-patient", "hide-patient", "history"};

static const char *const intent_words[] = {"consult", "feed", "create"};

struct sector {
	const char *code; /* in struct rights' files */
	enum access access;
};

struct profession {
	const char *label; /* NULL: not listed */
	enum role role;
	const json_t *types; /* NULL: all */
};

struct action {
	bool known;
	unsigned int intent; /* 0: any */
	enum cell cells[ROLE_COUNT];
	enum cell masked[ROLE_COUNT];
};

struct rights {
	json_t *files[3]; /* hold every text below */
	struct profession professions[CODES];
	enum card_use cards[CODES];
	struct sector sectors[SECTORS_MAX];
	size_t n_sectors;
	const char *specialities[SPECIALITIES_MAX];
	size_t n_specialities;
	struct action actions[RIGHTS_ACTION_COUNT];
};

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
static size_t word_index(const char *const *words, size_t n, const char *word)
{
	size_t i = 0;

	while (word && i < n && strcmp(words[i], word) != 0) {
		i++;
	}
	return word ? i : n;
}

/* -- reading the data files ------------------------------------------------------------------ */

/* Every function of this part answers whether @j is as it must be. */

static bool read_code(const json_t *j, size_t *ret_code)
{
	int64_t code;

	if (json_get_int(j, "code", 0, CODES - 1, &code) != 0) {
		return false;
	}
	*ret_code = (size_t)code;
	return true;
}

static bool read_card(struct rights *r, const json_t *j)
{
	size_t use = word_index(card_use_words, CARD_USE_COUNT, json_get_str(j, "use"));
	size_t code;

	if (!read_code(j, &code) || !json_get_str(j, "label") || use == CARD_USE_COUNT) {
		return false;
	}
	r->cards[code] = (enum card_use)use;
	return true;
}

static bool read_types(const json_t *j, const json_t **ret_types)
{
	const char *word = json_string_value(j);

	if (word) {
		*ret_types = NULL;
		return strcmp(word, "all") == 0;
	}
	for (size_t i = 0; i < json_array_size(j); i++) {
		if (!json_string_value(json_array_get(j, i))) {
			return false;
		}
	}
	*ret_types = j;
	return json_is_array(j);
}

static bool read_profession(struct rights *r, const json_t *j)
{
	size_t role = word_index(role_words, ROLE_COUNT, json_get_str(j, "role"));
	const char *label = json_get_str(j, "label");
	const json_t *types;
	size_t code;

	if (!read_code(j, &code) || !label || r->professions[code].label ||
		role > ROLE_DOCTOR || !read_types(json_object_get(j, "types"), &types)) {
		return false;
	}
	r->professions[code] = (struct profession){label, (enum role)role, types};
	return true;
}

static bool read_speciality(struct rights *r, const json_t *j)
{
	if (!json_string_value(j) || r->n_specialities == SPECIALITIES_MAX) {
		return false;
	}
	r->specialities[r->n_specialities++] = json_string_value(j);
	return true;
}

static enum access sector_access(const struct rights *r, const char *code)
{
	for (size_t i = 0; i < r->n_sectors; i++) {
		if (strcmp(r->sectors[i].code, code) == 0) {
			return r->sectors[i].access;
		}
	}
	return ACCESS_NEVER;
}

static bool read_sector(struct rights *r, const json_t *j)
{
	size_t access = word_index(access_words, ACCESS_COUNT, json_get_str(j, "access"));
	const char *code = json_get_str(j, "code");

	if (!code || !json_get_str(j, "label") || access == ACCESS_COUNT ||
		r->n_sectors == SECTORS_MAX) {
		return false;
	}
	/* a refusal always says why */
	if (access != ACCESS_CARE && !json_get_str(j, "why")) {
		return false;
	}
	r->sectors[r->n_sectors++] = (struct sector){code, (enum access)access};
	return true;
}

static bool read_cells(const json_t *j, enum cell cells[ROLE_COUNT])
{
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		size_t cell =
			word_index(cell_words, CELL_COUNT, json_get_str(j, role_words[i]));

		if (cell == CELL_COUNT) {
			return false;
		}
		cells[i] = (enum cell)cell;
	}
	return json_object_size(j) == ROLE_COUNT;
}

static bool read_intent(const json_t *j, unsigned int *ret_intent)
{
	size_t i = word_index(intent_words, ARRAY_LEN(intent_words), json_string_value(j));

	if (json_is_null(j)) {
		*ret_intent = 0;
		return true;
	}
	*ret_intent = 1U << i;
	return i < ARRAY_LEN(intent_words);
}

static bool read_action(struct rights *r, const json_t *j)
{
	const json_t *masked = json_object_get(j, "masked");
	const json_t *cells = json_object_get(j, "cells");
	size_t i = word_index(action_words, RIGHTS_ACTION_COUNT, json_get_str(j, "action"));
	struct action *a;

	if (i == RIGHTS_ACTION_COUNT || r->actions[i].known || !json_get_str(j, "source")) {
		return false;
	}
	a = &r->actions[i];
	a->known = true;
	return read_intent(json_object_get(j, "intent"), &a->intent) &&
	       read_cells(cells, a->cells) && read_cells(masked ? masked : cells, a->masked);
}

typedef bool (*read_row_fn)(struct rights *r, const json_t *row);

static bool read_rows(struct rights *r, const json_t *rows, read_row_fn read_row)
{
	for (size_t i = 0; i < json_array_size(rows); i++) {
		if (!read_row(r, json_array_get(rows, i))) {
			return false;
		}
	}
	return json_array_size(rows) > 0;
}

static bool read_head(const json_t *j)
{
	int64_t format;

	return json_get_int(j, "format", 1, 1, &format) == 0 && json_get_str(j, "date") &&
	       json_get_str(j, "source") && json_get_str(j, "note");
}

static bool read_professions(struct rights *r, const json_t *j)
{
	return read_rows(r, json_object_get(j, "cards"), read_card) &&
	       read_rows(r, json_object_get(j, "professions"), read_profession) &&
	       read_rows(r, json_object_get(j, "occupational-specialities"), read_speciality);
}

static bool read_sectors(struct rights *r, const json_t *j)
{
	return read_rows(r, json_object_get(j, "sectors"), read_sector);
}

static bool read_actions(struct rights *r, const json_t *j)
{
	const json_t *rows = json_object_get(j, "actions");

	return read_rows(r, rows, read_action) && json_array_size(rows) == RIGHTS_ACTION_COUNT;
}

static void fd_done(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
}

static int read_file(const char *folder, const char *name, struct buf *out)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(4096);
	_cleanup_(fd_done) int fd = -1;
	uint8_t block[2048];
	ssize_t n;

	buf_printf(&path, "%s/%s", folder, name);
	buf_put_u8(&path, 0);
	if (path.failed) {
		return trace(buf_check(&path));
	}
	fd = open((const char *)path.data, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		return fault(-errno);
	}
	while ((n = read(fd, block, sizeof(block))) > 0) {
		buf_put(out, block, (size_t)n);
	}
	return n < 0 ? fault(-errno) : trace(buf_check(out));
}

static const struct {
	const char *name;
	bool (*read)(struct rights *r, const json_t *j);
} tables[] = {
	{"professions.json", read_professions},
	{"sectors.json", read_sectors},
	{"actions.json", read_actions},
};

static int load(struct rights *r, const char *folder, size_t i)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(FILE_MAX);
	int e;

	e = read_file(folder, tables[i].name, &text);
	if (e < 0) {
		return trace(e);
	}
	e = json_parse(buf_view(&text), &r->files[i]);
	if (e < 0) {
		return trace(e);
	}
	if (e > 0 || !read_head(r->files[i]) || !tables[i].read(r, r->files[i])) {
		return fault(-EBADMSG);
	}
	return 0;
}

int rights_new(const char *folder, struct rights **ret)
{
	struct rights *r;
	int e = 0;

	r = calloc(1, sizeof(*r));
	if (!r) {
		return fault(-ENOMEM);
	}
	for (size_t i = 0; i < ARRAY_LEN(tables) && e == 0; i++) {
		e = load(r, folder, i);
	}
	if (e < 0) {
		rights_free(r);
		return trace(e);
	}
	*ret = r;
	return 0;
}

struct rights *rights_free(struct rights *r)
{
	if (r) {
		for (size_t i = 0; i < ARRAY_LEN(r->files); i++) {
			json_decref(r->files[i]);
		}
		free(r);
	}
	return NULL;
}

const char *rights_profession_label(const struct rights *r, uint8_t profession)
{
	const char *label = r->professions[profession].label;

	return label ? label : "";
}

/* -- deciding -------------------------------------------------------------------------------- */

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
	       word_index(r->specialities, r->n_specialities, f->speciality) <
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
	return NULL;
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
	if (!f->consented && !f->authorised) {
		return "no-consent";
	}
	if (f->proof < f->required) {
		return "proof";
	}
	if ((f->intents & intent) != intent) {
		return "intent";
	}
	return NULL;
}

static const char *deny_cell(enum cell cell, bool author, const char *other)
{
	switch (cell) {
	case CELL_YES:
		return NULL;
	case CELL_OWN:
		return author ? NULL : other;
	case CELL_NO:
		break;
	}
	return "role-forbidden";
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
	const struct action *a = &r->actions[f->action];
	const char *rule = deny_cell(a->cells[role], f->author, "not-author");

	if (rule) {
		return rule;
	}
	if (f->flags & RIGHTS_FLAG_MASQUE_PS) {
		rule = deny_cell(a->masked[role], f->author, "masked");
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
