/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The loop of vitale-sim: two listening sockets, at most 32 peers, two slots, no threads. An answer
 * that takes time is a deadline of its peer, so both slots work in parallel.
 *
 *   pcscd -- libifdvitalesim.so --> reader socket  --> reader-port.c --+
 *                                                                      +--> slot.c
 *   test or person ---------------> control socket --> control.c ------+
 */
#include "drivers/sim/slot.h"

#define SERVER_PEERS_MAX 32U
#define SERVER_LINE_MAX	 4096U /* bytes of a control command */

enum server_peer_kind {
	SERVER_PEER_FREE,
	SERVER_PEER_READER, /* commands of one slot */
	SERVER_PEER_WATCH,  /* wants events of one slot */
	SERVER_PEER_CONTROL,
};

struct server_peer {
	enum server_peer_kind kind;
	int fd;
	unsigned slot;
	bool waiting;	   /* an answer is due */
	bool silent;	   /* it will never come (hang) */
	uint64_t due;	   /* CLOCK_MONOTONIC microseconds */
	struct buf answer; /* the datagram that is due */
	struct buf line;   /* control: what came of a line */
};

struct server {
	int reader_fd, control_fd; /* listening */
	struct slot slots[SLOT_COUNT];
	struct server_peer peers[SERVER_PEERS_MAX];
	bool quit;
};

struct server_options {
	const char *reader_socket;
	const char *control_socket; /* NULL: none */
	const char *state_dir;
	bool clocked;
	FILE *trace; /* borrowed, NULL: none */
};

/** server_new() - listens when it returns. The caller frees. */
int server_new(const struct server_options *o, struct server **ret_server) _must_check_;
struct server *server_free(struct server *s); /* returns NULL */
/** server_run() - until control's quit, SIGTERM or SIGINT. */
int server_run(struct server *s) _must_check_;
/** server_stop() - make server_run() return; for signal handlers. */
void server_stop(void);

/* -- between the files of the server ------------------------------------------------------------- */

/** reader_port_receive() - one datagram of a reader peer. Return: 0, a fault, or 1: hang up. */
int reader_port_receive(struct server *s, struct server_peer *p) _must_check_;
/** reader_port_due() - send the answer that was due. Return: 0 or 1: hang up. */
int reader_port_due(struct server_peer *p) _must_check_;
/** reader_port_changed() - a card came or left: tell watchers, end what waits for it. */
void reader_port_changed(void *server, unsigned slot, bool present);
/** reader_port_release() - those that wait for ever are told that the card is mute. */
void reader_port_release(struct server *s, unsigned slot);
/** control_receive() - bytes of a control peer. Return: 0, a fault, or 1: hang up. */
int control_receive(struct server *s, struct server_peer *p) _must_check_;
/** control_run() - one command line, its answer line without the line feed appended to @out. */
void control_run(struct server *s, char *line, struct buf *out);
