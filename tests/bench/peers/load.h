/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What the kinds of load share. */
#include "tests/bench/peers/client.h"

#define LOAD_CLIENTS 256U

struct load {
	const char *name; /* destination */
	struct client *clients;
	size_t n;
	int epoll;
	uint64_t *taken; /* ns of each call that was answered */
	size_t n_taken;
	size_t errors; /* of them answered by an error */
};

void load_open(struct load *l, const char *name, size_t n);
/** load_wait() - at most @ns for something to read. Return: how many; their numbers in @ret. */
size_t load_wait(struct load *l, uint64_t ns, uint32_t ret[static LOAD_CLIENTS]);
DBusMessage *load_call(const struct load *l, const char *path, const char *interface,
	const char *member, int first, ...);
void load_get(const struct load *l, const char *property, struct buf *out);
void load_note(struct load *l, struct client *c, const struct message *m);
void load_print(struct load *l, double seconds); /* one line of JSON */

/* -- signals.c -- */
int signals_fan(struct load *l, size_t rounds);
int signals_watch(struct load *l, const char *member, size_t rounds);
int signals_start(const char *name, size_t rounds, unsigned int uid, char **argv);
