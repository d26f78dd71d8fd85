/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * PKCS#15 directories (ISO/IEC 7816-15) of a simulated CPS: EF.ODF, TokenInfo, AODF, PrKDF without
 * algorithm references as on real cards, the certificates, and the data objects that this card
 * has: free ones and its activities, none else. A CPS4 shows the same behind its applet, and the
 * contactless application its own: both invented (doc/stand-in.md).
 */
#include <stdio.h>

#include "drivers/sim/cps.h"

/* -- fixed contents, hexadecimal -------------------------------------------------------------- */

static const char ef_odf[] =
	"A80A300804063F0000017001A00A300804063F0000017002A40A300804063F0000017005"
	"A70A300804063F0000017006";
static const char ef_aodf[] = "303930150C0C436F646520706F7274657572030206C00401023003040101A11B"
			      "3019030203880A01010201040201"
			      "04020104800101300404023F00"
			      "303B30170C11436F6465206465206465626C6F63616765030206C03003040102"
			      "A11B30190302018A0A0101020108"
			      "020108020108800102300404023F00";
static const char ef_prkdf_sig[] =
	"304D30200C0C4350535F505249565F534947030207800401013009300703020204040101301D"
	"040EE828BD080F8025000001FF0010010303060040030204B002020081A10A30083002040002"
	"020800";
static const char ef_prkdf_aut[] =
	"3056302A0C0C4350535F505249565F415554030205E004010130133007030200010401013008"
	"0303060040040101301C040EE828BD080F8025000001FF00100203020560030204B002020082"
	"A10A30083002040002020800";
/* the official software names it 20 on a CPS4, and deciphers with it only */
static const char ef_prkdf_aut_cps4[] =
	"304B30200C0C4350535F505249565F415554030205E00401013009300703020001040101301B"
	"040EE828BD080F8025000001FF00100203020640030204B0020120A10A300830020400020208"
	"00";
/* supportedAlgorithms of TokenInfo: SHA-1, SHA-256, SHA1-RSA, SHA256-RSA, RSA-PKCS twice */
static const char algorithms[] = "30170201010202022005000302010206052B0E03021A020110"
				 "301B020102020202500500030201020609608648016503040201020140"
				 "301A02010302010605000302064006092A864886F70D010105020112"
				 "301A02010402014005000302064006092A864886F70D01010B020142"
				 "301A02010502010105000302064006092A864886F70D010101020102"
				 "301A02010602010105000302020406092A864886F70D01010102011A";

/* the contactless application: keys and certificates only; the key asks no code */
static const char ef_odf_technical[] = "A00A300804063F0000027002A40A300804063F0000027005";
static const char ef_prkdf_technical[] =
	"304330170C114350535F505249565F544543485F41555403020780301C040EE828BD080F8025"
	"000001FF00200103020520030204B002020081A10A30083002040002020800";

/* TokenInfo, ISO/IEC 7816-15:2016 §8.10 */
static void add_token_info(struct cps_maker *m, int df, const char *label, const char *flags)
{
	struct buf *b = &m->content;
	size_t whole = tlv_open(b, 0x30), mark;

	tlv_put_u8(b, 0x02, 1);
	tlv_put(b, 0x04, VIEW(m->c->serial));
	tlv_put_str(b, 0x0C, "Simulateur vitaled");
	tlv_put_str(b, 0x80, label);
	cps_put_hex(m, flags);
	mark = tlv_open(b, 0xA2);
	cps_put_hex(m, algorithms);
	tlv_close(b, mark);
	tlv_close(b, whole);
	cps_add(m, df, 0x5032, 0, OS_ACCESS_FREE);
}

/* [1]{SEQ{SEQ{OCTET STRING path}}} of a file in DF @df; @deep: one SEQUENCE more (X.509) */
static void put_path(struct cps_maker *m, int df, uint16_t fid, bool deep)
{
	struct buf *b = &m->content;
	size_t value = tlv_open(b, 0xA1), outer = deep ? tlv_open(b, 0x30) : 0;
	size_t inner = tlv_open(b, 0x30), path = tlv_open(b, 0x04);

	buf_put_u16(b, 0x3F00);
	buf_put_u16(b, m->c->files[df].fid);
	buf_put_u16(b, fid);
	tlv_close(b, path);
	tlv_close(b, inner);
	if (deep)
		tlv_close(b, outer);
	tlv_close(b, value);
}

/** struct certificate_entry - one of EF.CDF. */
struct certificate_entry {
	const char *label;
	const uint8_t *application; /* 13 bytes: the first of the identifier */
	uint8_t id;		    /* its last */
	uint16_t fid;
	int df;
};

static void put_certificate(struct cps_maker *m, const struct certificate_entry *e)
{
	struct buf *b = &m->content;
	size_t whole = tlv_open(b, 0x30), mark = tlv_open(b, 0x30), octets;

	tlv_put_str(b, 0x0C, e->label);
	cps_put_hex(m, "03020640"); /* modifiable */
	tlv_close(b, mark);
	mark = tlv_open(b, 0x30);
	octets = tlv_open(b, 0x04);
	buf_put(b, e->application, sizeof(cps_name_application));
	buf_put_u8(b, e->id);
	tlv_close(b, octets);
	tlv_close(b, mark);
	put_path(m, e->df, e->fid, true);
	tlv_close(b, whole);
}

static void put_data_object(struct cps_maker *m, const char *label, uint16_t fid, bool private)
{
	struct buf *b = &m->content;
	size_t whole = tlv_open(b, 0x30), mark = tlv_open(b, 0x30);

	tlv_put_str(b, 0x0C, label);
	cps_put_hex(m, private ? "03020780" : "03020640"); /* private; or modifiable */
	if (private)
		tlv_put_u8(b, 0x04, 1); /* authId: the PIN */
	tlv_close(b, mark);
	mark = tlv_open(b, 0x30);
	tlv_put_str(b, 0x0C, "CPS");
	tlv_close(b, mark);
	put_path(m, m->df, fid, false);
	tlv_close(b, whole);
}

static void add_data_directory(struct cps_maker *m)
{
	const struct profile *p = m->c->state->profile;
	char label[32];

	put_data_object(m, "CPS_ID_CARD", 0xD101, false);
	put_data_object(m, "CPS_NAME_PS", 0xD102, false);
	put_data_object(m, "CPS_LANG_PS", 0xD103, false);
	put_data_object(m, "CPS_INFO_PS", 0xD104, false);
	put_data_object(m, "CPS_DATA", 0xD107, false);
	for (size_t i = 0; i < p->n_activities; i++) {
		unsigned number = p->activities[i].number;

		snprintf(label, sizeof(label), "CPS_ACTIVITY_%02u_PS", number);
		put_data_object(m, label, (uint16_t)(CPS_FID_ACTIVITY + number - 1), true);
	}
	cps_add(m, m->df, 0x7006, 0, OS_ACCESS_FREE);
}

void cps_make_pkcs15(struct cps_maker *m, const char *label)
{
	const struct certificate_entry entries[] = {
		{"Certificat de Signature CPS", cps_name_application, 1, 0xB001, m->df},
		{"Certificat d'Authentification CPS", cps_name_application, 2, 0xB002, m->df},
	};

	if (m->r)
		return;
	cps_add_hex(m, m->df, 0x5031, 0, ef_odf);
	add_token_info(m, m->df, label, "03020560"); /* login required, random numbers */
	cps_add_hex(m, m->df, 0x7001, 0, ef_aodf);
	cps_put_hex(m, ef_prkdf_sig);
	cps_add_hex(
		m, m->df, 0x7002, 0, m->c->kind->channelled ? ef_prkdf_aut_cps4 : ef_prkdf_aut);
	for (size_t i = 0; i < ARRAY_LEN(entries); i++)
		put_certificate(m, &entries[i]);
	cps_add(m, m->df, 0x7005, 0, OS_ACCESS_FREE);
	add_data_directory(m);
}

void cps_make_technical(struct cps_maker *m)
{
	struct state *s = m->c->state;
	struct certificate_entry e = {
		"Certificat Technique CPS", cps_name_contactless, 1, 0xB001, OS_NO_FILE};

	if (!m->r)
		m->r = card_add_df(m->c, m->mf, 0x0002, VIEW(cps_name_contactless), &e.df);
	if (m->r)
		return;
	cps_add_hex(m, e.df, 0x5031, 0, ef_odf_technical);
	add_token_info(m, e.df, "CPS3 simulee sans contact", "03020520");
	cps_add_hex(m, e.df, 0x7002, 0, ef_prkdf_technical);
	put_certificate(m, &e);
	cps_add(m, e.df, 0x7005, 0, OS_ACCESS_FREE);
	buf_put_view(&m->content, buf_view(&s->technical_certificate));
	cps_add(m, e.df, 0xB001, 0, OS_ACCESS_FREE);
	card_add_key(m->c, CPS_KEY_SIGNATURE, OS_KEY_CLIENT, e.df, false, s->technical_key);
}
