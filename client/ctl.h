/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What every command of vitalectl shares: how it was asked to print, and the ways to print. With
 * --json every line on standard output is one canonical JSON object (RFC 8785); without it results
 * are text on standard output and remarks are on standard error.
 */
#include "client/args.h"
#include "client/conn.h"
#include "client/messages.h"

struct ctl {
	bool json;
	struct conn conn;
};

/** ctl_json() - one line of JSON; @j is stolen, NULL means no memory. */
void ctl_json(json_t *j);
/** ctl_note() - a remark for people on standard error; nothing with --json. */
void ctl_note(const struct ctl *ctl, const char *fmt, ...) _printf_(2, 3);
/** ctl_line() - a line of the result on standard output; nothing with --json. */
void ctl_line(const struct ctl *ctl, const char *fmt, ...) _printf_(2, 3);

/* Ways to fail; each prints what happened in words and gives the exit code. */
enum ctl_exit ctl_fault(const struct ctl *ctl, int r); /* a fault of ours */
enum ctl_exit ctl_failure(const struct ctl *ctl, const struct conn_failure *f);
enum ctl_exit ctl_usage(const struct ctl *ctl, const char *what, const char *why);
/** ctl_wrong() - @code with a translated sentence. */
enum ctl_exit ctl_wrong(
	const struct ctl *ctl, enum ctl_exit code, const char *what, const char *why);
/** ctl_result() - of a call: 0 gives CTL_OK, else ctl_fault() or ctl_failure(). */
enum ctl_exit ctl_result(const struct ctl *ctl, int r, const struct conn_failure *f);

/** ctl_parse() - args_parse() with its complaint printed. Return: CTL_OK or CTL_USAGE. */
enum ctl_exit ctl_parse(const struct ctl *ctl, const struct args_option *options,
	size_t n_options, const struct args *line, size_t min, size_t max, struct args *ret);
/** ctl_connect() - conn_open() with its complaint printed. */
enum ctl_exit ctl_connect(struct ctl *ctl, conn_message_fn fn, void *user);

/* Commands: @line holds the words behind the command's name; Return: the exit code. */
typedef enum ctl_exit (*ctl_fn)(struct ctl *ctl, const struct args *line);
enum ctl_exit cmd_readers(struct ctl *ctl, const struct args *line);
enum ctl_exit cmd_status(struct ctl *ctl, const struct args *line);
enum ctl_exit cmd_watch(struct ctl *ctl, const struct args *line);
enum ctl_exit cmd_agent(struct ctl *ctl, const struct args *line);
enum ctl_exit cmd_open(struct ctl *ctl, const struct args *line);
enum ctl_exit cmd_pin(struct ctl *ctl, const struct args *line);
enum ctl_exit cmd_lend(struct ctl *ctl, const struct args *line);
enum ctl_exit cmd_receipt(struct ctl *ctl, const struct args *line);
enum ctl_exit cmd_audit(struct ctl *ctl, const struct args *line);
enum ctl_exit cmd_import(struct ctl *ctl, const struct args *line);
enum ctl_exit cmd_doctor(struct ctl *ctl, const struct args *line);
enum ctl_exit cmd_explain(struct ctl *ctl, const struct args *line);

/* kinds of objects, in the order in which they are told: readers, cards, sessions, leases */
#define STATUS_CARDS 2U
#define STATUS_ALL   4U
/** status_objects() - a line or two for each object of the first @kinds kinds, appended to @out. */
void status_objects(const json_t *objects, size_t kinds, struct buf *out);
