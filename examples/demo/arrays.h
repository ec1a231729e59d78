//===- arrays.h - Arrays in .npy files ------------------------------------===//
//
// What main.c needs besides attention: nothing here knows attnc.
//
//===----------------------------------------------------------------------===//

#ifndef EXAMPLES_DEMO_ARRAYS_H
#define EXAMPLES_DEMO_ARRAYS_H

#include <stddef.h>
#include <stdint.h>

/// An f32 array of four dimensions, row-major.
typedef struct {
  float *values;
  int64_t shape[4];
} array;

/// Reads FOLDER/NAME.npy; ends the program where it can't.
array readArray(const char *folder, const char *name);

/// An array of zeros of the shape of `other`.
array makeArrayLike(const array *other);

size_t countValues(const array *a);

double findLargestDifference(const array *a, const array *b);

/// The largest error that f32 allows for softmax(q k^T / sqrt(e)) v.
double boundAttentionError(const array *q, const array *k, const array *v);

/// Seconds on a clock that only goes forward.
double readClock(void);

#endif // EXAMPLES_DEMO_ARRAYS_H
