/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * An event of vitaled-usb, taken apart into what link-usb.h says of it and put together anew: nothing of
 * its bytes is handed on as it came. Pure.
 */
#include "base/buf.h"

#define RELAY_EVENT_MAX 512U /* bytes of a body, ours */

enum relay_outcome {
	RELAY_BROKEN = 1, /* no event of a reader or a card */
};

/** relay_event() - @op: enum watch_op; the body for the broker is appended to @out.
 *  Return: 0 or RELAY_BROKEN. */
int relay_event(uint8_t op, struct view body, struct buf *out) _must_check_;
