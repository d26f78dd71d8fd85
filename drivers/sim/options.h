/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Command line of vitale-sim, and its second form, vitale-sim personalise. */
#include "drivers/sim/personalise.h"
#include "drivers/sim/server.h"

struct options {
	struct server_options server;
	const char *slots[SLOTS_MAX]; /* cards that are in from the start */
	bool all_keypads;
	int ready_fd; /* -1: none */
	bool personalise;
	struct personalise_job job;
	char **profiles; /* NULL-terminated, borrowed from argv */
};

enum options_outcome {
	OPTIONS_DONE = 1, /* help or version was printed */
	OPTIONS_USAGE,	  /* one line on stderr has said what is wrong */
};

/** options_parse() - Return: 0, a fault, OPTIONS_DONE or OPTIONS_USAGE. */
int options_parse(int argc, char **argv, struct options *ret_options) _must_check_;
void options_done(struct options *o); /* closes the trace */
/** options_personalise() - make every card that was named. Return: 0, a fault, or
 *  OPTIONS_USAGE. */
int options_personalise(const struct options *o) _must_check_;
