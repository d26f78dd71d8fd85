/* SPDX-License-Identifier: EUPL-1.2 */
/* Calls about people on a scripted dossier; every failure here fails the running test. */
#include "tests/unit/dossier/people.h"

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

int64_t now(void)
{
	return (int64_t)clock_wall();
}

/* -- calls, waited for -------------------------------------------------------------------------- */

int who_fd(const char *text)
{
	int fd;

	assert_int_equal(json_memfd_text(view_str(text), "who", &fd), 0);
	return fd;
}

void block_on(struct session *s, int who, dossier_done_fn done, void *user)
{
	dossier_block(s, who, true, done, user);
}

void block_off(struct session *s, int who, dossier_done_fn done, void *user)
{
	dossier_block(s, who, false, done, user);
}

struct reply with(struct bed *b, who_fn call, const char *who)
{
	struct reply r = bed_reply();
	int fd = who_fd(who);

	call(&b->s, fd, bed_done_fn, &r);
	close(fd);
	bed_wait(b, &r);
	return r;
}

struct reply treating(struct bed *b, bool on)
{
	struct reply r = bed_reply();

	dossier_set_treating_doctor(&b->s, on, bed_done_fn, &r);
	bed_wait(b, &r);
	return r;
}

struct reply oppose(struct bed *b, const char *mode, bool on)
{
	struct reply r = bed_reply();

	dossier_set_opposition(&b->s, mode, on, bed_done_fn, &r);
	bed_wait(b, &r);
	return r;
}

struct reply listed(struct bed *b)
{
	struct reply r = bed_reply();

	dossier_list_professionals(&b->s, bed_done_fn, &r);
	bed_wait(b, &r);
	return r;
}

/* What the newest entry @event tells under @name. */
const json_t *told(const char *event, const char *name)
{
	return json_object_get(json_object_get(fake_audit_last(event), "details"), name);
}

const char *told_text(const char *event, const char *name)
{
	return json_string_value(told(event, name));
}

/* People with one authorisation of @id, told of all that it opens. */
void authorised_text(char *ret, size_t size, const char *id, int64_t since, int64_t until)
{
	(void)snprintf(ret, size,
		"{\"authorised\":[{\"by\":{},\"id\":\"%s\",\"since\":%lld,\"until\":%lld,"
		"\"without-card\":true}]}",
		id, (long long)since, (long long)until);
}

/* What the process was told, but for who and when, which must be there. */
void assert_act(const struct bed *b, int64_t before, const char *expected)
{
	_cleanup_json_ json_t *act = script_heard(b, DOSSIER_OP_PEOPLE);
	_cleanup_json_ json_t *wanted = NULL;
	const json_t *by = json_object_get(act, "by");
	int64_t at;

	assert_non_null(act);
	assert_string_equal(json_get_str(by, "kind"), "professional");
	assert_string_equal(json_get_str(by, "id"), SELF);
	assert_int_equal(json_get_int(act, "time", before, now(), &at), 0);
	(void)json_object_del(act, "by");
	(void)json_object_del(act, "time");
	assert_int_equal(json_parse(view_str(expected), &wanted), 0);
	assert_true(json_equal(act, wanted));
}

/* A session in which one act succeeds, after which the record of people is @people. */
void expect_act(struct bed *b, const struct script *s, unsigned int intents, const char *before,
	const char *after)
{
	script_unlocked(b, s, before);
	script_changed(b, s, NULL, after);
	script_unlock(b, intents);
}

/* It did, and is recorded twice, with version and hash at its end. */
void assert_recorded(struct script *s, const char *event)
{
	const json_t *last = fake_audit_last(event);

	assert_int_equal(fake_audit_count(event, "started"), 1);
	assert_int_equal(fake_audit_count(event, "ok"), 1);
	assert_string_equal(json_get_str(last, "outcome"), "ok");
	assert_int_equal(
		json_integer_value(json_object_get(last, "dossier-version")), s->version + 1);
	assert_null(told(event, "name"));
	script_moved(s);
}

struct reply act_authorise_other(struct bed *b)
{
	return with(b, dossier_authorise, "{\"id\":\"" OTHER "\"}");
}

struct reply act_authorise(struct bed *b)
{
	return with(b, dossier_authorise, "{\"id\":\"" SELF "\"}");
}

struct reply act_revoke_other(struct bed *b)
{
	return with(b, dossier_revoke, "{\"id\":\"" OTHER "\"}");
}

struct reply act_revoke(struct bed *b)
{
	return with(b, dossier_revoke, "{\"id\":\"" SELF "\"}");
}

struct reply act_block(struct bed *b)
{
	return with(b, block_on, "{\"id\":\"" OTHER "\"}");
}

struct reply act_unblock(struct bed *b)
{
	return with(b, block_off, "{\"id\":\"" OTHER "\"}");
}

struct reply act_take(struct bed *b)
{
	return treating(b, true);
}

struct reply act_leave(struct bed *b)
{
	return treating(b, false);
}

struct reply act_oppose(struct bed *b)
{
	return oppose(b, "centre_15", true);
}

static struct reply masked(struct bed *b, bool on)
{
	struct reply r = bed_reply();

	dossier_set_masked_allowed(&b->s, on, bed_done_fn, &r);
	bed_wait(b, &r);
	return r;
}

struct reply act_allow_masked(struct bed *b)
{
	return masked(b, true);
}

struct reply act_hide_masked(struct bed *b)
{
	return masked(b, false);
}
