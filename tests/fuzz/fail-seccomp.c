/* SPDX-License-Identifier: EUPL-1.2 */
/* A program that confines itself, in a process that goes on: the filter is built and never loaded. */
#include <assert.h>
#include <errno.h>
#include <seccomp.h>
#include <unistd.h>

#include "tests/fuzz/fail.h"

scmp_filter_ctx __real_seccomp_init(uint32_t action);
scmp_filter_ctx __wrap_seccomp_init(uint32_t action);

scmp_filter_ctx __wrap_seccomp_init(uint32_t action)
{
	return fail_now() ? NULL : __real_seccomp_init(action);
}

int __real_seccomp_rule_add_array(scmp_filter_ctx f, uint32_t action, int call, unsigned n,
	const struct scmp_arg_cmp *arguments);
int __wrap_seccomp_rule_add_array(scmp_filter_ctx f, uint32_t action, int call, unsigned n,
	const struct scmp_arg_cmp *arguments);

int __wrap_seccomp_rule_add_array(scmp_filter_ctx f, uint32_t action, int call, unsigned n,
	const struct scmp_arg_cmp *arguments)
{
	return fail_now() ? -ENOMEM
			  : __real_seccomp_rule_add_array(f, action, call, n, arguments);
}

int __wrap_seccomp_load(scmp_filter_ctx f);

int __wrap_seccomp_load(scmp_filter_ctx f)
{
	assert(f);
	return fail_now() ? -EINVAL : 0;
}

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);

ssize_t __wrap_write(int fd, const void *data, size_t len)
{
	if (fd != STDERR_FILENO) {
		return __real_write(fd, data, len);
	}
	return fail_now() ? -1 : (ssize_t)len; /* what it says of its filter */
}
