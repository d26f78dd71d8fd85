/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What systemd is told of us (sd_notify(3)); nothing where nobody listens (NOTIFY_SOCKET). */
#include "daemon/session/session.h"

struct notify;

/** notify_new() - keep STATUS= true from now on: readers, cards, sessions, reader service. */
int notify_new(sd_event *ev, struct cards *cards, struct sessions *sessions,
	struct notify **ret) _must_check_;
struct notify *notify_free(struct notify *n);
/** notify_touch() - a session came, changed or went. Cheap; takes NULL. */
void notify_touch(struct notify *n);

/* steps of the service's life: lost when the socket has no room for LIMIT_NOTIFY */
void notify_ready(void);
void notify_reloading(void); /* until notify_ready() */
void notify_stopping(void);
/** notify_failed() - why the service ends: @r a fault, @what a word or two. */
void notify_failed(int r, const char *what);
