/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The D-Bus side: libdbus on the sd-event loop, const method tables, peers, polkit, agents. Nothing
 * below this room knows of D-Bus. One file an interface; dispatch, signatures, access and
 * introspection come from the same tables (bus/table.h).
 */
#include "daemon/dossier/dossier.h"
#include "daemon/session/crl.h"
#include "daemon/session/lease.h"
#include "daemon/session/pins.h"

struct bus;

/* What the interfaces serve; all borrowed, must outlive the bus. */
struct bus_rooms {
	const struct config *config;
	struct cards *cards;
	struct sessions *sessions;
	struct leases *leases;
	struct pins *pins;
	struct crls *crls;
	struct consents *consents;
	struct dossiers *dossiers;
	struct audit *audit;
	const struct forward *forward; /* or NULL */
	const struct outbox *outbox;   /* or NULL */
	const struct trust *trust;
	uint32_t unconfined;  /* what of the sandbox is not in force: confined_missing() */
	bool record_key_file; /* the record's key lies in a file that we made, no credential */
};

/**
 * bus_new() - connect to the system bus (DBUS_SYSTEM_BUS_ADDRESS is obeyed), register objects; the
 * name is not yet owned, so that no call arrives before bus_serve().
 */
int bus_new(sd_event *ev, struct bus **ret) _must_check_;
/** bus_serve() - take the rooms and request org.vitaled1. Return: 0 or a fault (-EEXIST: owned). */
int bus_serve(struct bus *b, const struct bus_rooms *rooms) _must_check_;
/** bus_closing() - leases and PIN jobs go next: whoever waits for one hears Failed, its questions are
 *  withdrawn. Takes NULL. */
void bus_closing(struct bus *b);
struct bus *bus_free(struct bus *b); /* flushes, closes; agents hear Release */
/** bus_configured() - another configuration is in force; the rooms below have been told. */
void bus_configured(struct bus *b);
/** bus_rejected() - a new configuration was refused, at "file:line: key"; the old one stays. */
void bus_rejected(struct bus *b, const char *where);
/** bus_slept() - the machine has slept: unless logind announced it every session is locked now and the
 *  cards are looked at anew. */
void bus_slept(struct bus *b);

/* session_ops, dossier_ops, consent_ops members that people and clients see; user = struct bus */
void bus_session_added(void *bus, struct session *s);
void bus_session_changed(void *bus, struct session *s);
void bus_session_removed(void *bus, struct session *s);
void bus_ask_pin(void *bus, struct session *s, unsigned int tries_left, bool again);
void bus_ask_last_try(void *bus, struct session *s);
void bus_ask_choice(
	void *bus, struct session *s, enum session_choice kind, const json_t *choices);
void bus_ask_consent(void *bus, struct session *s, const json_t *request);
void bus_confirm_emergency(void *bus, struct session *s, const json_t *request);
/** bus_tell_emergency() - Inform("emergency") to the patient's display of the pair, if there is one. */
void bus_tell_emergency(void *bus, struct session *s);
/** bus_inform() - Inform("emergency-access") to the patient's display (alone: to whoever asks them for
 *  codes, where none is configured), or the professional's agent;
 *  dossier_informed() when it has answered. */
void bus_inform(void *bus, struct session *s, const struct dossier_told *told);
/** bus_notified() - signal Dossier.Notified to the owners of the sessions that have this dossier open. */
void bus_notified(void *bus, const char *pseudonym, const char *what, uint64_t when);
/** bus_take_card() - Inform("take-card") to the patient's display of the pair, else to the owner's pin
 *  agent, about the path that the session had. */
void bus_take_card(void *bus, const struct session_left *left);
void bus_tell_keypad(void *bus, struct session *s, unsigned int tries_left, bool again);
/** bus_ask_exceed() - polkit, whether the owner of @s may break the glass once more: ends with
 *  session_exceeded(), also from within. */
void bus_ask_exceed(void *bus, struct session *s);
void bus_stop_asking(void *bus, struct session *s, enum vitaled_reason why);
/* dossier_ops: codes of the patient */
bool bus_code_agent(
	void *bus, struct session *s, bool patient, struct dossier_agent *ret_agent);
void bus_ask_patient_code(void *bus, struct session *s, const struct dossier_agent *agent,
	const struct dossier_question *q);
bool bus_show_code(void *bus, struct session *s, const struct dossier_agent *agent, int fd,
	uint64_t until);

/* lease_ops and pins_ops; user = struct bus */
void bus_lease_added(void *bus, struct lease *l);
void bus_lease_removed(void *bus, struct lease *l);
void bus_ask_code(void *bus, struct pin_job *j, enum pin_code code, unsigned int tries_left);
void bus_ask_code_last_try(void *bus, struct pin_job *j, enum pin_code code);
void bus_tell_job_keypad(
	void *bus, struct pin_job *j, enum pin_code first, unsigned int tries_left);
void bus_stop_asking_job(void *bus, struct pin_job *j, enum vitaled_reason why);
