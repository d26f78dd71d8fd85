/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The older application of a CPS, "volet CPS2ter": class A0, one SELECT a level, answers announced
 * by 9FXX, status words 94XX and 98XX. On a CPS3 it is always there, on a CPS4 it is an applet of
 * channel 0 that must be selected by name. It has its own current file and its own waiting answer,
 * so a command of one class never moves or shows anything of the other; the verified code porteur
 * is the card's and opens both (the official software sends no VERIFY of class A0). Identifiers
 * 4010..401F and 7F01/4000 and the answer of SELECT are those of real cards; the contents are
 * invented.
 */
#include "base/tlv.h"
#include "drivers/sim/cps.h"

enum {
	INS_SELECT = 0xA4,
	INS_GET_RESPONSE = 0xC0,
	INS_READ = 0xB0,
	FID_MF = 0x3F00,
	FID_ACTIVITY = 0x4010, /* first of sixteen */
	FID_BILLING = 0x7F01,
	FID_SITUATION = 0x4000,
	TYPE_MF = 1,
	TYPE_DF = 2,
	TYPE_EF = 4,
};

enum volet_sw {
	VOLET_SW_MORE = 0x9F00, /* ORed with the bytes that wait */
	VOLET_SW_ADDRESS = 0x9402,
	VOLET_SW_NOT_FOUND = 0x9404,
	VOLET_SW_TYPE = 0x9408,
	VOLET_SW_NO_CODE = 0x9804, /* the code has not been given */
	VOLET_SW_BLOCKED = 0x9840,
};

void os_volet_reset(struct card *c)
{
	c->volet.df = c->volet.root;
	c->volet.ef = OS_NO_FILE;
	c->volet.answer_len = 0;
}

static uint8_t type_of(const struct card *c, int file)
{
	if (file == c->volet.root)
		return TYPE_MF;
	return c->files[file].df ? TYPE_DF : TYPE_EF;
}

/* 85 05 { size 2, identifier 2, type 1 }, kept for GET RESPONSE */
static uint16_t keep_answer(struct card *c, int file)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(sizeof(c->volet.answer));
	size_t mark = tlv_open(&b, 0x85);

	buf_put_u16(&b, (uint16_t)c->files[file].content.len);
	buf_put_u16(&b, c->files[file].fid);
	buf_put_u8(&b, type_of(c, file));
	tlv_close(&b, mark);
	if (buf_check(&b))
		return OS_SW_BROKEN;
	bytes_copy(c->volet.answer, sizeof(c->volet.answer), b.data, b.len);
	c->volet.answer_len = b.len;
	return (uint16_t)(VOLET_SW_MORE | b.len);
}

static uint16_t volet_select(struct card *c, const struct command *cmd)
{
	struct reader r = reader_of(cmd->data);
	uint16_t fid = reader_u16(&r);
	int found;

	if (cmd->p1 != 0 || cmd->p2 != 0)
		return OS_SW_OFFSET;
	if (cmd->data.len != 2)
		return OS_SW_LENGTH;
	found = fid == FID_MF ? c->volet.root : card_find_fid(c, c->volet.df, fid);
	if (found == OS_NO_FILE)
		return VOLET_SW_NOT_FOUND;
	c->volet.df = c->files[found].df ? found : c->files[found].parent;
	c->volet.ef = c->files[found].df ? OS_NO_FILE : found;
	return keep_answer(c, found);
}

static uint16_t volet_get_response(struct card *c, const struct command *cmd, struct buf *out)
{
	if (cmd->p1 != 0 || cmd->p2 != 0)
		return OS_SW_OFFSET;
	if (c->volet.answer_len == 0)
		return OS_SW_BROKEN;
	buf_put(out, c->volet.answer, c->volet.answer_len);
	return OS_SW_OK;
}

static uint16_t volet_read(struct card *c, const struct command *cmd, struct buf *out)
{
	size_t offset = (size_t)cmd->p1 << 8 | cmd->p2;
	const struct os_file *f;

	if (cmd->data.len > 0 || cmd->le < 0)
		return OS_SW_LENGTH;
	if (c->volet.ef == OS_NO_FILE)
		return VOLET_SW_TYPE;
	f = &c->files[c->volet.ef];
	if (!card_may_read(c, f))
		return c->state->pin.tries == 0 ? VOLET_SW_BLOCKED : VOLET_SW_NO_CODE;
	if (offset >= f->content.len)
		return VOLET_SW_ADDRESS;
	buf_put_view(out, view_sub(buf_view(&f->content), offset, (size_t)cmd->le));
	return OS_SW_OK;
}

uint16_t os_volet_process(struct card *c, const struct command *cmd, struct buf *out)
{
	c->rights.chain_ins = 0; /* another command ends a chain, of whatever class */
	if (c->kind->channelled && !c->volet.selected)
		return OS_SW_CONDITIONS;
	if (cmd->ins == INS_GET_RESPONSE)
		return volet_get_response(c, cmd, out);
	c->volet.answer_len = 0;
	if (cmd->ins == INS_SELECT)
		return volet_select(c, cmd);
	return cmd->ins == INS_READ ? volet_read(c, cmd, out) : OS_SW_INS;
}

/* EA{80 number, 81 structure} of each activity; invented */
static void put_situation(struct cps_maker *m)
{
	const struct profile *p = m->c->state->profile;

	for (size_t i = 0; i < p->n_activities; i++) {
		size_t mark = tlv_open(&m->content, 0xEA);

		tlv_put_u8(&m->content, 0x80, p->activities[i].number);
		cps_put_latin1(m, 0x81, p->activities[i].structure);
		tlv_close(&m->content, mark);
	}
}

void cps_make_volet(struct cps_maker *m)
{
	const struct profile *p = m->c->state->profile;
	int root = OS_NO_FILE, billing = OS_NO_FILE;

	if (!m->r)
		m->r = card_add_df(m->c, OS_NO_FILE, FID_MF, VIEW_NULL, &root);
	if (!m->r)
		m->r = card_add_df(m->c, root, FID_BILLING, VIEW_NULL, &billing);
	for (size_t i = 0; i < p->n_activities; i++) {
		cps_put_activity(m, &p->activities[i]);
		cps_add(m, root, (uint16_t)(FID_ACTIVITY + p->activities[i].number - 1), 0,
			OS_ACCESS_PIN);
	}
	put_situation(m);
	cps_add(m, billing, FID_SITUATION, 0, OS_ACCESS_PIN);
	if (!m->r)
		m->c->volet.root = root;
}
