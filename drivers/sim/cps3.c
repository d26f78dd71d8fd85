/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Simulated CPS3: IAS-ECC card with PKCS#15 (ISO/IEC 7816-15) and security data objects read by GET
 * DATA. Bytes seen on real cards are kept as they are: EF.ATR, EF.DIR with the contactless record
 * first, the AODF, private keys without algorithm references. The contactless application cannot be
 * selected through the contacts.
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
static const char ef_odf[] =
	"A80A300804063F0000017001A00A300804063F0000017002A40A300804063F0000017005"
	"A70A300804063F0000017006";
static const char ef_aodf[] = "303930150C0C436F646520706F7274657572030206C00401023003040101A11B"
			      "3019030203880A01010201040201"
			      "04020104800101300404023F00"
			      "303B30170C11436F6465206465206465626C6F63616765030206C03003040102"
			      "A11B30190302018A0A0101020108"
			      "020108020108800102300404023F00";
static const char ef_prkdf[] =
	"304D30200C0C4350535F505249565F534947030207800401013009300703020204040101301D040EE828BD"
	"080F80"
	"25000001FF0010010303060040030204B002020081A10A30083002040002020800"
	"3056302A0C0C4350535F505249565F415554030205E0040101301330070302000104010130080303060040"
	"040101"
	"301C040EE828BD080F8025000001FF00100203020560030204B002020082A10A30083002040002020800";
/* supportedAlgorithms of TokenInfo: SHA-1, SHA-256, SHA1-RSA, SHA256-RSA, RSA-PKCS twice */
static const char algorithms[] = "30170201010202022005000302010206052B0E03021A020110"
				 "301B020102020202500500030201020609608648016503040201020140"
				 "301A02010302010605000302064006092A864886F70D010105020112"
				 "301A02010402014005000302064006092A864886F70D01010B020142"
				 "301A02010502010105000302064006092A864886F70D010101020102"
				 "301A02010602010105000302020406092A864886F70D01010102011A";

static void put_hex(struct cps_maker *m, const char *hex)
{
	if (hex_decode(&m->content, view_str(hex)) && !m->r)
		m->r = fault(-EINVAL);
}

static void add_hex(struct cps_maker *m, int df, uint16_t fid, uint8_t sfi, const char *hex)
{
	put_hex(m, hex);
	cps_add(m, df, fid, sfi, OS_ACCESS_FREE);
}

/* -- PKCS#15 -------------------------------------------------------------------------------------- */

/* TokenInfo, ISO/IEC 7816-15:2016 §8.10 */
static void add_token_info(struct cps_maker *m)
{
	struct buf *b = &m->content;
	size_t whole = tlv_open(b, 0x30), mark;

	tlv_put_u8(b, 0x02, 1);
	tlv_put(b, 0x04, VIEW(m->c->serial));
	tlv_put_str(b, 0x0C, "Simulateur vitaled");
	tlv_put_str(b, 0x80, "CPS3 simulee");
	put_hex(m, "03020560"); /* login required, random numbers */
	mark = tlv_open(b, 0xA2);
	put_hex(m, algorithms);
	tlv_close(b, mark);
	tlv_close(b, whole);
	cps_add(m, m->df, 0x5032, 0, OS_ACCESS_FREE);
}

/* [1]{SEQ{SEQ{OCTET STRING path}}} of a file in DF 0001; @deep: one SEQUENCE more (X.509) */
static void put_path(struct cps_maker *m, uint16_t fid, bool deep)
{
	struct buf *b = &m->content;
	size_t value = tlv_open(b, 0xA1), outer = deep ? tlv_open(b, 0x30) : 0;
	size_t inner = tlv_open(b, 0x30), path = tlv_open(b, 0x04);

	buf_put_u16(b, 0x3F00);
	buf_put_u16(b, 0x0001);
	buf_put_u16(b, fid);
	tlv_close(b, path);
	tlv_close(b, inner);
	if (deep)
		tlv_close(b, outer);
	tlv_close(b, value);
}

static void put_certificate(struct cps_maker *m, const char *label, uint8_t id, uint16_t fid)
{
	struct buf *b = &m->content;
	size_t whole = tlv_open(b, 0x30), mark = tlv_open(b, 0x30), octets;

	tlv_put_str(b, 0x0C, label);
	put_hex(m, "03020640"); /* modifiable */
	tlv_close(b, mark);
	mark = tlv_open(b, 0x30);
	octets = tlv_open(b, 0x04);
	buf_put(b, cps_name_application, sizeof(cps_name_application));
	buf_put_u8(b, id);
	tlv_close(b, octets);
	tlv_close(b, mark);
	put_path(m, fid, true);
	tlv_close(b, whole);
}

static void put_data_object(struct cps_maker *m, const char *label, uint16_t fid, bool private)
{
	struct buf *b = &m->content;
	size_t whole = tlv_open(b, 0x30), mark = tlv_open(b, 0x30);

	tlv_put_str(b, 0x0C, label);
	put_hex(m, private ? "03020780" : "03020640"); /* private; or modifiable */
	if (private)
		tlv_put_u8(b, 0x04, 1); /* authId: the PIN */
	tlv_close(b, mark);
	mark = tlv_open(b, 0x30);
	tlv_put_str(b, 0x0C, "CPS");
	tlv_close(b, mark);
	put_path(m, fid, false);
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

static void add_pkcs15(struct cps_maker *m)
{
	add_hex(m, m->df, 0x5031, 0, ef_odf);
	add_token_info(m);
	add_hex(m, m->df, 0x7001, 0, ef_aodf);
	add_hex(m, m->df, 0x7002, 0, ef_prkdf);
	put_certificate(m, "Certificat de Signature CPS", 1, 0xB001);
	put_certificate(m, "Certificat d'Authentification CPS", 2, 0xB002);
	cps_add(m, m->df, 0x7005, 0, OS_ACCESS_FREE);
	add_data_directory(m);
}

static int build_cps3(struct card *c)
{
	struct cps_maker m = {.c = c, .content = BUF_NULL(16384)};
	struct state *s = c->state;

	cps_make_folders(&m, VIEW(cps_name_application));
	if (!m.r) {
		add_hex(&m, m.mf, 0x2F01, 0x1D, ef_atr);
		add_hex(&m, m.mf, 0x2F00, 0x1E, ef_dir);
		cps_make_files(&m);
		add_pkcs15(&m);
		card_add_key(
			c, CPS_KEY_SIGNATURE, OS_KEY_SIGNATURE, m.df, true, s->signature_key);
		card_add_key(
			c, CPS_KEY_CLIENT, OS_KEY_CLIENT, m.df, true, s->authentication_key);
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
