/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Simulated Vitale 2: the files of one family. Folder names, POINTERS and the identity templates are
 * what public readers expect of a real card; file identifiers other than 2001, 2F00 and 2F02, the
 * contents of COUVERTU and PHOTO and the certificate's scheme are invented (doc/stand-in.md).
 */
#include <errno.h>

#include "base/tlv.h"
#include "drivers/sim/os-card.h"

enum {
	KEY_ROLE = 0x05,
	SFI_PUBLIC = 2,	  /* the one that public readers use, in both folders */
	PAD_SURNAME = 26, /* so that four beneficiaries with ranks fit one READ of 256 bytes */
	PAD_GIVEN = 19,
	DROITS_SIZE = 256,
	VIDE_SIZE = 64,
};

static const uint8_t name_mf[] = {
	0xD2, 0x50, 0x00, 0x00, 0x02, 'M', 'F', '_', 'V', 'I', 'T', 'A', 'L', 'E'};
static const uint8_t name_vitale[] = {
	0xD2, 0x50, 0x00, 0x00, 0x02, 'V', 'I', 'T', 'A', 'L', 'E'};
static const uint8_t name_adele[] = {
	0xD2, 0x50, 0x00, 0x00, 0x04, 'A', 'd', 0xE8, 'l', 'e', 0x01, 0x01};

/* Keys of the folders in POINTERS; the last two are also their file identifiers. */
static const uint16_t folder_keys[] = {0x0001, 0x0002, 0x0003};

static struct view folder_name(size_t i)
{
	switch (i) {
	case 0:
		return VIEW(name_mf);
	case 1:
		return VIEW(name_vitale);
	}
	return VIEW(name_adele);
}

/* An EF as POINTERS lists it: an 8-character name, the key of its DF, its file identifier. */
static const struct {
	const char *name;
	uint16_t folder;
	uint16_t fid;
	uint8_t file; /* enum profile_file; 0: every card has it */
} entries[] = {
	{"IDENTITE", 0x0001, 0x2F82, 0},
	{"CVC_CA  ", 0x0001, 0x2F83, PROFILE_FILE_CERTIFICATE},
	{"NIR     ", 0x0002, 0x2002, 0},
	{"VALIDITE", 0x0002, 0x2003, PROFILE_FILE_VALIDITY},
	{"DROITS  ", 0x0002, 0x2004, PROFILE_FILE_RIGHTS},
	{"COUVERTU", 0x0002, 0x2010, PROFILE_FILE_COVERAGE},
	{"PHOTO   ", 0x0002, 0x2011, PROFILE_FILE_PHOTO},
	{"VIDE    ", 0x0002, 0x2012, 0},
};

/* Lists what the card has, itself and 2F00 and 2F02 apart, as real cards do. */
static void put_pointers(const struct profile *p, struct buf *out)
{
	size_t whole = tlv_open(out, 0xE0), list = tlv_open(out, 0xA0), mark;

	for (size_t i = 0; i < ARRAY_LEN(folder_keys); i++) {
		mark = tlv_open(out, 0x82);
		buf_put_u16(out, folder_keys[i]);
		buf_put_u16(out, 0);
		buf_put_view(out, folder_name(i));
		tlv_close(out, mark);
	}
	tlv_close(out, list);
	for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
		if (p->absent & entries[i].file)
			continue;
		mark = tlv_open(out, 0x80);
		buf_put_str(out, entries[i].name);
		buf_put_u16(out, entries[i].folder);
		buf_put_u16(out, entries[i].fid);
		tlv_close(out, mark);
	}
	tlv_close(out, whole);
}

static void put_directory(struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(folder_keys); i++) {
		size_t mark = tlv_open(out, 0x61);

		tlv_put(out, 0x4F, folder_name(i));
		tlv_close(out, mark);
	}
}

/* 65{80 surname, 81 given name, 82 YYYYMMDD, (94 rank)} for each beneficiary */
static int put_people(const struct profile *p, struct buf *out)
{
	for (size_t i = 0; i < p->n_people; i++) {
		const struct profile_person *one = &p->people[i];
		size_t whole = tlv_open(out, 0x65), mark = tlv_open(out, 0x80);
		int r = profile_put_latin1(out, one->surname, PAD_SURNAME);

		if (r)
			return r < 0 ? trace(r) : fault(-EINVAL);
		tlv_close(out, mark);
		mark = tlv_open(out, 0x81);
		r = profile_put_latin1(out, one->given, PAD_GIVEN);
		if (r)
			return r < 0 ? trace(r) : fault(-EINVAL);
		tlv_close(out, mark);
		tlv_put_str(out, 0x82, one->birth);
		if (one->rank)
			tlv_put_u8(out, 0x94, one->rank);
		tlv_close(out, whole);
	}
	return 0;
}

/* 65{93 NIR and key, 90 country}, in the order of the people; a child may have no number */
static void put_numbers(const struct profile *p, struct buf *out)
{
	for (size_t i = 0; i < p->n_people; i++) {
		size_t mark = tlv_open(out, 0x65);

		if (p->people[i].nir[0])
			tlv_put_str(out, 0x93, p->people[i].nir);
		if (p->people[i].country[0])
			tlv_put_str(out, 0x90, p->people[i].country);
		tlv_close(out, mark);
	}
}

static void put_coverages(const struct profile *p, struct buf *out)
{
	for (size_t i = 0; i < p->n_coverages; i++) {
		const struct profile_coverage *one = &p->coverages[i];
		size_t mark = tlv_open(out, 0xA6);

		tlv_put_u8(out, 0x80, one->index);
		tlv_put_str(out, 0x81, one->from);
		tlv_put_str(out, 0x82, one->to);
		tlv_put_str(out, 0x83, one->ald);
		tlv_put_str(out, 0x84, one->situation);
		tlv_close(out, mark);
	}
}

/* Raw, starts 04 00 as on real cards; the rest is invented: organisation codes in ASCII. */
static void put_rights(const struct profile *p, struct buf *out)
{
	size_t start = out->len;

	buf_put_u16(out, 0x0400);
	buf_put_str(out, p->organisation);
	buf_extend(out, DROITS_SIZE - (out->len - start));
}

static void put_validity(const struct profile *p, struct buf *out)
{
	size_t mark = tlv_open(out, 0x66);

	tlv_put_str(out, 0x80, p->valid_from);
	tlv_close(out, mark);
}

/** struct maker - adds one EF after another and stops at the first failure. */
struct maker {
	struct card *c;
	struct buf content;
	int r;
};

static void add(struct maker *m, int df, uint16_t fid, uint8_t sfi, enum os_access access)
{
	if (sfi != SFI_PUBLIC && m->c->state->profile->no_sfi)
		sfi = 0;
	if (!m->r)
		m->r = buf_check(&m->content);
	if (!m->r)
		m->r = card_add_ef(m->c, df, fid, sfi, access, buf_view(&m->content));
	buf_reset(&m->content);
}

/* One of the files that a card may lack. */
static void add_optional(struct maker *m, enum profile_file file, int df, uint16_t fid,
	uint8_t sfi, enum os_access access)
{
	if (m->c->state->profile->absent & file)
		buf_reset(&m->content);
	else
		add(m, df, fid, sfi, access);
}

/* SFIs 3 and 4 are invented: they save a SELECT each */
static void add_master(struct maker *m, int mf)
{
	struct card *c = m->c;

	put_directory(&m->content);
	add(m, mf, 0x2F00, 0, OS_ACCESS_FREE);
	tlv_put(&m->content, 0x5A, VIEW(c->serial));
	add(m, mf, 0x2F02, 4, OS_ACCESS_FREE);
	if (!m->r)
		m->r = put_people(c->state->profile, &m->content);
	add(m, mf, 0x2F82, SFI_PUBLIC, OS_ACCESS_FREE);
	buf_put_view(&m->content, buf_view(&c->state->cvc));
	add_optional(m, PROFILE_FILE_CERTIFICATE, mf, 0x2F83, 3, OS_ACCESS_FREE);
}

static void add_application(struct maker *m, int df)
{
	const struct profile *p = m->c->state->profile;

	put_pointers(p, &m->content);
	add_optional(m, PROFILE_FILE_POINTERS, df, 0x2001, 1, OS_ACCESS_FREE);
	put_numbers(p, &m->content);
	add(m, df, 0x2002, SFI_PUBLIC, OS_ACCESS_FREE);
	put_validity(p, &m->content);
	add_optional(m, PROFILE_FILE_VALIDITY, df, 0x2003, 3, OS_ACCESS_FREE);
	put_rights(p, &m->content);
	add_optional(m, PROFILE_FILE_RIGHTS, df, 0x2004, 0, OS_ACCESS_FREE);
	put_coverages(p, &m->content);
	add_optional(m, PROFILE_FILE_COVERAGE, df, 0x2010, 4, OS_ACCESS_ROLE);
	buf_extend(&m->content, p->photo);
	add_optional(m, PROFILE_FILE_PHOTO, df, 0x2011, 0, OS_ACCESS_ROLE);
	buf_extend(&m->content, VIDE_SIZE);
	add(m, df, 0x2012, 0, OS_ACCESS_FREE);
}

static int build_vitale(struct card *c)
{
	struct maker m = {.c = c, .content = BUF_NULL(16384)};
	int mf, vitale, adele;

	m.r = card_add_df(c, OS_NO_FILE, 0x3F00, VIEW(name_mf), &mf);
	if (!m.r)
		m.r = card_add_df(c, mf, folder_keys[1], VIEW(name_vitale), &vitale);
	if (!m.r)
		m.r = card_add_df(c, mf, folder_keys[2], VIEW(name_adele), &adele);
	if (!m.r) {
		if (!(c->state->profile->absent & PROFILE_FILE_CERTIFICATE))
			card_add_key(c, KEY_ROLE, OS_KEY_ROLE, OS_NO_FILE, false,
				c->state->card_key);
		add_master(&m, mf);
		add_application(&m, vitale);
	}
	buf_done(&m.content);
	return trace(m.r);
}

static const struct os_instruction instructions[] = {
	{0xA4, true, false, os_select},
	{0xB0, false, false, os_read_binary},
	{0x84, false, false, os_get_challenge},
	{0x22, true, false, os_manage_security},
	{0x2A, true, true, os_perform_security},
	{0x88, true, false, os_internal_authenticate},
	{0x82, true, false, os_external_authenticate},
};

const struct os_kind os_kind_vitale = {
	.cla = 0x00,
	.instructions = instructions,
	.n_instructions = ARRAY_LEN(instructions),
	.build = build_vitale,
};
