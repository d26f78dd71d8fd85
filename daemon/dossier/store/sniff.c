/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The first bytes of the kinds of content that a dossier mostly holds: ISO 32000-1 §7.5.2 (PDF: within
 * the first kilobyte, as readers take it), ISO/IEC 15948 (PNG), ISO/IEC 10918-1 (JPEG), GIF89a, TIFF
 * 6.0, DICOM PS3.10 §7.1, the ZIP application note. Text has no NUL, unless it begins with the mark of
 * UTF-16. What is not listed is taken as it is said: this finds mistakes and crude lies, nothing more;
 * whoever shows a content must not trust its type.
 */
#include "daemon/dossier/store/sniff.h"

#include <string.h>

#define BYTES(text) text, sizeof(text) - 1

static const struct {
	const char *mime;
	size_t from; /* where it may begin: bytes @from to @to */
	size_t to;
	const char *bytes;
	size_t n;
} known[] = {
	{"application/pdf", 0, SNIFF_HEAD, BYTES("%PDF-")},
	{"image/png", 0, 0, BYTES("\x89PNG\r\n\x1A\n")},
	{"image/jpeg", 0, 0, BYTES("\xFF\xD8\xFF")},
	{"image/gif", 0, 0, BYTES("GIF8")},
	{"image/tiff", 0, 0, BYTES("II*\0")},
	{"image/tiff", 0, 0, BYTES("MM\0*")},
	{"application/dicom", 128, 128, BYTES("DICM")},
	{"application/zip", 0, 0, BYTES("PK\x03\x04")},
	{"application/zip", 0, 0, BYTES("PK\x05\x06")},
};

static bool text_agrees(struct view head)
{
	struct view mark = view_sub(head, 0, 2);

	return head.len == 0 || view_equal(mark, VIEW_TEXT("\xFF\xFE")) ||
	       view_equal(mark, VIEW_TEXT("\xFE\xFF")) || !memchr(head.data, 0, head.len);
}

static bool begins(struct view head, size_t i)
{
	struct view part =
		view_sub(head, known[i].from, known[i].to - known[i].from + known[i].n);

	return part.len >= known[i].n &&
	       memmem(part.data, part.len, known[i].bytes, known[i].n) != NULL;
}

bool sniff_agrees(const char *mime, struct view head)
{
	bool listed = false;

	if (strncmp(mime, "text/", 5) == 0) {
		return text_agrees(head);
	}
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strcmp(known[i].mime, mime) != 0) {
			continue;
		}
		if (begins(head, i)) {
			return true;
		}
		listed = true;
	}
	return !listed;
}
