/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A full disk stops care last. Some of the record's file is kept free: while it is whole everybody may
 * write; when the disk gives no more, refusals may use half of it and emergencies all. What was used
 * is got back before anybody else is admitted again, so freeing some space is all that is needed.
 */
#include <errno.h>
#include <string.h>

#include "daemon/audit/state.h"

enum audit_class reserve_class(const struct audit_entry *e)
{
	/* and an agent that comes: without one nobody types the PIN of an emergency */
	static const enum audit_event refusals[] = {AUDIT_EVENT_DENIED,
		AUDIT_EVENT_SESSION_ENDED, AUDIT_EVENT_STORE_REJECTED, AUDIT_EVENT_CHILD_FAILED,
		AUDIT_EVENT_AGENT};

	static const enum audit_event emergencies[] = {AUDIT_EVENT_START, AUDIT_EVENT_STOP,
		AUDIT_EVENT_EMERGENCY, AUDIT_EVENT_PRE_EMPTION};

	static const char *const modes[] = {"bris_de_glace", "centre_15"};

	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		if (e->mode && strcmp(e->mode, modes[i]) == 0)
			return AUDIT_CLASS_EMERGENCY;
	for (size_t i = 0; i < ARRAY_LEN(emergencies); i++)
		if (e->event == emergencies[i])
			return AUDIT_CLASS_EMERGENCY;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
		if (e->event == refusals[i])
			return AUDIT_CLASS_REFUSAL;
	return AUDIT_CLASS_OTHER;
}

/* Bytes that must be free for an entry of @class. */
static uint64_t needed(const struct audit *a, enum audit_class class)
{
	switch (class) {
	case AUDIT_CLASS_OTHER:
		return a->reserve;
	case AUDIT_CLASS_REFUSAL:
		return a->reserve / 2;
	case AUDIT_CLASS_EMERGENCY:
		return 0;
	}
	return a->reserve;
}

static bool there(struct audit *a, uint64_t bytes)
{
	uint64_t room = 0;

	return bytes == 0 || (store_room(&a->store, &room) == 0 && room >= bytes);
}

/* What the log has left is for emergencies alone while it has not all its bytes. */
static bool enough(struct audit *a, enum audit_class class)
{
	return there(a, needed(a, class)) &&
	       (class == AUDIT_CLASS_EMERGENCY || store_log_kept(&a->store));
}

int reserve_admit(struct audit *a, enum audit_class class)
{
	if (enough(a, class))
		return 0;
	if (store_keep_room(&a->store, a->reserve, 0) == 0)
		return 0;
	return fault(-ENOSPC);
}

/* The file grows by grains: that the entry before has begun one is no full disk yet. */
bool reserve_low(struct audit *a)
{
	return !enough(a, AUDIT_CLASS_OTHER) && store_keep_room(&a->store, a->reserve, 0) < 0;
}

bool reserve_helps(struct audit *a, int r)
{
	return a->reserve > 0 && r == -ENOSPC && store_empty_log(&a->store, false);
}

int audit_reserve(struct audit *a, uint64_t bytes, uint64_t log)
{
	int r;

	a->reserve = bytes;
	r = store_keep_room(&a->store, bytes, log);
	return r < 0 ? audit_unavailable(a, r) : 0;
}
