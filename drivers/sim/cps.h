/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What CPS3 and CPS4 share: the files of a professional. Identifiers of EF.SN.ICC, EF_ACTUA, 7001,
 * D107 and D120..D12F are those of real cards; the other D1xx files, the B0xx files and the contents
 * of the D10x files are invented (doc/stand-in.md).
 */
#include "base/tlv.h"
#include "drivers/sim/os-card.h"

#define CPS_KEY_SIGNATURE 0x81U
#define CPS_KEY_CLIENT	  0x82U
#define CPS_KEY_ROLE	  0x83U
#define CPS_FID_ACTIVITY  0xD120U /* first of sixteen */

/** struct cps_maker - adds one EF after another and stops at the first failure. */
struct cps_maker {
	struct card *c;
	struct buf content; /* of the file being made */
	int r;
	int mf, df; /* 3F00 and 3F00/0001 */
};

extern const uint8_t cps_name_root[8];	       /* 80250000 01FF0100 */
extern const uint8_t cps_name_application[13]; /* E828BD080F 80250000 01FF0010 */

/** cps_make_folders() - MF and DF 0001; @name of the DF, empty on a CPS4. */
void cps_make_folders(struct cps_maker *m, struct view name);
/** cps_add() - the content so far becomes an EF; the buf is empty again. */
void cps_add(struct cps_maker *m, int df, uint16_t fid, uint8_t sfi, enum os_access access);
/** cps_make_files() - serial, EF_ACTUA, certificates, professional data, activities. */
void cps_make_files(struct cps_maker *m);
