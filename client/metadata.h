/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Metadata of a new document (doc/metadata.schema.json, version 1), from options or a file. */
#include "client/args.h"
#include "client/content.h"

#define METADATA_DATE "date" /* the member: when it happened, not when it is added */

enum metadata_outcome {
	METADATA_ABSENT = 1, /* type or title is missing */
	METADATA_JSON,	     /* --metadata or --entry is not a JSON object */
	METADATA_BOTH,	     /* --metadata excludes the other options */
};

/**
 * metadata_build() - the object to send; size, sha256 and format are always those of @content
 * @a:       options metadata, type, title, section, date, mime, masque-ps, entry
 * @path:    of the content, for its MIME type
 * @today:   "YYYY-MM-DD", where no date was given
 * @ret_bad: name of the option that is wrong
 */
int metadata_build(const struct args *a, const char *path, const struct content *content,
	const char *today, json_t **ret, const char **ret_bad) _must_check_;
/** metadata_mime() - by the end of a file's name, else application/octet-stream. */
const char *metadata_mime(const char *path);
/** metadata_today() - the local date. */
void metadata_today(char ret[11]);
const char *metadata_explain(int outcome);
