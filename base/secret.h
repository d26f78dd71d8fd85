/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Short secrets (PIN, keys) in memory that is locked, not dumped and wiped by its cleanup. Never
 * by value, never through stdio. No OpenSSL here: a child that only moves commands has none.
 */
#include "base/buf.h"

struct secret {
	uint8_t *
		data; /* one private mapping: mlock (where allowed), MADV_DONTDUMP, MADV_WIPEONFORK */
	size_t len;  /* bytes in use */
	size_t size; /* bytes usable */
};

#define SECRET_NULL ((struct secret){0})

/** secret_new() - @size bytes (1..4096), zeroed. Return: 0, or a fault. */
int secret_new(struct secret *ret_s, size_t size) _must_check_;
void secret_done(struct secret *s);	    /* wipes, unmaps; takes an empty one */
bool secret_locked(const struct secret *s); /* whether mlock was granted */
/** secret_equal() - constant time in @len; different lengths are unequal. */
bool secret_equal(struct view a, struct view b);

enum secret_read_outcome {
	SECRET_READ_LONG = 1, /* more than fits */
	SECRET_READ_LATE,     /* the deadline passed before end of file */
	SECRET_READ_EMPTY,    /* end of file before the first byte */
};

/**
 * secret_read_fd() - fill @s from a pipe until end of file, straight by read()
 * @deadline: CLOCK_MONOTONIC microseconds
 *
 * Uses poll, read, clock_gettime only. Return: 0, a fault, or an outcome; @s is wiped on all but 0.
 */
int secret_read_fd(struct secret *s, int fd, uint64_t deadline) _must_check_;
