/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The functions of leases, PIN jobs and coverage that the bus calls, played. What a job is told by its
 * agent is noted; when it ends the test says. Nothing is answered from within a call, as promised.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/bus/fakes.h"

/* -- leases -- */

void fakes_jobs_reset(void)
{
	while (fakes.leases) {
		struct lease *l = fakes.leases;

		fakes.leases = l->next;
		free(l);
	}
}

int lease_start(struct leases *all, struct card_reader *r, const char *owner, uid_t uid,
	uint32_t seconds, void (*done)(void *user, struct lease *l, enum vitaled_reason why),
	void *user)
{
	(void)all;
	(void)uid;
	if (fakes.lease_result)
		return fakes.lease_result;
	fakes.lend_reader = r;
	fakes.lend_seconds = seconds;
	(void)snprintf(fakes.lend_owner, sizeof(fakes.lend_owner), "%s", owner);
	fakes.lend_done = done;
	fakes.lend_user = user;
	return 0;
}

struct lease *fakes_lent(enum vitaled_reason why)
{
	void (*done)(void *, struct lease *, enum vitaled_reason) = fakes.lend_done;
	struct lease *l = NULL;

	fakes.lend_done = NULL;
	if (why == VITALED_REASON_NONE)
		l = calloc(1, sizeof(*l));
	if (why == VITALED_REASON_NONE && !l)
		why = VITALED_REASON_FAILED;
	if (l) {
		*l = (struct lease){.next = fakes.leases,
			.id = ++fakes.last_lease,
			.reader = fakes.lend_reader};
		(void)snprintf(l->owner, sizeof(l->owner), "%s", fakes.lend_owner);
		fakes.leases = l;
		l->reader->lent = true;
		bus_lease_added(fakes.bus, l);
	}
	done(fakes.lend_user, l, why);
	return fakes.leases;
}

void lease_return(struct lease *l)
{
	fakes.n_returned++;
	l->reader->lent = false;
	bus_lease_removed(fakes.bus, l);
	for (struct lease **at = &fakes.leases; *at; at = &(*at)->next)
		if (*at == l) {
			*at = l->next;
			break;
		}
	free(l);
}

void leases_owner_gone(struct leases *all, const char *owner)
{
	struct lease *l = fakes.leases;

	(void)all;
	while (l) {
		struct lease *next = l->next;

		if (strcmp(l->owner, owner) == 0)
			lease_return(l);
		l = next;
	}
}

void leases_forget(struct leases *all, void *user)
{
	(void)all;
	if (fakes.lend_done && fakes.lend_user == user) {
		fakes.lend_done = NULL;
		fakes.n_forgotten++;
	}
}

uint32_t lease_id(const struct lease *l)
{
	return l->id;
}

const char *lease_owner(const struct lease *l)
{
	return l->owner;
}

struct card_reader *lease_reader(const struct lease *l)
{
	return l->reader;
}

struct lease *leases_next(struct leases *all, struct lease *after)
{
	(void)all;
	return after ? after->next : fakes.leases;
}

/* -- PIN jobs -- */

const char *pin_code_word(enum pin_code c)
{
	static const char *const words[] = {"pin", "new-pin", "puk"};

	return words[c];
}

int pin_job_start(struct pins *all, struct card *c, enum pin_job_kind kind, const char *owner,
	uid_t uid, void (*done)(void *user, enum vitaled_reason why, uint8_t tries), void *user)
{
	struct pin_job *j = &fakes.job;

	(void)all;
	if (fakes.job_result)
		return fakes.job_result;
	*j = (struct pin_job){.card = c,
		.uid = uid,
		.kind = kind,
		.last_try = -1,
		.done = done,
		.user = user};
	(void)snprintf(j->owner, sizeof(j->owner), "%s", owner);
	return 0;
}

void fakes_job_ends(enum vitaled_reason why, uint8_t tries)
{
	void (*done)(void *, enum vitaled_reason, uint8_t) = fakes.job.done;

	fakes.job.done = NULL;
	done(fakes.job.user, why, tries);
}

void pins_forget(struct pins *all, void *user)
{
	(void)all;
	if (fakes.job.done && fakes.job.user == user) {
		fakes.job.done = NULL;
		fakes.n_forgotten++;
	}
}

void pins_owner_gone(struct pins *all, const char *owner)
{
	(void)all;
	if (strcmp(fakes.job.owner, owner) == 0)
		fakes.job_owner_gone = true;
}

struct card *pin_job_card(const struct pin_job *j)
{
	return j->card;
}

uid_t pin_job_uid(const struct pin_job *j)
{
	return j->uid;
}

const char *pin_job_owner(const struct pin_job *j)
{
	return j->owner;
}

enum pin_job_kind pin_job_kind(const struct pin_job *j)
{
	return j->kind;
}

void pin_job_code(struct pin_job *j, int fd)
{
	ssize_t n = read(fd, j->code, sizeof(j->code) - 1);

	j->code[n > 0 ? n : 0] = '\0';
	j->codes_given++;
	(void)close(fd);
}

void pin_job_failed(struct pin_job *j, enum vitaled_reason r)
{
	j->failed = r;
	j->n_failed++;
}

void pin_job_last_try(struct pin_job *j, bool yes)
{
	j->last_try = yes;
}

/* -- coverage -- */

void session_coverage_start(struct session *s,
	void (*done)(void *user, struct session *s, enum vitaled_reason r), void *user)
{
	s->coverage_done = done;
	s->coverage_user = user;
	s->n_coverage++;
}

void fakes_covered(struct session *s, enum vitaled_reason r)
{
	void (*done)(void *, struct session *, enum vitaled_reason) = s->coverage_done;

	s->coverage_done = NULL;
	done(s->coverage_user, s, r);
}

void session_coverage_forget(struct session *s, void *user)
{
	if (s->coverage_done && s->coverage_user == user) {
		s->coverage_done = NULL;
		fakes.n_forgotten++;
	}
}

void session_queue(const struct session *s, uint32_t *ret_position, uint32_t *ret_seconds)
{
	bool queued = s->state == SESSION_STATE_QUEUED;

	*ret_position = queued ? s->place : 0;
	*ret_seconds = queued ? 14 : 0;
}

void crls_state(const struct crls *c, uint64_t now, crl_found_fn found, void *user)
{
	static const struct crl_finding rows[] = {
		{.name = "crl-missing", .nature = "real", .authority = "AUTORITE 1"},
		{.name = "crl-expired", .nature = "test", .authority = "AUTORITE 2"},
		{.name = "crl-rejected", .file = "old.crl", .reason = "older"},
		{.name = "crl-failed", .reason = "too-many"},
	};

	(void)c;
	assert(now > 0);
	for (size_t i = 0; fakes.lists && i < ARRAY_LEN(rows); i++)
		found(user, &rows[i]);
}

const char *trust_revocation_word(enum trust_revocation r)
{
	static const char *const words[] = {"unknown", "good", "revoked"};

	return words[r];
}
