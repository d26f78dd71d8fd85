/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Writes RSA keys as a C header, DER of PKCS #1, for forge.c: made with each build, as making them in every test
 * took longer than most tests.
 */
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>

#define COUNT 24 /* whoever wants more makes them itself */

static int write_key(void)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);
	unsigned char *der = NULL;
	int len = key ? i2d_PrivateKey(key, &der) : -1;

	for (int i = 0; i < len; i++) {
		printf("%s%d,", i == 0 ? "{" : "", der[i]);
	}
	if (len > 0) {
		printf("},\n");
	}
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	return len > 0 ? 0 : -1;
}

int main(void)
{
	int r = 0;

	printf("static const unsigned char keys[][1280] = {\n");
	for (int i = 0; r == 0 && i < COUNT; i++) {
		r = write_key();
	}
	printf("};\n");
	return r == 0 && fflush(stdout) == 0 ? 0 : 1;
}
