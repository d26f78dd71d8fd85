/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Files of the broker's side. A file is written beside its name and moved there, so that it is
 * whole or absent. Removing is best effort: what stays behind is a store without content, and the
 * next start sweeps again.
 */
#include "daemon/dossier/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 1024U
#define PSEUDONYM  64U

static void fd_done(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
}

static void dir_done(DIR **d)
{
	if (*d) {
		closedir(*d);
	}
}

static const char *text(const struct buf *b)
{
	return (const char *)b->data;
}

/* "<a>/<b><c>" and NUL */
static int join(struct buf *out, const char *a, const char *b, const char *c)
{
	buf_printf(out, "%s/%s%s", a, b, c);
	buf_put_u8(out, 0);
	return trace(buf_check(out));
}

int files_read(const char *path, size_t max, bool private, struct buf *ret)
{
	_cleanup_(fd_done) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	uint8_t *to;
	size_t done = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		return fault(-errno);
	}
	if (private && (st.st_mode & 077) != 0) {
		return fault(-EPERM);
	}
	if (!S_ISREG(st.st_mode) || st.st_size < 1 || (uintmax_t)st.st_size > max) {
		return fault(-EFBIG);
	}
	to = buf_extend(ret, (size_t)st.st_size);
	if (!to) {
		return trace(buf_check(ret));
	}
	while (done < (size_t)st.st_size) {
		ssize_t n = read(fd, to + done, (size_t)st.st_size - done);

		if (n <= 0) {
			return fault(n < 0 ? -errno : -EIO);
		}
		done += (size_t)n;
	}
	return 0;
}

static int sync_parent(const char *path)
{
	_cleanup_(buf_done) struct buf parent = BUF_NULL(PATH_BYTES);
	const char *slash = strrchr(path, '/');
	_cleanup_(fd_done) int fd = -1;

	if (!slash) {
		return fault(-EINVAL);
	}
	buf_put(&parent, path, (size_t)(slash - path));
	buf_put_u8(&parent, 0);
	if (parent.failed) {
		return trace(buf_check(&parent));
	}
	fd = open(text(&parent), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) < 0 ? fault(-errno) : 0;
}

static int write_new(const char *path, struct view content)
{
	_cleanup_(fd_done) int fd = -1;

	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		return fault(-errno);
	}
	while (content.len > 0) {
		ssize_t n = write(fd, content.data, content.len);

		if (n < 0) {
			return fault(-errno);
		}
		content = view_last(content, content.len - (size_t)n);
	}
	return fsync(fd) < 0 ? fault(-errno) : 0;
}

int files_write(const char *path, struct view content)
{
	_cleanup_(buf_done) struct buf beside = BUF_NULL(PATH_BYTES);
	int r;

	buf_printf(&beside, "%s.new", path);
	buf_put_u8(&beside, 0);
	r = buf_check(&beside);
	if (r < 0) {
		return trace(r);
	}
	r = write_new(text(&beside), content);
	if (r == 0 && rename(text(&beside), path) < 0) {
		r = fault(-errno);
	}
	if (r < 0) {
		(void)unlink(text(&beside));
		return trace(r);
	}
	return trace(sync_parent(path));
}

int files_mkdir(const char *path)
{
	/* one that is there may come from a start that was killed before it was durable */
	if (mkdir(path, 0700) < 0 && errno != EEXIST) {
		return fault(-errno);
	}
	return trace(sync_parent(path));
}

/* -- beside the stores ------------------------------------------------------------------------ */

int files_path(struct buf *out, const char *folder, const char *pseudonym, const char *suffix)
{
	buf_printf(out, "%s/%.2s/%s%s", folder, pseudonym, pseudonym, suffix);
	buf_put_u8(out, 0);
	return trace(buf_check(out));
}

/* What cannot be looked at is taken to be there. */
static bool exists(const char *folder, const char *pseudonym, const char *suffix)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);

	return files_path(&path, folder, pseudonym, suffix) != 0 ||
	       access(text(&path), F_OK) == 0 || errno != ENOENT;
}

bool files_store_exists(const char *folder, const char *pseudonym)
{
	return exists(folder, pseudonym, ".dossier");
}

bool files_key_exists(const char *folder, const char *pseudonym)
{
	return exists(folder, pseudonym, ".key");
}

int files_mark_pending(const char *folder, const char *pseudonym)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);
	int r;

	r = join(&path, folder, "pending/", pseudonym);
	return r < 0 ? trace(r) : trace(files_write(text(&path), VIEW_TEXT("1\n")));
}

void files_unmark_pending(const char *folder, const char *pseudonym)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);

	if (join(&path, folder, "pending/", pseudonym) == 0) {
		(void)unlink(text(&path));
	}
}

/* Whether what was removed below <two hex>/ cannot come back with the power. */
static bool are_gone(const char *folder, const char *pseudonym)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);
	_cleanup_(fd_done) int fd = -1;

	buf_printf(&path, "%s/%.2s", folder, pseudonym);
	buf_put_u8(&path, 0);
	if (path.failed) {
		return false;
	}
	fd = open(text(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? errno == ENOENT : fsync(fd) == 0;
}

void files_drop_pending(const char *folder, const char *pseudonym)
{
	/* the log last: SQLite would take a log without its file for nothing */
	static const char *const suffixes[] = {".dossier", ".dossier-journal", ".dossier-wal"};

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);

		if (files_path(&path, folder, pseudonym, suffixes[i]) == 0) {
			(void)unlink(text(&path));
		}
	}
	/* a store that came back without its key and its marker would be refused for ever */
	if (are_gone(folder, pseudonym)) {
		files_unmark_pending(folder, pseudonym);
	}
}

/* -- for good ----------------------------------------------------------------------------------- */

int files_remove(const char *path)
{
	int r;

	if (unlink(path) < 0 && errno != ENOENT) {
		return fault(-errno);
	}
	r = sync_parent(path);
	return r == -ENOENT ? 0 : trace(r); /* where there is no folder nothing is */
}

/* On flash the old cells stay for a while (doc/store.md); elsewhere nothing does. */
static int overwrite(const char *path)
{
	static const uint8_t zeros[256];
	_cleanup_(fd_done) int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0) {
		return errno == ENOENT ? 0 : fault(-errno);
	}
	if (fstat(fd, &st) < 0) {
		return fault(-errno);
	}
	for (off_t at = 0; at < st.st_size;) {
		size_t left = (size_t)(st.st_size - at);
		ssize_t n = pwrite(fd, zeros, left < sizeof(zeros) ? left : sizeof(zeros), at);

		if (n < 0) {
			return fault(-errno);
		}
		at += n;
	}
	return fsync(fd) < 0 ? fault(-errno) : 0;
}

int files_erase(const char *folder, const char *pseudonym)
{
	static const char *const suffixes[] = {
		".key", ".dossier", ".dossier-journal", ".dossier-wal"};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(suffixes) && r == 0; i++) {
		_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);

		r = files_path(&path, folder, pseudonym, suffixes[i]);
		if (r == 0 && i == 0) {
			r = overwrite(text(&path));
		}
		if (r == 0) {
			r = files_remove(text(&path));
		}
	}
	return trace(r);
}

static bool is_pseudonym(const char *name)
{
	return strlen(name) == PSEUDONYM && strspn(name, "0123456789abcdef") == PSEUDONYM;
}

int files_sweep(const char *folder)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(PATH_BYTES);
	_cleanup_(dir_done) DIR *d = NULL;
	struct dirent *e;
	int r;

	r = files_mkdir(folder);
	if (r == 0) {
		r = join(&path, folder, "pending", "");
	}
	if (r == 0) {
		r = files_mkdir(text(&path));
	}
	if (r < 0) {
		return trace(r);
	}
	d = opendir(text(&path));
	if (!d) {
		return fault(-errno);
	}
	while ((e = readdir(d))) {
		if (!is_pseudonym(e->d_name)) {
			continue;
		}
		if (files_key_exists(folder, e->d_name)) {
			files_unmark_pending(folder, e->d_name);
		} else {
			files_drop_pending(folder, e->d_name);
		}
	}
	return 0;
}
