/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The summary. Entries are shown as they were submitted, with the document that they stand in:
 * contradictions are for the reader to see. JSON objects have no order, so the summary names the one
 * in which an emergency needs it; *invented*, after what the emergency services ask first.
 */
#include "daemon/dossier/store/summary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TREATING_DOCTOR "treating-doctor"

/* members in the order of an emergency */
static const char *const order[] = {"allergies", "blood-group", "current-treatments",
	"pathologies", "antecedents", "persons-to-warn", "advance-directives", TREATING_DOCTOR,
	"vaccinations", "prevention-dates"};

static const struct {
	const char *kind;
	const char *list;
	bool own_date; /* sorted by the entry's date, not by the document's */
} lists[] = {
	{"allergy", "allergies", false},
	{"intolerance", "allergies", false},
	{"blood-group", "blood-group", false},
	{"current-treatment", "current-treatments", false},
	{"pathology", "pathologies", false},
	{"antecedent", "antecedents", false},
	{"person-to-warn", "persons-to-warn", false},
	{"advance-directive", "advance-directives", false},
	{"vaccination", "vaccinations", true},
	{"prevention-date", "prevention-dates", true},
};

struct summary_row {
	const char *day; /* it is sorted by */
	const char *list;
	json_t *entry; /* borrowed */
	const json_t *record;
	const char *id;
};

static int newest_first(const void *pa, const void *pb)
{
	const struct summary_row *a = pa;
	const struct summary_row *b = pb;
	int newer = strcmp(b->day, a->day);

	return newer != 0 ? newer : strcmp(a->id, b->id);
}

static bool has_ended(const json_t *entry, const char *today)
{
	const char *until = json_get_str(entry, "until");

	return until && strcmp(until, today) < 0;
}

/* Return: whether the record has an entry of a kind that is known here; @ret_row is filled then. */
static bool row_of(const json_t *record, const char *id, struct summary_row *ret_row)
{
	const json_t *metadata = json_object_get(record, "metadata");
	json_t *entry = json_object_get(metadata, "entry");
	const char *kind = json_get_str(entry, "kind");
	const char *own = json_get_str(entry, "date");

	for (size_t i = 0; kind && i < ARRAY_LEN(lists); i++) {
		if (strcmp(lists[i].kind, kind) == 0) {
			*ret_row = (struct summary_row){
				.day = lists[i].own_date && own
					       ? own
					       : json_get_str(metadata, "date"),
				.list = lists[i].list,
				.entry = entry,
				.record = record,
				.id = id,
			};
			return true;
		}
	}
	return false;
}

static size_t collect(json_t *const *records, const char (*ids)[STORE_ID + 1], size_t n,
	const char *today, struct summary_row *rows)
{
	size_t n_rows = 0;

	for (size_t i = 0; i < n; i++) {
		if (row_of(records[i], ids[i], &rows[n_rows]) &&
			!has_ended(rows[n_rows].entry, today)) {
			n_rows++;
		}
	}
	return n_rows;
}

static int add_entry(json_t *summary, const struct summary_row *row)
{
	const json_t *metadata = json_object_get(row->record, "metadata");
	json_t *j = json_object();
	int r;

	/* jansson's own copies lose members without a word when memory runs out */
	if (json_array_append_new(json_object_get(summary, row->list), j) < 0 ||
		json_object_update(j, row->entry) < 0) {
		return fault(-ENOMEM);
	}
	r = json_set(j, "document", json_string(row->id));
	if (r == 0) {
		r = json_set(
			j, "document-date", json_incref(json_object_get(metadata, "date")));
	}
	if (r == 0) {
		r = json_set(j, "author", json_incref(json_object_get(row->record, "author")));
	}
	return trace(r);
}

/* id, name and since; null when there is none */
static int add_doctor(json_t *summary, const json_t *people)
{
	static const char *const shown[] = {"id", "name", "since"};
	const json_t *doctor = json_object_get(people, TREATING_DOCTOR);
	json_t *j = json_is_object(doctor) ? json_object() : json_null();
	int r = json_set(summary, TREATING_DOCTOR, j);

	for (size_t i = 0; i < ARRAY_LEN(shown) && r == 0; i++) {
		json_t *value = json_object_get(doctor, shown[i]);

		if (value) {
			r = json_set(j, shown[i], json_incref(value));
		}
	}
	return trace(r);
}

static int empty_summary(json_t *j)
{
	json_t *names = json_array();
	int r = json_set(j, "order", names);

	for (size_t i = 0; i < ARRAY_LEN(order) && r == 0; i++) {
		r = json_array_append_new(names, json_string(order[i])) < 0 ? fault(-ENOMEM)
									    : 0;
		if (r == 0) {
			r = json_set(j, order[i], json_array());
		}
	}
	return r < 0 ? trace(r) : trace(json_set(j, "format", json_integer(1)));
}

int summary_make(json_t *const *records, const char (*ids)[STORE_ID + 1], size_t n,
	const json_t *people, const char *today, json_t **ret)
{
	_cleanup_json_ json_t *j = json_object();
	struct summary_row *rows = calloc(n + 1, sizeof(*rows));
	size_t n_rows;
	int r;

	r = rows ? empty_summary(j) : fault(-ENOMEM);
	if (r == 0) {
		r = add_doctor(j, people);
	}
	if (r == 0) {
		n_rows = collect(records, ids, n, today, rows);
		qsort(rows, n_rows, sizeof(*rows), newest_first);
		for (size_t i = 0; i < n_rows && r == 0; i++) {
			r = add_entry(j, &rows[i]);
		}
	}
	free(rows);
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(j);
	return 0;
}
