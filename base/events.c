/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * See events.h.
 */
#include "base/events.h"

#include <errno.h>
#include <stdbool.h>

int events_new(const sigset_t *also, sd_event **ret_ev)
{
	_cleanup_(events_put) sd_event *ev = NULL;
	sigset_t signals = *also;
	int r;

	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
		return fault(-errno);
	}
	r = sd_event_new(&ev);
	if (r >= 0) {
		r = sd_event_add_signal(ev, NULL, SIGTERM, NULL, NULL);
	}
	if (r >= 0) {
		r = sd_event_add_signal(ev, NULL, SIGINT, NULL, NULL);
	}
	if (r >= 0) {
		r = sd_event_set_watchdog(ev, true);
	}
	if (r < 0) {
		return fault(r);
	}
	*ret_ev = ev;
	ev = NULL;
	return 0;
}
