/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What the tests of emergencies begin with: both usual cards are in, some session has them. */
#include "base/clock.h"
#include "tests/unit/session/usual.h"

#define R(name)	 VITALED_REASON_##name
#define ST(name) SESSION_STATE_##name

#define OWN  "{\"nir\":\"2800756321001\",\"birth-date\":\"1980-07-14\"}"
#define HOUR (3600ULL * USEC_PER_SEC)

extern struct played *vitale;
extern struct played *cps;

int urgent_setup(void **state);
/** open_as() - with a reason where the mode wants one; @patient: JSON or NULL. */
struct session *open_as(
	enum session_mode mode, const char *patient, bool wait, const char *owner, uid_t uid);
struct session *emergency(const char *patient); /* bris_de_glace, of 1000, without a wait */
struct session *opened(const char *patient);	/* ... that is unlocked */
struct session *unlock(void);			/* a normal one */
void lend(const struct played *p);
void give_back(const struct played *p);
