/* SPDX-License-Identifier: EUPL-1.2 */
/* One counter over all wrapped calls; see memory.h. */
#include "tests/unit/session/memory.h"

#include <errno.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>

uint64_t world_hurry = 1;
uint64_t world_hurry_requests = 1;
uint64_t world_wall;
uint64_t world_slept;
clockid_t world_clock_at;
clockid_t world_clock_long;

static unsigned int fail_at;
static unsigned int counted;
static unsigned int paused;

void memory_arm(unsigned int nth)
{
	fail_at = nth;
	counted = 0;
}

unsigned int memory_count(void)
{
	return counted;
}

void memory_pause(void)
{
	paused++;
}

void memory_resume(void)
{
	paused--;
}

static bool fails(void)
{
	if (paused > 0) {
		return false;
	}
	counted++;
	return counted == fail_at;
}

/* WRAP() - the real function, or @failure */
#define WRAP(type, name, failure, parameters, arguments)                                       \
	type __real_##name parameters;                                                         \
	type __wrap_##name parameters;                                                         \
	type __wrap_##name parameters                                                          \
	{                                                                                      \
		return fails() ? (failure) : __real_##name arguments;                          \
	}

WRAP(void *, malloc, NULL, (size_t size), (size))
WRAP(void *, calloc, NULL, (size_t n, size_t size), (n, size))
WRAP(char *, strdup, NULL, (const char *text), (text))
WRAP(int, socketpair, (errno = EMFILE, -1), (int domain, int type, int protocol, int *ret),
	(domain, type, protocol, ret))
WRAP(int, posix_spawn, ENOMEM,
	(pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
		const posix_spawnattr_t *attributes, char *const argv[], char *const env[]),
	(pid, path, actions, attributes, argv, env))
WRAP(int, posix_spawnattr_init, ENOMEM, (posix_spawnattr_t * a), (a))
WRAP(int, posix_spawn_file_actions_init, ENOMEM, (posix_spawn_file_actions_t * a), (a))
WRAP(int, posix_spawnattr_setsigmask, ENOMEM, (posix_spawnattr_t * a, const sigset_t *s),
	(a, s))
WRAP(int, sd_event_add_io, -ENOMEM,
	(sd_event * ev, sd_event_source **ret, int fd, uint32_t events,
		sd_event_io_handler_t fn, void *user),
	(ev, ret, fd, events, fn, user))
WRAP(int, sd_event_add_child, -ENOMEM,
	(sd_event * ev, sd_event_source **ret, pid_t pid, int options,
		sd_event_child_handler_t fn, void *user),
	(ev, ret, pid, options, fn, user))
WRAP(int, sd_event_add_defer, -ENOMEM,
	(sd_event * ev, sd_event_source **ret, sd_event_handler_t fn, void *user),
	(ev, ret, fn, user))
WRAP(int, sd_event_source_set_time_relative, -ENOMEM, (sd_event_source * s, uint64_t usec),
	(s, usec / world_hurry_requests))
WRAP(int, rng_fill, -EIO, (void *data, size_t len), (data, len))
WRAP(int, rng_uuid7, -EIO, (char *ret_id), (ret_id))
WRAP(int, clock_boot_id, -EIO, (char *ret_id), (ret_id))

int __real_sd_event_add_time_relative(sd_event *ev, sd_event_source **ret, clockid_t clock,
	uint64_t usec, uint64_t accuracy, sd_event_time_handler_t fn, void *user);
int __wrap_sd_event_add_time_relative(sd_event *ev, sd_event_source **ret, clockid_t clock,
	uint64_t usec, uint64_t accuracy, sd_event_time_handler_t fn, void *user);

/* This one also passes the time more quickly. */
int __wrap_sd_event_add_time_relative(sd_event *ev, sd_event_source **ret, clockid_t clock,
	uint64_t usec, uint64_t accuracy, sd_event_time_handler_t fn, void *user)
{
	if (fails()) {
		return -ENOMEM;
	}
	/* a process that is started meanwhile has a deadline that never comes */
	if (usec >= 60000000ULL && usec < UINT64_MAX / 4) {
		world_clock_long = clock;
	}
	return __real_sd_event_add_time_relative(
		ev, ret, clock, usec / world_hurry, accuracy, fn, user);
}

int __real_sd_event_add_time(sd_event *ev, sd_event_source **ret, clockid_t clock,
	uint64_t usec, uint64_t accuracy, sd_event_time_handler_t fn, void *user);
int __wrap_sd_event_add_time(sd_event *ev, sd_event_source **ret, clockid_t clock,
	uint64_t usec, uint64_t accuracy, sd_event_time_handler_t fn, void *user);

int __wrap_sd_event_add_time(sd_event *ev, sd_event_source **ret, clockid_t clock,
	uint64_t usec, uint64_t accuracy, sd_event_time_handler_t fn, void *user)
{
	if (fails()) {
		return -ENOMEM;
	}
	world_clock_at = clock;
	return __real_sd_event_add_time(ev, ret, clock, usec, accuracy, fn, user);
}

uint64_t __real_clock_boottime(void);
uint64_t __wrap_clock_boottime(void);

uint64_t __wrap_clock_boottime(void)
{
	return __real_clock_boottime() + world_slept;
}

uint64_t __real_clock_wall(void);
uint64_t __wrap_clock_wall(void);

uint64_t __wrap_clock_wall(void)
{
	return world_wall ? world_wall : __real_clock_wall();
}
