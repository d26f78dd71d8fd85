/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * An entry of the record as HL7 FHIR R4 (4.0.1) AuditEvent. The mapping is in doc/audit.md; nothing
 * of the entry is lost by it, and what identifies it in the record (origin, number, leaf hash) goes
 * with it.
 */
#include "base/json.h"

#define FHIR_URL_MAX 64U

/** fhir_audit_event() - @entry, canonical bytes, as a resource
 *  @ret_url: a name for it, "urn:uuid:...", made of its leaf hash (UUID version 8).
 *  Return: 0, a fault, or JSON_INVALID when it is no entry. */
int fhir_audit_event(struct view entry, uint64_t index, const char *origin, json_t **ret,
	char ret_url[FHIR_URL_MAX]) _must_check_;
