/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once

/* The tags of the bodies that base/link-ops.h names. */

/* tags: primitive C0.., constructed E0.. (ISO/IEC 7816-4 private class) */
enum link_tag {
	LINK_TAG_READER = 0xC0,
	LINK_TAG_SLOT = 0xC1,
	LINK_TAG_STATE = 0xC2,
	LINK_TAG_ATR = 0xC3,
	LINK_TAG_EVENTS = 0xC4,
	LINK_TAG_SHARE = 0xC5,
	LINK_TAG_KIND = 0xC6,	    /* text: vitale, cps, unknown, unsupported */
	LINK_TAG_GENERATION = 0xC7, /* text: vitale-2, cps3, cps4 */
	LINK_TAG_ADVICE = 0xC8,	    /* text: a name of the catalogue */
	LINK_TAG_SERIAL = 0xC9,	    /* value of 5A: BCD bytes */
	LINK_TAG_VALID_FROM = 0xCA, /* 8 digits */
	LINK_TAG_CVC = 0xCB,	    /* whole 7F21 */
	LINK_TAG_CERT_AUT = 0xCC,   /* X.509 DER */
	LINK_TAG_CERT_SIG = 0xCD,
	LINK_TAG_ACTUA_FROM = 0xCE, /* 14 digits */
	LINK_TAG_ACTUA_TO = 0xCF,
	LINK_TAG_SURNAME = 0xD0, /* UTF-8, padding removed */
	LINK_TAG_GIVEN = 0xD1,
	LINK_TAG_BIRTH = 0xD2, /* as stored: 8 digits, or 6 without a century; may be lunar */
	LINK_TAG_NIR = 0xD3,   /* 15 characters */
	LINK_TAG_COUNTRY = 0xD4,
	LINK_TAG_RANK = 0xD5, /* u8 */
	LINK_TAG_TRIES = 0xD6,
	LINK_TAG_VERIFIED = 0xD7,
	LINK_TAG_LAST_TRY = 0xD8,
	LINK_TAG_INDEX = 0xD9,
	LINK_TAG_NAME = 0xDA,
	LINK_TAG_STRUCTURE = 0xDB,
	LINK_TAG_SECTOR = 0xDC,
	LINK_TAG_CAR = 0xDD,
	LINK_TAG_CHR = 0xDE,
	LINK_TAG_PERSON = 0xE0,	  /* constructed */
	LINK_TAG_ACTIVITY = 0xE1, /* constructed */
	LINK_TAG_COVERAGE = 0xE2, /* constructed */
	LINK_TAG_DATA = 0xDF21,
	LINK_TAG_SIGNATURE = 0xDF22,
	LINK_TAG_TPDUS = 0xDF23,
	LINK_TAG_CHARACTERS = 0xDF24,
	LINK_TAG_COVER_FROM = 0xDF25,
	LINK_TAG_COVER_TO = 0xDF26,
	LINK_TAG_ALD = 0xDF27,
	LINK_TAG_SITUATION = 0xDF28,
	LINK_TAG_SPECIALITY = 0xDF29,
	LINK_TAG_PINPAD = 0xDF2A,
	LINK_TAG_PUK_TRIES = 0xDF2B,
	LINK_TAG_PUK_USES = 0xDF2C,
	LINK_TAG_DIRECTORY =
		0xDF2D, /* bytes: numbers (1..16) of the activities that EF.DODF lists */
	LINK_TAG_FOLDER = 0xDF40,
	LINK_TAG_PSEUDONYM = 0xDF41, /* 64 hex digits */
	LINK_TAG_VERSION,	     /* DF42, and so on in this order */
	LINK_TAG_HASH,
	LINK_TAG_KEY,
	LINK_TAG_FACTS,
	LINK_TAG_FILTER,
	LINK_TAG_ROWS,
	LINK_TAG_IDS,
	LINK_TAG_ID,
	LINK_TAG_FLAG,
	LINK_TAG_VALUE,
	LINK_TAG_PEOPLE,
	LINK_TAG_STATUS,
	LINK_TAG_PROTOCOL, /* u8: 0 or 1 */
	LINK_TAG_KEYPAD,   /* four bytes: base/link-usb.h */
	LINK_TAG_DRIVER,   /* u8: enum reader_driver */
};
