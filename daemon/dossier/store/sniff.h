/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Whether a content begins as its media type says. */
#include "base/buf.h"

#define SNIFF_HEAD 1024U /* bytes of a content that are looked at */

/** sniff_agrees() - @head: the first bytes of a content, at least SNIFF_HEAD or all there are.
 *  Return: false when the type is one that is known here and the content is none of it. */
bool sniff_agrees(const char *mime, struct view head);
