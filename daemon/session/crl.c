/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Reading revocation lists without ever waiting: the folder is listed, each new file is given to
 * vitaled-crl as a descriptor, its answer is put into struct trust piece by piece. A file that makes
 * the child die or hang costs that child and is named; the lists held stay as they were. struct crls
 * owns child, sources, folder and the list being filled; lists that were put belong to struct trust.
 */
#include "daemon/session/crl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/link-crl.h"
#include "base/tlv.h"
#include "daemon/session/crl-feeders.h"
#include "daemon/session/crl-folder.h"
#include "daemon/trust/revocation.h"

/* Files that belong together are copied together: wait for the last of them. */
#define SETTLE	      (500ULL * USEC_PER_MS)
/* Files that were early, or that met a fault, get another attempt; a folder whose parent was not there
 * either is looked for. */
#define AGAIN	      (3600ULL * USEC_PER_SEC)
/* 32 MB are parsed and hashed in a second; a busy desk PC may take twenty times that. */
#define READ_DEADLINE (20ULL * USEC_PER_SEC)
#define MORE_DEADLINE (5ULL * USEC_PER_SEC)
#define YEAR_10000    253402300800ULL /* seconds */
#define AUTHORITIES   (4U * 1024U * 1024U)

struct crls {
	sd_event *ev;
	const struct config *config;
	struct trust *trust;
	struct crls_ops ops;
	void *user;
	char program[320];
	sd_event_source *watch;
	bool beside;		 /* it is the parent that is watched */
	sd_event_source *settle; /* armed: a reading is due */
	sd_event_source *again;
	bool due;
	bool news;
	struct crl_folder *folder; /* as it was listed last */
	struct crl_feeders feeders;
	bool looked; /* the last reading could begin */
	/* while reading: */
	bool reading;
	DIR *dir;
	int authorities; /* memfd */
	struct child *child;
	struct crl_file *at;	 /* on its way through the child */
	uint64_t until;		 /* ... which ends then; monotonic */
	struct revocation *list; /* of @at */
};

static void next(struct crls *c);

/* -- one file ------------------------------------------------------------------------------------ */

/* The file that is being read ends with @reason; NULL: taken. */
static void conclude(struct crls *c, const char *reason)
{
	c->at->pending = false;
	c->at->reason = reason;
	c->at->again = reason && crl_worth_again(reason);
	c->at = NULL;
	c->list = revocation_free(c->list);
	c->news = true;
}

/* The child broke its word: it goes, and another one reads on. */
static void child_broken(struct crls *c)
{
	c->child = child_free(c->child);
	conclude(c, "crashed");
	next(c);
}

static bool take_seconds(struct view body, uint32_t tag, bool required, uint64_t *ret)
{
	uint64_t seconds = 0;
	int r = tlv_find_u64(body, tag, &seconds);

	if (r == TLV_ABSENT) {
		return !required;
	}
	*ret = seconds * USEC_PER_SEC;
	return r == 0 && seconds < YEAR_10000;
}

static bool take_number(struct view body, struct revocation_head *h)
{
	struct tlv t;
	int r = tlv_find(body, CRL_TAG_NUMBER, &t);

	if (r == TLV_ABSENT) {
		return true;
	}
	if (r != 0 || t.value.len != sizeof(h->number)) {
		return false;
	}
	h->numbered = true;
	return view_copy(t.value, h->number, sizeof(h->number)) == 0;
}

static bool take_head(struct view body, struct revocation_head *ret)
{
	struct revocation_head h = {.count = 0};
	struct tlv t;
	int r;

	if (tlv_find(body, CRL_TAG_ISSUER, &t) != 0 || t.value.len != sizeof(h.issuer) ||
		view_copy(t.value, h.issuer, sizeof(h.issuer)) != 0) {
		return false;
	}
	r = tlv_find_str(body, CRL_TAG_POINT, h.point, sizeof(h.point));
	if ((r != 0 && r != TLV_ABSENT) || !take_number(body, &h) ||
		!take_seconds(body, CRL_TAG_THIS_UPDATE, true, &h.this_update) ||
		!take_seconds(body, CRL_TAG_NEXT_UPDATE, false, &h.next_update) ||
		tlv_find_u32(body, CRL_TAG_COUNT, &h.count) != 0 ||
		h.count > LIMIT_CRL_ENTRIES) {
		return false;
	}
	*ret = h;
	return true;
}

static void on_more(void *user, struct link_frame *answer);

/* Numbers come piece by piece, each in its time: so many pieces that all of it takes too long. */
static void ask_more(struct crls *c)
{
	uint64_t now = clock_monotonic();
	uint64_t left = c->until > now ? c->until - now : 0;

	if (left == 0) {
		c->child = child_free(c->child);
		conclude(c, "late");
		next(c);
		return;
	}
	if (child_request(c->child, CRL_OP_MORE, VIEW_NULL, NULL, 0,
		    left < MORE_DEADLINE ? left : MORE_DEADLINE, on_more, c) != 0) {
		child_broken(c);
	}
}

/* Ask for the next numbers, or put the complete list. */
static void advance(struct crls *c)
{
	int r;

	if (revocation_complete(c->list)) {
		struct revocation *l = c->list;

		c->list = NULL;
		r = revocation_put(c->trust, l);
		conclude(c, r == 0 ? NULL : crl_revocation_word(r));
		if (r == 0) {
			c->ops.taken(c->user); /* now: what is still to be read may take long */
		}
		next(c);
		return;
	}
	ask_more(c);
}

static void on_more(void *user, struct link_frame *answer)
{
	struct crls *c = user;
	struct tlv t;

	if (!answer) {
		return; /* on_ended() follows */
	}
	if (answer->outcome != CRL_DONE || tlv_find(answer->body, CRL_TAG_SERIALS, &t) != 0 ||
		t.value.len == 0 || revocation_add(c->list, t.value) != 0) {
		child_broken(c);
		return;
	}
	advance(c);
}

static void on_head(void *user, struct link_frame *answer)
{
	struct revocation_head h;
	struct crls *c = user;
	int r;

	if (!answer) {
		return; /* on_ended() follows */
	}
	if (answer->outcome != CRL_DONE && crl_outcome_word(answer->outcome)) {
		conclude(c, crl_outcome_word(answer->outcome));
		next(c);
		return;
	}
	if (answer->outcome != CRL_DONE || !take_head(answer->body, &h)) {
		child_broken(c);
		return;
	}
	r = revocation_begin(c->trust, &h, clock_wall(), &c->list);
	if (r != 0) {
		conclude(c, crl_revocation_word(r));
		next(c);
		return;
	}
	advance(c);
}

/* -- the child ----------------------------------------------------------------------------------- */

static void on_ended(void *user, const char *why)
{
	struct crls *c = user;

	c->child = child_free(c->child);
	if (c->at) {
		conclude(c, strcmp(why, "deadline") == 0 ? "late" : "crashed");
		next(c);
	}
}

static const char *ask(struct crls *c)
{
	static const struct child_ops ops = {.ended = on_ended};
	char *const env[] = {NULL};
	int fds[2] = {-1, c->authorities};
	const char *reason = crl_folder_open(c->dir, c->at->name, &fds[0]);
	int r = 0;

	if (reason) {
		return reason;
	}
	c->until = clock_monotonic() + LIMIT_CRL_READ;
	if (!c->child) {
		r = child_start(c->ev, c->program, env, &ops, c, &c->child);
	}
	if (r == 0) {
		r = child_request(
			c->child, CRL_OP_READ, VIEW_NULL, fds, 2, READ_DEADLINE, on_head, c);
	}
	(void)close(fds[0]);
	if (r != 0) {
		c->child = child_free(c->child);
	}
	return r == 0 ? NULL : "fault";
}

/* -- one reading --------------------------------------------------------------------------------- */

static void stop_reading(struct crls *c)
{
	c->child = child_free(c->child);
	c->list = revocation_free(c->list);
	if (c->dir) {
		(void)closedir(c->dir);
	}
	c->dir = NULL;
	if (c->authorities >= 0) {
		(void)close(c->authorities);
	}
	c->authorities = -1;
	c->at = NULL;
	c->reading = false;
}

static void arm(sd_event_source *timer, uint64_t usec)
{
	/* fails when memory ran out only: the hourly look, or the next change, makes it good */
	if (sd_event_source_set_time_relative(timer, usec) >= 0) {
		(void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
	}
}

static void finish(struct crls *c)
{
	bool news = c->news;

	stop_reading(c);
	c->news = false;
	arm(c->again, AGAIN);
	if (c->due) {
		arm(c->settle, SETTLE);
	}
	if (news) {
		c->ops.changed(c->user);
	}
	c->ops.read(c->user);
}

/* The next file that is pending goes to the child; after the last the reading ends. */
static void next(struct crls *c)
{
	for (size_t i = 0; i < c->folder->n; i++) {
		const char *reason;

		if (!c->folder->files[i].pending) {
			continue;
		}
		c->at = &c->folder->files[i];
		reason = ask(c);
		if (!reason) {
			return;
		}
		conclude(c, reason);
	}
	finish(c);
}

/* Return: 0 or a fault; on failure nothing is listed and nothing is asked. */
static int make_authorities(struct crls *c)
{
	_cleanup_(buf_done) struct buf der = BUF_NULL(AUTHORITIES);
	int r = revocation_authorities(c->trust, &der);

	if (r < 0) {
		return trace(r);
	}
	c->authorities = memfd_create("authorities", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (c->authorities < 0) {
		return fault(-errno);
	}
	for (size_t at = 0; at < der.len;) {
		ssize_t n = write(c->authorities, der.data + at, der.len - at);

		if (n <= 0) {
			return fault(n < 0 ? -errno : -EIO);
		}
		at += (size_t)n;
	}
	if (fcntl(c->authorities, F_ADD_SEALS,
		    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
		return fault(-errno);
	}
	return 0;
}

static int on_change(sd_event_source *source, const struct inotify_event *e, void *user);

/* Return: 0 or a fault. */
static int list(struct crls *c)
{
	struct crl_folder *now = calloc(1, sizeof(*now));
	bool others;
	int error;
	int r;

	if (!now) {
		return fault(-ENOMEM);
	}
	c->beside = !crl_folder_watch(c->ev, c->config->crl, on_change, c, &c->watch);
	c->dir = opendir(c->config->crl);
	error = errno;
	c->news = crl_folder_list(c->dir, c->folder, now) || c->news;
	if (!c->dir && error != ENOENT) {
		c->news = c->news || !c->folder->reason;
		now->reason = "unreadable";
	}
	others = crl_feeders_take(&c->feeders, c->config, c->trust);
	if (others) {
		crl_folder_retry(now);
	}
	r = make_authorities(c);
	if (r < 0) {
		if (others) { /* the next reading does it */
			crl_folder_retry(c->folder);
		}
		free(now);
		return trace(r);
	}
	free(c->folder);
	c->folder = now;
	return 0;
}

static void read_all(struct crls *c)
{
	c->reading = true;
	c->due = false;
	c->looked = list(c) == 0;
	if (!c->looked) {
		c->news = c->news || !c->folder->reason;
		c->folder->reason = "fault";
		finish(c);
		return;
	}
	next(c);
}

/* -- when to read -------------------------------------------------------------------------------- */

static int on_settled(sd_event_source *source, uint64_t usec, void *user)
{
	struct crls *c = user;

	(void)source;
	(void)usec;
	if (!c->reading) {
		read_all(c);
	}
	return 0; /* else finish() comes back to it */
}

/* The first change starts the wait, further ones do not prolong it. */
static void make_due(struct crls *c, uint64_t wait)
{
	if (!c->due) {
		c->due = true;
		arm(c->settle, wait);
	}
}

static int on_again(sd_event_source *source, uint64_t usec, void *user)
{
	struct crls *c = user;

	(void)source;
	(void)usec;
	c->due = false; /* should the timer have failed */
	make_due(c, 0);
	return 0;
}

/* Of the folder itself, or of its parent, where other names come and go. */
static int on_change(sd_event_source *source, const struct inotify_event *e, void *user)
{
	struct crls *c = user;
	const char *slash = strrchr(c->config->crl, '/');

	(void)source;
	if (c->beside && e->len > 0 && slash && strcmp(e->name, slash + 1) != 0) {
		return 0;
	}
	make_due(c, SETTLE);
	return 0;
}

/* -- life ---------------------------------------------------------------------------------------- */

struct crls *crls_free(struct crls *c)
{
	if (c) {
		stop_reading(c);
		(void)sd_event_source_disable_unref(c->watch);
		(void)sd_event_source_disable_unref(c->settle);
		(void)sd_event_source_disable_unref(c->again);
		free(c->folder);
		crl_feeders_done(&c->feeders);
	}
	free(c);
	return NULL;
}

static void crls_put(struct crls **c)
{
	*c = crls_free(*c);
}

static int add_timer(
	struct crls *c, clockid_t clock, sd_event_time_handler_t handler, sd_event_source **ret)
{
	int r = sd_event_add_time_relative(c->ev, ret, clock, AGAIN, 0, handler, c);

	return r < 0 ? fault(r) : 0;
}

int crls_new(sd_event *ev, const struct config *config, struct trust *t,
	const struct crls_ops *ops, void *user, struct crls **ret)
{
	_cleanup_(crls_put) struct crls *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		return fault(-ENOMEM);
	}
	*c = (struct crls){.ev = ev,
		.config = config,
		.trust = t,
		.ops = *ops,
		.user = user,
		.news = true,
		.feeders = CRL_FEEDERS_NULL,
		.authorities = -1};
	(void)snprintf(c->program, sizeof(c->program), "%s/vitaled-crl", config->children);
	c->folder = calloc(1, sizeof(*c->folder));
	if (!c->folder) {
		return fault(-ENOMEM);
	}
	r = add_timer(c, CLOCK_MONOTONIC, on_settled, &c->settle);
	if (r == 0) {
		r = add_timer(c, CLOCK_BOOTTIME, on_again, &c->again);
	}
	if (r < 0) {
		return trace(r);
	}
	make_due(c, 0);
	*ret = c;
	c = NULL;
	return 0;
}

bool crls_reading(const struct crls *c)
{
	return c->reading || c->due;
}

/* -- anchors of feeders --------------------------------------------------------------------------- */

void crls_feeders(struct crls *c, struct view anchors)
{
	if (crl_feeders_news(&c->feeders, anchors)) {
		make_due(c, 0);
	}
}

int crls_hold(struct crls *c, struct view anchors)
{
	int r = crl_feeders_hold(&c->feeders, anchors);

	if (r == 0 && !crls_held(c)) {
		make_due(c, 0);
	}
	return trace(r);
}

bool crls_held(const struct crls *c)
{
	return c->looked && crl_feeders_held(&c->feeders);
}

void crls_release(struct crls *c)
{
	if (crl_feeders_release(&c->feeders)) {
		make_due(c, 0);
	}
}

/* -- findings ------------------------------------------------------------------------------------ */

struct telling {
	crl_found_fn found;
	void *user;
};

static void tell_authority(void *user, const struct revocation_state *s)
{
	const struct telling *to = user;
	struct crl_finding f = {.nature = nature_word(s->nature),
		.authority = s->authority,
		.name = "crl-missing"};
	bool expired = s->lists == REVOCATION_LISTS_EXPIRED;

	switch (s->lists) {
	case REVOCATION_LISTS_CURRENT:
		return;
	case REVOCATION_LISTS_EXPIRED:
		f.name = "crl-expired";
		break;
	case REVOCATION_LISTS_NONE:
		break;
	}
	if (s->feeders) {
		f.name = expired ? "feeder-crl-expired" : "feeder-crl-missing";
	}
	to->found(to->user, &f);
}

void crls_state(const struct crls *c, uint64_t now, crl_found_fn found, void *user)
{
	struct telling to = {found, user};
	struct crl_finding f = {.name = "crl-rejected"};

	if (revocation_each(c->trust, now, tell_authority, &to) < 0) {
		found(user, &(struct crl_finding){.name = "crl-failed", .reason = "fault"});
	}
	for (size_t i = 0; i < c->folder->n; i++) {
		f.file = c->folder->files[i].name;
		f.reason = c->folder->files[i].reason;
		if (f.reason) {
			found(user, &f);
		}
	}
	if (c->folder->reason) {
		found(user, &(struct crl_finding){
				    .name = "crl-failed", .reason = c->folder->reason});
	}
}
