/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * PIN and PUK of a CPS: VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER (ISO/IEC 7816-4 §11.5).
 * A try is counted and on the disk before the code is compared; what cannot be written is not
 * compared. Codes are compared in constant time.
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

/* A new PIN: four digits. */
static uint16_t set_pin(struct card *c, struct view pin)
{
	struct reader r = reader_of(pin);

	if (pin.len != PIN_LEN)
		return OS_SW_LENGTH;
	while (r.left > 0)
		if (!isdigit(reader_u8(&r)))
			return OS_SW_DATA;
	if (view_copy_str(pin, c->state->pin.value, sizeof(c->state->pin.value)))
		return OS_SW_DATA;
	return state_save(c->state) < 0 ? OS_SW_MEMORY : OS_SW_OK;
}

uint16_t os_change_reference_data(
	struct card *c, const struct command *cmd, _unused_ struct buf *out)
{
	uint16_t sw;

	if (cmd->p1 > 1)
		return OS_SW_P1P2;
	if (find_code(c, cmd->p2) != &c->state->pin)
		return OS_SW_NO_REFERENCE;
	if (cmd->p1 == 1) /* the new code alone, after VERIFY of the old one or of the PUK */
		return c->rights.pin || c->rights.puk ? set_pin(c, cmd->data) : OS_SW_SECURITY;
	if (cmd->data.len != 2 * PIN_LEN)
		return OS_SW_LENGTH;
	sw = compare(c, &c->state->pin, view_sub(cmd->data, 0, PIN_LEN));
	if (sw != OS_SW_OK)
		return sw;
	return set_pin(c, view_last(cmd->data, PIN_LEN));
}

uint16_t os_reset_retry_counter(
	struct card *c, const struct command *cmd, _unused_ struct buf *out)
{
	uint16_t sw = OS_SW_OK;

	if (cmd->p1 != 2 && cmd->p1 != 3)
		return OS_SW_P1P2;
	if (find_code(c, cmd->p2) != &c->state->pin)
		return OS_SW_NO_REFERENCE;
	if (!c->rights.puk)
		return OS_SW_SECURITY;
	if (cmd->p1 == 3 && cmd->data.len > 0)
		return OS_SW_LENGTH;
	if (cmd->p1 == 2)
		sw = set_pin(c, cmd->data);
	if (sw != OS_SW_OK)
		return sw;
	c->state->pin.tries = c->state->pin.max;
	return state_save(c->state) < 0 ? OS_SW_MEMORY : OS_SW_OK;
}
