/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The dossier's program in this process, without its filter, at the end of a real link. */
#include "base/tlv.h"
#include "daemon/dossier/store/host.h"
#include "daemon/limits.h"

#define BENCH_PSEUDONYM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define BENCH_STRANGER	"00000000-0000-4000-8000-000000000000"
#define BENCH_ENTRY	",\"entry\":{\"kind\":\"allergy\",\"substance\":\"x\"}"
#define BENCH_AUTHOR	"{\"id\":\"899700000001\",\"kind\":\"professional\"}"

struct bench {
	char folder[64];
	int link; /* the broker's end */
	struct host h;
	struct buf storage;
	struct link_frame answer;
	uint32_t seq;
	int broken; /* what host_turn() returned that was not 0 */
};

extern const uint8_t bench_key[SEAL_KEY];
extern unsigned int bench_confined; /* how often the filter would have been loaded */

struct bench *bench_new(void);
void bench_free(struct bench *b);
void bench_start(struct bench *b); /* a new program on the same folder */
void bench_end(struct bench *b);

void bench_send(struct bench *b, enum dossier_op op, const struct buf *body, const int *fds,
	size_t n_fds);
/** bench_next() - turn until a frame comes. Return: its outcome; -1 for an event; -2 when the
 *  program broke off (then @b->broken). */
int bench_next(struct bench *b);
int bench_ask(struct bench *b, enum dossier_op op, struct buf *body); /* body is used up */
int bench_ask_open(struct bench *b, bool make);
int bench_ask_key(struct bench *b, bool people);
int bench_ask_with(struct bench *b, enum dossier_op op, uint32_t tag, const char *text);
int bench_ask_flag(struct bench *b, const char *id, const char *flag, bool on);
void bench_opened(struct bench *b);  /* laid out, both keys given */
void bench_created(struct bench *b); /* and created */
/** bench_metadata() - memfd with the metadata of @content. @extra: more members, or "". */
int bench_metadata(struct view content, const char *extra);
/** bench_begin_add() - send ADD with an empty pipe. Return: the end to write to. */
int bench_begin_add(struct bench *b, struct view content, const char *extra);
int bench_add(struct bench *b, struct view content, const char *extra, char ret_id[37]);
/** bench_replace() - the same in place of the document @id. */
int bench_replace(struct bench *b, const char *id, struct view content, const char *extra,
	char ret_id[37]);
/** bench_add_on(), bench_add_as() - a document of that day, or of that media type. */
int bench_add_on(struct bench *b, const char *day, char ret_id[37]);
int bench_add_as(struct bench *b, const char *mime, struct view content);
int bench_status(struct bench *b, const char *id, const char *status);
int bench_people(
	struct bench *b, const char *act); /* act: members of people_act without by, time */
/** bench_rows() - of the answer to ROWS with @filter, which must succeed. */
json_t *bench_rows(struct bench *b, const char *filter, bool *ret_more);
/** bench_shown() - the one row of LIST for @id. */
json_t *bench_shown(struct bench *b, const char *id);
json_t *bench_json(struct bench *b, size_t i); /* of the answer's descriptor @i */

/* of each test: *@state is a bench with a dossier that was created */
int bench_setup(void **state);
int bench_teardown(void **state);
/** bench_version() - VERSION of the last answer, which is the store's. */
uint64_t bench_version(struct bench *b);
/** bench_again() - a new program on the same file: what is there now is what was told. */
void bench_again(struct bench *b);
