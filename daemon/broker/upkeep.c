/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Nothing here wakes up by itself, but once a day for what is too old: the timer of the checkpoint runs
 * only while the record has entries that no checkpoint covers, and the kernel tells of a wall clock that was set (timerfd_create(2),
 * TFD_TIMER_CANCEL_ON_SET). It tells the same of a sleep, since the monotonic clock stood still: how
 * far the three clocks have come apart says which it was.
 *
 * Contents are forgotten in steps of some milliseconds with a pause behind each. A clock that is years
 * ahead must not empty the record: one run takes a month of it at the most, and there is one a day,
 * however often the service is started.
 */
#include "daemon/broker/upkeep.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/audit/keep.h"
#include "daemon/limits.h"

#define APART	  (2ULL * USEC_PER_SEC) /* more than drift */
#define FAR_AWAY  9000000000LL		/* s: the year 2255; the timer itself never matters */
#define NOTE_SIZE 4096U
#define DAY	  (24ULL * 3600ULL * USEC_PER_SEC)
#define RUN_FIRST                                                                              \
	(2ULL * USEC_PER_SEC)  /* after the start, when whoever started it was answered */
#define RUN_MOST (31ULL * DAY) /* of the record's own time */
#define RUN_APART                                                                              \
	(23ULL * 3600ULL * USEC_PER_SEC) /* a day, but for drift and those who start early */
#define PAUSE (20ULL * USEC_PER_MS)	 /* between steps: others have their turns */

struct upkeep {
	struct audit *audit;
	struct upkeep_ops ops;
	void *user;
	sd_event_source *tick;
	sd_event_source *clock;
	sd_event_source *prune;
	sd_event_source *keep;
	const uint32_t *retention;
	uint64_t
		before; /* of the run that is on its way: entries older than this; 0: none is */
	int fd;
	uint64_t noted;	   /* size of the record at the last checkpoint here */
	uint64_t wall_off; /* wall - boot time */
	uint64_t boot_off; /* boot time - monotonic: how long it has slept */
};

/* -- checkpoints ----------------------------------------------------------------------------------- */

static void checkpoint(struct upkeep *u)
{
	_cleanup_(buf_done) struct buf note = BUF_NULL(NOTE_SIZE);
	uint8_t root[MERKLE_HASH];
	uint64_t size;

	audit_head(u->audit, &size, root);
	if (size == u->noted) {
		return;
	}
	if (audit_checkpoint(u->audit, &note) != 0) {
		log_msg(LOG_ERR, "audit-unavailable", "%s", audit_cause(u->audit));
		return; /* the next entry tries again */
	}
	u->noted = size;
	if (audit_sent_keep(u->audit) != 0) {
		log_msg(LOG_ERR, "audit-unavailable", "%s", audit_cause(u->audit));
	}
}

static int on_tick(sd_event_source *source, uint64_t usec, void *user)
{
	(void)source;
	(void)usec;
	checkpoint(user);
	return 0;
}

static void on_appended(void *user)
{
	struct upkeep *u = user;
	int state = SD_EVENT_OFF;

	if (u->ops.recorded) {
		u->ops.recorded(u->user);
	}
	if (sd_event_source_get_enabled(u->tick, &state) < 0 || state != SD_EVENT_OFF) {
		return; /* it runs already */
	}
	/* without it the next checkpoint that somebody asks for covers the entry */
	if (sd_event_source_set_time_relative(u->tick, LIMIT_CHECKPOINT) >= 0) {
		(void)sd_event_source_set_enabled(u->tick, SD_EVENT_ONESHOT);
	}
}

/* -- retention ------------------------------------------------------------------------------------- */

/* Whether there was a run today, also before this start. One that is ahead of the clock says nothing:
 * it is the clock of then that was wrong. */
static bool ran_today(const struct upkeep *u, uint64_t now)
{
	uint64_t last = audit_pruned(u->audit);

	return last > 0 && last <= now && now - last < RUN_APART;
}

/* What is too old now, by at most a month of the record; 0: nothing. */
static uint64_t too_old(const struct upkeep *u)
{
	uint64_t kept = *u->retention * DAY, now = clock_wall(), oldest = 0;

	if (kept == 0 || now < kept || ran_today(u, now) ||
		audit_oldest(u->audit, &oldest) != 0) {
		return 0;
	}
	return now - kept < oldest + RUN_MOST ? now - kept : oldest + RUN_MOST;
}

static int on_prune(sd_event_source *source, uint64_t usec, void *user)
{
	struct upkeep *u = user;
	bool more = false;

	(void)usec;
	if (u->before == 0) {
		u->before = too_old(u);
	}
	/* what cannot be said now is tried tomorrow */
	if (audit_prune(u->audit, u->before, &more) != 0) {
		log_msg(LOG_ERR, "audit-unavailable", "%s", audit_cause(u->audit));
		more = false;
	}
	if (!more) {
		u->before = 0;
	}
	if (sd_event_source_set_time_relative(source, more ? PAUSE : DAY) >= 0) {
		(void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	}
	return 0;
}

/* -- dossiers whose time is over ------------------------------------------------------------------- */

static int on_keep(sd_event_source *source, uint64_t usec, void *user)
{
	struct upkeep *u = user;
	bool more = u->ops.keep(u->user);

	(void)usec;
	if (sd_event_source_set_time_relative(source, more ? PAUSE : DAY) >= 0) {
		(void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	}
	return 0;
}

/* -- the clocks ------------------------------------------------------------------------------------ */

static bool apart(uint64_t now, uint64_t before)
{
	uint64_t ahead = now - before, behind = before - now; /* one of them wraps */

	return (ahead < behind ? ahead : behind) > APART;
}

static void look(struct upkeep *u)
{
	uint64_t boot = clock_boottime();
	uint64_t wall_off = clock_wall() - boot;
	uint64_t boot_off = boot - clock_monotonic();
	bool set = apart(wall_off, u->wall_off);
	bool slept = apart(boot_off, u->boot_off);

	u->wall_off = wall_off;
	u->boot_off = boot_off;
	if (slept) {
		u->ops.slept(u->user);
	}
	if (set) {
		u->ops.clock_set(u->user);
	}
}

/* Be told from now on. Return: whether that can be. */
static bool listen(const struct upkeep *u)
{
	const struct itimerspec never = {.it_value = {.tv_sec = FAR_AWAY}};

	return timerfd_settime(
		       u->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) == 0 ||
	       errno == ECANCELED;
}

static int on_clock(sd_event_source *source, int fd, uint32_t events, void *user)
{
	struct upkeep *u = user;
	uint64_t n;

	(void)events;
	(void)!read(fd, &n, sizeof(n)); /* ECANCELED: that is what it tells */
	if (!listen(u)) {
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
	}
	look(u);
	return 0;
}

/* -- life ------------------------------------------------------------------------------------------ */

static int start(struct upkeep *u, sd_event *ev)
{
	int r;

	u->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (u->fd < 0 || !listen(u)) {
		return fault(-errno);
	}
	u->boot_off = clock_boottime() - clock_monotonic();
	u->wall_off = clock_wall() - clock_boottime();
	r = sd_event_add_io(ev, &u->clock, u->fd, EPOLLIN, on_clock, u);
	if (r >= 0) {
		r = sd_event_add_time_relative(
			ev, &u->tick, CLOCK_MONOTONIC, LIMIT_CHECKPOINT, 0, on_tick, u);
	}
	if (r >= 0) {
		r = sd_event_add_time_relative(
			ev, &u->prune, CLOCK_BOOTTIME, RUN_FIRST, 0, on_prune, u);
	}
	if (r >= 0 && u->ops.keep) {
		r = sd_event_add_time_relative(
			ev, &u->keep, CLOCK_BOOTTIME, RUN_FIRST, 0, on_keep, u);
	}
	return r < 0 ? fault(r) : 0;
}

int upkeep_new(sd_event *ev, struct audit *audit, const uint32_t *retention,
	const struct upkeep_ops *ops, void *user, struct upkeep **ret)
{
	struct upkeep *u = calloc(1, sizeof(*u));
	int r;

	if (!u) {
		return fault(-ENOMEM);
	}
	*u = (struct upkeep){
		.audit = audit, .retention = retention, .ops = *ops, .user = user, .fd = -1};
	r = start(u, ev);
	if (r < 0) {
		u->audit = NULL;
		upkeep_free(u);
		return trace(r);
	}
	audit_on_append(audit, on_appended, u);
	*ret = u;
	return 0;
}

struct upkeep *upkeep_free(struct upkeep *u)
{
	if (!u) {
		return NULL;
	}
	if (u->audit) {
		audit_on_append(u->audit, NULL, NULL);
		checkpoint(u);
	}
	sd_event_source_disable_unref(u->tick);
	sd_event_source_disable_unref(u->clock);
	sd_event_source_disable_unref(u->prune);
	sd_event_source_disable_unref(u->keep);
	if (u->fd >= 0) {
		close(u->fd);
	}
	free(u);
	return NULL;
}
