/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * usage: crash-drive play STATE SEED small|large    a life of three dossiers, said line by line
 *        crash-drive check STATE EXPORT             all that is there, and that it goes on
 *
 * A step that is refused is tried again once the disk is healed (disk.h), in a new session where the
 * refusal ended the old one. Exit status 1 and a line of why: what must not be. `large` fills both
 * logs until SQLite writes them back.
 */
#include "tests/crash/drive.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tlv.h"
#include "tests/crash/disk.h"

#define TRIES	5
#define FILLER	260 /* entries: more than 1000 pages */
#define LARGEST 4600000U
#define AUTHOR	"{\"id\":\"899700000001\",\"kind\":\"professional\"}"

/* Numbers of a seed, the same on every machine (Knuth's MMIX). */
uint64_t drive_random(struct drive *d, uint64_t below)
{
	d->random = d->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (d->random >> 33) % below;
}

/* -- steps -------------------------------------------------------------------------------------- */

#define DOCUMENTS 24U

struct document {
	char id[37];
	char sha[2 * SEAL_HASH + 1];
	const char *status;
	const char *flags;
};

struct plan {
	struct drive *d;
	struct person p;
	unsigned int n; /* whose dossier */
	bool make;
	struct document documents[DRIVE_PEOPLE][DOCUMENTS];
	size_t count[DRIVE_PEOPLE];
	struct view content; /* of the next document */
	struct document *at; /* that is changed */
	const char *word;    /* its new status */
	bool unsure;	     /* the change before broke off: it may have been made */
};

typedef const char *step_fn(struct plan *pl);

static const char *step_start(struct plan *pl)
{
	return drive_start(pl->d);
}

static const char *step_open(struct plan *pl)
{
	return pl->p.link >= 0 ? NULL : person_open(pl->d, pl->n, pl->make, &pl->p);
}

static void insist(struct plan *pl, step_fn *step)
{
	const char *why = NULL;

	pl->unsure = false;
	for (int i = 0; i < TRIES; i++) {
		why = step == step_start ? NULL : step_open(pl);
		if (!why)
			why = step(pl);
		if (!why)
			return;
		say("! %s", why);
		pl->unsure = pl->p.link < 0;
		if (disk_heal)
			disk_heal();
		if (i > 0 || drive_random(pl->d, 2) == 0)
			person_close(&pl->p); /* the person gives up, and comes again */
	}
	die("still refused: %s", why);
}

/* What was refused by name has not happened; otherwise nobody knows. */
static void say_refused(const char *why, const char *key, const char *value)
{
	if (why && strcmp(why, "store full") == 0)
		say("- %s %s", key, value);
}

static const char *step_create(struct plan *pl)
{
	const char *why;

	if (!pl->p.empty)
		return NULL; /* the one before was written after all */
	why = person_create(&pl->p);
	if (!why)
		say("+ dossier/%02x open", pl->n);
	return why;
}

static struct document *next_document(struct plan *pl)
{
	if (pl->count[pl->n] == DOCUMENTS)
		die("too many documents");
	return &pl->documents[pl->n][pl->count[pl->n]];
}

static void say_document(const struct plan *pl, char mark, const struct document *x)
{
	say("%c doc/%02x/%s %s:%s:%s", mark, pl->n, x->id,
		strcmp(x->status, "deleted") == 0 ? "-" : x->sha, x->status, x->flags);
}

static const char *add(struct plan *pl, struct document *old)
{
	struct document *x = next_document(pl), replaced;
	char key[16];
	const char *why;

	(void)snprintf(key, sizeof(key), "new/%02x", pl->n);
	(void)person_sha(pl->content, x->sha);
	x->status = "active";
	x->flags = old ? old->flags : "[]"; /* handed down */
	say("? %s %s", key, x->sha);
	if (old) {
		replaced = *old;
		replaced.status = "replaced";
		say_document(pl, '?', &replaced);
	}
	why = person_add(&pl->p, pl->content, old ? old->id : NULL, x->id);
	say_refused(why, key, x->sha);
	if (why)
		return why;
	pl->count[pl->n]++;
	say_document(pl, '+', x);
	if (old) {
		*old = replaced;
		say_document(pl, '+', old);
	}
	return NULL;
}

static const char *step_add(struct plan *pl)
{
	return add(pl, NULL);
}

/* Whether the change that broke off was made. */
static bool was_made(struct plan *pl, const struct document *x)
{
	char now[16];

	if (!pl->unsure || strcmp(person_status(&pl->p, x->id, now), x->status) != 0)
		return false;
	*pl->at = *x;
	say_document(pl, '+', x);
	return true;
}

static const char *step_replace(struct plan *pl)
{
	struct document x = *pl->at;

	x.status = "replaced";
	return was_made(pl, &x) ? NULL : add(pl, pl->at);
}

/* A document's flag or status becomes that of @x. */
static const char *change(struct plan *pl, const struct document *x, enum audit_event e,
	enum dossier_op op, struct buf *body)
{
	const char *why;

	if (op == DOSSIER_OP_STATUS && was_made(pl, x))
		return NULL;
	say_document(pl, '?', x);
	why = person_change(&pl->p, e, op, body, NULL, 0, VIEW_NULL, -1);
	if (why && strcmp(why, "store full") == 0)
		say_document(pl, '-', x);
	if (why)
		return why;
	*pl->at = *x;
	say_document(pl, '+', x);
	return NULL;
}

static const char *step_flag(struct plan *pl)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	struct document x = *pl->at;
	bool on = strcmp(x.flags, "[]") == 0;

	x.flags = on ? "[\"masque_ps\"]" : "[]";
	tlv_put_str(&body, LINK_TAG_ID, x.id);
	tlv_put_str(&body, LINK_TAG_FLAG, "masque_ps");
	tlv_put_u8(&body, LINK_TAG_VALUE, on);
	return change(pl, &x, AUDIT_EVENT_DOCUMENT_FLAGGED, DOSSIER_OP_FLAG, &body);
}

static const char *step_status(struct plan *pl)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	bool deleted = strcmp(pl->word, "deleted") == 0;
	struct document x = *pl->at;

	x.status = pl->word;
	tlv_put_str(&body, LINK_TAG_ID, x.id);
	tlv_put_str(&body, LINK_TAG_STATUS, pl->word);
	return change(pl, &x,
		deleted ? AUDIT_EVENT_DOCUMENT_DELETED : AUDIT_EVENT_DOCUMENT_ARCHIVED,
		DOSSIER_OP_STATUS, &body);
}

static const char *step_people(struct plan *pl)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	char sha[2 * SEAL_HASH + 1];
	struct tlv people;
	const char *why;

	tlv_put_str(&body, LINK_TAG_FACTS,
		"{\"act\":\"oppose\",\"by\":" AUTHOR
		",\"mode\":\"centre_15\",\"time\":1764000000000000}");
	say("? people/%02x *", pl->n);
	why = person_change(&pl->p, AUDIT_EVENT_OPPOSITION, DOSSIER_OP_PEOPLE, &body, NULL, 0,
		VIEW_NULL, -1);
	if (why)
		return why;
	if (tlv_find(pl->p.answer.body, LINK_TAG_PEOPLE, &people) != 0)
		die("no people in an answer");
	say("+ people/%02x %s", pl->n, person_sha(people.value, sha));
	return NULL;
}

static const char *step_note(struct plan *pl)
{
	return record_note(pl->d);
}

static const char *step_prune(struct plan *pl)
{
	return record_prune(pl->d);
}

static const char *step_append(struct plan *pl)
{
	return record_append(pl->d, AUDIT_EVENT_DOSSIER_LISTED, "ok", &pl->p, true);
}

/* -- a life ------------------------------------------------------------------------------------- */

static void visit(struct plan *pl, unsigned int n, bool make)
{
	person_close(&pl->p);
	pl->n = n;
	pl->make = make;
	insist(pl, step_open);
}

static void add_one(struct plan *pl, const uint8_t *bytes, size_t size)
{
	pl->content = view_of(bytes + drive_random(pl->d, 1000), size);
	insist(pl, step_add);
}

static void status(struct plan *pl, size_t i, const char *word)
{
	pl->at = &pl->documents[pl->n][i];
	pl->word = word;
	insist(pl, step_status);
}

static void create(struct plan *pl, unsigned int n)
{
	visit(pl, n, true);
	insist(pl, step_create);
}

static void first_visit(struct plan *pl, const uint8_t *bytes)
{
	static const size_t sizes[] = {1, 16, 100, 65536, 65537, 90000};

	create(pl, 0);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		add_one(pl, bytes, sizes[i]);
	pl->at = &pl->documents[0][drive_random(pl->d, 6)];
	insist(pl, step_flag);
	insist(pl, step_people);
	status(pl, 1, "archived");
	pl->at = &pl->documents[0][2];
	pl->content = view_of(bytes, 700);
	insist(pl, step_replace);
	insist(pl, step_note);
	insist(pl, step_prune);
}

static void later(struct plan *pl, const uint8_t *bytes, bool large)
{
	visit(pl, 1, true); /* laid out, and given up */
	create(pl, 1);
	add_one(pl, bytes, 5000);
	for (int i = 0; large && i < FILLER; i++)
		insist(pl, step_append);
	person_close(&pl->p);
	drive_stop(pl->d);
	insist(pl, step_start);
	visit(pl, 0, false);
	if (large)
		add_one(pl, bytes, LARGEST);
	status(pl, 4, "deleted");
	status(pl, 1, "active");
	add_one(pl, bytes, 300);
	visit(pl, 2, true);
	insist(pl, step_note);
}

static int play(struct drive *d, bool large)
{
	static uint8_t bytes[LARGEST + 1000];
	static struct plan pl = {.p.link = -1};

	pl.d = d;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)drive_random(d, 256);
	insist(&pl, step_start);
	first_visit(&pl, bytes);
	later(&pl, bytes, large);
	person_close(&pl.p);
	drive_stop(d);
	return 0;
}

/* -- looking ------------------------------------------------------------------------------------ */

static void look(struct plan *pl, unsigned int n)
{
	const char *why = person_open(pl->d, n, false, &pl->p);

	if (why && strcmp(why, "absent") == 0)
		return;
	if (why)
		die("%02x does not open: %s", n, why);
	say("+ dossier/%02x open", n);
	person_show(&pl->p);
	person_close(&pl->p);
}

/* It goes on: one more document in each dossier, whether it was there or not. */
static int check(struct drive *d, const char *path)
{
	static struct plan pl = {.p.link = -1};
	const char *why = drive_start(d);

	if (why)
		die("does not start: %s", why);
	pl.d = d;
	for (unsigned int n = 0; n < DRIVE_PEOPLE; n++)
		look(&pl, n);
	record_export(d, path);
	say("= going on");
	for (unsigned int n = 0; n < DRIVE_PEOPLE; n++) {
		create(&pl, n);
		pl.content = VIEW_TEXT("one more");
		insist(&pl, step_add);
	}
	person_close(&pl.p);
	record_export(d, path);
	drive_stop(d);
	say("= works");
	return 0;
}

static uint64_t number_of(const char *text)
{
	uint64_t n = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		n = n * 10 + (uint64_t)(*text - '0');
	return n;
}

int main(int argc, char **argv)
{
	static struct drive d;

	if (argc < 4)
		die("usage: crash-drive play STATE SEED small|large | check STATE EXPORT");
	(void)snprintf(d.state, sizeof(d.state), "%s", argv[2]);
	(void)snprintf(d.folder, sizeof(d.folder), "%s/dossiers", argv[2]);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	json_setup();
	if (seal_setup() < 0)
		die("no ciphers");
	if (strcmp(argv[1], "check") == 0)
		return check(&d, argv[3]);
	d.random = number_of(argv[3]);
	return play(&d, argc > 4 && strcmp(argv[4], "large") == 0);
}
