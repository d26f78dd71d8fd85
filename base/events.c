/* SPDX-License-Identifier: EUPL-1.2 */
#include "base/events.h"

#include <errno.h>
#include <stdbool.h>

int events_new(const sigset_t *also, sd_event **ret_ev)
{
	sigset_t signals = *also;
	int r;

	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
		return fault(-errno);
	}
	r = sd_event_new(ret_ev);
	if (r >= 0) {
		r = sd_event_add_signal(*ret_ev, NULL, SIGTERM, NULL, NULL);
	}
	if (r >= 0) {
		r = sd_event_add_signal(*ret_ev, NULL, SIGINT, NULL, NULL);
	}
	if (r >= 0) {
		r = sd_event_set_watchdog(*ret_ev, true);
	}
	return r < 0 ? fault(r) : 0;
}
