/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What lies in the folder of revocation lists, and whether it is what was read before. */
#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

#include "daemon/limits.h"
#include "daemon/session/child.h"

struct crl_file {
	char name[NAME_MAX + 1];
	struct stat is;	    /* when it was listed */
	const char *reason; /* why it was not taken; NULL: it was, or it is pending */
	bool pending;	    /* to be read */
	bool again;	    /* worth another attempt although it has not changed */
};

struct crl_folder {
	struct crl_file files[LIMIT_CRL_FILES]; /* by name */
	size_t n;
	const char *reason; /* why not all of it was listed, or NULL */
};

/** crl_folder_list() - what lies in @dir now (NULL: nothing); what @before knew, unchanged and not
 *  worth another attempt, keeps its result. Return: whether anything is pending or gone. */
bool crl_folder_list(DIR *dir, const struct crl_folder *before, struct crl_folder *ret);
/** crl_folder_open() - a regular file of at most LIMIT_CRL_BYTES, no link.
 *  Return: NULL with @ret_fd, or the reason. */
const char *crl_folder_open(DIR *dir, const char *name, int *ret_fd) _must_check_;
/** crl_folder_watch() - @handler runs at changes of folder @path, or, when there is none, when it
 *  appears in its parent. @ret: replaced; NULL when neither can be watched.
 *  Return: whether it is the folder itself. */
bool crl_folder_watch(sd_event *ev, const char *path, sd_event_inotify_handler_t handler,
	void *user, sd_event_source **ret);
/** crl_folder_retry() - authorities have come or gone: what no authority had signed is read again. */
void crl_folder_retry(struct crl_folder *f);

/** crl_outcome_word() - of enum crl_outcome; NULL: DONE, or none of them. */
const char *crl_outcome_word(uint8_t outcome);
/** crl_revocation_word() - of enum revocation_outcome, or a fault. */
const char *crl_revocation_word(int r);
/** crl_worth_again() - whether another attempt at the same file may end otherwise. */
bool crl_worth_again(const char *reason);
