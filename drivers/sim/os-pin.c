/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * PIN and PUK of a CPS: VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER (ISO/IEC 7816-4 §11.5).
 * A try is counted and on the disk before the code is compared; what cannot be written is not
 * compared and not changed. Codes are compared in constant time.
 *
 *   CPS3   change 24 00 01 old||new; unblock 20 00 02 PUK, then 2C 02 01 new       (IAS-ECC)
 *   CPS4   change 20 00 01 old, then 24 01 01 new; unblock 20 00 02 PUK, then 2C 03 01, then
 *          24 01 01 new                                                            (ANS Cryptolib)
 */
#include <ctype.h>

#include "base/secret.h"
#include "drivers/sim/os-card.h"

enum {
	REFERENCE_PIN = 0x01,
	REFERENCE_PUK = 0x02,
	PIN_LEN = 4,
};

static struct state_code *find_code(struct card *c, uint8_t reference)
{
	if (!profile_has_codes(c->state->profile))
		return NULL;
	switch (reference &
		0x7F) { /* bit 80: local to the DF; both names mean the same code here */
	case REFERENCE_PIN:
		return &c->state->pin;
	case REFERENCE_PUK:
		return &c->state->puk;
	}
	return NULL;
}

static bool is_blocked(const struct state_code *code)
{
	return code->tries == 0 || code->uses == 0;
}

static bool *right_of(struct card *c, const struct state_code *code)
{
	return code == &c->state->pin ? &c->rights.pin : &c->rights.puk;
}

/* The comparison itself; every way out has left its trace in the state file. */
static uint16_t compare(struct card *c, struct state_code *code, struct view given)
{
	bool *right = right_of(c, code);

	*right = false;
	if (is_blocked(code))
		return OS_SW_BLOCKED;
	code->tries--;
	if (code == &c->state->puk)
		code->uses--;
	if (state_save(c->state) < 0)
		return OS_SW_MEMORY;
	if (!secret_equal(given, view_str(code->value)))
		return (uint16_t)(OS_SW_TRIES | code->tries);
	code->tries = code->max;
	if (state_save(c->state) < 0)
		return OS_SW_MEMORY;
	*right = true;
	return OS_SW_OK;
}

uint16_t os_verify(struct card *c, const struct command *cmd, _unused_ struct buf *out)
{
	struct state_code *code = find_code(c, cmd->p2);

	if (cmd->p1 != 0)
		return OS_SW_P1P2;
	if (!code)
		return OS_SW_NO_REFERENCE;
	if (cmd->data.len == 0) { /* §11.5.6: without data it asks for the state */
		if (is_blocked(code))
			return OS_SW_BLOCKED;
		if (*right_of(c, code))
			return OS_SW_OK;
		return (uint16_t)(OS_SW_TRIES | code->tries);
	}
	if (cmd->data.len != view_str(code->value).len)
		return OS_SW_LENGTH;
	return compare(c, code, cmd->data);
}

/* A new PIN: four digits. The old one stays when the new one cannot be written. */
static uint16_t set_pin(struct card *c, struct view pin)
{
	struct state_code *code = &c->state->pin;
	struct state_code old = *code;
	struct reader r = reader_of(pin);
	uint16_t sw = OS_SW_OK;

	if (pin.len != PIN_LEN)
		return OS_SW_LENGTH;
	while (r.left > 0)
		if (!isdigit(reader_u8(&r)))
			return OS_SW_DATA;
	if (view_copy_str(pin, code->value, sizeof(code->value)))
		return OS_SW_DATA;
	if (state_save(c->state) < 0) {
		*code = old;
		sw = OS_SW_MEMORY;
	}
	wipe(&old, sizeof(old));
	return sw;
}

/* 24 01: the new code alone, by the right that VERIFY gave; a CPS4 takes that of the PUK too, once
 * the code is unblocked. */
static uint16_t change_verified(struct card *c, struct view pin)
{
	bool puk = c->kind->channelled && c->rights.puk;

	if (!c->rights.pin && !puk)
		return OS_SW_SECURITY;
	return is_blocked(&c->state->pin) ? OS_SW_BLOCKED : set_pin(c, pin);
}

uint16_t os_change_reference_data(
	struct card *c, const struct command *cmd, _unused_ struct buf *out)
{
	uint16_t sw;

	if (cmd->p1 > 1 || (cmd->p1 == 0 && c->kind->channelled))
		return OS_SW_P1P2;
	if (find_code(c, cmd->p2) != &c->state->pin)
		return OS_SW_NO_REFERENCE;
	if (cmd->p1 == 1)
		return change_verified(c, cmd->data);
	if (cmd->data.len != 2 * PIN_LEN)
		return OS_SW_LENGTH;
	sw = compare(c, &c->state->pin, view_sub(cmd->data, 0, PIN_LEN));
	if (sw != OS_SW_OK)
		return sw;
	return set_pin(c, view_last(cmd->data, PIN_LEN));
}

static uint16_t refill_tries(struct card *c)
{
	struct state_code *code = &c->state->pin;
	uint8_t left = code->tries;

	code->tries = code->max;
	if (state_save(c->state) == 0)
		return OS_SW_OK;
	code->tries = left;
	return OS_SW_MEMORY;
}

uint16_t os_reset_retry_counter(
	struct card *c, const struct command *cmd, _unused_ struct buf *out)
{
	uint16_t sw = OS_SW_OK;

	if (cmd->p1 != 3 && (cmd->p1 != 2 || c->kind->channelled))
		return OS_SW_P1P2;
	if (find_code(c, cmd->p2) != &c->state->pin)
		return OS_SW_NO_REFERENCE;
	if (!c->rights.puk)
		return OS_SW_SECURITY;
	if (cmd->p1 == 3 && cmd->data.len > 0)
		return OS_SW_LENGTH;
	if (cmd->p1 == 2)
		sw = set_pin(c, cmd->data);
	return sw == OS_SW_OK ? refill_tries(c) : sw;
}
