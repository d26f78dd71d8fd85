/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What vitaled-dossier says of metadata, a line of JSON each on stdin: a line of JSON on stdout, {"wrong":
 * member} or, for what it takes, what is shown of such a document: facts and the rows in every status.
 */
#include <stdio.h>
#include <string.h>

#include "daemon/dossier/store/document.h"
#include "daemon/dossier/store/metadata.h"

#define ID "00000000-0000-4000-8000-00000000000a"

static int show(json_t *shown, const char *name, const json_t *record)
{
	json_t *row;
	int r = strcmp(name, "facts") == 0 ? document_facts(record, ID, 3, &row)
					   : document_item(record, ID, 3, &row);

	return r < 0 ? r : json_set(shown, name, row);
}

static int show_all(json_t *shown, json_t *record, json_t *author)
{
	bool changed;
	int r;

	r = show(shown, "facts", record);
	if (r == 0) {
		r = show(shown, "row", record);
	}
	if (r == 0) {
		r = document_set_status(record, "archived", &changed);
	}
	if (r == 0) {
		r = show(shown, "archived", record);
	}
	if (r == 0) {
		r = document_set_status(record, "active", &changed);
	}
	if (r == 0) {
		r = document_set_replaced(record, ID);
	}
	if (r == 0) {
		r = show(shown, "replaced", record);
	}
	if (r == 0) {
		r = document_delete(record, author);
	}
	return r != 0 ? r : show(shown, "deleted", record);
}

static int judge(json_t *metadata, json_t *shown)
{
	static const uint8_t salt[DOCUMENT_SALT] = {1};
	_cleanup_json_ json_t *author =
		json_pack("{s:s,s:s}", "kind", "professional", "id", "8");
	_cleanup_json_ json_t *record = NULL;
	const char *member;

	if (metadata_check(metadata, &member) != 0) {
		return json_set(shown, "wrong", json_string(member));
	}
	if (document_new(metadata, author, 2, salt, ID, &record) < 0) {
		return 1;
	}
	return show_all(shown, record, author);
}

int main(void)
{
	static char line[65536];

	json_setup();
	while (fgets(line, sizeof(line), stdin)) {
		_cleanup_json_ json_t *metadata = NULL;
		_cleanup_json_ json_t *shown = json_object();
		_cleanup_(buf_done) struct buf text = BUF_NULL(65536);
		int r = json_parse(view_of(line, strcspn(line, "\n")), &metadata);

		r = r > 0 ? json_set(shown, "wrong", json_string("json"))
			  : judge(metadata, shown);
		if (r != 0 || json_canonical(shown, &text) != 0) {
			return 1;
		}
		(void)printf("%.*s\n", (int)text.len, (const char *)text.data);
	}
	return 0;
}
