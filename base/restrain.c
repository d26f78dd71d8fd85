/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The start of every child process. CPU time is not bounded here: processes wait for days, and one
 * that computes instead of answering is ended by the broker's deadlines. Nothing is owned.
 */
#include "base/restrain.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static int lower(__rlimit_resource_t what, rlim_t most)
{
	struct rlimit l;

	if (getrlimit(what, &l) < 0)
		return fault(-errno);
	/* more than the hard limit is refused, and not what is wanted */
	l.rlim_max = l.rlim_max < most ? l.rlim_max : most;
	l.rlim_cur = l.rlim_max;
	return setrlimit(what, &l) < 0 ? fault(-errno) : 0;
}

int restrain(const struct restrain *most)
{
	const struct {
		__rlimit_resource_t what;
		rlim_t most;
		bool in_test_builds;
	} limits[] = {
		{RLIMIT_CORE, 0, true},
		{RLIMIT_NOFILE, most->files, true},
		{RLIMIT_MEMLOCK, most->locked, true},
		{RLIMIT_MSGQUEUE, 0, true},
		{RLIMIT_AS, most->memory, false},
		{RLIMIT_NPROC, 0, false},
		{RLIMIT_FSIZE, most->size, false},
	};

	int r = 0;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return fault(-errno);
	(void)umask(077);
	for (size_t i = 0; i < ARRAY_LEN(limits) && r == 0; i++)
		if (limits[i].in_test_builds || !VITALED_FILTER_LOGS)
			r = lower(limits[i].what, limits[i].most);
	return trace(r);
}
