/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The tables of rights as three dated data files. They are checked strictly: a member, word or code
 * that is not known makes the whole file be refused, and every action must be there once, with the
 * cells of every role in every column.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/consent/rights-inside.h"

#define FILE_MAX   (256U * 1024U) /* bytes of one data file */
#define CELL_COUNT 3U

static const char *const role_words[ROLE_COUNT] = {
	"ps", "doctor", "treating-doctor", "occupational"};

static const char *const cell_words[CELL_COUNT] = {"no", "yes", "own"};

static const char *const access_words[ACCESS_COUNT] = {"never", "care", "occupational"};

static const char *const card_use_words[CARD_USE_COUNT] = {"none", "own", "ps"};

static const char *const action_words[RIGHTS_ACTION_COUNT] = {"open", "create", "summary",
	"list", "read", "add", "mask", "unmask", "show-patient", "hide-patient", "history"};

static const char *const intent_words[] = {"consult", "feed", "create"};

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

static bool read_sector(struct rights *r, const json_t *j)
{
	size_t access = rights_word(access_words, ACCESS_COUNT, json_get_str(j, "access"));
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
			rights_word(cell_words, CELL_COUNT, json_get_str(j, role_words[i]));

		if (cell == CELL_COUNT) {
			return false;
		}
		cells[i] = (enum cell)cell;
	}
	return json_object_size(j) == ROLE_COUNT;
}

static bool read_intent(const json_t *j, unsigned int *ret_intent)
{
	size_t i = rights_word(intent_words, ARRAY_LEN(intent_words), json_string_value(j));

	if (json_is_null(j)) {
		*ret_intent = 0;
		return true;
	}
	*ret_intent = 1U << i;
	return i < ARRAY_LEN(intent_words);
}

/* @j: {cells, masked?}; without masked the same holds. */
static bool read_column(const json_t *j, struct cells *c)
{
	const json_t *masked = json_object_get(j, "masked");
	const json_t *cells = json_object_get(j, "cells");

	return read_cells(cells, c->plain) && read_cells(masked ? masked : cells, c->masked);
}

/* The columns of the emergency modes are never left out: what is not written is not allowed. */
static bool read_emergency(const json_t *j, struct action *a)
{
	static const char *const words[COLUMN_COUNT] = {
		[COLUMN_BRIS_DE_GLACE] = "bris_de_glace",
		[COLUMN_CENTRE_15] = "centre_15",
	};

	const json_t *modes = json_object_get(j, "emergency");

	for (size_t i = COLUMN_BRIS_DE_GLACE; i < COLUMN_COUNT; i++) {
		if (!read_column(json_object_get(modes, words[i]), &a->columns[i])) {
			return false;
		}
	}
	return json_object_size(modes) == COLUMN_COUNT - 1;
}

static bool read_action(struct rights *r, const json_t *j)
{
	size_t i = rights_word(action_words, RIGHTS_ACTION_COUNT, json_get_str(j, "action"));
	struct action *a;

	if (i == RIGHTS_ACTION_COUNT || r->actions[i].known || !json_get_str(j, "source")) {
		return false;
	}
	a = &r->actions[i];
	a->known = true;
	return read_intent(json_object_get(j, "intent"), &a->intent) &&
	       read_column(j, &a->columns[COLUMN_NORMAL]) && read_emergency(j, a);
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
