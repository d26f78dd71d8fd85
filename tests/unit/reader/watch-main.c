/* SPDX-License-Identifier: EUPL-1.2 */
/* The program vitaled-watch with its main under another name, for test-watch.c. */
#include <stdnoreturn.h>

noreturn int watch_main(void);

#define main watch_main
#include "drivers/watch/main.c"
