/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Certificates and signatures as the tests need them: good ones and every kind of bad one. */
#include <stdint.h>

#include "record/crypto.h"

struct forged_cvc {
	const char *car;
	const char *chr;
	const char *from; /* YYMMDD as text */
	const char *until;
	uint8_t role;
	EVP_PKEY *key;
	EVP_PKEY *signer;
	bool parameters; /* of P-256, as a root has them */
};

struct forged_extension {
	const char *oid;
	const char *hex; /* its value in DER */
	bool critical;
};

struct forged_x509 {
	const char *cn;
	const char *surname;
	const char *given;
	const char *organisation;
	const char *usage; /* keyUsage in OpenSSL's words, NULL for none */
	bool ca;
	const char *constraints; /* basicConstraints instead of those that @ca asks for */
	time_t from;
	time_t until;
	EVP_PKEY *key;
	X509 *issuer; /* NULL: itself */
	EVP_PKEY *issuer_key;
	const struct forged_extension *extensions; /* ends with oid NULL; or NULL */
	bool twice;				   /* CN given twice */
};

EVP_PKEY *forge_ec(void);
EVP_PKEY *forge_rsa(unsigned int bits);
void forge_point(EVP_PKEY *key, uint8_t ret[65]);
/** forge_sign() - r‖s over @data. */
void forge_sign(EVP_PKEY *key, struct view data, uint8_t ret[64]);
void forge_cvc(const struct forged_cvc *f, struct buf *out);
X509 *forge_x509(const struct forged_x509 *f);
void forge_der(X509 *cert, struct buf *out);
void forge_pem(X509 *cert, const char *path);
/** forge_cms() - detached CMS SignedData over @content, the certificate inside. */
void forge_cms(
	X509 *cert, EVP_PKEY *key, struct view content, unsigned int flags, struct buf *out);
void forge_file(const char *path, struct view content);
/** forge_folder() - a new private folder below /tmp. */
void forge_folder(char ret_path[32]);
void forge_remove(const char *folder);
/** forge_shell() - run @command by /bin/sh, which finds @folder as $D. Return: its exit status. */
int forge_shell(const char *command, const char *folder);
