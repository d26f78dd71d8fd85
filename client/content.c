/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Bytes by file descriptor. Whatever comes in lies in a memfd that only this process has, mapped
 * for as long as struct content lives.
 */
#include "client/content.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "client/lang.h"
#include "record/crypto.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* PKWARE APPNOTE 4.3.14 to 4.3.16, in bytes: the end of a ZIP without a comment, and what stands before
 * it in one of more than 4 GiB or 65535 files */
#define ZIP_END	      22U
#define ZIP64_LOCATOR 20U
#define ZIP64_END     56U
#define ZIP_TAIL      (ZIP64_END + ZIP64_LOCATOR + ZIP_END)

static void fd_close(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
}

void content_done(struct content *c)
{
	if (c->map) {
		wipe(c->map, c->size);
		(void)munmap(c->map, c->size);
	}
	*c = CONTENT_NULL;
}

struct view content_view(const struct content *c)
{
	return view_of(c->map, c->size);
}

static int write_all(int fd, struct view v)
{
	while (v.len > 0) {
		ssize_t n = write(fd, v.data, v.len);

		if (n < 0 && errno != EINTR) {
			return fault(-errno);
		}
		if (n > 0) {
			v = view_last(v, v.len - (size_t)n);
		}
	}
	return 0;
}

/* Map the @size bytes of @memfd and hash them. */
static int take(int memfd, size_t size, struct content *ret)
{
	_cleanup_(content_done) struct content c = {.size = size};
	_cleanup_(buf_done) struct buf hex = BUF_NULL(64);
	uint8_t hash[CRYPTO_SHA256];
	struct view v;
	int r;

	if (size > 0) {
		void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);

		if (map == MAP_FAILED) {
			return fault(-errno);
		}
		c.map = map;
	}
	v = content_view(&c);
	r = crypto_sha256(&v, 1, hash);
	if (r < 0) {
		return trace(r);
	}
	hex_encode(&hex, VIEW(hash));
	r = view_copy_str(buf_view(&hex), c.sha256, sizeof(c.sha256));
	if (r < 0) {
		return trace(r);
	}
	*ret = c;
	c = CONTENT_NULL;
	return 0;
}

static int await(int fd, uint64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int r;

	do {
		r = poll(&p, 1, clock_timeout_ms(deadline));
	} while (r < 0 && errno == EINTR);
	return r < 0 ? fault(-errno) : r == 0 ? CONTENT_LATE : 0;
}

int content_read(int fd, uint64_t deadline, struct content *ret)
{
	_cleanup_(fd_close) int memfd = memfd_create("vitalectl", MFD_CLOEXEC);
	_cleanup_(buf_done) struct buf some = BUF_NULL(65536);
	uint8_t *at = buf_extend(&some, 65536);
	size_t size = 0;

	if (memfd < 0) {
		return fault(-errno);
	}
	if (!at) {
		return trace(buf_check(&some));
	}
	for (;;) {
		int r = await(fd, deadline);
		ssize_t n = 0;

		if (r != 0) {
			return trace(r);
		}
		n = read(fd, at, 65536);
		if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
			continue;
		}
		if (n < 0) {
			return fault(-errno);
		}
		if (n == 0) {
			return trace(take(memfd, size, ret));
		}
		size += (size_t)n;
		if (size > CONTENT_MAX) {
			return CONTENT_LARGE;
		}
		r = write_all(memfd, view_of(at, (size_t)n));
		if (r < 0) {
			return trace(r);
		}
	}
}

int content_file(const char *path, struct content *ret)
{
	_cleanup_(fd_close) int fd = -1;

	fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
				    : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		return fault(-errno);
	}
	return trace(content_read(fd, UINT64_MAX, ret));
}

int content_memfd(int fd, size_t max, struct content *ret)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS) {
		return CONTENT_SEALS;
	}
	if (fstat(fd, &st) < 0) {
		return fault(-errno);
	}
	if (st.st_size < 0 || (size_t)st.st_size > max) {
		return CONTENT_LARGE;
	}
	/* its offset is shared with the sender, who may have left it anywhere */
	if (lseek(fd, 0, SEEK_SET) < 0) {
		return fault(-errno);
	}
	return trace(content_read(fd, UINT64_MAX, ret));
}

int content_check(const struct content *c, const json_t *facts)
{
	const char *hash = json_get_str(facts, "sha256");
	int64_t size = 0;

	if (!hash || json_get_int(facts, "size", 0, INT64_MAX, &size) != 0) {
		return CONTENT_FACTS;
	}
	if ((uint64_t)size != c->size) {
		return CONTENT_SIZE;
	}
	return strcmp(hash, c->sha256) == 0 ? 0 : CONTENT_HASH;
}

int content_save(struct view bytes, const char *path)
{
	_cleanup_(fd_close) int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0) {
		return fault(-errno);
	}
	r = write_all(fd, bytes);
	if (r == 0 && fsync(fd) < 0 && errno != EINVAL && errno != EROFS) {
		r = fault(-errno);
	}
	if (r < 0) {
		(void)unlink(path);
	}
	return trace(r);
}

struct copying {
	int fd;
	int to;
	uint64_t pause_us;
	content_some_fn some;
	void *user;
};

/* Everything from fd to to, the last ZIP_TAIL bytes in @last, oldest first. */
static int copy_all(const struct copying *c, struct buf *last, uint64_t *ret_size)
{
	_cleanup_(buf_done) struct buf some = BUF_NULL(65536);
	uint8_t *at = buf_extend(&some, 65536);
	uint64_t size = 0;

	if (!at) {
		return trace(buf_check(&some));
	}
	for (;;) {
		_cleanup_(buf_done) struct buf tail = BUF_NULL(65536 + ZIP_TAIL);
		int r = await(c->fd, clock_monotonic() + c->pause_us);
		ssize_t n = 0;

		if (r != 0) {
			return trace(r);
		}
		n = read(c->fd, at, 65536);
		if (n < 0 && (errno == EINTR || errno == EAGAIN)) {
			continue;
		}
		if (n <= 0) {
			*ret_size = size;
			return n < 0 ? fault(-errno) : 0;
		}
		r = write_all(c->to, view_of(at, (size_t)n));
		if (r < 0) {
			return trace(r);
		}
		size += (uint64_t)n;
		if (c->some) {
			c->some(c->user, size);
		}
		buf_put_view(&tail, buf_view(last));
		buf_put(&tail, at, (size_t)n);
		buf_reset(last);
		buf_put_view(last, view_last(buf_view(&tail), ZIP_TAIL));
	}
}

/* A number of @n bytes, the lowest first. */
static uint64_t number(struct reader *in, unsigned int n)
{
	uint64_t v = 0;

	for (unsigned int i = 0; i < n; i++) {
		v |= (uint64_t)reader_u8(in) << (8 * i);
	}
	return v;
}

/* The directory of @length at @at ends where the end begins; no sum, which could overflow. */
static bool ends_at(uint64_t at, uint64_t length, uint64_t end)
{
	return at <= end && length == end - at;
}

static bool is_whole_64(struct view tail, uint64_t size)
{
	struct reader in = reader_of(view_last(tail, ZIP_TAIL));
	bool marked = number(&in, 4) == 0x06064b50 && number(&in, 8) == ZIP64_END - 12;
	uint64_t length;
	uint64_t at;

	(void)reader_take(&in, 28); /* versions, disks, numbers of files */
	length = number(&in, 8);
	at = number(&in, 8);
	marked = marked && number(&in, 4) == 0x07064b50;
	(void)reader_take(&in, 4);
	marked = marked && number(&in, 8) == size - ZIP_TAIL;
	return !in.failed && marked && ends_at(at, length, size - ZIP_TAIL);
}

/* Whether the end that stands in @tail, the last bytes, is that of all @size bytes: a document that is a
 * ZIP has an end of its own, which counts from its own beginning. */
static bool is_whole(struct view tail, uint64_t size)
{
	struct reader in = reader_of(view_last(tail, ZIP_END));
	bool marked = number(&in, 4) == 0x06054b50;
	uint64_t length;
	uint64_t at;

	(void)reader_take(&in, 8); /* disks, numbers of files */
	length = number(&in, 4);
	at = number(&in, 4);
	marked = marked && number(&in, 2) == 0; /* no comment */
	return !in.failed && marked &&
	       (ends_at(at, length, size - ZIP_END) || is_whole_64(tail, size));
}

int content_archive(int fd, const char *path, uint64_t pause_us, content_some_fn some,
	void *user, uint64_t *ret_size)
{
	_cleanup_(fd_close) int to =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	_cleanup_(buf_done) struct buf last = BUF_NULL(ZIP_TAIL);
	uint64_t size = 0;
	int r;

	if (to < 0) {
		return fault(-errno);
	}
	r = copy_all(&(struct copying){fd, to, pause_us, some, user}, &last, &size);
	if (r == 0 && fsync(to) < 0 && errno != EINVAL && errno != EROFS) {
		r = fault(-errno);
	}
	if (r == 0 && !is_whole(buf_view(&last), size)) {
		r = CONTENT_CUT;
	}
	if (r != 0) {
		(void)unlink(path);
		return trace(r);
	}
	*ret_size = size;
	return 0;
}

const char *content_explain(int outcome)
{
	switch ((enum content_outcome)outcome) {
	case CONTENT_LARGE:
		return _("it is larger than what is taken");
	case CONTENT_LATE:
		return _("it did not come to its end in time");
	case CONTENT_SEALS:
		return _("what came is not protected against changes");
	case CONTENT_FACTS:
		return _("its size and hash are not told");
	case CONTENT_SIZE:
		return _("it has not the size that was told");
	case CONTENT_HASH:
		return _("it is not what was stored: its hash differs");
	case CONTENT_CUT:
		return _("it broke off before its end");
	}
	return "";
}
