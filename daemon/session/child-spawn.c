/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A program as a child: the link is its descriptor 3, 0 to 2 are ours, nothing else is handed on; no
 * signal is blocked or ignored; the environment is what was given and nothing more.
 */
#include "daemon/session/child-spawn.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>

#include "base/link.h"

static int spawn_with(const char *program, char *const env[], int link, pid_t *ret_pid,
	posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes)
{
	char *name = NULL;
	sigset_t none;
	sigset_t all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	/* the loop blocks SIGCHLD and SIGTERM: that is not handed on */
	r = posix_spawnattr_setsigmask(attributes, &none);
	r = r ? r : posix_spawnattr_setsigdefault(attributes, &all);
	r = r ? r
	      : posix_spawnattr_setflags(
			attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = r ? r : posix_spawn_file_actions_adddup2(actions, link, LINK_CHILD_FD);
	r = r ? r : posix_spawn_file_actions_addclosefrom_np(actions, LINK_CHILD_FD + 1);
	if (r != 0) {
		return fault(-r);
	}
	name = strdup(program);
	if (!name) {
		return fault(-ENOMEM);
	}
	r = posix_spawn(ret_pid, program, actions, attributes, (char *[]){name, NULL}, env);
	free(name);
	return r == 0 ? 0 : fault(-r);
}

int child_spawn(const char *program, char *const env[], int link, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r;

	r = posix_spawn_file_actions_init(&actions);
	if (r != 0) {
		return fault(-r);
	}
	r = posix_spawnattr_init(&attributes);
	if (r == 0) {
		r = spawn_with(program, env, link, ret_pid, &actions, &attributes);
		(void)posix_spawnattr_destroy(&attributes);
	} else {
		r = fault(-r);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return trace(r);
}
