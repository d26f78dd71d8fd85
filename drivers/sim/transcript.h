/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Transcripts of a slot, one line a thing: "= ATR", "> command", "< answer", hexadecimal. Codes that
 * a command carries (VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER) are written as **.
 */
#include <stdio.h>

#include "drivers/card/atr.h"

enum transcript_outcome {
	TRANSCRIPT_ABSENT = 1,
	TRANSCRIPT_INVALID,
};

/** transcript_put() - one line; @kind: '=', '>' or '<'. */
void transcript_put(FILE *to, char kind, struct view bytes);
/** transcript_trace() - one JSON line {"slot", "c", "r", "ch"}: command, answer, characters. */
void transcript_trace(
	FILE *to, unsigned slot, struct view command, struct view answer, size_t characters);
/**
 * transcript_load() - what an emulator needs
 * @answers: receives every answer in order, each with two bytes of length before it
 *
 * Return: 0, a fault, TRANSCRIPT_ABSENT, or TRANSCRIPT_INVALID (no ATR, or a line that is none).
 */
int transcript_load(const char *path, struct atr *ret_atr, struct buf *answers) _must_check_;
