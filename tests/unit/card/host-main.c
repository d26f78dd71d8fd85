/* SPDX-License-Identifier: EUPL-1.2 */
/* The program vitaled-card with its main under another name, for test-host.c. */
#include <stdnoreturn.h>

noreturn int host_main(void);

#define main host_main
#include "drivers/card/host.c"
