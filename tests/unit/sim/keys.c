/* SPDX-License-Identifier: EUPL-1.2 */
/* RSA keys of the build in place of new ones; test-personalise and test-members make real ones. */
#include "drivers/sim/crypto.h"
#include "tests/unit/record/forge.h"

int __wrap_crypto_new_rsa(EVP_PKEY **ret_key);

int __wrap_crypto_new_rsa(EVP_PKEY **ret_key)
{
	*ret_key = forge_rsa(CRYPTO_RSA * 8);
	return 0;
}
