//===- main.c - Compiled attention in a C program -------------------------===//

#include "arrays.h"        // reads .npy files
#include "softmax_naive.h" // written by attnc

#include <stdio.h>
#include <stdlib.h>

/// Ends the program if `status` is an error: its message names the argument
/// that is wrong.
static void check(attnrt_status status) {
  if (!status)
    return;
  fprintf(stderr, "%s\n", attnrt_status_message(status));
  exit(1);
}

/// Describes an array to attnc: a DLTensor points at it, nothing is copied.
static DLTensor describe(array *a) {
  DLTensor tensor = {0}; // no strides: row-major
  tensor.data = a->values;
  tensor.device = (DLDevice){kDLCPU, 0};
  tensor.dtype = (DLDataType){kDLFloat, 32, 1};
  tensor.ndim = 4;
  tensor.shape = a->shape;
  return tensor;
}

int main(int argc, char **argv) {
  const char *folder = argc > 1 ? argv[1] : "test/Data/minilm";
  array q = readArray(folder, "Q"), k = readArray(folder, "K");
  array v = readArray(folder, "V"), torch = readArray(folder, "AV_full");
  array av = makeArrayLike(&torch);

  DLTensor Q = describe(&q), K = describe(&k), V = describe(&v);
  DLTensor AV = describe(&av);
  softmax_naive_args args = {sizeof args, &Q, &K, &V, &AV};
  attnrt_context *context;
  check(attnrt_context_create(&context));
  double seconds = 1;
  for (int i = 0; i < 50; ++i) {
    double begin = readClock();
    check(softmax_naive(context, &args, NULL));
    double end = readClock();
    seconds = end - begin < seconds ? end - begin : seconds;
  }
  attnrt_context_destroy(context);

  double error = findLargestDifference(&av, &torch);
  double bound = boundAttentionError(&q, &k, &v);
  printf("%d heads, %d queries, %d keys, %d features: %.0f us (best of 50)\n",
         (int)q.shape[1], (int)q.shape[2], (int)k.shape[2], (int)q.shape[3],
         seconds * 1e6);
  printf("differs from PyTorch by at most %.1e, %.2f of what f32 allows\n",
         error, error / bound);
  return error <= bound ? 0 : 1;
}
