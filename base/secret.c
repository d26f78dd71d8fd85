/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Short secrets. Each has a private mapping of its own: whole pages, never shared with the heap,
 * left out of core dumps, empty in a forked child, locked where the limits allow. Behind the @size
 * usable bytes stand at least two more: one that a read too long falls into, and at the very end
 * of the mapping the mark that mlock was granted (a fork empties it, and a child's copy is indeed
 * not locked). The owner calls secret_done(), or declares with _cleanup_(secret_done).
 */
#include "base/secret.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"

#define MAX_SIZE 4096U

static size_t mapped(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (size + 2 + page - 1) / page * page;
}

int secret_new(struct secret *ret_s, size_t size)
{
	size_t len = mapped(size);
	uint8_t *data;

	if (size == 0 || size > MAX_SIZE) {
		return fault(-EINVAL);
	}
	data = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (data == MAP_FAILED) {
		return fault(-errno);
	}
	if (madvise(data, len, MADV_DONTDUMP) < 0 || madvise(data, len, MADV_WIPEONFORK) < 0) {
		int r = fault(-errno);

		(void)munmap(data, len);
		return r;
	}
	data[len - 1] = mlock(data, len) == 0;
	*ret_s = (struct secret){.data = data, .size = size};
	return 0;
}

void secret_done(struct secret *s)
{
	if (!s || !s->data) {
		return;
	}
	wipe(s->data, mapped(s->size));
	(void)munmap(s->data, mapped(s->size));
	*s = SECRET_NULL;
}

bool secret_locked(const struct secret *s)
{
	return s->data && s->data[mapped(s->size) - 1] == 1;
}

bool secret_equal(struct view a, struct view b)
{
	volatile uint8_t differs = 0;

	if (a.len != b.len) {
		return false;
	}
	for (size_t i = 0; i < a.len; i++) {
		differs = (uint8_t)(differs | (a.data[i] ^ b.data[i]));
	}
	return differs == 0;
}

static void empty(struct secret *s)
{
	wipe(s->data, s->size + 1);
	s->len = 0;
}

/* One read, waiting at most until @deadline. Return: 0 (see @ret_n; 0 bytes: end of file), a fault,
 * or SECRET_READ_LATE. */
static int read_some(int fd, uint64_t deadline, uint8_t *to, size_t size, size_t *ret_n)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int wait = clock_timeout_ms(deadline);
		ssize_t n;
		int r;

		if (wait == 0) {
			return SECRET_READ_LATE;
		}
		r = poll(&p, 1, wait);
		if (r < 0 && errno != EINTR) {
			return fault(-errno);
		}
		if (r <= 0) {
			continue;
		}
		n = read(fd, to, size);
		if (n >= 0) {
			*ret_n = (size_t)n;
			return 0;
		}
		if (errno != EINTR && errno != EAGAIN) {
			return fault(-errno);
		}
	}
}

static int read_all(struct secret *s, int fd, uint64_t deadline)
{
	for (;;) {
		size_t n;
		int r;

		r = read_some(fd, deadline, s->data + s->len, s->size + 1 - s->len, &n);
		if (r != 0) {
			return trace(r);
		}
		if (n == 0) {
			return s->len == 0 ? SECRET_READ_EMPTY : 0;
		}
		s->len += n;
		if (s->len > s->size) {
			return SECRET_READ_LONG;
		}
	}
}

int secret_read_fd(struct secret *s, int fd, uint64_t deadline)
{
	int r;

	if (!s->data) {
		return fault(-EINVAL);
	}
	empty(s);
	r = read_all(s, fd, deadline);
	if (r != 0) {
		empty(s);
	}
	return trace(r);
}
