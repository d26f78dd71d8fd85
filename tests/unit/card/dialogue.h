/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* A broker's side for tests: requests are sent to the real serve_run() over a socket pair, the card
 * is a dialogue of tests/data/dialogues. */
#include "base/link-ops.h"
#include "base/link.h"
#include "base/tlv.h"
#include "drivers/card/serve.h"

#define SCENE_STEPS 24U

/** struct step - one request and what must come of it. */
struct step {
	uint8_t op;
	uint8_t outcome;
	const char *request; /* hex of the body, or NULL */
	const char *pin; /* what stands in the pipe, "1234+5678": in two; NULL: no descriptor */
	const char *answer; /* hex that the body must begin with, or NULL */
	void (*check)(struct view body);
};

struct scene {
	const char *dialogue; /* file name without .txt */
	int closed;	      /* script_closed(): 1 left, 2 reset */
	struct step steps[SCENE_STEPS];
};

#define OPEN_EXCLUSIVE "C00141C50101"
#define OPEN_SHARED    "C00141C50100"

#define CAR_NAME "DD104652564453494D524F4F543030303031"
#define CHR_NAME "DE1046525031323334353637383030303031"
/* DATA of 24 and 40 bytes, SIGNATURE of 64 bytes: 00 01 02 ... */
#define DATA_24	 "DF2118000102030405060708090A0B0C0D0E0F1011121314151617"
#define DATA_40                                                                                \
	"DF2128000102030405060708090A0B0C0D0E0F10111213"                                       \
	"1415161718191A1B1C1D1E1F2021222324252627"
#define SIGNATURE                                                                              \
	"DF2240000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"               \
	"202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F"
/* a CVC of the shape of doc/stand-in.md, its values a pattern */
#define CVC_OBJECT                                                                             \
	"CB81E47F2181E07F4E8199030A11181F262D343B424950575E656C737A81888F969DA4AB"             \
	"B2B9C0C7CED5DCE3EAF1F8FF060D141B222930373E454C535A61686F767D848B9299A0A7"             \
	"AEB5BCC3CAD1D8DFE6EDF4FB020910171E252C333A41484F565D646B727980878E959CA3"             \
	"AAB1B8BFC6CDD4DBE2E9F0F7FE050C131A21282F363D444B525960676E757C838A91989F"             \
	"A6ADB4BBC2C9D0D7DEE5ECF3FA01080F161D242B5F3740000102030405060708090A0B0C"             \
	"0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F30"             \
	"3132333435363738393A3B3C3D3E3F"

/** load_dialogue() - the card of a file; fails the test when it cannot be read. */
struct transport *load_dialogue(const char *name);
/** play() - the whole scene; every line of the dialogue must be used. CARD_OP_ALIVE may come at any
 *  time. */
void play(const struct scene *scene);
/** play_text() - the same, the dialogue being @text
 *  @events:  "+" for each CARD_OP_ALIVE, "." for each answer; NULL: as they come */
void play_text(const struct scene *scene, const char *text, const char *events);
/** text_is() - whether the first object @tag at this level of @body holds @text. */
void text_is(struct view body, uint32_t tag, const char *text);
/** play_broken() - the scene once for every command of its dialogue, which is answered by @word
 *  ("! gone"); the request that meets it must end as @outcome, all later ones too when @sticky. */
void play_broken(const struct scene *scene, const char *word, uint8_t outcome, bool sticky);
