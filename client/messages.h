/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the names on the bus mean to people: for every error and reason of include/vitaled/errors.h
 * a sentence for the person, one for the technician, and what to do; all English here, translated
 * by gettext when shown. The exit codes of vitalectl belong to the same table.
 */
#include <stdbool.h>

#include "base/fault.h"
#include "include/vitaled/errors.h"
#include "include/vitaled/findings.h"

/* exit codes of vitalectl; stable, documented in doc/man/vitalectl.1.scd */
enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILED,	/* something else failed */
	CTL_USAGE,	/* the command line, or a file given, is not right */
	CTL_REFUSED,	/* refused: by the patient, the rights or the system's policy */
	CTL_NO_SERVICE, /* no bus, or no vitaled on it */
	CTL_CARDS,	/* cards, readers, what they prove */
	CTL_PIN,	/* the PIN */
	CTL_STORE,	/* record or store not available */
	CTL_FALSE,	/* what was checked is not true (verify, contents) */
	CTL_LATER,	/* nobody answered, or busy: try again */
	CTL_REWRITTEN,	/* the record is not what it was: rewritten, or rolled back */
};

/** struct message - untranslated; pass each through gettext(). All are set. */
struct message {
	enum ctl_exit exit;
	const char *person;
	const char *technician;
	const char *remedy;
};

/** message_of() - never NULL; NONE and unknown numbers give those of FAILED. */
const struct message *message_of(enum vitaled_reason r);
/** message_of_error() - by D-Bus error name, ours or those of the bus; never NULL. */
const struct message *message_of_error(const char *name);
/** message_bus_name() - the errors of the bus itself that have sentences; NULL past the last. */
const char *message_bus_name(size_t index);
/** message_rule() - by the rule that a NotPermitted names; NULL when it is not known. */
const struct message *message_rule(const char *rule);
const char *message_rule_name(size_t index); /* NULL past the last */
/** message_of_word() - by a reason's word ("pin-blocked"); NULL when the word is not known. */
const struct message *message_of_word(const char *word);

/* Words of closed sets, for people, translated; an unknown word is given back as it is. */
const char *message_state(const char *word);  /* Session.State */
const char *message_proof(const char *word);  /* Session.Proof */
const char *message_nature(const char *word); /* Card.Nature */
const char *message_kind(const char *word);   /* Card.Kind */
const char *message_mode(const char *word);   /* Session.Mode */
const char *message_advice(const char *word); /* Card.Advice */
const char *message_act(const char *word);    /* acts of a consent */
const char *message_inform(const char *what); /* Agent.Inform */
const char *message_helper(const char *word); /* who helps with a consent */
const char *message_entry(const char *word);  /* closed words of a document's entry */
const char *message_label(const char *name);  /* members of JSON objects: "birth-date" */
/** message_finding() - by a finding's word ("no-anchors"), NULL when the word is not known. Its exit
 *  code is CTL_OK for a mere remark. */
const struct message *message_finding(const char *name);
const struct message *message_finding_of(enum vitaled_finding f); /* NULL out of range */
