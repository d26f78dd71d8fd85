/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What the children have given up, tried from inside: each row is one attempt, made in a process of
 * its own under a program's own confinement. It must die of SIGSYS, unless the row names the program
 * as one in which that call stays (then the attempt must come back). A build whose filter only logs
 * proves nothing of this: it says that the test was skipped (77).
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "tests/unit/confine/denials.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"

#define NOBODY	 0
#define DOSSIERS (PROGRAM_OPENING | PROGRAM_DOSSIER)
#define CARDS	 (PROGRAM_CARD | PROGRAM_CARD_USB)
#define PAGE	 4096U
#define RAW(...) ((void)syscall(__VA_ARGS__))

#define CONFINE_FAILED 99
#define WORK_FAILED    98

static uint64_t zeros[16];
static char here[PAGE] __attribute__((aligned(PAGE)));
static struct iovec one = {.iov_base = here, .iov_len = 1};

/* clang-format off */
/* system calls that younger architectures do not have */
#ifdef __x86_64__
#define ROWS_X86(X) \
	X(open, NOBODY, RAW(SYS_open, "/etc/passwd", O_RDONLY)) \
	X(creat, NOBODY, RAW(SYS_creat, "/nonexistent/x", 0600)) \
	X(readlink, PROGRAM_OPENING, RAW(SYS_readlink, "/nonexistent", here, sizeof(here))) \
	X(access, PROGRAM_OPENING, RAW(SYS_access, "/nonexistent", R_OK)) \
	X(mkdir, PROGRAM_OPENING, RAW(SYS_mkdir, "/nonexistent/x", 0700)) \
	X(unlink, PROGRAM_OPENING, RAW(SYS_unlink, "/nonexistent/x")) \
	X(rename, NOBODY, RAW(SYS_rename, "/nonexistent/x", "/nonexistent/y")) \
	X(link, NOBODY, RAW(SYS_link, "/nonexistent/x", "/nonexistent/y")) \
	X(symlink, NOBODY, RAW(SYS_symlink, "/nonexistent/x", "/nonexistent/y")) \
	X(mknod, NOBODY, RAW(SYS_mknod, "/nonexistent/x", S_IFIFO, 0)) \
	X(chmod, NOBODY, RAW(SYS_chmod, "/nonexistent/x", 0700)) \
	X(chown, NOBODY, RAW(SYS_chown, "/nonexistent/x", 0, 0)) \
	X(pipe, NOBODY, RAW(SYS_pipe, here)) \
	X(dup2, NOBODY, RAW(SYS_dup2, 0, 9)) \
	X(fork, NOBODY, RAW(SYS_fork)) \
	X(iopl, NOBODY, RAW(SYS_iopl, 3)) \
	X(modify_ldt, NOBODY, RAW(SYS_modify_ldt, 0, here, 0))
#else
#define ROWS_X86(X)
#endif

/* name, the programs in which the call stays, the attempt */
#define ROWS(X) \
	ROWS_X86(X) \
	/* files */ \
	X(openat, PROGRAM_OPENING, RAW(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY)) \
	X(openat2, NOBODY, RAW(SYS_openat2, AT_FDCWD, "/etc/passwd", zeros, 24)) \
	X(open_by_handle_at, NOBODY, RAW(SYS_open_by_handle_at, 0, zeros, 0)) \
	X(stat_of_a_path, PROGRAM_WATCH | PROGRAM_OPENING, RAW(SYS_newfstatat, AT_FDCWD, "/etc/passwd", here, 0)) \
	X(statx, NOBODY, RAW(SYS_statx, AT_FDCWD, "/etc/passwd", 0, 0, here)) \
	X(getdents, NOBODY, RAW(SYS_getdents64, 0, here, sizeof(here))) \
	X(truncate, NOBODY, RAW(SYS_truncate, "/nonexistent/x", 0)) \
	X(chdir, NOBODY, RAW(SYS_chdir, "/")) \
	X(chroot, NOBODY, RAW(SYS_chroot, "/")) \
	X(mount, NOBODY, RAW(SYS_mount, "a", "b", "c", 0UL, NULL)) \
	X(umount, NOBODY, RAW(SYS_umount2, "/nonexistent", 0)) \
	X(inotify_init, NOBODY, RAW(SYS_inotify_init1, 0)) \
	X(fanotify_init, NOBODY, RAW(SYS_fanotify_init, 0, 0)) \
	X(memfd_create, PROGRAM_FEED | DOSSIERS, RAW(SYS_memfd_create, "x", MFD_CLOEXEC)) \
	X(memfd_secret, NOBODY, RAW(SYS_memfd_secret, 0)) \
	X(pipe2, DOSSIERS, RAW(SYS_pipe2, here, O_CLOEXEC)) \
	/* descriptors */ \
	X(read_of_another, CARDS | DOSSIERS, RAW(SYS_read, DENIALS_OTHER, here, 1)) \
	X(write_to_another, DOSSIERS, RAW(SYS_write, DENIALS_OTHER, here, 0)) \
	X(write_to_stderr, PROGRAM_CRL | PROGRAM_FEED | DOSSIERS, RAW(SYS_write, STDERR_FILENO, here, 0)) \
	X(close_of_another, CARDS | PROGRAM_WATCH_USB | PROGRAM_CRL | PROGRAM_FEED | DOSSIERS, RAW(SYS_close, DENIALS_OTHER)) \
	X(dup, NOBODY, RAW(SYS_dup, 0)) \
	X(dup3, NOBODY, RAW(SYS_dup3, 0, 9, 0)) \
	X(fcntl, PROGRAM_FEED | DOSSIERS, RAW(SYS_fcntl, 0, F_GETFD)) \
	X(ioctl, NOBODY, RAW(SYS_ioctl, 0, TIOCSTI, here)) \
	X(sendfile, NOBODY, RAW(SYS_sendfile, 0, 0, NULL, 0)) \
	X(splice, NOBODY, RAW(SYS_splice, 0, NULL, 0, NULL, 0, 0)) \
	X(pidfd_getfd, NOBODY, RAW(SYS_pidfd_getfd, 0, 0, 0)) \
	X(epoll_create, NOBODY, RAW(SYS_epoll_create1, 0)) \
	X(eventfd, NOBODY, RAW(SYS_eventfd2, 0, 0)) \
	/* sockets */ \
	X(socket_unix, NOBODY, RAW(SYS_socket, AF_UNIX, SOCK_STREAM, 0)) \
	X(socket_inet, NOBODY, RAW(SYS_socket, AF_INET, SOCK_STREAM, 0)) \
	X(socket_netlink, NOBODY, RAW(SYS_socket, AF_NETLINK, SOCK_RAW, 0)) \
	X(socketpair, NOBODY, RAW(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, here)) \
	X(connect, NOBODY, RAW(SYS_connect, DENIALS_LINK, NULL, 0)) \
	X(bind, NOBODY, RAW(SYS_bind, DENIALS_LINK, NULL, 0)) \
	X(listen, NOBODY, RAW(SYS_listen, DENIALS_LINK, 1)) \
	X(accept, NOBODY, RAW(SYS_accept, DENIALS_LINK, NULL, NULL)) \
	X(sendto_another, NOBODY, RAW(SYS_sendto, DENIALS_OTHER, here, 1, MSG_NOSIGNAL, NULL, 0)) \
	X(sendto_pcscd, PROGRAM_CARD | PROGRAM_WATCH, RAW(SYS_sendto, DENIALS_PCSC, here, 1, MSG_NOSIGNAL, NULL, 0)) \
	X(sendto_vitaled_usb, PROGRAM_CARD_USB | PROGRAM_WATCH_USB, RAW(SYS_sendto, DENIALS_USB, here, 1, MSG_NOSIGNAL, NULL, 0)) \
	X(read_of_vitaled_usb, CARDS | DOSSIERS, RAW(SYS_read, DENIALS_USB, here, 1)) \
	X(sendmsg_to_another, NOBODY, RAW(SYS_sendmsg, DENIALS_OTHER, zeros, MSG_NOSIGNAL)) \
	X(recvmsg_of_another, NOBODY, RAW(SYS_recvmsg, DENIALS_OTHER, zeros, MSG_DONTWAIT)) \
	X(recvfrom, NOBODY, RAW(SYS_recvfrom, DENIALS_LINK, here, 1, MSG_DONTWAIT, NULL, NULL)) \
	X(setsockopt, NOBODY, RAW(SYS_setsockopt, DENIALS_LINK, SOL_SOCKET, SO_SNDBUF, here, 4)) \
	/* programs and other processes */ \
	X(execve, NOBODY, RAW(SYS_execve, "/bin/true", NULL, NULL)) \
	X(execveat, NOBODY, RAW(SYS_execveat, 0, "", NULL, NULL, AT_EMPTY_PATH)) \
	X(vfork, NOBODY, RAW(SYS_clone, CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, 0)) \
	X(clone, NOBODY, RAW(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0)) \
	X(clone3, NOBODY, RAW(SYS_clone3, zeros, 64)) \
	X(thread, NOBODY, RAW(SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND, NULL, NULL, NULL, 0)) \
	X(unshare, NOBODY, RAW(SYS_unshare, CLONE_NEWUSER)) \
	X(setns, NOBODY, RAW(SYS_setns, 0, 0)) \
	X(kill, NOBODY, RAW(SYS_kill, getppid_before, 0)) \
	X(tgkill, NOBODY, RAW(SYS_tgkill, getppid_before, getppid_before, 0)) \
	X(pidfd_open, NOBODY, RAW(SYS_pidfd_open, getppid_before, 0)) \
	X(pidfd_send_signal, NOBODY, RAW(SYS_pidfd_send_signal, 0, 0, NULL, 0)) \
	X(sigqueue, NOBODY, RAW(SYS_rt_sigqueueinfo, getppid_before, 0, here)) \
	X(ptrace, NOBODY, RAW(SYS_ptrace, PTRACE_ATTACH, getppid_before, NULL, NULL)) \
	X(process_vm_readv, NOBODY, RAW(SYS_process_vm_readv, getppid_before, &one, 1, &one, 1, 0)) \
	X(process_vm_writev, NOBODY, RAW(SYS_process_vm_writev, getppid_before, &one, 1, &one, 1, 0)) \
	X(process_madvise, NOBODY, RAW(SYS_process_madvise, 0, &one, 1, MADV_COLD, 0)) \
	X(kcmp, NOBODY, RAW(SYS_kcmp, getppid_before, getppid_before, 0, 0, 0)) \
	/* memory */ \
	X(mmap_writable_and_executable, NOBODY, RAW(SYS_mmap, NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) \
	X(mmap_executable, NOBODY, RAW(SYS_mmap, NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) \
	X(mmap_of_a_file, NOBODY, RAW(SYS_mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE, 0, 0)) \
	X(mprotect_to_executable, NOBODY, RAW(SYS_mprotect, here, PAGE, PROT_READ | PROT_EXEC)) \
	X(pkey_mprotect, NOBODY, RAW(SYS_pkey_mprotect, here, PAGE, PROT_READ | PROT_EXEC, -1)) \
	X(remap_file_pages, NOBODY, RAW(SYS_remap_file_pages, here, PAGE, 0, 0, 0)) \
	X(userfaultfd, NOBODY, RAW(SYS_userfaultfd, 0)) \
	X(shmget, NOBODY, RAW(SYS_shmget, 0, PAGE, 0600)) \
	/* limits and rights */ \
	X(setrlimit_up, NOBODY, RAW(SYS_setrlimit, RLIMIT_CORE, zeros)) \
	X(prlimit, NOBODY, RAW(SYS_prlimit64, 0, RLIMIT_CORE, zeros, NULL)) \
	X(prctl_dumpable, NOBODY, RAW(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0)) \
	X(prctl_pdeathsig, NOBODY, RAW(SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0)) \
	X(prctl_no_new_privs, PROGRAM_OPENING, RAW(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) \
	X(seccomp, PROGRAM_OPENING, RAW(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, zeros)) \
	X(setuid, NOBODY, RAW(SYS_setuid, 0)) \
	X(setgid, NOBODY, RAW(SYS_setgid, 0)) \
	X(setresuid, NOBODY, RAW(SYS_setresuid, 0, 0, 0)) \
	X(setgroups, NOBODY, RAW(SYS_setgroups, 0, NULL)) \
	X(capset, NOBODY, RAW(SYS_capset, here, NULL)) \
	X(umask, NOBODY, RAW(SYS_umask, 0)) \
	X(personality, NOBODY, RAW(SYS_personality, 0)) \
	X(setpriority, NOBODY, RAW(SYS_setpriority, PRIO_PROCESS, 0, -1)) \
	X(sched_setscheduler, NOBODY, RAW(SYS_sched_setscheduler, 0, SCHED_FIFO, here)) \
	X(setitimer, CARDS, RAW(SYS_setitimer, ITIMER_REAL, zeros, NULL)) \
	/* the kernel's other doors */ \
	X(bpf, NOBODY, RAW(SYS_bpf, BPF_MAP_CREATE, zeros, sizeof(zeros))) \
	X(io_uring_setup, NOBODY, RAW(SYS_io_uring_setup, 1, zeros)) \
	X(io_uring_enter, NOBODY, RAW(SYS_io_uring_enter, 0, 0, 0, 0, NULL, 0)) \
	X(io_setup, NOBODY, RAW(SYS_io_setup, 1, zeros)) \
	X(perf_event_open, NOBODY, RAW(SYS_perf_event_open, zeros, 0, -1, -1, 0)) \
	X(add_key, NOBODY, RAW(SYS_add_key, "user", "x", here, 1, KEY_SPEC_PROCESS_KEYRING)) \
	X(keyctl, NOBODY, RAW(SYS_keyctl, KEYCTL_GET_KEYRING_ID, 0, 0)) \
	X(landlock_create_ruleset, NOBODY, RAW(SYS_landlock_create_ruleset, NULL, 0, 1)) \
	X(mq_open, NOBODY, RAW(SYS_mq_open, "/x", O_RDWR | O_CREAT, 0600, NULL)) \
	X(init_module, NOBODY, RAW(SYS_init_module, NULL, 0, "")) \
	X(kexec_load, NOBODY, RAW(SYS_kexec_load, 0, 0, NULL, 0)) \
	X(reboot, NOBODY, RAW(SYS_reboot, 0, 0, 0, NULL)) \
	X(swapoff, NOBODY, RAW(SYS_swapoff, "/nonexistent")) \
	X(settimeofday, NOBODY, RAW(SYS_settimeofday, NULL, NULL)) \
	X(adjtimex, NOBODY, RAW(SYS_adjtimex, zeros)) \
	X(sethostname, NOBODY, RAW(SYS_sethostname, "x", 1)) \
	X(syslog, NOBODY, RAW(SYS_syslog, 10, NULL, 0)) \
	X(uname, NOBODY, RAW(SYS_uname, here)) \
	X(vhangup, NOBODY, RAW(SYS_vhangup))
/* clang-format on */

static pid_t getppid_before;

#define X(name, stays, attempt)                                                                \
	static void try_##name(void)                                                           \
	{                                                                                      \
		attempt;                                                                       \
	}
ROWS(X)
#undef X

static const struct row {
	const char *name;
	unsigned int stays;
	void (*attempt)(void);
} rows[] = {

#define X(name, stays, attempt) {#name, stays, try_##name},
	ROWS(X)
#undef X
};

static const struct confined_program *under_test;

/* Descriptors as the broker gives them: a link, the sockets of pcscd and vitaled-usb with a byte in them,
 * somebody's pipe. */
static bool lay_descriptors(void)
{
	int link[2], pcsc[2], other[2], usb[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, link) < 0 ||
		socketpair(AF_UNIX, SOCK_STREAM, 0, pcsc) < 0 || pipe(other) < 0 ||
		socketpair(AF_UNIX, SOCK_SEQPACKET, 0, usb) < 0 ||
		write(other[1], "1234", 4) != 4 || write(pcsc[1], "x", 1) != 1 ||
		write(usb[1], "x", 1) != 1)
		return false;
	/* above the numbers that they shall have */
	for (int i = 0; i < 2; i++) {
		link[i] = fcntl(link[i], F_DUPFD, 10);
		pcsc[i] = fcntl(pcsc[i], F_DUPFD, 10);
		other[i] = fcntl(other[i], F_DUPFD, 10);
		usb[i] = fcntl(usb[i], F_DUPFD, 10);
	}
	return dup2(link[1], DENIALS_LINK) >= 0 && dup2(pcsc[0], DENIALS_PCSC) >= 0 &&
	       dup2(other[0], DENIALS_OTHER) >= 0 && dup2(usb[0], DENIALS_USB) >= 0;
}

/* Return: the wait status of a child that confines itself and then makes @attempt; NULL: works. */
static int in_child(void (*attempt)(void))
{
	int status;
	pid_t pid;

	getppid_before = getpid();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (!lay_descriptors() || !under_test->confine())
			_exit(CONFINE_FAILED);
		if (attempt)
			attempt();
		else if (!under_test->work())
			_exit(WORK_FAILED);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void what_it_needs_stays(void **state)
{
	int status = in_child(NULL);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void every_row_is_denied_but_where_it_says_so(void **state)
{
	unsigned int wrong = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool stays = rows[i].stays & (unsigned int)under_test->program;
		int status = in_child(rows[i].attempt);
		bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
		bool back = WIFEXITED(status) && WEXITSTATUS(status) == 0;

		if (stays ? !back : !killed) {
			print_error("%s: status %x, wanted %s\n", rows[i].name,
				(unsigned int)status, stays ? "to come back" : "SIGSYS");
			wrong++;
		}
	}
	print_message("%zu attempts\n", ARRAY_LEN(rows));
	assert_int_equal(wrong, 0);
}

int denials_run(const struct confined_program *programs, unsigned int n)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_needs_stays),
		cmocka_unit_test(every_row_is_denied_but_where_it_says_so),
	};
	int failed = 0;

	if (VITALED_FILTER_LOGS)
		return 77;
	for (unsigned int i = 0; i < n; i++) {
		under_test = &programs[i];
		failed += cmocka_run_group_tests(tests, NULL, NULL);
	}
	return failed;
}
