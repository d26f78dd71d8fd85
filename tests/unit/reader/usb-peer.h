/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* A vitaled-usb that follows a script, in a thread behind a real socket. One at a time. */
#include <pthread.h>

#include "base/buf.h"
#include "base/link-usb.h"
#include "drivers/reader/reader.h"

#define STEPS_MAX 16U
#define READER	  "Kapelse KAP-LINK (K1) [usb 1-2] 00 01"

/* of the test's process, by the linker's wraps */
extern bool no_memory, no_socket;
extern unsigned faster;	 /* time runs so much faster */
extern uint64_t longest; /* that was waited for, microseconds */

enum how {
	ANSWERS = 0,
	SILENT,	     /* until it is asked to abort; then it answers */
	DEAD_SILENT, /* says nothing, and then takes nothing */
	HANGS_UP,
	TALKS_NONSENSE, /* no frame */
	OTHER_OP,
	OTHER_SEQ,
	AN_EVENT,
	WITH_A_FILE,
	ANSWERS_AND_GOES,
	SLOWLY, /* a part of a second late */
};

struct step {
	uint8_t op; /* that must come */
	enum how how;
	uint8_t outcome;
	const char *hex; /* body: objects of link-tags.h; NULL: that of the op */
};

struct usb_peer {
	char folder[32];
	char path[64];
	int listening;
	pthread_t thread;
	bool over; /* it has been joined */
	struct step steps[STEPS_MAX];
	struct buf last; /* body of the last request of the op that the test looks at */
	unsigned done;	 /* steps that were played */
	bool wrong;	 /* something else came */
};

extern struct usb_peer peer;

/** peer_begin() - listen, and connect a transport to it. */
struct transport *peer_begin(const struct step *steps, size_t n);
/** peer_end() - free @t; exactly @done steps were played, and nothing else came. */
void peer_end(struct transport *t, unsigned done);
void peer_join(void); /* it has hung up */

#define BEGIN(...)                                                                             \
	peer_begin((const struct step[]){__VA_ARGS__},                                         \
		sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step))
