/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The core of the simulated card: life, reset, class byte, chaining and dispatch by the table of
 * the card's kind. Owns the state it was given, its files and what was imported into it.
 */
#include <errno.h>
#include <stdlib.h>

#include "drivers/sim/os-card.h"

enum {
	CLA_CHAINING = 0x10,
	CLA_SECURE_MESSAGING = 0x0C,
	CLA_CHANNEL = 0x03,
	CLA_VOLET = 0xA0,
};

static const struct os_kind *kind_of(const struct profile *p)
{
	switch (p->kind) {
	case PROFILE_KIND_VITALE:
		return &os_kind_vitale;
	case PROFILE_KIND_CPS3:
		return p->contactless ? &os_kind_cps3_contactless : &os_kind_cps3;
	case PROFILE_KIND_CPS4:
		return &os_kind_cps4;
	case PROFILE_KIND_CPS2TER:
		return &os_kind_volet;
	case PROFILE_KIND_VITALE_1:
	case PROFILE_KIND_OTHER:
		break;
	}
	return &os_kind_plain;
}

int card_new(struct state *state, struct card **ret_card)
{
	struct card *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		state_free(state);
		return fault(-ENOMEM);
	}
	c->state = state;
	c->kind = kind_of(state->profile);
	c->rights.chain = BUF_NULL(OS_CHAIN_MAX);
	c->volet.root = OS_NO_FILE;
	profile_serial(state->profile, c->serial);
	r = c->kind->build(c);
	if (r) {
		card_free(c);
		return trace(r);
	}
	card_reset(c);
	*ret_card = c;
	return 0;
}

struct card *card_free(struct card *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < c->n_files; i++)
		buf_done(&c->files[i].content);
	EVP_PKEY_free(c->rights.peer_key);
	buf_done(&c->rights.chain);
	state_free(c->state);
	free(c);
	return NULL;
}

void card_drop_environment(struct card *c)
{
	struct os_rights *r = &c->rights;

	r->root_named = false;
	r->peer_named = false;
	r->auth_key = NULL;
	r->sign_key = NULL;
	r->decipher_key = NULL;
	r->hash_template = false;
	r->hashed = false;
}

void card_drop_role(struct card *c)
{
	struct os_rights *r = &c->rights;

	card_drop_environment(c);
	r->role = false;
	r->role_value = 0;
	r->challenged = false;
	EVP_PKEY_free(r->peer_key);
	r->peer_key = NULL;
}

void card_drop_rights(struct card *c)
{
	struct os_rights *r = &c->rights;

	card_drop_role(c);
	r->pin = false;
	r->puk = false;
}

void card_reset(struct card *c)
{
	card_drop_rights(c);
	c->rights.df = 0;
	c->rights.ef = OS_NO_FILE;
	c->rights.application = false;
	c->rights.chain_ins = 0;
	buf_reset(&c->rights.chain);
	c->volet.selected = false;
	os_volet_reset(c);
}

static const struct os_instruction *find_instruction(const struct card *c, uint8_t ins)
{
	for (size_t i = 0; i < c->kind->n_instructions; i++)
		if (c->kind->instructions[i].ins == ins)
			return &c->kind->instructions[i];
	return NULL;
}

bool card_takes_data(const struct card *c, const struct command *cmd)
{
	const struct os_instruction *i = find_instruction(c, cmd->ins);

	/* PSO COMPUTE DIGITAL SIGNATURE after PSO HASH is the one that goes both ways */
	return i && i->data && !(cmd->ins == 0x2A && cmd->p1 == 0x9E);
}

/* 0 when the class byte is ours, else the status word. */
static uint16_t check_class(const struct card *c, uint8_t cla)
{
	if (cla & 0xE0)
		return OS_SW_CLA;
	if (cla & CLA_SECURE_MESSAGING)
		return OS_SW_SECURE_MESSAGING;
	if ((cla & CLA_CHANNEL) != c->kind->cla)
		return OS_SW_CHANNEL;
	return 0;
}

bool card_is_isd(struct view name)
{
	static const uint8_t isd[] = {0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00};

	return view_equal(name, VIEW(isd));
}

/* Channel 0 of a card that lives on channel 1: the card manager (GlobalPlatform) and the applet of
 * the older application, by name; nothing else. */
static uint16_t card_manager(struct card *c, const struct command *cmd)
{
	static const uint8_t volet[] = {0x80, 0x25, 0x00, 0x00, 0x01, 0xFF, 0x00, 0x02};
	bool found = view_equal(cmd->data, VIEW(volet)) && c->volet.root != OS_NO_FILE;

	if (cmd->ins != 0xA4)
		return OS_SW_INS;
	if (cmd->p1 != 4 || (!found && !card_is_isd(cmd->data)))
		return OS_SW_NO_FILE;
	c->volet.selected = found;
	os_volet_reset(c);
	return OS_SW_OK;
}

/* ISO/IEC 7816-4 §5.3.3: parts with CLA bit 10 are kept until the last part comes without it. */
static uint16_t run_chained(struct card *c, const struct os_instruction *i,
	const struct command *cmd, struct buf *out)
{
	struct os_rights *r = &c->rights;
	struct command whole = *cmd;
	uint16_t sw;

	if (r->chain_ins != cmd->ins)
		buf_reset(&r->chain);
	buf_put_view(&r->chain, cmd->data);
	r->chain_ins = cmd->ins;
	if (buf_check(&r->chain)) {
		r->chain_ins = 0;
		buf_reset(&r->chain);
		return OS_SW_LENGTH;
	}
	if (cmd->cla & CLA_CHAINING)
		return OS_SW_OK;
	whole.data = buf_view(&r->chain);
	sw = i->run(c, &whole, out);
	r->chain_ins = 0;
	buf_reset(&r->chain);
	return sw;
}

static uint16_t dispatch(struct card *c, const struct command *cmd, struct buf *out)
{
	const struct os_instruction *i;
	uint16_t sw;

	if (cmd->cla == CLA_VOLET && c->volet.root != OS_NO_FILE)
		return os_volet_process(c, cmd, out);
	if (c->kind->channelled && cmd->cla == 0)
		return card_manager(c, cmd);
	sw = check_class(c, cmd->cla);
	if (sw)
		return sw;
	i = find_instruction(c, cmd->ins);
	if (!i)
		return OS_SW_INS;
	if (c->kind->channelled && !c->rights.application && cmd->ins != 0xA4)
		return OS_SW_CONDITIONS;
	if ((cmd->cla & CLA_CHAINING) && !i->chain)
		return OS_SW_CHAINING;
	if (i->chain && ((cmd->cla & CLA_CHAINING) || c->rights.chain_ins == cmd->ins))
		return run_chained(c, i, cmd, out);
	c->rights.chain_ins = 0;
	return i->run(c, cmd, out);
}

uint16_t card_process(struct card *c, const struct command *cmd, struct buf *out)
{
	uint16_t sw;

	buf_reset(out);
	sw = dispatch(c, cmd, out);
	if (buf_check(out))
		sw = OS_SW_BROKEN;
	if (sw != OS_SW_OK)
		buf_reset(out);
	return sw;
}
