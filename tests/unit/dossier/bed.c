/* SPDX-License-Identifier: EUPL-1.2 */
/* The bed of this room's tests; every failure here fails the running test. */
#include "tests/unit/dossier/bed.h"

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "daemon/dossier/inside.h"
#include "tests/unit/dossier/faults.h"

#define LONG_ENOUGH (20 * USEC_PER_SEC)

int bed_start(struct bed *b)
{
	bool before = faults_pause(false);
	int r = dossiers_new(
		b->ev, &b->config, b->rights, NULL, &fake_dossier_ops, NULL, &b->all);

	(void)faults_pause(before);
	return r;
}

/* One turn of the loop, of at most @usec. */
static void turn(struct bed *b, uint64_t usec)
{
	bool before = faults_pause(false);
	int r = sd_event_run(b->ev, usec);

	(void)faults_pause(before);
	assert_true(r >= 0);
}

void bed_stop(struct bed *b)
{
	if (b->all) {
		bed_lock(b);
	}
	b->all = dossiers_free(b->all);
}

void bed_init(struct bed *b)
{
	sigset_t set;

	(void)signal(SIGPIPE, SIG_IGN); /* a refused content is no longer read */
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	assert_int_equal(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	(void)faults_pause(true);
	memset(b, 0, sizeof(*b));
	(void)snprintf(b->state, sizeof(b->state), "%s/vitaled-dossier-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(b->state));
	(void)snprintf(b->config.state, sizeof(b->config.state), "%s", b->state);
	(void)snprintf(b->config.children, sizeof(b->config.children), "%s", CHILDREN);
	b->config.required[NATURE_SIMULATED] = PROOF_MUTUAL;
	assert_true(sd_event_new(&b->ev) >= 0);
	assert_int_equal(rights_new(RIGHTS_DATA, &b->rights), 0);
	fake_audit_reset();
	fake_people_reset();
	assert_int_equal(bed_start(b), 0);
	fake_session(&b->s);
	b->s.all = b->all;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void bed_wipe(const struct bed *b)
{
	assert_int_equal(nftw(b->state, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	assert_int_equal(mkdir(b->state, 0700), 0);
}

void bed_copy(const char *from, const char *to)
{
	FILE *in = fopen(from, "r");
	FILE *out = fopen(to, "w");
	uint8_t block[1024];
	size_t n;

	assert_non_null(in);
	assert_non_null(out);
	while ((n = fread(block, 1, sizeof(block), in)) > 0) {
		assert_int_equal(fwrite(block, 1, n, out), n);
	}
	assert_int_equal(fclose(in), 0);
	assert_int_equal(fclose(out), 0);
}

void bed_done(struct bed *b)
{
	bed_stop(b);
	b->rights = rights_free(b->rights);
	b->ev = sd_event_unref(b->ev);
	assert_int_equal(nftw(b->state, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	json_decref(fake_audit.entries);
	fake_audit.entries = NULL;
}

void bed_run(struct bed *b, const bool *flag)
{
	uint64_t deadline = clock_monotonic() + LONG_ENOUGH;

	while (!*flag && clock_monotonic() < deadline) {
		turn(b, 100000);
	}
	assert_true(*flag);
}

void bed_turn(struct bed *b, unsigned int ms)
{
	uint64_t deadline = clock_monotonic() + ms * USEC_PER_MS;

	while (clock_monotonic() < deadline) {
		turn(b, 10000);
	}
}

enum vitaled_reason bed_prepare(struct bed *b)
{
	b->s.all = b->all;
	(void)faults_pause(false);
	dossier_prepare(b->all, &b->s);
	(void)faults_pause(true);
	while (!b->s.prepared && !b->s.ended) {
		bed_turn(b, 1);
	}
	return b->s.ended ? b->s.end_reason : b->s.prepared_reason;
}

enum vitaled_reason bed_unlock(struct bed *b)
{
	b->s.consented = true;
	(void)faults_pause(false);
	dossier_unlock(b->all, &b->s);
	(void)faults_pause(true);
	while (!b->s.granted && !b->s.ended) {
		bed_turn(b, 1);
	}
	return b->s.ended ? b->s.end_reason : b->s.granted_reason;
}

void bed_open(struct bed *b, unsigned int intents)
{
	bed_lock(b);
	fake_session(&b->s);
	b->s.intents = intents;
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	assert_int_equal(bed_unlock(b), VITALED_REASON_NONE);
}

void bed_lock(struct bed *b)
{
	session_end(&b->s, VITALED_REASON_RELEASED);
}

/* -- calls -------------------------------------------------------------------------------------- */

struct reply bed_reply(void)
{
	return (struct reply){.fds = {-1, -1}};
}

void bed_done_fn(void *reply, struct dossier_reply *r)
{
	struct reply *to = reply;

	to->done = true;
	to->times++;
	to->reason = r->reason;
	(void)snprintf(to->rule, sizeof(to->rule), "%s", r->rule ? r->rule : "");
	(void)snprintf(to->id, sizeof(to->id), "%s", r->id);
	for (size_t i = 0; i < 2; i++) {
		to->fds[i] = r->fds[i];
		r->fds[i] = -1;
	}
}

void bed_wait(struct bed *b, struct reply *r)
{
	bed_run(b, &r->done);
	assert_int_equal(r->times, 1);
}

static void feed(struct bed *b, int fd, struct view content, const bool *done)
{
	uint64_t deadline = clock_monotonic() + LONG_ENOUGH;

	while (content.len > 0 && !*done && clock_monotonic() < deadline) {
		ssize_t n = write(fd, content.data, content.len);

		if (n > 0) {
			content = view_last(content, content.len - (size_t)n);
		}
		turn(b, n > 0 ? 0 : 1000);
	}
	close(fd);
}

static int metadata_fd(const char *text, struct view content)
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(65);
	_cleanup_json_ json_t *j = NULL;
	uint8_t hash[SEAL_HASH];
	int fd;

	assert_int_equal(json_parse(view_str(text), &j), 0);
	assert_int_equal(seal_sha256(content, hash), 0);
	hex_encode(&hex, VIEW(hash));
	buf_put_u8(&hex, 0);
	if (!json_object_get(j, "size")) {
		json_object_set_new(j, "size", json_integer((json_int_t)content.len));
	}
	if (!json_object_get(j, "sha256")) {
		json_object_set_new(j, "sha256", json_string((const char *)hex.data));
	}
	assert_int_equal(json_memfd(j, "metadata", &fd), 0);
	return fd;
}

/* @id: of the document that it replaces, or NULL */
static struct reply put_in(
	struct bed *b, const char *id, const char *metadata, struct view content)
{
	struct reply r = bed_reply();
	int fd = metadata_fd(metadata, content);
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	(void)faults_pause(false);
	if (id) {
		dossier_replace(&b->s, id, ends[0], fd, bed_done_fn, &r);
	} else {
		dossier_add(&b->s, ends[0], fd, bed_done_fn, &r);
	}
	(void)faults_pause(true);
	close(ends[0]);
	close(fd);
	feed(b, ends[1], content, &r.done);
	bed_wait(b, &r);
	return r;
}

struct reply bed_add(struct bed *b, const char *metadata, struct view content)
{
	return put_in(b, NULL, metadata, content);
}

struct reply bed_replace(
	struct bed *b, const char *id, const char *metadata, struct view content)
{
	return put_in(b, id, metadata, content);
}

struct reply bed_archive(struct bed *b, const char *id, bool on)
{
	struct reply r = bed_reply();

	(void)faults_pause(false);
	dossier_archive(&b->s, id, on, bed_done_fn, &r);
	(void)faults_pause(true);
	bed_wait(b, &r);
	return r;
}

struct reply bed_delete(struct bed *b, const char *id)
{
	struct reply r = bed_reply();

	(void)faults_pause(false);
	dossier_delete(&b->s, id, bed_done_fn, &r);
	(void)faults_pause(true);
	bed_wait(b, &r);
	return r;
}

json_t *bed_json(int fd)
{
	json_t *j;

	assert_true(fd >= 0);
	assert_int_equal(json_read_fd(fd, (size_t)1024 * 1024, &j), 0);
	close(fd);
	return j;
}

void bed_content(struct bed *b, int fd, struct buf *out)
{
	uint64_t deadline = clock_monotonic() + LONG_ENOUGH;
	uint8_t block[2048];
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0) {
		buf_put(out, block, (size_t)n);
		assert_true(clock_monotonic() < deadline);
		turn(b, 0);
	}
	assert_int_equal(n, 0);
	assert_int_equal(buf_check(out), 0);
	close(fd);
}

struct reply bed_create(struct bed *b)
{
	struct reply r = bed_reply();

	(void)faults_pause(false);
	dossier_create(&b->s, bed_done_fn, &r);
	(void)faults_pause(true);
	bed_wait(b, &r);
	return r;
}

json_t *bed_list(struct bed *b, const json_t *filter)
{
	struct reply r = bed_reply();

	(void)faults_pause(false);
	dossier_list(&b->s, filter, bed_done_fn, &r);
	(void)faults_pause(true);
	bed_wait(b, &r);
	assert_int_equal(r.reason, VITALED_REASON_NONE);
	return bed_json(r.fds[0]);
}

struct reply bed_visibility(struct bed *b, const char *id, const char *flag, bool on)
{
	struct reply r = bed_reply();

	(void)faults_pause(false);
	dossier_set_visibility(&b->s, id, flag, on, bed_done_fn, &r);
	(void)faults_pause(true);
	bed_wait(b, &r);
	return r;
}

struct reply bed_read(struct bed *b, const char *id)
{
	struct reply r = bed_reply();

	(void)faults_pause(false);
	dossier_read(&b->s, id, bed_done_fn, &r);
	(void)faults_pause(true);
	bed_wait(b, &r);
	return r;
}

/* a dossier, unlocked, with nothing in it */
void bed_created(struct bed *b)
{
	bed_open(b, BED_ALL);
	assert_int_equal(bed_create(b).reason, VITALED_REASON_NONE);
}

void bed_become(struct bed *b, const char *id, uint8_t profession, const char *sector)
{
	struct session_professional *p = &b->s.professional;

	(void)snprintf(p->person.national_id, sizeof(p->person.national_id), "%s", id);
	p->person.profession = profession;
	(void)snprintf(p->activities[0].sector, sizeof(p->activities[0].sector), "%s", sector);
}

/* as bed_open() for another professional */
void bed_open_as(struct bed *b, unsigned int intents, const char *id, uint8_t profession,
	const char *sector)
{
	bed_lock(b);
	fake_session(&b->s);
	b->s.intents = intents;
	bed_become(b, id, profession, sector);
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	assert_int_equal(bed_unlock(b), VITALED_REASON_NONE);
}

struct rights *bed_narrow(struct bed *b, const char *type)
{
	static const char *const names[] = {"sectors.json", "actions.json"};
	struct rights *narrow = NULL;
	json_t *professions;
	json_t *row;
	char from[256];
	char to[256];
	size_t i;

	for (i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(from, sizeof(from), "%s/%s", RIGHTS_DATA, names[i]);
		(void)snprintf(to, sizeof(to), "%s/%s", b->state, names[i]);
		bed_copy(from, to);
	}
	professions = json_load_file(RIGHTS_DATA "/professions.json", 0, NULL);
	json_array_foreach(json_object_get(professions, "professions"), i, row)
	{
		if (json_integer_value(json_object_get(row, "code")) == 10) {
			json_object_set_new(row, "types", json_pack("[s]", type));
		}
	}
	(void)snprintf(to, sizeof(to), "%s/professions.json", b->state);
	assert_int_equal(json_dump_file(professions, to, 0), 0);
	json_decref(professions);
	assert_int_equal(rights_new(b->state, &narrow), 0);
	b->all->rights = narrow;
	return narrow;
}

/* -- files -------------------------------------------------------------------------------------- */

static const char *wanted;
static unsigned int found;

static int count_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	size_t n = strlen(path);

	(void)st;
	(void)ftw;
	if (flag == FTW_F && n >= strlen(wanted) &&
		strcmp(path + n - strlen(wanted), wanted) == 0) {
		found++;
	}
	return 0;
}

unsigned int bed_files(const struct bed *b, const char *suffix)
{
	char folder[128];

	(void)snprintf(folder, sizeof(folder), "%s/dossiers", b->state);
	wanted = suffix;
	found = 0;
	assert_int_equal(nftw(folder, count_one, 8, FTW_PHYS), 0);
	return found;
}

void bed_path(const struct bed *b, const char *suffix, char *ret, size_t size)
{
	(void)snprintf(ret, size, "%s/dossiers/%.2s/%s%s", b->state, b->s.patient.pseudonym,
		b->s.patient.pseudonym, suffix);
}

bool bed_recovered(const char *event, const json_t *details)
{
	_cleanup_json_ json_t *expected = json_pack("{s:s}", "recovered-in", "session/1@0123");
	const json_t *last = fake_audit_last(event);
	_cleanup_json_ json_t *more = details ? json_deep_copy(details) : json_object();

	assert_int_equal(json_object_update(expected, more), 0);
	return strcmp(json_get_str(last, "outcome"), "recovered") == 0 &&
	       json_equal(expected, json_object_get(last, "details"));
}

int bed_setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	bed_init(b);
	*state = b;
	return 0;
}

int bed_teardown(void **state)
{
	bed_done(*state);
	free(*state);
	return 0;
}
