/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What may be seen of a session; part of session.h. Nothing of the patient is shown before its time,
 * while the session is suspended, or after its end.
 */
#include "daemon/audit/audit.h"
#include "daemon/session/types.h"

struct sessions;
struct session;

uint32_t session_id(const struct session *s);
const char *session_owner(const struct session *s);
uid_t session_uid(const struct session *s);
enum session_state session_state(const struct session *s);
enum vitaled_reason session_reason(const struct session *s);
enum session_mode session_mode(const struct session *s);
unsigned int session_intents(const struct session *s);
enum proof session_proof(const struct session *s);
uint64_t session_expires(const struct session *s);  /* wall clock; 0: not unlocked */
uint8_t session_pin_tries(const struct session *s); /* 255: unknown */
void session_progress(const struct session *s, uint32_t *ret_done, uint32_t *ret_expected);
/** session_queue() - place among those that wait for the same cards, from 1; 0, 0 when not queued.
 *  @ret_seconds: since it waits. */
void session_queue(const struct session *s, uint32_t *ret_position, uint32_t *ret_seconds);
const char *session_pair(const struct session *s);
const char *session_application(const struct session *s); /* "name version" or "" */
const char *session_application_name(const struct session *s);
const char *session_application_version(const struct session *s);
const char *session_audit_id(const struct session *s);
/** session_audit() - an entry with what this session knows; borrowed from it. */
struct audit_entry session_audit(const struct session *s, enum audit_event e);
bool session_interactive(const struct session *s);  /* its owner lets polkit disturb a person */
uint64_t session_lifetime(const struct session *s); /* once unlocked, microseconds */
const uint8_t *session_nonce(const struct session *s); /* 16 bytes, of the broker */
const struct session_professional *session_professional(const struct session *s); /* or NULL */
const struct session_patient *session_patient(const struct session *s);		  /* or NULL */
/** session_grounds() - why this is an emergency, as the caller wrote it; NULL: it is none, or over. */
const char *session_grounds(const struct session *s);
/** session_emergencies() - how often the professional's card of @s has broken the glass within an
 *  hour (bris_de_glace, opened; since the service started). */
unsigned int session_emergencies(const struct session *s);
/** session_beneficiaries() - new array of {surname, given, birth-date, rank?} from
 *  waiting-for-choice on; NULL before and after the end. */
int session_beneficiaries(const struct session *s, json_t **ret) _must_check_;
/** session_chosen() - new {surname, given, birth-date, rank?} of the person that this session is
 *  about, for who asks for consent; NULL before the choice and after the end. */
int session_chosen(const struct session *s, json_t **ret) _must_check_;
/** session_coverage_start() - read the coverage of the person from the card, once, for who asks for
 *  the patient: what opens it is medically telling, so it is read when somebody wants it.
 *  @done runs exactly once, never from within: NONE, or why the session ended meanwhile. */
void session_coverage_start(struct session *s,
	void (*done)(void *user, struct session *s, enum vitaled_reason r), void *user);
void session_coverage_forget(struct session *s, void *user);
/** session_patient_json() - new {surname, given, birth-date, nir?, rank?, country?, coverage?[...]},
 *  when unlocked; NULL otherwise. */
int session_patient_json(const struct session *s, json_t **ret) _must_check_;
