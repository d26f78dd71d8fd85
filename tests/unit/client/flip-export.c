/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Many changes of one export in one run, for tests/integration/test_audit_check.py.
 *
 *   flip-export flips EXPORT CHECKPOINT VKEY SEED NTH
 *
 * flips every bit of the entries (a tenth of them, by the seed, with NTH 10) and lets the walk of
 * client/export-file.c go on from the entry in which the bit lies, in the state that it then has; one in
 * a thousand is checked as a whole file as well. Prints {"tried","found","whole","bits"}; a miss goes to standard error.
 *
 *   flip-export files CHECKPOINT VKEY
 *
 * reads exports from standard input, each behind its length (8 bytes, big endian), and prints one line for
 * each: the outcome's number and the entry it names.
 */
#include <stdio.h>

#include "client/args.h"
#include "client/content.h"
#include "client/export-file.c"
#include "client/keys.h"

#define WHOLE 1009U /* every so many flips */

struct job {
	struct content note;
	char *vkey;
	struct export_against against;
};

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "flip-export: %s\n", what);
	exit(2);
}

static void job_read(struct job *j, const char *note, const char *vkey)
{
	if (content_file(note, &j->note) != 0 || keys_vkey(vkey, &j->vkey) != 0) {
		die("checkpoint or key");
	}
	j->against = (struct export_against){.note = content_view(&j->note), .vkey = j->vkey};
}

static int whole(const struct job *j, struct view text, struct export_result *res)
{
	_cleanup_(export_done) struct export_file x = {0};
	int r = export_parse(text, &x);

	*res = (struct export_result){0};
	if (r == 0) {
		r = export_verify(&x, &j->against, res);
	}
	if (r < 0) {
		die("fault");
	}
	return r;
}

/* -- flips ----------------------------------------------------------------------------------- */

/* The walk before each entry. */
struct stop {
	struct reader rest; /* of the entries, at the entry */
	struct walk walk;
	struct export_result res;
};

struct flips {
	struct job job;
	struct content file;
	struct export_file x;
	struct checkpoint own;
	struct checkpoint given;
	struct stop *stops;
	uint64_t n;
	uint8_t *room;
	uint64_t seed;
	uint64_t nth;
	uint64_t tried;
	uint64_t found;
	uint64_t wholes;
};

/* One entry at a time, so that the place of each is known. */
static void take_stops(struct flips *f)
{
	static struct walk w; /* zero */
	struct export_result res = {0};
	struct reader r = reader_of(f->x.entries);

	w.points[0] = &f->own;
	w.points[1] = &f->given;
	w.leaves = reader_of(f->x.leaves);
	w.has_leaves = true;
	w.against = &f->job.against;
	w.res = &res;
	if (prove_leaves(&w) != 0 || !w.proven || !scan_take(&r, '[')) {
		die("the leaves do not lead to the checkpoint");
	}
	f->stops = calloc(f->own.size, sizeof(*f->stops));
	for (f->n = 0; f->stops && f->n < f->own.size; f->n++) {
		struct view text;

		scan_blanks(&r);
		f->stops[f->n] = (struct stop){.rest = r, .walk = w, .res = res};
		if (take_entry(&r, f->room, &text) != 0 || on_entry(&w, f->n, text, 0) != 0) {
			die("the export is not whole");
		}
		(void)scan_take(&r, ',');
	}
}

/* Go on from entry @index. Return: whether anything was found. */
static bool found_from(struct flips *f, uint64_t index)
{
	static struct walk w;
	struct export_result res = f->stops[index].res;
	struct reader r = f->stops[index].rest;
	int e;

	w = f->stops[index].walk;
	w.res = &res;
	e = each_from(&r, index, f->x.entries.len, f->room, on_entry, &w);
	if (e == 0) {
		e = check_ends(&w);
	}
	if (e < 0) {
		die("fault");
	}
	return e != 0;
}

/* splitmix64's mixing: which ones, by the seed */
static bool is_tried(const struct flips *f, uint64_t number)
{
	uint64_t z = (number + 1) * 0x9e3779b97f4a7c15ULL ^ f->seed;

	z ^= z >> 30;
	z *= 0xbf58476d1ce4e5b9ULL;
	z ^= z >> 27;
	return z % f->nth == 0;
}

static void flip(struct flips *f, uint64_t index, size_t at, unsigned int bit)
{
	struct export_result res;
	bool found;

	f->file.map[at] ^= (uint8_t)(1U << bit);
	found = found_from(f, index);
	f->tried++;
	if (found && f->tried % WHOLE == 0) {
		f->wholes++;
		found = whole(&f->job, content_view(&f->file), &res) != 0;
	}
	f->file.map[at] ^= (uint8_t)(1U << bit);
	f->found += found ? 1 : 0;
	if (!found) {
		(void)fprintf(stderr, "missed: byte %zu, bit %u\n", at, bit);
	}
}

static size_t place_of(const struct flips *f, const uint8_t *at)
{
	return (size_t)(at - f->file.map);
}

static void flip_all(struct flips *f)
{
	const uint8_t *end = f->x.entries.data + f->x.entries.len;

	for (uint64_t i = 0; i < f->n; i++) {
		size_t from = place_of(f, f->stops[i].rest.data);
		size_t to = i + 1 < f->n ? place_of(f, f->stops[i + 1].rest.data)
					 : place_of(f, end);

		for (size_t at = from; at < to; at++) {
			for (unsigned int bit = 0; bit < 8; bit++) {
				if (is_tried(f, at * 8 + bit)) {
					flip(f, i, at, bit);
				}
			}
		}
	}
}

static int run_flips(char **argv)
{
	static struct flips f;
	uint32_t seed = 0;
	uint32_t nth = 1;
	struct export_result res;

	job_read(&f.job, argv[1], argv[2]);
	if (content_file(argv[0], &f.file) != 0 || args_u32(argv[3], &seed) != 0 ||
		args_u32(argv[4], &nth) != 0 || nth == 0) {
		die("arguments");
	}
	f.seed = seed;
	f.nth = nth;
	f.room = calloc(1, EXPORT_ENTRY_MAX);
	if (!f.room || whole(&f.job, content_view(&f.file), &res) != 0 ||
		export_parse(content_view(&f.file), &f.x) != 0 ||
		checkpoint_verify(view_str(f.x.checkpoint), f.job.vkey, &f.own) != 0 ||
		checkpoint_verify(f.job.against.note, f.job.vkey, &f.given) != 0) {
		die("the export is not whole");
	}
	take_stops(&f);
	flip_all(&f);
	(void)printf("{\"tried\":%llu,\"found\":%llu,\"whole\":%llu,\"bits\":%llu}\n",
		(unsigned long long)f.tried, (unsigned long long)f.found,
		(unsigned long long)f.wholes, (unsigned long long)(f.x.entries.len - 1) * 8);
	export_done(&f.x);
	free(f.stops);
	free(f.room);
	free(f.job.vkey);
	content_done(&f.job.note);
	content_done(&f.file);
	return 0;
}

/* -- files ----------------------------------------------------------------------------------- */

static bool read_exact(uint8_t *to, size_t len)
{
	return fread(to, 1, len, stdin) == len;
}

static int run_files(char **argv)
{
	struct job j = {0};
	uint8_t head[8];

	job_read(&j, argv[0], argv[1]);
	while (read_exact(head, sizeof(head))) {
		struct reader r = reader_of(VIEW(head));
		size_t len = (size_t)reader_u64(&r);
		uint8_t *text = malloc(len + 1);
		struct export_result res;

		if (!text || !read_exact(text, len)) {
			die("cut");
		}
		(void)printf("%d", whole(&j, view_of(text, len), &res));
		(void)printf(" %llu\n", (unsigned long long)res.bad);
		(void)fflush(stdout);
		free(text);
	}
	free(j.vkey);
	content_done(&j.note);
	return 0;
}

int main(int argc, char **argv)
{
	json_setup();
	if (argc == 7 && strcmp(argv[1], "flips") == 0) {
		return run_flips(argv + 2);
	}
	if (argc == 4 && strcmp(argv[1], "files") == 0) {
		return run_files(argv + 2);
	}
	die("usage: flips EXPORT CHECKPOINT VKEY SEED NTH | files CHECKPOINT VKEY");
}
