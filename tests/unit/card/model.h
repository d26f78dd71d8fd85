/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* A card for tests of the drivers: files, codes and the stand-in's commands over T=0 or T=1, with
 * every command on the line recorded. It checks no certificate and makes no signature. */
#include "base/buf.h"
#include "drivers/card/card.h"

#define MODEL_FILES 48U
#define MODEL_LINES 400U
#define MODEL_RULES 8U

#define MODEL_ROOT 0x3F00U
#define MODEL_APP  0x0001U

enum model_access {
	MODEL_FREE = 0,
	MODEL_PIN,
	MODEL_ROLE,
	MODEL_NEVER,
};

struct model_file {
	uint16_t df;
	uint16_t fid;
	uint8_t sfi;
	enum model_access access;
	struct buf content;
};

/** struct model_rule - commands that begin with @command (hex) are answered @answer (hex of data and
 *  status word), or end as a transport_outcome: "gone", "mute", "fault". */
struct model_rule {
	const char *command;
	const char *answer;
	unsigned skip;	/* so many of them first pass */
	unsigned times; /* 0: for ever */
};

/** struct model_line - one command on the line. */
struct model_line {
	uint8_t command[32];
	size_t len;
	size_t out; /* bytes of answer data */
	uint16_t sw;
	bool keypad;
};

struct model {
	struct transport base;
	uint8_t cla;
	const char *names[4]; /* hex of the DF names: application, root, any other */
	uint16_t dfs[4];
	const char *pin;
	const char *puk;
	char pin_now[9];
	uint8_t tries;
	uint8_t puk_tries;
	uint16_t puk_uses;
	bool objects;	   /* counters by GET DATA */
	bool no_empty;	   /* VERIFY without data: 6700 */
	bool forgets_sets; /* MSE serve one command */
	bool old_volet;	   /* knows only CLA A0 */
	size_t block;	   /* most bytes of one answer */
	struct model_file files[MODEL_FILES];
	size_t n_files;
	struct model_rule rules[MODEL_RULES];
	unsigned met[MODEL_RULES];
	size_t fail_at; /* the command of this index (from 1) is answered by @failure */
	const char *failure;
	const char *keys; /* digits typed on the keypad, or NULL: cancelled */
	/* state */
	uint16_t df;
	struct model_file *ef;
	bool verified, puk_verified, role;
	uint8_t sets[4];
	size_t n_sets;
	bool hashed;
	struct buf pending;
	/* record */
	struct model_line lines[MODEL_LINES];
	size_t n_lines;
};

struct model_request {
	uint8_t cla, ins, p1, p2;
	struct view data;
	size_t le; /* 0: none */
};

/** model_process() - one command; answer data in @out. Return: the status word. */
uint16_t model_process(struct model *m, const struct model_request *q, struct buf *out);

/** model_vitale() - the family of four of the shipped profile: 250 and 96 bytes of people. */
void model_vitale(struct model *m);
void model_cps3(struct model *m); /* two activities (1, 3), PKCS#15 directory */
void model_cps4(struct model *m);
void model_done(struct model *m);
void model_forget_lines(struct model *m);
/** model_reset() - of the contacts. */
void model_reset(struct model *m);

/** model_put() - @hex becomes the content of a file, which is made when there is none. */
void model_put(struct model *m, uint16_t df, uint16_t fid, uint8_t sfi,
	enum model_access access, const char *hex);
void model_remove(struct model *m, uint16_t df, uint16_t fid);
/** model_hide() - no short identifier any more. */
void model_hide(struct model *m, uint16_t df, uint16_t fid);
struct model_file *model_find(struct model *m, uint16_t df, uint16_t fid);
/** model_rule() - the last rule is asked first. */
void model_rule(struct model *m, const char *command, const char *answer);

/** model_card() - a card on it, recognised; fails the test when it is not. */
void model_card(struct model *m, struct card *c);
/** model_opened() - the same without recognition: only connected. */
void model_opened(struct model *m, struct card *c);
uint32_t model_characters(const struct model *m); /* of the recorded lines */
/** model_sent() - how many recorded commands begin with @hex. */
size_t model_sent(const struct model *m, const char *hex);
/** model_pipe() - a pipe that holds @text and its end; the caller closes it. */
int model_pipe(const char *text);
