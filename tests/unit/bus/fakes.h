/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The rooms below the bus, played: what the bus asks of them is noted, what they say is set. */
#include "daemon/bus/bus.h"

struct session {
	struct session *next;
	uint32_t id;
	char owner[64];
	uid_t uid;
	enum session_state state;
	enum vitaled_reason reason;
	enum session_mode mode;
	unsigned int intents;
	uint8_t tries;
	uint32_t done; /* Progress */
	char pair[32];
	const char *dossier; /* its State, NULL: not unlocked */
	bool professional;
	json_t *people; /* GetBeneficiaries, or NULL */
	/* what came back from people; -1, NONE: nothing */
	char pin[16];
	int pin_given; /* how often */
	enum vitaled_reason pin_failed;
	int last_try;
	int chosen; /* index */
	enum session_choice chosen_kind;
	enum vitaled_reason choice_failed;
	struct consent_answer consent;
	char consent_agent[64];
	char consent_reason[72];
	int consent_given;
	enum vitaled_reason consent_why;
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
	int choose_result;
	/* audit */
	int append_result;
	enum audit_event last_event;
	size_t n_appended;
	size_t n_checkpoints;
	uint64_t size;
	const char *cause;
	/* cards */
	enum reader_service service;
	struct card_reader readers[2];
	size_t n_readers;
	const struct cards_ops *listener;
	void *listener_user;
	int locked_card; /* how often */
	/* trust */
	unsigned int anchors[NATURE_COUNT];
	/* dossier: the call that waits */
	struct session *dossier_session;
	dossier_done_fn done;
	void *done_user;
	char dossier_call[96]; /* name and arguments */
	int receipt_result;
	int export_result;
	bool forgotten;
};

extern struct fakes fakes;

void fakes_reset(void);
/** fakes_session() - the newest one. */
struct session *fakes_session(void);
void fakes_state(struct session *s, enum session_state st, enum vitaled_reason r);
/** fakes_answer() - end the dossier call that waits. */
void fakes_answer(enum vitaled_reason r, const char *rule, const char *id, int fd0, int fd1);
