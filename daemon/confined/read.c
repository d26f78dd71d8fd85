/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Looking at one's own sandbox. Files of /proc are read, mounts asked for their flags; what is tried
 * is harmless when it is allowed: nothing is written, opened or sent, no signal meets anybody. Only
 * SystemCallFilter may have been told to kill instead of refusing: that attempt is a process's own.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/confined.h"

#define ASKING 0xffffffffUL /* personality(2): change nothing */

/* The beginning of a file of /proc, at most @size - 1 bytes; empty when there is none. */
static void read_text(const char *path, char *ret_text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = fd < 0 ? 0 : 1;

	while (n > 0 && len < size - 1) {
		n = read(fd, ret_text + len, size - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	ret_text[len] = '\0';
	if (fd >= 0)
		(void)close(fd);
}

static void read_name(const char *path, char *ret_text, size_t size)
{
	ssize_t n = readlink(path, ret_text, size - 1);

	ret_text[n > 0 ? n : 0] = '\0';
}

/* Mounted with @flag; what is not there cannot be used either. */
static bool mounted(const char *path, unsigned long flag)
{
	struct statvfs v;

	return statvfs(path, &v) < 0 || (v.f_flag & flag) != 0;
}

static bool any_can(const char *const *paths, size_t n, int how)
{
	for (size_t i = 0; i < n; i++)
		if (access(paths[i], how) == 0)
			return true;
	return false;
}

/* A disk, or a character device that PrivateDevices= does not leave. */
static bool foreign(const struct dirent *e)
{
	static const char *const usual[] = {
		"null", "zero", "full", "random", "urandom", "tty", "ptmx"};

	if (e->d_type == DT_BLK)
		return true;
	if (e->d_type != DT_CHR)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(usual); i++)
		if (strcmp(e->d_name, usual[i]) == 0)
			return false;
	return true;
}

static bool foreign_devices(void)
{
	DIR *dir = opendir("/dev");
	const struct dirent *e;
	bool found = false;

	if (!dir)
		return false;
	while (!found && (e = readdir(dir)) != NULL)
		found = foreign(e);
	(void)closedir(dir);
	return found;
}

/* ptrace() of a process that there is not: ESRCH unless a filter answers first. */
static int try_filtered(int *ret)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return fault(-errno);
	if (pid == 0) {
		errno = 0;
		(void)syscall(SYS_ptrace, PTRACE_PEEKDATA, 0, NULL, NULL);
		_exit(errno & 0xff);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fault(-errno);
	*ret = WIFEXITED(status) ? WEXITSTATUS(status) : ECANCELED;
	return 0;
}

static int try_write_execute(void)
{
	long page = sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return errno;
	(void)munmap(p, (size_t)page);
	return 0;
}

static int try_inet(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return errno;
	(void)close(fd);
	return 0;
}

static void look_at_files(struct confined_facts *f)
{
	static const char *const homes[] = {"/home", "/root", "/run/user"};
	static const char *const modules[] = {"/usr/lib/modules"};
	static const char *const logs[] = {"/dev/kmsg", "/proc/kmsg"};

	f->root_noexec = mounted("/", ST_NOEXEC);
	f->system_writable = !mounted("/", ST_RDONLY) || !mounted("/etc", ST_RDONLY) ||
			     !mounted("/usr", ST_RDONLY);
	f->homes = any_can(homes, ARRAY_LEN(homes), X_OK);
	f->devices = foreign_devices();
	f->init = getpid() != 1 && access("/proc/1", F_OK) == 0;
	f->meminfo = access("/proc/meminfo", F_OK) == 0;
	f->tunables = !mounted("/sys", ST_RDONLY) || !mounted("/proc/sys", ST_RDONLY);
	f->control_groups = !mounted("/sys/fs/cgroup", ST_RDONLY);
	f->modules = any_can(modules, ARRAY_LEN(modules), X_OK);
	f->kernel_logs = any_can(logs, ARRAY_LEN(logs), R_OK);
}

int confined_look(struct confined_facts *ret)
{
	const char *asked = secure_getenv("VITALED_CONFINED");
	struct rlimit core;

	ret->asked = asked && strcmp(asked, "1") == 0;
	if (!ret->asked)
		return 0;
	if (getrlimit(RLIMIT_CORE, &core) < 0)
		return fault(-errno);
	ret->core = core.rlim_max;
	read_text("/proc/self/status", ret->status, sizeof(ret->status));
	read_text("/proc/self/uid_map", ret->uid_map, sizeof(ret->uid_map));
	read_text("/proc/self/mountinfo", ret->mountinfo, sizeof(ret->mountinfo));
	read_text("/proc/self/net/route", ret->routes, sizeof(ret->routes));
	read_text("/proc/self/net/if_inet6", ret->addresses, sizeof(ret->addresses));
	read_name("/proc/self/ns/ipc", ret->ipc, sizeof(ret->ipc));
	read_name("/proc/self/ns/uts", ret->uts, sizeof(ret->uts));
	look_at_files(ret);
	ret->write_execute = try_write_execute();
	ret->personality = syscall(SYS_personality, ASKING) < 0 ? errno : 0;
	ret->suid = syscall(SYS_fchmod, -1, S_ISUID) < 0 ? errno : 0;
	ret->inet = try_inet();
	return trace(try_filtered(&ret->filtered));
}
