/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The record's and the keys' side of drive.h; what is refused here is told by the cause that it
 * names. A library of its own: record and dossiers are different programs, and names in them meet.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "daemon/audit/keep.h"
#include "daemon/dossier/files.h"
#include "tests/crash/disk.h"
#include "tests/crash/drive.h"

#define RESERVE (256U * 1024U)

void say(const char *fmt, ...)
{
	static char line[16384];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	(void)puts(line);
	if (disk_mark)
		disk_mark(line);
}

void die(const char *fmt, ...)
{
	char trail[512];
	va_list ap;

	fault_describe(trail, sizeof(trail));
	va_start(ap, fmt);
	(void)printf("failed: ");
	(void)vprintf(fmt, ap);
	va_end(ap);
	(void)printf(" (%s)\n", trail);
	(void)fflush(stdout);
	_exit(1);
}

const char *drive_start(struct drive *d)
{
	int r = audit_open(d->state, DRIVE_ORIGIN, VIEW_NULL, &d->audit);
	const char *refused = NULL;
	static char why[64];

	if (r > 0)
		die("the record is of another key or origin");
	if (r == 0)
		r = keys_load(d->state, &d->keys);
	if (r > 0)
		die("another key than before");
	if (r == 0)
		r = files_sweep(d->folder);
	if (r == 0) {
		/* without it the record takes refusals only, until it has it */
		if (audit_reserve(d->audit, RESERVE, RESERVE) != 0)
			say("= no reserve: %s", audit_cause(d->audit));
		refused = record_append(d, AUDIT_EVENT_START, "ok", NULL, false);
		if (!refused)
			return NULL;
	}
	drive_stop(d);
	(void)snprintf(why, sizeof(why), "start %s", strerrorname_np(-r));
	return refused ? refused : why;
}

void drive_stop(struct drive *d)
{
	d->audit = audit_free(d->audit);
	keys_done(&d->keys);
}

void pseudonym_of(unsigned int n, char ret[65])
{
	(void)snprintf(ret, 65, "%02x%062x", n & 0xff, n & 0xff);
}

static void say_entry(struct drive *d, uint64_t index)
{
	_cleanup_(buf_done) struct buf entry = BUF_NULL(65536), path = BUF_NULL(4096),
				       hex = BUF_NULL(128);
	uint8_t leaf[MERKLE_HASH];

	if (audit_proof(d->audit, index, &entry, &path) != 0 ||
		merkle_leaf_hash(buf_view(&entry), leaf) != 0)
		die("entry %llu cannot be read", (unsigned long long)index);
	hex_encode(&hex, VIEW(leaf));
	buf_put_u8(&hex, 0);
	say("+ entry/%llu %s", (unsigned long long)index, (const char *)hex.data);
}

const char *record_append(struct drive *d, enum audit_event event, const char *outcome,
	const struct person *p, bool vouched)
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(128);
	struct audit_entry e = AUDIT_ENTRY_NULL;
	static char why[64];
	uint64_t index;

	e.event = event;
	e.outcome = outcome;
	e.session = "session/1@00112233";
	e.pseudonym = p ? p->pseudonym : NULL;
	if (p && vouched && p->version > 0) {
		hex_encode(&hex, VIEW(p->hash));
		buf_put_u8(&hex, 0);
		e.dossier_version = (int64_t)p->version;
		e.dossier_hash = (const char *)hex.data;
	}
	if (audit_append(d->audit, &e, &index) != 0) {
		(void)snprintf(why, sizeof(why), "record %s", audit_cause(d->audit));
		return why;
	}
	say_entry(d, index);
	return NULL;
}

const char *record_note(struct drive *d)
{
	_cleanup_(buf_done) struct buf note = BUF_NULL(4096), hex = BUF_NULL(8192);
	static char why[64];
	uint8_t root[MERKLE_HASH];
	uint64_t size;

	if (audit_checkpoint(d->audit, &note) != 0) {
		(void)snprintf(why, sizeof(why), "record %s", audit_cause(d->audit));
		return why;
	}
	audit_head(d->audit, &size, root);
	hex_encode(&hex, buf_view(&note));
	buf_put_u8(&hex, 0);
	say("+ checkpoint/%llu %s", (unsigned long long)size, (const char *)hex.data);
	return NULL;
}

const char *record_prune(struct drive *d)
{
	static char why[64];
	uint64_t now = clock_wall();
	bool more = true;

	while (more) {
		if (audit_prune(d->audit, now, &more) != 0) {
			(void)snprintf(why, sizeof(why), "record %s", audit_cause(d->audit));
			return why;
		}
	}
	return NULL;
}

/* Verified by the record's own code, then for the program that shares none with it. */
void record_export(struct drive *d, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	uint64_t bad = 0;

	if (audit_verify(d->audit, &bad) != 0)
		die("the record does not verify at %llu", (unsigned long long)bad);
	if (fd < 0 || audit_export(d->audit, fd) != 0 || close(fd) < 0)
		die("no export");
}

/* -- whether the store is the one that the record tells of ----------------------------------------- */

struct newest {
	bool found;
	bool started;
	enum audit_event event;
};

static int look(void *user, uint64_t index, const json_t *entry)
{
	static const enum audit_event changes[] = {AUDIT_EVENT_DOSSIER_CREATED,
		AUDIT_EVENT_DOCUMENT_ADDED, AUDIT_EVENT_DOCUMENT_FLAGGED,
		AUDIT_EVENT_DOCUMENT_REPLACED, AUDIT_EVENT_DOCUMENT_ARCHIVED,
		AUDIT_EVENT_DOCUMENT_DELETED, AUDIT_EVENT_AUTHORISED, AUDIT_EVENT_OPPOSITION};

	const char *event = json_get_str(entry, "event");
	const char *outcome = json_get_str(entry, "outcome");
	struct newest *n = user;

	(void)index;
	for (size_t i = 0; !n->found && i < ARRAY_LEN(changes); i++) {
		if (strcmp(audit_event_word(changes[i]), event) == 0) {
			n->found = true;
			n->event = changes[i];
			n->started = strcmp(outcome, "started") == 0;
		}
	}
	return 0;
}

void record_agrees(struct person *p, struct view previous)
{
	struct newest n = {.found = false};
	uint8_t hash[SEAL_HASH] = {0};
	uint64_t version = 0;

	if (audit_last_version(p->d->audit, p->pseudonym, &version, hash) < 0)
		die("the record cannot be read");
	if (p->version == version) {
		if (!view_equal(VIEW(hash), VIEW(p->hash)))
			die("rejected: hash of version %llu", (unsigned long long)version);
		return;
	}
	if (p->version < version)
		die("rejected: store at %llu, record at %llu", (unsigned long long)p->version,
			(unsigned long long)version);
	if (p->version != version + 1 || !view_equal(VIEW(hash), previous))
		die("rejected: store ahead, not a child of what is recorded");
	if (audit_history(p->d->audit, p->pseudonym, 1000, look, &n) != 0 || !n.started)
		die("rejected: store ahead of a record whose newest change is not started");
	p->unfinished = true;
	p->unfinished_event = n.event;
}
