/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The commands of ISO/IEC 7816-4 and -8 that the drivers use, one function each. @cla carries the
 * logical channel. Every function returns 0 (CARD_DONE), a fault, or a card_outcome: those of
 * apdu_exchange() and what sw.h makes of the status word. No file control information is asked for
 * (P2 = 0C): a file's length is in its first bytes.
 */
#include "base/tlv.h"
#include "drivers/card/apdu.h"

#define ISO7816_FILE_MAX 16384U /* bytes: a certificate has about 2000, 19 beneficiaries 1300 */
#define ISO7816_WHOLE	 0U	/* first read: as much as the card gives */

/* ISO/IEC 7816-4:2020 §11.2.2, P1 = 04: by DF name. */
int iso7816_select_name(struct apdu *a, uint8_t cla, struct view name) _must_check_;
/* P1 = 00: the file @fid, from which the card finds out what it is; for 3F00. */
int iso7816_select_id(struct apdu *a, uint8_t cla, uint16_t fid) _must_check_;
/* P1 = 02: the EF @fid under the current DF. */
int iso7816_select_ef(struct apdu *a, uint8_t cla, uint16_t fid) _must_check_;
/* P1 = 09 as the CPS3 wants it: @path begins with 3F00 (facts: card ANS sources, OpenSC). */
int iso7816_select_path(struct apdu *a, uint8_t cla, struct view path) _must_check_;
/* The MF of a card that speaks GSM 11.11 (CLA A0, 9FXX), as the CPS2ter does. */
int iso7816_select_old_root(struct apdu *a) _must_check_;

/**
 * iso7816_read() - READ BINARY, §11.3.3, up to @le bytes appended to @out; fewer (or none) at the end
 * @sfi:     1..30: of that file, which becomes current, then @offset <= 255; 0: the current file
 * @offset:  at most 7FFF
 */
int iso7816_read(struct apdu *a, uint8_t cla, uint8_t sfi, size_t offset, size_t le,
	struct buf *out) _must_check_;

/** struct iso7816_file - how a file is read. */
struct iso7816_file {
	uint8_t sfi;  /* as iso7816_read() */
	size_t guess; /* bytes of the first read, the file's expected size, or ISO7816_WHOLE */
	uint32_t tag; /* read_object: the object that it must begin with, 0: any */
};

/**
 * iso7816_read_object() - the one BER-TLV object that a file begins with
 * @out:    gets the whole object, not what follows it
 *
 * CARD_ABSENT when it begins with something else than the tag or is empty (with a tag only);
 * CARD_BROKEN when it is cut short, longer than ISO7816_FILE_MAX or no BER-TLV; also when the file
 * is empty.
 */
int iso7816_read_object(struct apdu *a, uint8_t cla, const struct iso7816_file *f,
	struct buf *out) _must_check_;

/** iso7816_object() - what iso7816_read_object() has put into @whole, which held nothing before. */
struct tlv iso7816_object(const struct buf *whole);

/**
 * iso7816_read_objects() - a file of several BER-TLV objects, to its end; 00 padding stays in @out
 *
 * A guess is what the card itself taught before: whole objects of exactly that size are the file.
 */
int iso7816_read_objects(struct apdu *a, uint8_t cla, const struct iso7816_file *f,
	struct buf *out) _must_check_;

/* GET DATA, odd or even instruction as @ins says; @le as apdu_command. */
int iso7816_get_data(struct apdu *a, uint8_t cla, uint16_t p1p2, struct view data, size_t le,
	struct buf *out) _must_check_;

/** struct iso7816_code - one command that carries a code: VERIFY, CHANGE REFERENCE DATA, RESET RETRY
 *  COUNTER; sent exactly once, from a secret or completed on the keypad. */
struct iso7816_code {
	struct view command; /* the whole command, in a secret; with a keypad its template */
	const struct transport_pin *keypad; /* or NULL */
	int (*outcome_of)(
		uint16_t sw, uint8_t *ret_tries); /* sw_outcome_verify(), ..._code() */
};

/** iso7816_code_once() - @ret_tries: as sw_outcome_verify(), written when the card answered.
 *  Return: also CARD_CANCELLED, CARD_LATE, CARD_PIN_REFUSED and CARD_ABSENT of a keypad. */
int iso7816_code_once(
	struct apdu *a, const struct iso7816_code *c, uint8_t *ret_tries) _must_check_;
/* A command of case 1 that only says yes or no. */
int iso7816_plain(
	struct apdu *a, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2) _must_check_;
/** iso7816_verify_state() - VERIFY without data: CARD_DONE when verified, CARD_PIN_WRONG with the
 *  tries left when not, CARD_PIN_BLOCKED. */
int iso7816_verify_state(
	struct apdu *a, uint8_t cla, uint8_t ref, uint8_t *ret_tries) _must_check_;

/* MANAGE SECURITY ENVIRONMENT, §11.6.11: @p1 81 verify side, 41 compute side, F2/F3 restore. */
int iso7816_mse(
	struct apdu *a, uint8_t cla, uint8_t p1, uint8_t p2, struct view data) _must_check_;
/* The same where 6A88 says that the card does not take what it was given: CARD_REFUSED. */
int iso7816_mse_role(
	struct apdu *a, uint8_t cla, uint8_t p1, uint8_t p2, struct view data) _must_check_;

/* GET CHALLENGE, §11.6.3: exactly @len bytes. */
int iso7816_get_challenge(
	struct apdu *a, uint8_t cla, size_t len, struct buf *out) _must_check_;
/* INTERNAL AUTHENTICATE, §11.6.2: exactly @le bytes. */
int iso7816_internal_authenticate(
	struct apdu *a, uint8_t cla, struct view data, size_t le, struct buf *out) _must_check_;
/* EXTERNAL AUTHENTICATE, §11.6.4. */
int iso7816_external_authenticate(struct apdu *a, uint8_t cla, struct view data) _must_check_;

/* PERFORM SECURITY OPERATION, ISO/IEC 7816-8:2021 §5: VERIFY CERTIFICATE (00 BE). */
int iso7816_pso_verify_certificate(struct apdu *a, uint8_t cla, struct view data) _must_check_;
/* HASH with objects (90 A0): the card does the last round. */
int iso7816_pso_hash(struct apdu *a, uint8_t cla, struct view data) _must_check_;
/* COMPUTE DIGITAL SIGNATURE (9E 9A): @data may be empty; exactly @len bytes. */
int iso7816_pso_sign(struct apdu *a, uint8_t cla, struct view data, size_t len,
	struct buf *out) _must_check_;
