/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Randomness straight from the kernel, nothing kept between calls. Waits only while the kernel's
 * generator has not been seeded since boot.
 */
#include "base/rng.h"

#include <errno.h>
#include <sys/random.h>

#include "base/clock.h"

int rng_fill(void *data, size_t len)
{
	uint8_t *at = data;

	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno != EINTR) {
			return fault(-errno);
		}
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/*
 *  0      5 6  7 8         15
 * +--------+----+------------+
 * | ms, BE |7rnd| 10b, random|   RFC 9562 §5.7
 * +--------+----+------------+
 */
int rng_uuid7(char ret_id[37])
{
	static const char digits[] = "0123456789abcdef";
	uint64_t ms = clock_wall() / USEC_PER_MS;
	uint8_t id[16];
	char *p = ret_id;
	int r;

	r = rng_fill(id, sizeof(id));
	if (r < 0) {
		return trace(r);
	}
	for (size_t i = 0; i < 6; i++) {
		id[i] = (uint8_t)(ms >> (40 - 8 * i) & 0xFF);
	}
	id[6] = (uint8_t)(0x70 | (id[6] & 0x0F));
	id[8] = (uint8_t)(0x80 | (id[8] & 0x3F));
	for (size_t i = 0; i < sizeof(id); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10) {
			*p++ = '-';
		}
		*p++ = digits[id[i] >> 4];
		*p++ = digits[id[i] & 0x0F];
	}
	*p = '\0';
	return 0;
}
