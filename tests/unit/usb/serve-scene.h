/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * serve.h in a process of its own, with readers of ours behind it (fake-usb.h), and whoever
 * connects to it. A clock that is behind by as much as a wait makes the wait be over at once.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "base/link-ops.h"
#include "base/link.h"
#include "base/tlv.h"
#include "drivers/usb/serve.h"
#include "tests/unit/usb/fake-usb.h"

#define NAME_0	   "Doctolib SR [usb 1-1] 00 00"
#define NAME_1	   "Doctolib SR [usb 1-1] 00 01"
#define NAME_NEXT  "Doctolib SR [usb 1-1] 01 00" /* of the device's next interface */
#define ATR_LEN	   2U
#define CASE(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

extern const uint8_t atr[ATR_LEN];
extern uint64_t behind; /* microseconds */
extern sd_event *ev;
extern struct serve *serve;
extern int listening, watching;
extern uint32_t seq; /* of the last request */

void turn(void);
void start(uid_t peer, bool stays);
int scene_setup(void **state);
int scene_teardown(void **state);
int join(void);	      /* as a card's process */
int join_watch(void); /* as a watch */
void ask(int fd, uint8_t op, const struct buf *body);
bool silent(int fd);
bool closed(int fd);
struct link_frame hear(int fd);
struct link_frame answer(int fd, uint8_t op, uint8_t outcome);
struct link_frame event(int fd, uint8_t op, const char *reader);
uint32_t number(const struct link_frame *f, uint32_t tag);
void ask_watch(int fd, const char *rules, uint8_t pcscd);
void ask_state(int fd, uint8_t op, uint8_t state);
void ask_attach(int fd, const char *name);
void ask_transmit(int fd);
int watch(void);
int watch_empty(void);
void card(int watcher);
int attach(void);
/** start_attached() - started, with a watch and a card. Return: the connection that has it. */
int start_attached(int *ret_watch);
