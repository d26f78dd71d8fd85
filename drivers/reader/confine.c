/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The filter of vitaled-card and vitaled-watch. It is built by libseccomp and loaded once; it
 * stacks on whatever the unit has loaded. Guarantees: after confine_load() this process opens no
 * file and no socket, starts nothing, signals nobody, makes no memory executable, and sends only
 * on the two sockets that it had. Nothing is owned here after the return.
 */
#include "drivers/reader/confine.h"

#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/restrain.h"

#define FILES_MAX  16U /* 0 to 2, link, pcscd or vitaled-usb, and what comes */
#define MEMORY_MAX (32UL * 1024UL * 1024UL) /* address space; 3 MB are mapped at work */
#define LOCKED_MAX (64UL * 1024UL)	    /* the command with the PIN, the PIN */

#if VITALED_FILTER_LOGS
#define ON_DENIED SCMP_ACT_LOG
#else
#define ON_DENIED SCMP_ACT_KILL_PROCESS
#endif

/* Calls that name no object: waiting, the heap, the clock, the end. */
static const int everywhere[] = {
	SCMP_SYS(poll),		   /* the link, pcscd's socket, the PIN's pipe */
	SCMP_SYS(restart_syscall), /* a poll or sleep that was stopped and continued */
	SCMP_SYS(futex),	   /* libpcsclite's mutexes */
	SCMP_SYS(brk),		   /* malloc */
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(clock_gettime), /* where the vDSO does not do it */
	SCMP_SYS(gettimeofday),	 /* libpcsclite, likewise */
	SCMP_SYS(
		clock_nanosleep), /* our own short waits while another program holds the reader */
	SCMP_SYS(exit_group),
};

/* (argument @arg & @mask) == @value, which libseccomp's own macros leave half initialised */
static struct scmp_arg_cmp masked(unsigned arg, uint64_t mask, uint64_t value)
{
	return (struct scmp_arg_cmp){
		.arg = arg, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

static int allow(scmp_filter_ctx f, struct confine_rule rule)
{
	const struct scmp_arg_cmp fd = {
		.arg = 0, .op = SCMP_CMP_EQ, .datum_a = (scmp_datum_t)rule.fd};

	return seccomp_rule_add_array(
		f, SCMP_ACT_ALLOW, rule.call, rule.fd == CONFINE_ANY_FD ? 0 : 1, &fd);
}

static int allow_all(scmp_filter_ctx f, const struct confine_rule *rules, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		r = allow(f, rules[i]);
	}
	return r;
}

static int allow_common(scmp_filter_ctx f, int link, int pcsc)
{
	const struct confine_rule on_fd[] = {
		{SCMP_SYS(sendto), link},  /* answers and events */
		{SCMP_SYS(recvmsg), link}, /* requests, with the PIN's pipe */
		{SCMP_SYS(sendto), pcsc},  /* commands to pcscd */
		{SCMP_SYS(read), pcsc},	   /* its answers */
		{SCMP_SYS(close), pcsc},   /* SCardReleaseContext */
	};
	int r = allow_all(f, on_fd, pcsc < 0 ? 2 : ARRAY_LEN(on_fd));

	for (size_t i = 0; i < ARRAY_LEN(everywhere) && r == 0; i++) {
		r = allow(f, (struct confine_rule){everywhere[i], CONFINE_ANY_FD});
	}
	if (r == 0) {
		/* malloc of large blocks: memory of our own, never executable, never a file */
		const struct scmp_arg_cmp own[] = {
			masked(2, PROT_EXEC, 0), masked(3, MAP_ANONYMOUS, MAP_ANONYMOUS)};

		r = seccomp_rule_add_array(
			f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), ARRAY_LEN(own), own);
	}
	return r;
}

static void say_that_it_only_logs(void)
{
#if VITALED_FILTER_LOGS
	static const char text[] =
		"<4>system call filter: this build only logs what it would deny\n";

	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0) {
		return; /* nobody listens: nothing else to tell them */
	}
#endif
}

/* there only in builds that measure coverage: their counters are written on the way out */
extern void __gcov_dump(void) __attribute__((weak));

void confine_exit(int status)
{
	if (__gcov_dump) {
		__gcov_dump();
	}
	_exit(status);
}

int confine_start(void)
{
	const struct restrain most = {
		.files = FILES_MAX, .memory = MEMORY_MAX, .locked = LOCKED_MAX, .size = 0};

	return trace(restrain(&most));
}

int confine_load(int link, int pcsc, const struct confine_rule *rules, size_t n)
{
	scmp_filter_ctx f = seccomp_init(ON_DENIED);
	int r;

	if (!f) {
		return fault(-ENOMEM);
	}
	say_that_it_only_logs();
	r = allow_common(f, link, pcsc);
	if (r == 0) {
		r = allow_all(f, rules, n);
	}
	if (r == 0) {
		r = seccomp_load(f);
	}
	seccomp_release(f);
	return r < 0 ? fault(r) : 0;
}
