/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What the two files of the people record share: the names in it, and shared members. */
#include "daemon/dossier/store/codes.h"
#include "daemon/dossier/store/people.h"

#define AUTHORISED  "authorised"
#define BLOCKED	    "blocked"
#define DOCTOR	    "treating-doctor"
#define OPPOSITIONS "oppositions"
#define MASKED	    "masked-allowed"
#define CLOSED	    "closed"
#define CODES	    "codes"
#define PERSONAL    "personal"
#define ACTIVATION  "activation"
#define TOLD	    "without-card"
#define SCRYPT	    "scrypt"

#define PEOPLE_ACTIVATION 6U

/* what an activation code is told by, besides its scrypt */
extern const char *const people_activation[PEOPLE_ACTIVATION];

/** people_set_shared() - the member @member of @from, if it is there, becomes @name of @object. */
int people_set_shared(
	json_t *object, const char *name, const json_t *from, const char *member) _must_check_;
/** people_set_members() - the same with each of @names, of one name. */
int people_set_members(
	json_t *object, const json_t *from, const char *const *names, size_t n) _must_check_;
int64_t people_number(const json_t *object, const char *name);
/** people_is_activation() - whether @code says for whom it is not, and what it is. */
bool people_is_activation(const json_t *code);
