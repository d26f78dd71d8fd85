/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What a session knows of its two cards and of the patient; part of inside.h. */
#include "daemon/limits.h"
#include "daemon/session/exchange.h"
#include "daemon/session/read.h"
#include "daemon/session/session.h"
#include "daemon/session/state.h"

#define SERIAL_MIN 8U
#define SERIAL_MAX 16U

struct person { /* one beneficiary, as the card says */
	char surname[128];
	char given[128];
	char birth[9]; /* YYYYMMDD, or YYMMDD; may be no day of a calendar */
	char nir[16];  /* 13 characters and key; empty: none */
	char country[8];
	unsigned int rank; /* 0: not on the card */
	bool own;	   /* the number is this person's own (doc/consent.md) */
	bool wanted;	   /* fits the option "patient", or there is none */
};

struct coverage {
	uint8_t index;
	char from[13];
	char to[13];
	char ald[17];
	char situation[17];
};

#define COVERAGES_MAX 32U

/* Everything of a patient; in one block that is wiped whole. */
struct patient_data {
	struct person people[LIMIT_BENEFICIARIES];
	size_t n_people;
	struct coverage coverages[COVERAGES_MAX];
	size_t n_coverages;
};

struct side {		   /* one of the two cards in this session */
	struct card *card; /* claimed; NULL: none */
	uint32_t reader;   /* id of the slot that it was claimed in */
	enum track_step track;
	unsigned int open_tries;
	uint64_t
		open_until; /* CLOCK_MONOTONIC: when another program has held it for too long */
	sd_event_source *again; /* the card was busy */
	enum nature nature;
	struct buf serial;
	struct buf certificate; /* 7F21; empty: has none */
	struct cvc cvc;		/* of it */
	bool shown;		/* it was verified alone, before the files that it must fit */
	uint8_t nonce[16];	/* ours, for a proof without a statement */
	uint32_t before;	/* characters of its process before this session */
	uint32_t characters;	/* ... and since */
	bool lent;		/* the slot is another program's */
	bool away;		/* it was: the card must prove itself anew */
};

struct session;

struct wire { /* the exchange's end of one link: its requests are told from the track's */
	struct session *session;
	enum exchange_card card;
};

#define SESSION_WAITERS 8U

struct waiter { /* for the coverage */
	void (*done)(void *user, struct session *s, enum vitaled_reason r);
	void *user;
};
