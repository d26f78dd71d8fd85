/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The loop of vitale-sim: two listening sockets, at most 32 peers, at most eight slots, no
 * threads. An answer that takes time is a deadline of its peer, so all slots work in parallel,
 * save those of a reader that was told to block.
 *
 *   pcscd -- libifdvitalesim.so --> reader socket  --> reader-port.c --+
 *                                                                      +--> readers.c --> slot.c
 *   test or person ---------------> control socket --> control.c ------+
 */
#include <time.h>

#include "drivers/sim/slot.h"

#define SERVER_PEERS_MAX   32U
#define SERVER_READERS_MAX 4U
#define SERVER_LINE_MAX	   4096U    /* bytes of a control command, and of its answer */
#define SERVER_ALIVE_US	   1000000U /* between two signs of life of a reader that waits */

enum server_peer_kind {
	SERVER_PEER_FREE,
	SERVER_PEER_READER, /* commands of one slot */
	SERVER_PEER_WATCH,  /* wants events of one slot */
	SERVER_PEER_CONTROL,
};

/** enum server_wait - what a peer that has no answer yet waits for. */
enum server_wait {
	SERVER_WAIT_NOT,
	SERVER_WAIT_LINE,  /* the line: the answer is ready, at due it goes out */
	SERVER_WAIT_EVER,  /* nothing (hang) */
	SERVER_WAIT_ALIVE, /* the card, for ever: a sign of life at due; the answer is ready */
	SERVER_WAIT_KEYS,  /* a person at the keypad, until due */
};

/** enum server_follow - what a control peer is told of whenever it happens. */
enum server_follow {
	SERVER_FOLLOW_NOTHING,
	SERVER_FOLLOW_READERS, /* that come and go */
	SERVER_FOLLOW_CARDS,
};

struct server_peer {
	enum server_peer_kind kind;
	int fd;
	unsigned slot;
	enum server_wait wait;
	uint8_t op;		    /* of the request that is waited for */
	bool stuck;		    /* SERVER_WAIT_LINE: by a fault that can be taken back */
	enum server_follow follows; /* control */
	uint64_t due;		    /* CLOCK_MONOTONIC microseconds */
	struct buf answer;	    /* the datagram that is due */
	struct buf line;	    /* control: what came of a line */
};

/** struct server_reader - one or two slots; a composite device is two readers of one slot. */
struct server_reader {
	unsigned first, slots;
	unsigned device; /* the first reader of the device that this one is part of */
	bool plugged;
	bool blocking;	 /* its slots wait for each other */
	unsigned unplug; /* in this command from now, of any of its slots; 0: never */
};

struct server {
	int reader_fd, control_fd; /* listening */
	struct slot slots[SLOTS_MAX];
	unsigned n_slots;
	struct server_reader readers[SERVER_READERS_MAX];
	unsigned n_readers;
	struct server_peer peers[SERVER_PEERS_MAX];
	bool quit;
};

struct server_options {
	const char *reader_socket;
	const char *control_socket; /* NULL: none */
	const char *state_dir;
	const char *readers; /* readers_lay_out(); NULL: one of two slots */
	unsigned keypads;    /* bit i: slot i has one */
	bool clocked;
	FILE *trace; /* borrowed, NULL: none */
};

/** server_new() - listens when it returns; -EINVAL: readers that cannot be. The caller frees. */
int server_new(const struct server_options *o, struct server **ret_server) _must_check_;
struct server *server_free(struct server *s); /* returns NULL */
/** server_run() - until control's quit, SIGTERM or SIGINT. */
int server_run(struct server *s) _must_check_;
/** server_stop() - make server_run() return; for signal handlers. */
void server_stop(void);

/* -- between the files of the server ------------------------------------------------------- */

/**
 * readers_lay_out() - devices separated by commas: 2 or 1 (a reader of so many slots), 1+1 (a
 * composite of two readers of one slot each); room for SERVER_READERS_MAX at @ret_readers
 * Return: whether it is such a list.
 */
bool readers_lay_out(const char *devices, struct server_reader *ret_readers, unsigned *ret_n);
struct server_reader *readers_of_slot(struct server *s, unsigned slot);
/** readers_busy() - whether a request to @slot has to wait for the other slot of its reader. */
bool readers_busy(const struct server *s, unsigned slot);
/** readers_set() - the whole device of @reader is plugged in or out; all who wait are told. */
void readers_set(struct server *s, unsigned reader, bool plugged);
/** readers_count() - a command to @slot: whether this one loses the reader (it is out then). */
bool readers_count(struct server *s, unsigned slot);

/** reader_port_receive() - one datagram of a reader peer. Return: 0, a fault, or 1: hang up. */
int reader_port_receive(struct server *s, struct server_peer *p) _must_check_;
/** reader_port_due() - what was due for a peer. Return: 0, a fault or 1: hang up. */
int reader_port_due(struct server *s, struct server_peer *p) _must_check_;
/** reader_port_changed() - a card came or left: tell watchers, end what waits for it. */
void reader_port_changed(void *server, unsigned slot, bool present);
/** reader_port_cut() - every request to @slot that is not answered ends with @status. */
void reader_port_cut(struct server *s, unsigned slot, unsigned status);
/** reader_port_tell() - watchers of @slot get its present state. */
void reader_port_tell(struct server *s, unsigned slot);
/** reader_port_release() - those that wait in this way get their answer, EVER: that it is
 *  mute. */
void reader_port_release(struct server *s, unsigned slot, enum server_wait wait);
/** reader_port_keys() - somebody did something on the keypad of @slot. Return: 0 or a fault. */
int reader_port_keys(struct server *s, unsigned slot) _must_check_;
/** control_receive() - bytes of a control peer. Return: 0, a fault, or 1: hang up. */
int control_receive(struct server *s, struct server_peer *p) _must_check_;
/** control_follow() - every control peer that follows @what gets @line. */
void control_follow(struct server *s, enum server_follow what, const char *line);
/** control_follow_card() - the card of @slot came or left, now. */
void control_follow_card(struct server *s, const struct slot *slot);
/** control_usage() - the commands, one a line, after @indent. */
void control_usage(FILE *to, const char *indent);
