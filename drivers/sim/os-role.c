/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Role authentication between cards, the stand-in of doc/stand-in.md, and the security environment
 * (MANAGE SECURITY ENVIRONMENT, ISO/IEC 7816-4:2020 §11.5.11). A challenge lives until EXTERNAL
 * AUTHENTICATE uses it or another one replaces it; an imported key lives until the next reset; a
 * private key can be named only in its DF, stays named until the environment is dropped, and works
 * after its PIN.
 */
#include <string.h>

#include "base/rng.h"
#include "base/tlv.h"
#include "drivers/sim/os-card.h"

enum {
	PROOF_ROLE = 24,    /* challenge or nonce and 8 bytes */
	PROOF_CONSENT = 40, /* SHA-256 of the statement and VDCONS01 */
	CLIENT_MAX = 102,   /* 40 % of the modulus, EN 14890-1 §8 */
	ALGORITHM_CLIENT = 0x02,
	ALGORITHM_SHA256 = 0x40,
	ALGORITHM_SHA256_RSA = 0x42,
	ALGORITHM_DECIPHER = 0x1A,
	ALGORITHM_CPS4_SHA256_RSA = 0x28,
};

/** struct environment - the references of one MSE SET. */
struct environment {
	struct view name;      /* 83 */
	struct view key;       /* 84 */
	struct view algorithm; /* 80 */
	struct view pair;      /* 91: algorithm and key, CPS4 */
};

static int parse_environment(struct view data, struct environment *ret)
{
	struct reader r = reader_of(data);
	struct environment e = {0};
	struct tlv t;
	int end;

	while ((end = tlv_next(&r, &t)) == 0) {
		if (t.tag == 0x83)
			e.name = t.value;
		else if (t.tag == 0x84)
			e.key = t.value;
		else if (t.tag == 0x80)
			e.algorithm = t.value;
		else if (t.tag == 0x91)
			e.pair = t.value;
		else
			return TLV_BROKEN;
	}
	*ret = e;
	return end == TLV_END ? 0 : TLV_BROKEN;
}

/* The only byte of @v, or 0. */
static uint8_t one_byte(struct view v)
{
	struct reader r = reader_of(v);

	return v.len == 1 ? reader_u8(&r) : 0;
}

const struct os_key *card_find_key(const struct card *c, uint8_t reference, enum os_key_use use)
{
	for (size_t i = 0; i < c->n_keys; i++) {
		const struct os_key *k = &c->keys[i];

		if (k->reference == reference && k->use == use &&
			(k->df == OS_NO_FILE || k->df == c->rights.df))
			return k;
	}
	return NULL;
}

void card_add_key(struct card *c, uint8_t reference, enum os_key_use use, int df,
	bool needs_pin, EVP_PKEY *key)
{
	c->keys[c->n_keys++] = (struct os_key){.reference = reference,
		.use = use,
		.df = df,
		.needs_pin = needs_pin,
		.key = key};
}

/* Where the commands between two cards work: in the DF of the role key; of a global one, anywhere. */
static bool in_role_folder(const struct card *c)
{
	for (size_t i = 0; i < c->n_keys; i++)
		if (c->keys[i].use == OS_KEY_ROLE)
			return c->keys[i].df == OS_NO_FILE || c->keys[i].df == c->rights.df;
	return false;
}

static bool is_peer(const struct card *c, struct view name)
{
	return c->rights.peer_key && view_equal(name, VIEW(c->rights.peer_name));
}

/* 81 B6: the root whose signature will be checked; on a CPS4 the same bytes name its signature key. */
static uint16_t mse_root(struct card *c, const struct environment *e)
{
	struct reader pair = reader_of(e->pair);

	if (c->kind->channelled && e->pair.len == 2) {
		if (reader_u8(&pair) != ALGORITHM_CPS4_SHA256_RSA)
			return OS_SW_DATA;
		c->rights.sign_key = card_find_key(c, reader_u8(&pair), OS_KEY_SIGNATURE);
		return c->rights.sign_key ? OS_SW_OK : OS_SW_NO_REFERENCE;
	}
	if (e->name.len == 0)
		return OS_SW_DATA;
	c->rights.root_named = c->state->root_key && in_role_folder(c) &&
			       view_equal(e->name, view_str(c->state->root_name));
	return c->rights.root_named ? OS_SW_OK : OS_SW_NO_REFERENCE;
}

/* 81 A4: the imported key that will check a proof */
static uint16_t mse_peer(struct card *c, const struct environment *e)
{
	if (e->name.len == 0)
		return OS_SW_DATA;
	c->rights.peer_named = is_peer(c, e->name);
	return c->rights.peer_named ? OS_SW_OK : OS_SW_NO_REFERENCE;
}

/* C1 A4: both at once, the imported key and the own one; all or nothing */
static uint16_t mse_mutual(struct card *c, const struct environment *e)
{
	const struct os_key *k = card_find_key(c, one_byte(e->key), OS_KEY_ROLE);

	if (e->name.len == 0 || e->key.len != 1)
		return OS_SW_DATA;
	if (!k || !is_peer(c, e->name))
		return OS_SW_NO_REFERENCE;
	c->rights.auth_key = k;
	c->rights.peer_named = true;
	return OS_SW_OK;
}

/* 41 A4: the own key for INTERNAL AUTHENTICATE */
static uint16_t mse_auth(struct card *c, const struct environment *e)
{
	const struct os_key *k = card_find_key(c, one_byte(e->key), OS_KEY_ROLE);

	if (e->key.len != 1)
		return OS_SW_DATA;
	if (!k && !c->kind->channelled && one_byte(e->algorithm) == ALGORITHM_CLIENT)
		k = card_find_key(c, one_byte(e->key), OS_KEY_CLIENT);
	c->rights.auth_key = k;
	return k ? OS_SW_OK : OS_SW_NO_REFERENCE;
}

/* 41 B6, CPS3: key and algorithm for PSO COMPUTE DIGITAL SIGNATURE */
static uint16_t mse_sign(struct card *c, const struct environment *e)
{
	if (one_byte(e->algorithm) != ALGORITHM_SHA256_RSA || e->key.len != 1)
		return OS_SW_DATA;
	c->rights.sign_key = card_find_key(c, one_byte(e->key), OS_KEY_SIGNATURE);
	return c->rights.sign_key ? OS_SW_OK : OS_SW_NO_REFERENCE;
}

/* 41 AA, CPS3: hash algorithm for PSO HASH */
static uint16_t mse_hash(struct card *c, const struct environment *e)
{
	c->rights.hash_template = one_byte(e->algorithm) == ALGORITHM_SHA256;
	c->rights.hashed = false;
	return c->rights.hash_template ? OS_SW_OK : OS_SW_DATA;
}

/* 41 B8: key for PSO DECIPHER; CPS3 with 84 and 80, CPS4 with 83 */
static uint16_t mse_decipher(struct card *c, const struct environment *e)
{
	struct view key = c->kind->channelled ? e->name : e->key;

	if (key.len != 1)
		return OS_SW_DATA;
	if (!c->kind->channelled && one_byte(e->algorithm) != ALGORITHM_DECIPHER)
		return OS_SW_DATA;
	c->rights.decipher_key = card_find_key(c, one_byte(key), OS_KEY_CLIENT);
	return c->rights.decipher_key ? OS_SW_OK : OS_SW_NO_REFERENCE;
}

static const struct {
	uint8_t p1, p2;
	bool cps, cps3; /* which cards have it */
	uint16_t (*set)(struct card *c, const struct environment *e);
} environments[] = {
	{0x81, 0xB6, false, false, mse_root},
	{0x81, 0xA4, false, false, mse_peer},
	{0x41, 0xA4, false, false, mse_auth},
	{0xC1, 0xA4, false, false, mse_mutual},
	{0x41, 0xB6, true, true, mse_sign},
	{0x41, 0xAA, true, true, mse_hash},
	{0x41, 0xB8, true, false, mse_decipher},
};

/* F2 (official CPS software) or F3 (norm): restore environment P2, which names no key */
static uint16_t mse_restore(struct card *c, const struct command *cmd)
{
	if (cmd->data.len > 0)
		return OS_SW_LENGTH;
	if (cmd->p2 != 1 && cmd->p2 != 3)
		return OS_SW_NO_REFERENCE;
	card_drop_environment(c);
	return OS_SW_OK;
}

uint16_t os_manage_security(struct card *c, const struct command *cmd, _unused_ struct buf *out)
{
	bool cps = profile_is_cps(c->state->profile);
	struct environment e;

	if (cps && (cmd->p1 == 0xF2 || cmd->p1 == 0xF3))
		return mse_restore(c, cmd);
	for (size_t i = 0; i < ARRAY_LEN(environments); i++) {
		if (environments[i].p1 != cmd->p1 || environments[i].p2 != cmd->p2)
			continue;
		if ((environments[i].cps && !cps) ||
			(environments[i].cps3 && c->kind->channelled))
			break;
		if (parse_environment(cmd->data, &e))
			return OS_SW_DATA;
		return environments[i].set(c, &e);
	}
	return OS_SW_P1P2;
}

uint16_t os_get_challenge(struct card *c, const struct command *cmd, struct buf *out)
{
	uint8_t bytes[OS_CHALLENGE];

	if (cmd->p1 != 0 || cmd->p2 != 0)
		return OS_SW_P1P2;
	if (cmd->le != 8 && cmd->le != OS_CHALLENGE)
		return OS_SW_LE | OS_CHALLENGE;
	if (rng_fill(bytes, sizeof(bytes)))
		return OS_SW_BROKEN;
	bytes_copy(c->rights.challenge, sizeof(c->rights.challenge), bytes, sizeof(bytes));
	c->rights.challenged = cmd->le == OS_CHALLENGE; /* eight bytes prove nothing here */
	buf_put(out, bytes, (size_t)cmd->le);
	return OS_SW_OK;
}

uint16_t os_internal_authenticate(struct card *c, const struct command *cmd, struct buf *out)
{
	const struct os_key *k = c->rights.auth_key;
	uint8_t *signature;
	int r;

	if (cmd->p1 != 0 || cmd->p2 != 0)
		return OS_SW_P1P2;
	if (!k)
		return OS_SW_CONDITIONS;
	if (k->needs_pin && !c->rights.pin)
		return OS_SW_SECURITY;
	if (k->use == OS_KEY_ROLE) {
		if (cmd->data.len != PROOF_ROLE && cmd->data.len != PROOF_CONSENT)
			return OS_SW_LENGTH;
		signature = buf_extend(out, CRYPTO_SIGNATURE);
		r = signature ? crypto_ec_sign(k->key, cmd->data, signature) : 1;
		c->work_us += c->state->profile->ec_ms * 1000ULL;
	} else {
		if (cmd->data.len == 0 || cmd->data.len > CLIENT_MAX)
			return OS_SW_LENGTH;
		signature = buf_extend(out, CRYPTO_RSA);
		r = signature ? crypto_rsa_sign(k->key, cmd->data, signature) : 1;
		c->work_us += c->state->profile->rsa_ms * 1000ULL;
	}
	return r ? OS_SW_BROKEN : OS_SW_OK;
}

uint16_t os_external_authenticate(
	struct card *c, const struct command *cmd, _unused_ struct buf *out)
{
	_cleanup_(buf_done) struct buf message = BUF_NULL(OS_CHALLENGE + 8);
	struct os_rights *r = &c->rights;
	bool challenged = r->challenged;

	if (cmd->p1 != 0 || cmd->p2 != 0)
		return OS_SW_P1P2;
	r->challenged = false;
	if (!challenged || !r->peer_named)
		return OS_SW_CONDITIONS;
	if (cmd->data.len != CRYPTO_SIGNATURE)
		return OS_SW_LENGTH;
	buf_put(&message, r->challenge, sizeof(r->challenge));
	buf_put_view(&message, view_last(VIEW(c->serial), 8));
	c->work_us += c->state->profile->ec_ms * 1000ULL;
	if (buf_check(&message) || crypto_ec_verify(r->peer_key, buf_view(&message), cmd->data))
		return OS_SW_FALSE;
	r->role = true;
	r->role_value = r->peer_role;
	return OS_SW_OK;
}

/* PSO VERIFY CERTIFICATE (ISO/IEC 7816-8:2021 §5.5.10): import the key of another card. */
uint16_t os_verify_certificate(struct card *c, const struct command *cmd)
{
	struct os_rights *r = &c->rights;
	EVP_PKEY *key = NULL;
	struct cvc cvc;

	if (!r->root_named)
		return OS_SW_CONDITIONS;
	if (cvc_parse(cmd->data, &cvc))
		return OS_SW_DATA;
	c->work_us += c->state->profile->ec_ms * 1000ULL;
	if (cvc.role == CVC_ROLE_ROOT || !view_equal(cvc.car, view_str(c->state->root_name)) ||
		crypto_ec_verify(c->state->root_key, cvc.body, cvc.signature))
		return OS_SW_FALSE;
	if (crypto_ec_from_point(cvc.point, &key))
		return OS_SW_DATA;
	EVP_PKEY_free(r->peer_key);
	r->peer_key = key;
	r->peer_role = cvc.role;
	r->peer_named = false;
	bytes_copy(r->peer_name, sizeof(r->peer_name), cvc.chr.data, cvc.chr.len);
	return OS_SW_OK;
}
