/* SPDX-License-Identifier: EUPL-1.2 */
/* The rooms around the bus, played, as far as telling and exceeding go. */
#include "daemon/broker/outbox.h"
#include "tests/unit/bus/fakes.h"

const struct session_patient *session_patient(const struct session *s)
{
	return s->patient.pseudonym[0] ? &s->patient : NULL;
}

bool session_interactive(const struct session *s)
{
	return s->interactive;
}

void session_exceeded(struct session *s, bool yes)
{
	s->exceeded[yes ? 1 : 0]++;
}

void dossier_informed(struct session *s, enum dossier_told_to to)
{
	s->informed[to]++;
}

const char *outbox_stuck(const struct outbox *o, const char **ret_folder, uint64_t *ret_entries)
{
	(void)o;
	if (fakes.outbox) {
		*ret_folder = "/state/outbox";
		*ret_entries = 4;
	}
	return fakes.outbox;
}
