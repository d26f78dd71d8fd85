/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The one list of findings: what may keep an installation from working, as Manager.Diagnose and
 * `vitalectl doctor` name it. A finding that is an error as well (no-reader-service, no-reader,
 * no-agent, audit-unavailable) has its name in errors.h and no row here. Names are stable: members
 * may be added, never changed. client/findings.c words each; doc/errors.md shows them all.
 */

/* of the service: Manager.Diagnose */
#define VITALED_SERVICE_FINDINGS(X)                                                            \
	X(NO_ANCHORS, "no-anchors")			    /* nature */                       \
	X(PROOF_LOCKED, "proof-locked")			    /* nature */                       \
	X(CRL_MISSING, "crl-missing")			    /* nature, authority */            \
	X(CRL_EXPIRED, "crl-expired")			    /* nature, authority */            \
	X(CRL_REJECTED, "crl-rejected")			    /* file, reason */                 \
	X(CRL_FAILED, "crl-failed")			    /* reason */                       \
	X(FEEDER_CRL_MISSING, "feeder-crl-missing")	    /* nature, authority */            \
	X(FEEDER_CRL_EXPIRED, "feeder-crl-expired")	    /* nature, authority */            \
	X(FEEDER_ANCHORS, "feeder-anchors")		    /* file */                         \
	X(FEEDER_ANCHOR_EXPIRED, "feeder-anchor-expired")   /* nature, subject, until */       \
	X(FILTER_LOGS, "filter-logs")			    /* a test build */                 \
	X(NOT_CONFINED, "not-confined")			    /* directive */                    \
	X(SECRETS_NOT_LOCKED, "secrets-not-locked")	    /* secrets may be swapped out */   \
	X(RECORD_KEY_FILE, "record-key-file")		    /* no credential: a file's key */  \
	X(CLOCK_UNSET, "clock-unset")			    /* before this program was made */ \
	X(ANCHOR_EXPIRED, "anchor-expired")		    /* nature, subject, until */       \
	X(ANCHOR_EXPIRES, "anchor-expires")		    /* nature, subject, until */       \
	X(STORE_LOW, "store-low")			    /* path, free: bytes */            \
	X(RECORD_BEHIND, "record-behind")		    /* socket, entries */              \
	X(OUTBOX_STUCK, "outbox-stuck")			    /* path, cause, entries */         \
	X(NO_SLEEP_SIGNAL, "no-sleep-signal")		    /* logind is not there */          \
	X(NO_POLKIT, "no-polkit")			    /* nobody grants anything */       \
	X(CONFIGURATION_REJECTED, "configuration-rejected") /* where: the old one is kept */

/* of vitalectl doctor alone, which also works while the service is down */
#define VITALED_DOCTOR_FINDINGS(X)                                                             \
	X(BUS, "bus")                                                                          \
	X(SERVICE, "service")                                                                  \
	X(SERVICE_IDLE, "service-idle") /* not called yet */                                   \
	X(ACTIVATION, "activation")                                                            \
	X(PCSCD, "pcscd")                                                                      \
	X(LIBRARY, "library")                                                                  \
	X(PROGRAM, "program")                                                                  \
	X(ANCHORS, "anchors")                                                                  \
	X(PCSCD_SILENT, "pcscd-silent")		/* does not answer in time */                  \
	X(PCSCD_DENIED, "pcscd-denied")		/* this user may not ask it */                 \
	X(PCSCD_RULE, "pcscd-rule")		/* it asks polkit, and no rule */              \
	X(NO_DRIVERS, "no-drivers")		/* folder */                                   \
	X(DRIVER_BROKEN, "driver-broken")	/* file */                                     \
	X(READER_UNCLAIMED, "reader-unclaimed") /* usb, reader, maker */                       \
	X(READER_UNSEEN, "reader-unseen")	/* usb, reader, driver */                      \
	X(READER_BLOCKED, "reader-blocked")	/* usb, reader */                              \
	X(READER_DENIED, "reader-denied")	/* usb, reader: its node, for vitaled-usb */   \
	X(READER_USB_MISSING, "reader-usb-missing") /* usb, reader */                          \
	X(READER_USB_SILENT, "reader-usb-silent")   /* usb, reader, socket */                  \
	X(READER_HELD, "reader-held")		    /* usb, reader, driver: pcscd has it */    \
	X(READER_TO_PCSCD, "reader-to-pcscd")	    /* usb, reader */                          \
	X(READER_REFUSED, "reader-refused")	    /* usb, reader, reason */                  \
	X(READER_OLD_MODE, "reader-old-mode")	    /* usb, reader */                          \
	X(READER_RULES, "reader-rules")		    /* udev rules, hwdb */                     \
	X(CARD_HELD, "card-held")		    /* reader, programs */                     \
	X(CARD_MUTE, "card-mute")		    /* reader */                               \
	X(BUS_POLICY, "bus-policy")		    /* file */                                 \
	X(POLKIT_ACTIONS, "polkit-actions")	    /* file */                                 \
	X(USER_MISSING, "user-missing")		    /* user */                                 \
	X(STATE_FOLDER, "state-folder")		    /* path, owner, mode */                    \
	X(STATE_READ_ONLY, "state-read-only")	    /* path */                                 \
	X(KEY_EXPOSED, "key-exposed")		    /* file, mode */                           \
	X(CONFIGURATION, "configuration")	    /* file:line: key */                       \
	X(CLOCK_UNSYNCHRONISED, "clock-unsynchronised")                                        \
	X(ANCHOR_BROKEN, "anchor-broken") /* nature, file */                                   \
	X(NOT_ALLOWED, "not-allowed")	  /* action */                                         \
	X(UNIT_MISSING, "unit-missing")	  /* unit */                                           \
	X(UNIT_MASKED, "unit-masked")	  /* unit */                                           \
	X(UNIT_FAILED, "unit-failed")	  /* unit, result */                                   \
	X(UNIT_STOPPED, "unit-stopped")	  /* unit, state */                                    \
	X(READER_SHARED, "reader-shared") /* usb, reader: its node, for other users */

enum vitaled_finding {
#define X(id, word) VITALED_FINDING_##id,
	VITALED_SERVICE_FINDINGS(X)
	VITALED_DOCTOR_FINDINGS(X)
#undef X
		VITALED_FINDING_COUNT
};

/** vitaled_finding_word() - "no-anchors". */
static inline const char *vitaled_finding_word(enum vitaled_finding f)
{
	static const char *const words[] = {
#define X(id, word) word,
		VITALED_SERVICE_FINDINGS(X) VITALED_DOCTOR_FINDINGS(X)
#undef X
	};
	return (unsigned int)f < VITALED_FINDING_COUNT ? words[f] : "";
}
