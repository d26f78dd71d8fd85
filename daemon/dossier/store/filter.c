/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The system calls of an open dossier, and why each. There is no open, connect, socket, exec, kill,
 * fork or ptrace among them: what is open now (the link, the file and its log) is all there will
 * ever be, but for pipes and memfds made here and those that the broker passes.
 */
#include "daemon/dossier/store/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/link.h"

#define MEMORY_MAX                                                                             \
	(768UL * 1024 * 1024) /* address space; a list of LIMIT_LIST rows needs a tenth */
#define FILES_MAX 64	      /* link, file, log, 9 streams, and what passes through */

static int limit(__rlimit_resource_t what, rlim_t most)
{
	struct rlimit l = {.rlim_cur = most, .rlim_max = most};

	return setrlimit(what, &l) < 0 ? fault(-errno) : 0;
}

int filter_limits(void)
{
	int r;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		return fault(-errno);
	}
	/* a reader that leaves is EPIPE, a file that may not grow EFBIG */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR) {
		return fault(-errno);
	}
	(void)umask(077);
	r = limit(RLIMIT_CORE, 0);
	if (r == 0) {
		r = limit(RLIMIT_NOFILE, FILES_MAX);
	}
	/* the sanitizers of a test build map terabytes */
	if (r == 0 && !VITALED_FILTER_LOGS) {
		r = limit(RLIMIT_AS, MEMORY_MAX);
	}
	return trace(r);
}

static const int on_link[] = {
	SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(recvmsg)}; /* base/link.c */

static const int anywhere[] = {
	SCMP_SYS(poll),		   /* the loop */
	SCMP_SYS(restart_syscall), /* poll after a stop signal */
	SCMP_SYS(read),		   /* contents in; SQLite */
	SCMP_SYS(write),	   /* contents out; SQLite; a fault's line on stderr */
	SCMP_SYS(pread64),	   /* SQLite; metadata memfd */
	SCMP_SYS(pwrite64),	   /* SQLite; answers' memfds */
	SCMP_SYS(lseek),	   /* SQLite */
	SCMP_SYS(fsync),	   /* SQLite */
	SCMP_SYS(fdatasync),	   /* SQLite */
	SCMP_SYS(ftruncate),	   /* SQLite: its log back to journal_size_limit */
	SCMP_SYS(fstat),	   /* SQLite; kinds of descriptors */
	SCMP_SYS(fcntl),	   /* SQLite's locks, memfd seals, O_NONBLOCK */
	SCMP_SYS(close),	   /* descriptors that pass through */
	SCMP_SYS(pipe2),	   /* contents out */
	SCMP_SYS(memfd_create),	   /* answers in JSON */
	SCMP_SYS(getrandom),	   /* nonces, ids, salts; OpenSSL */
	SCMP_SYS(getpid),	   /* SQLite and OpenSSL: have we been forked? */
	SCMP_SYS(clock_gettime),   /* where it is no vdso call */
	SCMP_SYS(gettimeofday),	   /* SQLite, idem */
	SCMP_SYS(sysinfo),	   /* glibc's qsort, above a kilobyte */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise), /* struct secret; malloc */
	SCMP_SYS(mlock),   /* struct secret */
	SCMP_SYS(futex),
	SCMP_SYS(exit_group),
};

static int allow_calls(scmp_filter_ctx f)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(on_link) && r == 0; i++) {
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, on_link[i], 1,
			SCMP_A0(SCMP_CMP_EQ, LINK_CHILD_FD, 0));
	}
	for (size_t i = 0; i < ARRAY_LEN(anywhere) && r == 0; i++) {
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, anywhere[i], 0);
	}
	/* memory of our own, never executable */
	if (r == 0) {
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
			SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
	}
	if (r == 0) {
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)); /* malloc grows an arena */
	}
	/* glibc's fstat(): by descriptor; a path could still be asked about, not read */
	if (r == 0) {
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
			SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH, 0));
	}
	return r < 0 ? fault(r) : 0;
}

int filter_load(void)
{
	scmp_filter_ctx f =
		seccomp_init(VITALED_FILTER_LOGS ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS);
	int r;

	if (!f) {
		return fault(-ENOMEM);
	}
	r = allow_calls(f);
	if (r == 0) {
		r = seccomp_load(f);
		r = r < 0 ? fault(r) : 0;
	}
	seccomp_release(f);
	return trace(r);
}
