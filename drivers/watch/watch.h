/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the files of vitaled-watch share: main.c picks who is watched, pcsc.c watches pcscd and usb.c
 * vitaled-usb, tell.c speaks to the broker, await.c waits for a service that is not there.
 */
#include "base/buf.h"
#include "base/link-ops.h"

#define AWAIT_FIRST_MS 50    /* a service is not there: look again after ... */
#define AWAIT_LAST_MS  20000 /* ... doubled up to */
#define AWAIT_BLIND_MS 1000  /* ... where its folder cannot be watched */

/* how the process ends */
enum watch_exit {
	WATCH_EXIT_DONE =
		0, /* the broker hung up, or the service went away (STOPPED was sent) */
	WATCH_EXIT_SETUP = 1,  /* the process could not be set up */
	WATCH_EXIT_FILTER = 2, /* the filter could not be loaded */
	WATCH_EXIT_FAILED = 3, /* the link or the service failed */
};

enum watch_outcome {
	WATCH_HANGUP = 1, /* the broker closed the link */
	WATCH_NO_SERVICE, /* the service went away, or is not there */
};

enum watch_exit watch_pcsc(bool guard);
enum watch_exit watch_usb(bool guard);

/** tell_event() - to the broker. Return: 0, a fault, or WATCH_HANGUP. */
int tell_event(uint8_t op, const struct buf *body) _must_check_;
int tell_service(enum watch_service state) _must_check_;
/** tell_hung_up() - whether the broker said something within @ms, which it does to hang up. */
bool tell_hung_up(int ms);

/** await_folder() - begin to listen to what comes into the folder of the socket @path, or into the next
 *  one above that there is. Return: a descriptor, or -1 when that does not go. */
int await_folder(const char *path);
/** await_service() - until the time @pause is over (it then doubles), something comes into the folder, or
 *  the broker says something; after something came AWAIT_FIRST_MS more, however much comes.
 *  @sure: the folder tells of all that can change: no time is set where it is watched.
 *  Return: whether the broker said something. */
bool await_service(int folder, bool sure, int *pause);
