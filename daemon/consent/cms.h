/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * A detached CMS SignedData (RFC 5652) whose signature a card makes. The card signs the DER of the
 * signed attributes: contentType, messageDigest, signingTime and signingCertificateV2 (RFC 5035).
 *
 *   ContentInfo { signedData, [0] SignedData { 1, { sha256 }, { data }, [0] { certificate },
 *     { SignerInfo { 1, issuer and serial, sha256, [0] attributes, rsaEncryption, signature } } } }
 */
#include "base/buf.h"

/** cms_attributes() - what the card signs: the DER SET OF the four attributes, appended.
 *  @certificate: X.509 DER of the signer; @content: what is signed; @time: wall clock, us.
 *  Return: 0 or a fault. */
int cms_attributes(struct view certificate, struct view content, uint64_t time,
	struct buf *out) _must_check_;
/** cms_assemble() - the DER of the whole, appended. @attributes: of cms_attributes();
 *  @signature: RSA PKCS#1 v1.5 with SHA-256 over them. Return: 0 or a fault (-EBADMSG: the
 *  certificate does not parse). */
int cms_assemble(struct view certificate, struct view attributes, struct view signature,
	struct buf *out) _must_check_;
