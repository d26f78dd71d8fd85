/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The tables of rights as three dated data files. They are checked strictly: a word or code that is not
 * known, or a member of an action, makes the whole file be refused, and every action must be there once,
 * with the cells of every role in every mode.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/consent/rights-inside.h"

#define FILE_MAX (256U * 1024U) /* bytes of one data file */

#define BIT(i) (1U << (i))

static const char *const role_words[ROLE_COUNT] = {"ps", "doctor", "treating-doctor",
	"occupational", "employee", "structure", "agent", "feeder", "holder", "representative"};

/* the roles that have a column in a mode; all others have "no" in it */
static const unsigned int column_roles[COLUMN_COUNT] = {
	[COLUMN_NORMAL] = BIT(ROLE_PS) | BIT(ROLE_DOCTOR) | BIT(ROLE_TREATING) |
			  BIT(ROLE_OCCUPATIONAL) | BIT(ROLE_EMPLOYEE) | BIT(ROLE_STRUCTURE),
	[COLUMN_BRIS_DE_GLACE] = BIT(ROLE_PS) | BIT(ROLE_DOCTOR) | BIT(ROLE_TREATING),
	[COLUMN_CENTRE_15] =
		BIT(ROLE_PS) | BIT(ROLE_DOCTOR) | BIT(ROLE_TREATING) | BIT(ROLE_STRUCTURE),
	[COLUMN_ADMINISTRATION] =
		BIT(ROLE_PS) | BIT(ROLE_EMPLOYEE) | BIT(ROLE_AGENT) | BIT(ROLE_FEEDER),
	[COLUMN_PATIENT] = BIT(ROLE_HOLDER) | BIT(ROLE_REPRESENTATIVE),
};

static const char *const column_words[COLUMN_COUNT] = {
	"normal", "bris_de_glace", "centre_15", "administration", "patient"};

static const char *const cell_words[CELL_COUNT] = {"no", "yes", "own", "self", "allowed"};

/* the words that may stand in a layer */
static const unsigned int layer_cells[LAYER_COUNT] = {
	[LAYER_CELLS] = BIT(CELL_NO) | BIT(CELL_YES) | BIT(CELL_OWN) | BIT(CELL_SELF),
	[LAYER_MASKED] = BIT(CELL_NO) | BIT(CELL_YES) | BIT(CELL_OWN) | BIT(CELL_ALLOWED),
	[LAYER_PATIENTS] = BIT(CELL_NO) | BIT(CELL_YES),
	[LAYER_INSURERS] = BIT(CELL_NO) | BIT(CELL_YES),
};

static const char *const layer_words[LAYER_COUNT] = {
	"cells", "masked", "patients-documents", "insurers-documents"};

static const char *const access_words[ACCESS_COUNT] = {
	"never", "care", "occupational", "administration"};

static const char *const card_use_words[CARD_USE_COUNT] = {
	"none", "own", "ps", "employee", "agent"};

static const char *const consent_words[CONSENT_COUNT] = {
	"session", "running", "same-day", "none"};

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
	size_t use = rights_word(card_use_words, CARD_USE_COUNT, json_get_str(j, "use"));
	size_t administration =
		rights_word(card_use_words, CARD_USE_COUNT, json_get_str(j, "administration"));
	size_t code;

	if (!read_code(j, &code) || !json_get_str(j, "label") || r->cards[code].known ||
		use == CARD_USE_COUNT || administration == CARD_USE_COUNT) {
		return false;
	}
	r->cards[code] = (struct uses){true, (enum card_use)use, (enum card_use)administration};
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
	size_t role = rights_word(role_words, ROLE_COUNT, json_get_str(j, "role"));
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

static bool has_sector(const struct rights *r, const char *code)
{
	size_t i = 0;

	while (i < r->n_sectors && strcmp(r->sectors[i].code, code) != 0) {
		i++;
	}
	return i < r->n_sectors;
}

static bool read_sector(struct rights *r, const json_t *j)
{
	size_t access = rights_word(access_words, ACCESS_COUNT, json_get_str(j, "access"));
	const char *code = json_get_str(j, "code");

	if (!code || has_sector(r, code) || !json_get_str(j, "label") ||
		access == ACCESS_COUNT || r->n_sectors == SECTORS_MAX) {
		return false;
	}
	/* a refusal always says why */
	if (access != ACCESS_CARE && !json_get_str(j, "why")) {
		return false;
	}
	r->sectors[r->n_sectors++] = (struct sector){code, (enum access)access};
	return true;
}

static bool read_cell(const json_t *j, enum layer layer, enum cell *ret_cell)
{
	size_t cell = rights_word(cell_words, CELL_COUNT, json_string_value(j));

	*ret_cell = (enum cell)cell;
	return cell < CELL_COUNT && (layer_cells[layer] & BIT(cell)) != 0;
}

/* @j: one word for all who have a column in this mode, or a word for each of them. */
static bool read_column(
	const json_t *j, enum layer layer, enum column column, enum cell cells[ROLE_COUNT])
{
	bool each = json_is_object(j);
	size_t n = 0;

	for (size_t i = 0; i < ROLE_COUNT; i++) {
		if ((column_roles[column] & BIT(i)) == 0) {
			continue;
		}
		if (!read_cell(
			    each ? json_object_get(j, role_words[i]) : j, layer, &cells[i])) {
			return false;
		}
		n++;
	}
	return !each || json_object_size(j) == n;
}

/* @j: a column for every mode: what is not written is not allowed. */
static bool read_layer(const json_t *j, enum layer layer, struct action *a)
{
	for (size_t i = 0; i < COLUMN_COUNT; i++) {
		if (!read_column(json_object_get(j, column_words[i]), layer, (enum column)i,
			    a->cells[layer][i])) {
			return false;
		}
	}
	a->layered[layer] = true;
	return json_object_size(j) == COLUMN_COUNT;
}

static bool read_layers(const json_t *j, struct action *a, size_t *members)
{
	for (size_t i = 0; i < LAYER_COUNT; i++) {
		const json_t *layer = json_object_get(j, layer_words[i]);

		if (!layer) {
			continue;
		}
		if (!read_layer(layer, (enum layer)i, a)) {
			return false;
		}
		(*members)++;
	}
	return a->layered[LAYER_CELLS];
}

static bool read_intent(const json_t *j, unsigned int *ret_intent)
{
	const char *word = json_string_value(j);

	if (json_is_null(j)) {
		*ret_intent = 0;
		return true;
	}
	for (unsigned int i = 0; word && i < SESSION_INTENTS; i++) {
		if (strcmp(session_intent_word(i), word) == 0) {
			*ret_intent = BIT(i);
			return true;
		}
	}
	return false;
}

/* @name: true, or not there. */
static bool read_true(const json_t *j, const char *name, bool *ret, size_t *members)
{
	const json_t *value = json_object_get(j, name);

	*ret = json_is_true(value);
	*members += *ret;
	return !value || *ret;
}

static size_t action_of(const char *word)
{
	size_t i = 0;

	while (word && i < RIGHTS_ACTION_COUNT &&
		strcmp(rights_action_word((enum rights_action)i), word) != 0) {
		i++;
	}
	return word ? i : RIGHTS_ACTION_COUNT;
}

static bool read_action(struct rights *r, const json_t *j)
{
	size_t i = action_of(json_get_str(j, "action"));
	size_t consent = rights_word(consent_words, CONSENT_COUNT, json_get_str(j, "consent"));
	size_t members = 4; /* action, intent, consent, source */
	struct action *a;

	if (i == RIGHTS_ACTION_COUNT || r->actions[i].known || consent == CONSENT_COUNT ||
		!json_get_str(j, "source")) {
		return false;
	}
	a = &r->actions[i];
	a->known = true;
	a->consent = (enum consent)consent;
	return read_intent(json_object_get(j, "intent"), &a->intent) &&
	       read_true(j, "code", &a->code, &members) &&
	       read_true(j, "until", &a->until, &members) && read_layers(j, a, &members) &&
	       json_object_size(j) == members;
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

static bool read_head(const json_t *j, int64_t wanted)
{
	int64_t format;

	return json_get_int(j, "format", wanted, wanted, &format) == 0 &&
	       json_get_str(j, "date") && json_get_str(j, "source") && json_get_str(j, "note");
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
	int64_t format;
	bool (*read)(struct rights *r, const json_t *j);
} tables[] = {
	{"professions.json", 2, read_professions},
	{"sectors.json", 1, read_sectors},
	{"actions.json", 2, read_actions},
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
	if (e > 0 || !read_head(r->files[i], tables[i].format) ||
		!tables[i].read(r, r->files[i])) {
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
