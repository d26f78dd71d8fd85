/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * In place of crypto_load_private(), by the linker, where states of the same few cards are loaded
 * again and again: a key that was decoded before is given once more. It may fail (fail.h).
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "drivers/sim/crypto.h"
#include "tests/fuzz/fail.h"

#define KEYS 64U

int __real_crypto_load_private(const char *pem, EVP_PKEY **ret_key);
int __wrap_crypto_load_private(const char *pem, EVP_PKEY **ret_key);

int __wrap_crypto_load_private(const char *pem, EVP_PKEY **ret_key)
{
	static struct {
		char pem[4096];
		EVP_PKEY *key;
	} keys[KEYS];

	size_t i = 0;
	int r;

	if (fail_now()) {
		return fault(-EIO);
	}
	while (i < KEYS - 1 && keys[i].key && strcmp(keys[i].pem, pem) != 0) {
		i++;
	}
	if (!keys[i].key) {
		r = __real_crypto_load_private(pem, &keys[i].key);
		if (r != 0) {
			return r;
		}
		assert(view_copy_str(view_str(pem), keys[i].pem, sizeof(keys[i].pem)) == 0);
	}
	EVP_PKEY_up_ref(keys[i].key);
	*ret_key = keys[i].key;
	return 0;
}
