/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What is to go wrong on order (pipes.c, orders.c).
 */
#include <stdint.h>

/** struct fault_order - with the next answers of a slot. */
struct fault_order {
	const struct fault_kind *kind; /* NULL: nothing */
	unsigned times;		       /* 0: for ever */
	unsigned skip;		       /* answers that go well before */
	unsigned argument;
	uint8_t of; /* the type of the commands that they are to; 0: any */
};
