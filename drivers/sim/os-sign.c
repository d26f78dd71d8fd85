/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * PERFORM SECURITY OPERATION (ISO/IEC 7816-8:2021 §5.5): the last round of a hash, the signature,
 * deciphering, and the way to certificate verification. Keys work after the PIN only.
 */
#include "base/tlv.h"
#include "drivers/sim/os-card.h"

/* 90 A0: tag 90 = intermediate state and bit counter (or empty), tag 80 = the last block */
static uint16_t pso_hash(struct card *c, const struct command *cmd)
{
	struct tlv state, last;

	if (!c->rights.hash_template)
		return OS_SW_CONDITIONS;
	c->rights.hashed = false;
	if (tlv_find(cmd->data, 0x90, &state) || tlv_find(cmd->data, 0x80, &last))
		return OS_SW_DATA;
	if (crypto_sha256_last(state.value, last.value, c->rights.hash))
		return OS_SW_DATA;
	c->rights.hashed = true;
	return OS_SW_OK;
}

/* 9E 9A: over the hash made before, or over one given whole */
static uint16_t pso_sign(struct card *c, const struct command *cmd, struct buf *out)
{
	const struct os_key *k = c->rights.sign_key;
	struct view hash = cmd->data.len > 0 ? cmd->data : VIEW(c->rights.hash);
	uint8_t *signature;

	if (!k || (cmd->data.len == 0 && !c->rights.hashed))
		return OS_SW_CONDITIONS;
	if (!c->rights.pin)
		return OS_SW_SECURITY;
	if (hash.len != CRYPTO_HASH)
		return OS_SW_LENGTH;
	signature = buf_extend(out, CRYPTO_RSA);
	if (!signature || crypto_rsa_sign_hash(k->key, hash, signature))
		return OS_SW_BROKEN;
	c->rights.hashed = false;
	if (c->state->profile->pin_each_signature)
		c->rights.pin = false;
	c->work_us += c->state->profile->rsa_ms * 1000ULL;
	return OS_SW_OK;
}

/* 80 86: CPS3 has the padding indicator 81 first and unpads; CPS4 takes and gives the raw block */
static uint16_t pso_decipher(struct card *c, const struct command *cmd, struct buf *out)
{
	const struct os_key *k = c->rights.decipher_key;
	bool raw = c->kind->channelled;
	struct reader r = reader_of(cmd->data);

	if (!k)
		return OS_SW_CONDITIONS;
	if (!c->rights.pin)
		return OS_SW_SECURITY;
	if (!raw && reader_u8(&r) != 0x81)
		return OS_SW_DATA;
	c->work_us += c->state->profile->rsa_ms * 1000ULL;
	if (crypto_rsa_decipher(k->key, reader_rest(&r), !raw, out))
		return OS_SW_DATA;
	return OS_SW_OK;
}

uint16_t os_perform_security(struct card *c, const struct command *cmd, struct buf *out)
{
	bool cps = profile_is_cps(c->state->profile);

	if (cmd->p1 == 0x00 && cmd->p2 == 0xBE)
		return os_verify_certificate(c, cmd);
	if (cps && cmd->p1 == 0x9E && cmd->p2 == 0x9A)
		return pso_sign(c, cmd, out);
	if (cps && cmd->p1 == 0x80 && cmd->p2 == 0x86)
		return pso_decipher(c, cmd, out);
	if (cps && !c->kind->channelled && cmd->p1 == 0x90 && cmd->p2 == 0xA0)
		return pso_hash(c, cmd);
	return OS_SW_P1P2;
}
