/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The filter from inside: forked processes load it and try what they must not. On sanitizer and
 * coverage builds the filter only logs, and this test says that it was skipped (77).
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/rng.h"
#include "daemon/dossier/seal.h"
#include "daemon/dossier/store/filter.h"

typedef void (*try_fn)(void);

static void try_open(void)
{
	(void)open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static void try_create(void)
{
	(void)syscall(SYS_open, "/tmp/x", O_CREAT | O_WRONLY, 0600);
}

static void try_unlink(void)
{
	(void)unlink("/tmp/nothing-of-that-name");
}

static void try_socket(void)
{
	(void)socket(AF_INET, SOCK_STREAM, 0);
}

static void try_connect(void)
{
	(void)connect(3, NULL, 0);
}

static void try_fork(void)
{
	(void)fork();
}

static void try_exec(void)
{
	(void)execl("/bin/true", "true", (char *)NULL);
}

static void try_kill(void)
{
	(void)kill(getppid(), 0);
}

static void try_ptrace(void)
{
	(void)ptrace(PTRACE_ATTACH, 1, NULL, NULL);
}

static void try_peek(void)
{
	char byte;
	struct iovec v = {.iov_base = &byte, .iov_len = 1};

	(void)process_vm_readv(1, &v, 1, &v, 1, 0);
}

static void try_executable_memory(void)
{
	(void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void try_make_executable(void)
{
	(void)mprotect((void *)((uintptr_t)&try_open & ~4095UL), 4096, PROT_READ | PROT_EXEC);
}

static void try_map_a_file(void)
{
	(void)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 0, 0);
}

static void try_stat(void)
{
	struct stat st;

	(void)stat("/etc/passwd", &st);
}

static void try_other_socket(void)
{
	(void)sendto(5, "x", 1, 0, NULL, 0);
}

static void try_mount(void)
{
	(void)syscall(SYS_mount, "a", "b", "c", 0UL, NULL);
}

/* Load limits and filter, then @attempt. Return: wait status. */
static int run_confined(try_fn attempt)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (filter_limits() < 0 || filter_load() < 0) {
			_exit(3);
		}
		attempt();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void what_is_given_up_kills(void **state)
{
	static const try_fn attempts[] = {try_open, try_create, try_unlink, try_socket,
		try_connect, try_fork, try_exec, try_kill, try_ptrace, try_peek,
		try_executable_memory, try_make_executable, try_map_a_file, try_stat,
		try_other_socket, try_mount};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
		int status = run_confined(attempts[i]);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

static void use_what_is_needed(void)
{
	_cleanup_json_ json_t *j = json_pack("{s:i}", "a", 1);
	_cleanup_(secret_done) struct secret derived = SECRET_NULL;
	uint8_t key[SEAL_KEY];
	int ends[2];
	int fd;

	if (rng_fill(key, sizeof(key)) < 0 || pipe2(ends, O_CLOEXEC) < 0 ||
		write(ends[1], "x", 1) != 1 || json_memfd(j, "x", &fd) != 0 ||
		seal_derive(VIEW(key), VIEW_NULL, "x", VIEW_NULL, &derived) < 0) {
		_exit(4);
	}
	free(malloc((size_t)64 * 1024 * 1024));
}

static void what_is_needed_works(void **state)
{
	int status = run_confined(use_what_is_needed);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void look_at_limits(void)
{
	struct rlimit core;
	struct rlimit files;
	int death;

	/* looked at before the filter, which does not allow asking */
	if (prctl(PR_GET_DUMPABLE) != 0 || prctl(PR_GET_PDEATHSIG, &death) < 0 ||
		death != SIGKILL || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ||
		getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_max != 0 ||
		getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_max != 64 ||
		umask(0) != 077) {
		_exit(5);
	}
}

static void limits_are_set(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		if (filter_limits() < 0) {
			_exit(3);
		}
		look_at_limits();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_given_up_kills),
		cmocka_unit_test(what_is_needed_works),
		cmocka_unit_test(limits_are_set),
	};

	if (VITALED_FILTER_LOGS) {
		return 77;
	}
	json_setup();
	return seal_setup() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
