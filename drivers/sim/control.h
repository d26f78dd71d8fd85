/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What the two files of the control socket share. */
#include "drivers/sim/server.h"

#define REQUEST_WORDS 4U /* after the command and its slot or reader */

/** struct request - a command with its words; those that are not there are NULL. */
struct request {
	struct server *server;
	struct server_peer *peer;
	struct slot *slot; /* of a command about a slot */
	unsigned reader;   /* of a command about a reader */
	const char *word[REQUEST_WORDS];
	struct buf *out;
};

/** control_number() - decimal, at most 9 digits. Return: whether it is one. */
bool control_number(const char *text, uint64_t *ret);
/** control_on_off() - Return: whether @word is one of both; else the answer says so. */
bool control_on_off(const struct request *q, const char *word, bool *ret);
void control_error(const struct request *q, const char *what);
/** control_report() - "ok", or what an outcome of slot.h means. */
void control_report(const struct request *q, int r);

/* -- commands that make and end faults: control-fault.c ------------------------------------ */

void fault_upside_down(const struct request *q);
void fault_tear(const struct request *q);
void fault_mute(const struct request *q);
void fault_mute_atr(const struct request *q);
void fault_glitch(const struct request *q);
void fault_hang(const struct request *q);
void fault_wtx(const struct request *q);
void fault_stuck(const struct request *q);
void fault_delay(const struct request *q);
void fault_yes(const struct request *q);
void fault_loop61(const struct request *q);
void fault_loop6c(const struct request *q);
void fault_procedure(const struct request *q);
void fault_truncate(const struct request *q);
void fault_overlong(const struct request *q);
void fault_garbage(const struct request *q);
void fault_flip(const struct request *q);
void fault_normal(const struct request *q);
void fault_list(const struct request *q);
