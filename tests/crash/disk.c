/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A disk between a program and its files (disk.h): it ends the program at the n-th change, lets the
 * n-th change fail, or writes down all changes, from which disk.py rebuilds what may be left when the
 * power goes. Preloaded, so that SQLite's calls come here as ours do; system calls are made bare. What
 * it opens itself is opened before main(): the dossier's program can open nothing later, and of its
 * filter it needs no more than write, lseek and exit_group.
 *
 * A change is written down when it has been made, and answered after that: another process that acts
 * upon it comes later in the log.
 */
#include "tests/crash/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILES	512	       /* descriptors that are followed */
#define PATH	512	       /* bytes of a path */
#define HALF	(PATH / 2 - 1) /* of a path: folder or name */
#define LOG_FD	50	       /* out of the way: a child's link is 3, it may have 64 in all */
#define ENDED	137	       /* status, as of SIGKILL */
#define HEADER	32U
#define OTHER	(1024U * 1024U) /* bytes of one write; SQLite's are a page */
#define WRITING (O_WRONLY | O_RDWR)

static struct file {
	bool known;
	bool folder;
	ino_t inode;
	char path[PATH]; /* relative to the folder */
} files[FILES];

static char root[PATH];
static size_t root_len;
static struct disk_control *control;
static int log_fd = -1;

__attribute__((constructor)) static void set_up(void)
{
	const char *folder = getenv("VITALED_DISK");
	const char *control_path = getenv("VITALED_DISK_CONTROL");
	const char *log_path = getenv("VITALED_DISK_LOG");
	int fd;

	if (!folder || !control_path || (size_t)snprintf(root, PATH, "%s/", folder) >= PATH)
		return;
	root_len = strlen(root);
	fd = (int)syscall(SYS_openat, AT_FDCWD, control_path, O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		void *at =
			mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		control = at == MAP_FAILED ? NULL : at;
		syscall(SYS_close, fd);
	}
	if (!control)
		_exit(99);
	fd = log_path ? (int)syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_APPEND) : -1;
	if (fd >= 0) {
		log_fd = fcntl(fd, F_DUPFD_CLOEXEC, LOG_FD);
		syscall(SYS_close, fd);
	}
}

/* -- the log ------------------------------------------------------------------------------------ */

static size_t put(char *to, size_t at, const void *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[at + i] = ((const char *)from)[i];
	return at + len;
}

/* In one call, since several processes append. */
static void note(enum disk_op op, ino_t inode, uint64_t number, const char *path,
	const void *other, size_t other_len)
{
	static char record[HEADER + PATH + OTHER];
	size_t path_len = strlen(path);

	struct {
		uint32_t size;
		uint32_t op;
		uint64_t inode;
		uint64_t number;
		uint32_t path_len;
		uint32_t other_len;
	} head = {(uint32_t)(HEADER + path_len + other_len), op, inode, number,
		(uint32_t)path_len, (uint32_t)other_len};

	size_t at;

	_Static_assert(sizeof(head) == HEADER, "disk.py counts on it");
	if (log_fd < 0)
		return;
	if (path_len > PATH || other_len > OTHER)
		syscall(SYS_exit_group, 98);
	at = put(record, 0, &head, sizeof(head));
	at = put(record, at, path, path_len);
	at = put(record, at, other, other_len);
	if (syscall(SYS_write, log_fd, record, at) != (long)at)
		syscall(SYS_exit_group, 97);
}

void disk_mark(const char *text)
{
	note(DISK_MARK, 0, 0, text, NULL, 0);
}

void disk_heal(void)
{
	if (control)
		__atomic_store_n(&control->healed, 1, __ATOMIC_SEQ_CST);
}

/* -- which change this is ------------------------------------------------------------------------ */

enum kind {
	ROOM,  /* takes room, or may */
	LESS,  /* gives room */
	FLUSH, /* a sync */
	OPEN,  /* an existing file for writing: changes nothing yet */
};

static bool can_fail(enum kind k)
{
	if (control->mode != DISK_ONCE && control->mode != DISK_UNTIL)
		return k != OPEN;
	if (control->error == ENOSPC)
		return k == ROOM;
	return control->error == EROFS ? k != FLUSH : k != OPEN;
}

/* Return: 0 to go on, the error to fail with, -1 to end. */
static int fate(enum kind k)
{
	uint64_t n;

	if (!control || !can_fail(k))
		return 0;
	n = __atomic_add_fetch(&control->count, 1, __ATOMIC_SEQ_CST);
	if (control->mode == DISK_PLAIN || n < control->nth ||
		(n > control->nth && control->mode != DISK_UNTIL) ||
		__atomic_load_n(&control->healed, __ATOMIC_SEQ_CST) != 0)
		return 0;
	__atomic_add_fetch(&control->met, 1, __ATOMIC_SEQ_CST);
	return control->mode == DISK_KILL ? -1 : (int)control->error;
}

/* Whether a change of @k goes on. */
static bool goes_on(enum kind k)
{
	int f = fate(k);

	if (f < 0)
		syscall(SYS_exit_group, ENDED);
	if (f != 0)
		errno = f;
	return f == 0;
}

/* -- which file ---------------------------------------------------------------------------------- */

static struct file *file_of(int fd)
{
	return fd >= 0 && fd < FILES && files[fd].known ? &files[fd] : NULL;
}

/* @path from the folder on. Return: whether it is in there. */
static bool inside(int dirfd, const char *path, char ret[PATH])
{
	const struct file *at = file_of(dirfd);
	int n = -1;

	if (root_len == 0)
		return false;
	if (path[0] == '/' && strncmp(path, root, root_len) == 0)
		n = snprintf(ret, PATH, "%s", path + root_len);
	else if (path[0] == '/' && strlen(path) == root_len - 1 &&
		 strncmp(path, root, root_len - 1) == 0)
		n = snprintf(ret, PATH, "%s", "");
	else if (path[0] != '/' && at)
		n = snprintf(ret, PATH, "%.*s%s%.*s", HALF, at->path, at->path[0] ? "/" : "",
			HALF, path);
	if (n >= PATH ||
		(at && path[0] != '/' && (strlen(at->path) > HALF || strlen(path) > HALF)))
		syscall(SYS_exit_group, 96);
	return n >= 0;
}

static void remember(int fd, const char *path)
{
	struct stat st;

	if (fd >= FILES || fstat(fd, &st) < 0)
		syscall(SYS_exit_group, 95);
	files[fd].known = true;
	files[fd].folder = S_ISDIR(st.st_mode);
	files[fd].inode = st.st_ino;
	(void)snprintf(files[fd].path, PATH, "%s", path);
}

static int open_at(int dirfd, const char *path, int flags, mode_t mode)
{
	char name[PATH];
	bool nameless =
		(flags & O_TMPFILE) == O_TMPFILE; /* gone with the process: left alone */
	bool ours = !nameless && inside(dirfd, path, name), makes = false;
	int fd;

	if (ours && (flags & (WRITING | O_CREAT | O_TRUNC))) {
		makes = (flags & O_CREAT) != 0 && syscall(SYS_faccessat, dirfd, path, F_OK) < 0;
		if (!goes_on(makes ? ROOM : (flags & O_TRUNC) ? LESS : OPEN))
			return -1;
	}
	fd = (int)syscall(SYS_openat, dirfd, path, flags, mode);
	if (fd >= 0 && fd < FILES)
		files[fd].known = false;
	if (fd < 0 || !ours)
		return fd;
	remember(fd, name);
	if (makes)
		note(DISK_CREATE, files[fd].inode, 0, name, NULL, 0);
	else if (flags & O_TRUNC)
		note(DISK_TRUNCATE, files[fd].inode, 0, "", NULL, 0);
	return fd;
}

#define MODE(flags, mode)                                                                      \
	do {                                                                                   \
		va_list ap;                                                                    \
                                                                                               \
		va_start(ap, flags);                                                           \
		if (((flags)&O_CREAT) || ((flags)&O_TMPFILE) == O_TMPFILE)                     \
			(mode) = va_arg(ap, mode_t);                                           \
		va_end(ap);                                                                    \
	} while (false)

int open64(const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE(flags, mode);
	return open_at(AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE(flags, mode);
	return open_at(AT_FDCWD, path, flags, mode);
}

int openat64(int dirfd, const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE(flags, mode);
	return open_at(dirfd, path, flags, mode);
}

int openat(int dirfd, const char *path, int flags, ...)
{
	mode_t mode = 0;

	MODE(flags, mode);
	return open_at(dirfd, path, flags, mode);
}

int close(int fd)
{
	if (fd >= 0 && fd < FILES)
		files[fd].known = false;
	return (int)syscall(SYS_close, fd);
}

/* -- contents ------------------------------------------------------------------------------------ */

static ssize_t write_at(struct file *f, int fd, const void *data, size_t len, off_t at)
{
	int next = fate(ROOM);
	ssize_t n;

	if (next > 0) {
		errno = next;
		return -1;
	}
	if (next < 0) { /* half of it was written when it died, or nothing */
		if (control->nth % 2 == 1 &&
			syscall(SYS_pwrite64, fd, data, len / 2, at) == (long)(len / 2))
			note(DISK_WRITE, f->inode, (uint64_t)at, "", data, len / 2);
		syscall(SYS_exit_group, ENDED);
	}
	n = syscall(SYS_pwrite64, fd, data, len, at);
	if (n > 0)
		note(DISK_WRITE, f->inode, (uint64_t)at, "", data, (size_t)n);
	return n;
}

ssize_t pwrite64(int fd, const void *data, size_t len, off_t at)
{
	struct file *f = file_of(fd);

	return f ? write_at(f, fd, data, len, at)
		 : (ssize_t)syscall(SYS_pwrite64, fd, data, len, at);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
	return pwrite64(fd, data, len, at);
}

ssize_t write(int fd, const void *data, size_t len)
{
	struct file *f = file_of(fd);
	off_t at;
	ssize_t n;

	if (!f)
		return syscall(SYS_write, fd, data, len);
	at = lseek(fd, 0, SEEK_CUR);
	n = write_at(f, fd, data, len, at);
	if (n > 0)
		(void)lseek(fd, at + n, SEEK_SET);
	return n;
}

static off_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : st.st_size;
}

int ftruncate64(int fd, off_t size)
{
	struct file *f = file_of(fd);
	int r;

	if (f && !goes_on(size > size_of(fd) ? ROOM : LESS))
		return -1;
	r = (int)syscall(SYS_ftruncate, fd, size);
	if (f && r == 0)
		note(DISK_TRUNCATE, f->inode, (uint64_t)size, "", NULL, 0);
	return r;
}

int ftruncate(int fd, off_t size)
{
	return ftruncate64(fd, size);
}

int fallocate64(int fd, int mode, off_t at, off_t len)
{
	struct file *f = file_of(fd);
	off_t before = f ? size_of(fd) : 0;
	int r;

	if (f && !goes_on(ROOM))
		return -1;
	r = (int)syscall(SYS_fallocate, fd, mode, at, len);
	if (f && r == 0 && size_of(fd) != before)
		note(DISK_TRUNCATE, f->inode, (uint64_t)size_of(fd), "", NULL, 0);
	return r;
}

int fallocate(int fd, int mode, off_t at, off_t len)
{
	return fallocate64(fd, mode, at, len);
}

int posix_fallocate64(int fd, off_t at, off_t len)
{
	return fallocate64(fd, 0, at, len) < 0 ? errno : 0;
}

int posix_fallocate(int fd, off_t at, off_t len)
{
	return posix_fallocate64(fd, at, len);
}

static int sync_file(int fd, long call)
{
	struct file *f = file_of(fd);
	const char *folder = f && f->folder ? f->path[0] ? f->path : "." : "";
	int r = f && !goes_on(FLUSH) ? -1 : (int)syscall(call, fd);

	if (f)
		note(r == 0 ? DISK_SYNC : DISK_UNSYNCED, f->inode, 0, folder, NULL, 0);
	return r;
}

int fsync(int fd)
{
	return sync_file(fd, SYS_fsync);
}

int fdatasync(int fd)
{
	return sync_file(fd, SYS_fdatasync);
}

/* -- names --------------------------------------------------------------------------------------- */

int unlinkat(int dirfd, const char *path, int flags)
{
	char name[PATH];
	bool ours = inside(dirfd, path, name);
	int r;

	if (ours && !goes_on(LESS))
		return -1;
	r = (int)syscall(SYS_unlinkat, dirfd, path, flags);
	if (ours)
		note(r == 0 ? DISK_UNLINK : DISK_NOTHING, 0, 0, name, NULL, 0);
	return r;
}

int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

static int two_names(
	enum disk_op op, int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	char a[PATH], b[PATH];
	bool ours = inside(from_dir, from, a) && inside(to_dir, to, b);
	int r;

	if (ours && !goes_on(ROOM))
		return -1;
	r = (int)(op == DISK_LINK ? syscall(SYS_linkat, from_dir, from, to_dir, to, flags)
				  : syscall(SYS_renameat, from_dir, from, to_dir, to));
	if (ours)
		note(r == 0 ? op : DISK_NOTHING, 0, 0, a, b, strlen(b));
	return r;
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	return two_names(DISK_LINK, from_dir, from, to_dir, to, flags);
}

int link(const char *from, const char *to)
{
	return two_names(DISK_LINK, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
	return two_names(DISK_RENAME, from_dir, from, to_dir, to, 0);
}

int rename(const char *from, const char *to)
{
	return two_names(DISK_RENAME, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int mkdirat(int dirfd, const char *path, mode_t mode)
{
	char name[PATH];
	bool ours = inside(dirfd, path, name) && syscall(SYS_faccessat, dirfd, path, F_OK) < 0;
	int r;

	if (ours && !goes_on(ROOM))
		return -1;
	r = (int)syscall(SYS_mkdirat, dirfd, path, mode);
	if (ours)
		note(r == 0 ? DISK_MKDIR : DISK_NOTHING, 0, 0, name, NULL, 0);
	return r;
}

int mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}
