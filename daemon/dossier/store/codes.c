/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Codes over OpenSSL's scrypt. The digits stand in locked memory only, from the pipe to the hash, and
 * are wiped there; the hash is compared in constant time. OpenSSL wipes its 16 MiB itself.
 */
#include "daemon/dossier/store/codes.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/rng.h"
#include "daemon/limits.h"

#define COST_N	  16384ULL /* RFC 7914 §2: 128 * r * N bytes */
#define COST_R	  8ULL
#define COST_P	  1ULL
#define COST_MOST (32ULL * 1024 * 1024) /* bytes that OpenSSL may take for it */
#define SALT	  16U
#define HASH	  32U
#define ISSUABLE  100000000U /* codes of CODES_ISSUED digits */

/* It refuses for want of memory only. */
static int derive_at(uint64_t cost, struct view digits, struct view salt, uint8_t ret[HASH])
{
	if (EVP_PBE_scrypt((const char *)digits.data, digits.len, salt.data, salt.len, cost,
		    COST_R, COST_P, COST_MOST, ret, HASH) != 1) {
		ERR_clear_error();
		return fault(-ENOMEM);
	}
	return 0;
}

static int derive(struct view digits, struct view salt, uint8_t ret[HASH])
{
	return trace(derive_at(COST_N, digits, salt, ret));
}

int codes_setup(void)
{
	static const uint8_t zero[SALT];
	uint8_t hash[HASH];

	return trace(derive_at(2, VIEW_TEXT("0000"), VIEW(zero), hash));
}

/* -- digits ------------------------------------------------------------------------------------- */

static bool are_digits(const struct secret *code)
{
	bool good = code->len >= CODES_LEAST;
	struct reader r = reader_of(view_of(code->data, code->len));

	while (r.left > 0) {
		uint8_t digit = reader_u8(&r);

		good = good && digit >= '0' && digit <= '9';
	}
	return good;
}

int codes_read(int fd, struct secret *ret)
{
	_cleanup_(secret_done) struct secret code = SECRET_NULL;
	int r;

	r = secret_new(&code, CODES_MOST);
	if (r == 0) {
		r = secret_read_fd(&code, fd, clock_monotonic() + LIMIT_PIN_PIPE);
	}
	if (r < 0) {
		return trace(r);
	}
	if (r > 0 || !are_digits(&code)) {
		return CODES_REFUSED;
	}
	*ret = code;
	code = SECRET_NULL;
	return 0;
}

/* A number below ISSUABLE: what is above its largest multiple is drawn again. */
static int draw(uint32_t *ret)
{
	uint32_t n;

	do {
		int r = rng_fill(&n, sizeof(n));

		if (r < 0) {
			return trace(r);
		}
	} while (n >= UINT32_MAX - UINT32_MAX % ISSUABLE);
	*ret = n % ISSUABLE;
	wipe(&n, sizeof(n));
	return 0;
}

int codes_make(struct secret *ret)
{
	_cleanup_(secret_done) struct secret code = SECRET_NULL;
	uint32_t n = 0;
	int r;

	r = secret_new(&code, CODES_ISSUED);
	if (r == 0) {
		r = draw(&n);
	}
	if (r < 0) {
		return trace(r);
	}
	for (size_t i = CODES_ISSUED; i > 0; i--) {
		code.data[i - 1] = (uint8_t)('0' + n % 10);
		n /= 10;
	}
	code.len = CODES_ISSUED;
	*ret = code;
	code = SECRET_NULL;
	return 0;
}

/* -- keeping ------------------------------------------------------------------------------------ */

static int set_hex(json_t *object, const char *name, struct view bytes)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(2 * HASH + 1);

	hex_encode(&text, bytes);
	buf_put_u8(&text, 0);
	return text.failed
		       ? trace(buf_check(&text))
		       : trace(json_set(object, name, json_string((const char *)text.data)));
}

int codes_seal(struct view digits, json_t **ret)
{
	_cleanup_json_ json_t *kept = json_pack("{s:I,s:I,s:I}", "n", (json_int_t)COST_N, "r",
		(json_int_t)COST_R, "p", (json_int_t)COST_P);
	uint8_t salt[SALT];
	uint8_t hash[HASH];
	int r;

	r = rng_fill(salt, sizeof(salt));
	if (r == 0) {
		r = derive(digits, VIEW(salt), hash);
	}
	if (r == 0) {
		r = set_hex(kept, "salt", VIEW(salt));
	}
	if (r == 0) {
		r = set_hex(kept, "hash", VIEW(hash));
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(kept);
	return 0;
}

static bool has_cost(const json_t *kept, const char *name, uint64_t cost)
{
	int64_t n;

	return json_get_int(kept, name, (int64_t)cost, (int64_t)cost, &n) == 0;
}

static bool is_hex(const json_t *kept, const char *name, size_t len)
{
	const char *text = json_get_str(kept, name);

	return text && strlen(text) == 2 * len && strspn(text, "0123456789abcdef") == 2 * len;
}

bool codes_valid(const json_t *kept)
{
	return has_cost(kept, "n", COST_N) && has_cost(kept, "r", COST_R) &&
	       has_cost(kept, "p", COST_P) && is_hex(kept, "salt", SALT) &&
	       is_hex(kept, "hash", HASH);
}

static int get_hex(const json_t *kept, const char *name, struct buf *out)
{
	const char *text = json_get_str(kept, name);

	if (!text || hex_decode(out, view_str(text)) != 0) {
		return fault(-EBADMSG);
	}
	return trace(buf_check(out));
}

int codes_check(const json_t *kept, struct view digits, bool *ret_same)
{
	_cleanup_(buf_done) struct buf salt = BUF_NULL(SALT);
	_cleanup_(buf_done) struct buf hash = BUF_NULL(HASH);
	uint8_t found[HASH];
	int r;

	r = get_hex(kept, "salt", &salt);
	if (r == 0) {
		r = get_hex(kept, "hash", &hash);
	}
	if (r == 0) {
		r = derive(digits, buf_view(&salt), found);
	}
	if (r < 0) {
		return trace(r);
	}
	*ret_same = secret_equal(VIEW(found), buf_view(&hash));
	return 0;
}
