/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The n-th thing fails: an allocation (ours, jansson's, SQLite's, OpenSSL's) or a system call of our
 * own code. Linked with the --wrap list of meson.build. What a test's own helpers do is not counted
 * between faults_pause(true) and (false).
 */
#include <stdbool.h>

enum faults_kind {
	FAULTS_MEMORY = 0,
	FAULTS_CALLS,
	FAULTS_COUNT,
};

/** faults_setup() - before anything is allocated by OpenSSL or SQLite; in place of json_setup(). */
void faults_setup(void);
void faults_arm(enum faults_kind kind, unsigned int nth); /* 0: the very next */
bool faults_pause(bool pause);				  /* Return: what it was before */
/** faults_off() - Return: whether something failed since faults_arm(). */
bool faults_off(void);
