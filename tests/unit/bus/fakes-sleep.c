/* SPDX-License-Identifier: EUPL-1.2 */
/* What the rooms below do when the machine sleeps: they note it. */
#include "tests/unit/bus/fakes.h"

void cards_unlisten(struct cards *cs, const void *user)
{
	(void)cs;
	if (fakes.let_go_user == user) {
		fakes.let_go = NULL;
		fakes.let_go_user = NULL;
	}
}

bool cards_in_use(struct cards *cs)
{
	(void)cs;
	return fakes.in_use;
}

void cards_sleep(struct cards *cs)
{
	(void)cs;
	fakes.slept++;
}

void cards_wake(struct cards *cs)
{
	(void)cs;
	fakes.woken++;
}

void sessions_lock_all(struct sessions *all, enum vitaled_reason r)
{
	(void)all;
	fakes.locked_all = r;
}

void pins_stop_all(struct pins *all, enum vitaled_reason why)
{
	(void)all;
	fakes.jobs_stopped = why;
}
