/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What cards.c and recognise.c share; nobody else includes it. */
#include "daemon/session/cards.h"

#define CARDS_LISTENERS 4U
#define CARDS_KNOWN	64U /* readers remembered for their ids; pcscd serves 16 at a time */

struct entry {		  /* a card with what nobody else sees of it */
	struct card card; /* first */
	struct cards *cards;
	struct child *recogniser;
	sd_event_source *retry;
	unsigned int tries;
	bool leaving; /* card_removed is running */
};

struct listener {
	struct cards_ops ops;
	void *user;
};

struct cards {
	sd_event *ev;
	const struct config *config;
	char *env[3]; /* of every child */
	char *watch_path;
	char *card_path;
	struct listener listeners[CARDS_LISTENERS];
	size_t n_listeners;
	struct card_reader *readers[CARDS_KNOWN];
	size_t n_readers;
	struct child *watch;
	sd_event_source *restart;
	sd_event_source *silence; /* runs while the watch said that it watches over a card */
	uint64_t backoff;
	enum reader_service service;
	bool heard; /* the watch has told of the service */
	bool listed;
	uint32_t next_reader;
	uint32_t next_card;
};

struct entry *entry_of(struct card *c);

/** recognise_start() - find out what kind of card this is; tells by card_changed. */
void recognise_start(struct entry *e);
void recognise_stop(struct entry *e);
