/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Memory that runs out: every allocation of the program under test and of OpenSSL is counted, and
 * the n-th of them fails, once or from then on. Linked with --wrap=malloc,calloc,realloc.
 */
#include <stdbool.h>

/** failing_setup() - before OpenSSL allocates anything. */
void failing_setup(void);
/** failing_allocation() - counts one; for other libraries' hooks. Return: whether it must fail. */
bool failing_allocation(void);
/** failing_arm() - the @nth allocation from now fails; @forever: and all after it. */
void failing_arm(unsigned int nth, bool forever);
/** failing_off() - Return: whether an allocation was refused since failing_arm(). */
bool failing_off(void);
