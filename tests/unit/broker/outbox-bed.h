/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* A record of its own, a folder of its own, and disks that refuse; for the tests of the outbox. */
#include "base/clock.h"
#include "daemon/audit/keep.h"
#include "daemon/audit/state.h"
#include "daemon/broker/notices.h"
#include "daemon/broker/outbox.h"
#include "daemon/limits.h"
#include "daemon/session/types.h"
#include "tests/unit/record/forge.h"

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PERSON "3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c"

struct outbox_bed {
	char folder[32]; /* the state */
	char box[64];
	struct audit *audit;
	sd_event *ev;
	struct outbox *o;
	unsigned int told;
	char what[32];
	uint64_t when;
	uint64_t ahead; /* what the clock of the service is ahead by */
	int failing;	/* errno of what is wrapped; 0: nothing fails */
	const char *of; /* ... which: openat, renameat, audit_read */
};

extern struct outbox_bed at;

void break_it(const char *of, int error); /* @of: the call, which fails with @error */
void serve_with(const char *state);	  /* NULL: without a folder */
void serve(void);
void stop(void);
void crash(void);
void settle(void);    /* turns until nothing is left to do at once */
void try_again(void); /* later, when what did not work is tried again */
int setup(void **state);
int teardown(void **state);

/** append() - an entry as rooms write it. */
void append(enum audit_event event, const char *outcome, enum session_mode mode,
	const json_t *details);
void emergency(void);

/** files() - how many files there are; @ret_first: name of the first one, or NULL. Nothing but messages lies
 *  there. */
int files(char *ret_first, size_t size);
json_t *message(const char *name, mode_t *ret_mode);
void remove_first(void);
void assert_stuck(const char *cause);
