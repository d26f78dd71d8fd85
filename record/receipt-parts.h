/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What reading and checking of a receipt share; of this room only. */
#include "record/crypto.h"
#include "record/receipt.h"

/** receipt_decode() - base64 member @name appended to @out. Return: 0, fault, RECEIPT_MALFORMED. */
int receipt_decode(const json_t *object, const char *name, struct buf *out) _must_check_;
/** receipt_act_at() - exact bytes of act @i appended to @out; its number. Return: as receipt_decode(). */
int receipt_act_at(
	const struct receipt *r, size_t i, struct buf *out, uint64_t *ret_index) _must_check_;
/** receipt_write_acts() - act-INDEX.json of each act. Return: as receipt_extract(). */
int receipt_write_acts(const struct receipt *r, int dirfd) _must_check_;
/** receipt_write() - @content as the new file @name of @dirfd, or nothing. */
int receipt_write(int dirfd, const char *name, struct view content) _must_check_;
bool receipt_proof_strong(const char *word); /* active or mutual: the card has signed */
/** receipt_signed_by_patient() - the 40 bytes: SHA-256(statement) ‖ "VDCONS01". */
int receipt_signed_by_patient(const struct receipt *r, struct buf *out) _must_check_;
/** receipt_cms() - SignedData with one signer. Return: 0, a fault or RECEIPT_PROFESSIONAL. */
int receipt_cms(const struct receipt *r, CMS_ContentInfo **ret) _must_check_;
/** receipt_signer() - the signer's certificate out of @cms. Return: as receipt_cms(). */
int receipt_signer(CMS_ContentInfo *cms, X509 **ret) _must_check_;
