/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A file that is not good changes nothing, and neither does one whose taking the record does not take:
 * less proof than before must not be required without a trace. What only counts at a start is named,
 * and what would stop one.
 * systemd hears that we are reloading and that we are done, whatever came of it.
 */
#include "daemon/broker/reload.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hex.h"
#include "base/log.h"
#include "daemon/broker/notify.h"
#include "record/crypto.h"

#define RESTART_MAX 1024U

/* Who may hold an agent capability, row by row. */
static json_t *agent_rows(const struct config *c)
{
	json_t *rows = json_array();

	for (size_t i = 0; rows && i < c->n_agents; i++) {
		const struct config_agent *a = &c->agents[i];
		json_t *row = json_pack(
			"{s:s,s:I}", "capability", a->capability, "uid", (json_int_t)a->uid);

		if (row && *a->pair &&
			json_object_set_new(row, "pair", json_string(a->pair)) < 0) {
			json_decref(row);
			row = NULL;
		}
		if (json_array_append_new(rows, row) < 0) { /* NULL as well */
			json_decref(rows);
			rows = NULL;
		}
	}
	return rows;
}

/* Which structures may open centre_15: their list, as it stands in the file, by its hash. */
static json_t *structures(const struct config *c)
{
	struct view list = view_str(c->regulation);
	_cleanup_(buf_done) struct buf hex = BUF_NULL(2 * CRYPTO_SHA256);
	uint8_t hash[CRYPTO_SHA256];

	if (crypto_sha256(&list, 1, hash) < 0) {
		return NULL;
	}
	hex_encode(&hex, VIEW(hash));
	return buf_check(&hex) < 0 ? NULL : json_stringn((const char *)hex.data, hex.len);
}

/* What will be required, how long a PIN lives, what emergencies may, and who may answer for people:
 * what a reader of the record needs to know. */
static json_t *details(const struct config *c)
{
	return json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:o,s:o}", "real",
		proof_word(c->required[NATURE_REAL]), "test",
		proof_word(c->required[NATURE_TEST]), "simulated",
		proof_word(c->required[NATURE_SIMULATED]), "pin-lifetime",
		(json_int_t)c->pin_lifetime, "pin-idle", (json_int_t)c->pin_idle, "per-hour",
		(json_int_t)c->emergencies, "regulation-structures-sha256", structures(c),
		"agents", agent_rows(c));
}

static bool record(const struct reload_rooms *rooms, const struct config *c)
{
	_cleanup_json_ json_t *what = details(c);
	struct audit_entry entry = AUDIT_ENTRY_NULL;

	entry.event = AUDIT_EVENT_CONFIGURATION;
	entry.outcome = "ok";
	entry.details = what;
	return what && audit_append(rooms->audit, &entry, NULL) == 0;
}

static void take(const struct reload_rooms *rooms, const struct config *fresh)
{
	_cleanup_(buf_done) struct buf restart = BUF_NULL(RESTART_MAX);
	char *text;

	config_adopt(rooms->config, fresh, &restart);
	cards_configured(rooms->cards);
	sessions_configured(rooms->sessions);
	bus_configured(rooms->bus);
	text = restart.len > 0 ? buf_take_str(&restart) : NULL;
	log_msg(LOG_NOTICE, "configuration-read", "read anew%s%s",
		text ? "; waits for a restart: " : "", text ? text : "");
	free(text);
}

/* The record keeps the origin that it was made with. */
static void warn_origin(const struct reload_rooms *rooms, const struct config *fresh)
{
	if (config_other_origin(rooms->config, fresh)) {
		log_msg(LOG_WARNING, "origin-differs",
			"the record is %s, the configuration says %s: it would stop the next "
			"start",
			rooms->config->origin, fresh->origin);
	}
}

static void reject(const struct reload_rooms *rooms, const char *where)
{
	log_msg(LOG_ERR, "configuration", "%s: the old one is kept", where);
	bus_rejected(rooms->bus, where);
}

void reload(const struct reload_rooms *rooms)
{
	struct config *fresh = malloc(sizeof(*fresh)); /* some kilobytes: not on the stack */
	char *where = NULL;
	int r;

	notify_reloading();
	r = fresh ? config_load(rooms->path, fresh, &where) : fault(-ENOMEM);
	if (r != 0) {
		reject(rooms, where ? where : rooms->path ? rooms->path : "vitaled.conf");
	} else if (!record(rooms, fresh)) {
		reject(rooms, "the record does not take it");
	} else {
		take(rooms, fresh);
		warn_origin(rooms, fresh);
	}
	free(where);
	free(fresh);
	notify_ready();
}
