/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Sessions in which codes of the patient are issued and typed: the process is the real one, agents and
 * record are those of fakes.h, time is set by the test. Linked with the --wrap list of meson.build.
 */
#include "base/clock.h"
#include "daemon/dossier/inside.h"
#include "daemon/limits.h"
#include "tests/unit/dossier/bed.h"

#define ISSUER_UID  1000U /* of the application */
#define ISSUER_WHO  2002U /* of the agent that shows it */
#define PATIENT_UID 3000U
#define PATIENT_WHO 2001U
#define OPPOSED	    "bris_de_glace"
#define HOUR	    (3600ULL * USEC_PER_SEC)
#define DAY	    (24 * HOUR)

extern uint64_t codes_wall; /* us that were added to the clock on the wall, */
extern uint64_t codes_boot; /* and to an hour since the boot, which else stands still */
extern const char *codes_boot_id;

void codes_pass(uint64_t usec); /* by both clocks */

/** codes_setup() - of each test: a created dossier. */
int codes_bed_setup(void **state);
/** codes_type() - what the patient types next; TYPE(NULL): nothing. */
void codes_type(const char *const *codes, size_t n);

#define TYPE(...)                                                                              \
	codes_type((const char *const[]){__VA_ARGS__},                                         \
		sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/** codes_patient() - a session of the patient alone is next, at another place by another uid. */
void codes_patient(struct bed *b);
enum vitaled_reason codes_ask(struct bed *b); /* prepared, and what comes of the code */
enum vitaled_reason codes_alone(struct bed *b);
void codes_open_alone(struct bed *b); /* and unlocked */

typedef void (*codes_plain_fn)(struct session *s, dossier_done_fn done, void *user);

struct reply codes_call(struct bed *b, codes_plain_fn fn);
void codes_open_fund(struct bed *b);
/** codes_issue() - by the fund: the digits that were shown. */
const char *codes_issue(struct bed *b);
/** codes_personal() - the patient sets @code, by an activation code. */
void codes_personal(struct bed *b, const char *code);
struct reply codes_oppose(struct bed *b, bool on);
/** codes_detail() - text @name of the newest entry @event, or "". */
const char *codes_detail(const char *event, const char *name);
