/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What rights_decide() says to fact sets: a line of standard input is one, a JSON object of the members
 * of struct rights_facts (words for action and mode; what is left out is zero or empty); the answer is
 * a line "allow RULE" or "deny RULE". rights_restated.py asks.
 *
 * usage: rights-ask FOLDER-OF-DATA-FILES
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/consent/rights.h"

static unsigned int number(const json_t *j, const char *name)
{
	int64_t n;

	return json_get_int(j, name, 0, UINT16_MAX, &n) == 0 ? (unsigned int)n : 0;
}

static enum proof proof(const json_t *j, const char *name)
{
	unsigned int n = number(j, name);

	return (enum proof)n;
}

static const char *text(const json_t *j, const char *name)
{
	const char *t = json_get_str(j, name);

	return t ? t : "";
}

static enum rights_action action_of(const char *word)
{
	int i = 0;

	while (i < RIGHTS_ACTION_COUNT &&
		strcmp(rights_action_word((enum rights_action)i), word) != 0) {
		i++;
	}
	return (enum rights_action)i;
}

static enum session_mode mode_of(const char *word)
{
	int i = 0;

	while (i < SESSION_MODE_COUNT &&
		strcmp(session_mode_word((enum session_mode)i), word) != 0) {
		i++;
	}
	return (enum session_mode)i;
}

static struct rights_facts facts_of(const json_t *j)
{
	return (struct rights_facts){
		.action = action_of(text(j, "action")),
		.mode = mode_of(text(j, "mode")),
		.card_type = (uint8_t)number(j, "card_type"),
		.profession = (uint8_t)number(j, "profession"),
		.speciality = text(j, "speciality"),
		.sector = text(j, "sector"),
		.regulation = json_get_bool(j, "regulation"),
		.indirect = json_get_bool(j, "indirect"),
		.feeder = json_get_bool(j, "feeder"),
		.emergencies = number(j, "emergencies"),
		.emergencies_max = number(j, "emergencies_max"),
		.absent = json_get_bool(j, "absent"),
		.holder = json_get_bool(j, "holder"),
		.representative = json_get_bool(j, "representative"),
		.age = (uint8_t)number(j, "age"),
		.code = json_get_bool(j, "code"),
		.proof = proof(j, "proof"),
		.required = proof(j, "required"),
		.consented = json_get_bool(j, "consented"),
		.intents = number(j, "intents"),
		.authorised = json_get_bool(j, "authorised"),
		.authorised_told = json_get_bool(j, "authorised_told"),
		.fed_today = json_get_bool(j, "fed_today"),
		.fed_told = json_get_bool(j, "fed_told"),
		.blocked = json_get_bool(j, "blocked"),
		.treating_doctor = json_get_bool(j, "treating_doctor"),
		.opposed = json_get_bool(j, "opposed"),
		.masked_allowed = json_get_bool(j, "masked_allowed"),
		.author = json_get_bool(j, "author"),
		.author_kind = (uint8_t)number(j, "author_kind"),
		.flags = number(j, "flags"),
		.type = json_get_str(j, "type"),
		.self = json_get_bool(j, "self"),
		.has_until = json_get_bool(j, "has_until"),
	};
}

/* Whether the line was one fact set. */
static bool answer(const struct rights *r, const char *line)
{
	_cleanup_json_ json_t *j = json_loads(line, 0, NULL);
	struct rights_facts f;
	enum rights_decision decision;
	const char *rule = NULL;

	if (!j) {
		return false;
	}
	f = facts_of(j);
	if (f.action == RIGHTS_ACTION_COUNT || f.mode == SESSION_MODE_COUNT) {
		return false;
	}
	decision = rights_decide(r, &f, &rule);
	(void)printf("%s %s\n", decision == RIGHTS_ALLOW ? "allow" : "deny", rule);
	return true;
}

int main(int argc, char **argv)
{
	struct rights *r = NULL;
	char *line = NULL;
	size_t size = 0;
	bool good = true;

	if (argc != 2 || rights_new(argv[1], &r) < 0) {
		(void)fprintf(stderr, "usage: rights-ask FOLDER\n");
		return 2;
	}
	while (good && getline(&line, &size, stdin) >= 0) {
		good = answer(r, line);
	}
	free(line);
	rights_free(r);
	return good && fflush(stdout) == 0 ? 0 : 1;
}
