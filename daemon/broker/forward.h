/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The record leaves the machine: each entry goes, as daemon/audit/atna.h makes it, to a local socket of
 * the site's syslog daemon (datagrams, or a stream with the lengths of RFC 6587 §3.4.1). In order, at
 * least once, and never in anybody's way: nothing waits for it and nothing fails by it.
 */
#include <systemd/sd-event.h>

#include "daemon/audit/audit.h"

struct forward;

/** forward_new() - @path: of the socket; it need not be there yet. @record: the origin; both borrowed. */
int forward_new(sd_event *ev, struct audit *audit, const char *path, const char *record,
	struct forward **ret) _must_check_;
/** forward_free() - hands on what is taken at once; the rest is for the next start. */
struct forward *forward_free(struct forward *f);
/** forward_wake() - something was recorded. @f may be NULL. */
void forward_wake(struct forward *f);
/** forward_behind() - whether entries have been waiting for half a minute without one being taken.
 *  @f may be NULL. @ret_socket: borrowed. */
bool forward_behind(const struct forward *f, uint64_t *ret_entries, const char **ret_socket);
