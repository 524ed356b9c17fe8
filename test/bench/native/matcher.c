// SPDX-License-Identifier: Apache-2.0
/*
 * matcher IMAGE: runs paths through an image's automata as bpf/lib/match_class.h does, natively. Paths come on stdin, one a
 * line; for each one line goes out: its bytes, the bytes that were read before the automata gave up, the record found, and
 * nanoseconds with warm caches (the quickest round) and with cold ones (the median). Cold: every line of the image is flushed and the caches closest to the core
 * are filled with something else before each run; what the clock itself takes is taken off.
 */
#define _GNU_SOURCE
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "../../../bpf/image.h"

#define WARM_RUNS 20000
#define WARM_ROUNDS 9
#define COLD_RUNS 25
#define EVICT_BYTES (16UL << 20) /* twice what the caches of one core hold */

static const uint32_t *words;
static uint32_t mask;
static size_t bytes_read;

static uint32_t step(uint32_t s, uint8_t byte)
{
	uint32_t class = ((const uint8_t *)words)[IMAGE_CLASSES_BYTE + byte],
		 cell = words[(s + class) & mask];

	if ((cell & 0xff) != class)
		cell = words[s & mask];
	return cell >> 8;
}

static uint32_t match(const char *path, size_t length)
{
	const struct image_head *head = (const void *)words;
	uint32_t record = 0, s, cell;
	size_t i = 0;

	for (int k = 0; k < 4 && head->starts[k]; k++) {
		s = head->starts[k];
		for (i = 0; i < length && s; i++)
			s = step(s, path[i]);
		cell = s ? words[(s + CLASS_ACCEPT) & mask] : 0;
		if ((cell & 0xff) == CLASS_ACCEPT && !record)
			record = cell >> 8;
	}
	bytes_read = i;
	return record;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000UL + t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int n)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n / 2];
}

static double warm(const char *path, size_t length)
{
	double rounds[WARM_ROUNDS];
	volatile uint32_t sink;

	for (int r = 0; r < WARM_ROUNDS; r++) {
		uint64_t start = now();

		for (int i = 0; i < WARM_RUNS; i++)
			sink = match(path, length);
		rounds[r] = (double)(now() - start) / WARM_RUNS;
	}
	(void)sink;
	qsort(rounds, WARM_ROUNDS, sizeof(*rounds), compare);
	return rounds[0];
}

static double cold(const char *path, size_t length, volatile char *evict)
{
	double runs[COLD_RUNS], clock[COLD_RUNS];
	const struct image_head *head = (const void *)words;
	volatile uint32_t sink;

	for (int r = 0; r < COLD_RUNS; r++) {
		uint64_t start;

		for (size_t i = 0; i < head->words; i += 16)
			_mm_clflush(words + i);
		for (size_t i = 0; i < EVICT_BYTES; i += 64)
			evict[i]++;
		_mm_mfence();
		start = now();
		clock[r] = now() - start;
		start = now();
		sink = match(path, length);
		runs[r] = now() - start;
	}
	(void)sink;
	return median(runs, COLD_RUNS) - median(clock, COLD_RUNS);
}

static void load(const char *name)
{
	FILE *file = fopen(name, "rb");
	uint32_t size = IMAGE_WORDS_0, *image = aligned_alloc(4096, IMAGE_WORDS_2 * 4);
	size_t got;

	if (!file || !image) {
		perror(name);
		exit(1);
	}
	memset(image, 0, IMAGE_WORDS_2 * 4);
	got = fread(image, 4, IMAGE_WORDS_2, file);
	fclose(file);
	while (size < got)
		size = size == IMAGE_WORDS_0 ? IMAGE_WORDS_1 : IMAGE_WORDS_2;
	words = image;
	mask = size - 1;
}

int main(int argc, char **argv)
{
	volatile char *evict = malloc(EVICT_BYTES);
	char path[8192];
	uint32_t record;
	double w;

	if (argc != 2 || !evict) {
		fprintf(stderr, "usage: matcher IMAGE <PATHS\n");
		return 2;
	}
	load(argv[1]);
	memset((void *)evict, 1, EVICT_BYTES);
	while (fgets(path, sizeof(path), stdin)) {
		size_t length = strcspn(path, "\n");

		record = match(path, length);
		w = warm(path, length);
		printf("%zu %zu %u %.1f %.1f\n", length, bytes_read, record, w,
		       cold(path, length, evict));
	}
	return 0;
}
