/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The generations of the Vitale, as tables. A new one is a struct vitale_generation here and a line
 * in card_drivers[] of card.c; nothing else knows what distinguishes it. Places marked *invented*
 * are the stand-in's (doc/stand-in.md): a card without them is read by its other places.
 */
#include "drivers/card/vitale/vitale.h"

/* D2 50 00 00 02 and "VITALE", "MF_VITALE" (cardpeek) */
static const uint8_t name_vitale[] = {
	0xD2, 0x50, 0x00, 0x00, 0x02, 0x56, 0x49, 0x54, 0x41, 0x4C, 0x45};
static const uint8_t name_mf[] = {
	0xD2, 0x50, 0x00, 0x00, 0x02, 0x4D, 0x46, 0x5F, 0x56, 0x49, 0x54, 0x41, 0x4C, 0x45};

/* pcsc-tools' list: 43..4C, photo or not */
static const struct card_atr vitale_2_atrs[] = {
	{"3B751300004?09EA9000", .score = 2},
	{"3B751300004?09FA9000", .score = 2},
};

const struct vitale_generation vitale_2 = {
	.driver = {VITALE_FUNCTIONS, .generation = "vitale-2", .cla = 0x00,
		.role_key = 0x05, /* stand-in */
		.atrs = vitale_2_atrs, .n_atrs = ARRAY_LEN(vitale_2_atrs)},
	.application = {.data = name_vitale, .len = sizeof(name_vitale)},
	.root = {.data = name_mf, .len = sizeof(name_mf)},
	.files =
		{
			[VITALE_IDENTITIES] = {.df = CARD_DF_ROOT,
				.sfi = 2,
				.fid = 0x2F82, /* *invented* */
				.name = "IDENTITE",
				.tag = 0x65,
				.several = true},
			[VITALE_NUMBERS] = {.df = CARD_DF_APPLICATION,
				.sfi = 2,
				.fid = 0x2002, /* *invented* */
				.name = "NIR     ",
				.tag = 0x65,
				.several = true},
			[VITALE_SERIAL] = {.df = CARD_DF_ROOT,
				.sfi = 4, /* *invented* */
				.fid = 0x2F02,
				.name = "PAN     ",
				.tag = 0x5A,
				.size = 12},
			[VITALE_CVC] = {.df = CARD_DF_ROOT,
				.sfi = 3,      /* *invented* */
				.fid = 0x2F83, /* *invented* */
				.name = "CVC_CA  ",
				.tag = 0x7F21,
				.size = 228}, /* as doc/stand-in.md draws it */
			[VITALE_VALIDITY] = {.df = CARD_DF_APPLICATION,
				.sfi = 3,      /* *invented* */
				.fid = 0x2003, /* *invented* */
				.name = "VALIDITE",
				.tag = 0x66,
				.size = 12},
			[VITALE_COVERAGE] = {.df = CARD_DF_APPLICATION,
				.sfi = 4,      /* *invented* */
				.fid = 0x2010, /* *invented* */
				.name = "COUVERTU",
				.tag = 0xA6,
				.several = true,
				.guarded = true},
			[VITALE_POINTERS] = {.df = CARD_DF_APPLICATION,
				.sfi = 1,
				.fid = 0x2001,
				.tag = 0xE0},
		},
};

static const struct card_atr vitale_1_atrs[] = {
	{"3F652500??09F99000", .score = 2},
	{"3F652500??09699000", .score = 2},
	{"3F652500??096A9000", .score = 2},
};

const struct card_driver vitale_1 = {
	.kind = "unsupported",
	.generation = "vitale-1",
	.advice = "vitale-1",
	.atrs = vitale_1_atrs,
	.n_atrs = ARRAY_LEN(vitale_1_atrs),
};
