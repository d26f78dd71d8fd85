/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Where the data is: the service's user, the state folder and its disk, keys that the administrator
 * gives; and the clock, by which certificates and cards are judged.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "client/doctor.h"
#include "client/lang.h"

#define USER	 "vitaled"
/* 2026-01-01, UTC: no version of this program was made before (as LIMIT_CLOCK_SET of the service) */
#define MADE	 (1767225600ULL * USEC_PER_SEC)
#define DISK_LOW (100ULL * 1024 * 1024) /* bytes, as LIMIT_STORE_FREE of the service */

/* The uid of @name in another tree's passwd (passwd(5)). */
static bool uid_in(struct view passwd, const char *name, unsigned long *ret)
{
	_cleanup_(buf_done) struct buf start = BUF_NULL(64);
	unsigned long uid = 0;

	buf_printf(&start, "%s:x:", name);
	while (passwd.len > 0) {
		const uint8_t *end = memchr(passwd.data, '\n', passwd.len);
		size_t n = end ? (size_t)(end - passwd.data) : passwd.len;
		struct reader r = reader_of(view_sub(passwd, 0, n));

		if (view_equal(reader_take(&r, start.len), buf_view(&start))) {
			for (uint8_t c = reader_u8(&r); c >= '0' && c <= '9' && uid < 1UL << 31;
				c = reader_u8(&r)) {
				uid = uid * 10 + (c - '0');
			}
			*ret = uid;
			return true;
		}
		passwd = view_sub(passwd, n + 1, passwd.len);
	}
	return false;
}

static bool service_uid(const struct doctor *d, unsigned long *ret)
{
	_cleanup_(buf_done) struct buf passwd = BUF_NULL(DOCTOR_FILE_MAX);
	const struct passwd *p;

	if (d->root[0] == '\0') {
		p = getpwnam(USER);
		*ret = p ? p->pw_uid : 0;
		return p != NULL;
	}
	return doctor_read(d, "/etc/passwd", DOCTOR_FILE_MAX, &passwd) == 0 &&
	       uid_in(buf_view(&passwd), USER, ret);
}

static void judge_folder(struct doctor *d, const struct stat *st, bool known, unsigned long uid)
{
	char mode[8];

	if (S_ISDIR(st->st_mode) && (st->st_mode & 077) == 0 && (!known || st->st_uid == uid)) {
		return;
	}
	(void)snprintf(mode, sizeof(mode), "%04o", st->st_mode & 07777);
	doctor_found(d, VITALED_FINDING_STATE_FOLDER, d->state,
		json_pack("{s:s, s:I, s:s}", "path", d->state, "owner", (json_int_t)st->st_uid,
			"mode", mode));
}

void doctor_judge_disk(struct doctor *d, const char *path, uint64_t left, bool read_only)
{
	json_t *facts = json_pack("{s:s, s:I}", "path", path, "free", (json_int_t)left);

	doctor_seen(d, "store", json_incref(facts));
	if (d->runs) { /* it tells by itself */
		json_decref(facts);
		return;
	}
	if (read_only) {
		doctor_found(d, VITALED_FINDING_STATE_READ_ONLY, path, json_incref(facts));
	} else if (left < DISK_LOW) {
		doctor_found(d, VITALED_FINDING_STORE_LOW, path, json_incref(facts));
	}
	json_decref(facts);
}

static void look_state(struct doctor *d)
{
	char whole[DOCTOR_PATH_MAX];
	unsigned long uid = 0;
	struct statvfs disk;
	struct stat st;
	bool known = service_uid(d, &uid);

	if (!known && !d->runs) {
		doctor_found(d, VITALED_FINDING_USER_MISSING, USER, NULL);
	}
	if (!doctor_path(d, d->state, whole) || stat(whole, &st) < 0) {
		if (d->runs) {
			return; /* its configuration says another folder */
		}
		doctor_seen(d, "store",
			json_pack("{s:s, s:s}", "path", d->state, "state",
				doctor_there(d, d->state) == DOCTOR_DENIED
					? N_("may not be read by this user")
					: N_("not there: made at the first start")));
		return;
	}
	if (!d->runs) {
		judge_folder(d, &st, known, uid);
	}
	if (statvfs(whole, &disk) == 0) {
		doctor_judge_disk(d, d->state, (uint64_t)disk.f_bavail * disk.f_frsize,
			(disk.f_flag & ST_RDONLY) != 0);
	}
}

static void look_keys(struct doctor *d)
{
	static const char *const keys[] = {"audit", "dossier", "pseudonym"};
	char path[64], whole[DOCTOR_PATH_MAX], mode[8];
	struct stat st;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		(void)snprintf(path, sizeof(path), "/etc/credstore/vitaled.%s.key", keys[i]);
		if (!doctor_path(d, path, whole) || stat(whole, &st) < 0 ||
			(st.st_mode & 077) == 0) {
			continue;
		}
		(void)snprintf(mode, sizeof(mode), "%04o", st.st_mode & 07777);
		doctor_found(d, VITALED_FINDING_KEY_EXPOSED, path,
			json_pack("{s:s, s:s}", "file", path, "mode", mode));
	}
}

void doctor_store(struct doctor *d)
{
	look_state(d);
	look_keys(d);
}

void doctor_judge_clock(struct doctor *d, uint64_t wall, bool synchronised)
{
	char now[28];

	clock_rfc3339(wall, now);
	doctor_seen(d, "clock",
		json_pack("{s:s, s:s}", "time", now, "state",
			synchronised ? N_("synchronised") : N_("not synchronised")));
	if (wall < MADE && !d->runs) {
		doctor_found(d, VITALED_FINDING_CLOCK_UNSET, now, NULL);
	}
	if (!synchronised) {
		doctor_found(d, VITALED_FINDING_CLOCK_UNSYNCHRONISED, "", NULL);
	}
}

void doctor_clock(struct doctor *d)
{
	doctor_judge_clock(d, clock_wall(), clock_synchronised());
}
