/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The words of a receipt's page, in English and French. Data only. */
#include <stdbool.h>

enum page_word {
	PAGE_TITLE = 0,
	PAGE_SUBTITLE,
	PAGE_RECEIPT,
	PAGE_DATE,
	PAGE_CLOCK_LOOSE,
	PAGE_DECISION,
	PAGE_FORM,
	PAGE_HELPED_BY,
	PAGE_REPRESENTED_BY,
	PAGE_ACTS,
	PAGE_TEXT,
	PAGE_MODE,
	PAGE_REASON,
	PAGE_WHO,
	PAGE_PATIENT,
	PAGE_NO_NAME,
	PAGE_CARD,
	PAGE_CARD_ENDS,
	PAGE_CARD_ABSENT,
	PAGE_PROFESSIONAL,
	PAGE_NOBODY_ELSE,
	PAGE_PROFESSION,
	PAGE_STRUCTURE,
	PAGE_APPLICATION,
	PAGE_WORKSTATION,
	PAGE_DONE,
	PAGE_DONE_NOTHING,
	PAGE_OMITTED,
	PAGE_PROOFS,
	PAGE_SIGNED_BY,
	PAGE_BY_PROFESSIONAL,
	PAGE_BY_PATIENT,
	PAGE_BY_NO_PATIENT,
	PAGE_RECORD,
	PAGE_ENTRY,
	PAGE_ENTRY_OF,
	PAGE_ROOT,
	PAGE_CHECK,
	PAGE_CHECK_ALONE,
	PAGE_PAPER,
	PAGE_CODE,
	PAGE_WORDS
};

/** page_word() - static. */
const char *page_word(enum page_word w, bool french);
/** page_term() - what @word (an act, form, decision, event, mode, proof, nature, age or quality, as the
 *  statement and the record have it) is for people; @word itself when it is not known. */
const char *page_term(const char *word, bool french);
/** page_act() - the same of an act: code is a form too, and another thing then. */
const char *page_act(const char *word, bool french);
