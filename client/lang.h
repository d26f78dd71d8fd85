/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The person's language: gettext catalogues of the domain "vitaled". Messages are English in the
 * source; po/ holds the others. VITALED_LOCALEDIR in the environment names another folder of
 * catalogues (a build tree).
 */
#include <libintl.h>
#include <stdbool.h>

#include "base/fault.h"

#define _(text)	 gettext(text)
#define N_(text) text

/**
 * lang_setup() - take the locale of the environment; call once, before anything is printed
 *
 * When the system does not have the locale's files (small installations), the messages still come
 * in its language: C.UTF-8 stands in for everything else that a locale does.
 */
void lang_setup(void);

/** lang_yes() - whether @answer means yes in any language we speak (o, oui, y, yes). */
bool lang_yes(const char *answer);
/** lang_no() - likewise no (n, non, no). */
bool lang_no(const char *answer);
