/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The filter of vitaled-usb, built by libseccomp and loaded once; it stacks on the unit's. A
 * call that is not in the list is refused (EPERM), for what it might be that a later libusb or
 * libc tries; those that only somebody who took the process over makes end it. Nothing is owned
 * here after the return.
 */
#include "drivers/usb/confine.h"

#include <errno.h>
#include <linux/netlink.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>

#if VITALED_FILTER_LOGS
#define ON_OTHERS SCMP_ACT_LOG
#define ON_ATTACK SCMP_ACT_LOG
#else
#define ON_OTHERS SCMP_ACT_ERRNO(EPERM)
#define ON_ATTACK SCMP_ACT_KILL_PROCESS
#endif

/* what stays */
static const int allowed[] = {
	/* the loop */
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl),
	SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_gettime),
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(eventfd2), SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(restart_syscall), SCMP_SYS(getrandom),
	/* libusb: the nodes of devices, sysfs, udev's words over netlink */
	SCMP_SYS(openat), SCMP_SYS(close), SCMP_SYS(ioctl), SCMP_SYS(read), SCMP_SYS(write),
	SCMP_SYS(pread64), SCMP_SYS(lseek), SCMP_SYS(fcntl), SCMP_SYS(fstat),
	SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx),
	SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(access), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64),
	SCMP_SYS(pipe2),
	/* connections, the journal, systemd's notices */
	SCMP_SYS(accept4), SCMP_SYS(connect), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
	SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
	SCMP_SYS(getsockname), SCMP_SYS(memfd_create), SCMP_SYS(ftruncate), SCMP_SYS(writev),
	SCMP_SYS(unlink),
	/* memory, threads, signals, the end */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex),
	SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid),
	SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(tgkill),
	SCMP_SYS(exit), SCMP_SYS(exit_group)};

/* what ends the process */
static const int attacks[] = {SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(fork),
	SCMP_SYS(vfork), SCMP_SYS(bpf), SCMP_SYS(mount), SCMP_SYS(init_module),
	SCMP_SYS(finit_module), SCMP_SYS(listen), SCMP_SYS(io_uring_setup)};

static struct scmp_arg_cmp compare(
	unsigned arg, enum scmp_compare op, uint64_t value, uint64_t other)
{
	return (struct scmp_arg_cmp){.arg = arg, .op = op, .datum_a = value, .datum_b = other};
}

static int add(scmp_filter_ctx f, uint32_t action, int call, unsigned n,
	const struct scmp_arg_cmp *args)
{
	/* a kind that says the same as the filter's default is no rule */
	return VITALED_FILTER_LOGS && action == ON_OTHERS
		       ? 0
		       : seccomp_rule_add_array(f, action, call, n, args);
}

/* Sockets of the machine itself: the journal's; udev's. */
static int add_sockets(scmp_filter_ctx f)
{
	const struct scmp_arg_cmp local = compare(0, SCMP_CMP_EQ, AF_UNIX, 0);
	const struct scmp_arg_cmp netlink[] = {compare(0, SCMP_CMP_EQ, AF_NETLINK, 0),
		compare(2, SCMP_CMP_EQ, NETLINK_KOBJECT_UEVENT, 0)};
	const struct scmp_arg_cmp beyond = compare(0, SCMP_CMP_GT, AF_NETLINK, 0);
	const struct scmp_arg_cmp inet = compare(0, SCMP_CMP_EQ, AF_INET, 0);
	const struct scmp_arg_cmp inet6 = compare(0, SCMP_CMP_EQ, AF_INET6, 0);
	int r;

	r = add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, &local);
	if (r == 0) {
		r = add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), ARRAY_LEN(netlink), netlink);
	}
	if (r == 0) {
		r = add(f, ON_ATTACK, SCMP_SYS(socket), 1, &inet);
	}
	if (r == 0) {
		r = add(f, ON_ATTACK, SCMP_SYS(socket), 1, &inet6);
	}
	if (r == 0) {
		r = add(f, ON_ATTACK, SCMP_SYS(socket), 1, &beyond);
	}
	return r;
}

/* Memory is never executable. */
static int add_memory(scmp_filter_ctx f)
{
	const struct scmp_arg_cmp plain = compare(2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	int r;

	r = add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, &plain);
	if (r == 0) {
		r = add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, &plain);
	}
	return r;
}

static int fill(scmp_filter_ctx f)
{
	/* libusb's thread and ours are there already */
	int r = seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);

	for (size_t i = 0; i < ARRAY_LEN(allowed) && r == 0; i++) {
		r = add(f, SCMP_ACT_ALLOW, allowed[i], 0, NULL);
	}
	for (size_t i = 0; i < ARRAY_LEN(attacks) && r == 0; i++) {
		r = add(f, ON_ATTACK, attacks[i], 0, NULL);
	}
	if (r == 0) {
		r = add_sockets(f);
	}
	return r == 0 ? add_memory(f) : r;
}

int usb_confine(void)
{
	scmp_filter_ctx f = seccomp_init(ON_OTHERS);
	int r;

	if (!f) {
		return fault(-ENOMEM);
	}
	r = fill(f);
	if (r == 0) {
		r = seccomp_load(f);
	}
	seccomp_release(f);
	return r < 0 ? fault(r) : 0;
}
