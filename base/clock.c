/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The kernel's clocks as microseconds, and their text. No time zone is ever looked up (the C
 * library's gmtime may read files, which a sandboxed child cannot), so that every function but
 * clock_boot_id() and clock_synchronised() works behind any system call filter that allows
 * clock_gettime.
 */
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

#define NSEC_PER_USEC 1000ULL
#define SEC_PER_DAY   86400ULL
/* 9999-12-31T23:59:59.999999Z: RFC 3339 has four digits for the year */
#define LAST_WALL     (253402300799ULL * USEC_PER_SEC + 999999ULL)

static uint64_t clock_read(clockid_t id)
{
	struct timespec ts = {0};

	(void)clock_gettime(id, &ts); /* cannot fail for the ids used here */
	return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / NSEC_PER_USEC;
}

uint64_t clock_monotonic(void)
{
	return clock_read(CLOCK_MONOTONIC);
}

uint64_t clock_boottime(void)
{
	return clock_read(CLOCK_BOOTTIME);
}

uint64_t clock_wall(void)
{
	return clock_read(CLOCK_REALTIME);
}

static bool is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* The kernel's own words, or what the unit says where /proc shows processes only. */
static int read_boot_id(struct buf *out)
{
	const char *told = secure_getenv("VITALED_BOOT_ID");
	uint8_t text[37]; /* 8-4-4-4-12 and a line feed */
	ssize_t got;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0 && errno == ENOENT && told) {
		buf_put_str(out, told);
		return trace(buf_check(out));
	}
	if (fd < 0) {
		return fault(-errno);
	}
	got = read(fd, text, sizeof(text)); /* procfs answers whole */
	r = got < 0 ? fault(-errno) : 0;
	close(fd);
	if (r == 0) {
		buf_put(out, text, (size_t)got);
		r = buf_check(out);
	}
	return trace(r);
}

int clock_boot_id(char ret_id[33])
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(64);
	char id[33] = {0};
	size_t n = 0;
	int r = read_boot_id(&text);

	if (r < 0) {
		return trace(r);
	}
	for (size_t i = 0; i < text.len && n < sizeof(id) - 1; i++) {
		if (is_hex(text.data[i])) {
			id[n++] = (char)text.data[i];
		}
	}
	if (n != sizeof(id) - 1) {
		return fault(-EBADMSG);
	}
	bytes_copy(ret_id, 33, id, sizeof(id));
	return 0;
}

/* @v in @width decimal digits at @to. Return: behind them. */
static char *put_digits(char *to, uint64_t v, size_t width)
{
	for (size_t i = width; i > 0; i--) {
		to[i - 1] = (char)('0' + v % 10);
		v /= 10;
	}
	return to + width;
}

void clock_rfc3339(uint64_t wall, char ret_text[28])
{
	uint64_t usec = wall > LAST_WALL ? LAST_WALL : wall;
	uint64_t seconds = usec / USEC_PER_SEC;
	uint64_t of_day = seconds % SEC_PER_DAY;
	/* the civil calendar in years that begin on 1 March, in eras of 400 years of 146097 days;
	   719468 days lie between 0000-03-01 and 1970-01-01 */
	uint64_t day = seconds / SEC_PER_DAY + 719468;
	uint64_t era = day / 146097;
	uint64_t of_era = day % 146097;
	uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	uint64_t from_march = (5 * of_year + 2) / 153;
	uint64_t month = from_march < 10 ? from_march + 3 : from_march - 9;
	char *p = ret_text;

	p = put_digits(p, year + era * 400 + (month <= 2 ? 1 : 0), 4);
	*p++ = '-';
	p = put_digits(p, month, 2);
	*p++ = '-';
	p = put_digits(p, of_year - (153 * from_march + 2) / 5 + 1, 2);
	*p++ = 'T';
	p = put_digits(p, of_day / 3600, 2);
	*p++ = ':';
	p = put_digits(p, of_day / 60 % 60, 2);
	*p++ = ':';
	p = put_digits(p, of_day % 60, 2);
	*p++ = '.';
	p = put_digits(p, usec % USEC_PER_SEC, 6);
	*p++ = 'Z';
	*p = '\0';
}

bool clock_synchronised(void)
{
	struct timex t = {.modes = 0};
	int state = adjtimex(&t);

	if (state < 0) { /* the unit's filter: timesyncd's word, where the unit shows it */
		return access("/run/systemd/timesync/synchronized", F_OK) == 0;
	}
	return state != TIME_ERROR && !(t.status & STA_UNSYNC);
}

int clock_timeout_ms(uint64_t deadline)
{
	uint64_t now = clock_monotonic();
	uint64_t ms;

	if (deadline <= now) {
		return 0;
	}
	ms = (deadline - now - 1) / USEC_PER_MS + 1;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}
