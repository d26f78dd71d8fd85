/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The family of professionals' cards (CPS, CPF, CPE, CPA): files, PIN, activities, signature. A
 * generation is a table (generations.c); the code below knows none of them.
 *
 *   3F00/D003       5A 0A | 80 25 00 00 01 | serial, 5 bytes BCD         EF.SN.ICC, SFI 1C
 *   3F00/D010       EC { 81 07 start | 82 07 end }, BCD YYYYMMDDhhmmss   EF_ACTUA, often absent
 *   3F00/0001       the application
 *     5031          EF.ODF, which names EF.CDF and EF.DODF (pkcs15.c)
 *     D104          EF { ... 87 speciality }                             CPS_INFO_PS, *invented* place
 *     D120..D12F    EE { 84 name | 85 structure | 86 sector }            activities, after PIN, gaps
 *     B001, B002    X.509 for signature and authentication               *invented* place
 *     B003          7F21, the card's certificate of the stand-in         *invented*
 *
 * Sources: ANS Cryptolib sources and OpenSC PR 2217 for D003, D010, D120..D12F, the PIN and the
 * signature commands. Where no public source gives the place of a file, that of doc/stand-in.md is
 * tried, and for certificates what the card's own PKCS#15 directory says.
 */
#include "drivers/card/card.h"

#define CPS_ACTIVITIES	 16U
#define CPS_STEPS	 3U /* commands of one act with codes, at most */
#define CPS_SETS	 2U /* MSE of one signature, at most */
#define CPS_SET_DATA	 8U
#define CPS_USES_UNKNOWN 255U

enum cps_file_id {
	CPS_SERIAL,
	CPS_ACTUA,
	CPS_CERT_AUT,
	CPS_CERT_SIG,
	CPS_INFO,
	CPS_CVC,
	CPS_ODF,
	CPS_ACTIVITY, /* the first of sixteen */
	CPS_FILES
};

struct cps_file {
	enum card_df df;
	uint8_t sfi; /* 0: none is known */
	uint16_t fid;
	uint32_t tag;
	uint8_t size; /* bytes, where fixed by construction; 0: not known */
};

enum cps_code {
	CPS_CODE_NONE = 0,
	CPS_CODE_OLD = 1, /* the one that is compared: PIN or PUK */
	CPS_CODE_NEW = 2,
};

/** struct cps_step - one command of an act; its data are the codes, old before new. */
struct cps_step {
	uint8_t ins; /* 0: no more steps */
	uint8_t p1;
	uint8_t p2;
	uint8_t codes; /* enum cps_code, ORed */
};

struct cps_code_kind {
	uint8_t ref;	/* of VERIFY */
	uint8_t digits; /* at most 8 */
	uint8_t tries;	/* what a right code sets the counter to */
};

/** struct cps_signature - MSE, hash, PSO COMPUTE DIGITAL SIGNATURE. */
struct cps_signature {
	struct {
		uint8_t p1;
		uint8_t p2; /* 0: no more */
		uint8_t len;
		uint8_t data[CPS_SET_DATA];
	} sets[CPS_SETS];

	bool last_round; /* the card finishes the hash itself (PSO HASH); else it takes it whole */
	uint16_t size; /* bytes */
};

struct cps_generation {
	struct card_driver driver; /* first: card.driver is this */
	struct view application;   /* DF name: recognition */
	enum card_df selected;	   /* what that makes current */
	bool reselect;		   /* OPEN with a hint selects it again */
	bool objects; /* counters also in security data objects (IAS-ECC): GET DATA */
	struct cps_code_kind pin;
	struct cps_code_kind puk;
	struct cps_step verify[CPS_STEPS];
	struct cps_step change[CPS_STEPS];
	struct cps_step unblock[CPS_STEPS];
	struct cps_signature signature;
	struct cps_file files[CPS_FILES];
};

/* What every table of the family puts into its driver. */
#define CPS_FUNCTIONS                                                                          \
	.kind = "cps", .probe = cps_probe, .resume = cps_resume, .identify = cps_identify,     \
	.read_serial = cps_read_serial, .read_role = cps_read_role,                            \
	.read_public = cps_read_public, .pin_state = cps_pin_state, .verify = cps_verify,      \
	.change_pin = cps_change_pin, .unblock_pin = cps_unblock_pin,                          \
	.read_activities = cps_read_activities, .enter_role = cps_enter_role, .sign = cps_sign

extern const struct cps_generation cps_3;
extern const struct cps_generation cps_4;
extern const struct card_driver cps_contactless; /* recognised: no PIN, no signature */
extern const struct card_driver cps_2ter;	 /* recognised: of before 2011 */

#include "drivers/card/cps/parts.h"
