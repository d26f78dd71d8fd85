/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The private socket: connections of vitaled-watch and vitaled-card (base/link-usb.h) on one
 * side, readers (usb.h) on the other. One connection is a watch's or one slot's; a slot has one
 * connection at most. A connection that ends takes its card's power away; one that says what is
 * no request, or does not read what it is told, is closed. The rules are those of the newest
 * watch; before the first no reader is touched. When nobody has been connected for
 * SERVE_HOLD_USEC the readers are let go of, and after SERVE_IDLE_USEC, when all of them are closed,
 * the program ends where a socket unit starts it again.
 */
#include <systemd/sd-event.h>

#include "base/link-usb.h"
#include "drivers/usb/usb.h"

#define SERVE_CONNECTIONS_MAX  64U
#define SERVE_RULES_MAX	       16384U /* bytes */
#define SERVE_HOLD_USEC	       10000000U
#define SERVE_IDLE_USEC	       30000000U
/* the end comes so much later, again and again, while a reader is not closed; *invented* */
#define SERVE_CLOSE_USEC       1000000U
#define SERVE_GRACE_USEC       1500000U /* auto: pcscd has so long to take a reader that came */
/* auto: so long pcscd may be stopped, and have its readers back: longer than a restart or an update
 * of it takes, after which it would find them taken for good; *invented* */
#define SERVE_STOPPED_USEC     15000000U
#define SERVE_WAIT_USEC	       3000000U	   /* an ATTACH waits for the slot's last user */
#define SERVE_LIST_USEC	       4000000U	   /* LISTED comes no later, whatever a reader is at */
#define SERVE_RETRY_USEC       500000U	   /* a reader that others hold: tried anew, ... */
#define SERVE_RETRY_LAST_USEC  60000000U   /* ... ever more rarely up to this */
#define SERVE_BROKEN_USEC      10000000U   /* one that broke: likewise, ... */
#define SERVE_BROKEN_LAST_USEC 3600000000U /* ... up to this */
#define SERVE_GOOD_USEC                                                                        \
	300000000U /* one that served so long begins anew with the first pause */
/* of two readers in a device one broke: so often in a row the good one is let go of for it; *invented* */
#define SERVE_ANEW_MAX	     3U
#define SERVE_HELD_USEC	     60000000U	 /* auto: one that pcscd has, likewise, ... */
#define SERVE_HELD_LAST_USEC 3600000000U /* ... up to this */
#define SERVE_SLOTS_MAX	     32U	 /* of all that are taken; of one: descriptor.h */

struct serve;

/**
 * serve_new() - listen, and find readers
 * @cards:     a nonblocking SOCK_SEQPACKET socket (systemd's, or a test's); borrowed
 * @watches:   likewise; its connections alone may WATCH, and may not ATTACH
 * @peer:      the only uid besides root whose connections are taken; (uid_t)-1: any (tests)
 * @stays:     without an end, however idle
 * Return: 0 or a fault.
 */
int serve_new(sd_event *ev, int cards, int watches, uid_t peer, bool stays,
	struct serve **ret) _must_check_;
struct serve *serve_free(struct serve *s); /* cards lose their power, readers are let go of */
