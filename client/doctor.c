/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The hands of the doctor: reading files that may be anything, folders that may be huge, and programs
 * that may hang. Everything has a limit; nothing is written.
 */
#include "client/doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

void doctor_group(struct doctor *d, const char *group)
{
	d->group = group;
}

void doctor_found_named(
	struct doctor *d, const char *name, const char *detail, const json_t *facts)
{
	d->found(d->user, d->group, name, detail, facts);
}

void doctor_found(struct doctor *d, enum vitaled_finding f, const char *detail, json_t *facts)
{
	_cleanup_json_ json_t *owned = facts;

	doctor_found_named(d, vitaled_finding_word(f), detail, owned);
}

void doctor_seen(struct doctor *d, const char *what, json_t *facts)
{
	_cleanup_json_ json_t *owned = facts;

	if (owned) {
		d->seen(d->user, d->group, what, owned);
	}
}

void doctor_ignore(void *user, const char *group, const char *name, const char *detail,
	const json_t *facts)
{
	(void)user;
	(void)group;
	(void)name;
	(void)detail;
	(void)facts;
}

bool doctor_path(const struct doctor *d, const char *path, char ret[DOCTOR_PATH_MAX])
{
	int n = snprintf(ret, DOCTOR_PATH_MAX, "%s%s", d->root, path);

	return n >= 0 && n < (int)DOCTOR_PATH_MAX;
}

static int outcome_of_errno(int e)
{
	if (e == ENOENT || e == ENOTDIR) {
		return DOCTOR_ABSENT;
	}
	return e == EACCES || e == EPERM ? DOCTOR_DENIED : DOCTOR_ODD;
}

int doctor_there(const struct doctor *d, const char *path)
{
	char whole[DOCTOR_PATH_MAX];
	struct stat st;
	int r;

	if (!doctor_path(d, path, whole)) {
		return DOCTOR_ABSENT;
	}
	r = stat(whole, &st) == 0 ? 0 : outcome_of_errno(errno);
	return r == DOCTOR_ODD ? DOCTOR_ABSENT : r;
}

/* At most @max bytes of @fd. */
static int read_all(int fd, size_t max, struct buf *out)
{
	size_t left = max;

	for (;;) {
		uint8_t piece[1024];
		ssize_t n = read(fd, piece, sizeof(piece));

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return outcome_of_errno(errno);
		}
		if (n == 0) {
			return out->failed ? DOCTOR_ODD : 0;
		}
		buf_put(out, piece, (size_t)n < left ? (size_t)n : left);
		if ((size_t)n > left) {
			return DOCTOR_ODD;
		}
		left -= (size_t)n;
	}
}

int doctor_read(const struct doctor *d, const char *path, size_t max, struct buf *out)
{
	char whole[DOCTOR_PATH_MAX];
	struct stat st;
	int fd, r;

	if (!doctor_path(d, path, whole)) {
		return DOCTOR_ABSENT;
	}
	/* a FIFO or a device must not stop us, nor become our terminal */
	fd = open(whole, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		return outcome_of_errno(errno);
	}
	r = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? read_all(fd, max, out) : DOCTOR_ODD;
	(void)close(fd);
	return r;
}

json_t *doctor_text(struct view v)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(DOCTOR_PATH_MAX);
	struct reader r = reader_of(view_sub(v, 0, DOCTOR_PATH_MAX - 1));
	json_t *j;

	while (r.left > 0) {
		uint8_t c = reader_u8(&r);

		buf_put_u8(&text, c < 0x20 || c == 0x7F ? '?' : c);
	}
	j = json_stringn((const char *)text.data, text.len);
	for (size_t i = 0; !j && !text.failed && i < text.len; i++) {
		text.data[i] = text.data[i] < 0x80 ? text.data[i] : '?';
	}
	return j ? j : json_stringn(text.len ? (const char *)text.data : "", text.len);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of @dir without those with a dot, of @max entries. Return: 0, a fault or ODD: more. */
static int read_names(DIR *dir, size_t max, char **names, size_t *n)
{
	for (size_t looked = 0;;) {
		const struct dirent *e;

		errno = 0;
		e = readdir(dir);
		if (!e) {
			return errno == 0 ? 0 : DOCTOR_ODD;
		}
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
			continue;
		}
		if (looked++ >= max) {
			return DOCTOR_ODD;
		}
		if (e->d_name[0] != '.') {
			names[*n] = strdup(e->d_name);
			if (!names[*n]) {
				return fault(-ENOMEM);
			}
			*n += 1;
		}
	}
}

/* The sorted @names as texts; what is no UTF-8 is none of those that are looked for. */
static json_t *texts_of(char **names, size_t n)
{
	json_t *list = json_array();

	qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 0; list && i < n; i++) {
		json_t *name = json_string(names[i]);

		if (name && json_array_append_new(list, name) < 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

int doctor_names(const struct doctor *d, const char *path, size_t max, json_t **ret)
{
	char whole[DOCTOR_PATH_MAX];
	json_t *list = NULL;
	char **names;
	size_t n = 0;
	DIR *dir;
	int r;

	if (!doctor_path(d, path, whole)) {
		return DOCTOR_ABSENT;
	}
	dir = opendir(whole);
	if (!dir) {
		return errno == ENOMEM ? fault(-ENOMEM) : outcome_of_errno(errno);
	}
	names = calloc(max, sizeof(*names));
	r = names ? read_names(dir, max, names, &n) : fault(-ENOMEM);
	if (r >= 0) {
		list = texts_of(names, n);
		r = list ? r : fault(-ENOMEM);
	}
	for (size_t i = 0; i < n; i++) {
		free(names[i]);
	}
	free(names);
	(void)closedir(dir);
	if (r >= 0) {
		*ret = list;
	}
	return trace(r);
}

/* What comes out of @fd until its end or @deadline. */
static int collect(int fd, uint64_t deadline, struct buf *out)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint8_t piece[1024];
		ssize_t n;
		int ready = poll(&p, 1, clock_timeout_ms(deadline));

		if (ready == 0) {
			return DOCTOR_LATE;
		}
		n = ready > 0 ? read(fd, piece, sizeof(piece)) : -1;
		if (n == 0) {
			return 0;
		}
		if (n < 0 && errno != EINTR) {
			return fault(-errno);
		}
		if (n > 0) {
			buf_put(out, piece, (size_t)n);
		}
		if (out->failed) {
			return DOCTOR_LATE; /* it would never end */
		}
	}
}

int doctor_child(void (*work)(int fd, void *arg), void *arg, struct buf *out, int *ret_status)
{
	uint64_t deadline = clock_monotonic() + DOCTOR_WAIT_S * USEC_PER_SEC;
	int ends[2], status = 0, r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		return fault(-errno);
	}
	pid = fork();
	if (pid == 0) {
		(void)close(ends[0]);
		work(ends[1], arg);
		_exit(0);
	}
	r = pid < 0 ? fault(-errno) : 0;
	(void)close(ends[1]);
	if (r == 0) {
		r = collect(ends[0], deadline, out);
	}
	(void)close(ends[0]);
	if (pid > 0) {
		if (r != 0) {
			(void)kill(pid, SIGKILL);
		}
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
		}
	}
	if (r == 0) {
		*ret_status = status;
	}
	return trace(r);
}
