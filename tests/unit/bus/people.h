/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Owners and agents of the tests. */
#include "tests/unit/bus/bed.h"

#define OWN	  ((uid_t)-1)
#define OTHER_UID 65534U

struct session *opened(struct client *owner); /* with no options */
const char *registered(struct client *c, const char *path, const char *a, const char *b);
struct client *agent_new(uid_t uid, const char *a, const char *b); /* at /agent */
void configure(const char *capability, const char *pair, uid_t uid);
void turns(void);
/** asked() - the next call of @member that @c got as an agent. */
DBusMessage *asked(struct client *c, const char *member, const char *signature);
void reply_with(struct client *c, DBusMessage *call, int type, ...); /* @call is taken */
bool finds(struct client *c, const char *name, const char *fact);    /* Diagnose does */
void reply_error(struct client *c, DBusMessage *call, const char *name);
