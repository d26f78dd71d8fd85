/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * One D-Bus connection that costs as little as possible: messages are marshalled once and only their
 * serial is changed, of what comes in only the header is read. Whatever fails ends the program.
 */
#include <dbus/dbus.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define CLIENT_WAITING 256U /* calls that one connection may wait for; a power of 2 */

struct client {
	int fd;
	uint32_t serial; /* of the last call sent */
	size_t waiting;	 /* calls without reply */
	uint8_t in[16384];
	size_t have;			/* bytes in @in */
	size_t read;			/* of them taken by client_next() */
	uint64_t began[CLIENT_WAITING]; /* ns, by serial */
	bool seen;			/* for whoever counts clients */
};

/** struct message - one that came in; views into the client's buffer until its next read. */
struct message {
	uint8_t type;
	uint32_t reply_to;
	struct view member;
	struct view whole;
};

uint64_t now_ns(void); /* CLOCK_MONOTONIC */
_Noreturn void die(const char *what, const char *why);

void client_open(struct client *c); /* on the system bus, Hello said */
void client_close(struct client *c);
/** client_send() - @m, which is made by marshal(), with the next serial. */
void client_send(struct client *c, struct buf *m, uint64_t began);
/** client_read() - what is there; @wait: at least something. */
void client_read(struct client *c, bool wait);
/** client_next() - the next whole message. Return: false when there is none. */
bool client_next(struct client *c, struct message *ret);
/** client_reply() - wait for the reply to the last call. Return: its type. */
int client_reply(struct client *c);
void client_match(struct client *c, const char *rule);

void marshal(struct buf *out, DBusMessage *m); /* takes @m */
DBusMessage *unmarshal(const struct message *m);
