/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Descriptors that cross the bus: what kind they are, and how ours are made. */
#include "base/json.h"

bool fd_is_pipe_reader(int fd); /* a pipe or FIFO, open for reading only */
/** fd_is_sealed_memfd() - sealed against SHRINK, GROW and WRITE, at most @max bytes. */
bool fd_is_sealed_memfd(int fd, size_t max);
void fd_close(int *fd); /* for _cleanup_: closes and sets -1; takes -1 */

#define _cleanup_fd_ _cleanup_(fd_close)

/** fd_scratch() - a file without a name in @folder: @ret_write to fill, @ret_read the same file,
 *  open for reading only. Both CLOEXEC, the caller owns them. */
int fd_scratch(const char *folder, int *ret_write, int *ret_read) _must_check_;
