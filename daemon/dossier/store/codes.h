/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The patient's codes: a personal one of 4 to 12 digits that they chose, and an activation code of 8
 * that is given once. A code is kept as
 *
 *   {"n": 16384, "r": 8, "p": 1, "salt": 32 hex digits, "hash": 64 hex digits}
 *
 * by scrypt (RFC 7914), some 16 MiB and a few dozen milliseconds each: who has the file and the key
 * of the people record still has to try. How often may be tried is counted by the broker, from its
 * record.
 */
#include "base/json.h"
#include "base/secret.h"

#define CODES_LEAST  4U
#define CODES_MOST   12U
#define CODES_ISSUED 8U /* digits of an activation code */

enum codes_which { /* bits, VALUE of DOSSIER_OP_CODE */
	CODES_PERSONAL = 1,
	CODES_ACTIVATION = 2,
};

enum codes_outcome {
	CODES_REFUSED = 1, /* not 4 to 12 ASCII digits and then end of file, or not in time */
};

/** codes_setup() - fetch what is used below, so that nothing is opened later; after seal_setup(). */
int codes_setup(void) _must_check_;
/** codes_read() - a code from a pipe, by LIMIT_PIN_PIPE from now. @ret: to be freed by secret_done().
 *  Return: 0, a fault or CODES_REFUSED. */
int codes_read(int fd, struct secret *ret) _must_check_;
/** codes_make() - CODES_ISSUED digits, each as likely as any other. */
int codes_make(struct secret *ret) _must_check_;
/** codes_seal() - @digits as they are kept, under a new salt. */
int codes_seal(struct view digits, json_t **ret) _must_check_;
/** codes_valid() - whether @kept is what codes_seal() makes. */
bool codes_valid(const json_t *kept);
/** codes_check() - whether @digits are those of @kept, which is valid; in constant time. */
int codes_check(const json_t *kept, struct view digits, bool *ret_same) _must_check_;
