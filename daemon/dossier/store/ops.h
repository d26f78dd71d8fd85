/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What the operations share, and those that show documents (ops-show.c). */
#include "daemon/dossier/store/host.h"

int ops_get_view(const struct link_frame *request, uint32_t tag, struct view *ret) _must_check_;
int ops_get_json(const struct link_frame *request, uint32_t tag, json_t **ret) _must_check_;
int ops_get_str(
	const struct link_frame *request, uint32_t tag, char *ret, size_t size) _must_check_;
bool ops_get_flag(const struct link_frame *request, uint32_t tag); /* absent: false */

/** ops_load_record() - the document @id and its record. Return: 0, a fault, NO_DOCUMENT, DAMAGED. */
int ops_load_record(struct host *h, const char *id, struct store_document *d,
	json_t **ret_record) _must_check_;

int ops_list(struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
int ops_summary(struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
int ops_read(struct host *h, struct link_frame *request, struct host_answer *a) _must_check_;
