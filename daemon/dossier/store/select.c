/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Filters. Titles are searched without case and accents: every word of the filter's text must be
 * somewhere in the title (fold.h). What was deleted has no title and is found by none.
 */
#include "daemon/dossier/store/select.h"

#include <string.h>

#include "daemon/dossier/store/fold.h"
#include "daemon/dossier/store/metadata.h"
#include "daemon/dossier/store/reimbursement.h"

#define TEXT_MAX (8U * 1024U) /* bytes of a title of 200 characters, folded: 8 each at most */

static bool status_valid(const char *text)
{
	static const char *const words[] = {"active", "archived", "replaced", "deleted", "all"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i], text) == 0) {
			return true;
		}
	}
	return false;
}

static bool word_valid(const char *text)
{
	return strlen(text) <= 64;
}

static const struct {
	const char *name;
	bool (*valid)(const char *text); /* NULL: no text */
	bool number;			 /* 1 to SELECT_LIMIT; else a boolean */
} members[] = {
	{"type", word_valid, false},
	{"section", word_valid, false},
	{"status", status_valid, false},
	{"author", word_valid, false},
	{"text", metadata_text_valid, false},
	{"from", metadata_date_valid, false},
	{"to", metadata_date_valid, false},
	{"id", store_id_valid, false},
	{"after", store_id_valid, false},
	{"limit", NULL, true},
	{"entry", NULL, false},
};

static bool member_valid(const json_t *value, size_t i)
{
	if (members[i].valid) {
		return json_is_string(value) && members[i].valid(json_string_value(value));
	}
	if (members[i].number) {
		return json_is_integer(value) && json_integer_value(value) >= 1 &&
		       json_integer_value(value) <= (json_int_t)SELECT_LIMIT;
	}
	return json_is_boolean(value);
}

int select_check(const json_t *filter, const char **ret_member)
{
	size_t known = 0;

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const json_t *value = json_object_get(filter, members[i].name);

		if (value && !member_valid(value, i)) {
			*ret_member = members[i].name;
			return DOSSIER_INVALID;
		}
		known += value != NULL;
	}
	if (!json_is_object(filter) || known != json_object_size(filter)) {
		*ret_member = "filter";
		return DOSSIER_INVALID;
	}
	return 0;
}

int select_init(struct selection *ret_s, const json_t *filter)
{
	*ret_s = (struct selection){
		.filter = filter, .words = BUF_NULL(TEXT_MAX), .title = BUF_NULL(TEXT_MAX)};
	fold_text(view_str(json_get_str(filter, "text")), &ret_s->words);
	return trace(buf_check(&ret_s->words));
}

void select_done(struct selection *s)
{
	buf_done(&s->words);
	buf_done(&s->title);
}

static bool is_wanted(const json_t *filter, const char *name, const char *text)
{
	const char *wanted = json_get_str(filter, name);

	return !wanted || (text && strcmp(wanted, text) == 0);
}

static bool status_matches(const json_t *filter, const json_t *record)
{
	const char *wanted = json_get_str(filter, "status");

	if (json_object_get(filter, "id") || (wanted && strcmp(wanted, "all") == 0)) {
		return true;
	}
	return document_is(record, wanted ? wanted : "active");
}

static bool day_matches(const json_t *filter, const char *day)
{
	const char *from = json_get_str(filter, "from");
	const char *to = json_get_str(filter, "to");

	return (!from || strcmp(day, from) >= 0) && (!to || strcmp(day, to) <= 0);
}

static int title_matches(struct selection *s, const char *title, bool *ret)
{
	int r;

	if (!json_object_get(s->filter, "text")) {
		*ret = true;
		return 0;
	}
	buf_reset(&s->title);
	fold_text(view_str(title), &s->title);
	r = buf_check(&s->title);
	if (r < 0) {
		return trace(r);
	}
	*ret = title && fold_has_words(buf_view(&s->title), buf_view(&s->words));
	return 0;
}

/* A typed entry that the summary knows: there may be thousands of reimbursements. */
static bool entry_matches(const json_t *filter, const json_t *metadata, const char *type)
{
	return !json_get_bool(filter, "entry") ||
	       (json_object_get(metadata, "entry") && !metadata_fed(type));
}

int select_matches(struct selection *s, const json_t *record, const char *id, bool *ret)
{
	const json_t *metadata = json_object_get(record, "metadata");
	const char *type = json_get_str(metadata, "type");

	if (reimbursement_lapsed(metadata) || !entry_matches(s->filter, metadata, type) ||
		!is_wanted(s->filter, "id", id) || !is_wanted(s->filter, "type", type) ||
		!is_wanted(s->filter, "section", metadata_section(type)) ||
		!is_wanted(s->filter, "author",
			json_get_str(json_object_get(record, "author"), "id")) ||
		!status_matches(s->filter, record) ||
		!day_matches(s->filter, json_get_str(metadata, "date"))) {
		*ret = false;
		return 0;
	}
	return trace(title_matches(s, json_get_str(metadata, "title"), ret));
}
