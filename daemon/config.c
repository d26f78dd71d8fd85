/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Reading the configuration. One table of keys per section; a key or section that is not in them,
 * a value that does not parse and a text that does not fit stop the start: nothing is guessed and
 * nothing is cut. Pure but for the look-up of user names.
 */
#include "daemon/config.h"

#include <errno.h>
#include <ini.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_FILE "/etc/vitaled/vitaled.conf"
#define HOUR	     3600U
#define MINUTE	     60U
#define NUMBER_MAX   (365U * 24U * HOUR)

const char *proof_word(enum proof p)
{
	switch (p) {
	case PROOF_NONE:
		return "none";
	case PROOF_READ:
		return "read";
	case PROOF_ACTIVE:
		return "active";
	case PROOF_MUTUAL:
		return "mutual";
	case PROOF_LOCKED:
		return "locked";
	}
	return "none";
}

/* -- values: each returns whether it took the text ------------------------------------------------ */

static bool take_text(void *to, size_t size, const char *value)
{
	return view_copy_str(view_str(value), to, size) == 0;
}

static bool take_path(void *to, size_t size, const char *value)
{
	return value[0] == '/' && take_text(to, size, value);
}

static bool take_proof(void *to, size_t size, const char *value)
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
static bool take_seconds(void *to, size_t size, const char *value)
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

/* A user's name or number. */
static bool take_user(void *to, size_t size, const char *value)
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

static bool take_capability(void *to, size_t size, const char *value)
{
	return (strcmp(value, "pin") == 0 || strcmp(value, "professional") == 0 ||
		       strcmp(value, "patient-display") == 0) &&
	       take_text(to, size, value);
}

/* -- keys ---------------------------------------------------------------------------------------- */

struct key {
	const char *section;
	const char *name;
	size_t offset; /* in struct config, config_pair or config_agent */
	size_t size;
	bool (*take)(void *to, size_t size, const char *value);
};

#define KEY(of, section, name, member, take)                                                   \
	{                                                                                      \
		section, name, offsetof(struct of, member), sizeof(((struct of *)0)->member),  \
			take                                                                   \
	}

static const struct key keys[] = {
	KEY(config, "paths", "state", state, take_path),
	KEY(config, "paths", "anchors", anchors, take_path),
	KEY(config, "paths", "children", children, take_path),
	KEY(config, "paths", "data", data, take_path),
	KEY(config, "paths", "wordings", consent_folder, take_path),
	KEY(config, "paths", "pcsc-socket", pcsc_socket, take_path),
	KEY(config, "record", "origin", origin, take_text),
	KEY(config, "record", "workstation", workstation, take_text),
	KEY(config, "proof", "real", required[NATURE_REAL], take_proof),
	KEY(config, "proof", "test", required[NATURE_TEST], take_proof),
	KEY(config, "proof", "simulated", required[NATURE_SIMULATED], take_proof),
	KEY(config, "pin", "lifetime", pin_lifetime, take_seconds),
	KEY(config, "pin", "idle", pin_idle, take_seconds),
	KEY(config, "consent", "language", consent_language, take_text),
};

static const struct key pair_keys[] = {
	KEY(config_pair, "", "patient-reader", patient_reader, take_text),
	KEY(config_pair, "", "professional-reader", professional_reader, take_text),
};

static const struct key agent_keys[] = {
	KEY(config_agent, "", "capability", capability, take_capability),
	KEY(config_agent, "", "pair", pair, take_text),
	KEY(config_agent, "", "user", uid, take_user),
};

static bool take_key(const struct key *all, size_t n, const char *section, const char *name,
	const char *value, void *base)
{
	for (size_t i = 0; i < n; i++) {
		const struct key *k = &all[i];

		if (strcmp(k->section, section) == 0 && strcmp(k->name, name) == 0) {
			return k->take((uint8_t *)base + k->offset, k->size, value);
		}
	}
	return false;
}

/* -- sections ------------------------------------------------------------------------------------ */

struct parse {
	struct config *config;
	char agents[CONFIG_AGENTS_MAX][32]; /* names of the sections, in the order of config */
	char bad[256];			    /* first key that was not taken */
};

/* "pair counter 1": the name after @word, or NULL. */
static const char *named(const char *section, const char *word)
{
	size_t n = strlen(word);

	return strncmp(section, word, n) == 0 && section[n] == ' ' && section[n + 1] != '\0'
		       ? section + n + 1
		       : NULL;
}

static struct config_pair *pair_of(struct config *c, const char *name)
{
	struct config_pair *p;

	for (size_t i = 0; i < c->n_pairs; i++) {
		if (strcmp(c->pairs[i].name, name) == 0) {
			return &c->pairs[i];
		}
	}
	if (c->n_pairs == CONFIG_PAIRS_MAX) {
		return NULL;
	}
	p = &c->pairs[c->n_pairs];
	*p = (struct config_pair){0};
	if (!take_text(p->name, sizeof(p->name), name)) {
		return NULL;
	}
	c->n_pairs++;
	return p;
}

static struct config_agent *agent_of(struct parse *parse, const char *name)
{
	struct config *c = parse->config;
	struct config_agent *a;

	for (size_t i = 0; i < c->n_agents; i++) {
		if (strcmp(parse->agents[i], name) == 0) {
			return &c->agents[i];
		}
	}
	if (c->n_agents == CONFIG_AGENTS_MAX ||
		!take_text(parse->agents[c->n_agents], sizeof(parse->agents[0]), name)) {
		return NULL;
	}
	a = &c->agents[c->n_agents++];
	*a = (struct config_agent){.uid = (uid_t)-1};
	return a;
}

static bool take(struct parse *parse, const char *section, const char *name, const char *value)
{
	const char *pair = named(section, "pair");
	const char *agent = named(section, "agent");
	void *base;

	if (pair) {
		base = pair_of(parse->config, pair);
		return base && take_key(pair_keys, ARRAY_LEN(pair_keys), "", name, value, base);
	}
	if (agent) {
		base = agent_of(parse, agent);
		return base &&
		       take_key(agent_keys, ARRAY_LEN(agent_keys), "", name, value, base);
	}
	return take_key(keys, ARRAY_LEN(keys), section, name, value, parse->config);
}

static int on_key(void *user, const char *section, const char *name, const char *value)
{
	struct parse *parse = user;

	if (take(parse, section, name, value)) {
		return 1;
	}
	if (parse->bad[0] == '\0') {
		(void)snprintf(
			parse->bad, sizeof(parse->bad), "[%.100s] %.100s", section, name);
	}
	return 0;
}

/* What every agent must have. */
static bool complete(struct parse *parse)
{
	for (size_t i = 0; i < parse->config->n_agents; i++) {
		const struct config_agent *a = &parse->config->agents[i];

		if (a->capability[0] == '\0' || a->uid == (uid_t)-1) {
			(void)snprintf(parse->bad, sizeof(parse->bad),
				"[agent %s] needs capability and user", parse->agents[i]);
			return false;
		}
	}
	return true;
}

/* -- the whole ----------------------------------------------------------------------------------- */

static void defaults(struct config *c)
{
	static const struct config start = {
		.state = "/var/lib/vitaled",
		.anchors = "/etc/vitaled/anchors",
		.children = VITALED_LIBEXECDIR,
		.data = VITALED_DATADIR,
		.origin = "vitaled.local/record",
		.required =
			{
				[NATURE_UNKNOWN] = PROOF_LOCKED,
				[NATURE_REAL] = PROOF_LOCKED,
				[NATURE_TEST] = PROOF_MUTUAL,
				[NATURE_SIMULATED] = PROOF_MUTUAL,
			},
		.pin_lifetime = 4 * HOUR,
		.pin_idle = 30 * MINUTE,
		.consent_language = "fr",
	};

	*c = start;
}

static int where(const char *path, int line, const char *what, char **ret_where)
{
	char *text = NULL;

	if (asprintf(&text, "%s:%d: %s", path, line, what[0] ? what : "not understood") < 0) {
		return fault(-ENOMEM);
	}
	*ret_where = text;
	return CONFIG_INVALID;
}

/* Parse @file into @parse. Return: 0, a fault, CONFIG_INVALID. */
static int parse_file(FILE *file, const char *name, struct parse *parse, char **ret_where)
{
	int line = file ? ini_parse_file(file, on_key, parse) : 0;

	if (line < 0) {
		return fault(-EIO);
	}
	if (line > 0 || !complete(parse)) {
		return where(name, line, parse->bad, ret_where);
	}
	return 0;
}

static void parse_put(struct parse **p)
{
	if (*p) {
		free((*p)->config);
		free(*p);
	}
	*p = NULL;
}

int config_load(const char *path, struct config *ret, char **ret_where)
{
	_cleanup_(parse_put) struct parse *parse = calloc(1, sizeof(*parse));
	const char *name = path ? path : DEFAULT_FILE;
	FILE *file;
	int r;

	if (parse) {
		parse->config = malloc(sizeof(*parse->config));
	}
	if (!parse || !parse->config) {
		return fault(-ENOMEM);
	}
	defaults(parse->config);
	file = fopen(name, "re");
	if (!file && (path || errno != ENOENT)) {
		return fault(-errno);
	}
	r = parse_file(file, name, parse, ret_where);
	if (file) {
		(void)fclose(file);
	}
	if (r == 0) {
		*ret = *parse->config;
	}
	return trace(r);
}
