/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Ten years of keeping. A closed dossier has a marker, <folder>/closed/<year>-<month>/<pseudonym>, in the
 * month in which its time is over: to look for those costs what there are months, however many dossiers
 * there are, and no key. The marker says where to look and nothing else; that the dossier is closed and
 * until when it is kept says the record, which keeps that entry for as long as it holds (doc/audit.md).
 *
 * The clock alone erases nothing: what counts is the time that daily runs have seen go by, each a month at
 * most (as of the record's own forgetting). One that is far ahead for a day is a month, once.
 *
 * Erasing: marker in <folder>/closed/erasing/, entry "started", key, store, entry "ok" with version 0, so
 * that there may be a new dossier; then the markers. A broker that is killed between finishes it at its
 * next start, one that could not remove the key at its next run: if the record still says that it was
 * begun, and nothing else since. A dossier that was opened again meanwhile is whole and stays.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/dossier/files.h"
#include "daemon/dossier/import.h"
#include "daemon/dossier/inside.h"
#include "daemon/limits.h"

#define PATH_BYTES 1024U
#define PSEUDONYM  64U
#define MONTH	   7U	/* characters: 2036-11 */
#define LOOKS	   32U	/* markers of one step */
#define CLOCK_MAX  256U /* bytes of its file */
#define DAY	   (24ULL * 3600ULL * USEC_PER_SEC)
#define RUN_MOST   (31ULL * DAY)		    /* that one run moves the time on */
#define RUN_APART  (23ULL * 3600ULL * USEC_PER_SEC) /* a day, but for drift */
#define NEWEST	   64U /* entries of a dossier that say how late it is */
#define MARK	   VIEW_TEXT("1\n")
#define ERASING	   "erasing"

static const char zero_hash[] =
	"0000000000000000000000000000000000000000000000000000000000000000";

/* -- paths -------------------------------------------------------------------------------------- */

static const char *text(const struct buf *b)
{
	return (const char *)b->data;
}

/* <folder>/closed, and below it @a and @b where they are not NULL. */
static int path_of(struct buf *out, const struct dossiers *ds, const char *a, const char *b)
{
	buf_printf(out, "%s/closed%s%s%s%s", ds->folder, a ? "/" : "", a ? a : "", b ? "/" : "",
		b ? b : "");
	buf_put_u8(out, 0);
	return trace(buf_check(out));
}

static int make_folder(const struct dossiers *ds, const char *name)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);
	int r = path_of(&path, ds, name, NULL);

	return r < 0 ? trace(r) : trace(files_mkdir(text(&path)));
}

static int put_mark(const struct dossiers *ds, const char *folder, const char *pseudonym)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);
	int r;

	r = make_folder(ds, NULL);
	if (r == 0) {
		r = make_folder(ds, folder);
	}
	if (r == 0) {
		r = path_of(&path, ds, folder, pseudonym);
	}
	return r < 0 ? trace(r) : trace(files_write(text(&path), MARK));
}

/* Best effort: one that stays is found to be none at its time. */
static void drop_mark(const struct dossiers *ds, const char *folder, const char *pseudonym)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);

	if (path_of(&path, ds, folder, pseudonym) == 0) {
		(void)!files_remove(text(&path));
	}
}

static bool month_of(uint64_t at, char ret[MONTH + 1])
{
	time_t seconds = (time_t)(at / USEC_PER_SEC);
	struct tm day;

	return gmtime_r(&seconds, &day) && strftime(ret, MONTH + 1, "%Y-%m", &day) == MONTH;
}

static bool is_month(const char *name)
{
	struct tm day = {0};
	const char *rest = strlen(name) == MONTH ? strptime(name, "%Y-%m", &day) : NULL;

	return rest && rest[0] == '\0';
}

static bool is_pseudonym(const char *name)
{
	return strlen(name) == PSEUDONYM && strspn(name, "0123456789abcdef") == PSEUDONYM;
}

static DIR *open_folder(const struct dossiers *ds, const char *name)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);

	return path_of(&path, ds, name, NULL) == 0 ? opendir(text(&path)) : NULL;
}

/* -- the time that was seen ---------------------------------------------------------------------- */

struct seen {
	uint64_t time; /* us, wall clock */
	uint64_t ran;  /* when, as the clock was then */
};

/* Return: whether there is one that can be believed. */
static bool read_seen(const struct dossiers *ds, struct seen *ret)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);
	_cleanup_(buf_done) struct buf said = BUF_NULL(CLOCK_MAX);
	_cleanup_json_ json_t *j = NULL;
	int64_t time;
	int64_t ran;

	if (path_of(&path, ds, "clock", NULL) < 0 ||
		files_read(text(&path), CLOCK_MAX, true, &said) < 0 ||
		json_parse(buf_view(&said), &j) != 0 ||
		json_get_int(j, "time", 0, INT64_MAX / 2, &time) != 0 ||
		json_get_int(j, "ran", 0, INT64_MAX / 2, &ran) != 0) {
		return false;
	}
	*ret = (struct seen){.time = (uint64_t)time, .ran = (uint64_t)ran};
	return true;
}

static int write_seen(const struct dossiers *ds, const struct seen *seen)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);
	_cleanup_(buf_done) struct buf said = BUF_NULL(CLOCK_MAX);
	int r;

	buf_printf(&said, "{\"format\":1,\"ran\":%llu,\"time\":%llu}\n",
		(unsigned long long)seen->ran, (unsigned long long)seen->time);
	r = buf_check(&said);
	if (r == 0) {
		r = path_of(&path, ds, "clock", NULL);
	}
	return r < 0 ? trace(r) : trace(files_write(text(&path), buf_view(&said)));
}

/* Nobody has seen any time: it is when the first of those that are there was closed. 0: none is. */
static uint64_t first_closing(const struct dossiers *ds)
{
	char first[MONTH + 1] = "9999-99";
	DIR *months = open_folder(ds, NULL);
	struct dirent *e;
	struct tm day = {.tm_mday = 1};
	time_t at;

	while (months && (e = readdir(months))) {
		if (is_month(e->d_name) && strcmp(e->d_name, first) < 0) {
			bytes_copy(first, sizeof(first), e->d_name, MONTH + 1);
		}
	}
	if (months) {
		closedir(months);
	}
	if (!strptime(first, "%Y-%m", &day)) {
		return 0;
	}
	day.tm_mday = 1;
	day.tm_year -= (int)LIMIT_KEPT_YEARS;
	at = timegm(&day);
	return at > 0 ? (uint64_t)at * USEC_PER_SEC : 0;
}

/* The time of a run that begins now; 0: there is none today. */
static uint64_t begin_run(const struct dossiers *ds)
{
	uint64_t now = clock_wall();
	struct seen seen = {0};

	if (now < LIMIT_CLOCK_SET) {
		return 0;
	}
	if (!read_seen(ds, &seen)) {
		seen.time = first_closing(ds);
	}
	/* one that is ahead of the clock says nothing: it is the clock of then that was wrong */
	if (seen.time == 0 || (seen.ran <= now && now - seen.ran < RUN_APART)) {
		return 0;
	}
	seen.time = now < seen.time + RUN_MOST ? now : seen.time + RUN_MOST;
	seen.ran = now;
	return write_seen(ds, &seen) == 0 ? seen.time : 0;
}

/* -- what the record says ------------------------------------------------------------------------ */

enum fate {
	FATE_KEPT = 0, /* nothing certain is said: it stays */
	FATE_CLOSED,   /* until .until */
	FATE_OPEN,     /* it was reopened */
	FATE_ERASING, /* closed until .until, and its erasing was begun: nothing else was since */
	FATE_ERASED,
	FATE_UNKNOWN, /* the record cannot be read */
};

/* A kept entry stands for an older one: what counts is where that one stood. */
struct life {
	enum fate fate;
	uint64_t until;
	int64_t done;	 /* where the newest change that was made stands; -1: none was */
	int64_t started; /* the newest that was begun */
	int64_t ended;	 /* the newest whose end was told */
	bool erasing;	 /* the newest that was begun is the erasing */
};

static const enum audit_event lives[] = {
	AUDIT_EVENT_DOSSIER_CLOSED, AUDIT_EVENT_DOSSIER_REOPENED, AUDIT_EVENT_DOSSIER_ERASED};

static bool said(const json_t *entry, const char *member, const char *word)
{
	const char *value = json_get_str(entry, member);

	return value && strcmp(value, word) == 0;
}

static void take_done(struct life *l, const json_t *entry)
{
	int64_t until = 0;

	if (said(entry, "event", audit_event_word(AUDIT_EVENT_DOSSIER_REOPENED))) {
		l->fate = FATE_OPEN;
	} else if (said(entry, "event", audit_event_word(AUDIT_EVENT_DOSSIER_ERASED))) {
		l->fate = FATE_ERASED;
	} else if (json_get_int(json_object_get(entry, "details"), "until", 1, INT64_MAX,
			   &until) == 0) {
		l->fate = FATE_CLOSED;
	} else {
		l->fate = FATE_KEPT;
	}
	l->until = (uint64_t)until;
}

static int life_row(void *user, uint64_t index, const json_t *entry)
{
	int64_t at = (int64_t)index;
	struct life *l = user;

	(void)!json_get_int(json_object_get(entry, "details"), "kept-from", 0, INT64_MAX, &at);
	if (said(entry, "outcome", "started")) {
		if (at > l->started) {
			l->started = at;
			l->erasing = said(
				entry, "event", audit_event_word(AUDIT_EVENT_DOSSIER_ERASED));
		}
		return 0;
	}
	l->ended = at > l->ended ? at : l->ended;
	if ((said(entry, "outcome", "ok") || said(entry, "outcome", "recovered")) &&
		at > l->done) {
		l->done = at;
		take_done(l, entry);
	}
	return 0;
}

static struct life life_of(const struct dossiers *ds, const char *pseudonym)
{
	const struct audit_wanted wanted = {
		.pseudonym = pseudonym, .events = lives, .n_events = ARRAY_LEN(lives)};
	struct life l = {.done = -1, .started = -1, .ended = -1};

	if (audit_find(ds->audit, &wanted, life_row, &l) < 0) {
		l.fate = FATE_UNKNOWN;
	} else if (l.started > l.ended) {
		/* a change whose end nobody told leaves it open what the dossier is, until it is opened again */
		l.fate = l.erasing && l.fate == FATE_CLOSED ? FATE_ERASING : FATE_KEPT;
	}
	return l;
}

static int record(const struct dossiers *ds, const char *pseudonym, bool done)
{
	_cleanup_json_ json_t *details = json_pack("{s:i}", "years", (int)LIMIT_KEPT_YEARS);
	struct audit_entry e = AUDIT_ENTRY_NULL;

	e.event = AUDIT_EVENT_DOSSIER_ERASED;
	e.outcome = done ? "ok" : "started";
	e.pseudonym = pseudonym;
	e.details = details;
	if (done) {
		e.dossier_version = 0;
		e.dossier_hash = zero_hash;
	}
	return audit_append(ds->audit, &e, NULL);
}

/* -- erasing ------------------------------------------------------------------------------------- */

static bool in_use(const struct dossiers *ds, const char *pseudonym)
{
	for (const struct dossier *d = ds->first; d; d = d->next) {
		if (strcmp(d->pseudonym, pseudonym) == 0) {
			return true;
		}
	}
	return import_holds(ds, pseudonym);
}

/* What "started" promised. Its markers stay until the record has its end. Return: whether it has. */
static bool finish(const struct dossiers *ds, const char *pseudonym)
{
	if (files_erase(ds->folder, pseudonym) < 0 || record(ds, pseudonym, true) != 0) {
		return false;
	}
	drop_mark(ds, ERASING, pseudonym);
	return true;
}

/* @begun: the record says so already. Return: whether it still takes entries. */
static bool erase(
	const struct dossiers *ds, const char *month, const char *pseudonym, bool begun)
{
	if (put_mark(ds, ERASING, pseudonym) < 0) {
		return false;
	}
	if (!begun && record(ds, pseudonym, false) != 0) {
		drop_mark(ds, ERASING, pseudonym);
		return false;
	}
	if (finish(ds, pseudonym)) {
		drop_mark(ds, month, pseudonym);
	}
	return true;
}

/* What a start makes of a marker in erasing/: it only says where to look, as all of them. */
static void take_up(const struct dossiers *ds, const char *pseudonym, uint64_t time)
{
	struct life l = life_of(ds, pseudonym);

	switch (l.fate) {
	case FATE_UNKNOWN:
		return;
	case FATE_ERASING:
		/* without its key it is nobody's any more, however late it is taken to be */
		if (l.until <= time || !files_key_exists(ds->folder, pseudonym)) {
			(void)finish(ds, pseudonym);
		}
		return;
	case FATE_KEPT:
	case FATE_CLOSED: /* not begun: the marker of its month says when */
	case FATE_OPEN:
	case FATE_ERASED: /* all but this was done */
		drop_mark(ds, ERASING, pseudonym);
		return;
	}
}

void keeping_finish(struct dossiers *ds)
{
	struct seen seen = {0};
	DIR *d = open_folder(ds, ERASING);
	struct dirent *e;

	(void)read_seen(ds, &seen);
	while (d && (e = readdir(d))) {
		if (is_pseudonym(e->d_name)) {
			take_up(ds, e->d_name, seen.time);
		}
	}
	if (d) {
		closedir(d);
	}
}

/* -- markers ------------------------------------------------------------------------------------- */

int keeping_note(struct dossiers *ds, const char *pseudonym, int64_t until)
{
	uint64_t now = clock_wall();
	const struct seen seen = {.time = now, .ran = now};
	char month[MONTH + 1];
	struct seen before;
	int r;

	if (!month_of((uint64_t)until, month)) {
		return fault(-EINVAL);
	}
	r = put_mark(ds, month, pseudonym);
	if (r == 0 && !read_seen(ds, &before)) {
		r = write_seen(ds, &seen);
	}
	return trace(r);
}

void keeping_forget(struct dossiers *ds, const char *pseudonym, int64_t until)
{
	char month[MONTH + 1];

	if (month_of((uint64_t)until, month)) {
		drop_mark(ds, month, pseudonym);
	}
	drop_mark(ds, ERASING, pseudonym);
}

struct late {
	uint64_t time;
	unsigned int looked;
};

static int late_row(void *user, uint64_t index, const json_t *entry)
{
	struct late *late = user;
	int64_t time;

	(void)index;
	if (json_get_int(entry, "time", 0, INT64_MAX, &time) == 0 &&
		(uint64_t)time > late->time) {
		late->time = (uint64_t)time;
	}
	return ++late->looked < NEWEST ? 0 : AUDIT_ENOUGH;
}

uint64_t keeping_now(const struct dossiers *ds, const char *pseudonym)
{
	const struct audit_wanted wanted = {.pseudonym = pseudonym};
	struct late late = {.time = clock_wall()};
	struct seen seen;

	late.time = late.time < LIMIT_CLOCK_SET ? LIMIT_CLOCK_SET : late.time;
	if (read_seen(ds, &seen) && seen.time > late.time) {
		late.time = seen.time;
	}
	/* a record that cannot be read takes no closing either */
	(void)!audit_find(ds->audit, &wanted, late_row, &late);
	return late.time;
}

/* It is closed until another month than its marker says: reopened, and closed again. */
static void correct(struct dossiers *ds, const char *pseudonym, uint64_t until)
{
	char month[MONTH + 1];

	if (month_of(until, month) && strcmp(month, ds->keeping.name) != 0 &&
		put_mark(ds, month, pseudonym) == 0) {
		drop_mark(ds, ds->keeping.name, pseudonym);
	}
}

/* Return: whether the run goes on. */
static bool look_at(struct dossiers *ds, const char *pseudonym, bool *ret_erased)
{
	struct life l = life_of(ds, pseudonym);

	switch (l.fate) {
	case FATE_KEPT:
	case FATE_UNKNOWN:
		return true;
	case FATE_OPEN:
	case FATE_ERASED:
		drop_mark(ds, ds->keeping.name, pseudonym);
		return true;
	case FATE_CLOSED:
	case FATE_ERASING:
		break;
	}
	if (l.until > ds->keeping.time) {
		correct(ds, pseudonym, l.until);
		return true;
	}
	if (in_use(ds, pseudonym)) {
		return true; /* tomorrow */
	}
	*ret_erased = true;
	return erase(ds, ds->keeping.name, pseudonym, l.fate == FATE_ERASING);
}

/* -- a run --------------------------------------------------------------------------------------- */

void keeping_stop(struct dossiers *ds)
{
	if (ds->keeping.month) {
		closedir(ds->keeping.month);
	}
	if (ds->keeping.months) {
		closedir(ds->keeping.months);
	}
	ds->keeping = (struct keeping){0};
}

/* The next month that has come, in any order. Return: whether there is one. */
static bool next_month(struct dossiers *ds)
{
	struct keeping *k = &ds->keeping;
	char now[MONTH + 1];
	struct dirent *e;

	if (!month_of(k->time, now)) {
		return false;
	}
	while ((e = readdir(k->months))) {
		if (!is_month(e->d_name) || strcmp(e->d_name, now) > 0) {
			continue;
		}
		bytes_copy(k->name, sizeof(k->name), e->d_name, MONTH + 1);
		k->month = open_folder(ds, k->name);
		if (k->month) {
			return true;
		}
	}
	return false;
}

/* Some markers of this month, or one that goes. Return: whether the run goes on. */
static bool look_around(struct dossiers *ds)
{
	struct keeping *k = &ds->keeping;
	bool erased = false;
	struct dirent *e = NULL;

	for (unsigned int i = 0; i < LOOKS && !erased && (e = readdir(k->month)); i++) {
		if (is_pseudonym(e->d_name) && !look_at(ds, e->d_name, &erased)) {
			return false;
		}
	}
	if (!e) {
		closedir(k->month);
		k->month = NULL;
	}
	return true;
}

bool dossiers_keep(struct dossiers *ds)
{
	struct keeping *k = &ds->keeping;
	bool more;

	if (k->time == 0) {
		k->time = begin_run(ds);
		k->months = k->time > 0 ? open_folder(ds, NULL) : NULL;
	}
	more = k->months && (k->month || next_month(ds)) && look_around(ds);
	if (!more) {
		keeping_stop(ds);
	}
	return more;
}
