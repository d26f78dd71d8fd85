/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Printing, and failing in words. A failure is printed once, by the command that met it: a sentence
 * for the person, one for the technician with the bus's own text, and what to do.
 */
#include "client/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/lang.h"

void ctl_json(json_t *j)
{
	_cleanup_json_ json_t *owned = j;
	_cleanup_(buf_done) struct buf line = BUF_NULL((size_t)64 * 1024 * 1024);

	if (!owned || json_canonical(owned, &line) != 0) {
		(void)fputs("{\"error\":\"org.vitaled1.Error.Failed\"}\n", stdout);
	} else {
		buf_put_u8(&line, '\n');
		(void)fwrite(line.data, 1, line.len, stdout);
	}
	(void)fflush(stdout);
}

void ctl_note(const struct ctl *ctl, const char *fmt, ...)
{
	va_list ap;

	if (!ctl->json) {
		va_start(ap, fmt);
		(void)vfprintf(stderr, fmt, ap);
		va_end(ap);
		(void)fputc('\n', stderr);
	}
}

void ctl_line(const struct ctl *ctl, const char *fmt, ...)
{
	va_list ap;

	if (!ctl->json) {
		va_start(ap, fmt);
		(void)vprintf(fmt, ap);
		va_end(ap);
		(void)putchar('\n');
		(void)fflush(stdout);
	}
}

/* The rule behind "not-permitted: ", when it is one that has sentences; else NULL. */
static const char *rule_of(const char *name, const char *detail)
{
	const char *rule = strstr(detail, ": ");

	return rule && strcmp(name, vitaled_error_bus(VITALED_REASON_NOT_PERMITTED)) == 0 &&
			       message_rule(rule + 2)
		       ? rule + 2
		       : NULL;
}

static enum ctl_exit report(
	const struct ctl *ctl, const char *name, const struct message *m, const char *detail)
{
	const char *rule = rule_of(name, detail);

	m = rule ? message_rule(rule) : m;
	if (ctl->json) {
		ctl_json(json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s*}", "error", name,
			"sentence", gettext(m->person), "technician", gettext(m->technician),
			"remedy", gettext(m->remedy), "detail", detail, "exit", (int)m->exit,
			"rule", rule));
		return m->exit;
	}
	(void)fprintf(stderr, "%s\n  %s%s%s (%s)\n  %s\n", gettext(m->person),
		gettext(m->technician), detail[0] ? " " : "", detail, name, gettext(m->remedy));
	return m->exit;
}

enum ctl_exit ctl_fault(const struct ctl *ctl, int r)
{
	char where[256];
	char detail[384];

	fault_describe(where, sizeof(where));
	(void)snprintf(detail, sizeof(detail), "%s: %s", strerror(-r), where);
	return report(
		ctl, "org.vitaled1.Error.Failed", message_of(VITALED_REASON_FAILED), detail);
}

enum ctl_exit ctl_failure(const struct ctl *ctl, const struct conn_failure *f)
{
	return report(ctl, f->name, message_of_error(f->name), f->detail);
}

enum ctl_exit ctl_result(const struct ctl *ctl, int r, const struct conn_failure *f)
{
	if (r < 0) {
		return ctl_fault(ctl, r);
	}
	return r > 0 ? ctl_failure(ctl, f) : CTL_OK;
}

enum ctl_exit ctl_wrong(
	const struct ctl *ctl, enum ctl_exit code, const char *what, const char *why)
{
	if (ctl->json) {
		ctl_json(json_pack("{s:s, s:s, s:s, s:i}", "error", "vitalectl", "what", what,
			"sentence", why, "exit", (int)code));
	} else {
		(void)fprintf(stderr, "vitalectl: %s: %s\n", what, why);
	}
	return code;
}

enum ctl_exit ctl_usage(const struct ctl *ctl, const char *what, const char *why)
{
	return ctl_wrong(ctl, CTL_USAGE, what, why);
}

enum ctl_exit ctl_parse(const struct ctl *ctl, const struct args_option *options,
	size_t n_options, const struct args *line, size_t min, size_t max, struct args *ret)
{
	int r = args_parse(options, n_options, false, line->n_words, line->words, ret);

	if (r != 0) {
		return ctl_usage(ctl, ret->bad, args_explain(r));
	}
	if (ret->n_words < min) {
		return ctl_usage(ctl, "…", _("an argument is missing"));
	}
	if (ret->n_words > max) {
		return ctl_usage(ctl, ret->words[max], args_explain(ARGS_MANY));
	}
	return CTL_OK;
}

enum ctl_exit ctl_connect(struct ctl *ctl, conn_message_fn fn, void *user)
{
	struct conn_failure f = {0};

	return ctl_result(ctl, conn_open(&ctl->conn, fn, user, &f), &f);
}
