/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One file a card: its name is the SHA-256 of the serial in hexadecimal, its content
 *
 *   "VDCACHE1" · u16 n · serial (n) · u16 n · stamp (n) · u32 n · body (n) · SHA-256 of all before
 *
 * The folder has mode 0700 and is held open, so that no path is walked twice; files have 0600, are
 * written under another name, synced and renamed, and opened without following links. What is not a
 * plain file of ours with the right hash, serial and stamp is removed, not read. Everything here may
 * fail: then there is no cache.
 */
#include "daemon/session/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "daemon/limits.h"
#include "record/crypto.h"

#define NAME_SIZE (2 * CRYPTO_SHA256 + 1)
#define FILE_MAX  (CACHE_BODY_MAX + 256U)
#define NEW_NAME  ".new" /* one at a time: there is one broker */

static const char magic[] = "VDCACHE1";

struct cache {
	int folder; /* -1: no cache */
};

static void close_fd(const int *fd)
{
	if (*fd >= 0) {
		(void)close(*fd);
	}
}

/* -- the folder ---------------------------------------------------------------------------------- */

/* Which entries a walk is about, and what it finds. */
struct walk {
	bool remove_all;
	bool remove_strange; /* what a crash left behind, or somebody put there */
	size_t n;
	char oldest[NAME_SIZE];
	struct timespec when;
};

static bool is_name(const char *name)
{
	return strlen(name) == NAME_SIZE - 1 &&
	       strspn(name, "0123456789abcdef") == NAME_SIZE - 1;
}

static bool earlier(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

static void walk_one(const struct cache *c, const char *name, struct walk *w)
{
	struct stat st;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		return;
	}
	if (w->remove_all || (w->remove_strange && !is_name(name))) {
		(void)unlinkat(c->folder, name, 0); /* not a folder: nobody of ours made one */
		return;
	}
	if (!is_name(name) || fstatat(c->folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		return;
	}
	w->n++;
	if ((w->n == 1 || earlier(&st.st_mtim, &w->when)) &&
		view_copy_str(view_str(name), w->oldest, sizeof(w->oldest)) == 0) {
		w->when = st.st_mtim;
	}
}

static void walk(const struct cache *c, struct walk *w)
{
	int fd = openat(c->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!dir) {
		close_fd(&fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		walk_one(c, entry->d_name, w);
	}
	(void)closedir(dir);
}

/* Return: the folder, ours alone, or -1. */
static int open_folder(const char *state, bool make)
{
	_cleanup_(close_fd) int parent = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int fd;

	if (parent < 0 || (make && mkdirat(parent, "cache", 0700) < 0 && errno != EEXIST)) {
		return -1;
	}
	fd = openat(parent, "cache", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && (fstat(fd, &st) < 0 || st.st_uid != geteuid() ||
			       ((st.st_mode & 07777) != 0700 && fchmod(fd, 0700) < 0))) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

int cache_open(const char *state, bool enabled, struct cache **ret)
{
	struct cache *c = calloc(1, sizeof(*c));
	struct walk w = {.remove_all = !enabled, .remove_strange = true};

	if (!c) {
		return fault(-ENOMEM);
	}
	c->folder = open_folder(state, enabled);
	if (c->folder >= 0) {
		walk(c, &w);
	}
	if (!enabled && c->folder >= 0) {
		(void)close(c->folder);
		c->folder = -1;
	}
	*ret = c;
	return 0;
}

struct cache *cache_free(struct cache *c)
{
	if (c) {
		close_fd(&c->folder);
		free(c);
	}
	return NULL;
}

/* -- files --------------------------------------------------------------------------------------- */

static int name_of(struct view serial, char ret[NAME_SIZE])
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(NAME_SIZE);
	uint8_t hash[CRYPTO_SHA256];
	int r = crypto_sha256(&serial, 1, hash);

	if (r < 0) {
		return trace(r);
	}
	hex_encode(&hex, VIEW(hash));
	r = buf_check(&hex);
	return r < 0 ? trace(r) : trace(view_copy_str(buf_view(&hex), ret, NAME_SIZE));
}

/* The whole file, when it is a plain one of ours and not too large. Return: whether it is there. */
static bool read_file(const struct cache *c, const char *name, struct buf *content)
{
	_cleanup_(close_fd) int fd =
		openat(c->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	uint8_t *to;
	size_t size;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
		(st.st_mode & 077) != 0 || st.st_size <= 0 || st.st_size > (off_t)FILE_MAX) {
		return false;
	}
	size = (size_t)st.st_size;
	to = buf_extend(content, size);
	return to && read(fd, to, size) == (ssize_t)size;
}

/* Return: whether @content is what was written for @serial and @stamp; then @ret_body. */
static bool check_file(
	struct view content, struct view serial, struct view stamp, struct view *ret_body)
{
	struct reader r = reader_of(content);
	uint8_t hash[CRYPTO_SHA256];
	struct view hashed;
	struct view whose;
	struct view when;
	struct view body;

	if (!view_equal(reader_take(&r, sizeof(magic) - 1), view_str(magic))) {
		return false;
	}
	whose = reader_take(&r, reader_u16(&r));
	when = reader_take(&r, reader_u16(&r));
	body = reader_take(&r, reader_u32(&r));
	hashed = view_sub(content, 0, content.len - r.left);
	if (r.failed || crypto_sha256(&hashed, 1, hash) < 0 ||
		!view_equal(reader_rest(&r), VIEW(hash)) || !view_equal(whose, serial) ||
		!view_equal(when, stamp)) {
		return false;
	}
	*ret_body = body;
	return true;
}

int cache_get(struct cache *c, struct view serial, struct view stamp, struct buf *body)
{
	_cleanup_(buf_done) struct buf content = BUF_NULL(FILE_MAX);
	struct view kept = VIEW_NULL;
	char name[NAME_SIZE];
	int r;

	if (c->folder < 0) {
		return CACHE_ABSENT;
	}
	r = name_of(serial, name);
	if (r < 0) {
		return trace(r);
	}
	if (!read_file(c, name, &content) ||
		!check_file(buf_view(&content), serial, stamp, &kept)) {
		(void)unlinkat(c->folder, name, 0);
		return CACHE_ABSENT;
	}
	buf_put_view(body, kept);
	return trace(buf_check(body));
}

static int build(struct view serial, struct view stamp, struct view body, struct buf *content)
{
	uint8_t hash[CRYPTO_SHA256];
	struct view so_far;
	int r;

	buf_put_str(content, magic);
	buf_put_u16(content, (uint16_t)serial.len);
	buf_put_view(content, serial);
	buf_put_u16(content, (uint16_t)stamp.len);
	buf_put_view(content, stamp);
	buf_put_u32(content, (uint32_t)body.len);
	buf_put_view(content, body);
	so_far = buf_view(content);
	r = crypto_sha256(&so_far, 1, hash);
	buf_put_view(content, VIEW(hash));
	return r < 0 ? trace(r) : trace(buf_check(content));
}

/* Written under another name and synced. Return: whether it is whole on the disk. */
static bool write_new(const struct cache *c, struct view content)
{
	int fd;
	bool done;

	(void)unlinkat(c->folder, NEW_NAME, 0);
	fd = openat(c->folder, NEW_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		0600);
	if (fd < 0) {
		return false;
	}
	done = write(fd, content.data, content.len) == (ssize_t)content.len && fsync(fd) == 0;
	return close(fd) == 0 && done;
}

void cache_put(struct cache *c, struct view serial, struct view stamp, struct view body)
{
	_cleanup_(buf_done) struct buf content = BUF_NULL(FILE_MAX);
	struct walk w = {0};
	char name[NAME_SIZE];

	if (c->folder < 0 || body.len > CACHE_BODY_MAX || stamp.len > CACHE_STAMP_MAX ||
		name_of(serial, name) < 0 || build(serial, stamp, body, &content) < 0) {
		return;
	}
	if (faccessat(c->folder, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
		walk(c, &w);
	}
	if (w.n >= LIMIT_CACHED_CARDS) {
		(void)unlinkat(c->folder, w.oldest, 0);
	}
	if (!write_new(c, buf_view(&content)) ||
		renameat(c->folder, NEW_NAME, c->folder, name) < 0) {
		(void)unlinkat(c->folder, NEW_NAME, 0);
		return;
	}
	(void)fsync(c->folder); /* lost in a crash: read from the card again */
}

void cache_drop(struct cache *c, struct view serial)
{
	char name[NAME_SIZE];

	if (c->folder >= 0 && name_of(serial, name) == 0) {
		(void)unlinkat(c->folder, name, 0);
	}
}
