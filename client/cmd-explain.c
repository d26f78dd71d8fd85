/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitalectl explain: what a name means, for the person and for the technician, and what to do; or the
 * whole catalogue. A name is an error's, a reason's, a finding's or a rule's word, or an error's name
 * on the bus. Asks nobody.
 */
#include <stdio.h>
#include <string.h>

#include "client/ctl.h"
#include "client/lang.h"

/* one row of the catalogue; kind: error, reason, finding, remark, rule or bus */
struct row {
	const char *name;
	const char *kind;
	const char *bus; /* the whole name on the bus, or NULL */
	const struct message *message;
};

static void row_of_reason(enum vitaled_reason r, struct row *ret)
{
	const char *bus = vitaled_error_bus(r);
	bool error = r == VITALED_REASON_FAILED ||
		     strcmp(bus, vitaled_error_bus(VITALED_REASON_FAILED)) != 0;

	*ret = (struct row){.name = vitaled_reason_word(r),
		.kind = error ? "error" : "reason",
		.bus = error ? bus : NULL,
		.message = message_of(r)};
}

static void row_of_finding(enum vitaled_finding f, struct row *ret)
{
	const struct message *m = message_finding_of(f);

	*ret = (struct row){.name = vitaled_finding_word(f),
		.kind = m->exit == CTL_OK ? "remark" : "finding",
		.message = m};
}

/* Row @index of rules and errors of the bus. */
static bool row_of_name(size_t index, struct row *ret)
{
	const char *name = message_rule_name(index);
	size_t rules = 0;

	if (name) {
		*ret = (struct row){
			.name = name, .kind = "rule", .message = message_rule(name)};
		return true;
	}
	while (message_rule_name(rules)) {
		rules++;
	}
	name = message_bus_name(index - rules);
	if (name) {
		*ret = (struct row){.name = name,
			.kind = "bus",
			.bus = name,
			.message = message_of_error(name)};
	}
	return name != NULL;
}

/* Row @index of errors and reasons, findings, rules, errors of the bus. false: past the last. */
static bool row_at(size_t index, struct row *ret)
{
	const size_t reasons = VITALED_REASON_COUNT - 1;

	if (index < reasons) {
		row_of_reason((enum vitaled_reason)(index + 1), ret);
		return true;
	}
	index -= reasons;
	if (index < VITALED_FINDING_COUNT) {
		row_of_finding((enum vitaled_finding)index, ret);
		return true;
	}
	return row_of_name(index - VITALED_FINDING_COUNT, ret);
}

static bool is_called(const struct row *row, const char *name)
{
	const char *last = row->bus ? strrchr(row->bus, '.') : NULL;

	return strcmp(row->name, name) == 0 || (row->bus && strcmp(row->bus, name) == 0) ||
	       (last && strcmp(last + 1, name) == 0);
}

static void show(const struct ctl *ctl, const struct row *row, bool whole)
{
	const struct message *m = row->message;

	if (ctl->json) {
		ctl_json(json_pack("{s:s, s:s, s:s*, s:i, s:s, s:s, s:s}", "name", row->name,
			"kind", row->kind, "bus", row->bus, "exit", (int)m->exit, "sentence",
			gettext(m->person), "technician", gettext(m->technician), "remedy",
			gettext(m->remedy)));
	} else if (whole) {
		ctl_line(ctl, "%s%s%s%s\n%s\n  %s\n  %s", row->name, row->bus ? " (" : "",
			row->bus ? row->bus : "", row->bus ? ")" : "", gettext(m->person),
			gettext(m->technician), gettext(m->remedy));
	} else {
		ctl_line(ctl, "%s\n    %s", row->name, gettext(m->person));
	}
}

enum ctl_exit cmd_explain(struct ctl *ctl, const struct args *line)
{
	struct row row;
	struct args a;
	enum ctl_exit code = ctl_parse(ctl, NULL, 0, line, 0, 1, &a);
	bool found = false;

	if (code != CTL_OK) {
		return code;
	}
	for (size_t i = 0; row_at(i, &row); i++) {
		if (a.n_words == 0 || is_called(&row, a.words[0])) {
			show(ctl, &row, a.n_words > 0);
			found = true;
		}
	}
	return found ? CTL_OK
		     : ctl_usage(ctl, a.words[0],
			       _("there is no such name (vitalectl explain lists them)"));
}
