/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Programs at a device node, each open file a client of the testbed's. The testbed notices that one has ended
 * while it waits for its next call only: of one that was killed in the middle of a call it never tells, and its
 * claim would stay for ever. So the client's socket is asked, as the kernel knows it.
 */
#include <stdbool.h>
#include <umockdev.h>

/** client_came() - in a handler of "client-connected": find the connection that was just taken. */
void client_came(UMockdevIoctlClient *c);

/** client_lives() - whether the file is still open somewhere. */
bool client_lives(UMockdevIoctlClient *c);
