/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The rooms below the bus, played: what the bus asks of them is noted, what they say is set. */
#include "tests/unit/bus/fakes-session.h"

struct lease {
	struct lease *next;
	uint32_t id;
	char owner[64];
	struct card_reader *reader;
};

struct pin_job {
	struct card *card;
	char owner[64];
	uid_t uid;
	enum pin_job_kind kind;
	void (*done)(void *user, enum vitaled_reason why, uint8_t tries);
	void *user;
	char code[16]; /* the last one */
	int codes_given;
	enum vitaled_reason failed;
	int n_failed;
	int last_try; /* -1: nothing */
};

struct fakes {
	struct bus *bus;
	struct config config;
	struct session *sessions;
	uint32_t last_id;
	int open_result;	       /* of session_open() */
	struct session_options opened; /* numbers and flags of the last one */
	char opened_texts[128];	       /* pair/structure/application/version */
	bool opened_patient;
	char opened_reason[64]; /* its beginning */
	unsigned int uncovered; /* intents that no wording tells of */
	int choose_result;
	/* audit */
	int append_result;
	enum audit_event last_event;
	size_t n_appended;
	size_t n_checkpoints;
	uint64_t size;
	uint64_t noted; /* size of the newest checkpoint */
	int consistency_result;
	void (*made)(void *user);
	void *made_user;
	const char *cause;
	uint64_t behind;    /* entries that the log did not take */
	const char *outbox; /* why it takes no messages, or NULL */
	/* cards */
	enum reader_service service;
	struct card_reader readers[2];
	size_t n_readers;
	const struct cards_ops *listener;
	void *listener_user;
	int locked_card; /* how often */
	/* sleep */
	void (*let_go)(
		void *user, struct card *c); /* sleep.c hears of a card that is released */
	void *let_go_user;
	bool in_use;
	int slept;
	int woken;
	enum vitaled_reason locked_all;
	enum vitaled_reason jobs_stopped;
	/* trust */
	unsigned int anchors[NATURE_COUNT];
	uint64_t anchors_end; /* of the one anchor that is told; 0: none is */
	uint64_t wall;	      /* what the wall clock says; 0: the truth */
	bool lists;	      /* something is wrong with the revocation lists */
	/* dossier: the call that waits */
	struct session *dossier_session;
	struct session *code_session; /* whose code was given, or was not */
	char code[32];
	enum vitaled_reason code_failed;
	dossier_done_fn done;
	void *done_user;
	char dossier_call[96]; /* name and arguments */
	int receipt_result;
	int export_result;
	bool forgotten;
	/* leases: the call that waits, and those there are */
	int lease_result; /* of lease_start() */
	struct card_reader *lend_reader;
	uint32_t lend_seconds;
	char lend_owner[64];
	void (*lend_done)(void *user, struct lease *l, enum vitaled_reason why);
	void *lend_user;
	struct lease *leases;
	uint32_t last_lease;
	int n_returned;
	/* the one PIN job */
	int job_result; /* of pin_job_start() */
	struct pin_job job;
	bool job_owner_gone;
	int n_forgotten; /* calls of which lease, job or coverage was told to forget them */
};

extern struct fakes fakes;

void fakes_reset(void);
void fakes_jobs_reset(void);
/** fakes_lent() - end the Lend() that waits. Return: the newest lease or NULL. */
struct lease *fakes_lent(enum vitaled_reason why);
/** fakes_job_ends() - end the PIN job. */
void fakes_job_ends(enum vitaled_reason why, uint8_t tries);
/** fakes_covered() - end the GetPatient() that waits. */
void fakes_covered(struct session *s, enum vitaled_reason r);
/** fakes_session() - the newest one. */
struct session *fakes_session(void);
void fakes_state(struct session *s, enum session_state st, enum vitaled_reason r);
/** fakes_answer() - end the dossier call that waits. */
void fakes_answer(enum vitaled_reason r, const char *rule, const char *id, int fd0, int fd1);
