/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* An agent's answer on its way to the service. */
#include <dbus/dbus.h>

#include "client/ask.h"

/** answer_append() - @a to the question @q as the arguments of @reply; no PIN and no code, which go by a
 *  pipe. Return: whether it is in. */
bool answer_append(DBusMessage *reply, const struct ask *q, const struct ask_answer *a);

enum answer_for {
	ANSWER_FOR_ANY = 0, /* the line names no question */
	ANSWER_FOR_THIS,
	ANSWER_FOR_OTHER, /* one that is over: nothing of it may count */
};

/** answer_for() - "#7 yes" is for question 7 and nothing else. @ret_rest: behind the number and a
 *  blank, borrowed from @line; only of FOR_THIS. */
enum answer_for answer_for(struct view line, unsigned int number, struct view *ret_rest);
