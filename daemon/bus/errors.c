/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The one place where outcomes become D-Bus errors. A fault is logged here, with its trace: this is
 * the top of the call that met it. An unknown cause is Failed and stays so.
 */
#include "daemon/bus/errors.h"

#include <string.h>

#include "base/log.h"
#include "daemon/bus/bus.h"

void call_fail(struct call *call, enum vitaled_reason r, const char *detail)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(1024);

	buf_put_str(&text, r == VITALED_REASON_NONE ? "failed" : vitaled_reason_word(r));
	if (detail && *detail && dbus_validate_utf8(detail, NULL))
		buf_printf(&text, ": %.200s", detail);
	buf_put_u8(&text, 0);
	if (buf_check(&text) < 0 || !dbus_validate_utf8((const char *)text.data, NULL))
		call_error(call, vitaled_error_bus(r), vitaled_reason_word(r));
	else
		call_error(call, vitaled_error_bus(r), (const char *)text.data);
}

void call_fault(struct call *call, int r)
{
	(void)log_fault(r, "bus-call");
	call_error(call, vitaled_error_bus(VITALED_REASON_FAILED), "failed");
}

void errors_log(int r, const char *name)
{
	(void)log_fault(fault(r), name);
}

void call_unknown_object(struct call *call)
{
	call_error(call, DBUS_ERROR_UNKNOWN_OBJECT, "no such object");
}

void call_unknown_interface(struct call *call)
{
	call_error(call, DBUS_ERROR_UNKNOWN_INTERFACE, "no such interface on this object");
}

void call_unknown_method(struct call *call)
{
	call_error(call, DBUS_ERROR_UNKNOWN_METHOD, "no such method on this object");
}

void call_unknown_property(struct call *call)
{
	call_error(call, DBUS_ERROR_UNKNOWN_PROPERTY, "no such property on this interface");
}

void call_read_only(struct call *call)
{
	call_error(call, DBUS_ERROR_PROPERTY_READ_ONLY, "no property can be set");
}

enum vitaled_reason errors_of_open(int outcome)
{
	switch ((enum session_open_outcome)outcome) {
	case SESSION_OPEN_LIMIT:
		return VITALED_REASON_LIMITS_EXCEEDED;
	case SESSION_OPEN_AUDIT:
		return VITALED_REASON_AUDIT_UNAVAILABLE;
	}
	return VITALED_REASON_FAILED;
}

enum vitaled_reason errors_of_choose(int outcome)
{
	switch ((enum session_choose_outcome)outcome) {
	case SESSION_CHOOSE_STATE:
		return VITALED_REASON_WRONG_STATE;
	case SESSION_CHOOSE_RANGE:
		return VITALED_REASON_INVALID_ARGUMENT;
	}
	return VITALED_REASON_FAILED;
}

enum vitaled_reason errors_of_lease(int outcome)
{
	switch ((enum lease_outcome)outcome) {
	case LEASE_BUSY:
		return VITALED_REASON_BUSY;
	case LEASE_LIMIT:
		return VITALED_REASON_LIMITS_EXCEEDED;
	case LEASE_RANGE:
	case LEASE_DRIVER:
		return VITALED_REASON_INVALID_ARGUMENT;
	case LEASE_AUDIT:
		return VITALED_REASON_AUDIT_UNAVAILABLE;
	}
	return VITALED_REASON_FAILED;
}

enum vitaled_reason errors_of_pin_job(int outcome)
{
	switch ((enum pin_job_outcome)outcome) {
	case PIN_JOB_BUSY:
		return VITALED_REASON_BUSY;
	case PIN_JOB_KIND_CARD:
		return VITALED_REASON_CARD_UNSUPPORTED;
	case PIN_JOB_AUDIT:
		return VITALED_REASON_AUDIT_UNAVAILABLE;
	}
	return VITALED_REASON_FAILED;
}

enum vitaled_reason errors_of_reason(enum vitaled_reason r)
{
	if (r == VITALED_REASON_PATIENT_CARD_REMOVED ||
		r == VITALED_REASON_PROFESSIONAL_CARD_REMOVED ||
		r == VITALED_REASON_CARD_REPLACED)
		return VITALED_REASON_CARD_REMOVED;
	return r;
}

struct known_error {
	const char *name;
	enum vitaled_reason r;
};

static enum vitaled_reason known(const struct known_error *list, size_t n, const char *name)
{
	for (size_t i = 0; name && i < n; i++)
		if (strcmp(list[i].name, name) == 0)
			return list[i].r;
	return VITALED_REASON_FAILED;
}

enum vitaled_reason errors_of_agent(const char *name)
{
	static const struct known_error list[] = {
		{"org.vitaled1.Error.Cancelled", VITALED_REASON_CANCELLED},
		{"org.vitaled1.Error.PinRefused", VITALED_REASON_PIN_REFUSED},
	};

	return known(list, ARRAY_LEN(list), name);
}

enum vitaled_reason errors_of_delivery(const char *name)
{
	static const struct known_error list[] = {
		{DBUS_ERROR_SERVICE_UNKNOWN, VITALED_REASON_NO_AGENT},
		{DBUS_ERROR_NAME_HAS_NO_OWNER, VITALED_REASON_NO_AGENT},
		/* the recipient left; our own time limit is not libdbus's */
		{DBUS_ERROR_NO_REPLY, VITALED_REASON_NO_AGENT},
		{DBUS_ERROR_DISCONNECTED, VITALED_REASON_NO_AGENT},
	};

	return known(list, ARRAY_LEN(list), name);
}
