/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * State of one simulated card between two starts: its profile, its private keys, its certificates,
 * the codes and what is left of their tries. One JSON file a card, DIR/cards/NAME.json, mode 0600.
 * A change of a counter is on the disk (written beside, synchronised, renamed, folder synchronised)
 * before state_save() returns, so a card that is torn out has lost its try.
 */
#include "drivers/sim/crypto.h"
#include "drivers/sim/cvc.h"
#include "drivers/sim/profile.h"

#define STATE_NAME 64U /* bytes of a card's name, NUL included: a-z, 0-9, - and . */
#define STATE_MAX  262144U

/** struct state_code - a PIN or PUK with its counters. */
struct state_code {
	char value[9];
	uint8_t tries; /* left */
	uint8_t max;
	uint16_t uses; /* of the PUK: life left */
};

struct state {
	char *path; /* NULL: kept in memory only */
	json_t *document;
	struct profile *profile;
	struct state_code pin, puk;
	EVP_PKEY *card_key;	      /* P-256, role authentication */
	EVP_PKEY *authentication_key; /* RSA, CPS only */
	EVP_PKEY *signature_key;
	EVP_PKEY *technical_key; /* RSA, contactless CPS only: it has this one alone */
	struct buf cvc;		 /* whole 7F21 */
	struct buf authentication_certificate;
	struct buf signature_certificate;
	struct buf technical_certificate;
	char root_name[CVC_NAME + 1];
	EVP_PKEY *root_key; /* public */
};

enum state_outcome {
	STATE_ABSENT = 1, /* no such card in the folder */
	STATE_INVALID,	  /* the file is not one of ours */
};

/** state_new() - from a JSON document (shared by reference). Return: 0, a fault, STATE_INVALID. */
int state_new(json_t *document, struct state **ret_state) _must_check_;
/** state_load() - card @name of @dir. Return: 0, a fault, STATE_ABSENT or STATE_INVALID. */
int state_load(const char *dir, const char *name, struct state **ret_state) _must_check_;
/** state_save() - counters and codes into the document and, when it has a path, to the disk. */
int state_save(struct state *s) _must_check_;
struct state *state_free(struct state *s); /* returns NULL */
bool state_name_ok(const char *name);

static inline void state_put(struct state **s)
{
	*s = state_free(*s);
}

#define _cleanup_state_ _cleanup_(state_put)

/** state_write_file() - whole @content to @path by rename, synchronised, with @mode. */
int state_write_file(const char *path, struct view content, unsigned mode) _must_check_;
/** state_read_file() - at most STATE_MAX bytes. Return: 0, a fault, or STATE_ABSENT. */
int state_read_file(const char *path, struct buf *out) _must_check_;
