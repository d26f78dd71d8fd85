/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The key of the NIR (numéro d'inscription au répertoire). A NIR whose key is wrong is not a NIR;
 * numbers of test cards may hold letters and are none either.
 */
#include "drivers/card/vitale/vitale.h"

#define DIGITS	   13U
#define DEPARTMENT 5U /* place of the two characters of the department */
#define MODULUS	   97U

static bool digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* The number of the first 13 characters. 2A is read as 19, 2B as 18 (Corsica). */
static bool number(struct reader *r, uint64_t *ret)
{
	uint64_t n = 0;
	uint8_t before = 0;

	for (size_t i = 0; i < DIGITS; i++) {
		uint8_t c = reader_u8(r);

		if (i == 0 && (c < '1' || c > '8')) {
			return false;
		}
		if (i == DEPARTMENT + 1 && before == '2' && (c == 'A' || c == 'B')) {
			n = n - 2 + 1; /* the 2 before becomes a 1 */
			n = n * 10 + (c == 'A' ? 9 : 8);
		} else if (digit(c)) {
			n = n * 10 + (uint64_t)(c - '0');
		} else {
			return false;
		}
		before = c;
	}
	*ret = n;
	return true;
}

bool nir_valid(struct view nir)
{
	struct reader r = reader_of(nir);
	uint64_t n;
	uint8_t tens;
	uint8_t units;

	if (nir.len != NIR_LEN || !number(&r, &n)) {
		return false;
	}
	tens = reader_u8(&r);
	units = reader_u8(&r);
	return digit(tens) && digit(units) &&
	       (uint64_t)((tens - '0') * 10 + (units - '0')) == MODULUS - n % MODULUS;
}
