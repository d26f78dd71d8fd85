/* SPDX-License-Identifier: EUPL-1.2 */
/* The service with its record and its folder, as far as the outbox sees them. */
#include "tests/unit/broker/outbox-bed.h"

struct outbox_bed at;

/* -- what fails -- */

uint64_t __wrap_clock_monotonic(void);
uint64_t __real_clock_monotonic(void);
int __wrap_openat64(int dir, const char *path, int flags, ...);
int __real_openat64(int dir, const char *path, int flags, ...);
int __wrap_renameat(int from, const char *name, int to, const char *other);
int __real_renameat(int from, const char *name, int to, const char *other);
int __wrap_audit_read(struct audit *a, uint64_t index, struct buf *out);
int __real_audit_read(struct audit *a, uint64_t index, struct buf *out);

uint64_t __wrap_clock_monotonic(void)
{
	return __real_clock_monotonic() + at.ahead;
}

static bool fails(const char *of)
{
	if (at.failing == 0 || strcmp(at.of, of) != 0) {
		return false;
	}
	errno = at.failing;
	return true;
}

int __wrap_openat64(int dir, const char *path, int flags, ...)
{
	if ((flags & O_CREAT) && fails("openat")) {
		return -1;
	}
	return __real_openat64(dir, path, flags, 0600);
}

int __wrap_renameat(int from, const char *name, int to, const char *other)
{
	return fails("renameat") ? -1 : __real_renameat(from, name, to, other);
}

int __wrap_audit_read(struct audit *a, uint64_t index, struct buf *out)
{
	return fails("audit_read") ? fault(-errno) : __real_audit_read(a, index, out);
}

void break_it(const char *of, int error)
{
	at.of = of;
	at.failing = error;
}

/* -- the service -- */

static void on_told(void *user, const char *pseudonym, const char *what, uint64_t when)
{
	assert_ptr_equal(user, &at);
	assert_string_equal(pseudonym, PERSON);
	at.told++;
	assert_true(snprintf(at.what, sizeof(at.what), "%s", what) > 0);
	at.when = when;
}

static void on_recorded(void *user)
{
	(void)user;
	outbox_wake(at.o);
}

void serve_with(const char *state)
{
	static const struct outbox_ops ops = {.told = on_told};

	assert_true(sd_event_new(&at.ev) >= 0);
	assert_int_equal(
		audit_open(at.folder, "vitaled.example/record", VIEW_NULL, &at.audit), 0);
	audit_on_append(at.audit, on_recorded, NULL);
	assert_int_equal(outbox_new(at.ev, at.audit, state, &ops, &at, &at.o), 0);
}

void serve(void)
{
	serve_with(at.folder);
}

void stop(void)
{
	at.o = outbox_free(at.o);
	at.audit = audit_free(at.audit);
	at.ev = sd_event_unref(at.ev);
}

/* As a kill leaves it: how far it was has not been written down. */
void crash(void)
{
	assert_int_equal(forge_shell("cp \"$D/outbox.next\" \"$D/kept\"", at.folder), 0);
	stop();
	assert_int_equal(forge_shell("mv \"$D/kept\" \"$D/outbox.next\"", at.folder), 0);
}

/* Turns until nothing is left to do at once. */
void settle(void)
{
	int r;

	do {
		r = sd_event_run(at.ev, 0);
		assert_true(r >= 0);
	} while (r > 0);
}

int setup(void **state)
{
	(void)state;
	memset(&at, 0, sizeof(at));
	forge_folder(at.folder);
	assert_true(snprintf(at.box, sizeof(at.box), "%s/outbox", at.folder) < 64);
	serve();
	return 0;
}

int teardown(void **state)
{
	(void)state;
	at.failing = 0;
	stop();
	forge_remove(at.folder);
	return 0;
}

/* An entry as rooms write it. */
void append(enum audit_event event, const char *outcome, enum session_mode mode,
	const json_t *details)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;

	e.event = event;
	e.outcome = outcome;
	e.session = "session/4@1f0c";
	e.professional = "899700218896";
	e.structure = "10B0127189";
	e.pseudonym = PERSON;
	e.mode = session_mode_word(mode);
	e.details = details;
	assert_int_equal(audit_append(at.audit, &e, NULL), 0);
}

void emergency(void)
{
	append(AUDIT_EVENT_UNLOCKED, "ok", SESSION_MODE_BRIS_DE_GLACE, NULL);
}

/* -- the folder -- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int shown(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

/* How many files there are; @ret_first: name of the first one. Nothing but messages lies there.
 * */
int files(char *ret_first, size_t size)
{
	struct dirent **found = NULL;
	int n = scandir(at.box, &found, shown, by_name);

	for (int i = 0; i < n; i++) {
		size_t len = strlen(found[i]->d_name);

		assert_int_equal(len, 16 + 1 + 12 + 5);
		assert_string_equal(found[i]->d_name + len - 5, ".json");
		if (i == 0 && ret_first) {
			assert_true(snprintf(ret_first, size, "%s", found[i]->d_name) > 0);
		}
		free(found[i]);
	}
	free(found);
	return n < 0 ? 0 : n;
}

json_t *message(const char *name, mode_t *ret_mode)
{
	char path[256];
	json_error_t e;
	struct stat st;
	json_t *j;

	assert_true(snprintf(path, sizeof(path), "%s/%s", at.box, name) > 0);
	assert_int_equal(stat(path, &st), 0);
	*ret_mode = st.st_mode & 07777;
	j = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
	assert_non_null(j);
	return j;
}

void remove_first(void)
{
	char name[64] = "";
	char path[256];

	assert_true(files(name, sizeof(name)) > 0);
	assert_true(snprintf(path, sizeof(path), "%s/%s", at.box, name) > 0);
	assert_int_equal(unlink(path), 0);
}

void assert_stuck(const char *cause)
{
	const char *folder = NULL;
	uint64_t entries = 0;

	assert_string_equal(outbox_stuck(at.o, &folder, &entries), cause);
	assert_string_equal(folder, at.box);
	assert_true(entries > 0);
}

void try_again(void)
{
	at.ahead += 11 * USEC_PER_SEC;
	outbox_wake(at.o);
	settle();
}
