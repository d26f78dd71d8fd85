/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Outcomes, reasons and faults become D-Bus errors here and nowhere else. */
#include "daemon/bus/peers.h"

/** call_fail() - end @call with org.vitaled1.Error.<@r>; @detail names a rule, key or member, never
 *  a value. NONE and reasons that are no errors are Failed. */
void call_fail(struct call *call, enum vitaled_reason r, const char *detail);
/** call_fault() - end @call with Failed and log the trace of fault @r. */
void call_fault(struct call *call, int r);

/** errors_log() - fault @r that no caller waits for. */
void errors_log(int r, const char *name);

/* names of org.freedesktop.DBus.Error for what is no matter of ours */
void call_unknown_object(struct call *call);
void call_unknown_interface(struct call *call);
void call_unknown_method(struct call *call);
void call_unknown_property(struct call *call);
void call_read_only(struct call *call);

/** errors_of_open() - SESSION_OPEN_LIMIT, SESSION_OPEN_AUDIT. */
enum vitaled_reason errors_of_open(int outcome);
/** errors_of_choose() - SESSION_CHOOSE_STATE, SESSION_CHOOSE_RANGE. */
enum vitaled_reason errors_of_choose(int outcome);
/** errors_of_lease() - enum lease_outcome. */
enum vitaled_reason errors_of_lease(int outcome);
/** errors_of_pin_job() - enum pin_job_outcome. */
enum vitaled_reason errors_of_pin_job(int outcome);
/** errors_of_reason() - a reason as an error: a card that left, whichever, is CARD_REMOVED. */
enum vitaled_reason errors_of_reason(enum vitaled_reason r);
/** errors_of_agent() - what an agent's own error reply means: CANCELLED and PIN_REFUSED are the
 *  person's no; anything else is FAILED, never a no. */
enum vitaled_reason errors_of_agent(const char *name);
/** errors_of_delivery() - what an error of the bus itself means for a request to an agent: a
 *  recipient that is not there is NO_AGENT; anything else is FAILED, never a no. */
enum vitaled_reason errors_of_delivery(const char *name);
