/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What broker.c and ties.c share: the rooms, and the tables between them. */
#include "daemon/broker.h"
#include "daemon/broker/forward.h"
#include "daemon/broker/notify.h"
#include "daemon/broker/outbox.h"
#include "daemon/broker/upkeep.h"

struct broker {
	struct config *config;
	const char *path; /* of the configuration's file, or NULL */
	struct trust *trust;
	struct audit *audit;
	struct rights *rights;
	struct cards *cards;
	struct dossiers *dossiers;
	struct consents *consents;
	struct bus *bus;
	struct sessions *sessions;
	struct leases *leases;
	struct pins *pins;
	struct crls *crls;
	struct upkeep *upkeep;
	struct forward *forward; /* NULL: entries are not handed on */
	struct outbox *outbox;
	struct notify *notify;
	sd_event_source *hangup;
	uint32_t unconfined;  /* bits of enum confined_directive */
	bool record_key_file; /* no credential gave the record's key */
	bool started;	      /* the start is in the record */
};

/* ties.c; user = struct broker */
extern const struct session_ops broker_session_ops;
extern const struct lease_ops broker_lease_ops;
extern const struct pins_ops broker_pins_ops;
extern const struct consent_ops broker_consent_ops;
extern const struct dossier_ops broker_dossier_ops;
extern const struct outbox_ops broker_outbox_ops;
