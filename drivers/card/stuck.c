/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The last word of a process that hangs. The frame is laid ready while the timer is off, so that
 * the handler does nothing but send and leave; it never returns, therefore what it interrupts does
 * not matter.
 */
#include "drivers/card/stuck.h"

#include <errno.h>
#include <signal.h>
#include <stdnoreturn.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"

#define MAGIC	   0x5644U /* base/link.h draws the header */
#define OUTCOME_AT 4U

static int link_fd = -1;
static uint8_t frame[LINK_HEADER + STUCK_BODY_MAX];
static volatile size_t frame_len;

/* there only in builds that measure coverage: their counters are written on the way out */
extern void __gcov_dump(void) __attribute__((weak));

static noreturn void on_alarm(_unused_ int signal)
{
	/* a broker that does not listen has its own clock */
	(void)sendto(link_fd, frame, frame_len, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
	if (__gcov_dump) {
		__gcov_dump();
	}
	_exit(STUCK_STATUS);
}

int stuck_init(int link)
{
	const struct sigaction action = {.sa_handler = on_alarm};
	sigset_t alarm_only;

	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	if (sigaction(SIGALRM, &action, NULL) < 0 ||
		sigprocmask(SIG_UNBLOCK, &alarm_only, NULL) < 0) {
		return fault(-errno);
	}
	link_fd = link;
	return 0;
}

static void set_timer(uint64_t usec)
{
	const struct itimerval t = {
		.it_value = {.tv_sec = (time_t)(usec / USEC_PER_SEC),
			.tv_usec = (suseconds_t)(usec % USEC_PER_SEC)},
	};

	/* cannot fail with these values; a timer that does not run leaves the broker's clock */
	(void)setitimer(ITIMER_REAL, &t, NULL);
}

void stuck_begin(const struct link_frame *request, struct view body, uint64_t usec)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(sizeof(frame));

	if (link_fd < 0) {
		return;
	}
	set_timer(0);
	buf_put_u16(&b, MAGIC);
	buf_put_u8(&b, LINK_KIND_ANSWER);
	buf_put_u8(&b, request->op);
	buf_put_u8(&b, frame[OUTCOME_AT]);
	buf_put_u8(&b, 0);
	buf_put_u32(&b, request->seq);
	buf_put_view(&b, body.len <= STUCK_BODY_MAX ? body : VIEW_NULL);
	if (buf_check(&b) < 0) {
		return;
	}
	bytes_copy(frame, sizeof(frame), b.data, b.len);
	frame_len = b.len;
	set_timer(usec);
}

void stuck_as(uint8_t outcome)
{
	frame[OUTCOME_AT] = outcome;
}

void stuck_end(void)
{
	if (link_fd >= 0) {
		set_timer(0);
	}
}
