/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Changes of BER-TLV for mutators: an object somewhere in the depth is taken out, doubled, replaced
 * by one that makes sense or changed, and the lengths of all objects around it are made right again,
 * so that a parser meets the change where it is.
 */
#include "base/buf.h"

#define MUTATE_ANSWER 600U /* bytes that are changed as bytes, at most */

void mutate_seed(unsigned seed);
size_t mutate_pick(size_t n); /* below @n; 0 for 0 */
/** mutate_put_object() - one that cards have, or nearly. */
void mutate_put_object(struct buf *out);
/** mutate_put_bytes() - @v as libFuzzer changes it. */
void mutate_put_bytes(struct view v, struct buf *out);
/** mutate_objects() - @in with one change, into the empty @out. */
void mutate_objects(struct view in, struct buf *out);
