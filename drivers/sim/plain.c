/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Cards that are not for us: an old Vitale 1 (another class byte, no files), a professional's card of
 * the generation before the CPS3 (class A0: its MF, without files), or any other card. They have an
 * ATR, find no file and know no other instruction.
 */
#include "drivers/sim/os-card.h"

static uint16_t refuse(
	_unused_ struct card *c, _unused_ const struct command *cmd, _unused_ struct buf *out)
{
	return OS_SW_NO_FILE;
}

static int build_plain(struct card *c)
{
	int mf;

	return trace(card_add_df(c, OS_NO_FILE, 0x3F00, VIEW_NULL, &mf));
}

static const struct os_instruction instructions[] = {
	{0xA4, true, false, refuse},
};

const struct os_kind os_kind_plain = {
	.cla = 0x00,
	.instructions = instructions,
	.n_instructions = ARRAY_LEN(instructions),
	.build = build_plain,
};

static int build_volet(struct card *c)
{
	int r;

	r = build_plain(c);
	if (r)
		return trace(r);
	return trace(card_add_df(c, OS_NO_FILE, 0x3F00, VIEW_NULL, &c->volet.root));
}

const struct os_kind os_kind_volet = {
	.cla = 0x00,
	.instructions = instructions,
	.n_instructions = ARRAY_LEN(instructions),
	.build = build_volet,
};
