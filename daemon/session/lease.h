/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Slots lent to other programs (billing software, OpenSC): Reader.Lend and org.vitaled1.Lease. A
 * lease resets the card, lets go of it, and keeps every process of ours away until it ends: by
 * Return(), by its time, or because its owner left the bus. Both ends stand in the record.
 */
#include "daemon/session/session.h"

struct leases;
struct lease;

struct lease_ops {
	void (*added)(void *user, struct lease *l);
	void (*removed)(void *user, struct lease *l); /* still valid during the call */
};

enum lease_outcome {
	LEASE_BUSY = 1, /* in use by another user, being opened, or lent already */
	LEASE_LIMIT,	/* LIMIT_LEASES_UID */
	LEASE_RANGE,	/* seconds: 1..LIMIT_LEASE seconds */
	LEASE_AUDIT,	/* the record does not take the entry */
	LEASE_DRIVER,	/* vitaled-usb holds the reader: no other program could reach it */
};

int leases_new(sd_event *ev, struct cards *cards, struct sessions *sessions,
	struct audit *audit, const struct lease_ops *ops, void *user,
	struct leases **ret) _must_check_;
struct leases *leases_free(struct leases *all); /* ends all */

/**
 * lease_start() - @done runs exactly once, never from within, when the slot is free (@l, then added
 * was called) or could not be freed (NULL, @why)
 * @owner: unique name; @seconds: until it ends by itself
 * Return: 0, a fault, or a lease_outcome: then @done does not run.
 */
int lease_start(struct leases *all, struct card_reader *r, const char *owner, uid_t uid,
	uint32_t seconds, void (*done)(void *user, struct lease *l, enum vitaled_reason why),
	void *user) _must_check_;
void lease_return(struct lease *l);
void leases_owner_gone(struct leases *all, const char *owner);
/** leases_forget() - the calls with @user will not be answered. */
void leases_forget(struct leases *all, void *user);

uint32_t lease_id(const struct lease *l); /* "/org/vitaled1/lease/<id>" */
const char *lease_owner(const struct lease *l);
struct card_reader *lease_reader(const struct lease *l);
struct lease *leases_by_id(struct leases *all, uint32_t id);
struct lease *leases_next(struct leases *all, struct lease *after); /* NULL: first */
