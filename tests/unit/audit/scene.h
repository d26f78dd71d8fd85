/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* A record in a folder of its own, with clocks that the test sets. */
#include "daemon/audit/audit.h"

#define SCENE_ORIGIN "vitaled.example/record"
#define SCENE_WALL   1764000000000000ULL
#define SCENE_PERSON "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define SCENE_OTHER  "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define SCENE_HASH   "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"

extern char scene_folder[32];
extern uint64_t scene_wall, scene_boot; /* what the clocks say; wall 0: the real ones */
extern const char *scene_boot_id;	/* NULL: the real one */

int scene_setup(void **state); /* a new folder */
int scene_teardown(void **state);
struct audit *scene_open(void);
int scene_open_result(void); /* of audit_open(), closed again */
/** scene_fill() - @n entries of different sizes. */
void scene_fill(struct audit *a, unsigned int n);
int scene_append(struct audit *a, const char *pseudonym);
/** scene_sql() - on the closed file. */
void scene_sql(const char *sql);
/** scene_sql_inside() - on the connection of an open record. */
void scene_sql_inside(struct audit *a, const char *sql);
void scene_path(char path[64], const char *name);
/** scene_entry() - canonical text of an entry, malloc'ed; its proof is checked on the way. */
char *scene_entry(struct audit *a, uint64_t index);
uint64_t scene_size(const struct audit *a);
