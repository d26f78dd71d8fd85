/* SPDX-License-Identifier: EUPL-1.2 */
/* The dossier's room, played: the one call that waits is noted with its arguments. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/bus/fakes.h"

void fakes_answer(enum vitaled_reason r, const char *rule, const char *id, int fd0, int fd1)
{
	struct dossier_reply reply = {.reason = r, .rule = rule, .fds = {fd0, fd1}};
	dossier_done_fn done = fakes.done;

	(void)snprintf(reply.id, sizeof(reply.id), "%s", id ? id : "");
	fakes.done = NULL;
	done(fakes.done_user, &reply);
	for (size_t i = 0; i < ARRAY_LEN(reply.fds); i++)
		if (reply.fds[i] >= 0)
			(void)close(reply.fds[i]);
}

unsigned int rights_flag_of(const char *word)
{
	return strcmp(word, "masque_ps") == 0 ? 1 : 0;
}

const char *dossier_state_of(const struct session *s)
{
	return s->dossier;
}

static void waits(struct session *s, dossier_done_fn done, void *user)
{
	fakes.dossier_session = s;
	fakes.done = done;
	fakes.done_user = user;
	if (!s->dossier)
		fakes_answer(VITALED_REASON_WRONG_STATE, NULL, NULL, -1, -1);
}

void dossier_create(struct session *s, dossier_done_fn done, void *user)
{
	(void)snprintf(fakes.dossier_call, sizeof(fakes.dossier_call), "create");
	waits(s, done, user);
}

void dossier_summary(struct session *s, dossier_done_fn done, void *user)
{
	(void)snprintf(fakes.dossier_call, sizeof(fakes.dossier_call), "summary");
	waits(s, done, user);
}

static void note_filter(const char *name, const json_t *filter)
{
	char *text = json_dumps(filter, JSON_COMPACT | JSON_SORT_KEYS);

	(void)snprintf(fakes.dossier_call, sizeof(fakes.dossier_call), "%s %s", name, text);
	free(text);
}

void dossier_list(struct session *s, const json_t *filter, dossier_done_fn done, void *user)
{
	note_filter("list", filter);
	waits(s, done, user);
}

void dossier_history(struct session *s, const json_t *filter, dossier_done_fn done, void *user)
{
	note_filter("history", filter);
	waits(s, done, user);
}

void dossier_read(struct session *s, const char *id, dossier_done_fn done, void *user)
{
	(void)snprintf(fakes.dossier_call, sizeof(fakes.dossier_call), "read %s", id);
	waits(s, done, user);
}

void dossier_add(struct session *s, int content, int metadata, dossier_done_fn done, void *user)
{
	(void)metadata;
	char text[16] = "";
	ssize_t n = read(content, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	(void)snprintf(fakes.dossier_call, sizeof(fakes.dossier_call), "add %s", text);
	waits(s, done, user);
}

void dossier_set_visibility(struct session *s, const char *id, const char *flag, bool on,
	dossier_done_fn done, void *user)
{
	(void)snprintf(
		fakes.dossier_call, sizeof(fakes.dossier_call), "flag %s %s %d", id, flag, on);
	waits(s, done, user);
}

void dossier_replace(struct session *s, const char *id, int content, int metadata,
	dossier_done_fn done, void *user)
{
	(void)metadata;
	char text[16] = "";
	ssize_t n = read(content, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	(void)snprintf(
		fakes.dossier_call, sizeof(fakes.dossier_call), "replace %s %s", id, text);
	waits(s, done, user);
}

void dossier_archive(
	struct session *s, const char *id, bool on, dossier_done_fn done, void *user)
{
	(void)snprintf(fakes.dossier_call, sizeof(fakes.dossier_call), "archive %s %d", id, on);
	waits(s, done, user);
}

void dossier_delete(struct session *s, const char *id, dossier_done_fn done, void *user)
{
	(void)snprintf(fakes.dossier_call, sizeof(fakes.dossier_call), "delete %s", id);
	waits(s, done, user);
}

static void note_who(const char *name, int who)
{
	json_t *j = NULL;

	if (json_read_fd(who, sizeof(fakes.dossier_call), &j) == 0)
		note_filter(name, j);
	json_decref(j);
}

void dossier_authorise(struct session *s, int who, dossier_done_fn done, void *user)
{
	note_who("authorise", who);
	waits(s, done, user);
}

void dossier_revoke(struct session *s, int who, dossier_done_fn done, void *user)
{
	note_who("revoke", who);
	waits(s, done, user);
}

void dossier_block(struct session *s, int who, bool on, dossier_done_fn done, void *user)
{
	note_who(on ? "block" : "unblock", who);
	waits(s, done, user);
}

void dossier_list_professionals(struct session *s, dossier_done_fn done, void *user)
{
	(void)snprintf(fakes.dossier_call, sizeof(fakes.dossier_call), "professionals");
	waits(s, done, user);
}

void dossier_set_treating_doctor(struct session *s, bool on, dossier_done_fn done, void *user)
{
	(void)snprintf(
		fakes.dossier_call, sizeof(fakes.dossier_call), "treating-doctor %d", on);
	waits(s, done, user);
}

void dossier_set_opposition(
	struct session *s, const char *mode, bool on, dossier_done_fn done, void *user)
{
	(void)snprintf(
		fakes.dossier_call, sizeof(fakes.dossier_call), "oppose %.40s %d", mode, on);
	waits(s, done, user);
}

void dossier_set_masked_allowed(struct session *s, bool on, dossier_done_fn done, void *user)
{
	(void)snprintf(fakes.dossier_call, sizeof(fakes.dossier_call), "allow-masked %d", on);
	waits(s, done, user);
}

void dossier_issue_activation_code(struct session *s, dossier_done_fn done, void *user)
{
	(void)snprintf(fakes.dossier_call, sizeof(fakes.dossier_call), "issue-code");
	waits(s, done, user);
}

void dossier_set_personal_code(struct session *s, dossier_done_fn done, void *user)
{
	(void)snprintf(fakes.dossier_call, sizeof(fakes.dossier_call), "set-code");
	waits(s, done, user);
}

void dossier_code_given(struct dossiers *ds, struct session *s, int fd)
{
	ssize_t n = read(fd, fakes.code, sizeof(fakes.code) - 1);

	(void)ds;
	(void)close(fd);
	fakes.code[n > 0 ? n : 0] = '\0';
	fakes.code_session = s;
}

void dossier_code_failed(struct dossiers *ds, struct session *s, enum vitaled_reason why)
{
	(void)ds;
	fakes.code_session = s;
	fakes.code_failed = why;
}

void dossier_close(struct session *s, int reason, dossier_done_fn done, void *user)
{
	note_who("close", reason);
	waits(s, done, user);
}

void dossier_reopen(struct session *s, dossier_done_fn done, void *user)
{
	(void)snprintf(fakes.dossier_call, sizeof(fakes.dossier_call), "reopen");
	waits(s, done, user);
}

void dossier_export(struct session *s, dossier_done_fn done, void *user)
{
	(void)snprintf(fakes.dossier_call, sizeof(fakes.dossier_call), "export");
	waits(s, done, user);
}

void dossier_forget(struct session *s, void *user)
{
	(void)s;
	if (fakes.done_user == user) {
		fakes.done = NULL;
		fakes.forgotten = true;
	}
}
