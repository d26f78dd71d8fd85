/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The system calls of vitaled-feed, and why each. It is given what it reads: there is no open, socket,
 * connect, exec, fork, kill or ptrace among them, and nothing is written but answers on the link,
 * memfds that are made here, and a line about a fault. Nothing is owned here after the return.
 */
#include "daemon/trust/feed/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/link.h"
#include "base/restrain.h"

/* A feed of LIMIT_FEED_BYTES is there three times, and an index of its lines twice while it is sorted. */
#define MEMORY_MAX (1024UL * 1024 * 1024)
#define FILES_MAX  16U
#define LOG_MAX	   (64UL * 1024 * 1024) /* where standard error is a file: a line about a fault */

int filter_limits(void)
{
	const struct restrain most = {
		.files = FILES_MAX, .memory = MEMORY_MAX, .locked = 0, .size = LOG_MAX};

	return trace(restrain(&most));
}

static const int on_link[] = {
	SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(recvmsg)}; /* base/link.c */

static const int anywhere[] = {
	SCMP_SYS(restart_syscall), /* recvmsg after a stop signal */
	SCMP_SYS(poll),		   /* base/link.c waits */
	SCMP_SYS(fstat),	   /* what was passed, and its size */
	SCMP_SYS(pread64),	   /* its content */
	SCMP_SYS(close),
	SCMP_SYS(getpid),	 /* OpenSSL: have we been forked? */
	SCMP_SYS(clock_gettime), /* where it is no vdso call */
	SCMP_SYS(sysinfo),	 /* glibc's qsort, above a kilobyte */
	SCMP_SYS(getrandom),	 /* OpenSSL: blinding, should it want some */
	SCMP_SYS(memfd_create),	 /* lines that are handed over */
	SCMP_SYS(pwrite64),	 /* into these */
	SCMP_SYS(fcntl),	 /* their seals */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise), /* malloc */
	SCMP_SYS(futex),   /* OpenSSL's locks */
	SCMP_SYS(exit_group),
};

static int allow_calls(scmp_filter_ctx f)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(on_link) && r == 0; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, on_link[i], 1,
			SCMP_A0(SCMP_CMP_EQ, LINK_CHILD_FD, 0));
	for (size_t i = 0; i < ARRAY_LEN(anywhere) && r == 0; i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, anywhere[i], 0);
	if (r == 0) /* a fault's line */
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
			SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO, 0));
	/* memory of our own, never executable */
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
			SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)); /* malloc grows an arena */
	/* glibc's fstat(): by descriptor; a path could still be asked about, not read */
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
			SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH, 0));
	return r < 0 ? fault(r) : 0;
}

int filter_load(void)
{
	scmp_filter_ctx f =
		seccomp_init(VITALED_FILTER_LOGS ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS);
	int r;

	if (!f)
		return fault(-ENOMEM);
	r = allow_calls(f);
	if (r == 0) {
		r = seccomp_load(f);
		r = r < 0 ? fault(r) : 0;
	}
	seccomp_release(f);
	return trace(r);
}
