/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the site tells its patients: a folder with one file a message, which a job of the site
 * reads and removes (doc/telling.md). The messages are made of the record's own entries, in
 * order, at least once, and never in anybody's way: nothing waits for the folder and nothing
 * fails by it.
 */
#include <systemd/sd-event.h>

#include "daemon/audit/audit.h"

struct outbox;

struct outbox_ops {
	/* something was recorded that the patient would want to hear of; not "emergency" and
	 * "opened", which are recorded before they are so */
	void (*told)(void *user, const char *pseudonym, const char *what, uint64_t when);
};

/** outbox_new() - @state: of the folder `outbox` in it, made where it is missing; NULL: no
 *  messages are kept, and only @ops hear. All borrowed. Return: 0 or a fault. */
int outbox_new(sd_event *ev, struct audit *audit, const char *state,
	const struct outbox_ops *ops, void *user, struct outbox **ret) _must_check_;
/** outbox_forget() - no messages are kept in @state: once they are again they begin with what comes
 *  then. Return: 0 or a fault. */
int outbox_forget(const char *state) _must_check_;
/** outbox_free() - what still waits is for the next start. */
struct outbox *outbox_free(struct outbox *o);
/** outbox_wake() - something was recorded. @o may be NULL. */
void outbox_wake(struct outbox *o);
/** outbox_stuck() - why messages wait: full (LIMIT_OUTBOX), no-space, read-only, denied,
 *  failed; NULL: they do not. @o may be NULL. @ret_folder: borrowed. @ret_entries: of the
 *  record, that were not looked at. */
const char *outbox_stuck(
	const struct outbox *o, const char **ret_folder, uint64_t *ret_entries);
