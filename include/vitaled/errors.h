/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The one list of names. An error of the bus is "org.vitaled1.Error." + its bus name; a session's
 * Reason is the word. Every error is a possible reason; the second list holds reasons that are
 * no errors. Names are stable: members may be added, never changed.
 */

#define VITALED_ERRORS(X)                                                                      \
	X(ACCESS_DENIED, "AccessDenied", "access-denied")                                      \
	X(INTERACTION_REQUIRED, "InteractionRequired", "interaction-required")                 \
	X(NOT_PERMITTED, "NotPermitted", "not-permitted")                                      \
	X(NO_READER_SERVICE, "NoReaderService", "no-reader-service")                           \
	X(NO_READER, "NoReader", "no-reader")                                                  \
	X(NO_CARD, "NoCard", "no-card")                                                        \
	X(CARD_REMOVED, "CardRemoved", "card-removed")                                         \
	X(CARD_AMBIGUOUS, "CardAmbiguous", "card-ambiguous")                                   \
	X(CARD_UNKNOWN, "CardUnknown", "card-unknown")                                         \
	X(CARD_UNSUPPORTED, "CardUnsupported", "card-unsupported")                             \
	X(CARD_BROKEN, "CardBroken", "card-broken")                                            \
	X(CARD_EXPIRED, "CardExpired", "card-expired")                                         \
	X(CARD_OPPOSED, "CardOpposed", "card-opposed")                                         \
	X(BUSY, "Busy", "busy")                                                                \
	X(PIN_WRONG, "PinWrong", "pin-wrong")                                                  \
	X(PIN_BLOCKED, "PinBlocked", "pin-blocked")                                            \
	X(PIN_REFUSED, "PinRefused", "pin-refused")                                            \
	X(NO_AGENT, "NoAgent", "no-agent")                                                     \
	X(CANCELLED, "Cancelled", "cancelled")                                                 \
	X(CONSENT_REFUSED, "ConsentRefused", "consent-refused")                                \
	X(NOT_TRUSTED, "NotTrusted", "not-trusted")                                            \
	X(NATURE_MIXED, "NatureMixed", "nature-mixed")                                         \
	X(PROOF_TOO_WEAK, "ProofTooWeak", "proof-too-weak")                                    \
	X(PROOF_FAILED, "ProofFailed", "proof-failed")                                         \
	X(CHILD_FAILED, "ChildFailed", "child-failed")                                         \
	X(WRONG_STATE, "WrongState", "wrong-state")                                            \
	X(INVALID_ARGUMENT, "InvalidArgument", "invalid-argument")                             \
	X(NO_SUCH_DOCUMENT, "NoSuchDocument", "no-such-document")                              \
	X(LIMITS_EXCEEDED, "LimitsExceeded", "limits-exceeded")                                \
	X(TIMEOUT, "Timeout", "timeout")                                                       \
	X(AUDIT_UNAVAILABLE, "AuditUnavailable", "audit-unavailable")                          \
	X(STORE_UNAVAILABLE, "StoreUnavailable", "store-unavailable")                          \
	X(CODE_WRONG, "CodeWrong", "code-wrong")                                               \
	X(CODE_BLOCKED, "CodeBlocked", "code-blocked")                                         \
	X(CODE_MISSING, "CodeMissing", "code-missing")                                         \
	X(FEED_INVALID, "FeedInvalid", "feed-invalid")                                         \
	X(READER_FAILED, "ReaderFailed", "reader-failed")                                      \
	X(FAILED, "Failed", "failed")

/* *-card-removed: the reason says which card left */
#define VITALED_REASONS(X)                                                                     \
	X(PATIENT_CARD_REMOVED, "patient-card-removed")                                        \
	X(PROFESSIONAL_CARD_REMOVED, "professional-card-removed")                              \
	X(CARD_REPLACED, "card-replaced")                                                      \
	X(CARD_LENT, "card-lent")                                                              \
	X(RELEASED, "released")                                                                \
	X(OWNER_GONE, "owner-gone")                                                            \
	X(SLEEP, "sleep")                                                                      \
	X(PRE_EMPTED, "pre-empted")                                                            \
	X(OTHER_PATIENT, "other-patient")                                                      \
	X(NO_DOSSIER, "no-dossier")                                                            \
	X(NO_OWN_IDENTITY, "no-own-identity")                                                  \
	X(FORBIDDEN_SECTOR, "forbidden-sector")                                                \
	X(ROLE_FORBIDDEN, "role-forbidden")                                                    \
	X(EXPIRED, "expired")                                                                  \
	X(REVOKED, "revoked")                                                                  \
	X(IDLE, "idle")

enum vitaled_reason {
	VITALED_REASON_NONE = 0,
#define X(id, bus, word) VITALED_REASON_##id,
	VITALED_ERRORS(X)
#undef X
#define X(id, word) VITALED_REASON_##id,
	VITALED_REASONS(X)
#undef X
		VITALED_REASON_COUNT
};

/** vitaled_reason_word() - "pin-blocked"; NONE is "". */
static inline const char *vitaled_reason_word(enum vitaled_reason r)
{
	static const char *const words[] = {"",
#define X(id, bus, word) word,
		VITALED_ERRORS(X)
#undef X
#define X(id, word) word,
			VITALED_REASONS(X)
#undef X
	};
	return (unsigned int)r < VITALED_REASON_COUNT ? words[r] : "failed";
}

/** vitaled_error_bus() - "org.vitaled1.Error.PinBlocked"; for a reason that is no error: Failed. */
static inline const char *vitaled_error_bus(enum vitaled_reason r)
{
	static const char *const names[] = {"org.vitaled1.Error.Failed",
#define X(id, bus, word) "org.vitaled1.Error." bus,
		VITALED_ERRORS(X)
#undef X
	};
	return (unsigned int)r < sizeof(names) / sizeof(names[0]) ? names[r]
								  : "org.vitaled1.Error.Failed";
}
