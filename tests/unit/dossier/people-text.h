/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* People records and acts as the tests write them. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>

#include "daemon/dossier/store/people.h"

#define BY   "\"by\":{\"id\":\"8\",\"kind\":\"professional\"}"
#define YEAR ((json_int_t)PEOPLE_YEAR)

static inline json_t *parse(const char *text)
{
	json_t *j;

	assert_int_equal(json_parse(view_str(text), &j), 0);
	return j;
}

static inline json_t *nobody(void)
{
	_cleanup_json_ json_t *author = parse("{\"id\":\"8\",\"kind\":\"professional\"}");
	json_t *people;

	assert_int_equal(people_new(author, &people), 0);
	return people;
}

/* Do @act at @time. Return: whether something changed. */
static inline bool act_at(json_t *people, json_int_t time, const char *act)
{
	_cleanup_json_ json_t *j = NULL;
	bool changed = false;
	char text[512];

	(void)snprintf(text, sizeof(text), "{" BY ",\"time\":%lld,%s}", (long long)time, act);
	j = parse(text);
	assert_int_equal(people_apply(people, j, &changed), 0);
	return changed;
}

static inline const json_t *row(const json_t *people, const char *list, size_t i)
{
	return json_array_get(json_object_get(people, list), i);
}

static inline size_t size_of(const json_t *people, const char *list)
{
	return json_array_size(json_object_get(people, list));
}

static inline json_int_t number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

#define SCRYPT                                                                                 \
	"\"scrypt\":{\"n\":16384,\"r\":8,\"p\":1,"                                             \
	"\"salt\":\"000102030405060708090a0b0c0d0e0f\","                                       \
	"\"hash\":\"000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f\"}"
#define ACTIVATE                                                                               \
	"\"act\":\"activation-code\",\"id\":\"a1\",\"until\":9000,\"uid\":1000,"               \
	"\"agent-uid\":1001,\"pair\":\"counter\","
#define PERSONAL "\"act\":\"personal-code\","
