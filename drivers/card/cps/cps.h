/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What CPS3 and CPS4 share (cards of the family CPS, CPF, CPE, CPA): files, PIN, activities.
 *
 *   3F00/D003       5A 0A | 80 25 00 00 01 | serial, 5 bytes BCD         EF.SN.ICC
 *   3F00/D010       EC { 81 07 start | 82 07 end }, BCD YYYYMMDDhhmmss   EF_ACTUA, often absent
 *   3F00/0001       the application
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

#define CPS_PIN_LEN	  4U	/* digits: "code porteur" */
#define CPS_PIN_REF	  0x01U /* global reference 1 */
#define CPS_PIN_TRIES	  3U	/* what a correct PIN sets the counter to */
#define CPS_ROLE_KEY	  0x83U /* stand-in */
#define CPS_SIGN_KEY	  0x81U /* CPS_PRIV_SIG */
#define CPS_SIGNATURE_LEN 256U	/* RSA-2048 */
#define CPS_DATA_MAX	  4096U /* bytes to sign */
#define CPS_ACTIVITIES	  16U

#define CPS_EF_SERIAL	0xD003U
#define CPS_EF_ACTUA	0xD010U
#define CPS_EF_INFO	0xD104U
#define CPS_EF_ACTIVITY 0xD120U
#define CPS_EF_CERT_SIG 0xB001U
#define CPS_EF_CERT_AUT 0xB002U
#define CPS_EF_CVC	0xB003U

/** cps_family() - 1 when the historical bytes begin as all contact cards of the family do. */
unsigned cps_family(const struct atr *atr);
int cps_select_root(struct card *c, uint16_t fid) _must_check_; /* EF under 3F00 */
int cps_select_app(struct card *c, uint16_t fid) _must_check_;	/* EF under 3F00/0001 */

int cps_read_serial(struct card *c, struct buf *value) _must_check_;
int cps_read_public(struct card *c, struct buf *body) _must_check_;
int cps_read_activities(struct card *c, struct buf *body) _must_check_;
/** cps_verify() - @pin_fd stays the caller's. TRIES in @body on CARD_DONE and CARD_PIN_*, where the
 *  card says them. At most one VERIFY is sent, none on CARD_PIN_REFUSED and CARD_PIN_LAST. */
int cps_verify(struct card *c, int pin_fd, bool last_try, struct buf *body) _must_check_;
int cps_enter_role(struct card *c) _must_check_;
/** cps_may_use_key() - CARD_DENIED unless the PIN went through us: another program's PIN is not ours. */
int cps_may_use_key(const struct card *c) _must_check_;

/** pkcs15_certificate() - the path (with 3F00) of the certificate whose identifier ends in @id, from
 *  EF.ODF and EF.CDF (PKCS#15 v1.1 §6.2, §6.6). Return: also CARD_ABSENT. */
int pkcs15_certificate(struct card *c, uint8_t id, struct buf *path) _must_check_;
