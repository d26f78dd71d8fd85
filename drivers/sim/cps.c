/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Files that both generations of the simulated professional's card hold. The maker belongs to the
 * caller; a failure stays in it and makes the rest do nothing.
 */
#include "drivers/sim/cps.h"

#include <errno.h>

#include "base/hex.h"

#define ACTUA_SIZE 20U

const uint8_t cps_name_root[8] = {0x80, 0x25, 0x00, 0x00, 0x01, 0xFF, 0x01, 0x00};
const uint8_t cps_name_application[13] = {
	0xE8, 0x28, 0xBD, 0x08, 0x0F, 0x80, 0x25, 0x00, 0x00, 0x01, 0xFF, 0x00, 0x10};
const uint8_t cps_name_contactless[13] = {
	0xE8, 0x28, 0xBD, 0x08, 0x0F, 0x80, 0x25, 0x00, 0x00, 0x01, 0xFF, 0x00, 0x20};

void cps_make_folders(struct cps_maker *m, struct view name)
{
	m->r = card_add_df(m->c, OS_NO_FILE, 0x3F00, VIEW(cps_name_root), &m->mf);
	if (!m->r)
		m->r = card_add_df(m->c, m->mf, 0x0001, name, &m->df);
}

void cps_add(struct cps_maker *m, int df, uint16_t fid, uint8_t sfi, enum os_access access)
{
	if (!m->r)
		m->r = buf_check(&m->content);
	if (!m->r)
		m->r = card_add_ef(m->c, df, fid, sfi, access, buf_view(&m->content));
	buf_reset(&m->content);
}

void cps_put_latin1(struct cps_maker *m, uint32_t tag, const char *text)
{
	size_t mark = tlv_open(&m->content, tag);

	if (!m->r && profile_put_latin1(&m->content, text, 0))
		m->r = fault(-EINVAL);
	tlv_close(&m->content, mark);
}

void cps_put_hex(struct cps_maker *m, const char *hex)
{
	if (hex_decode(&m->content, view_str(hex)) && !m->r)
		m->r = fault(-EINVAL);
}

void cps_add_hex(struct cps_maker *m, int df, uint16_t fid, uint8_t sfi, const char *hex)
{
	cps_put_hex(m, hex);
	cps_add(m, df, fid, sfi, OS_ACCESS_FREE);
}

void cps_add_serial(struct cps_maker *m)
{
	tlv_put(&m->content, 0x5A, VIEW(m->c->serial));
	cps_add(m, m->mf, 0xD003, 0x1C, OS_ACCESS_FIXED);
}

/* Seven BCD bytes, YYYYMMDDhhmmss */
static void put_moment(struct cps_maker *m, uint32_t tag, const char *digits)
{
	size_t mark = tlv_open(&m->content, tag);

	cps_put_hex(m, digits);
	tlv_close(&m->content, mark);
}

/* EC{81 start, 82 end}; a start without an end, no bytes or zeros make the broken file that real
 * software refuses */
static void add_actua(struct cps_maker *m)
{
	const struct profile *p = m->c->state->profile;
	size_t mark;

	if (p->actua != PROFILE_ACTUA_DATES) {
		if (p->actua == PROFILE_ACTUA_ZEROS)
			buf_extend(&m->content, ACTUA_SIZE);
		cps_add(m, m->mf, 0xD010, 0, OS_ACCESS_FIXED);
		return;
	}
	if (!p->actua_from[0])
		return;
	mark = tlv_open(&m->content, 0xEC);
	put_moment(m, 0x81, p->actua_from);
	if (p->actua_to[0])
		put_moment(m, 0x82, p->actua_to);
	tlv_close(&m->content, mark);
	cps_add(m, m->mf, 0xD010, 0, OS_ACCESS_FIXED);
}

static void add_bytes(struct cps_maker *m, uint16_t fid, const struct buf *bytes)
{
	buf_put_view(&m->content, buf_view(bytes));
	cps_add(m, m->df, fid, 0, OS_ACCESS_FREE);
}

/* CPS_ID_CARD, CPS_NAME_PS, CPS_LANG_PS, CPS_INFO_PS, CPS_DATA; contents invented */
static void add_person(struct cps_maker *m)
{
	const struct profile_professional *p = &m->c->state->profile->professional;
	struct buf *b = &m->content;
	size_t mark = tlv_open(b, 0xE1);

	tlv_put(b, 0x5A, VIEW(m->c->serial));
	tlv_put_u8(b, 0x80, p->type);
	tlv_put_u8(b, 0x81, 0x80); /* table G01: a test card */
	tlv_close(b, mark);
	cps_add(m, m->df, 0xD101, 0, OS_ACCESS_FREE);
	mark = tlv_open(b, 0xE2);
	tlv_put_str(b, 0x80, p->id);
	if (p->surname[0])
		cps_put_latin1(m, 0x81, p->surname);
	if (p->given[0])
		cps_put_latin1(m, 0x82, p->given);
	tlv_close(b, mark);
	cps_add(m, m->df, 0xD102, 0, OS_ACCESS_FREE);
	tlv_put_str(b, 0x80, "fr");
	cps_add(m, m->df, 0xD103, 0, OS_ACCESS_FREE);
	mark = tlv_open(b, 0xEF);
	if (p->profession)
		tlv_put_u8(b, 0x80, p->profession);
	tlv_put_u8(b, 0x81, 0x80);
	tlv_put_u8(b, 0x82, 0x00); /* table G17: libéral */
	if (p->speciality[0])
		tlv_put_str(b, 0x87, p->speciality);
	tlv_close(b, mark);
	cps_add(m, m->df, 0xD104, 0, OS_ACCESS_FREE);
	buf_extend(b, 32);
	cps_add(m, m->df, 0xD107, 0, OS_ACCESS_FREE);
}

void cps_put_activity(struct cps_maker *m, const struct profile_activity *a)
{
	size_t mark = tlv_open(&m->content, 0xEE);

	cps_put_latin1(m, 0x84, a->name);
	cps_put_latin1(m, 0x85, a->structure);
	tlv_put_str(&m->content, 0x86, a->sector);
	tlv_close(&m->content, mark);
}

/* In D120 + number - 1; numbers may have gaps */
static void add_activities(struct cps_maker *m)
{
	const struct profile *p = m->c->state->profile;

	for (size_t i = 0; i < p->n_activities; i++) {
		cps_put_activity(m, &p->activities[i]);
		cps_add(m, m->df, (uint16_t)(CPS_FID_ACTIVITY + p->activities[i].number - 1), 0,
			OS_ACCESS_PIN);
	}
}

void cps_make_files(struct cps_maker *m)
{
	struct state *s = m->c->state;

	cps_add_serial(m);
	add_actua(m);
	add_bytes(m, 0xB001, &s->signature_certificate);
	add_bytes(m, 0xB002, &s->authentication_certificate);
	add_bytes(m, 0xB003, &s->cvc);
	add_person(m);
	add_activities(m);
	card_add_key(m->c, CPS_KEY_ROLE, OS_KEY_ROLE, m->df, true, s->card_key);
}
