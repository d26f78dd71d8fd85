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
extern const uint8_t cps_name_contactless[13]; /* E828BD080F 80250000 01FF0020 */

/** cps_make_folders() - MF and DF 0001; @name of the DF, empty on a CPS4 and without contacts. */
void cps_make_folders(struct cps_maker *m, struct view name);
/** cps_add() - the content so far becomes an EF; the buf is empty again. */
void cps_add(struct cps_maker *m, int df, uint16_t fid, uint8_t sfi, enum os_access access);
void cps_put_latin1(struct cps_maker *m, uint32_t tag, const char *text);
/** cps_put_activity() - EE{84 name, 85 structure, 86 sector}. */
void cps_put_activity(struct cps_maker *m, const struct profile_activity *a);
/** cps_put_hex() - fixed content. */
void cps_put_hex(struct cps_maker *m, const char *hex);
void cps_add_hex(struct cps_maker *m, int df, uint16_t fid, uint8_t sfi, const char *hex);
/** cps_add_serial() - EF.SN.ICC: D003, 12 bytes, SFI 1C. */
void cps_add_serial(struct cps_maker *m);
/** cps_make_pkcs15() - 5031, 5032, 7001, 7002, 7005, 7006 of the contact application. */
void cps_make_pkcs15(struct cps_maker *m, const char *label);
/** cps_make_technical() - DF 0002, the contactless application: its own 5031, 5032, 7002, 7005, the
 *  technical certificate B001 and key 81, which asks no code. */
void cps_make_technical(struct cps_maker *m);
/** cps_make_volet() - the older application with its own MF (cps2ter.c). */
void cps_make_volet(struct cps_maker *m);
/** cps_make_files() - serial, EF_ACTUA, certificates, professional data, activities. */
void cps_make_files(struct cps_maker *m);
