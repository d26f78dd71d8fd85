/* SPDX-License-Identifier: EUPL-1.2 */
/* Names for authorities and serial numbers that compare as bytes. Nothing is kept. */
#include "daemon/trust/issuer.h"

#include <errno.h>
#include <string.h>

int issuer_id(X509 *authority, uint8_t ret[ISSUER_ID])
{
	const unsigned char *name = NULL;
	unsigned char *key = NULL;
	size_t name_len = 0;
	int len, r;

	if (X509_NAME_get0_der(X509_get_subject_name(authority), &name, &name_len) != 1)
		return crypto_fault();
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(authority), &key);
	if (len <= 0)
		return crypto_fault();
	r = crypto_sha256(
		(const struct view[]){view_of(name, name_len), view_of(key, (size_t)len)}, 2,
		ret);
	OPENSSL_free(key);
	return trace(r);
}

int issuer_serial(const ASN1_INTEGER *n, uint8_t ret[ISSUER_SERIAL])
{
	struct view v = view_of(ASN1_STRING_get0_data(n), (size_t)ASN1_STRING_length(n));

	/* OpenSSL keeps the magnitude, the sign in the type */
	if (ASN1_STRING_type(n) != V_ASN1_INTEGER || v.len > ISSUER_SERIAL)
		return ISSUER_NO_SERIAL;
	memset(ret, 0, ISSUER_SERIAL);
	bytes_copy(ret + ISSUER_SERIAL - v.len, v.len, v.data, v.len);
	return 0;
}
