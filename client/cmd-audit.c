/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitalectl audit: the record for whoever checks it. The verbs stand in files of their own
 * (audit-*.c); here is what they take.
 */
#include <string.h>

#include "client/audit.h"
#include "client/lang.h"

static const struct verb {
	const char *name;
	size_t min; /* words behind it */
	size_t max;
	enum ctl_exit (*run)(struct ctl *ctl, const struct args *a);
	const char *options; /* those that it takes, each with a blank behind */
} verbs[] = {
	{"export", 0, 1, audit_run_export, "output format checkpoint vkey "},
	{"checkpoint", 0, 0, audit_run_checkpoint, "output "},
	{"verify", 0, 1, audit_run_verify, "checkpoint vkey "},
	{"prove", 1, 1, audit_run_prove, "vkey output "},
	{"history", 0, 1, audit_run_history, "pseudonym professional session checkpoint vkey "},
	{"stats", 0, 1, audit_run_stats, "checkpoint vkey "},
	{"watch", 0, 0, audit_run_watch, "checkpoint vkey once "},
};

static const struct args_option options[] = {
	{"output", 'o', "FILE"},
	{"checkpoint", 0, "FILE"},
	{"vkey", 0, "TEXT|FILE"},
	{"format", 0, "json|fhir|fhir-ndjson"},
	{"pseudonym", 0, "TEXT"},
	{"professional", 0, "ID"},
	{"session", 0, "SESSION"},
	{"once", 0, NULL},
};

/* Whether @v takes the option @name. */
static bool takes(const struct verb *v, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = strstr(v->options, name); at; at = strstr(at + 1, name)) {
		if (at[len] == ' ' && (at == v->options || at[-1] == ' ')) {
			return true;
		}
	}
	return false;
}

static enum ctl_exit run(struct ctl *ctl, const struct verb *v, const struct args *a)
{
	for (size_t i = 0; i < a->n_options; i++) {
		if (a->values[i] && !takes(v, a->options[i].name)) {
			return ctl_usage(ctl, a->options[i].name,
				_("this option does not belong to this command"));
		}
	}
	if (a->n_words - 1 < v->min) {
		return ctl_usage(ctl, v->name, _("an argument is missing"));
	}
	if (a->n_words - 1 > v->max) {
		return ctl_usage(ctl, a->words[a->n_words - 1], _("this is too much"));
	}
	return v->run(ctl, a);
}

enum ctl_exit cmd_audit(struct ctl *ctl, const struct args *line)
{
	struct args a;
	enum ctl_exit code = ctl_parse(ctl, options, ARRAY_LEN(options), line, 1, 2, &a);

	if (code != CTL_OK) {
		return code;
	}
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (strcmp(verbs[i].name, a.words[0]) == 0) {
			return run(ctl, &verbs[i], &a);
		}
	}
	return ctl_usage(ctl, a.words[0],
		_("export, checkpoint, verify, prove, history, stats or watch is needed"));
}
