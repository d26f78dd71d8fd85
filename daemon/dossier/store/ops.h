/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the operations share, and those that are not in ops.c: rows (ops-rows.c), what shows documents
 * (ops-show.c) and what changes them (ops-change.c).
 */
#include "daemon/dossier/store/host.h"

int ops_get_view(const struct link_frame *request, uint32_t tag, struct view *ret) _must_check_;
int ops_get_json(const struct link_frame *request, uint32_t tag, json_t **ret) _must_check_;
int ops_get_str(
	const struct link_frame *request, uint32_t tag, char *ret, size_t size) _must_check_;
bool ops_get_flag(const struct link_frame *request, uint32_t tag); /* absent: false */
/** ops_advise() - name the @member that is wrong. Return: @outcome. */
int ops_advise(struct host_answer *a, int outcome, const char *member) _must_check_;

/** ops_load_record() - the document @id and its record. Return: 0, a fault, NO_DOCUMENT, DAMAGED. */
int ops_load_record(struct host *h, const char *id, struct store_document *d,
	json_t **ret_record) _must_check_;
/** ops_load_people() - the people record, format 2. Return: 0, a fault, DAMAGED or NEWER. */
int ops_load_people(struct host *h, json_t **ret) _must_check_;
/** ops_commit() - the end of what store_begin() began: @r is what came of it. Return: 0 when it is
 *  committed; anything else, and nothing has changed. */
int ops_commit(struct host *h, int r) _must_check_;

int ops_rows(struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
int ops_list(struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
int ops_summary(struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
int ops_read(struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
int ops_weigh(struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
int ops_add(struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
int ops_replace(struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
int ops_flag(struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
int ops_status(struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
