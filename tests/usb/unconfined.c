/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitaled-usb without its limits and its filter, for valgrind, which lives in the same process and needs memory
 * and calls that the program has given up.
 */
#include "base/restrain.h"
#include "drivers/usb/confine.h"

int usb_confine(void)
{
	return 0;
}

int restrain(_unused_ const struct restrain *most)
{
	return 0;
}
