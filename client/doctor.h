/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the parts of `vitalectl doctor` share. Each part looks at one thing and tells what it has seen
 * (facts, never judged) and found (names of include/vitaled/findings.h). All of them read only; none
 * trusts what it reads, and what it may not read it says so instead of guessing.
 */
#include "base/json.h"
#include "client/conn.h"
#include "include/vitaled/findings.h"

#define DOCTOR_FILE_MAX	     1048576U /* bytes of a file that is looked at */
#define DOCTOR_PATH_MAX	     1024U    /* bytes of a path, with its NUL */
#define DOCTOR_DEVICES	     "/sys/bus/usb/devices"
#define DOCTOR_DEVICES_MAX   4096U
#define DOCTOR_ATTRIBUTE_MAX 256U /* bytes of an attribute of sysfs that are looked at */
#define DOCTOR_WAIT_S	     5U	  /* for what may hang: pcscd, a program of ours */

struct doctor {
	const char *root;  /* before every path: "" or the folder that stands for / */
	struct conn *conn; /* the bus, NULL: not reached */
	bool asked;	   /* the bus answered: whether it can start the service is told */
	bool runs;	   /* the service runs and told its own findings */
	const char *group; /* heading of what is told now; set by doctor_group() */
	json_t *readers; /* names that pcscd lists, or else the service; an array, NULL: not known */
	json_t *served; /* names that the service lists, of pcscd's and vitaled-usb's; as above */
	char state[256]; /* folders, from the configuration where it can be read */
	char anchors[256];
	bool anchors_given; /* on the command line: the configuration does not count */
	void (*found)(void *user, const char *group, const char *name, const char *detail,
		const json_t *facts); /* @facts: NULL or an object */
	void (*seen)(void *user, const char *group, const char *what, const json_t *facts);
	void *user;
};

enum doctor_outcome {
	DOCTOR_ABSENT = 1, /* it is not there */
	DOCTOR_DENIED,	   /* this user may not look */
	DOCTOR_ODD,	   /* not a regular file, too large, or an error while reading */
	DOCTOR_LATE,	   /* no end within DOCTOR_WAIT_S */
};

/* Telling. @detail: what exactly, may be ""; @facts: stolen, may be NULL. */
void doctor_group(struct doctor *d, const char *group);
void doctor_found(struct doctor *d, enum vitaled_finding f, const char *detail, json_t *facts);
void doctor_found_named(
	struct doctor *d, const char *name, const char *detail, const json_t *facts);
void doctor_seen(struct doctor *d, const char *what, json_t *facts);

/** doctor_ignore() - struct doctor.found of whoever has something else told, or by another. */
void doctor_ignore(void *user, const char *group, const char *name, const char *detail,
	const json_t *facts);

/** doctor_path() - root and @path. Return: false when it is too long. */
bool doctor_path(const struct doctor *d, const char *path, char ret[DOCTOR_PATH_MAX]);
/** doctor_there() - Return: 0 when there is something at root and @path, ABSENT or DENIED. */
int doctor_there(const struct doctor *d, const char *path) _must_check_;
/** doctor_read() - the regular file at root and @path, at most @max bytes, appended to @out.
 *  Return: 0, ABSENT, DENIED, ODD (too large: @out holds the first @max bytes). */
int doctor_read(
	const struct doctor *d, const char *path, size_t max, struct buf *out) _must_check_;
/** doctor_text() - a new JSON text of foreign bytes: what is no UTF-8, and control characters, are
 *  question marks. NULL: no memory. */
json_t *doctor_text(struct view v);
/** doctor_names() - what is in the folder at root and @path, sorted, at most @max names; a new array.
 *  Return: 0, a fault, ABSENT, DENIED or ODD (more than @max entries: some of them). */
int doctor_names(
	const struct doctor *d, const char *path, size_t max, json_t **ret) _must_check_;
/** doctor_child() - what @work, in a process of its own, writes to the descriptor it is given.
 *  It is killed after DOCTOR_WAIT_S. Return: 0 (@ret_status as of waitpid()), a fault or LATE. */
int doctor_child(void (*work)(int fd, void *arg), void *arg, struct buf *out,
	int *ret_status) _must_check_;

/* The parts, in the order in which they are told. */
void doctor_bus(struct doctor *d);     /* findings of the service; sets runs */
void doctor_units(struct doctor *d);   /* of systemd, over the bus */
void doctor_rights(struct doctor *d);  /* what polkit would answer to this user here */
void doctor_pcsc(struct doctor *d);    /* pcscd, its readers, who holds a card */
void doctor_usb(struct doctor *d);     /* readers plugged in, seen by pcscd and not */
void doctor_files(struct doctor *d);   /* what the packages install; the configuration */
void doctor_trust(struct doctor *d);   /* anchors of cards and their dates */
void doctor_feeders(struct doctor *d); /* those of feeders */
void doctor_store(struct doctor *d);   /* state folder, keys, disk */
void doctor_clock(struct doctor *d);

/** struct doctor_rules - whose the readers over USB are, by the configuration. */
struct doctor_rules {
	int outcome;		     /* 0; DENIED; ODD: the service does not start with it */
	bool there;		     /* without a file the defaults count */
	char where[DOCTOR_PATH_MAX]; /* ODD: "FILE:LINE: KEY", or the file */
	struct buf rules;	     /* as of drivers/usb/claims.h */
	char socket[108];	     /* of vitaled-usb */
};

/* Pieces of the parts, for those that have what they need. */
/** doctor_rules() - by the service's own parser; doctor_rules_done() what it gave. */
void doctor_rules(const struct doctor *d, struct doctor_rules *ret);
void doctor_rules_done(struct doctor_rules *r);
/** doctor_silent() - whether it is certain that nobody listens at the Unix socket @path. No connection is
 *  made, which would start its service. Where this user may not reach it, by /proc/net/unix. */
bool doctor_silent(const struct doctor *d, const char *path);
/** doctor_claimed() - {"0b00:0090": friendly name} of what the drivers of pcscd claim. New. */
json_t *doctor_claimed(struct doctor *d);
/** doctor_attribute() - attribute @name of the USB device @device in sysfs, without its newline; empty when
 *  it cannot be read. Borrowed from @buf. */
struct view doctor_attribute(
	const struct doctor *d, const char *device, const char *name, struct buf *buf);
/** doctor_has_class() - whether one of @device's interfaces ("1-2:1.0" of "1-2") is of the smart card
 *  class. @all: doctor_names() of DOCTOR_DEVICES. */
bool doctor_has_class(const struct doctor *d, const json_t *all, const char *device);
/** doctor_pcscd_installed() - version of the installed pcscd, "?" when it does not tell; NULL: none. New. */
json_t *doctor_pcscd_installed(const struct doctor *d);
/** doctor_has_usb() - whether vitaled-usb is installed: then pcscd and its drivers may be missing. */
bool doctor_has_usb(const struct doctor *d);
/** doctor_node() - whether vitaled-usb's group may read and write the node of a USB device. @ret_shared:
 *  so may a user other than root, by an entry of their own or because everybody may.
 *  Return: 0, ABSENT (no node, or no such group: @ret_group), DENIED, ODD (this user cannot tell). */
int doctor_node(const struct doctor *d, unsigned int bus, unsigned int device, bool *ret_group,
	bool *ret_shared) _must_check_;
/** doctor_acl_allows() - whether a list of rights (xattr system.posix_acl_access) lets group @gid read
 *  and write. */
bool doctor_acl_allows(struct view acl, uint32_t gid);
/** doctor_acl_shares() - whether it lets a user do so who is named in it, besides root. */
bool doctor_acl_shares(struct view acl);
/** doctor_programs() - [{name, pid}] of the programs that have libpcsclite loaded, ours and this one
 *  left out. @ret_hidden: processes of others that may not be looked at. */
int doctor_programs(
	const struct doctor *d, json_t **ret, unsigned int *ret_hidden) _must_check_;
/** doctor_held() - the finding that another program holds the card in @reader. */
void doctor_held(struct doctor *d, const char *reader);
/** doctor_judge_clock() - @wall: microseconds since 1970. */
void doctor_judge_clock(struct doctor *d, uint64_t wall, bool synchronised);
/** doctor_judge_disk() - @left: bytes that are free for everybody. */
void doctor_judge_disk(struct doctor *d, const char *path, uint64_t left, bool read_only);
/** doctor_pcscd_version() - "1.9.9" out of the program's bytes; NULL: not found. New. */
json_t *doctor_pcscd_version(struct view program);
