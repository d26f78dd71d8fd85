/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What vitaled-watch remembers of each reader, and which events follow from what PC/SC says next.
 * Pure: no PC/SC call, no link; the events go to a function of the caller.
 */
#include "base/buf.h"

#define TRACK_READERS_MAX 64U  /* pcscd itself has 16 slots unless built otherwise */
#define TRACK_NAME_MAX	  128U /* bytes of a reader's name with its NUL */
#define TRACK_ATR_MAX	  33U

enum track_event {
	TRACK_READER_IN = 1,
	TRACK_READER_OUT,
	TRACK_CARD_IN,
	TRACK_CARD_OUT,
};

/** struct track_state - one reader's state as SCardGetStatusChange gave it. */
struct track_state {
	bool present;
	bool mute;	 /* a card is in and gave no ATR */
	bool swallowed;	 /* PC/SC's own word for it: SCARD_STATE_MUTE */
	uint16_t events; /* PC/SC's counter: the upper half of dwEventState */
	uint8_t atr[TRACK_ATR_MAX];
	size_t atr_len;
};

struct track_reader {
	char name[TRACK_NAME_MAX]; /* empty: free place */
	struct track_state state;
	bool seen; /* in the list being taken in */
};

typedef int (*track_fn)(void *user, enum track_event event, const struct track_reader *r);

struct track {
	struct track_reader readers[TRACK_READERS_MAX];
	track_fn report;
	void *user;
};

/**
 * track_list() - take in a list of readers
 * @names:  names, each ended by a NUL; an empty one or the end ends the list
 *
 * A reader that vanished takes its card with it: CARD_OUT, READER_OUT. Names that are too long, or
 * more than TRACK_READERS_MAX, are left out. Return: 0, or what @report returned.
 */
int track_list(struct track *t, struct view names) _must_check_;
/**
 * track_change() - take in a new state of reader @r: OUT, IN, or OUT then IN when the counter says
 * that another card (or the same one again) came between two looks, or when a mute card has spoken.
 * Return: 0, or what @report returned.
 */
int track_change(
	struct track *t, struct track_reader *r, const struct track_state *now) _must_check_;
/** track_slot() - the slot that a name of pcsc-lite ends in ("... 00 01"). Return: it, or -1. */
int track_slot(const char *name);
