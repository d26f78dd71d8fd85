/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Looking at the folder: names, kinds, sizes and times, never contents. A file is known again by
 * device, inode, size and both times, so that hourly looks cost nothing and a file rewritten in place
 * is read anew. Here are the words as well for why a list is not taken.
 */
#include "daemon/session/crl-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/link-crl.h"
#include "daemon/trust/revocation.h"

#define NAMES_MAX 4096U /* of all kinds: this is a folder of lists, not a spool */

#define CHANGES                                                                                \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF |           \
		IN_MOVE_SELF | IN_ONLYDIR)

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name);
	size_t m = strlen(end);

	return n > m && strcmp(name + n - m, end) == 0;
}

static bool is_list(const char *name)
{
	return name[0] != '.' && (ends_with(name, ".crl") || ends_with(name, ".pem"));
}

/* Names go out to people and the bus. Return: whether @name could be kept as it is. */
static bool keep_name(const char *name, char ret[NAME_MAX + 1])
{
	bool plain = true;
	size_t i = 0;

	for (; name[i] && i < NAME_MAX; i++) {
		bool printable = name[i] > 0x20 && name[i] < 0x7f;

		ret[i] = '?';
		if (printable) {
			ret[i] = name[i];
		}
		plain = plain && printable;
	}
	ret[i] = 0;
	return plain;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_file(const struct crl_file *a, const struct crl_file *b)
{
	return strcmp(a->name, b->name) == 0 && a->is.st_dev == b->is.st_dev &&
	       a->is.st_ino == b->is.st_ino && a->is.st_size == b->is.st_size &&
	       same_time(&a->is.st_mtim, &b->is.st_mtim) &&
	       same_time(&a->is.st_ctim, &b->is.st_ctim);
}

/* What @before knew of @f; pending when that is nothing. */
static void judge(struct crl_file *f, const struct crl_folder *before)
{
	f->pending = true;
	for (size_t i = 0; i < before->n; i++) {
		const struct crl_file *old = &before->files[i];

		if (same_file(f, old) && !old->pending && !old->again) {
			f->pending = false;
			f->reason = old->reason;
		}
	}
}

static void take(
	DIR *dir, const char *name, const struct crl_folder *before, struct crl_folder *now)
{
	struct crl_file *f = &now->files[now->n];

	if (now->n == LIMIT_CRL_FILES) {
		now->reason = "too-many";
		return;
	}
	*f = (struct crl_file){0};
	now->n++;
	if (!keep_name(name, f->name)) {
		f->reason = "name";
		return;
	}
	/* gone already: opening it will tell */
	(void)fstatat(dirfd(dir), name, &f->is, AT_SYMLINK_NOFOLLOW);
	judge(f, before);
}

static int by_name(const void *a, const void *b)
{
	const struct crl_file *x = a;
	const struct crl_file *y = b;

	return strcmp(x->name, y->name);
}

bool crl_folder_list(DIR *dir, const struct crl_folder *before, struct crl_folder *ret)
{
	bool news = false;
	size_t names = 0;
	struct dirent *e;

	ret->n = 0;
	ret->reason = NULL;
	errno = 0;
	while (dir && (e = readdir(dir)) != NULL) {
		if (++names > NAMES_MAX) {
			ret->reason = "too-many";
			break;
		}
		if (is_list(e->d_name)) {
			take(dir, e->d_name, before, ret);
		}
		errno = 0;
	}
	if (errno != 0 && dir) {
		ret->reason = "unreadable";
	}
	qsort(ret->files, ret->n, sizeof(ret->files[0]), by_name);
	for (size_t i = 0; i < ret->n; i++) {
		news = news || ret->files[i].pending;
	}
	return news || ret->n != before->n || ret->reason != before->reason;
}

const char *crl_folder_open(DIR *dir, const char *name, int *ret_fd)
{
	const char *reason = NULL;
	struct stat st;
	int fd = openat(
		dirfd(dir), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		return errno == ELOOP ? "no-file" : "unreadable";
	}
	if (fstat(fd, &st) < 0) {
		reason = "unreadable";
	} else if (!S_ISREG(st.st_mode)) {
		reason = "no-file";
	} else if (st.st_size > (off_t)LIMIT_CRL_BYTES) {
		reason = "large";
	}
	if (reason) {
		(void)close(fd);
		return reason;
	}
	*ret_fd = fd;
	return NULL;
}

bool crl_folder_watch(sd_event *ev, const char *path, sd_event_inotify_handler_t handler,
	void *user, sd_event_source **ret)
{
	_cleanup_(buf_done) struct buf parent = BUF_NULL(PATH_MAX);
	const char *slash = strrchr(path, '/');

	*ret = sd_event_source_disable_unref(*ret);
	if (sd_event_add_inotify(ev, ret, path, CHANGES, handler, user) >= 0) {
		return true;
	}
	buf_put_view(&parent, view_of(path, slash ? (size_t)(slash - path) + 1 : 0));
	buf_put_u8(&parent, 0);
	if (buf_check(&parent) < 0 ||
		sd_event_add_inotify(ev, ret, (const char *)parent.data,
			IN_CREATE | IN_MOVED_TO | IN_ONLYDIR, handler, user) < 0) {
		*ret = NULL;
	}
	return false;
}

/* -- words --------------------------------------------------------------------------------------- */

const char *crl_outcome_word(uint8_t outcome)
{
	static const char *const words[CRL_OUTCOMES] = {
		[CRL_MALFORMED] = "malformed",
		[CRL_SEVERAL] = "several",
		[CRL_DELTA] = "delta",
		[CRL_INDIRECT] = "indirect",
		[CRL_PARTIAL] = "partial",
		[CRL_UNSUPPORTED] = "unsupported",
		[CRL_STRANGER] = "stranger",
		[CRL_FALSE] = "false",
		[CRL_WEAK] = "weak",
		[CRL_LARGE] = "large",
		[CRL_FAULT] = "fault",
	};

	return outcome < CRL_OUTCOMES ? words[outcome] : NULL;
}

const char *crl_revocation_word(int r)
{
	static const char *const words[] = {
		[REVOCATION_OLDER] = "older",
		[REVOCATION_EARLY] = "early",
		[REVOCATION_FULL] = "full",
		[REVOCATION_STRANGER] = "stranger",
		[REVOCATION_BROKEN] = "crashed",
	};

	return r < 0 ? "fault" : words[r];
}

bool crl_worth_again(const char *reason)
{
	static const char *const words[] = {"early", "full", "fault", "crashed", "late"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(reason, words[i]) == 0) {
			return true;
		}
	}
	return false;
}

void crl_folder_retry(struct crl_folder *f)
{
	for (size_t i = 0; i < f->n; i++) {
		const char *reason = f->files[i].reason;

		if (reason &&
			(strcmp(reason, "stranger") == 0 || strcmp(reason, "false") == 0 ||
				strcmp(reason, "weak") == 0)) {
			f->files[i].pending = true;
		}
	}
}
