/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * When a call into the reader does not come back (a reader that hangs, a card that asks for more
 * time for ever, pcscd waiting for another program's transaction), a timer answers the request in
 * our place and ends the process. One process, one link: the state is the process's. Before
 * stuck_init() every function does nothing, as in tests.
 */
#include "base/link.h"

#define STUCK_STATUS 4 /* exit status of a process that was ended so */

/** stuck_init() - take SIGALRM; before confinement. Return: 0 or a fault. */
int stuck_init(int link) _must_check_;
/** stuck_begin() - @request runs; in @usec microseconds it is answered by the last stuck_as().
 *  @body: of that answer, at most STUCK_BODY_MAX bytes; a longer one is left out */
void stuck_begin(const struct link_frame *request, struct view body, uint64_t usec);
/** stuck_as() - what the answer will be: CARD_BUSY, CARD_MUTE. */
void stuck_as(uint8_t outcome);
void stuck_end(void); /* the request is answered */

#define STUCK_BODY_MAX 32U
