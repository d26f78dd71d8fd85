/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Simulated CPS4: an applet on logical channel 1 of a card whose channel 0 holds the card manager.
 * Commands, references and algorithms as the official software sends them; how the files lie behind
 * the applet is not public, so the layout of the CPS3 is used, PKCS#15 directories included
 * (invented). The older application is an applet of its own on channel 0.
 */
#include "drivers/sim/cps.h"

enum {
	KEY_DECIPHER = 0x20, /* the official software's name of the authentication key */
};

static int build_cps4(struct card *c)
{
	struct cps_maker m = {.c = c, .content = BUF_NULL(16384)};
	struct state *s = c->state;

	cps_make_folders(&m, VIEW_NULL);
	if (!m.r) {
		cps_make_files(&m);
		cps_make_pkcs15(&m, "CPS4 simulee");
		cps_make_volet(&m);
		card_add_key(c, CPS_KEY_SIGNATURE, OS_KEY_SIGNATURE, OS_NO_FILE, true,
			s->signature_key);
		card_add_key(c, KEY_DECIPHER, OS_KEY_CLIENT, OS_NO_FILE, true,
			s->authentication_key);
	}
	buf_done(&m.content);
	return trace(m.r);
}

static const struct os_instruction instructions[] = {
	{0xA4, true, false, os_select},
	{0xB0, false, false, os_read_binary},
	{0x20, true, false, os_verify},
	{0x24, true, false, os_change_reference_data},
	{0x2C, true, false, os_reset_retry_counter},
	{0x84, false, false, os_get_challenge},
	{0x22, true, false, os_manage_security},
	{0x2A, true, true, os_perform_security},
	{0x88, true, false, os_internal_authenticate},
	{0x82, true, false, os_external_authenticate},
};

const struct os_kind os_kind_cps4 = {
	.cla = 0x01,
	.channelled = true,
	.instructions = instructions,
	.n_instructions = ARRAY_LEN(instructions),
	.build = build_cps4,
};
