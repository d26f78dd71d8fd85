/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the files of "vitalectl audit" share. A record is looked at where it lies: an export in a
 * file, or one that the service makes now. Whatever is told from it is told only after all of it has
 * been recomputed.
 */
#include "client/ctl.h"
#include "client/export-file.h"

/** struct audit_source - an export, mapped: it can be larger than memory. */
struct audit_source {
	void *map;
	size_t size;
	struct export_file file;
};

/** audit_source_open() - the export in the file @path, or the service's when that is NULL; what
 *  keeps it from being read is printed. */
enum ctl_exit audit_source_open(struct ctl *ctl, const char *path, struct audit_source *ret);
void audit_source_done(struct audit_source *s);
/** audit_source_check() - once: recompute all of it, by the options --checkpoint and --vkey; what is wrong
 *  is printed (as JSON with --json). Return: CTL_OK, CTL_FALSE, ... */
enum ctl_exit audit_source_check(struct ctl *ctl, const struct args *a, struct audit_source *s,
	struct export_result *ret);
/** audit_ask() - a method of Manager that gives one descriptor; with the service's complaint
 *  printed. @call is stolen. */
enum ctl_exit audit_ask(struct ctl *ctl, DBusMessage *call, int *ret_fd);
DBusMessage *audit_export_call(void); /* ExportAudit without options; NULL: no memory */
/** audit_vkey_option() - --vkey as text, malloc'ed, NULL when it was not given. */
enum ctl_exit audit_vkey_option(struct ctl *ctl, const struct args *a, char **ret);

/** audit_path() - the member "path" of a proof: at most 2 * 64 hashes, appended to @out. false: it
 *  is none. */
bool audit_path(const json_t *proof, struct buf *out);

/* The verbs: their arguments are in @a, behind the verb's own word. */
enum ctl_exit audit_run_export(struct ctl *ctl, const struct args *a);
enum ctl_exit audit_run_checkpoint(struct ctl *ctl, const struct args *a);
enum ctl_exit audit_run_verify(struct ctl *ctl, const struct args *a);
enum ctl_exit audit_run_prove(struct ctl *ctl, const struct args *a);
enum ctl_exit audit_run_history(struct ctl *ctl, const struct args *a);
enum ctl_exit audit_run_stats(struct ctl *ctl, const struct args *a);
enum ctl_exit audit_run_watch(struct ctl *ctl, const struct args *a);
