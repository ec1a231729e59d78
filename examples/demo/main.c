/*===- main.c - Compiled attention in a C program
--------------------------===*\
 *
 * Loads Q, K and V of a real model from .npy files, calls the function that
 * attnc compiled from softmax_naive.mlir, and compares with PyTorch's output.
 * `make demo` builds and runs it:
 *
 *   attnc softmax_naive.mlir --set e=32 --set f=32 -o softmax_naive.o
 *   cc main.c softmax_naive.o -lattnrt -lm
 *   ./a.out test/Data/minilm
 *
\*===----------------------------------------------------------------------===*/

#include "softmax_naive.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A tensor of four dimensions with room for its shape. */
typedef struct {
  DLTensor tensor;
  int64_t shape[4];
} array;

static void fail(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static size_t count(const array *a) {
  return (size_t)(a->shape[0] * a->shape[1] * a->shape[2] * a->shape[3]);
}

/* A compact array of f32; `memory` NULL means new memory. */
static void describe(array *a, float *memory) {
  memset(&a->tensor, 0, sizeof a->tensor);
  a->tensor.data = memory ? memory : malloc(count(a) * sizeof(float));
  a->tensor.device = (DLDevice){kDLCPU, 0};
  a->tensor.ndim = 4;
  a->tensor.dtype = (DLDataType){kDLFloat, 32, 1};
  a->tensor.shape = a->shape; /* strides NULL: compact, row-major */
}

/* Reads a four-dimensional little-endian f32 array in C order. */
static void load(array *a, const char *folder, const char *name) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s.npy", folder, name);
  FILE *file = fopen(path, "rb");
  if (!file)
    fail(path, "cannot be opened");
  /* Magic, version, the header's length, the header: a Python dict. */
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
      sscanf(shape + 10, "%lld, %lld, %lld, %lld)", &s[0], &s[1], &s[2],
             &s[3]) != 4)
    fail(path, "is not a four-dimensional f32 array in C order");
  for (int i = 0; i < 4; ++i)
    a->shape[i] = s[i];
  describe(a, NULL);
  if (fread(a->tensor.data, sizeof(float), count(a), file) != count(a))
    fail(path, "ends too early");
  fclose(file);
}

static void check(attnrt_status status) {
  if (status)
    fail("attnrt", attnrt_status_message(status));
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* The largest Euclidean norm of a row. */
static double largestRow(const array *a) {
  double largest = 0;
  const float *x = a->tensor.data;
  for (size_t row = 0; row < count(a) / (size_t)a->shape[3]; ++row) {
    double sum = 0;
    for (int64_t i = 0; i < a->shape[3]; ++i, ++x)
      sum += (double)*x * *x;
    largest = fmax(largest, sqrt(sum));
  }
  return largest;
}

int main(int argc, char **argv) {
  const char *folder = argc > 1 ? argv[1] : "test/Data/minilm";
  array Q, K, V, expected, AV;
  load(&Q, folder, "Q");
  load(&K, folder, "K");
  load(&V, folder, "V");
  load(&expected, folder, "AV_full");
  memcpy(AV.shape, expected.shape, sizeof AV.shape);
  describe(&AV, NULL);
  double e = (double)Q.shape[3], m = (double)K.shape[2];

  attnrt_context *context;
  check(attnrt_context_create(&context));
  softmax_naive_args args = {.size = sizeof args,
                             .Q = &Q.tensor,
                             .K = &K.tensor,
                             .V = &V.tensor,
                             .AV = &AV.tensor};
  size_t workspace;
  check(softmax_naive_workspace(context, &args, NULL, &workspace));
  double best = 1e30;
  for (int i = 0; i < 50; ++i) {
    double begin = now();
    check(softmax_naive(context, &args, NULL));
    best = fmin(best, now() - begin);
  }

  /* What f32 allows: the scores' rounding (sums of e products, amplified by
   * exp, numerator and normaliser) and that of sums over m keys, each growing
   * with the square root of its length, as rounding errors of random sign do.
   */
  double largestV = 0, error = 0;
  for (size_t i = 0; i < count(&V); ++i)
    largestV = fmax(largestV, fabs(((float *)V.tensor.data)[i]));
  double score = largestRow(&Q) * largestRow(&K) / sqrt(e);
  double bound = ldexp(1, -24) * largestV * (2 * sqrt(e) * score + sqrt(m));
  for (size_t i = 0; i < count(&AV); ++i)
    error = fmax(error, fabs((double)((float *)AV.tensor.data)[i] -
                             ((float *)expected.tensor.data)[i]));

  printf("%lld heads, %lld queries, %lld keys, head size %lld\n",
         (long long)Q.shape[1], (long long)Q.shape[2], (long long)K.shape[2],
         (long long)Q.shape[3]);
  printf("time       %.1f us (best of 50), %.1f GFLOP/s\n", best * 1e6,
         4.0 * (double)count(&Q) * m / best * 1e-9);
  printf("workspace  %zu bytes\n", workspace);
  printf("error      %.2e against PyTorch = %.3f of the bound %.2e\n", error,
         error / bound, bound);
  attnrt_context_destroy(context);
  if (!(error <= bound))
    fail("softmax_naive",
         "differs from PyTorch's output by more than f32 does");
  return 0;
}
