/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The inside of a simulated card: what the files of its operating system and the tables of its kinds
 * share. Others use os.h.
 */
#include "drivers/sim/os.h"

enum os_access {
	OS_ACCESS_FREE,
	OS_ACCESS_FIXED, /* read always, and never updated: another access rule to show */
	OS_ACCESS_PIN,
	OS_ACCESS_ROLE, /* while a professional's role is authenticated */
	OS_ACCESS_NEVER,
};

#define OS_NO_FILE (-1)

struct os_file {
	uint16_t fid;
	uint8_t sfi; /* 0: none */
	bool df;
	int parent; /* index, OS_NO_FILE for the MF */
	enum os_access access;
	uint8_t name[16]; /* of a DF */
	size_t name_len;
	struct buf content; /* of an EF */
};

enum os_key_use {
	OS_KEY_ROLE,	  /* P-256: INTERNAL AUTHENTICATE over 24 or 40 bytes */
	OS_KEY_CLIENT,	  /* RSA: INTERNAL AUTHENTICATE, decipher */
	OS_KEY_SIGNATURE, /* RSA: PSO COMPUTE DIGITAL SIGNATURE */
};

/** struct os_key - a private key in a DF; the state owns it. */
struct os_key {
	uint8_t reference;
	enum os_key_use use;
	int df; /* index of the DF that must be current */
	bool needs_pin;
	EVP_PKEY *key;
};

/** struct os_rights - everything that a reset clears. */
struct os_rights {
	int df, ef;	  /* current files */
	bool application; /* CPS4: the applet is selected on channel 1 */
	bool pin, puk;
	bool role;
	uint8_t role_value;
	bool challenged;
	uint8_t challenge[OS_CHALLENGE];
	bool root_named, peer_named;
	EVP_PKEY *peer_key; /* imported by PSO VERIFY CERTIFICATE; owned */
	uint8_t peer_name[CVC_NAME];
	uint8_t peer_role;
	const struct os_key *auth_key, *sign_key, *decipher_key;
	uint8_t auth_algorithm;
	bool hash_template; /* MSE HT with SHA-256 */
	bool hashed;
	uint8_t hash[CRYPTO_HASH];
	uint8_t chain_ins;
	struct buf chain;
};

/**
 * struct os_volet - the older application of a CPS (CPS2ter), reached by class A0. It has files, a
 * current file and an answer of its own; with the rest of the card it shares the code porteur only.
 */
struct os_volet {
	int root;      /* index of its MF, OS_NO_FILE: the card has none */
	bool selected; /* CPS4: its applet is the one of channel 0 */
	int df, ef;    /* current files */
	uint8_t answer[7];
	size_t answer_len; /* 0: nothing waits for GET RESPONSE */
};

typedef uint16_t (*os_command_fn)(struct card *c, const struct command *cmd, struct buf *out);

struct os_instruction {
	uint8_t ins;
	bool data;  /* T=0: a body must follow when P3 is not 0 */
	bool chain; /* may be chained */
	os_command_fn run;
};

/** struct os_kind - a kind of card: constant tables. */
struct os_kind {
	uint8_t cla; /* 00, or 01 for channel 1; chaining adds 10 */
	bool iasecc; /* SELECT answers FCP (62) by P2 as IAS-ECC cards do, not FCI (6F) */
	bool channelled; /* needs its application selected first; channel 0 holds the card manager */
	const struct os_instruction *instructions;
	size_t n_instructions;
	int (*build)(struct card *c);
};

struct card {
	const struct os_kind *kind;
	struct state *state;
	uint8_t serial[10];
	struct os_file files[OS_FILES_MAX];
	size_t n_files;
	struct os_key keys[4];
	size_t n_keys;
	struct os_rights rights;
	struct os_volet volet;
	uint64_t work_us; /* of on-card cryptography since it was last asked, --clock */
};

/* -- building, for the kinds ------------------------------------------------------------------- */
int card_add_df(
	struct card *c, int parent, uint16_t fid, struct view name, int *ret_df) _must_check_;
/** card_add_ef() - the content is copied. */
int card_add_ef(struct card *c, int parent, uint16_t fid, uint8_t sfi, enum os_access access,
	struct view content) _must_check_;
void card_add_key(struct card *c, uint8_t reference, enum os_key_use use, int df,
	bool needs_pin, EVP_PKEY *key);

/* -- what the rooms of the card share ------------------------------------------------------------ */
bool card_may_read(const struct card *c, const struct os_file *f);
/** card_find_fid() - child @fid of DF @df, or OS_NO_FILE. */
int card_find_fid(const struct card *c, int df, uint16_t fid);
const struct os_key *card_find_key(
	const struct card *c, uint8_t reference, enum os_key_use use);
void card_drop_rights(struct card *c); /* PIN, PUK, role and keys named; files stay current */
void card_drop_role(struct card *c);
/** card_drop_environment() - keys and names that MANAGE SECURITY ENVIRONMENT set; a challenge that
 *  is out stays, and so do PIN, PUK and role. */
void card_drop_environment(struct card *c);
bool card_is_isd(struct view name); /* the GlobalPlatform card manager's name */

/* -- instructions -- */
uint16_t os_select(struct card *c, const struct command *cmd, struct buf *out);
uint16_t os_read_binary(struct card *c, const struct command *cmd, struct buf *out);
uint16_t os_verify(struct card *c, const struct command *cmd, struct buf *out);
uint16_t os_change_reference_data(struct card *c, const struct command *cmd, struct buf *out);
uint16_t os_reset_retry_counter(struct card *c, const struct command *cmd, struct buf *out);
uint16_t os_get_challenge(struct card *c, const struct command *cmd, struct buf *out);
uint16_t os_manage_security(struct card *c, const struct command *cmd, struct buf *out);
uint16_t os_internal_authenticate(struct card *c, const struct command *cmd, struct buf *out);
uint16_t os_external_authenticate(struct card *c, const struct command *cmd, struct buf *out);
uint16_t os_perform_security(struct card *c, const struct command *cmd, struct buf *out);
uint16_t os_volet_process(
	struct card *c, const struct command *cmd, struct buf *out); /* class A0 */
void os_volet_reset(struct card *c); /* its MF becomes current, nothing waits */
uint16_t os_verify_certificate(struct card *c, const struct command *cmd);

extern const struct os_kind os_kind_vitale, os_kind_cps3, os_kind_cps3_contactless,
	os_kind_cps4, os_kind_volet, os_kind_plain;
