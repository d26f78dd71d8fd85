/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Descriptors that replies brought to callers, and questions to agents, until these have read them.
 * dbus-daemon reads nothing more from a connection while it keeps 64 descriptors of it for recipients that
 * do not read theirs: one caller that asks and never reads would shut out all others. What a recipient
 * keeps open afterwards is its own matter: a file that it opens once more and closes counts as closed.
 */
#include "daemon/bus/peers.h"

/**
 * handed_out() - what @call took of QUOTA_UNREAD is held until @fd is closed by its recipient
 * @fd: a memfd or file of the reply; replaced by one that is open for reading only
 *
 * Without a way to see it closed nothing is held, and the reply goes out all the same.
 */
void handed_out(struct call *call, int *fd);
/**
 * handed_fd() - @fd of a question, made by handed_read_only(), is held by the agent's @p until it is closed
 *
 * Return: false when @p has closed too few of those that it was handed; nothing may be sent then.
 */
bool handed_fd(struct peer *p, int fd) _must_check_;
/** handed_read_only() - the same file, open for reading only. Return: 0, a fault (@fd is as it was). */
int handed_read_only(int *fd) _must_check_;
void handed_free(struct peer *p); /* all of it: the peer leaves */
