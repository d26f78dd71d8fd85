/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The system calls of an open dossier, and why each. There is no open, connect, socket, exec, kill,
 * fork or ptrace among them: what is open now (the link, the file and its log) is all there will
 * ever be, but for pipes and memfds made here and those that the broker passes. The file itself is
 * a foreign thing that SQLite must read to open it: the early filter, loaded before, allows what
 * opening takes and nothing else besides.
 */
#include "daemon/dossier/store/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "base/link.h"
#include "base/restrain.h"

#define MEMORY_MAX                                                                             \
	(768UL * 1024 * 1024)	 /* address space; a list of LIMIT_LIST rows needs a tenth */
#define FILES_MAX  64		 /* link, file, log, 9 streams, and what passes through */
#define LOCKED_MAX (64UL * 1024) /* keys, one page each */
#define FILE_MAX   (16ULL * 1024 * 1024 * 1024) /* a dossier: 64 of the largest documents */

int filter_limits(void)
{
	const struct restrain most = {.files = FILES_MAX,
		.memory = MEMORY_MAX,
		.locked = LOCKED_MAX,
		.size = FILE_MAX};

	/* a reader that leaves is EPIPE */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
		return fault(-errno);
	}
	return trace(restrain(&most));
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

static const int opening[] = {
	SCMP_SYS(openat),     /* SQLite; /dev/urandom; folders to sync */
	SCMP_SYS(newfstatat), /* SQLite asks about names */
	SCMP_SYS(readlink),   /* SQLite: is the name a link? */
	SCMP_SYS(readlinkat), /* idem, newer */
	SCMP_SYS(getcwd),     /* SQLite, of a relative name */
	SCMP_SYS(access),     /* is there a file, a log, a journal? */
	SCMP_SYS(faccessat),  /* idem, where there is no access */
	SCMP_SYS(mkdir),      /* the folder of a new store */
	SCMP_SYS(mkdirat),    /* idem */
	SCMP_SYS(unlink),     /* SQLite: a journal that was rolled back */
	SCMP_SYS(unlinkat),   /* idem */
	SCMP_SYS(fchmod),     /* SQLite: a log has its file's mode */
	SCMP_SYS(geteuid),    /* SQLite: only root gives files away */
	SCMP_SYS(fchown),     /* and does so, as root */
	SCMP_SYS(seccomp),    /* the last filter, on top of this one */
};

static int allow_all(scmp_filter_ctx f, const int *calls, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
	}
	return r < 0 ? fault(r) : 0;
}

static int allow_opening(scmp_filter_ctx f)
{
	int r;

	r = allow_all(f, opening, ARRAY_LEN(opening));
	if (r < 0) {
		return trace(r);
	}
	/* libseccomp sets it before each filter */
	r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
		SCMP_A0(SCMP_CMP_EQ, PR_SET_NO_NEW_PRIVS, 0));
	return r < 0 ? fault(r) : 0;
}

static int allow_calls(scmp_filter_ctx f)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(on_link) && r == 0; i++) {
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, on_link[i], 1,
			SCMP_A0(SCMP_CMP_EQ, LINK_CHILD_FD, 0));
	}
	if (r == 0) {
		r = allow_all(f, anywhere, ARRAY_LEN(anywhere));
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

static int load(bool early)
{
	scmp_filter_ctx f =
		seccomp_init(VITALED_FILTER_LOGS ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS);
	int r;

	if (!f) {
		return fault(-ENOMEM);
	}
	r = allow_calls(f);
	if (r == 0 && early) {
		r = allow_opening(f);
	}
	if (r == 0) {
		r = seccomp_load(f);
		r = r < 0 ? fault(r) : 0;
	}
	seccomp_release(f);
	return trace(r);
}

int filter_load_early(void)
{
	return trace(load(true));
}

int filter_load(void)
{
	return trace(load(false));
}
