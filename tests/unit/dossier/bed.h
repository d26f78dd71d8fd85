/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* A temporary state folder, a loop, and calls that are waited for; for the tests of this room. */
#include "tests/unit/dossier/fakes.h"

struct bed {
	char state[64];
	struct config config;
	sd_event *ev;
	struct rights *rights;
	struct dossiers *all;
	struct session s;
};

/** struct reply - what a call came to. */
struct reply {
	bool done;
	unsigned int times;
	enum vitaled_reason reason;
	char rule[64];
	char id[37];
	int fds[2]; /* kept for the test */
};

void bed_init(struct bed *b);
void bed_done(struct bed *b);
/** bed_start() - dossiers_new() on the state folder as it is. */
int bed_start(struct bed *b);
void bed_stop(struct bed *b);
/** bed_run() - the loop until @flag or ten seconds; fails the test then. */
void bed_run(struct bed *b, const bool *flag);
void bed_turn(struct bed *b, unsigned int ms); /* whatever comes within @ms */
/** bed_prepare(), bed_unlock() - and wait; the session's reason is returned. */
enum vitaled_reason bed_prepare(struct bed *b);
enum vitaled_reason bed_unlock(struct bed *b);
/** bed_open() - a fresh session as fake_session() says, with @intents, prepared and unlocked. */
void bed_open(struct bed *b, unsigned int intents);
void bed_lock(struct bed *b);

struct reply bed_reply(void);
void bed_done_fn(void *reply, struct dossier_reply *r);
void bed_wait(struct bed *b, struct reply *r);
/** bed_add() - add @content with @metadata ("size" and "sha256" are filled in when absent). */
struct reply bed_add(struct bed *b, const char *metadata, struct view content);
/** bed_replace() - the same in the place of the document @id. */
struct reply bed_replace(
	struct bed *b, const char *id, const char *metadata, struct view content);
struct reply bed_archive(struct bed *b, const char *id, bool on);
struct reply bed_delete(struct bed *b, const char *id);
/** bed_narrow() - from now on general practitioners have documents of @type and no others; the rights
 *  are the caller's to free, after b->all->rights has been set to b->rights again. */
struct rights *bed_narrow(struct bed *b, const char *type);
/** bed_json() - the sealed memfd @fd as JSON; closes it. */
json_t *bed_json(int fd);
/** bed_content() - all of a pipe, running the loop meanwhile; closes it. */
void bed_content(struct bed *b, int fd, struct buf *out);
/** bed_files() - how many files lie below <state>/dossiers that end in @suffix. */
unsigned int bed_files(const struct bed *b, const char *suffix);
/** bed_wipe() - everything in the state folder goes. */
void bed_wipe(const struct bed *b);
/** bed_recovered() - whether the newest entry @event was recovered by the session of fakes.c, with
 *  @details (may be NULL) besides. */
bool bed_recovered(const char *event, const json_t *details);
void bed_copy(const char *from, const char *to);
void bed_path(const struct bed *b, const char *suffix, char *ret, size_t size);

/* of each test: *@state is a bed */
int bed_setup(void **state);
int bed_teardown(void **state);

/* -- calls, waited for -------------------------------------------------------------------------- */

#define BED_ALL (SESSION_INTENT_CONSULT | SESSION_INTENT_FEED | SESSION_INTENT_CREATE)
/* metadata of a consultation of 2026-11-20 */
#define BED_NOTE                                                                               \
	"{\"format\":1,\"type\":\"consultation\",\"title\":\"Consultation\","                  \
	"\"date\":\"2026-11-20\",\"mime\":\"text/plain\"}"

struct reply bed_create(struct bed *b);
json_t *bed_list(struct bed *b, const json_t *filter); /* must succeed */
struct reply bed_visibility(struct bed *b, const char *id, const char *flag, bool on);
struct reply bed_read(struct bed *b, const char *id);
void bed_created(struct bed *b); /* a dossier, unlocked, with nothing in it */
void bed_become(struct bed *b, const char *id, uint8_t profession, const char *sector);
/** bed_open_as() - bed_open() for another professional. */
void bed_open_as(struct bed *b, unsigned int intents, const char *id, uint8_t profession,
	const char *sector);
