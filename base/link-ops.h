/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the frames of base/link.h say: operations, outcomes and tags of the three kinds of child.
 * Invented for this project. Tags are BER private-class numbers; a nested template repeats.
 */
#include "base/link-dossier.h"
#include "base/link-tags.h"

#define WATCH_ALIVE_MS 2000U /* a guard says that it lives at least so often, ... */
#define WATCH_ANSWER_MS                                                                        \
	10000U /* ... and any watch of vitaled-usb soon after it has not answered for so long */

/* vitaled-watch: events only */
enum watch_op {
	WATCH_OP_SERVICE =
		1, /* STATE u8: enum watch_service; the first event, and at each change */
	WATCH_OP_READER_IN,  /* READER, (SLOT u8) */
	WATCH_OP_READER_OUT, /* READER */
	WATCH_OP_CARD_IN, /* READER, ATR, EVENTS u32 (PC/SC event counter); mute: STATE u8 = 1 */
	WATCH_OP_CARD_OUT, /* READER, EVENTS u32 */
	WATCH_OP_LISTED,   /* the first complete list has been reported */
	WATCH_OP_ALIVE,	   /* of a guard: at once, and then at least every WATCH_ALIVE_MS */
	WATCH_OP_LOOK, /* the only request, to the watch of vitaled-usb: STATE u8: enum watch_service of
	                  pcscd -> */
};

#define WATCH_GUARD "VITALED_WATCH_GUARD" /* in the environment: says ALIVE, whatever is in */
/* in the environment: of vitaled-usb, not of pcscd, whose state it says: a digit, enum watch_service */
#define WATCH_USB   "VITALED_WATCH_USB"

/* in the environment of vitaled-card: it is for readers of vitaled-usb, not of pcscd */
#define CARD_USB "VITALED_CARD_USB"

/* who serves a reader; LINK_TAG_DRIVER */
enum reader_driver {
	READER_DRIVER_PCSC = 0, /* pcscd */
	READER_DRIVER_USB,	/* vitaled-usb */
	READER_DRIVER_COUNT,
};

enum watch_service {
	WATCH_SERVICE_RUNNING = 1,
	WATCH_SERVICE_STOPPED, /* the socket is there, nobody answers; or it went away under us */
	WATCH_SERVICE_ABSENT, /* no socket: pcscd is not installed or not started */
};

/* vitaled-card */
enum card_op {
	CARD_OP_OPEN =
		1, /* READER, DRIVER u8, SHARE u8 (enum card_share), (KIND, GENERATION, ATR: as it was recognised
	              since it came in) -> KIND, GENERATION, ATR, (ADVICE), PINPAD u8 (CARD_PINPAD_*).
	              With a hint no AID is selected again where the card works without; a card of
	              another ATR is CARD_GONE */
	CARD_OP_IDENTIFY, /* -> SERIAL; cps: (ACTUA_FROM, ACTUA_TO): the stamp of its public files */
	CARD_OP_READ_PUBLIC, /* vitale: -> (CVC), SERIAL. cps: -> CERT_AUT, CERT_SIG, (CVC),
	                        (SPECIALITY), DIRECTORY: what may be cached */
	CARD_OP_READ_PEOPLE, /* vitale: -> PERSON{SURNAME, GIVEN, BIRTH, (NIR), (COUNTRY), (RANK)} ... */
	CARD_OP_PIN_STATE, /* cps: -> TRIES u8, VERIFIED u8, (PUK_TRIES u8), (PUK_USES u8, 255: more) */
	CARD_OP_VERIFY, /* cps: LAST_TRY u8 (1 = the person confirmed), fd = pipe, or PINPAD u8 = 1
	                   and no fd -> TRIES u8 */
	CARD_OP_READ_ACTIVITIES, /* cps, PIN: (DIRECTORY) -> ACTIVITY{INDEX u8, NAME, STRUCTURE,
	                            SECTOR} ...; read once, then answered from the process */
	CARD_OP_CHECK_CERTIFICATE, /* CAR, CVC: MSE SET DST + PSO VERIFY CERTIFICATE */
	CARD_OP_CHALLENGE, /* CHR: MSE SET AT (both keys) + GET CHALLENGE -> DATA (16) */
	CARD_OP_INTERNAL_AUTHENTICATE, /* DATA (24 or 40) -> SIGNATURE (64) */
	CARD_OP_EXTERNAL_AUTHENTICATE, /* SIGNATURE (64) */
	CARD_OP_READ_PROTECTED, /* vitale, role: -> COVERAGE{INDEX u8, COVER_FROM, COVER_TO, ALD,
	                           SITUATION} ... (text as stored) */
	CARD_OP_SIGN,  /* cps, PIN: DATA (what is signed, <= 4096) -> SIGNATURE (RSA-SHA256) */
	CARD_OP_RESET, /* warm reset: every right is gone */
	CARD_OP_PRESENT, /* re-read the serial: the same card is still there */
	CARD_OP_CLOSE,	 /* reset if a right was obtained, disconnect; the child then exits 0 */
	CARD_OP_CHANGE_PIN, /* cps: LAST_TRY u8, fds = pipes of old and new PIN, or PINPAD u8 = 1
	                       -> TRIES u8 (of the old PIN) */
	CARD_OP_UNBLOCK_PIN, /* cps: LAST_TRY u8, fds = pipes of PUK and new PIN, or PINPAD u8 = 1
	                        -> TRIES u8 (of the PUK) */
	CARD_OP_KEEP_PEOPLE, /* vitale: reads what READ_PEOPLE will say and keeps it in the process
	                        -> (VALID_FROM) */
	CARD_OP_ALIVE, /* event, while a request runs: TPDUS, CHARACTERS; before a command on the line
	                  when nothing was sent to the broker for a second: a card that is slow is
	                  told from one that hangs */
	CARD_OP_READ_ROLE, /* cps: -> (CVC): what the other card waits for; READ_PUBLIC says it again
	                      without reading it again */
	CARD_OP_COUNT
};

enum card_share {
	CARD_SHARE_TRANSACTIONS =
		0, /* others may connect; each right ends with its transaction */
	CARD_SHARE_EXCLUSIVE = 1,
};

#define CARD_PINPAD_VERIFY 0x01U /* PC/SC part 10: FEATURE_VERIFY_PIN_DIRECT works */
#define CARD_PINPAD_MODIFY 0x02U /* FEATURE_MODIFY_PIN_DIRECT works */

/* Every answer of vitaled-card also carries TPDUS u32 and CHARACTERS u32, counted since OPEN. */
enum card_outcome {
	CARD_DONE = 0,
	CARD_GONE,	  /* removed, reset or touched by another program since OPEN */
	CARD_MUTE,	  /* no ATR, or no answer within the deadline */
	CARD_UNKNOWN,	  /* no driver claims it */
	CARD_UNSUPPORTED, /* recognised, not readable (Vitale 1): ADVICE */
	CARD_BROKEN,	  /* truncated, over-long or contradictory answers */
	CARD_BUSY,	  /* another program holds the reader */
	CARD_NO_SERVICE, /* who serves the reader stopped, or the process is not for its readers */
	CARD_NO_READER,
	CARD_PIN_WRONG, /* TRIES: what the card says is left */
	CARD_PIN_BLOCKED,
	CARD_PIN_LAST, /* one try left and not confirmed: nothing was sent */
	CARD_PIN_REFUSED, /* not as many digits as it has, late or empty: nothing was sent; or the card
	                     does not take the new one */
	CARD_DENIED,  /* security status not satisfied (6982) */
	CARD_REFUSED, /* a certificate, challenge or signature that the card does not accept */
	CARD_ABSENT,  /* file, key or operation not on this card */
	CARD_FAILED,  /* fault in the child, or in who serves the reader */
	CARD_CANCELLED, /* the person pressed the keypad's cancel key: nothing was tried */
	CARD_LATE,	/* nobody typed on the keypad in time: nothing was tried */
	CARD_UNUSABLE,	/* EF_ACTUA is there and not complete: the issuer took it out of use */
	CARD_READER_FAILED, /* the reader answers nonsense: no word about the card */
};
