/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Simulated cards made once, before the first input, in files of memory (files.h): one of each kind.
 * Their folder is SCENE_DIR; files_reset() gives them back the codes and tries they began with.
 */
#include "drivers/sim/state.h"
#include "tests/fuzz/files.h"

#define SCENE_DIR   "sim"
#define SCENE_CARDS 13U

extern const char *const scene_names[SCENE_CARDS];

/** scene_ready() - called once when the cards are there; a target may have one. */
void scene_ready(void);
