/* SPDX-License-Identifier: EUPL-1.2 */
/* The filter of vitaled-usb, tried from inside: each attempt in a child of its own that has loaded it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers/usb/confine.h"

enum fate {
	STAYS = 0,
	REFUSED, /* EPERM */
	KILLED,
};

static char page[4096];
static struct iovec one = {.iov_base = page, .iov_len = 1};
static pthread_barrier_t loaded;

static long map(int protection)
{
	void *p = mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : 0;
}

static long start(void)
{
	static char *nobody[] = {NULL};

	return execve("/bin/true", nobody, nobody);
}

/* A thread that was there before, as libusb's is. */
static void *before(void *unused)
{
	(void)pthread_barrier_wait(&loaded);
	(void)socket(AF_INET, SOCK_STREAM, 0);
	(void)pthread_barrier_wait(&loaded);
	return unused;
}

static long old_thread(void)
{
	(void)pthread_barrier_wait(&loaded);
	(void)pthread_barrier_wait(&loaded);
	return 0;
}

#define ATTEMPTS(X)                                                                            \
	X(read_node, STAYS, open("/dev/null", O_RDWR | O_CLOEXEC))                             \
	X(unix_socket, STAYS, socket(AF_UNIX, SOCK_DGRAM, 0))                                  \
	X(netlink_socket, STAYS, socket(AF_NETLINK, SOCK_RAW, 15))                             \
	X(memory, STAYS, map(PROT_READ | PROT_WRITE))                                          \
	X(wait_for_time, STAYS, usleep(1))                                                     \
	X(netlink_of_the_network, REFUSED, socket(AF_NETLINK, SOCK_RAW, 0))                    \
	X(executable_memory, REFUSED, map(PROT_READ | PROT_EXEC))                              \
	X(make_executable, REFUSED, mprotect(page, 1, PROT_READ | PROT_EXEC))                  \
	X(new_process, REFUSED, fork())                                                        \
	X(signal_others, REFUSED, kill(getppid(), 0))                                          \
	X(remove_folder, REFUSED, rmdir("/nowhere"))                                           \
	X(change_mode, REFUSED, chmod("/nowhere", 0))                                          \
	X(own_namespace, REFUSED, syscall(SYS_unshare, 0))                                     \
	X(start_program, KILLED, start())                                                      \
	X(trace, KILLED, ptrace(PTRACE_TRACEME, 0, NULL, NULL))                                \
	X(look_into_others, KILLED, process_vm_readv(getppid(), &one, 1, &one, 1, 0))          \
	X(write_into_others, KILLED, process_vm_writev(getppid(), &one, 1, &one, 1, 0))        \
	X(network, KILLED, socket(AF_INET, SOCK_STREAM, 0))                                    \
	X(network_6, KILLED, socket(AF_INET6, SOCK_DGRAM, 0))                                  \
	X(raw_packets, KILLED, socket(AF_PACKET, SOCK_RAW, 0))                                 \
	X(bluetooth, KILLED, socket(AF_BLUETOOTH, SOCK_RAW, 0))                                \
	X(wait_for_others, KILLED, listen(0, 1))                                               \
	X(thread_of_before, KILLED, old_thread())

#define X(name, fate, what)                                                                    \
	static long try_##name(void)                                                           \
	{                                                                                      \
		return (long)(what);                                                           \
	}
ATTEMPTS(X)
#undef X

static const struct {
	const char *name;
	enum fate fate;
	long (*attempt)(void);
} rows[] = {

#define X(name, fate, what) {#name, fate, try_##name},
	ATTEMPTS(X)
#undef X
};

/* Return: of the child, 0 it stayed, 1 it was refused, 2 something else; 128 and the signal. */
static int fate_of(long (*attempt)(void))
{
	pid_t pid = fork();
	pthread_t thread;
	int status = 0;

	if (pid == 0) {
		(void)pthread_barrier_init(&loaded, NULL, 2);
		if (pthread_create(&thread, NULL, before, NULL) != 0 ||
			prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || usb_confine() < 0) {
			_exit(3);
		}
		errno = 0;
		_exit(attempt() >= 0 ? 0 : errno == EPERM ? 1 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void each_call_stays_is_refused_or_ends_the_program(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int wanted = rows[i].fate == KILLED ? 128 + SIGSYS : rows[i].fate == REFUSED;
		int got = fate_of(rows[i].attempt);

		if (VITALED_FILTER_LOGS ? got == 3 : got != wanted) {
			fail_msg("%s: %d, not %d", rows[i].name, got, wanted);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_call_stays_is_refused_or_ends_the_program),
	};

	return cmocka_run_group_tests_name("usb-confine", tests, NULL, NULL);
}
