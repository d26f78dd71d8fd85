/* SPDX-License-Identifier: EUPL-1.2 */
/* Texts of the configuration as values; pure but for the look-up of user names. */
#include "daemon/config/values.h"

#include <pwd.h>
#include <string.h>

#include "daemon/config.h"

#define HOUR	   3600U
#define MINUTE	   60U
#define NUMBER_MAX (365U * 24U * HOUR)
#define COUNT_MAX  100U
#define YEAR	   366U /* days */
#define DAYS_MAX   (100U * YEAR)

bool config_take_text(void *to, size_t size, const char *value)
{
	return view_copy_str(view_str(value), to, size) == 0;
}

bool config_has_remark(const char *value, bool name)
{
	for (const char *at = strchr(value, '#'); at; at = strchr(at + 1, '#')) {
		bool apart = at == value || at[-1] == ' ' || at[-1] == '\t';

		if (apart && (!name || at[1] == ' ' || at[1] == '\t' || at[1] == '\0')) {
			return true;
		}
	}
	return false;
}

bool config_take_path(void *to, size_t size, const char *value)
{
	return value[0] == '/' && config_take_text(to, size, value);
}

bool config_take_proof(void *to, size_t size, const char *value)
{
	static const enum proof allowed[] = {
		PROOF_READ, PROOF_ACTIVE, PROOF_MUTUAL, PROOF_LOCKED};

	for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
		if (strcmp(value, proof_word(allowed[i])) == 0) {
			bytes_copy(to, size, &allowed[i], sizeof(allowed[i]));
			return true;
		}
	}
	return false;
}

/* Digits, then what follows them. Return: whether there was one and it is not too large. */
static bool take_number(const char *value, uint32_t *ret, const char **ret_rest)
{
	uint32_t n = 0;
	const char *at = value;

	while (*at >= '0' && *at <= '9') {
		n = n * 10 + (uint32_t)(*at - '0');
		if (n > NUMBER_MAX) {
			return false;
		}
		at++;
	}
	*ret = n;
	*ret_rest = at;
	return at != value;
}

/* "90", "90 s", "30 min", "4 h" in seconds */
bool config_take_seconds(void *to, size_t size, const char *value)
{
	static const struct {
		const char *unit;
		uint32_t seconds;
	} units[] = {{"", 1}, {"s", 1}, {"min", MINUTE}, {"h", HOUR}};

	const char *rest;
	uint32_t n;

	if (!take_number(value, &n, &rest)) {
		return false;
	}
	rest += strspn(rest, " ");
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (strcmp(rest, units[i].unit) == 0 && n <= NUMBER_MAX / units[i].seconds) {
			n *= units[i].seconds;
			bytes_copy(to, size, &n, sizeof(n));
			return true;
		}
	}
	return false;
}

/* "1096 d", "3 y", "0": days */
bool config_take_days(void *to, size_t size, const char *value)
{
	static const struct {
		const char *unit;
		uint32_t days;
	} units[] = {{"d", 1}, {"y", YEAR}};

	const char *rest;
	uint32_t n;

	if (!take_number(value, &n, &rest) || n > DAYS_MAX) {
		return false;
	}
	rest += strspn(rest, " ");
	if (n == 0 && rest[0] == '\0') {
		bytes_copy(to, size, &n, sizeof(n));
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (strcmp(rest, units[i].unit) == 0 && n > 0 &&
			n <= DAYS_MAX / units[i].days) {
			n *= units[i].days;
			bytes_copy(to, size, &n, sizeof(n));
			return true;
		}
	}
	return false;
}

bool config_take_count(void *to, size_t size, const char *value)
{
	const char *rest = "";
	uint32_t n = 0;

	if (!take_number(value, &n, &rest) || rest[0] != '\0' || n > COUNT_MAX) {
		return false;
	}
	bytes_copy(to, size, &n, sizeof(n));
	return true;
}

/* A user's name or number. */
bool config_take_user(void *to, size_t size, const char *value)
{
	const char *rest = "";
	const struct passwd *pw;
	uint32_t n;
	uid_t uid;

	if (take_number(value, &n, &rest) && rest[0] == '\0') {
		uid = n;
	} else {
		pw = getpwnam(value);
		if (!pw) {
			return false;
		}
		uid = pw->pw_uid;
	}
	bytes_copy(to, size, &uid, sizeof(uid));
	return true;
}

bool config_take_word(
	void *to, size_t size, const char *value, const char *const *words, size_t n)
{
	for (unsigned int i = 0; i < n; i++) {
		if (strcmp(value, words[i]) == 0) {
			bytes_copy(to, size, &i, sizeof(i));
			return true;
		}
	}
	return false;
}

bool config_take_role(void *to, size_t size, const char *value)
{
	static const char *const words[] = {
		[CONFIG_ROLE_ANY] = "any",
		[CONFIG_ROLE_PATIENT] = "patient",
		[CONFIG_ROLE_PROFESSIONAL] = "professional",
	};

	return config_take_word(to, size, value, words, ARRAY_LEN(words));
}

bool config_take_sharing(void *to, size_t size, const char *value)
{
	static const char *const words[] = {
		[CARD_SHARE_TRANSACTIONS] = "transactions",
		[CARD_SHARE_EXCLUSIVE] = "exclusive",
	};

	return config_take_word(to, size, value, words, ARRAY_LEN(words));
}

bool config_take_yes(void *to, size_t size, const char *value)
{
	bool yes = strcmp(value, "yes") == 0;

	if (!yes && strcmp(value, "no") != 0) {
		return false;
	}
	bytes_copy(to, size, &yes, sizeof(yes));
	return true;
}

bool config_take_capability(void *to, size_t size, const char *value)
{
	if (strcmp(value, "pin") != 0 && strcmp(value, "professional") != 0 &&
		strcmp(value, "patient-display") != 0) {
		return false;
	}
	return config_take_text(to, size, value);
}
