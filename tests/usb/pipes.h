/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * A device's node and its pipes.
 */
#include "tests/usb/bench.h"

/* -- hook.c: what programs do with the device node ------------------------------------------------- */

struct bench_node *node_new(struct bench_device *d, const char *path);
/** node_end() - it is unplugged: every transfer ends, every call fails; the last client frees it. */
void node_end(struct bench_node *n);
/** node_progress() - something may have become ready: packets, a halt. */
void node_progress(struct bench_node *n);

/** node_tick() - from time to time: what programs left that were killed. @n: NULL does nothing. */
void node_tick(struct bench_node *n);
/** node_hold() - the next clearing of a halt, or reset, does not end until node_let_go(). */
void node_hold(struct bench_device *d, bool clear);
void node_let_go(struct bench_device *d);

/* another program has taken a device's interfaces from who claimed them */
enum bench_steal {
	BENCH_STEAL_NOT,
	BENCH_STEAL_ONCE,  /* a reset takes them from it */
	BENCH_STEAL_STAYS, /* ... and it takes them again */
};

/** node_steal() - as the kernel's USBDEVFS_DISCONNECT_CLAIM does for whoever may open the node. */
void node_steal(struct bench_device *d, enum bench_steal how);

/* -- pipes.c ------------------------------------------------------------------------------------------ */

/** pipes_trace() - on standard error, where the environment has USB_BENCH_TRACE: codes too. */
void pipes_trace(const char *what, struct view bytes);
void pipe_clear(struct bench_pipe *p);
/** pipes_answer() - a message for the host; the fault ordered for @s is applied. */
void pipes_answer(struct bench_slot *s, struct view message);
void pipes_plain(struct bench_slot *s, struct view message); /* the same, whatever is ordered */
/** pipes_notice() - what changed in the slots, for the interrupt pipe. Return: bytes, 0: nothing. */
size_t pipes_notice(struct bench_face *f, uint8_t ret[BENCH_NOTICE]);
/** pipes_order() - a fault by its name; @how: the rest of it. Return: whether there is such a one. */
bool pipes_order(struct bench_slot *s, const char *name, const struct fault_order *how);
const char *pipes_ordered(const struct bench_slot *s); /* the fault's name, or "none" */
/** pipes_fault_is() - whether @name is ordered for the next message of @s, of @type, which takes it. */
bool pipes_fault_is(struct bench_slot *s, const char *name, uint8_t type);
