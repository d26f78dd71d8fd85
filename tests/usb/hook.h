/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The control pipe of a device, for hook.c.
 */
#include "tests/usb/pipes.h"

/** control_request() - one request: eight bytes of setup, then its data. @answer: what goes to the host.
 *  Return: 0, -EPIPE: it stalls. */
int control_request(struct bench_device *d, struct view setup, struct buf *answer) _must_check_;
