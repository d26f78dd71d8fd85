/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Two walks along the record, each with its own place: one tells what happens to the sessions
 * that are there now, the other puts it into the folder. A message is written whole, synced and
 * given its name, one in a turn of the loop; its name is made of its entry, so that one that is
 * written again after a crash has the same. How far the folder is stands in a file beside it
 * and follows when all is written; before the first message there is one already, so that what
 * waits from then on is not lost by a restart. A folder that takes nothing, or a record that cannot
 * be read, is tried again by and by; what waits stays in the record.
 */
#include "daemon/broker/outbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/audit/keep.h"
#include "daemon/broker/notices.h"
#include "daemon/limits.h"

#define BATCH	  64U	 /* entries looked at in one turn: some 2 ms */
#define KEEP	  4096U	 /* entries without a message after which the place is written down */
#define ENTRY_MAX 65536U /* bytes */
#define RETRY	  (5 * USEC_PER_SEC)
#define MODE_FILE 0640 /* for the folder's group, where the site gave it one */
#define PATH_SIZE 512U
#define NEW	  ".outbox.new"
#define PLACE	  "outbox.next"
#define PLACE_MAX 64U
#define ENDING	  ".json"

struct outbox {
	struct audit *audit;
	const struct outbox_ops *ops;
	void *user;
	sd_event_source *timer;
	const char *state;	/* NULL: no messages are kept */
	char folder[PATH_SIZE]; /* <state>/outbox */
	uint64_t told;		/* entries below were told of */
	uint64_t written;	/* ... and are in the folder */
	uint64_t kept;		/* what the file says */
	size_t files;		/* not more than so many are in the folder */
	bool more;		/* something was written since the place was */
	bool placed;		/* the file says one that counts */
	const char *cause;	/* why the folder takes nothing, or NULL */
	uint64_t again;		/* ... and when it is tried again, monotonic */
};

static uint64_t size_of(const struct outbox *o)
{
	uint8_t root[MERKLE_HASH];
	uint64_t size;

	audit_head(o->audit, &size, root);
	return size;
}

static void fd_done(int *fd)
{
	if (*fd >= 0) {
		(void)close(*fd);
	}
}

/* -- files --------------------------------------------------------------------------------- */

static int write_all(int fd, struct view text)
{
	while (text.len > 0) {
		ssize_t n = write(fd, text.data, text.len);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return fault(-errno);
		}
		text = view_last(text, text.len - (size_t)n);
	}
	return 0;
}

/* @text as the file @name below @dir, which is there whole or not at all. */
static int put_file(int dir, const char *name, struct view text, mode_t mode)
{
	_cleanup_(fd_done) int fd = -1;
	int r;

	/* whoever may write there must not have laid out what we write into */
	if (unlinkat(dir, NEW, 0) < 0 && errno != ENOENT) {
		return fault(-errno);
	}
	fd = openat(dir, NEW, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		return fault(-errno);
	}
	r = write_all(fd, text);
	if (r == 0 &&
		(fchmod(fd, mode) < 0 || fsync(fd) < 0 || renameat(dir, NEW, dir, name) < 0)) {
		r = fault(-errno);
	}
	if (r < 0) {
		(void)unlinkat(dir, NEW, 0);
	}
	return trace(r);
}

static int open_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? fault(-errno) : fd;
}

/* The folder, made where it is not there any more. */
static int open_outbox(const struct outbox *o)
{
	if (mkdir(o->folder, 0700) == 0) {
		_cleanup_(fd_done) int state = open_folder(o->state);

		if (state < 0 || fsync(state) < 0) {
			return state < 0 ? trace(state) : fault(-errno);
		}
	} else if (errno != EEXIST) {
		return fault(-errno);
	}
	return trace(open_folder(o->folder));
}

static int count_files(struct outbox *o)
{
	DIR *d = opendir(o->folder);
	const struct dirent *e;

	if (!d && errno != ENOENT) {
		return fault(-errno);
	}
	o->files = 0;
	if (!d) {
		return 0;
	}
	while ((e = readdir(d))) {
		o->files += e->d_name[0] != '.' ? 1 : 0;
	}
	(void)closedir(d);
	return 0;
}

/* Whether there is no room for one more: what a job has removed is seen when it matters. */
static int is_full(struct outbox *o, bool *ret_full)
{
	int r = o->files >= LIMIT_OUTBOX ? count_files(o) : 0;

	*ret_full = o->files >= LIMIT_OUTBOX;
	return trace(r);
}

/* -- how far the folder is ----------------------------------------------------------------- */

static int keep_place(struct outbox *o)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(PLACE_MAX);
	_cleanup_(fd_done) int dir = open_folder(o->state);
	int r;

	buf_printf(&text, "{\"next\":%" PRIu64 "}\n", o->written);
	r = dir < 0 ? trace(dir) : trace(buf_check(&text));
	if (r == 0) {
		r = put_file(dir, PLACE, buf_view(&text), 0600);
	}
	if (r == 0) {
		o->kept = o->written;
		o->placed = true;
	}
	return trace(r);
}

/* Where it was; from now on where nobody says so, or what is said is of another record. */
static void find_place(struct outbox *o)
{
	_cleanup_(fd_done) int dir = open_folder(o->state);
	_cleanup_(fd_done) int fd = dir < 0 ? -1 : openat(dir, PLACE, O_RDONLY | O_CLOEXEC);
	_cleanup_json_ json_t *place = NULL;
	char text[PLACE_MAX];
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));
	int64_t next;

	o->kept = o->told;
	if (n > 0 && json_parse(view_of(text, (size_t)n), &place) == 0 &&
		json_get_int(place, "next", 0, (int64_t)o->told, &next) == 0) {
		o->kept = (uint64_t)next;
		o->placed = true;
	}
	o->written = o->kept;
}

/* -- messages ------------------------------------------------------------------------------ */

static int write_message(struct outbox *o, const json_t *entry, const struct notice *n)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(ENTRY_MAX);
	_cleanup_(fd_done) int dir = open_outbox(o);
	_cleanup_json_ json_t *message = NULL;
	char stem[NOTICE_NAME];
	char name[sizeof(stem) + sizeof(ENDING)];
	int r = dir < 0 ? trace(dir) : notice_json(entry, n, &message);

	if (r == 0) {
		r = json_canonical(message, &text);
	}
	buf_put_u8(&text, '\n');
	if (r == 0) {
		r = buf_check(&text);
	}
	if (r != 0) {
		return r < 0 ? trace(r) : fault(-EINVAL);
	}
	notice_name(n, stem);
	(void)snprintf(name, sizeof(name), "%s" ENDING, stem);
	r = put_file(dir, name, buf_view(&text), MODE_FILE);
	if (r == 0 && fsync(dir) < 0) {
		r = fault(-errno);
	}
	if (r == 0) {
		o->files++;
		o->more = true;
	}
	return trace(r);
}

/* Entry @index, and what it tells of. @ret: NULL when it tells of nothing, or was pruned. Return: 0 or
 * a fault: it cannot be read now. */
static int entry_at(const struct outbox *o, uint64_t index, json_t **ret, struct notice *ret_n)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(ENTRY_MAX);
	_cleanup_json_ json_t *entry = NULL;
	int r = audit_read(o->audit, index, &text);

	if (r == AUDIT_NO_ENTRY) {
		return 0;
	}
	if (r == 0) {
		r = json_parse(buf_view(&text), &entry);
	}
	if (r != 0) {
		return r < 0 ? trace(r) : fault(-EBADMSG);
	}
	if (notice_of(entry, ret_n)) {
		*ret = json_incref(entry);
	}
	return 0;
}

static void tell_some(struct outbox *o, uint64_t size)
{
	for (unsigned int i = 0; i < BATCH && o->told < size; i++) {
		_cleanup_json_ json_t *entry = NULL;
		struct notice n;
		int r = entry_at(o, o->told, &entry, &n);

		/* one that cannot be read is no news any more when it can */
		o->told++;
		if (r == 0 && entry && !n.opening) {
			o->ops->told(o->user, n.pseudonym, n.what, (uint64_t)n.when);
		}
	}
}

enum written {
	WRITTEN = 0,
	WRITTEN_FULL, /* LIMIT_OUTBOX */
};

/* One message at most. Return: 0, WRITTEN_FULL or a fault. */
static int write_some(struct outbox *o, uint64_t size)
{
	uint64_t first = audit_first(o->audit);

	o->written = o->written < first ? first : o->written;
	for (unsigned int i = 0; i < BATCH && o->written < size; i++) {
		_cleanup_json_ json_t *entry = NULL;
		bool full = false;
		struct notice n;
		int r = entry_at(o, o->written, &entry, &n);

		if (r == 0 && entry) {
			r = is_full(o, &full);
		}
		if (r == 0 && entry && !full) {
			r = write_message(o, entry, &n);
		}
		if (r < 0 || full) {
			return full ? WRITTEN_FULL : trace(r);
		}
		o->written++;
		if (entry) {
			break;
		}
	}
	return WRITTEN;
}

/* -- turns --------------------------------------------------------------------------------- */

static const char *cause_of(int r)
{
	switch (r) {
	case WRITTEN_FULL:
		return "full";
	case -ENOSPC:
	case -EDQUOT:
		return "no-space";
	case -EROFS:
		return "read-only";
	case -EACCES:
	case -EPERM:
		return "denied";
	default:
		return "failed";
	}
}

static void note(struct outbox *o, int r)
{
	const char *cause = r == 0 ? NULL : cause_of(r);

	if (cause && (!o->cause || strcmp(o->cause, cause) != 0)) {
		log_msg(LOG_WARNING, "outbox-stuck", "%s: %s", o->folder, cause);
	}
	o->cause = cause;
	o->again = cause ? clock_monotonic() + RETRY : 0;
}

static void wake_in(struct outbox *o, uint64_t usec)
{
	if (sd_event_source_set_time_relative(o->timer, usec) >= 0) {
		(void)sd_event_source_set_enabled(o->timer, SD_EVENT_ONESHOT);
	}
}

/* Whether the place is worth writing down: not for an entry without a message. */
static bool place_is_due(const struct outbox *o, uint64_t size)
{
	return o->written == size && o->written - o->kept >= (o->more ? 1 : KEEP);
}

static void fill(struct outbox *o, uint64_t size)
{
	int r = o->placed ? 0 : keep_place(o);

	if (r == 0) {
		r = write_some(o, size);
	}
	if (r == 0 && place_is_due(o, size)) {
		r = keep_place(o);
		o->more = o->more && r != 0;
	}
	note(o, r);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *user)
{
	struct outbox *o = user;
	uint64_t size = size_of(o);

	(void)source;
	(void)usec;
	tell_some(o, size);
	if (o->state && clock_monotonic() >= o->again) {
		fill(o, size);
	}
	if (o->told < size || (o->state && !o->cause && o->written < size)) {
		wake_in(o, 0);
	} else if (o->cause) {
		wake_in(o, RETRY);
	}
	return 0;
}

/* -- life ---------------------------------------------------------------------------------- */

void outbox_wake(struct outbox *o)
{
	int state = SD_EVENT_OFF;

	if (!o || sd_event_source_get_enabled(o->timer, &state) < 0) {
		return;
	}
	/* one that waits for its folder still tells at once */
	if (state == SD_EVENT_OFF || o->cause) {
		wake_in(o, 0);
	}
}

const char *outbox_stuck(const struct outbox *o, const char **ret_folder, uint64_t *ret_entries)
{
	if (!o || !o->cause) {
		return NULL;
	}
	*ret_folder = o->folder;
	*ret_entries = size_of(o) - o->written;
	return o->cause;
}

int outbox_new(sd_event *ev, struct audit *audit, const char *state,
	const struct outbox_ops *ops, void *user, struct outbox **ret)
{
	struct outbox *o = calloc(1, sizeof(*o));
	int r;

	if (!o) {
		return fault(-ENOMEM);
	}
	*o = (struct outbox){.audit = audit, .state = state, .ops = ops, .user = user};
	o->told = size_of(o);
	if (state) {
		(void)snprintf(o->folder, sizeof(o->folder), "%s/outbox", state);
		find_place(o);
		o->files = LIMIT_OUTBOX; /* counted when there is something to write */
		if (!o->placed) {
			(void)!keep_place(o); /* tried again before there is a message */
		}
	}
	r = sd_event_add_time_relative(ev, &o->timer, CLOCK_MONOTONIC, 0, 0, on_timer, o);
	if (r < 0) {
		free(o);
		return fault(r);
	}
	*ret = o;
	return 0;
}

int outbox_forget(const char *state)
{
	_cleanup_(fd_done) int dir = open_folder(state);

	if (dir < 0) {
		return trace(dir);
	}
	if (unlinkat(dir, PLACE, 0) < 0) {
		return errno == ENOENT ? 0 : fault(-errno);
	}
	return fsync(dir) < 0 ? fault(-errno) : 0;
}

struct outbox *outbox_free(struct outbox *o)
{
	if (!o) {
		return NULL;
	}
	if (o->state && o->written != o->kept) {
		(void)keep_place(o); /* else some are written again */
	}
	sd_event_source_disable_unref(o->timer);
	free(o);
	return NULL;
}
