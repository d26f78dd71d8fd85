/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Files of the simulated card: SELECT and READ BINARY (ISO/IEC 7816-4:2020 §11.2). Vitale answers
 * SELECT with an FCI (6F); IAS-ECC cards answer with an FCP (62) when P2 asks for it, and say
 * nothing of their MF (facts seen on real cards: see the profile documentation).
 */
#include <errno.h>

#include "base/tlv.h"
#include "drivers/sim/os-card.h"

enum {
	P2_FCI = 0x00,
	P2_FCP = 0x04,
	P2_NOTHING = 0x0C,
	FID_MF = 0x3F00,
};

static int new_file(struct card *c, int parent, uint16_t fid, struct os_file **ret)
{
	struct os_file *f;

	if (c->n_files == OS_FILES_MAX)
		return fault(-ENOSPC);
	f = &c->files[c->n_files++];
	f->fid = fid;
	f->parent = parent;
	f->content = BUF_NULL(65535);
	*ret = f;
	return 0;
}

int card_add_df(struct card *c, int parent, uint16_t fid, struct view name, int *ret_df)
{
	struct os_file *f;
	int r;

	r = new_file(c, parent, fid, &f);
	if (r)
		return trace(r);
	f->df = true;
	f->name_len = name.len;
	bytes_copy(f->name, sizeof(f->name), name.data, name.len);
	*ret_df = (int)c->n_files - 1;
	return 0;
}

int card_add_ef(struct card *c, int parent, uint16_t fid, uint8_t sfi, enum os_access access,
	struct view content)
{
	struct os_file *f;
	int r;

	r = new_file(c, parent, fid, &f);
	if (r)
		return trace(r);
	f->sfi = sfi;
	f->access = access;
	buf_put_view(&f->content, content);
	return trace(buf_check(&f->content));
}

int card_find_fid(const struct card *c, int df, uint16_t fid)
{
	for (size_t i = 0; i < c->n_files; i++)
		if (c->files[i].parent == df && c->files[i].fid == fid)
			return (int)i;
	return OS_NO_FILE;
}

static int find_name(const struct card *c, struct view name)
{
	for (size_t i = 0; i < c->n_files; i++) {
		const struct os_file *f = &c->files[i];

		if (f->df && f->name_len > 0 && view_equal(view_of(f->name, f->name_len), name))
			return (int)i;
	}
	return OS_NO_FILE;
}

static int find_sfi(const struct card *c, int df, uint8_t sfi)
{
	for (size_t i = 0; i < c->n_files; i++)
		if (c->files[i].parent == df && c->files[i].sfi == sfi && !c->files[i].df)
			return (int)i;
	return OS_NO_FILE;
}

/* FIDs one after another, each a child of the one before. */
static int walk(const struct card *c, int from, struct reader *path)
{
	int at = from;

	while (path->left > 0 && at != OS_NO_FILE) {
		uint16_t fid = reader_u16(path);

		if (path->failed || !c->files[at].df)
			return OS_NO_FILE;
		at = card_find_fid(c, at, fid);
	}
	return at;
}

/* P1 = 08: from the MF, without its name; P1 = 09: IAS-ECC takes 3F00 first as absolute. */
static int find_path(const struct card *c, const struct command *cmd)
{
	struct reader path = reader_of(cmd->data);
	struct reader ahead = path;

	if (reader_u16(&ahead) == FID_MF && !ahead.failed)
		return walk(c, 0, &ahead);
	return walk(c, cmd->p1 == 8 ? 0 : c->rights.df, &path);
}

/* P1 = 00 takes the MF, a child or a brother DF; P1 = 02 a child, and the MF as real cards do. */
static int find_file(const struct card *c, const struct command *cmd)
{
	struct reader r = reader_of(cmd->data);
	uint16_t fid = reader_u16(&r);
	int found;

	if (r.left > 0 || r.failed || fid == FID_MF)
		return fid == FID_MF && r.left == 0 ? 0 : OS_NO_FILE;
	found = card_find_fid(c, c->rights.df, fid);
	if (found == OS_NO_FILE && cmd->p1 == 0)
		found = card_find_fid(c, c->files[c->rights.df].parent, fid);
	return found;
}

/* Access rules in compact form as a CPS3 shows them: AM byte 7B, then one SC byte a bit. */
static void put_rules(struct buf *out, const struct os_file *f)
{
	static const uint8_t free_rule[] = {0x7B, 0x45, 0xFF, 0xFF, 0xFF, 0x45, 0x00};
	static const uint8_t fixed_rule[] = {0x7B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00};
	static const uint8_t pin_rule[] = {0x7B, 0x45, 0xFF, 0xFF, 0xFF, 0x45, 0x11};
	static const uint8_t df_rule[] = {0x02, 0x00};
	struct view contact = VIEW(free_rule), contactless = VIEW(fixed_rule);
	size_t mark = tlv_open(out, 0xA1);

	if (f->access == OS_ACCESS_FIXED)
		contact = VIEW(fixed_rule);
	if (f->access == OS_ACCESS_PIN)
		contact = VIEW(pin_rule);
	if (f->df)
		contact = contactless = VIEW(df_rule);
	tlv_put(out, 0x8C, contact);
	tlv_put(out, 0x9C, contactless);
	tlv_close(out, mark);
}

static void put_id(struct buf *out, uint32_t tag, uint16_t v)
{
	size_t mark = tlv_open(out, tag);

	buf_put_u16(out, v);
	tlv_close(out, mark);
}

/* FCI or FCP, ISO/IEC 7816-4:2020 §7.4.3 */
static void put_control(struct card *c, const struct os_file *f, bool fcp, struct buf *out)
{
	size_t mark = tlv_open(out, fcp ? 0x62 : 0x6F);

	if (!f->df)
		put_id(out, 0x80, (uint16_t)f->content.len);
	tlv_put_u8(out, 0x82, f->df ? 0x38 : 0x01);
	if (!f->df || c->kind->iasecc)
		put_id(out, 0x83, f->fid);
	if (f->df)
		tlv_put(out, 0x84, view_of(f->name, f->name_len));
	if (f->sfi)
		tlv_put_u8(out, 0x88, (uint8_t)(f->sfi << 3));
	if (c->kind->iasecc)
		put_rules(out, f);
	tlv_put_u8(out, 0x8A, 0x05);
	tlv_close(out, mark);
}

/*
 * What selecting a DF by name does to the rights. A CPS forgets everything when its root is
 * selected. On a Vitale another issuer's application drops a role; MF_VITALE and VITALE are two
 * folders of one application, or no authenticated role could ever reach the protected files.
 */
static void apply_name(struct card *c, int found)
{
	static const uint8_t vitale_issuer[] = {0xD2, 0x50, 0x00, 0x00, 0x02};

	if (c->kind != &os_kind_vitale) {
		if (found == 0)
			card_drop_rights(c);
		c->rights.application = true;
	} else if (!view_equal(view_of(c->files[found].name, 5), VIEW(vitale_issuer))) {
		card_drop_role(c);
	}
}

/*
 * The security environment of a CPS is that of its application's folder: selecting the folder, by
 * whatever way, begins a new one. Selecting the MF or an EF, also by a path through the folder,
 * keeps it (doc/stand-in.md).
 */
static void enter_folder(struct card *c, int found)
{
	if (found > 0 && c->files[found].df && profile_is_cps(c->state->profile))
		card_drop_environment(c);
}

/* The card manager takes the place of the applet on its channel. */
static uint16_t leave_application(struct card *c)
{
	card_drop_rights(c);
	c->rights.application = false;
	c->rights.df = 0;
	c->rights.ef = OS_NO_FILE;
	return OS_SW_OK;
}

/* 0 when the way of selecting is one that the card knows, else the status word. */
static uint16_t check_p1(const struct card *c, uint8_t p1)
{
	if (p1 > 9 || (p1 > 4 && p1 < 8) || p1 == 1)
		return OS_SW_P1P2;
	return c->kind->channelled && !c->rights.application && p1 != 4 ? OS_SW_CONDITIONS : 0;
}

static uint16_t check_p2(const struct card *c, const struct command *cmd, int found)
{
	if (cmd->p2 != P2_FCI && cmd->p2 != P2_FCP && cmd->p2 != P2_NOTHING)
		return OS_SW_P1P2;
	/* a CPS3 takes P2 = 00 for its root's name only */
	if (c->kind->iasecc && cmd->p2 == P2_FCI && !(cmd->p1 == 4 && found == 0))
		return OS_SW_P1P2;
	return 0;
}

static int find_selected(const struct card *c, const struct command *cmd)
{
	int parent = c->files[c->rights.df].parent;

	switch (cmd->p1) {
	case 0x00:
		return cmd->data.len == 0 ? 0 : find_file(c, cmd);
	case 0x02:
		return find_file(c, cmd);
	case 0x03:
		return cmd->data.len == 0 ? parent : OS_NO_FILE;
	case 0x04:
		return find_name(c, cmd->data);
	case 0x08:
	case 0x09:
		return find_path(c, cmd);
	}
	return OS_NO_FILE;
}

uint16_t os_select(struct card *c, const struct command *cmd, struct buf *out)
{
	const struct os_file *f;
	int found;
	uint16_t sw;

	if (c->kind->channelled && cmd->p1 == 4 && card_is_isd(cmd->data))
		return leave_application(c);
	sw = check_p1(c, cmd->p1);
	if (sw)
		return sw;
	found = find_selected(c, cmd);
	sw = check_p2(c, cmd, found);
	if (sw)
		return sw;
	if (found == OS_NO_FILE)
		return OS_SW_NO_FILE;
	f = &c->files[found];
	if (cmd->p1 == 4)
		apply_name(c, found);
	enter_folder(c, found);
	c->rights.df = f->df ? found : f->parent;
	c->rights.ef = f->df ? OS_NO_FILE : found;
	if (cmd->p2 == P2_NOTHING || (c->kind->iasecc && found == 0))
		return OS_SW_OK;
	put_control(c, f, cmd->p2 == P2_FCP, out);
	return OS_SW_OK;
}

bool card_may_read(const struct card *c, const struct os_file *f)
{
	switch (f->access) {
	case OS_ACCESS_FREE:
	case OS_ACCESS_FIXED:
		return true;
	case OS_ACCESS_PIN:
		return c->rights.pin;
	case OS_ACCESS_ROLE:
		return c->rights.role && c->rights.role_value != CVC_ROLE_PATIENT &&
		       c->rights.role_value != CVC_ROLE_MEMBER;
	case OS_ACCESS_NEVER:
		break;
	}
	return false;
}

uint16_t os_read_binary(struct card *c, const struct command *cmd, struct buf *out)
{
	size_t offset = (size_t)cmd->p1 << 8 | cmd->p2;
	const struct os_file *f;

	if (cmd->data.len > 0 || cmd->le < 0)
		return OS_SW_LENGTH;
	if (cmd->p1 & 0x80) {
		int found = find_sfi(c, c->rights.df, cmd->p1 & 0x1F);

		if ((cmd->p1 & 0x60) || !(cmd->p1 & 0x1F))
			return OS_SW_P1P2;
		if (found == OS_NO_FILE)
			return OS_SW_NO_FILE;
		c->rights.ef = found;
		offset = cmd->p2;
	}
	if (c->rights.ef == OS_NO_FILE)
		return OS_SW_NO_EF;
	f = &c->files[c->rights.ef];
	if (!card_may_read(c, f))
		return OS_SW_SECURITY;
	if (offset >= f->content.len)
		return OS_SW_OFFSET;
	buf_put_view(out, view_sub(buf_view(&f->content), offset, (size_t)cmd->le));
	return OS_SW_OK;
}
