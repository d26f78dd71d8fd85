/* SPDX-License-Identifier: EUPL-1.2 */
/* See sim-scene.h. */
#include "tests/fuzz/sim-scene.h"

#include <assert.h>

#include "base/json.h"
#include "drivers/sim/personalise.h"

const char *const scene_names[SCENE_CARDS] = {"vitale-family", "cps3-gp", "cps4-gp",
	"cps3-contactless", "each", "cps4-t0", "vitale-bare", "vitale-no-sfi", "cps3-sixteen",
	"vitale-1", "unknown", "cps3-actua", "cps2ter"};

/* A PIN for each signature, answers cut small, time for each signature. */
static const char each[] =
	"{\"kind\": \"cps3\", \"atr\": \"3BAC00402A001225006480530310009000\","
	" \"serial\": \"802500000199009191\", \"pin\": \"1234\", \"puk\": \"12345678\","
	" \"pin_each_signature\": true, \"max_answer\": 64, \"rsa_ms\": 300, \"ec_ms\": 20,"
	" \"revoked\": true, \"crl_days\": -1, \"professional\": {\"id\": \"889900000913\","
	" \"title\": \"Infirmier\", \"profession\": 60}, \"activities\": []}";

/* a target that has nothing to make */
__attribute__((weak)) void scene_ready(void)
{
}

__attribute__((constructor)) static void make_scene(void)
{
	_cleanup_(buf_done) struct buf why = BUF_NULL(1024);
	_cleanup_(buf_done) struct buf path = BUF_NULL(1024);
	struct personalise_job job = {
		.dir = SCENE_DIR, .nature = "simulated", .profiles = "profiles"};

	json_setup();
	for (size_t i = 0; i < SCENE_CARDS; i++) {
		const char *name = scene_names[i];
		size_t before;

		buf_reset(&path);
		buf_printf(&path, "profiles/%s.json%c", name, 0);
		before = path.len;
		buf_printf(&path, FUZZ_PROFILES "/%s.json%c", name, 0);
		assert(buf_check(&path) == 0);
		if (i == 4) {
			files_put((const char *)path.data, VIEW_TEXT(each), true);
		} else {
			files_load((const char *)path.data, (const char *)path.data + before);
		}
		assert(personalise_card(&job, name, &why) == 0);
	}
	files_keep();
	scene_ready();
}
