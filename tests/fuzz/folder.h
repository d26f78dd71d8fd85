/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The inputs of a folder, for the programs that play a corpus without libFuzzer. */
#include "base/buf.h"

/** folder_each() - @run of every file of the folder at @path; ends the program where one cannot be
 *  read. Return: how many. */
unsigned folder_each(const char *path, void (*run)(struct view in));
