/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Profiles and state files. Head: what it is | which card. An even first byte: the text is a profile,
 * which is personalised (its bits 1-2: the authority of profiles that name none). An odd one: the
 * text is JSON that is merged into the state file of a card of the scene; null takes a member out;
 * what is no JSON is the state file itself. A state that loads must make a card.
 */
#include <assert.h>
#include <string.h>

#include "base/json.h"
#include "drivers/sim/os-card.h"
#include "drivers/sim/personalise.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/sim-scene.h"

#define MERGED_MAX 65536U

static void load(const char *name)
{
	struct state *state = NULL;
	struct card *card = NULL;
	int r = state_load(SCENE_DIR, name, &state);

	assert(r <= STATE_INVALID);
	if (r != 0 || card_new(state, &card) != 0) {
		return;
	}
	assert(card->n_files <= OS_FILES_MAX);
	(void)!state_save(card->state);
	card_free(card);
}

static void personalise(uint8_t how, struct view text)
{
	static const char *const natures[] = {"simulated", "test", "stranger", "real"};
	struct personalise_job job = {.dir = SCENE_DIR,
		.nature = natures[how >> 1 & 3],
		.profiles = how & 8 ? "nowhere" : "profiles"};
	_cleanup_(buf_done) struct buf why = BUF_NULL(1024);
	int r;

	files_put("profiles/p.json", text, false);
	r = personalise_card(&job, how & 16 ? "profiles/p.json" : "p", &why);
	assert(r <= PERSONALISE_AUTHORITY);
	if (r == 0) {
		load("p");
	}
}

/* Members of @from into @to, also of objects inside; null: away. */
static void merge(json_t *to, const json_t *from, bool inside)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)from, name, value)
	{
		json_t *old = json_object_get(to, name);

		if (json_is_null(value)) {
			json_object_del(to, name);
		} else if (!inside && json_is_object(value) && json_is_object(old)) {
			merge(old, value, true);
		} else {
			json_object_set(to, name, value);
		}
	}
}

static void change_state(const char *name, struct view text)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(128);
	_cleanup_(buf_done) struct buf whole = BUF_NULL(MERGED_MAX);
	_cleanup_json_ json_t *state = NULL;
	_cleanup_json_ json_t *change = NULL;

	buf_printf(&path, SCENE_DIR "/cards/%s.json%c", name, 0);
	if (buf_check(&path) != 0) {
		return;
	}
	if (json_parse(text, &change) != 0) {
		files_put((const char *)path.data, text, false);
	} else if (files_get((const char *)path.data, &whole) && buf_check(&whole) == 0 &&
		   json_parse(buf_view(&whole), &state) == 0) {
		merge(state, change, false);
		buf_reset(&whole);
		if (json_pretty(state, &whole) != 0) {
			return;
		}
		files_put((const char *)path.data, buf_view(&whole), false);
	}
	load(name);
}

void target_run(struct view in)
{
	struct reader r = reader_of(in);
	uint8_t how = reader_u8(&r);
	uint8_t which = reader_u8(&r);

	if (how & 1) {
		change_state(scene_names[which % SCENE_CARDS], reader_rest(&r));
	} else {
		personalise(how, reader_rest(&r));
	}
	files_reset();
}
