/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The generations of the professional's card, as tables (sources: ANS Cryptolib, OpenSC, facts of
 * real cards in OpenSC's issues). A new one is a struct cps_generation here and a line in
 * card_drivers[] of card.c; nothing else knows what distinguishes it.
 *
 * CPS3: IAS-ECC on channel 0, T=0; the hash's last round is the card's. CPS4: ChipDoc applet on
 * channel 1, T=1 or T=0, a finished hash, MSE object 91; its file layout is not public: that of the
 * CPS3 is used (doc/stand-in.md).
 */
#include "drivers/card/cps/cps.h"

#define FAMILY "001225006480" /* first historical bytes of every contact card */

#define PIN_REF	  0x01U
#define PUK_REF	  0x02U
#define PIN_LOCAL 0x81U /* the PIN as RESET RETRY COUNTER of a CPS4 names it */

#define ROLE_KEY 0x83U /* stand-in */
#define SIGN_KEY 0x81U /* CPS_PRIV_SIG */

#define CVC_SIZE 228U /* as doc/stand-in.md draws it */

/* clang-format off */
#define FILES                                                                                  \
	[CPS_SERIAL] = {.df = CARD_DF_ROOT, .sfi = 0x1C, .fid = 0xD003, .tag = 0x5A, .size = 12}, \
	[CPS_ACTUA] = {.df = CARD_DF_ROOT, .fid = 0xD010, .tag = 0xEC, .size = 20},            \
	[CPS_CERT_AUT] = {.df = CARD_DF_APPLICATION, .fid = 0xB002, .tag = 0x30}, /* *invented* */ \
	[CPS_CERT_SIG] = {.df = CARD_DF_APPLICATION, .fid = 0xB001, .tag = 0x30}, /* *invented* */ \
	[CPS_INFO] = {.df = CARD_DF_APPLICATION, .fid = 0xD104, .tag = 0xEF}, /* *invented* */ \
	[CPS_CVC] = {.df = CARD_DF_APPLICATION, .fid = 0xB003, .tag = 0x7F21, .size = CVC_SIZE}, \
	[CPS_ODF] = {.df = CARD_DF_APPLICATION, .fid = 0x5031},                                \
	[CPS_ACTIVITY] = {.df = CARD_DF_APPLICATION, .fid = 0xD120, .tag = 0xEE}
/* clang-format on */

/* -- CPS3 ---------------------------------------------------------------------------------- */

/* E8 28 BD 08 0F, then the issuer number of ANS: "CPX IAS" */
static const uint8_t name_ias[] = {
	0xE8, 0x28, 0xBD, 0x08, 0x0F, 0x80, 0x25, 0x00, 0x00, 0x01, 0xFF, 0x00, 0x10};

static const struct card_atr cps_3_atrs[] = {
	{"3B????????001225006480??????009000", .score = 2},
	{FAMILY, .historical = true, .score = 1},
};

const struct cps_generation cps_3 = {
	.driver = {CPS_FUNCTIONS, .generation = "cps3", .cla = 0x00, .role_key = ROLE_KEY,
		.atrs = cps_3_atrs, .n_atrs = ARRAY_LEN(cps_3_atrs)},
	.application = {.data = name_ias, .len = sizeof(name_ias)},
	.selected = CARD_DF_APPLICATION,
	.objects = true,
	.pin = {.ref = PIN_REF, .digits = 4, .tries = 3},
	.puk = {.ref = PUK_REF, .digits = 8, .tries = 10},
	.verify = {{APDU_VERIFY, 0x00, PIN_REF, CPS_CODE_OLD}},
	.change = {{APDU_CHANGE_REFERENCE_DATA, 0x00, PIN_REF, CPS_CODE_OLD | CPS_CODE_NEW}},
	.unblock = {{APDU_VERIFY, 0x00, PUK_REF, CPS_CODE_OLD},
		{APDU_RESET_RETRY_COUNTER, 0x02, PIN_REF, CPS_CODE_NEW}},
	.signature = {.sets = {{0x41, 0xAA, 3, {0x80, 0x01, 0x40}}, /* SHA-256 */
			      {0x41, 0xB6, 6,
				      {0x84, 0x01, SIGN_KEY, 0x80, 0x01, 0x42}}}, /* with RSA */
		.last_round = true,
		.size = 256},
	.files = {FILES},
};

/* -- CPS4 ---------------------------------------------------------------------------------- */

static const uint8_t name_chipdoc[] = {0x80, 0x25, 0x00, 0x00, 0x01, 0xFF, 0x01, 0x00};

static const struct card_atr cps_4_atrs[] = {
	{"3B9B188001001225006480??????0090??", .score = 3}, /* T=0 and T=1; its TCK varies */
	{"3BDC18FF00001225006480??????009000", .score = 3}, /* T=0; fits the CPS3's mask too */
	{FAMILY, .historical = true, .score = 1},
};

const struct cps_generation cps_4 = {
	.driver = {CPS_FUNCTIONS, .generation = "cps4", .cla = 0x01, .role_key = ROLE_KEY,
		.atrs = cps_4_atrs, .n_atrs = ARRAY_LEN(cps_4_atrs)},
	.application = {.data = name_chipdoc, .len = sizeof(name_chipdoc)},
	.selected = CARD_DF_UNKNOWN,
	.reselect = true,
	.pin = {.ref = PIN_REF, .digits = 4, .tries = 3},
	.puk = {.ref = PUK_REF, .digits = 8, .tries = 10},
	.verify = {{APDU_VERIFY, 0x00, PIN_REF, CPS_CODE_OLD}},
	.change = {{APDU_VERIFY, 0x00, PIN_REF, CPS_CODE_OLD},
		{APDU_CHANGE_REFERENCE_DATA, 0x01, PIN_REF, CPS_CODE_NEW}},
	.unblock = {{APDU_VERIFY, 0x00, PUK_REF, CPS_CODE_OLD},
		{APDU_RESET_RETRY_COUNTER, 0x03, PIN_LOCAL, CPS_CODE_NONE},
		{APDU_CHANGE_REFERENCE_DATA, 0x01, PIN_REF, CPS_CODE_NEW}},
	.signature = {.sets = {{0x81, 0xB6, 4, {0x91, 0x02, 0x28, SIGN_KEY}}}, /* RSA-SHA256 */
		.size = 256},
	.files = {FILES},
};

/* -- recognised, not readable -------------------------------------------------------------- */

/* The contactless side of a CPS3: no PIN, no signature, hence nothing for us. */
static const struct card_atr contactless_atrs[] = {
	{"3B8F80010031B864????ECC?73940180829000??", .score = 2},
	{"3B8F80010031B864????ECD?73940180829000??", .score = 2},
	{"3B8F80010031B864????ECE?73940180829000??", .score = 2},
	{"3B8F80010031B864????ECF?73940180829000??", .score = 2},
};

const struct card_driver cps_contactless = {
	.kind = "unsupported",
	.generation = "cps3",
	.advice = "cps-contactless",
	.atrs = contactless_atrs,
	.n_atrs = ARRAY_LEN(contactless_atrs),
};

/* A card of the family without one of the applications above, whose MF answers as GSM 11.11 says:
 * the CPS2ter volet alone. Asked only to give it a name. */
static int probe_volet(struct card *c)
{
	return trace(iso7816_select_old_root(&c->apdu));
}

static const struct card_atr cps_2ter_atrs[] = {
	{FAMILY, .historical = true, .score = 1},
};

const struct card_driver cps_2ter = {
	.kind = "unsupported",
	.generation = "cps2ter",
	.advice = "cps2ter",
	.atrs = cps_2ter_atrs,
	.n_atrs = ARRAY_LEN(cps_2ter_atrs),
	.probe = probe_volet,
};
