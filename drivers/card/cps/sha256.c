/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * SHA-256 by the text of FIPS 180-4; the names of the variables are the standard's. Tested with the
 * NIST vectors. The caller owns the state.
 */
#include "drivers/card/cps/sha256.h"

#include <assert.h>

#define LENGTH_FIELD 8U /* bytes of the bit length at the end of the padding */

/* FIPS 180-4 §4.2.2 */
static const uint32_t k[64] = {
	0x428a2f98,
	0x71374491,
	0xb5c0fbcf,
	0xe9b5dba5,
	0x3956c25b,
	0x59f111f1,
	0x923f82a4,
	0xab1c5ed5,
	0xd807aa98,
	0x12835b01,
	0x243185be,
	0x550c7dc3,
	0x72be5d74,
	0x80deb1fe,
	0x9bdc06a7,
	0xc19bf174,
	0xe49b69c1,
	0xefbe4786,
	0x0fc19dc6,
	0x240ca1cc,
	0x2de92c6f,
	0x4a7484aa,
	0x5cb0a9dc,
	0x76f988da,
	0x983e5152,
	0xa831c66d,
	0xb00327c8,
	0xbf597fc7,
	0xc6e00bf3,
	0xd5a79147,
	0x06ca6351,
	0x14292967,
	0x27b70a85,
	0x2e1b2138,
	0x4d2c6dfc,
	0x53380d13,
	0x650a7354,
	0x766a0abb,
	0x81c2c92e,
	0x92722c85,
	0xa2bfe8a1,
	0xa81a664b,
	0xc24b8b70,
	0xc76c51a3,
	0xd192e819,
	0xd6990624,
	0xf40e3585,
	0x106aa070,
	0x19a4c116,
	0x1e376c08,
	0x2748774c,
	0x34b0bcb5,
	0x391c0cb3,
	0x4ed8aa4a,
	0x5b9cca4f,
	0x682e6ff3,
	0x748f82ee,
	0x78a5636f,
	0x84c87814,
	0x8cc70208,
	0x90befffa,
	0xa4506ceb,
	0xbef9a3f7,
	0xc67178f2,
};

static uint32_t rotr(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

/* §6.2.2 step 1: the message schedule. */
static void schedule(struct view block, uint32_t w[64])
{
	struct reader r = reader_of(block);

	for (unsigned t = 0; t < 16; t++) {
		w[t] = reader_u32(&r);
	}
	for (unsigned t = 16; t < 64; t++) {
		uint32_t s0 = rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ (w[t - 15] >> 3);
		uint32_t s1 = rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ (w[t - 2] >> 10);

		w[t] = s1 + w[t - 7] + s0 + w[t - 16];
	}
}

/* §6.2.2 steps 2 to 4. v[0..7] are a..h. */
static void compress(struct sha256 *s, struct view block)
{
	uint32_t w[64];
	uint32_t v[8];

	schedule(block, w);
	bytes_copy(v, sizeof(v), s->h, sizeof(s->h));
	for (unsigned t = 0; t < 64; t++) {
		uint32_t sum1 = rotr(v[4], 6) ^ rotr(v[4], 11) ^ rotr(v[4], 25);
		uint32_t ch = (v[4] & v[5]) ^ (~v[4] & v[6]);
		uint32_t t1 = v[7] + sum1 + ch + k[t] + w[t];
		uint32_t sum0 = rotr(v[0], 2) ^ rotr(v[0], 13) ^ rotr(v[0], 22);
		uint32_t maj = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);

		v[7] = v[6];
		v[6] = v[5];
		v[5] = v[4];
		v[4] = v[3] + t1;
		v[3] = v[2];
		v[2] = v[1];
		v[1] = v[0];
		v[0] = t1 + sum0 + maj;
	}
	for (unsigned i = 0; i < 8; i++) {
		s->h[i] += v[i];
	}
}

void sha256_init(struct sha256 *s)
{
	*s = (struct sha256){.h = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
				     0x9b05688c, 0x1f83d9ab, 0x5be0cd19}}; /* §5.3.3 */
}

void sha256_blocks(struct sha256 *s, struct view data)
{
	struct reader r = reader_of(data);

	assert(data.len % SHA256_BLOCK == 0);
	while (r.left > 0) {
		compress(s, reader_take(&r, SHA256_BLOCK));
	}
	s->bytes += data.len;
}

void sha256_put_state(const struct sha256 *s, struct buf *out)
{
	for (unsigned i = 0; i < 8; i++) {
		buf_put_u32(out, s->h[i]);
	}
}

void sha256_put(struct view data, struct buf *out)
{
	struct sha256 s;
	struct buf tail = BUF_NULL(2 * SHA256_BLOCK); /* §5.1.1 */
	size_t whole = data.len / SHA256_BLOCK * SHA256_BLOCK;
	size_t zeros =
		(2 * SHA256_BLOCK - LENGTH_FIELD - 1 - (data.len - whole)) % SHA256_BLOCK;

	sha256_init(&s);
	sha256_blocks(&s, view_sub(data, 0, whole));
	buf_put_view(&tail, view_sub(data, whole, data.len));
	buf_put_u8(&tail, 0x80);
	for (size_t i = 0; i < zeros; i++) {
		buf_put_u8(&tail, 0);
	}
	buf_put_u64(&tail, (uint64_t)data.len * 8);
	if (tail.failed) {
		out->failed = tail.failed;
	} else {
		sha256_blocks(&s, buf_view(&tail));
		sha256_put_state(&s, out);
	}
	buf_done(&tail);
}
