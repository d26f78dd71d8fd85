/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Simulated CPS3: IAS-ECC card with PKCS#15 (cps-pkcs15.c) and security data objects read by GET
 * DATA. Bytes seen on real cards are kept as they are: EF.ATR, and EF.DIR with the contactless
 * record first. The contactless application cannot be selected through the contacts, nor the other
 * way round: which of the two is played says the profile.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "drivers/sim/cps.h"

/* -- fixed contents, hexadecimal ----------------------------------------------------------------- */

static const char ef_atr[] =
	"804301B8460404B0ECC147039401804F088025000001FF0100E0100202010402020104"
	"0202010002020100780806062B8122F8780282029000";
static const char ef_dir[] =
	"61324F0DE828BD080F8025000001FF0020500A4350582049415320434C51043F000002730F4F0DE828BD"
	"080F8025000001FF0010"
	"612F4F0DE828BD080F8025000001FF001050074350582049415351043F000001730F4F0DE828BD080F80"
	"25000001FF0010";

static int build_cps3(struct card *c)
{
	struct cps_maker m = {.c = c, .content = BUF_NULL(16384)};
	struct state *s = c->state;

	cps_make_folders(&m, VIEW(cps_name_application));
	if (!m.r) {
		cps_add_hex(&m, m.mf, 0x2F01, 0x1D, ef_atr);
		cps_add_hex(&m, m.mf, 0x2F00, 0x1E, ef_dir);
		cps_make_files(&m);
		cps_make_pkcs15(&m, "CPS3 simulee");
		cps_make_volet(&m);
		card_add_key(
			c, CPS_KEY_SIGNATURE, OS_KEY_SIGNATURE, m.df, true, s->signature_key);
		card_add_key(
			c, CPS_KEY_CLIENT, OS_KEY_CLIENT, m.df, true, s->authentication_key);
	}
	buf_done(&m.content);
	return trace(m.r);
}

/* The other interface: no code, one technical key; what the contacts show of the application is
 * there and cannot be read, by which software tells the two apart. */
static int build_contactless(struct card *c)
{
	struct cps_maker m = {.c = c, .content = BUF_NULL(16384)};

	cps_make_folders(&m, VIEW_NULL);
	if (!m.r) {
		cps_add_hex(&m, m.mf, 0x2F01, 0x1D, ef_atr);
		cps_add_hex(&m, m.mf, 0x2F00, 0x1E, ef_dir);
		cps_add_serial(&m);
		cps_add(&m, m.df, 0x7001, 0, OS_ACCESS_NEVER);
		cps_make_technical(&m);
	}
	buf_done(&m.content);
	return trace(m.r);
}

/* -- security data objects: question, current DF, answer with the live counters ------------------- */

struct question {
	const char *asked;   /* after 4D L 70 L */
	bool in_application; /* 3F00/0001 must be current, else 3F00 */
	const char *answer;  /* NULL: made with the counters */
};

static const struct question pin_object = {"BF810102A080", false, NULL};
static const struct question puk_object = {"BF810202A080", false, NULL};

static const struct question fixed_objects[] = {
	{"BF8101037F4180", false, "700DBF8101097F4106800104810104"},
	{"BF8102037F4180", false, "700DBF8102097F4106800108810108"},
	{"BFFB01027B80", false, "700EBFFB010A7B08A406950108830101"},
	{"BFFB03027B80", false, "700EBFFB030A7B08A406950108830102"},
	{"BF9001037F4880", true, "700ABF9001067F4803800101"},
	{"BF9002037F4880", true, "700ABF9002067F4803800101"},
	{"BF900102A080", true, "701ABF900116A01480020100A10B8C044311FF009C0303FFFF9E0101"},
	{"BF900202A080", true, "701BBF900217A01580020100A10C8C05331111FF009C0303FFFF9E0100"},
};

static bool is_asked(const struct card *c, const struct question *q, struct view asked)
{
	_cleanup_(buf_done) struct buf want = BUF_NULL(16);
	bool in_application = c->files[c->rights.df].fid == 0x0001;

	return hex_decode(&want, view_str(q->asked)) == 0 &&
	       view_equal(buf_view(&want), asked) && in_application == q->in_application;
}

static uint16_t answer_hex(const char *hex, struct buf *out)
{
	return hex_decode(out, view_str(hex)) ? OS_SW_BROKEN : OS_SW_OK;
}

/* GET DATA of extended header lists 4D{70{...}}, IAS-ECC: CB 3F FF */
static uint16_t get_data(struct card *c, const struct command *cmd, struct buf *out)
{
	const struct state *s = c->state;
	struct tlv list, object;
	char text[80];

	if (cmd->p1 != 0x3F || cmd->p2 != 0xFF)
		return OS_SW_P1P2;
	if (tlv_find(cmd->data, 0x4D, &list) || tlv_find(list.value, 0x70, &object))
		return OS_SW_DATA;
	if (!profile_has_codes(c->state->profile))
		return OS_SW_NO_REFERENCE;
	if (is_asked(c, &pin_object, object.value)) {
		snprintf(text, sizeof(text),
			"7016BF810112A0109A01039B01%02XA1088C06F3000013FF00", s->pin.tries);
		return answer_hex(text, out);
	}
	if (is_asked(c, &puk_object, object.value)) {
		snprintf(text, sizeof(text),
			"701ABF810216A0149A010A9B01%02X9D02%04XA1088C06F3FF00FFFF00",
			s->puk.tries, s->puk.uses);
		return answer_hex(text, out);
	}
	for (size_t i = 0; i < ARRAY_LEN(fixed_objects); i++)
		if (is_asked(c, &fixed_objects[i], object.value))
			return answer_hex(fixed_objects[i].answer, out);
	return OS_SW_NO_REFERENCE;
}

static const struct os_instruction instructions[] = {
	{0xA4, true, false, os_select},
	{0xB0, false, false, os_read_binary},
	{0xCB, true, false, get_data},
	{0x20, true, false, os_verify},
	{0x24, true, false, os_change_reference_data},
	{0x2C, true, false, os_reset_retry_counter},
	{0x84, false, false, os_get_challenge},
	{0x22, true, false, os_manage_security},
	{0x2A, true, true, os_perform_security},
	{0x88, true, false, os_internal_authenticate},
	{0x82, true, false, os_external_authenticate},
};

const struct os_kind os_kind_cps3 = {
	.cla = 0x00,
	.iasecc = true,
	.instructions = instructions,
	.n_instructions = ARRAY_LEN(instructions),
	.build = build_cps3,
};

static const struct os_instruction contactless_instructions[] = {
	{0xA4, true, false, os_select},
	{0xB0, false, false, os_read_binary},
	{0xCB, true, false, get_data},
	{0x20, true, false, os_verify},
	{0x84, false, false, os_get_challenge},
	{0x22, true, false, os_manage_security},
	{0x88, true, false, os_internal_authenticate},
};

const struct os_kind os_kind_cps3_contactless = {
	.cla = 0x00,
	.iasecc = true,
	.instructions = contactless_instructions,
	.n_instructions = ARRAY_LEN(contactless_instructions),
	.build = build_contactless,
};
