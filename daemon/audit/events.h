/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What the record can tell of. doc/audit.md says when; daemon/audit/atna.c what a site's log is told. */

/* event names are stable words; members: see doc/audit.md */
#define AUDIT_EVENTS(X)                                                                        \
	X(START, "start")                                                                      \
	X(STOP, "stop")                                                                        \
	X(SESSION_OPENED, "session-opened")                                                    \
	X(SESSION_ENDED, "session-ended")                                                      \
	X(CARD_IN, "card-in")                                                                  \
	X(CARD_OUT, "card-out")                                                                \
	X(PIN, "pin")                                                                          \
	X(PROOF, "proof")                                                                      \
	X(CONSENT, "consent")                                                                  \
	X(UNLOCKED, "unlocked")                                                                \
	X(IDENTITY_READ, "identity-read")                                                      \
	X(DOSSIER_CREATED, "dossier-created")                                                  \
	X(DOSSIER_LISTED, "dossier-listed")                                                    \
	X(DOSSIER_SUMMARY, "dossier-summary")                                                  \
	X(DOCUMENT_READ, "document-read")                                                      \
	X(DOCUMENT_ADDED, "document-added")                                                    \
	X(DOCUMENT_FLAGGED, "document-flagged")                                                \
	X(DOCUMENT_REPLACED, "document-replaced")                                              \
	X(DOCUMENT_ARCHIVED, "document-archived")                                              \
	X(DOCUMENT_DELETED, "document-deleted")                                                \
	X(PEOPLE_LISTED, "people-listed")                                                      \
	X(AUTHORISED, "authorised")                                                            \
	X(REVOKED, "revoked")                                                                  \
	X(BLOCKED, "blocked")                                                                  \
	X(TREATING_DOCTOR, "treating-doctor")                                                  \
	X(OPPOSITION, "opposition")                                                            \
	X(PRUNED, "pruned")                                                                    \
	X(HISTORY_READ, "history-read")                                                        \
	X(DENIED, "denied")                                                                    \
	X(RECEIPT, "receipt")                                                                  \
	X(EXPORT, "export")                                                                    \
	X(CONFIGURATION, "configuration")                                                      \
	X(AGENT, "agent")                                                                      \
	X(CLOCK_JUMP, "clock-jump")                                                            \
	X(CARD_LENT, "card-lent")                                                              \
	X(CARD_RETURNED, "card-returned")                                                      \
	X(SUSPENDED, "suspended")                                                              \
	X(RESUMED, "resumed")                                                                  \
	X(PIN_CHANGED, "pin-changed")                                                          \
	X(PIN_UNBLOCKED, "pin-unblocked")                                                      \
	X(CHILD_FAILED, "child-failed")                                                        \
	X(STORE_REJECTED, "store-rejected")                                                    \
	X(EMERGENCY, "emergency")                                                              \
	X(PRE_EMPTION, "pre-emption")                                                          \
	X(DOSSIER_CLOSED, "dossier-closed")                                                    \
	X(DOSSIER_REOPENED, "dossier-reopened")                                                \
	X(DOSSIER_EXPORTED, "dossier-exported")                                                \
	X(DOSSIER_ERASED, "dossier-erased")                                                    \
	X(CODE_TRIED, "code-tried")                                                            \
	X(CODE, "code")                                                                        \
	X(CODE_SET, "code-set")                                                                \
	X(CODE_ISSUED, "code-issued")                                                          \
	X(IMPORTED, "imported")                                                                \
	X(INFORMED, "informed")                                                                \
	X(MASKED_ALLOWED, "masked-allowed")                                                    \
	X(RATE_EXCEEDED, "rate-exceeded")

enum audit_event {
#define X(id, word) AUDIT_EVENT_##id,
	AUDIT_EVENTS(X)
#undef X
	AUDIT_EVENT_COUNT
};
