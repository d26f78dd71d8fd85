/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The order in which documents are listed: newest day of the event first, among equals the one that
 * came last. Days are sealed, so the order is made in memory, once; afterwards only what has come
 * since is read. A document keeps its day as long as it is there, also when it was deleted.
 */
#include "daemon/dossier/store/document.h"

struct order_row {
	uint32_t day; /* YYYYMMDD */
	uint32_t seq;
};

struct order {
	struct order_row *rows; /* owned */
	size_t n;
	size_t cap;
	int64_t last; /* the seq up to which it is whole */
};

void order_done(struct order *o); /* empty and usable again */
/** order_update() - take in what has come. Return: 0, a fault or DOSSIER_DAMAGED. */
int order_update(struct order *o, struct store *s) _must_check_;
/** order_after() - index of what follows @record, which is the document @seq. */
size_t order_after(const struct order *o, const json_t *record, int64_t seq);
/** order_period() - where those from day @from to day @to (YYYY-MM-DD, both included; NULL: without
 *  end) begin, and the index behind the last of them. */
void order_period(const struct order *o, const char *from, const char *to, size_t *ret_begin,
	size_t *ret_end);
