/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * A file system in memory for programs that write files (linked with --wrap, see meson.build): no
 * input can reach a file of this machine. Every call may fail (fail.h). Folders are always there.
 */
#include <stdio.h>

#include "base/buf.h"

/** files_put() - a file with @content; @keep: files_reset() restores it. */
void files_put(const char *path, struct view content, bool keep);
/** files_load() - a file of this machine becomes @path, kept. */
void files_load(const char *path, const char *from);
/** files_get() - the content appended to @out, which may fail. Return: whether there is such a
 *  file. */
bool files_get(const char *path, struct buf *out);
/** files_keep() - what is there now is what files_reset() restores. */
void files_keep(void);
/** files_reset() - forget all that the run wrote. */
void files_reset(void);
/** files_nowhere() - a stream that swallows what is printed; for good. */
FILE *files_nowhere(void);
