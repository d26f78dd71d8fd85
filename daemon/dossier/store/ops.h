/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the operations share, and those that are not in ops.c: rows (ops-rows.c), what shows documents
 * (ops-show.c), what changes them (ops-change.c), and the patient's codes (ops-codes.c).
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
/** ops_load_people() - the people record, format 3. Return: 0, a fault, DAMAGED or NEWER. */
int ops_load_people(struct host *h, json_t **ret) _must_check_;
/** ops_apply_people() - carry out @act on the people record, as a change of its own if it is one:
 *  PEOPLE, VERSION, HASH into @a. Return: 0, a fault or an outcome. */
int ops_apply_people(struct host *h, const json_t *act, struct host_answer *a) _must_check_;
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
/** ops_end_gone() - what is being read from a content that is gone ends short. */
void ops_end_gone(struct host *h);
int ops_import(struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
/** ops_release() - add the request's page of ids to those that are released; @most in all.
 *  @ret_last: it was the last page. Return: 0, a fault or TOO_LARGE, after which none is. */
int ops_release(struct host *h, const struct link_frame *request, size_t most,
	bool *ret_last) _must_check_;
/* -- ops-life.c -- */
int ops_close(struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
int ops_reopen(struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
int ops_export(struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
int ops_code(struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
int ops_set_code(
	struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
int ops_issue_code(
	struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
