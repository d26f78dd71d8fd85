/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The configuration, read (inih) from /etc/vitaled/vitaled.conf or --config FILE at the start, and anew
 * when it is asked for (SIGHUP). Rooms keep a pointer to the one that is in force, whose values may
 * change between two turns of the loop. Every key is explained in systemd/vitaled.conf, which is the
 * default configuration, commented.
 */
#include <string.h>
#include <sys/types.h>

#include "base/link-ops.h"
#include "daemon/config/usb.h"
#include "daemon/trust/trust.h"

#define CONFIG_PAIRS_MAX   8U
#define CONFIG_READERS_MAX 16U
#define CONFIG_AGENTS_MAX  16U

/* the least proof that unlocks, per nature */
enum proof {
	PROOF_NONE = 0,
	PROOF_READ,
	PROOF_ACTIVE,
	PROOF_MUTUAL,
	PROOF_LOCKED, /* configuration only: nothing unlocks */
};

const char *proof_word(enum proof p);

/* what may be put into a reader ([reader NAME] role = ...) */
enum config_role {
	CONFIG_ROLE_ANY = 0,
	CONFIG_ROLE_PATIENT,
	CONFIG_ROLE_PROFESSIONAL,
};

/* [reader NAME]: one slot, by its PC/SC name; a name that ends in * covers all that begin so */
struct config_reader {
	char name[128];
	enum config_role role;
	enum card_share sharing; /* default: exclusive */
};

struct config_pair {
	char name[32];
	char patient_reader[128];      /* PC/SC name; empty: any */
	char professional_reader[128]; /* PC/SC name; empty: any */
	bool self_service;	       /* mode patient alone: nobody of the house is there */
};

/* who may hold an agent capability; without a row any user that polkit allows, and no patient-display */
struct config_agent {
	char capability[20]; /* pin, professional, patient-display */
	char pair[32];	     /* serves this pair alone; empty: all (not for patient-display) */
	uid_t uid;
};

struct config {
	char state[256];    /* /var/lib/vitaled */
	char anchors[256];  /* /etc/vitaled/anchors */
	char children[256]; /* folder of vitaled-watch, -card, -dossier */
	char pcsc_socket
		[256]; /* PCSCLITE_CSOCK_NAME for the children; empty: libpcsclite's default */
	char usb_socket[108]; /* of vitaled-usb; /run/vitaled-usb/socket; empty: none (tests) */
	char origin[128];     /* name of the record */
	char workstation[64];
	char syslog[108];   /* socket that entries are handed on to; empty: none */
	bool outbox;	    /* messages for the site's patients are kept: default yes */
	uint32_t retention; /* days that entries keep their content; 0: for ever */
	enum proof required[NATURE_COUNT];
	uint32_t pin_lifetime;	 /* s; 0: a PIN for every patient */
	uint32_t pin_idle;	 /* s */
	bool professional_cache; /* keep a professional's public files: default yes */
	char crl[256];		 /* folder of revocation lists; /etc/vitaled/crl */
	struct config_reader readers[CONFIG_READERS_MAX];
	size_t n_readers;
	struct config_pair pairs[CONFIG_PAIRS_MAX];
	size_t n_pairs;
	struct config_agent agents[CONFIG_AGENTS_MAX];
	size_t n_agents;
	struct config_usb usb[CONFIG_USB_MAX];
	size_t n_usb;
	char data[256];		  /* installed data: rights/, wordings/ */
	char consent_folder[256]; /* wordings of consent; empty: <data>/wordings */
	char consent_language[8]; /* of the wording that patients are shown: fr */
	char regulation
		[192]; /* structures that may open centre_15, blanks between; empty: none */
	uint32_t emergencies; /* bris_de_glace an hour and card, at most */
};

/** config_required() - the least proof that unlocks for a patient's card of @nature. A real Vitale
 *  shows no certificate of ours, so its nature is unknown; it pairs with real cards only and
 *  follows the line `real`. */
static inline enum proof config_required(const struct config *c, enum nature nature)
{
	return c->required[nature == NATURE_UNKNOWN ? NATURE_REAL : nature];
}

/** config_has_pair() - whether sessions may have the pair @name: a configured one; "default" without any. */
static inline bool config_has_pair(const struct config *c, const char *name)
{
	bool has = c->n_pairs == 0 && strcmp(name, "default") == 0;

	for (size_t i = 0; i < c->n_pairs; i++) {
		has = has || strcmp(c->pairs[i].name, name) == 0;
	}
	return has;
}

/** config_self_service() - whether the pair @name is a kiosk's. */
static inline bool config_self_service(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_pairs; i++) {
		if (strcmp(c->pairs[i].name, name) == 0) {
			return c->pairs[i].self_service;
		}
	}
	return false;
}

/** config_reader() - the section for a reader's PC/SC name; one with the defaults when there is none. */
const struct config_reader *config_reader(const struct config *c, const char *name);

enum config_outcome {
	CONFIG_INVALID =
		1, /* unknown section or key, or a value that does not parse: @ret_where */
};

/** config_load() - defaults, then @path (NULL: the default file when it exists).
 *  @ret_where: malloc'ed "file:line: key" on CONFIG_INVALID. */
int config_load(const char *path, struct config *ret, char **ret_where) _must_check_;
/** config_other_origin() - the same state folder with another origin: its record would not open. */
bool config_other_origin(const struct config *a, const struct config *b);
/** config_adopt() - take over from @from, which was just loaded, what may change in a running service:
 *  everything but paths, the record's name, the cache and the folder of revocation lists.
 *  @ret_restart: "[paths] state, ..." of those that differ and wait for a restart is appended; but not
 *  the origin where config_other_origin(). */
void config_adopt(struct config *to, const struct config *from, struct buf *ret_restart);
