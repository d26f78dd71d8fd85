/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What lay-dossiers laid out, into the record, one entry a line of standard input and a checkpoint at
 * the end; never synced either. A program of its own: names of record and store meet.
 *
 * usage: lay-record STATE ORIGIN
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/audit/audit.h"

int fsync(int fd)
{
	(void)fd;
	return 0;
}

int fdatasync(int fd)
{
	(void)fd;
	return 0;
}

static int put(struct audit *a, char *line)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;
	char *version = strchr(line, ' ');
	char *hash = version ? strchr(version + 1, ' ') : NULL;

	if (!hash)
		return 1;
	*version++ = '\0';
	*hash++ = '\0';
	hash[strcspn(hash, "\n")] = '\0';
	e.event = AUDIT_EVENT_DOSSIER_CREATED;
	e.session = "session/1@00112233";
	e.outcome = "ok";
	e.professional = "899700000001";
	e.pseudonym = line;
	e.dossier_version = 0;
	for (; *version >= '0' && *version <= '9'; version++)
		e.dossier_version = e.dossier_version * 10 + (*version - '0');
	e.dossier_hash = hash;
	return audit_append(a, &e, NULL);
}

int main(int argc, char **argv)
{
	_cleanup_(buf_done) struct buf note = BUF_NULL(4096);
	struct audit *a = NULL;
	char line[256];
	int r = argc == 3 ? 0 : 2;

	json_setup();
	if (r == 0)
		r = audit_open(argv[1], argv[2], VIEW_NULL, &a);
	while (r == 0 && fgets(line, sizeof(line), stdin))
		r = put(a, line);
	if (r == 0)
		r = audit_checkpoint(a, &note);
	if (r != 0)
		(void)fprintf(stderr, "lay-record: %d\n", r);
	audit_free(a);
	return r != 0;
}
