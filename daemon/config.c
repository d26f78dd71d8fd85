/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Reading the configuration. One table of keys per section; a key or section that is not in them,
 * a section that says nothing, a value that does not parse and a text that does not fit stop the
 * start: nothing is guessed and nothing is cut. Pure but for the look-up of user names.
 *
 * The names of sections are read here and not taken from inih: it cuts them after 49 characters and
 * at the first ], and the names of readers are longer and have brackets ("[CCID Interface]").
 */
#include "daemon/config.h"

#include <assert.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/link-usb.h"
#include "daemon/config/values.h"

#define DEFAULT_FILE "/etc/vitaled/vitaled.conf"
#define HOUR	     3600U
#define MINUTE	     60U
#define YEAR	     366U /* days: never less than a year */

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

/* -- readers ------------------------------------------------------------------------------------- */

/* How well @pattern covers @name: 0 not at all; more characters, better; exactly: best. */
static size_t covers(const char *pattern, const char *name)
{
	size_t len = strlen(pattern);

	if (strcmp(pattern, name) == 0) {
		return SIZE_MAX;
	}
	assert(len > 0); /* [reader ] is no reader's */
	if (pattern[len - 1] != '*') {
		return 0;
	}
	return strncmp(pattern, name, len - 1) == 0 ? len : 0;
}

const struct config_reader *config_reader(const struct config *c, const char *name)
{
	static const struct config_reader any = {
		.role = CONFIG_ROLE_ANY, .sharing = CARD_SHARE_EXCLUSIVE};
	const struct config_reader *best = &any;
	size_t score = 0;

	for (size_t i = 0; i < c->n_readers; i++) {
		size_t n = covers(c->readers[i].name, name);

		if (n > score) {
			best = &c->readers[i];
			score = n;
		}
	}
	return best;
}

/* -- keys ---------------------------------------------------------------------------------------- */

struct key {
	const char *section;
	const char *name;
	size_t offset; /* in struct config, config_pair, config_agent or config_reader */
	size_t size;
	bool (*take)(void *to, size_t size, const char *value);
	bool start; /* read at the start alone: a change waits for the next one */
};

#define KEY(of, section, name, member, take)                                                   \
	{                                                                                      \
		section, name, offsetof(struct of, member), sizeof(((struct of *)0)->member),  \
			take, false                                                            \
	}
#define START_KEY(section, name, member, take)                                                 \
	{                                                                                      \
		section, name, offsetof(struct config, member),                                \
			sizeof(((struct config *)0)->member), take, true                       \
	}

static const struct key keys[] = {
	START_KEY("paths", "state", state, config_take_path),
	START_KEY("paths", "anchors", anchors, config_take_path),
	START_KEY("paths", "children", children, config_take_path),
	START_KEY("paths", "data", data, config_take_path),
	START_KEY("paths", "wordings", consent_folder, config_take_path),
	START_KEY("paths", "pcsc-socket", pcsc_socket, config_take_path),
	START_KEY("paths", "usb-socket", usb_socket, config_take_path),
	START_KEY("record", "origin", origin, config_take_text),
	KEY(config, "record", "workstation", workstation, config_take_text),
	KEY(config, "record", "retention", retention, config_take_days),
	START_KEY("record", "syslog", syslog, config_take_path),
	START_KEY("record", "outbox", outbox, config_take_yes),
	KEY(config, "proof", "real", required[NATURE_REAL], config_take_proof),
	KEY(config, "proof", "test", required[NATURE_TEST], config_take_proof),
	KEY(config, "proof", "simulated", required[NATURE_SIMULATED], config_take_proof),
	KEY(config, "pin", "lifetime", pin_lifetime, config_take_seconds),
	KEY(config, "pin", "idle", pin_idle, config_take_seconds),
	START_KEY("cards", "professional-cache", professional_cache, config_take_yes),
	START_KEY("cards", "crl", crl, config_take_path),
	KEY(config, "consent", "language", consent_language, config_take_text),
	KEY(config, "emergency", "regulation-structures", regulation, config_take_text),
	KEY(config, "emergency", "per-hour", emergencies, config_take_count),
};

static const struct key reader_keys[] = {
	KEY(config_reader, "", "role", role, config_take_role),
	KEY(config_reader, "", "sharing", sharing, config_take_sharing),
};

static const struct key usb_keys[] = {
	KEY(config_usb, "", "driver", driver, config_take_driver),
};

static const struct key pair_keys[] = {
	KEY(config_pair, "", "patient-reader", patient_reader, config_take_text),
	KEY(config_pair, "", "professional-reader", professional_reader, config_take_text),
	KEY(config_pair, "", "self-service", self_service, config_take_yes),
};

static const struct key agent_keys[] = {
	KEY(config_agent, "", "capability", capability, config_take_capability),
	KEY(config_agent, "", "pair", pair, config_take_text),
	KEY(config_agent, "", "user", uid, config_take_user),
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

#define LINE_MAX_BYTES 200U /* inih's INI_MAX_LINE; it cuts longer ones without a word */

struct parse {
	struct config *config;
	FILE *file;
	unsigned int line;
	char section[LINE_MAX_BYTES];	    /* the one that we are in */
	bool keyed;			    /* it has had a key */
	char last[32];			    /* the last one */
	unsigned int section_line;	    /* where it began */
	char agents[CONFIG_AGENTS_MAX][32]; /* names of the sections, in the order of config */
	unsigned int agent_lines[CONFIG_AGENTS_MAX];
	unsigned int pair_lines[CONFIG_PAIRS_MAX];
	char bad[256];	       /* first thing that was not taken */
	unsigned int bad_line; /* of it, where inih does not tell; 0: none */
};

/* "pair counter 1": the name after @word, or NULL. */
static const char *named(const char *section, const char *word)
{
	size_t n = strlen(word);

	return strncmp(section, word, n) == 0 && section[n] == ' ' && section[n + 1] != '\0'
		       ? section + n + 1
		       : NULL;
}

static struct config_pair *pair_of(struct parse *parse, const char *name)
{
	struct config *c = parse->config;
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
	if (!config_take_text(p->name, sizeof(p->name), name)) {
		return NULL;
	}
	parse->pair_lines[c->n_pairs++] = parse->section_line;
	return p;
}

static struct config_reader *section_of_reader(struct config *c, const char *name)
{
	const char *star = strchr(name, '*');
	struct config_reader *r;

	for (size_t i = 0; i < c->n_readers; i++) {
		if (strcmp(c->readers[i].name, name) == 0) {
			return &c->readers[i];
		}
	}
	if (c->n_readers == CONFIG_READERS_MAX || (star && star[1] != '\0')) {
		return NULL;
	}
	r = &c->readers[c->n_readers];
	*r = (struct config_reader){.sharing = CARD_SHARE_EXCLUSIVE};
	if (!config_take_text(r->name, sizeof(r->name), name)) {
		return NULL;
	}
	c->n_readers++;
	return r;
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
		!config_take_text(parse->agents[c->n_agents], sizeof(parse->agents[0]), name)) {
		return NULL;
	}
	parse->agent_lines[c->n_agents] = parse->section_line;
	a = &c->agents[c->n_agents++];
	*a = (struct config_agent){.uid = (uid_t)-1};
	return a;
}

static bool take(struct parse *parse, const char *name, const char *value)
{
	const char *section = parse->section;
	const char *pair = named(section, "pair");
	const char *agent = named(section, "agent");
	const char *reader = named(section, "reader");
	const char *usb = named(section, "usb");
	void *base;

	if (pair) {
		base = pair_of(parse, pair);
		return base && take_key(pair_keys, ARRAY_LEN(pair_keys), "", name, value, base);
	}
	if (agent) {
		base = agent_of(parse, agent);
		return base &&
		       take_key(agent_keys, ARRAY_LEN(agent_keys), "", name, value, base);
	}
	if (reader) {
		base = section_of_reader(parse->config, reader);
		return base &&
		       take_key(reader_keys, ARRAY_LEN(reader_keys), "", name, value, base);
	}
	if (usb) {
		base = config_usb_section(parse->config, usb);
		return base && take_key(usb_keys, ARRAY_LEN(usb_keys), "", name, value, base);
	}
	return take_key(keys, ARRAY_LEN(keys), section, name, value, parse->config);
}

/* The first thing that is wrong. @line: 0 where inih tells it. */
static void bad(struct parse *parse, unsigned int line, const char *fmt, ...) _printf_(3, 4);

static void bad(struct parse *parse, unsigned int line, const char *fmt, ...)
{
	va_list args;

	if (parse->bad[0] == '\0') {
		va_start(args, fmt);
		(void)vsnprintf(parse->bad, sizeof(parse->bad), fmt, args);
		va_end(args);
		parse->bad_line = line;
	}
}

/* The one kind of value that others chose, who may have put a # into it. */
static bool is_reader_name(const char *key)
{
	return strcmp(key, "patient-reader") == 0 || strcmp(key, "professional-reader") == 0;
}

static int on_key(void *user, const char *section, const char *name, const char *value)
{
	struct parse *parse = user;

	(void)section; /* may be cut */
	/* also inih's way with a line that begins with a blank: it would go on with the value */
	if (parse->keyed && strcmp(parse->last, name) == 0) {
		bad(parse, 0, "[%.100s] %.100s has two values", parse->section, name);
		return 0;
	}
	(void)snprintf(parse->last, sizeof(parse->last), "%s", name);
	parse->keyed = true;
	if (config_has_remark(value, is_reader_name(name))) {
		bad(parse, 0, "[%.100s] %.100s: no # in a value, a remark follows \" ;\"",
			parse->section, name);
		return 0;
	}
	if (take(parse, name, value)) {
		return 1;
	}
	bad(parse, 0, "[%.100s] %.100s", parse->section, name);
	return 0;
}

/* -- lines --------------------------------------------------------------------------------------- */

/* A section without keys: those of ours may be all comments, those with a name say nothing. */
static void section_end(struct parse *parse)
{
	const char *s = parse->section;
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		known = known || strcmp(keys[i].section, s) == 0;
	}
	if (s[0] != '\0' && !parse->keyed && !known) {
		bad(parse, parse->line, "[%.150s] is not known or has no key", s);
	}
}

/* "[reader A [CCID] 00 00]  ; left": from the first bracket to the last one before a comment. */
static void section_begin(struct parse *parse, const char *at)
{
	size_t len = strcspn(at, "\r\n");
	const char *comment = strstr(at, " ;");

	if (comment && comment < at + len) {
		len = (size_t)(comment - at);
	}
	while (at[len - 1] == ' ' || at[len - 1] == '\t') { /* at[0] is the bracket */
		len--;
	}
	section_end(parse);
	parse->keyed = false;
	parse->section_line = parse->line;
	if (at[len - 1] != ']' || view_copy_str(view_of(at + 1, len - 2), parse->section,
					  sizeof(parse->section)) < 0) {
		parse->section[0] = '\0';
		bad(parse, parse->line, "not understood");
	}
}

/* inih's reader: as fgets(), and sees every line before inih does. */
static char *next_line(char *line, int size, void *stream)
{
	static const char bom[] = "\xEF\xBB\xBF";
	struct parse *parse = stream;
	const char *at = line;

	if (!fgets(line, size, parse->file)) {
		return NULL;
	}
	parse->line++;
	if (!strchr(line, '\n') && !feof(parse->file)) {
		bad(parse, parse->line, "[%.150s] has a line that is too long", parse->section);
		return NULL;
	}
	if (parse->line == 1 && strncmp(at, bom, strlen(bom)) == 0) {
		at += strlen(bom);
	}
	/* after a key a line that begins with a space goes on with its value */
	if (at[0] == '[' || (!parse->keyed && at[strspn(at, " \t")] == '[')) {
		section_begin(parse, at + strspn(at, " \t"));
	}
	return line;
}

/* -- what must fit together ---------------------------------------------------------------------- */

static bool pair_fits(struct parse *parse, size_t i)
{
	const struct config *c = parse->config;
	const struct config_pair *p = &c->pairs[i];
	const char *what = NULL;

	if (p->patient_reader[0] != '\0' &&
		strcmp(p->patient_reader, p->professional_reader) == 0) {
		what = "names one reader twice";
	} else if (config_reader(c, p->patient_reader)->role == CONFIG_ROLE_PROFESSIONAL) {
		what = "has a patient-reader that is for professionals";
	} else if (config_reader(c, p->professional_reader)->role == CONFIG_ROLE_PATIENT) {
		what = "has a professional-reader that is for patients";
	}
	if (what) {
		bad(parse, parse->pair_lines[i], "[pair %.40s] %s", p->name, what);
	}
	return !what;
}

static bool agent_fits(struct parse *parse, size_t i)
{
	const struct config_agent *a = &parse->config->agents[i];
	const char *what = NULL;

	if (a->capability[0] == '\0' || a->uid == (uid_t)-1) {
		what = "needs capability and user";
	} else if (a->pair[0] == '\0' && strcmp(a->capability, "patient-display") == 0) {
		what = "needs the pair that the display stands at";
	} else if (a->pair[0] != '\0' && !config_has_pair(parse->config, a->pair)) {
		what = "names a pair that there is not";
	}
	if (what) {
		bad(parse, parse->agent_lines[i], "[agent %s] %s", parse->agents[i], what);
	}
	return !what;
}

/* What every agent must have, and no pair may say. */
static bool complete(struct parse *parse)
{
	bool fits = true;

	for (size_t i = 0; fits && i < parse->config->n_pairs; i++) {
		fits = pair_fits(parse, i);
	}
	for (size_t i = 0; fits && i < parse->config->n_agents; i++) {
		fits = agent_fits(parse, i);
	}
	return fits;
}

/* -- the whole ----------------------------------------------------------------------------------- */

static void defaults(struct config *c)
{
	static const struct config start = {
		.state = "/var/lib/vitaled",
		.anchors = "/etc/vitaled/anchors",
		.children = VITALED_LIBEXECDIR,
		.data = VITALED_DATADIR,
		.usb_socket = LINK_USB_SOCKET,
		.origin = "vitaled.local/record",
		.retention = 3 * YEAR, /* EHDS (EU 2025/327) art. 9: at least three years */
		.required =
			{
				[NATURE_UNKNOWN] = PROOF_LOCKED,
				[NATURE_REAL] = PROOF_LOCKED,
				[NATURE_TEST] = PROOF_MUTUAL,
				[NATURE_SIMULATED] = PROOF_MUTUAL,
			},
		.pin_lifetime = 4 * HOUR,
		.pin_idle = 30 * MINUTE,
		.professional_cache = true,
		.outbox = true,
		.crl = "/etc/vitaled/crl",
		.consent_language = "fr",
		.emergencies = 5,
	};

	*c = start;
}

static int where(const char *path, unsigned int line, const char *what, char **ret_where)
{
	char *text = NULL;

	if (asprintf(&text, "%s:%u: %s", path, line, what[0] ? what : "not understood") < 0) {
		return fault(-ENOMEM);
	}
	*ret_where = text;
	return CONFIG_INVALID;
}

/* Parse the file into @parse. Return: 0, a fault, CONFIG_INVALID. */
static int parse_file(struct parse *parse, const char *name, char **ret_where)
{
	int line = parse->file ? ini_parse_stream(next_line, parse, on_key, parse) : 0;

	if (line < 0 || (parse->file && ferror(parse->file))) {
		return fault(-EIO);
	}
	section_end(parse);
	if (parse->bad_line > 0) {
		return where(name, parse->bad_line, parse->bad, ret_where);
	}
	if (line > 0) {
		return where(name, (unsigned int)line, parse->bad, ret_where);
	}
	return complete(parse) ? 0 : where(name, parse->bad_line, parse->bad, ret_where);
}

static void parse_put(struct parse **p)
{
	if (*p) {
		if ((*p)->file) {
			(void)fclose((*p)->file);
		}
		free((*p)->config);
		free(*p);
	}
	*p = NULL;
}

int config_load(const char *path, struct config *ret, char **ret_where)
{
	_cleanup_(parse_put) struct parse *parse = calloc(1, sizeof(*parse));
	const char *name = path ? path : DEFAULT_FILE;
	int r;

	if (parse) {
		parse->config = malloc(sizeof(*parse->config));
	}
	if (!parse || !parse->config) {
		return fault(-ENOMEM);
	}
	defaults(parse->config);
	parse->file = fopen(name, "re");
	if (!parse->file && (path || errno != ENOENT)) {
		return fault(-errno);
	}
	r = parse_file(parse, name, ret_where);
	if (r == 0) {
		*ret = *parse->config;
	}
	return trace(r);
}

/* -- a new one in a running service ---------------------------------------------------------------- */

/* Texts are compared as such: what stands behind their end is not of the file. */
static bool differs(const struct key *k, const struct config *a, const struct config *b)
{
	const char *one = (const char *)a + k->offset;
	const char *other = (const char *)b + k->offset;

	if (k->take == config_take_text || k->take == config_take_path) {
		return strcmp(one, other) != 0;
	}
	return memcmp(one, other, k->size) != 0;
}

bool config_other_origin(const struct config *a, const struct config *b)
{
	return strcmp(a->origin, b->origin) != 0 && strcmp(a->state, b->state) == 0;
}

void config_adopt(struct config *to, const struct config *from, struct buf *ret_restart)
{
	bool other = config_other_origin(to, from);

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct key *k = &keys[i];

		if (!k->start) {
			bytes_copy((uint8_t *)to + k->offset, k->size,
				(const uint8_t *)from + k->offset, k->size);
		} else if (differs(k, to, from) &&
			   !(k->offset == offsetof(struct config, origin) && other)) {
			buf_printf(ret_restart, "%s[%s] %s", ret_restart->len > 0 ? ", " : "",
				k->section, k->name);
		}
	}
	bytes_copy(to->readers, sizeof(to->readers), from->readers, sizeof(from->readers));
	to->n_readers = from->n_readers;
	bytes_copy(to->pairs, sizeof(to->pairs), from->pairs, sizeof(from->pairs));
	to->n_pairs = from->n_pairs;
	bytes_copy(to->agents, sizeof(to->agents), from->agents, sizeof(from->agents));
	to->n_agents = from->n_agents;
	bytes_copy(to->usb, sizeof(to->usb), from->usb, sizeof(from->usb));
	to->n_usb = from->n_usb;
}
