/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Metadata. What describes the bytes (size, hash) is always computed here and never believed from a
 * file; everything else is checked by the dossier, which knows the codes.
 */
#include "client/metadata.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "client/lang.h"

const char *metadata_mime(const char *path)
{
	static const char *const types[][2] = {
		{".txt", "text/plain"},
		{".md", "text/markdown"},
		{".html", "text/html"},
		{".pdf", "application/pdf"},
		{".json", "application/json"},
		{".xml", "application/xml"},
		{".rtf", "application/rtf"},
		{".jpg", "image/jpeg"},
		{".jpeg", "image/jpeg"},
		{".png", "image/png"},
		{".tif", "image/tiff"},
		{".tiff", "image/tiff"},
		{".dcm", "application/dicom"},
	};
	const char *end = strrchr(path, '.');

	for (size_t i = 0; end && i < ARRAY_LEN(types); i++) {
		if (strcasecmp(end, types[i][0]) == 0) {
			return types[i][1];
		}
	}
	return "application/octet-stream";
}

void metadata_today(char ret[11])
{
	time_t now = time(NULL);
	struct tm tm = {0};

	(void)localtime_r(&now, &tm);
	if (strftime(ret, 11, "%Y-%m-%d", &tm) != 10) {
		bytes_copy(ret, 11, "1970-01-01", 11);
	}
}

/* JSON of an option: the text itself, or of the file behind "@". */
static int json_of(const char *value, json_t **ret)
{
	_cleanup_(content_done) struct content file = CONTENT_NULL;
	_cleanup_json_ json_t *j = NULL;
	int r = 0;

	if (value[0] == '@') {
		r = content_file(value + 1, &file);
	}
	if (r == 0) {
		r = json_parse(value[0] == '@' ? content_view(&file) : view_str(value), &j);
	}
	if (r < 0) {
		return trace(r);
	}
	if (r > 0 || !json_is_object(j)) {
		return METADATA_JSON;
	}
	*ret = json_incref(j);
	return 0;
}

static int from_file(const struct args *a, json_t **ret)
{
	static const char *const others[] = {
		"type", "title", "section", "date", "mime", "masque-ps", "entry"};
	char at[1024];
	const char *path = args_value(a, "metadata");

	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		if (args_flag(a, others[i])) {
			return METADATA_BOTH;
		}
	}
	if (snprintf(at, sizeof(at), "@%s", path) >= (int)sizeof(at)) {
		return fault(-ENAMETOOLONG);
	}
	return trace(json_of(at, ret));
}

static int from_options(const struct args *a, const char *path, const char *today, json_t **ret,
	const char **ret_bad)
{
	static const char *const texts[][2] = {{"type", "type"}, {"title", "title"},
		{"section", "section"}, {"date", METADATA_DATE}, {"mime", "mime"}};
	const char *entry = args_value(a, "entry");
	_cleanup_json_ json_t *j =
		json_pack("{s:s, s:s}", METADATA_DATE, today, "mime", metadata_mime(path));
	json_t *inner = NULL;
	int r = j ? 0 : fault(-ENOMEM);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(texts); i++) {
		const char *value = args_value(a, texts[i][0]);

		if (value) {
			r = json_set(j, texts[i][1], json_string(value));
		} else if (i < 2) {
			*ret_bad = texts[i][0];
			return METADATA_ABSENT;
		}
	}
	/* none are no empty list: what replaces another keeps the flags of the other */
	if (r == 0 && args_flag(a, "masque-ps")) {
		r = json_set(j, "flags", json_pack("[s]", "masque_ps"));
	}
	if (r == 0 && entry) {
		*ret_bad = "entry";
		r = json_of(entry, &inner);
		r = r == 0 ? json_set(j, "entry", inner) : r;
	}
	if (r != 0) {
		return trace(r);
	}
	*ret = json_incref(j);
	return 0;
}

int metadata_build(const struct args *a, const char *path, const struct content *content,
	const char *today, json_t **ret, const char **ret_bad)
{
	_cleanup_json_ json_t *j = NULL;
	int r;

	if (args_flag(a, "metadata")) {
		*ret_bad = "metadata";
		r = from_file(a, &j);
	} else {
		r = from_options(a, path, today, &j, ret_bad);
	}
	if (r != 0) {
		return trace(r);
	}
	r = json_set(j, "format", json_integer(1));
	if (r == 0) {
		r = json_set(j, "size", json_integer((json_int_t)content->size));
	}
	if (r == 0) {
		r = json_set(j, "sha256", json_string(content->sha256));
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(j);
	return 0;
}

const char *metadata_explain(int outcome)
{
	switch ((enum metadata_outcome)outcome) {
	case METADATA_ABSENT:
		return _("it is needed (or --metadata FILE)");
	case METADATA_JSON:
		return _("it is not a JSON object");
	case METADATA_BOTH:
		return _("it stands alone, without the other options");
	}
	return "";
}
