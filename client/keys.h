/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What a checker trusts, from files: the record's public key (C2SP vkey), and the anchors of cards
 * as they lie in the anchors folder (real/, test/, simulated/; *.pem X.509, *.cvcert
 * card-verifiable roots). Natures are never mixed: one set at a time.
 */
#include "base/json.h"

enum keys_outcome {
	KEYS_INVALID = 1, /* no vkey */
	KEYS_NONE,	  /* the folder holds no anchor of this nature */
};

/** keys_vkey() - @given is the vkey itself or the name of a file that holds it. @ret: malloc'ed.
 *  Return: 0, a fault or KEYS_INVALID. */
int keys_vkey(const char *given, char **ret) _must_check_;

struct keys_anchors {
	int pem; /* memfd with all X.509 anchors, or -1 */
	char pem_path
		[32];	  /* its name below /proc/self/fd, for OpenSSL; "" when there is none */
	uint8_t root[65]; /* point of the card-verifiable root, all zero when there is none */
	bool has_root;
};

#define KEYS_ANCHORS_NULL ((struct keys_anchors){.pem = -1})

/** keys_anchors() - those of @folder/@nature ("" is the folder itself).
 *  @car: name of the card-verifiable root that is looked for; NULL: none is needed.
 *  Return: 0, a fault or KEYS_NONE. */
int keys_anchors(const char *folder, const char *nature, const char *car,
	struct keys_anchors *ret) _must_check_;
void keys_anchors_done(struct keys_anchors *k);
