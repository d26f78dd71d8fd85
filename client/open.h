/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * `vitalectl open`: the session being held and the commands ("verbs") that can be given to it, one
 * line each. verbs-session.c, -dossier.c, -document.c, -people.c and -patient.c hold them, cmd-open.c
 * the loop.
 */
#include "client/ctl.h"
#include "client/held.h"
#include "client/prompt.h"

struct open {
	struct ctl *ctl;
	struct held held;
	struct prompt prompt;
	bool was_unlocked;
	char said[160]; /* state and reason last printed */
};

typedef enum ctl_exit (*verb_fn)(struct open *o, const struct args *a);

struct verb {
	const char *name;
	enum held_stage stage; /* waited for before fn is called */
	bool after_end;	       /* also of use when the session has ended */
	verb_fn fn;
	uint8_t min; /* words behind the name */
	uint8_t max;
	const struct args_option *options;
	size_t n_options;
	const char *usage; /* what stands behind the name */
	const char *help;  /* English, translated when shown */
};

extern const struct verb verbs_session[];
extern const size_t verbs_session_count;
extern const struct verb verbs_dossier[];
extern const size_t verbs_dossier_count;
extern const struct verb verbs_document[];
extern const size_t verbs_document_count;
extern const struct verb verbs_people[];
extern const size_t verbs_people_count;
extern const struct verb verbs_patient[];
extern const size_t verbs_patient_count;

/** open_verb() - all of them in the order of the list for people; NULL past the last. */
const struct verb *open_verb(size_t index);
/** open_find() - the verb @name or NULL. */
const struct verb *open_find(const char *name);
/** open_wait() - until the session reached @stage. Return: CTL_OK, or the code of the reason for
 *  which it never will, printed. */
enum ctl_exit open_wait(struct open *o, enum held_stage stage);
/** open_ended() - why the session ended, printed, as a code (OK for one that was unlocked). */
enum ctl_exit open_ended(struct open *o);

/** open_confirm() - ask the person at the terminal @question (translated) once. Return: CTL_OK for
 *  yes; otherwise a code, printed: LATER for another answer, USAGE where nobody can be asked. */
enum ctl_exit open_confirm(struct open *o, const char *command, const char *question);

/** open_fetch() - send @call (owned). Return: CTL_OK and the JSON of the reply's memfd, or the code
 *  of the failure, printed. */
enum ctl_exit open_fetch(struct open *o, DBusMessage *call, json_t **ret);
/** open_call_json() - send @call, print the JSON of its memfd: whole with --json, else rendered,
 *  rows of @columns when that is not NULL and the JSON is an array (or has one member array). */
enum ctl_exit open_call_json(
	struct open *o, const char *command, DBusMessage *call, const char *const *columns);
/** open_print() - the result @j (borrowed) of @command, as above. */
enum ctl_exit open_print(
	struct open *o, const char *command, json_t *j, const char *const *columns);
