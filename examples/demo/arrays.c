//===- arrays.c - Arrays in .npy files ------------------------------------===//

#define _POSIX_C_SOURCE 199309L // clock_gettime

#include "arrays.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void fail(const char *path, const char *why) {
  fprintf(stderr, "%s %s\n", path, why);
  exit(1);
}

size_t countValues(const array *a) {
  return (size_t)(a->shape[0] * a->shape[1] * a->shape[2] * a->shape[3]);
}

array makeArrayLike(const array *other) {
  array a = *other;
  a.values = calloc(countValues(&a), sizeof(float));
  if (!a.values)
    fail("an array", "finds no memory");
  return a;
}

array readArray(const char *folder, const char *name) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s.npy", folder, name);
  FILE *file = fopen(path, "rb");
  if (!file)
    fail(path, "cannot be opened");

  // Magic, version, the header's length, the header: a Python dict.
  unsigned char start[10];
  char header[1024] = {0};
  if (fread(start, 1, 10, file) != 10 || memcmp(start, "\x93NUMPY\x01", 7))
    fail(path, "is not a .npy file of version 1");
  size_t length = start[8] + 256u * start[9];
  if (length >= sizeof header || fread(header, 1, length, file) != length)
    fail(path, "has no complete header");
  const char *shape = strstr(header, "'shape': (");
  long long s[4];
  if (!strstr(header, "'<f4'") || !strstr(header, "False") || !shape ||
      sscanf(shape, "'shape': (%lld, %lld, %lld, %lld)", s, s + 1, s + 2,
             s + 3) != 4)
    fail(path, "is not a four-dimensional f32 array in C order");

  array a = {NULL, {s[0], s[1], s[2], s[3]}};
  a = makeArrayLike(&a);
  if (fread(a.values, sizeof(float), countValues(&a), file) != countValues(&a))
    fail(path, "ends too early");
  fclose(file);
  return a;
}

double findLargestDifference(const array *a, const array *b) {
  double largest = 0;
  for (size_t i = 0; i < countValues(a); ++i) {
    double difference = fabs((double)a->values[i] - b->values[i]);
    if (difference > largest || isnan(difference))
      largest = difference;
  }
  return largest;
}

/// The largest Euclidean norm of a row of `length` values.
static double findLargestRow(const array *a, int64_t length) {
  double largest = 0, sum = 0;
  for (size_t i = 0; i < countValues(a); ++i) {
    sum = (i % (size_t)length ? sum : 0) + (double)a->values[i] * a->values[i];
    largest = fmax(largest, sqrt(sum));
  }
  return largest;
}

// Two roundings count: that of the scores, which are sums of e products and go
// through exp into numerator and normaliser, and that of the sums over m keys.
// Each grows with the square root of its length, as errors of random sign do.
double boundAttentionError(const array *q, const array *k, const array *v) {
  double e = (double)q->shape[3], m = (double)k->shape[2];
  double score =
      findLargestRow(q, q->shape[3]) * findLargestRow(k, k->shape[3]) / sqrt(e);
  return ldexp(1, -24) * findLargestRow(v, 1) * (2 * sqrt(e) * score + sqrt(m));
}

double readClock(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}
